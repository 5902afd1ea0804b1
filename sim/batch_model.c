/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/batch_model.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "sim/batch_warmup.h"

#define AT_FIRST_MS    30000 /* executors that come so long after the first one were asked for at the start */
#define MAX_SLOTS      4096
#define MOST_LOOKED_AT 1000
#define PARTITIONS     200 /* Spark's default */

struct building {
        struct batch_model *model;
        const struct batch_run *run;
        int64_t first_ms;
        size_t *node_of_stage;                /* by place in the run; SIZE_MAX: none yet */
        int64_t *submitted_ms, *ended_ms;     /* of the model's jobs */
        int64_t *stage_from_ms, *stage_to_ms; /* of its nodes */
};

static int64_t larger(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

static int compare_int64(const void *a, const void *b)
{
        int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

        return (left > right) - (left < right);
}

static int64_t finish_ms(const struct batch_task *task)
{
        return (int64_t)task->launched_ms + task->took_ms;
}

/* ---- slots ---- */

static bool setting_number(const struct batch_run *run, const char *name, double *ret_value)
{
        const char *text = batch_run_setting(run, name);

        return text && text_to_double(text, ret_value) && *ret_value > 0;
}

struct edge {
        uint32_t executor;
        int64_t time_ms;
        int step; /* +1 a task starts, -1 it ends */
};

static int compare_edges(const void *a, const void *b)
{
        const struct edge *left = a, *right = b;

        if (left->executor != right->executor)
                return left->executor < right->executor ? -1 : 1;
        if (left->time_ms != right->time_ms)
                return left->time_ms < right->time_ms ? -1 : 1;
        return left->step - right->step;
}

/* The most tasks that ran at the same time on each executor, where nobody says how many cores it has. */
static void count_slots(const struct batch_run *run, int64_t *slots)
{
        autofree struct edge *edges = memory_new(run->n_tasks * 2 + 1, sizeof *edges);
        size_t count = 0;
        int64_t running = 0;

        for (size_t s = 0; s < run->n_stages; s++) {
                for (size_t t = 0; t < run->stages[s].n_tasks; t++) {
                        const struct batch_task *task = &run->stages[s].tasks[t];

                        edges[count++] = (struct edge){task->executor, task->launched_ms, 1};
                        edges[count++] = (struct edge){task->executor, finish_ms(task), -1};
                }
        }
        qsort(edges, count, sizeof *edges, compare_edges);
        for (size_t i = 0; i < count; i++) {
                running = i > 0 && edges[i].executor != edges[i - 1].executor ? 0 : running;
                running += edges[i].step;
                if (running > slots[edges[i].executor])
                        slots[edges[i].executor] = running;
        }
}

/* Tasks that fit an executor's cores, and its accelerators where tasks want a part of one. */
static int64_t slots_of(const struct batch_run *run, int64_t cores, int64_t task_cores)
{
        int64_t slots = cores / task_cores;
        double have, want;

        if (setting_number(run, "spark.executor.resource.gpu.amount", &have) &&
            setting_number(run, "spark.task.resource.gpu.amount", &want) && have / want < (double)slots)
                slots = (int64_t)(have / want);
        return slots < 1 ? 1 : slots > MAX_SLOTS ? MAX_SLOTS : slots;
}

static void find_slots(struct batch_model *model)
{
        const struct batch_run *run = model->run;
        bool unknown = false;
        double cpus;

        model->task_cores =
                setting_number(run, "spark.task.cpus", &cpus) && cpus < MAX_SLOTS ? (int64_t)cpus : 1;
        if (model->task_cores < 1)
                model->task_cores = 1;
        model->slots = memory_new(run->n_executors + 1, sizeof *model->slots);
        for (size_t i = 0; i < run->n_executors; i++)
                unknown |= run->executors[i].cores == 0;
        if (unknown)
                count_slots(run, model->slots);
        for (size_t i = 0; i < run->n_executors; i++) {
                const struct batch_executor *executor = &run->executors[i];

                if (executor->cores > 0)
                        model->slots[i] = slots_of(run, executor->cores, model->task_cores);
                if (model->slots[i] > model->slots_each) {
                        model->slots_each = model->slots[i];
                        model->cores =
                                executor->cores > 0 ? executor->cores : model->slots[i] * model->task_cores;
                }
        }
}

static void find_arrivals(struct batch_model *model, int64_t first_ms)
{
        const struct batch_run *run = model->run;
        autofree int64_t *came = memory_new(run->n_executors + 1, sizeof *came);
        size_t count = 0;

        for (size_t i = 0; i < run->n_executors; i++) {
                if (run->executors[i].added_ms != BATCH_UNKNOWN)
                        came[count++] = larger(run->executors[i].added_ms - first_ms, 0);
        }
        qsort(came, count, sizeof *came, compare_int64);
        while (model->n_arrivals < count && came[model->n_arrivals] - came[0] <= AT_FIRST_MS)
                model->n_arrivals++;
        model->arrivals_ms = TAKE(came);
}

/* ---- stages ---- */

struct launch {
        uint32_t index, launched_ms;
};

static int compare_launches(const void *a, const void *b)
{
        const struct launch *left = a, *right = b;

        if (left->launched_ms != right->launched_ms)
                return left->launched_ms < right->launched_ms ? -1 : 1;
        return (left->index > right->index) - (left->index < right->index);
}

static uint32_t *launch_order(const struct batch_stage *stage)
{
        autofree struct launch *launches = memory_new(stage->n_tasks, sizeof *launches);
        uint32_t *order = memory_new(stage->n_tasks, sizeof *order);

        for (size_t t = 0; t < stage->n_tasks; t++)
                launches[t] = (struct launch){(uint32_t)t, stage->tasks[t].launched_ms};
        qsort(launches, stage->n_tasks, sizeof *launches, compare_launches);
        for (size_t t = 0; t < stage->n_tasks; t++)
                order[t] = launches[t].index;
        return order;
}

static void add_node(struct building *building, size_t place, size_t job)
{
        struct batch_model *model = building->model;
        const struct batch_stage *stage = &building->run->stages[place];
        int64_t shift = building->run->origin_ms - building->first_ms;
        size_t at = model->n_nodes++;
        struct batch_node *node = &model->nodes[at];
        int64_t first = INT64_MAX, last = 0, *from = &building->stage_from_ms[at];

        building->node_of_stage[place] = at;
        node->stage = stage;
        node->job = job;
        node->order = launch_order(stage);
        for (size_t t = 0; t < stage->n_tasks; t++) {
                first = stage->tasks[t].launched_ms < first ? stage->tasks[t].launched_ms : first;
                last = larger(last, finish_ms(&stage->tasks[t]));
        }
        *from = stage->submitted_ms == BATCH_UNKNOWN ? first + shift
                                                     : larger(stage->submitted_ms - building->first_ms, 0);
        *from = *from > first + shift ? first + shift : *from;
        building->stage_to_ms[at] = stage->completed_ms == BATCH_UNKNOWN
                                            ? last + shift
                                            : larger(stage->completed_ms - building->first_ms, *from);
        node->tail_ms = larger(building->stage_to_ms[at] - (last + shift), 0);
}

/* ---- from one task to the next on a slot ---- */

struct ran {
        uint32_t node, launched_ms, ended_ms;
};

static int compare_ran(const void *a, const void *b)
{
        const struct ran *left = a, *right = b;

        if (left->launched_ms != right->launched_ms)
                return left->launched_ms < right->launched_ms ? -1 : 1;
        return (left->node > right->node) - (left->node < right->node);
}

static int compare_uint32(const void *a, const void *b)
{
        uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

        return (left > right) - (left < right);
}

struct gaps {
        int64_t sum_ms, count;
        int64_t from_ms;          /* when the stage was submitted, in the tasks' time */
        uint32_t first_launch_ms; /* of the stage */
        int64_t launch_ms;        /* from when it was submitted and had room to that */
};

/*
 * The launches on one executor in their order against the ends in theirs, as many places later as there are
 * slots: that end made room for it. It counts when the stage was waiting for room by then. A stage's first
 * launch waits for the driver only from when there was room.
 */
static void add_gaps(const struct ran *ran, const uint32_t *ends, size_t count, size_t slots, int64_t came_ms,
                     struct gaps *gaps)
{
        for (size_t i = 0; i < count; i++) {
                struct gaps *of = &gaps[ran[i].node];
                int64_t room = i < slots ? came_ms : ends[i - slots], launched = ran[i].launched_ms;

                if (launched == of->first_launch_ms)
                        of->launch_ms = larger(of->launch_ms, launched - larger(room, of->from_ms));
                if (i < slots || of->first_launch_ms >= room)
                        continue;
                of->sum_ms += launched - room;
                of->count++;
        }
}

/* All tasks by executor; `starts` says where those of each begin, and where the last ones end. */
static struct ran *by_executor(const struct batch_model *model, size_t *starts)
{
        struct ran *all = memory_new(model->run->n_tasks + 1, sizeof *all);
        size_t n_executors = model->run->n_executors;

        for (size_t n = 0; n < model->n_nodes; n++) {
                for (size_t t = 0; t < model->nodes[n].stage->n_tasks; t++)
                        starts[model->nodes[n].stage->tasks[t].executor + 2]++;
        }
        for (size_t i = 2; i < n_executors + 2; i++)
                starts[i] += starts[i - 1];
        for (size_t n = 0; n < model->n_nodes; n++) {
                for (size_t t = 0; t < model->nodes[n].stage->n_tasks; t++) {
                        const struct batch_task *task = &model->nodes[n].stage->tasks[t];

                        all[starts[task->executor + 1]++] =
                                (struct ran){(uint32_t)n, task->launched_ms, (uint32_t)finish_ms(task)};
                }
        }
        return all;
}

/* What ran on each executor: launches sorted, and ends sorted. */
struct history {
        size_t *starts;
        struct ran *launches;
        uint32_t *ends;
};

static size_t launched_by(const struct ran *launches, size_t count, int64_t time_ms)
{
        size_t low = 0, high = count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (launches[middle].launched_ms <= time_ms)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static size_t ended_before(const uint32_t *ends, size_t count, int64_t time_ms)
{
        size_t low = 0, high = count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (ends[middle] <= time_ms)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Whether an executor was there at an instant and had a slot to spare. Of a huge cluster its first executors
 * speak for all. */
static bool had_room(const struct batch_model *model, const struct history *history, int64_t time_ms)
{
        const struct batch_run *run = model->run;
        int64_t absolute_ms = run->origin_ms + time_ms;

        for (size_t i = 0; i < run->n_executors && i < MOST_LOOKED_AT; i++) {
                const struct batch_executor *it = &run->executors[i];
                size_t from = history->starts[i], count = history->starts[i + 1] - from;
                size_t running;

                if ((it->added_ms != BATCH_UNKNOWN && it->added_ms > absolute_ms) ||
                    (it->removed_ms != BATCH_UNKNOWN && it->removed_ms <= absolute_ms))
                        continue;
                running = launched_by(history->launches + from, count, time_ms) -
                          ended_before(history->ends + from, count, time_ms);
                if ((int64_t)running < model->slots[i])
                        return true;
        }
        return false;
}

static void sort_history(const struct batch_model *model, struct history *history)
{
        size_t n_executors = model->run->n_executors;

        history->launches = by_executor(model, history->starts);
        history->ends = memory_new(model->run->n_tasks + 1, sizeof *history->ends);
        for (size_t i = 0; i < n_executors; i++) {
                size_t from = history->starts[i], count = history->starts[i + 1] - from;

                for (size_t t = from; t < from + count; t++)
                        history->ends[t] = history->launches[t].ended_ms;
                qsort(history->ends + from, count, sizeof *history->ends, compare_uint32);
                qsort(history->launches + from, count, sizeof *history->launches, compare_ran);
        }
}

/* Of a stage that had room when it was submitted and was not given it, the driver held the first launch back
 * until it came. */
static int64_t first_launch(const struct batch_model *model, const struct history *history,
                            const struct gaps *of)
{
        if (had_room(model, history, of->from_ms))
                return larger(of->first_launch_ms - of->from_ms, 0);
        return of->launch_ms;
}

/* The mean gap, over a stage. It may be negative: Spark gives a slot away before it has looked at the result
 * of the task that ended, and writes down the end after that. */
static void find_gaps(const struct building *building, const struct history *history, struct gaps *gaps)
{
        struct batch_model *model = building->model;
        const struct batch_run *run = model->run;

        for (size_t n = 0; n < model->n_nodes; n++) {
                gaps[n].first_launch_ms = model->nodes[n].stage->tasks[model->nodes[n].order[0]].launched_ms;
                gaps[n].from_ms = building->stage_from_ms[n] + building->first_ms - run->origin_ms;
        }
        for (size_t i = 0; i < run->n_executors; i++) {
                int64_t came = run->executors[i].added_ms;
                size_t from = history->starts[i];

                add_gaps(history->launches + from, history->ends + from, history->starts[i + 1] - from,
                         (size_t)model->slots[i], came == BATCH_UNKNOWN ? 0 : came - run->origin_ms, gaps);
        }
}

static void find_handovers(const struct building *building)
{
        struct batch_model *model = building->model;
        autofree size_t *starts = memory_new(model->run->n_executors + 2, sizeof *starts);
        autofree struct gaps *gaps = memory_new(model->n_nodes + 1, sizeof *gaps);
        struct history history = {.starts = starts};

        sort_history(model, &history);
        find_gaps(building, &history, gaps);
        for (size_t n = 0; n < model->n_nodes; n++) {
                model->nodes[n].launch_ms = first_launch(model, &history, &gaps[n]);
                if (gaps[n].count > 0)
                        model->nodes[n].handover_ms = gaps[n].sum_ms / gaps[n].count;
        }
        free(history.launches);
        free(history.ends);
}

/* ---- jobs ---- */

static size_t place_of(const struct batch_run *run, int64_t id, int64_t attempt)
{
        const struct batch_stage *stage = batch_run_find_stage(run, id, attempt);

        return stage ? (size_t)(stage - run->stages) : SIZE_MAX;
}

static bool within(const struct batch_stage *stage, const struct batch_job *job)
{
        return stage->submitted_ms == BATCH_UNKNOWN || job->submitted_ms == BATCH_UNKNOWN ||
               (stage->submitted_ms >= job->submitted_ms &&
                (job->ended_ms == BATCH_UNKNOWN || stage->submitted_ms <= job->ended_ms));
}

/* The stages that ran for a job: those it names which nobody else ran for. */
static void take_stages(struct building *building, const struct batch_job *job, size_t at)
{
        const struct batch_run *run = building->run;
        size_t place;

        for (size_t i = 0; i < job->n_stages; i++) {
                for (int64_t attempt = 0; (place = place_of(run, job->stages[i], attempt)) != SIZE_MAX;
                     attempt++) {
                        if (run->stages[place].n_tasks > 0 && building->node_of_stage[place] == SIZE_MAX &&
                            within(&run->stages[place], job))
                                add_node(building, place, at);
                }
        }
}

/* Times of a job from what it says, else from its stages. */
static void time_job(struct building *building, const struct batch_job *job, size_t at, size_t first_node)
{
        int64_t from = INT64_MAX, to = 0;

        for (size_t n = first_node; n < building->model->n_nodes; n++) {
                from = building->stage_from_ms[n] < from ? building->stage_from_ms[n] : from;
                to = larger(to, building->stage_to_ms[n]);
        }
        if (job && job->submitted_ms != BATCH_UNKNOWN && job->submitted_ms - building->first_ms < from)
                from = larger(job->submitted_ms - building->first_ms, 0);
        if (job && job->ended_ms != BATCH_UNKNOWN)
                to = larger(to, job->ended_ms - building->first_ms);
        building->submitted_ms[at] = from == INT64_MAX ? to : from;
        building->ended_ms[at] = larger(to, building->submitted_ms[at]);
}

static void add_job(struct building *building, const struct batch_job *job, size_t orphan)
{
        struct batch_model *model = building->model;
        size_t first = model->n_nodes, at = model->n_jobs++;

        if (job)
                take_stages(building, job, at);
        else
                add_node(building, orphan, at);
        time_job(building, job, at, first);
        model->jobs[at].n_nodes = model->n_nodes - first;
        model->jobs[at].nodes = memory_new(model->jobs[at].n_nodes + 1, sizeof(size_t));
        for (size_t n = first; n < model->n_nodes; n++)
                model->jobs[at].nodes[n - first] = n;
}

/* Jobs and their stages; a stage that no job names, or whose job's line is damaged, is a job of its own. */
static void add_jobs(struct building *building)
{
        const struct batch_run *run = building->run;

        for (size_t i = 0; i < run->n_jobs; i++)
                add_job(building, &run->jobs[i], 0);
        for (size_t s = 0; s < run->n_stages; s++) {
                if (run->stages[s].n_tasks > 0 && building->node_of_stage[s] == SIZE_MAX)
                        add_job(building, NULL, s);
        }
}

/* ---- what waits for what ---- */

/* A stage waits for another one of its job that had ended when it was submitted. (Two that took no time do
 * not wait for each other.) */
static void wait_for(struct building *building, struct batch_node *node, size_t other, int64_t *ready_ms)
{
        const struct batch_node *nodes = building->model->nodes;
        size_t at = (size_t)(node - nodes);
        int64_t from = building->stage_from_ms[at], to = building->stage_to_ms[other];

        if (other == at || nodes[other].job != node->job || to > from || (to == from && other > at))
                return;
        node->parents[node->n_parents++] = other;
        *ready_ms = larger(*ready_ms, to);
}

/* The attempts at its parents. */
static void wait_for_parents(struct building *building, struct batch_node *node, int64_t *ready_ms)
{
        const struct batch_stage *stage = node->stage;
        size_t room = 0, place;

        for (size_t i = 0; i < stage->n_parents; i++) {
                for (int64_t attempt = 0;
                     (place = place_of(building->run, stage->parents[i], attempt)) != SIZE_MAX; attempt++) {
                        if (building->node_of_stage[place] == SIZE_MAX)
                                continue;
                        if (node->n_parents == room) {
                                room = room ? room * 2 : 4;
                                node->parents = memory_resize(node->parents, room, sizeof *node->parents);
                        }
                        wait_for(building, node, building->node_of_stage[place], ready_ms);
                }
        }
}

/* A stage that is tried again waits for whatever had to be made again. */
static void link_node(struct building *building, const struct batch_step *job, size_t at)
{
        struct batch_node *node = &building->model->nodes[at];
        int64_t ready = building->submitted_ms[node->job];

        if (node->stage->attempt > 0) {
                node->parents = memory_new(job->n_nodes, sizeof *node->parents);
                for (size_t i = 0; i < job->n_nodes; i++)
                        wait_for(building, node, job->nodes[i], &ready);
        } else
                wait_for_parents(building, node, &ready);
        node->gap_ms = larger(building->stage_from_ms[at] - ready, 0);
}

/* How many of the sorted ends are not after an instant. */
static size_t ended_by(const int64_t *ends, size_t count, int64_t time_ms)
{
        size_t low = 0, high = count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (ends[middle] <= time_ms)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void link_job(struct building *building, size_t at, const int64_t *ends)
{
        struct batch_model *model = building->model;
        struct batch_step *job = &model->jobs[at];
        int64_t from = building->submitted_ms[at], last = from;

        job->before = ended_by(ends, model->n_jobs, from);
        job->gap_ms = from - (job->before > 0 ? ends[job->before - 1] : 0);
        for (size_t i = 0; i < job->n_nodes; i++) {
                last = larger(last, building->stage_to_ms[job->nodes[i]]);
                link_node(building, job, job->nodes[i]);
        }
        job->tail_ms = building->ended_ms[at] - last;
}

struct end {
        int64_t ended_ms;
        size_t job;
};

static int compare_ends(const void *a, const void *b)
{
        const struct end *left = a, *right = b;

        if (left->ended_ms != right->ended_ms)
                return left->ended_ms < right->ended_ms ? -1 : 1;
        return (left->job > right->job) - (left->job < right->job);
}

/* A job that took no time must not wait for itself: those with the same end as its submission count only when
 * they come before. */
static void link_jobs(struct building *building)
{
        struct batch_model *model = building->model;
        autofree struct end *ends = memory_new(model->n_jobs + 1, sizeof *ends);
        autofree int64_t *times = memory_new(model->n_jobs + 1, sizeof *times);

        for (size_t i = 0; i < model->n_jobs; i++) {
                if (building->ended_ms[i] == building->submitted_ms[i])
                        building->ended_ms[i]++;
                ends[i] = (struct end){building->ended_ms[i], i};
        }
        qsort(ends, model->n_jobs, sizeof *ends, compare_ends);
        for (size_t i = 0; i < model->n_jobs; i++) {
                times[i] = ends[i].ended_ms;
                model->jobs[ends[i].job].rank = i;
        }
        model->turns = memory_new(model->n_jobs + 1, sizeof *model->turns);
        for (size_t i = 0; i < model->n_jobs; i++) {
                link_job(building, i, times);
                ends[i] = (struct end){(int64_t)model->jobs[i].before, i};
        }
        qsort(ends, model->n_jobs, sizeof *ends, compare_ends);
        for (size_t i = 0; i < model->n_jobs; i++)
                model->turns[i] = ends[i].job;
        model->gap_ms = larger(model->measured_ms - (model->n_jobs > 0 ? times[model->n_jobs - 1] : 0), 0);
}

/* ---- what tasks spend their time on ---- */

static double share(double part, double all)
{
        return all > 0 && part > 0 ? (part < all ? part / all : 1) : 0;
}

static void find_shares(struct batch_model *model, struct batch_node *node)
{
        const struct batch_stage *stage = node->stage;
        const struct batch_totals *used = &stage->totals;
        autofree double *beside = memory_new(stage->n_tasks, sizeof *beside);
        double took = 0, ran = 0, cpu = (double)used->cpu_ns / 1e6;
        double told = cpu + (double)(used->gc_ms + used->fetch_wait_ms);

        for (size_t t = 0; t < stage->n_tasks; t++) {
                took += stage->tasks[t].took_ms;
                ran += stage->tasks[t].run_ms;
                beside[t] = stage->tasks[t].took_ms - stage->tasks[t].run_ms;
        }
        gsl_sort(beside, 1, stage->n_tasks);
        node->beside_ms = gsl_stats_median_from_sorted_data(beside, 1, stage->n_tasks);
        node->garbage_share = share((double)used->gc_ms, took);
        node->waiting_share = cpu > 0 ? share(ran - told, took) : 0; /* old versions do not tell */
        node->by_shuffle = used->shuffle_read_bytes > 0 && stage->attempt == 0 &&
                           (int64_t)stage->n_tasks == model->partitions;
}

static void find_all_shares(struct batch_model *model)
{
        double partitions;

        model->partitions = setting_number(model->run, "spark.sql.shuffle.partitions", &partitions) &&
                                            partitions <= BATCH_MAX_TASKS
                                    ? (int64_t)partitions
                                    : PARTITIONS;
        for (size_t n = 0; n < model->n_nodes; n++)
                find_shares(model, &model->nodes[n]);
}

static void build(struct building *building)
{
        const struct batch_run *run = building->run;
        struct batch_model *model = building->model;
        size_t most = run->n_jobs + run->n_stages + 1;
        autofree size_t *node_of_stage = memory_new(run->n_stages + 1, sizeof *node_of_stage);
        autofree int64_t *times = memory_new(2 * most + 2 * run->n_stages, sizeof *times);

        for (size_t s = 0; s < run->n_stages; s++)
                node_of_stage[s] = SIZE_MAX;
        building->node_of_stage = node_of_stage;
        building->submitted_ms = times;
        building->ended_ms = times + most;
        building->stage_from_ms = times + 2 * most;
        building->stage_to_ms = times + 2 * most + run->n_stages;
        model->nodes = memory_new(run->n_stages + 1, sizeof *model->nodes);
        model->jobs = memory_new(most, sizeof *model->jobs);
        find_slots(model);
        find_arrivals(model, building->first_ms);
        add_jobs(building);
        find_handovers(building);
        link_jobs(building);
        find_all_shares(model);
        batch_warmup_find(model);
}

bool batch_model_new(const struct batch_run *run, struct batch_model **ret_model, struct error *err)
{
        struct building building = {.run = run, .first_ms = batch_run_first_ms(run)};
        struct batch_model *model;

        if (run->n_tasks == 0)
                return error_set(err, ERROR_INCOMPLETE, "NoTasks", "no task has ended");
        model = memory_new(1, sizeof *model);
        model->run = run;
        model->measured_ms = batch_run_last_ms(run) - building.first_ms;
        building.model = model;
        build(&building);
        *ret_model = model;
        return true;
}

void batch_model_free(struct batch_model *model)
{
        if (!model)
                return;
        for (size_t i = 0; i < model->n_nodes; i++) {
                free(model->nodes[i].parents);
                free(model->nodes[i].order);
        }
        for (size_t i = 0; i < model->n_jobs; i++)
                free(model->jobs[i].nodes);
        free(model->nodes);
        free(model->jobs);
        free(model->turns);
        free(model->slots);
        free(model->arrivals_ms);
        free(model);
}
