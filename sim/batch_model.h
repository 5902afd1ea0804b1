/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_BATCH_MODEL_H
#define OPTCTL_SIM_BATCH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/batch.h"
#include "core/error.h"
#include "core/memory.h"

/*
 * What a measured run of a batch application says about how it would run elsewhere: a graph of jobs and
 * stages, what each task takes, and the time that belongs to the driver and not to tasks. All of it is
 * differences between measured instants that no schedule changes:
 *
 *   job     waits for every job that had ended when it was submitted, and then `gap` (the driver's own work)
 *   stage   waits for its job and its parents in it, then `gap`; its first tasks start `launch` later; it
 * ends `tail` after its last task    takes what it took, on one slot; the next one on a slot that was busy
 * starts `handover` later
 *
 * When a stage or a job ends is never taken from the run: it follows from tasks, slots and the graph.
 * Milliseconds since the run's first instant.
 */
#define BATCH_FIRST (UINT32_C(1) << 31)

struct batch_node {
        const struct batch_stage *stage; /* of the run, borrowed */
        size_t job;
        size_t *parents; /* nodes of the same job */
        size_t n_parents;
        int64_t gap_ms, launch_ms, tail_ms, handover_ms;
        uint32_t *order; /* the stage's tasks as they were launched; those with BATCH_FIRST began it on their
                          * executor (sim/batch_warmup) */
        double first_ms; /* which took so much longer than the others */
        double waiting_share, garbage_share; /* of its tasks' time: neither on a CPU nor for garbage or data
                                              * of others; collecting garbage */
        double beside_ms; /* the median of what its tasks take beside their work: handed out, loaded, results
                           */
        bool by_shuffle;  /* it has a task for each partition of a shuffle, as many as a setting says */
};

struct batch_step {
        size_t before; /* so many of the first jobs to end have to end before this one may start */
        int64_t gap_ms, tail_ms;
        size_t *nodes;
        size_t n_nodes;
        size_t rank; /* of its end among those of all jobs, as measured */
};

struct batch_model {
        const struct batch_run *run; /* borrowed */
        struct batch_node *nodes;
        struct batch_step *jobs; /* in the order in which they were first heard of */
        size_t *turns;           /* jobs by what they wait for */
        size_t n_nodes, n_jobs;
        int64_t measured_ms; /* the whole run */
        int64_t gap_ms;      /* from the end of the last job to that of the application */
        int64_t *slots;      /* tasks at a time, of each executor of the run */
        int64_t task_cores;  /* that a task takes */
        /* of new executors: cores, tasks at a time, and how long after the start they came: sorted, of those
         * that came at first */
        int64_t cores, slots_each;
        int64_t *arrivals_ms;
        size_t n_arrivals;
        double first_share; /* of the time of an executor's first tasks of a stage, over all stages */
        int64_t partitions; /* of shuffles, by the setting or the engine's default */
};

/* ERROR_INCOMPLETE when no task of the run ended. The run has to outlive the model. */
bool batch_model_new(const struct batch_run *run, struct batch_model **ret_model, struct error *err);
void batch_model_free(struct batch_model *model);
DEFINE_CLEANUP(batch_model_free, struct batch_model);

#endif
