/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/batch_predict.h"

#include <math.h>
#include <string.h>

#include "core/text.h"

/*
 * How much longer tasks take on more slots, one log cannot tell: they share network, disks and memory, and
 * less of what they read is near. In the published traces of Decima (SIGCOMM 2019, TPC-H) the median task
 * took 2.3 times as long on 100 executors as on 5 at 100 GB, and 3.9 times at 2 GB: exponents of 0.28 and
 * 0.45, what executors' first tasks take more included, which is counted apart here. So the interval goes
 * from none of it to that of the large input, and the middle is a quarter of the way.
 */
#define MIDDLE_EXPONENT 0.075
#define MOST_EXPONENT   0.3
#define MOST_WARMUP     1.5      /* of what the log shows of it, one log says little */
#define MOST_GARBAGE    10       /* times as much of it: an executor gives up beyond */
#define RESERVED        0x12cp20 /* 300 MiB of a heap are the engine's own */
#define UNIFIED         0.6      /* of the rest is for execution and storage (spark.memory.fraction) */

/* Tasks of the job that has the most: more slots than that stand idle and slow nobody. */
static double widest_job(const struct batch_model *model, int64_t partitions)
{
        double widest = 1;

        for (size_t j = 0; j < model->n_jobs; j++) {
                double tasks = 0;

                for (size_t i = 0; i < model->jobs[j].n_nodes; i++) {
                        const struct batch_node *node = &model->nodes[model->jobs[j].nodes[i]];

                        tasks += partitions > 0 && node->by_shuffle ? (double)partitions
                                                                    : (double)node->stage->n_tasks;
                }
                widest = fmax(widest, tasks);
        }
        return widest;
}

/* Tasks at a time of an executor with so many cores; 0: as many as it had. */
static double slots_with(const struct batch_model *model, int64_t cores)
{
        int64_t slots = cores > 0 ? cores / model->task_cores : model->slots_each;

        return (double)(slots > 1 ? slots : 1);
}

/* What changes: slots that tasks run on at a time, memory of a task's share, partitions. Above 1: more of it.
 */
struct change {
        double slots, crowding, partitions;
};

static double used_slots(double slots, double widest)
{
        return fmax(fmin(slots, widest), 1);
}

static struct change change_of(const struct batch_model *model, const struct batch_replay *as_measured,
                               const struct batch_wanted *wanted, int64_t slots)
{
        double slots_each = (double)model->slots_each, heap = batch_wanted_heap(model->run);
        double each = slots_with(model, wanted->cores);
        struct change change = {.partitions = 1};

        change.slots = used_slots((double)slots, widest_job(model, wanted->partitions)) /
                       used_slots((double)as_measured->slots, widest_job(model, 0));
        /* A heap is collected so much more often as tasks share it or it is smaller. */
        change.crowding = (each / slots_each) / (wanted->memory > 0 ? wanted->memory / heap : 1);
        if (wanted->partitions > 0)
                change.partitions = (double)wanted->partitions / (double)model->partitions;
        return change;
}

static double garbage(double crowding, enum batch_case which)
{
        double factor = crowding;

        if (which != BATCH_MIDDLE)
                factor = (which == BATCH_SLOW) == (crowding > 1) ? crowding * crowding : 1;
        return fmin(factor, MOST_GARBAGE) - 1;
}

/* Of two values, the one that makes a run slower when what it belongs to grows. */
static double by_case(enum batch_case which, bool grows, double least, double middle, double most)
{
        if (which == BATCH_MIDDLE)
                return middle;
        return (which == BATCH_SLOW) == grows ? most : least;
}

static struct batch_cluster cluster_of(const struct batch_model *model, const struct batch_wanted *wanted,
                                       const struct change *change, enum batch_case which)
{
        bool more = change->slots > 1, fewer = change->slots < 1;
        double exponent = by_case(which, more, 0, MIDDLE_EXPONENT, MOST_EXPONENT);

        return (struct batch_cluster){
                .executors = wanted->executors,
                .cores = wanted->cores,
                .stretch = pow(change->slots, exponent),
                .warmup = by_case(which, !fewer, 0, 1, MOST_WARMUP),
                /* What waited may have waited for what all slots share. */
                .waiting = by_case(which, more, 0, 0, change->slots - 1),
                .garbage = garbage(change->crowding, which),
                .partitions = wanted->partitions != model->partitions ? wanted->partitions : 0,
                .beside = by_case(which, change->partitions > 1, 0.5, 1, 1.5),
                .keys_whole = which != BATCH_FAST,
                .dynamic = wanted->dynamic,
        };
}

/* How long an executor takes from when it is asked for until it comes: like the run's first one, which was
 * asked for at the start, or, where the run itself was allocated dynamically, once the first job's tasks had
 * waited. */
static double start_ms(const struct batch_model *model, const struct batch_dynamic *rules)
{
        const struct batch_run *run = model->run;
        const char *dynamic = batch_run_setting(run, "spark.dynamicAllocation.enabled");
        double came = model->n_arrivals > 0 ? (double)model->arrivals_ms[0] : 0, asked = 0;

        if (dynamic && strcmp(dynamic, "true") == 0 && run->n_jobs > 0 &&
            run->jobs[0].submitted_ms != BATCH_UNKNOWN)
                asked = (double)(run->jobs[0].submitted_ms - batch_run_first_ms(run)) + rules->backlog_ms;
        return asked < came ? came - asked : came;
}

bool batch_predict_knows_partitions(const struct batch_model *model)
{
        for (size_t n = 0; n < model->n_nodes; n++) {
                if (model->nodes[n].by_shuffle)
                        return true;
        }
        return false;
}

static bool check_partitions(const struct batch_model *model, const struct batch_wanted *wanted,
                             struct error *err)
{
        if (wanted->partitions == 0 || batch_predict_knows_partitions(model))
                return true;
        return error_set(
                err, ERROR_INPUT, NULL,
                "simulate: spark.sql.shuffle.partitions: no stage of this run reads a shuffle in the "
                "%lld tasks of that setting: adaptive execution chose their number, or nothing is "
                "shuffled",
                (long long)model->partitions);
}

static bool replay_case(const struct batch_model *model, const struct batch_wanted *wanted,
                        const struct change *change, enum batch_case which, struct batch_replay *ret_replay,
                        struct error *err)
{
        struct batch_cluster cluster = cluster_of(model, wanted, change, which);

        cluster.dynamic.start_ms = start_ms(model, &wanted->dynamic);
        return batch_replay(model, &cluster, ret_replay, err);
}

/* How many slots there are, a first replay tells. */
static bool find_change(const struct batch_model *model, const struct batch_replay *as_measured,
                        const struct batch_wanted *wanted, struct change *ret_change, struct error *err)
{
        const struct change none = {1, 1, 1};
        struct batch_replay first;

        if (!check_partitions(model, wanted, err) ||
            !replay_case(model, wanted, &none, BATCH_MIDDLE, &first, err))
                return false;
        *ret_change = change_of(model, as_measured, wanted, first.slots);
        return true;
}

bool batch_predict_middle(const struct batch_model *model, const struct batch_replay *as_measured,
                          const struct batch_wanted *wanted, struct batch_replay *ret_replay,
                          struct error *err)
{
        struct change change;

        return find_change(model, as_measured, wanted, &change, err) &&
               replay_case(model, wanted, &change, BATCH_MIDDLE, ret_replay, err);
}

bool batch_predict(const struct batch_model *model, const struct batch_replay *as_measured,
                   const struct batch_wanted *wanted, struct batch_prediction *ret_prediction,
                   struct error *err)
{
        struct batch_prediction prediction;
        struct change change;

        if (!find_change(model, as_measured, wanted, &change, err))
                return false;
        for (enum batch_case which = 0; which < BATCH_CASES; which++)
                if (!replay_case(model, wanted, &change, which, &prediction.cases[which], err))
                        return false;
        *ret_prediction = prediction;
        return true;
}

/* ---- memory ---- */

static double task_memory(double heap, double slots)
{
        return fmax(heap - RESERVED, 0) * UNIFIED / slots;
}

char *batch_predict_warning(const struct batch_model *model, const struct batch_wanted *wanted)
{
        double heap = wanted->memory > 0 ? wanted->memory : batch_wanted_heap(model->run);
        double room = task_memory(heap, slots_with(model, wanted->cores)), worst = 0;
        const struct batch_node *node = NULL;

        if (wanted->memory <= 0 && wanted->cores <= 0 && wanted->partitions <= 0)
                return NULL;
        for (size_t n = 0; n < model->n_nodes; n++) {
                const struct batch_node *it = &model->nodes[n];
                double peak = (double)it->stage->totals.peak_memory_bytes;

                if (wanted->partitions > 0 && it->by_shuffle)
                        peak *= (double)model->partitions / (double)wanted->partitions;
                if (peak > worst) {
                        worst = peak;
                        node = it;
                }
        }
        if (!node || worst <= room)
                return NULL;
        return memory_format("the largest task of stage %lld would need %.0f MB to sort and join, and have "
                             "%.0f MB: it would spill to disk, which is not counted, or fail",
                             (long long)node->stage->id, worst / 1e6, room / 1e6);
}
