/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/batch_advice.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"

#define PART_OF_RUN  0.05 /* stages that last less do not matter */
#define LEAST        0.02 /* of the run: what is at stake below it is not worth a word */
#define SKEW         3    /* times the median */
#define SMALL_MS     200
#define GARBAGE      0.15 /* of the time tasks ran */
#define DRIVER       0.5  /* of the run */
#define IDLE         0.5  /* of the slots' time */
#define STAGE_LENGTH 60   /* bytes of a stage's name that are shown */

const char *const batch_advice_names[] = {"Skew",    "FewTasks", "SmallTasks", "Spill",
                                          "Garbage", "Driver",   "Idle"};

struct advising {
        const struct batch_model *model;
        const struct batch_replay *as_measured;
        struct batch_advice *advice;
        size_t count;
};

/* What a stage's tasks look like together. */
struct shape {
        const struct batch_stage *stage;
        double seconds; /* from the first launch to the last end */
        double median, longest,
                beside; /* of a task, and what the median one took beside its work, in seconds */
        double work;    /* of all tasks */
};

__attribute__((format(printf, 5, 6))) static void advise(struct advising *advising,
                                                         enum batch_advice_kind kind,
                                                         const struct batch_stage *stage, double seconds,
                                                         const char *format, ...)
{
        struct batch_advice next = {kind, stage, seconds, ""};
        size_t at;
        va_list args;
        int used = 0;

        if (seconds > 0 && seconds < LEAST * (double)advising->model->measured_ms / 1e3)
                return;
        at = advising->count < BATCH_ADVICE_MAX ? advising->count++ : BATCH_ADVICE_MAX - 1;
        if (advising->count == BATCH_ADVICE_MAX && advising->advice[at].words[0] &&
            advising->advice[at].seconds >= seconds)
                return;
        if (stage)
                used = snprintf(next.words, sizeof next.words, "stage %lld (%.*s): ", (long long)stage->id,
                                STAGE_LENGTH, stage->name ? stage->name : "?");
        va_start(args, format);
        vsnprintf(next.words + used, sizeof next.words - (size_t)used, format, args);
        va_end(args);
        for (; at > 0 && advising->advice[at - 1].seconds < seconds; at--)
                advising->advice[at] = advising->advice[at - 1];
        advising->advice[at] = next;
}

static int compare_doubles(const void *a, const void *b)
{
        double left = *(const double *)a, right = *(const double *)b;

        return (left > right) - (left < right);
}

static double median_of(double *values, size_t count)
{
        qsort(values, count, sizeof *values, compare_doubles);
        return values[count / 2];
}

static struct shape shape_of(const struct batch_stage *stage)
{
        struct shape shape = {.stage = stage};
        autofree double *took = memory_new(stage->n_tasks, sizeof *took);
        autofree double *beside = memory_new(stage->n_tasks, sizeof *beside);
        double first = INFINITY, last = 0;

        for (size_t t = 0; t < stage->n_tasks; t++) {
                const struct batch_task *task = &stage->tasks[t];

                took[t] = task->took_ms / 1e3;
                beside[t] = (task->took_ms - task->run_ms) / 1e3;
                first = fmin(first, task->launched_ms / 1e3);
                last = fmax(last, task->launched_ms / 1e3 + took[t]);
                shape.longest = fmax(shape.longest, took[t]);
                shape.work += took[t];
        }
        shape.seconds = last - first;
        shape.median = median_of(took, stage->n_tasks);
        shape.beside = median_of(beside, stage->n_tasks);
        return shape;
}

/* A stage ends no sooner than its longest task, nor than its work on all slots. */
static void look_at_tasks(struct advising *advising, const struct shape *shape)
{
        const struct batch_stage *stage = shape->stage;
        double slots = (double)advising->as_measured->slots, even = shape->work / slots;

        if (stage->n_tasks > 1 && shape->longest >= SKEW * shape->median && shape->longest > 2 * even)
                advise(advising, BATCH_ADVICE_SKEW, stage, shape->longest - fmax(even, shape->median),
                       "the longest of %zu tasks took %.3g s, the median %.3g s: a key or a file that is far "
                       "larger than the others; "
                       "spread it (salt the key, adaptive skew join)",
                       stage->n_tasks, shape->longest, shape->median);
        else if ((double)stage->n_tasks < slots)
                advise(advising, BATCH_ADVICE_FEW_TASKS, stage, shape->seconds - even,
                       "%zu task%s on %.0f slots: more partitions would use the others", stage->n_tasks,
                       text_plural((double)stage->n_tasks), slots);
        if ((double)stage->n_tasks > 4 * slots && shape->median < SMALL_MS / 1e3 &&
            shape->beside > shape->median / 2)
                advise(advising, BATCH_ADVICE_SMALL_TASKS, stage,
                       shape->seconds * shape->beside / shape->median *
                               (1 - 4 * slots / (double)stage->n_tasks),
                       "%zu tasks take %.0f ms each, %.0f ms of that beside their work: fewer, larger "
                       "partitions",
                       stage->n_tasks, shape->median * 1e3, shape->beside * 1e3);
}

/* Spilled bytes are written once and read once, at about the speed of a disk. */
static void look_at_memory(struct advising *advising, const struct shape *shape)
{
        const struct batch_totals *totals = &shape->stage->totals;
        double garbage = totals->run_ms > 0 ? (double)totals->gc_ms / (double)totals->run_ms : 0;

        if (totals->spilled_disk_bytes > 0)
                advise(advising, BATCH_ADVICE_SPILL, shape->stage, shape->seconds,
                       "%.3g MB were spilled to disk: more memory for each task (fewer cores an executor, or "
                       "larger ones), or more "
                       "partitions",
                       (double)totals->spilled_disk_bytes / 1e6);
        if (garbage > GARBAGE)
                advise(advising, BATCH_ADVICE_GARBAGE, shape->stage, shape->seconds * garbage,
                       "%.0f %% of the tasks' time went into collecting garbage: more memory, or fewer tasks "
                       "at a time on an executor",
                       garbage * 100);
}

static void look_at_run(struct advising *advising)
{
        const struct batch_replay *replay = advising->as_measured;
        double run = (double)advising->model->measured_ms / 1e3;
        double idle = replay->slot_seconds > 0 ? 1 - replay->busy_seconds / replay->slot_seconds : 0;

        if (replay->driver_seconds > DRIVER * run)
                advise(advising, BATCH_ADVICE_DRIVER, NULL, replay->driver_seconds,
                       "no task ran in %.3g of %.3g s: the driver plans, collects or waits, and executors "
                       "cannot shorten that",
                       replay->driver_seconds, run);
        if (idle > IDLE)
                advise(advising, BATCH_ADVICE_IDLE, NULL, 0,
                       "%.0f %% of what executors are paid for stood idle: fewer of them, or dynamic "
                       "allocation",
                       idle * 100);
}

size_t batch_advise(const struct batch_model *model, const struct batch_replay *as_measured,
                    struct batch_advice advice[BATCH_ADVICE_MAX])
{
        struct advising advising = {model, as_measured, advice, 0};

        for (size_t i = 0; i < BATCH_ADVICE_MAX; i++)
                advice[i] = (struct batch_advice){0};
        for (size_t n = 0; n < model->n_nodes; n++) {
                struct shape shape = shape_of(model->nodes[n].stage);

                if (shape.seconds * 1e3 < PART_OF_RUN * (double)model->measured_ms)
                        continue;
                look_at_tasks(&advising, &shape);
                look_at_memory(&advising, &shape);
        }
        look_at_run(&advising);
        return advising.count;
}
