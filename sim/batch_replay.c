/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/batch_replay.h"

#include <math.h>
#include <stdlib.h>

#include "sim/batch_resize.h"
#include "sim/queue_heap.h"

#define LEAST_SHARE 0.1 /* of a first task: something it has to do besides warming up */

enum what {
        EXECUTOR_COMES,
        EXECUTOR_LEAVES,
        JOB_STARTS,
        STAGE_READY,
        TASK_ENDS,
        STAGE_ENDS,
        JOB_ENDS,
        LOOK, /* at whether executors should come or go */
        KINDS
};

struct slot {
        uint32_t executor, node;
        double freed_ms; /* when the last task on it ended; -1: none has */
};

struct executor {
        int64_t arrives_ms, leaves_ms, slots;
        uint32_t first_slot;
        bool gone;
        /* with dynamic allocation */
        enum { ABSENT, ASKED, PRESENT } state;
        size_t running;
        double came_ms, idle_from_ms, lived_ms;
};

/* Of a node or a job: what it waits for, when the last of that ended, what is left to do. */
struct progress {
        size_t waiting, left, next;
        double ready_ms;
        size_t *children;
        size_t n_children;
        size_t tasks;
        double *took_ms; /* of its tasks where their number is another one; NULL: as measured */
        uint32_t *begun; /* how many ran on each executor, as long as there are more; NULL: none */
};

/* Which tick of LOOK it is: one that adds, one that removes. */
enum look { LOOK_ADD, LOOK_IDLE };

struct replaying {
        const struct batch_model *model;
        struct executor *executors;
        size_t n_executors;
        struct slot *slots;
        size_t n_slots;
        uint32_t *free_slots; /* a ring: the longest free first */
        size_t head, n_free;
        struct progress *nodes, *jobs;
        uint32_t *active; /* nodes with tasks that have not been launched, by priority */
        size_t first_active, end_active;
        bool *job_ended; /* by rank */
        size_t ended, started;
        double ended_ms; /* the last end of the first `ended` jobs */
        double now, idle_from;
        const struct batch_cluster *cluster;
        struct batch_allocation allocation;
        double add_look_at, idle_look_at; /* INFINITY: nothing to look at */
        int64_t asked;                    /* executors that have not come yet */
        int64_t slots_each;
        size_t running, pending, jobs_now;
        int64_t slots_now, executors_now;
        struct queue_heap heap;
        struct batch_replay result;
};

static void later(struct replaying *replaying, double time_ms, enum what what, size_t index)
{
        queue_heap_push(&replaying->heap,
                        (struct queue_event){time_ms, (uint32_t)(index * KINDS) + (uint32_t)what});
}

/* ---- the cluster ---- */

/* The executors of the run. Where nobody says when one came, it was there from the start. */
static void measured_executors(struct replaying *replaying)
{
        const struct batch_model *model = replaying->model;
        const struct batch_run *run = model->run;
        int64_t first = batch_run_first_ms(run);

        for (size_t i = 0; i < run->n_executors; i++) {
                const struct batch_executor *from = &run->executors[i];
                struct executor *to = &replaying->executors[replaying->n_executors];

                if (model->slots[i] == 0)
                        continue;
                to->arrives_ms = from->added_ms == BATCH_UNKNOWN || from->added_ms < first
                                         ? 0
                                         : from->added_ms - first;
                to->leaves_ms = from->removed_ms == BATCH_UNKNOWN ? INT64_MAX : from->removed_ms - first;
                to->slots = model->slots[i];
                replaying->n_executors++;
        }
}

/* New ones come like those of the run that came at first. */
static void new_executors(struct replaying *replaying, int64_t executors, int64_t slots)
{
        const struct batch_model *model = replaying->model;

        for (int64_t i = 0; i < executors; i++) {
                size_t like = model->n_arrivals == 0 || executors == 1
                                      ? 0
                                      : (size_t)i * (model->n_arrivals - 1) / (size_t)(executors - 1);

                replaying->executors[replaying->n_executors++] = (struct executor){
                        .arrives_ms = model->n_arrivals ? model->arrivals_ms[like] : 0,
                        .leaves_ms = INT64_MAX,
                        .slots = slots,
                };
        }
}

/* Those that are there at first, and room for all that may come. */
static void dynamic_executors(struct replaying *replaying, int64_t slots)
{
        const struct batch_dynamic *rules = &replaying->cluster->dynamic;
        int64_t most = rules->most;

        replaying->allocation = batch_allocation_begin(rules);
        if (most > BATCH_REPLAY_MAX_SLOTS / slots)
                most = BATCH_REPLAY_MAX_SLOTS / slots;
        new_executors(replaying, replaying->allocation.target, slots);
        while ((int64_t)replaying->n_executors < most)
                replaying->executors[replaying->n_executors++] =
                        (struct executor){.arrives_ms = INT64_MAX, .leaves_ms = INT64_MAX, .slots = slots};
}

static bool place_executors(struct replaying *replaying, const struct batch_cluster *cluster,
                            struct error *err)
{
        const struct batch_model *model = replaying->model;
        int64_t slots = model->slots_each;

        if (cluster->cores > 0)
                slots = cluster->cores / model->task_cores;
        if (cluster->executors < 0 || cluster->executors > BATCH_REPLAY_MAX_EXECUTORS || slots > 65536 ||
            (cluster->dynamic.on && (cluster->dynamic.most < 1 || cluster->dynamic.least < 0 ||
                                     cluster->dynamic.most > BATCH_REPLAY_MAX_EXECUTORS)))
                return error_set(err, ERROR_INPUT, NULL,
                                 "expected 1 to %d executors with at most 65536 cores",
                                 BATCH_REPLAY_MAX_EXECUTORS);
        if (slots < 1)
                return error_set(err, ERROR_INPUT, NULL,
                                 "an executor with %lld cores has no room for a task that takes %lld",
                                 (long long)cluster->cores, (long long)model->task_cores);
        replaying->slots_each = slots;
        replaying->executors =
                memory_new((size_t)(cluster->executors + cluster->dynamic.most) + model->run->n_executors + 1,
                           sizeof *replaying->executors);
        if (cluster->dynamic.on)
                dynamic_executors(replaying, slots);
        else if (cluster->executors > 0)
                new_executors(replaying, cluster->executors, slots);
        else
                measured_executors(replaying);
        return true;
}

static bool lay_slots(struct replaying *replaying, struct error *err)
{
        for (size_t i = 0; i < replaying->n_executors; i++) {
                replaying->executors[i].first_slot = (uint32_t)replaying->n_slots;
                replaying->n_slots += (size_t)replaying->executors[i].slots;
        }
        if (replaying->n_slots > BATCH_REPLAY_MAX_SLOTS)
                return error_set(err, ERROR_INPUT, NULL, "%zu slots; at most %d can be replayed",
                                 replaying->n_slots, BATCH_REPLAY_MAX_SLOTS);
        replaying->slots = memory_new(replaying->n_slots + 1, sizeof *replaying->slots);
        replaying->free_slots = memory_new(replaying->n_slots + 1, sizeof *replaying->free_slots);
        for (size_t i = 0; i < replaying->n_executors; i++) {
                for (int64_t s = 0; s < replaying->executors[i].slots; s++)
                        replaying->slots[replaying->executors[i].first_slot + s] =
                                (struct slot){.executor = (uint32_t)i, .freed_ms = -1};
        }
        return true;
}

static void give_slot(struct replaying *replaying, size_t slot)
{
        replaying->free_slots[(replaying->head + replaying->n_free++) % replaying->n_slots] = (uint32_t)slot;
}

static bool take_slot(struct replaying *replaying, size_t *ret_slot)
{
        while (replaying->n_free > 0) {
                size_t slot = replaying->free_slots[replaying->head];

                replaying->head = (replaying->head + 1) % replaying->n_slots;
                replaying->n_free--;
                if (replaying->executors[replaying->slots[slot].executor].gone)
                        continue;
                *ret_slot = slot;
                return true;
        }
        return false;
}

/* ---- tasks ---- */

/* Of a stage's task without what it took more as the first of its executor. */
static double base_ms(const struct replaying *replaying, const struct batch_node *what, size_t position)
{
        uint32_t order = what->order[position];
        double took = what->stage->tasks[order & ~BATCH_FIRST].took_ms;
        double more = replaying->cluster->warmup * what->first_ms;

        return order & BATCH_FIRST ? fmax(took - more, took * LEAST_SHARE) : took;
}

/* Whether it is among the first of the stage on the slot's executor. */
static bool is_first(struct replaying *replaying, size_t node, size_t slot)
{
        struct progress *progress = &replaying->nodes[node];
        uint32_t executor = replaying->slots[slot].executor;

        if (!progress->begun)
                progress->begun = memory_new(replaying->n_executors + 1, sizeof *progress->begun);
        return progress->begun[executor]++ < (uint32_t)replaying->executors[executor].slots;
}

static double task_ms(struct replaying *replaying, size_t node, size_t slot)
{
        const struct batch_cluster *cluster = replaying->cluster;
        const struct batch_node *what = &replaying->model->nodes[node];
        struct progress *progress = &replaying->nodes[node];
        size_t position = progress->next++;
        double took = progress->took_ms ? progress->took_ms[position] : base_ms(replaying, what, position);

        if (cluster->warmup > 0 && what->first_ms > 0 && is_first(replaying, node, slot))
                took += cluster->warmup * what->first_ms;
        if (progress->next == progress->tasks) {
                free(progress->begun);
                progress->begun = NULL;
        }
        return took * cluster->stretch *
               (1 + what->waiting_share * cluster->waiting + what->garbage_share * cluster->garbage);
}

static void launch(struct replaying *replaying, size_t node, size_t slot)
{
        struct progress *progress = &replaying->nodes[node];
        double ready = progress->ready_ms, took = task_ms(replaying, node, slot);
        double start = replaying->now;

        if (replaying->slots[slot].freed_ms == replaying->now) /* the next task follows at once */
                start += (double)replaying->model->nodes[node].handover_ms;
        start = start > ready ? start : ready;
        replaying->slots[slot].node = (uint32_t)node;
        replaying->executors[replaying->slots[slot].executor].running++;
        replaying->result.busy_seconds += took / 1e3;
        replaying->pending--;
        if (replaying->running++ == 0)
                replaying->result.driver_seconds += (start - replaying->idle_from) / 1e3;
        later(replaying, fmax(start + took, replaying->now), TASK_ENDS, slot);
}

static void launch_all(struct replaying *replaying)
{
        size_t slot;

        while (replaying->first_active < replaying->end_active && take_slot(replaying, &slot)) {
                size_t node = replaying->active[replaying->first_active];

                launch(replaying, node, slot);
                if (replaying->nodes[node].next == replaying->nodes[node].tasks)
                        replaying->first_active++;
        }
}

/* First come, first served: jobs by their number, then stages by theirs. */
static bool goes_before(const struct batch_model *model, size_t a, size_t b)
{
        if (model->nodes[a].job != model->nodes[b].job)
                return model->nodes[a].job < model->nodes[b].job;
        return model->nodes[a].stage->id < model->nodes[b].stage->id;
}

static void stage_ready(struct replaying *replaying, size_t node)
{
        size_t at = replaying->end_active++;

        for (; at > replaying->first_active && goes_before(replaying->model, node, replaying->active[at - 1]);
             at--)
                replaying->active[at] = replaying->active[at - 1];
        replaying->active[at] = (uint32_t)node;
        replaying->nodes[node].ready_ms = replaying->now;
        replaying->pending += replaying->nodes[node].tasks;
}

static void look_for_idle(struct replaying *replaying, double at_ms);
static void release_held(struct replaying *replaying);

/* ---- what waits for what ---- */

static void node_may_start(struct replaying *replaying, size_t node)
{
        const struct batch_node *what = &replaying->model->nodes[node];

        later(replaying, replaying->nodes[node].ready_ms + (double)(what->gap_ms + what->launch_ms),
              STAGE_READY, node);
}

/* One of the things a node waits for is there. */
static void node_waits_less(struct replaying *replaying, size_t node)
{
        struct progress *progress = &replaying->nodes[node];

        progress->ready_ms = replaying->now;
        if (--progress->waiting == 0)
                node_may_start(replaying, node);
}

/* Jobs whose turn has come. */
static void start_jobs(struct replaying *replaying)
{
        const struct batch_model *model = replaying->model;

        while (replaying->started < model->n_jobs) {
                size_t job = model->turns[replaying->started];

                if (model->jobs[job].before > replaying->ended)
                        return;
                replaying->started++;
                later(replaying, replaying->ended_ms + (double)model->jobs[job].gap_ms, JOB_STARTS, job);
        }
}

static void job_starts(struct replaying *replaying, size_t job)
{
        const struct batch_step *step = &replaying->model->jobs[job];

        replaying->jobs_now++;
        for (size_t i = 0; i < step->n_nodes; i++)
                node_waits_less(replaying, step->nodes[i]);
        if (step->n_nodes == 0)
                later(replaying, replaying->now + (double)step->tail_ms, JOB_ENDS, job);
}

static void job_ends(struct replaying *replaying, size_t job)
{
        const struct batch_model *model = replaying->model;

        if (--replaying->jobs_now == 0)
                release_held(replaying);
        replaying->job_ended[model->jobs[job].rank] = true;
        while (replaying->ended < model->n_jobs && replaying->job_ended[replaying->ended])
                replaying->ended++;
        replaying->ended_ms = replaying->now;
        start_jobs(replaying);
}

static void stage_ends(struct replaying *replaying, size_t node)
{
        size_t job = replaying->model->nodes[node].job;

        for (size_t i = 0; i < replaying->nodes[node].n_children; i++)
                node_waits_less(replaying, replaying->nodes[node].children[i]);
        if (--replaying->jobs[job].left == 0)
                later(replaying, replaying->now + (double)replaying->model->jobs[job].tail_ms, JOB_ENDS, job);
}

static void task_ends(struct replaying *replaying, size_t slot)
{
        size_t node = replaying->slots[slot].node;
        struct executor *executor = &replaying->executors[replaying->slots[slot].executor];

        if (--replaying->running == 0)
                replaying->idle_from = replaying->now;
        replaying->slots[slot].freed_ms = replaying->now;
        give_slot(replaying, slot);
        if (--executor->running == 0) {
                executor->idle_from_ms = replaying->now;
                look_for_idle(replaying, replaying->now + replaying->cluster->dynamic.idle_ms);
        }
        if (--replaying->nodes[node].left == 0)
                later(replaying, replaying->now + (double)replaying->model->nodes[node].tail_ms, STAGE_ENDS,
                      node);
}

static void executor_comes(struct replaying *replaying, size_t executor)
{
        struct executor *it = &replaying->executors[executor];

        if (replaying->cluster->dynamic.on) {
                replaying->asked--;
                if (replaying->executors_now >= replaying->allocation.target) {
                        it->state = ABSENT; /* it was asked for and is wanted no more */
                        return;
                }
                it->state = PRESENT;
                it->came_ms = it->idle_from_ms = replaying->now;
                look_for_idle(replaying, replaying->now + replaying->cluster->dynamic.idle_ms);
        }
        for (int64_t s = 0; s < it->slots; s++)
                give_slot(replaying, it->first_slot + (size_t)s);
        replaying->executors_now++;
        replaying->slots_now += it->slots;
        if (replaying->executors_now > replaying->result.executors)
                replaying->result.executors = replaying->executors_now;
        if (replaying->slots_now > replaying->result.slots)
                replaying->result.slots = replaying->slots_now;
}

static void executor_leaves(struct replaying *replaying, size_t executor)
{
        replaying->executors[executor].gone = true;
        replaying->executors_now--;
        replaying->slots_now -= replaying->executors[executor].slots;
}

/* ---- dynamic allocation ---- */

static void look_for_idle(struct replaying *replaying, double at_ms)
{
        if (!replaying->cluster->dynamic.on || !isinf(replaying->idle_look_at))
                return;
        replaying->idle_look_at = at_ms;
        later(replaying, at_ms, LOOK, LOOK_IDLE);
}

/* An idle one leaves with its slots, which are all free. */
static void release(struct replaying *replaying, size_t executor)
{
        struct executor *it = &replaying->executors[executor];
        size_t kept = 0, count = replaying->n_free;

        for (size_t i = 0; i < count; i++) {
                uint32_t slot = replaying->free_slots[(replaying->head + i) % replaying->n_slots];

                if (replaying->slots[slot].executor != executor)
                        replaying->free_slots[(replaying->head + kept++) % replaying->n_slots] = slot;
        }
        replaying->n_free = kept;
        it->state = ABSENT;
        it->lived_ms += replaying->now - it->came_ms;
        replaying->executors_now--;
        replaying->slots_now -= it->slots;
}

/* Whoever was idle for long enough leaves; when the next one will have been: INFINITY when none may. */
static double release_idle(struct replaying *replaying)
{
        const struct batch_dynamic *rules = &replaying->cluster->dynamic;
        int64_t target = replaying->allocation.target, floor = target > rules->least ? target : rules->least;
        double next = INFINITY;

        if (!rules->on || (rules->keeps && replaying->jobs_now > 0))
                return next;
        for (size_t i = 0; i < replaying->n_executors && replaying->executors_now > floor; i++) {
                const struct executor *it = &replaying->executors[i];
                double due = it->idle_from_ms + rules->idle_ms;

                if (it->state != PRESENT || it->running > 0)
                        continue;
                if (due <= replaying->now)
                        release(replaying, i);
                else
                        next = fmin(next, due);
        }
        return next;
}

/* Those who might not leave before: fewer are wanted, or a job has ended. */
static void release_held(struct replaying *replaying)
{
        double next = release_idle(replaying);

        if (!isinf(next))
                look_for_idle(replaying, next);
}

static void ask_for(struct replaying *replaying, int64_t count)
{
        for (size_t i = 0; i < replaying->n_executors && count > 0; i++) {
                if (replaying->executors[i].state != ABSENT)
                        continue;
                replaying->executors[i].state = ASKED;
                replaying->asked++;
                count--;
                later(replaying, replaying->now + replaying->cluster->dynamic.start_ms, EXECUTOR_COMES, i);
        }
}

static void look_at_backlog(struct replaying *replaying)
{
        struct batch_allocation *allocation = &replaying->allocation;
        int64_t before = allocation->target;

        batch_allocation_look(allocation, replaying->now, replaying->pending, replaying->running,
                              replaying->slots_each, replaying->executors_now);
        ask_for(replaying, allocation->target - replaying->executors_now - replaying->asked);
        if (allocation->target < before)
                release_held(replaying);
        if (!allocation->more || allocation->add_at_ms >= replaying->add_look_at)
                return;
        replaying->add_look_at = allocation->add_at_ms;
        later(replaying, allocation->add_at_ms, LOOK, LOOK_ADD);
}

static void look(struct replaying *replaying, size_t which)
{
        if (which == LOOK_ADD) {
                replaying->add_look_at = INFINITY; /* the backlog is looked at after every event */
                return;
        }
        replaying->idle_look_at = INFINITY;
        release_held(replaying);
}

/* ---- the run ---- */

/* Where the setting counts, a stage's tasks become as many as are wanted. */
static void cut_anew(struct replaying *replaying, size_t node)
{
        const struct batch_cluster *cluster = replaying->cluster;
        const struct batch_node *what = &replaying->model->nodes[node];
        struct progress *progress = &replaying->nodes[node];
        autofree double *took = NULL;

        progress->tasks = what->stage->n_tasks;
        if (cluster->partitions == 0 || !what->by_shuffle)
                return;
        took = memory_new(progress->tasks, sizeof *took);
        for (size_t t = 0; t < progress->tasks; t++)
                took[t] = base_ms(replaying, what, t);
        progress->took_ms = memory_new((size_t)cluster->partitions, sizeof *progress->took_ms);
        batch_resize(took, progress->tasks, what->beside_ms * cluster->beside, cluster->keys_whole,
                     (size_t)cluster->partitions, progress->took_ms);
        progress->tasks = (size_t)cluster->partitions;
}

static void prepare_executors(struct replaying *replaying)
{
        replaying->add_look_at = replaying->idle_look_at = INFINITY;
        for (size_t i = 0; i < replaying->n_executors; i++) {
                struct executor *it = &replaying->executors[i];

                if (it->arrives_ms == INT64_MAX)
                        continue;
                it->state = ASKED;
                replaying->asked++;
                later(replaying, (double)it->arrives_ms, EXECUTOR_COMES, i);
                if (it->leaves_ms != INT64_MAX)
                        later(replaying, (double)it->leaves_ms, EXECUTOR_LEAVES, i);
        }
}

static void prepare(struct replaying *replaying)
{
        const struct batch_model *model = replaying->model;

        replaying->nodes = memory_new(model->n_nodes + 1, sizeof *replaying->nodes);
        replaying->jobs = memory_new(model->n_jobs + 1, sizeof *replaying->jobs);
        replaying->job_ended = memory_new(model->n_jobs + 1, sizeof *replaying->job_ended);
        replaying->active = memory_new(model->n_nodes + 1, sizeof *replaying->active);
        replaying->heap.events = memory_new(replaying->n_slots + 2 * replaying->n_executors +
                                                    2 * model->n_nodes + 2 * model->n_jobs + 3,
                                            sizeof *replaying->heap.events);
        for (size_t n = 0; n < model->n_nodes; n++) {
                const struct batch_node *node = &model->nodes[n];

                replaying->nodes[n].waiting = 1 + node->n_parents;
                cut_anew(replaying, n);
                replaying->nodes[n].left = replaying->nodes[n].tasks;
                for (size_t i = 0; i < node->n_parents; i++) {
                        struct progress *parent = &replaying->nodes[node->parents[i]];

                        parent->children = memory_resize(parent->children, parent->n_children + 1,
                                                         sizeof *parent->children);
                        parent->children[parent->n_children++] = n;
                }
        }
        for (size_t j = 0; j < model->n_jobs; j++)
                replaying->jobs[j].left = model->jobs[j].n_nodes;
        prepare_executors(replaying);
        start_jobs(replaying);
}

static void handle(struct replaying *replaying, uint32_t what)
{
        static void (*const handlers[KINDS])(struct replaying *, size_t) = {
                [EXECUTOR_COMES] = executor_comes,
                [EXECUTOR_LEAVES] = executor_leaves,
                [JOB_STARTS] = job_starts,
                [STAGE_READY] = stage_ready,
                [TASK_ENDS] = task_ends,
                [STAGE_ENDS] = stage_ends,
                [JOB_ENDS] = job_ends,
                [LOOK] = look,
        };

        handlers[what % KINDS](replaying, what / KINDS);
}

static void settle(struct replaying *replaying, double end_ms)
{
        struct batch_replay *result = &replaying->result;

        result->seconds = end_ms / 1e3;
        result->driver_seconds += (end_ms - replaying->idle_from) / 1e3;
        for (size_t i = 0; i < replaying->n_executors; i++) {
                const struct executor *executor = &replaying->executors[i];
                double to =
                        executor->leaves_ms == INT64_MAX ? end_ms : fmin(end_ms, (double)executor->leaves_ms);
                double lived = fmax(to - (double)executor->arrives_ms, 0) / 1e3;

                if (replaying->cluster->dynamic.on)
                        lived = (executor->lived_ms +
                                 (executor->state == PRESENT ? end_ms - executor->came_ms : 0)) /
                                1e3;
                result->executor_seconds += lived;
                result->slot_seconds += lived * (double)executor->slots;
        }
}

static bool run_all(struct replaying *replaying, struct error *err)
{
        const struct batch_model *model = replaying->model;

        while (replaying->heap.count > 0 && replaying->ended < model->n_jobs) {
                replaying->now = replaying->heap.events[0].time;
                while (replaying->heap.count > 0 && replaying->heap.events[0].time <= replaying->now) {
                        uint32_t what = replaying->heap.events[0].what;

                        queue_heap_pop(&replaying->heap);
                        handle(replaying, what);
                }
                launch_all(replaying);
                if (replaying->cluster->dynamic.on)
                        look_at_backlog(replaying);
        }
        if (replaying->ended < model->n_jobs)
                return error_set(err, ERROR_INCOMPLETE, "NoExecutors",
                                 "all executors left before all tasks had run");
        settle(replaying, replaying->ended_ms + (double)model->gap_ms);
        return true;
}

static void replaying_free(struct replaying *replaying)
{
        for (size_t n = 0; replaying->nodes && n < replaying->model->n_nodes; n++) {
                free(replaying->nodes[n].children);
                free(replaying->nodes[n].took_ms);
                free(replaying->nodes[n].begun);
        }
        free(replaying->executors);
        free(replaying->slots);
        free(replaying->free_slots);
        free(replaying->nodes);
        free(replaying->jobs);
        free(replaying->active);
        free(replaying->job_ended);
        free(replaying->heap.events);
}

static bool check_partitions(const struct batch_model *model, int64_t partitions, struct error *err)
{
        size_t stages = 0;

        for (size_t n = 0; n < model->n_nodes; n++)
                stages += model->nodes[n].by_shuffle;
        if (partitions >= 0 && partitions <= BATCH_REPLAY_MAX_PARTS &&
            (size_t)partitions * stages <= BATCH_MAX_TASKS)
                return true;
        return error_set(err, ERROR_INPUT, NULL, "expected 1 to %d partitions of a shuffle, and %d tasks",
                         BATCH_REPLAY_MAX_PARTS, BATCH_MAX_TASKS);
}

bool batch_replay(const struct batch_model *model, const struct batch_cluster *cluster,
                  struct batch_replay *ret_replay, struct error *err)
{
        __attribute__((cleanup(replaying_free))) struct replaying replaying = {.model = model,
                                                                               .cluster = cluster};

        if (!check_partitions(model, cluster->partitions, err))
                return false;
        if (!place_executors(&replaying, cluster, err) || !lay_slots(&replaying, err))
                return false;
        prepare(&replaying);
        if (!run_all(&replaying, err))
                return false;
        *ret_replay = replaying.result;
        return true;
}
