/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_BESIDE_H
#define OPTCTL_OPTIMIZER_BESIDE_H

#include <stdbool.h>

#include "optimizer/capacity.h"
#include "optimizer/memory_sizing.h"
#include "optimizer/partitions.h"

/* What a strategy that plans parallelism proposes beside it: partitions of topics, and workers' memory. */
struct beside_options {
        struct partitions_options partitions;
        struct memory_sizing_options memory;
};

struct beside;

/* Both are borrowed. */
struct beside *beside_new(const struct beside_options *options, const struct pipeline *pipeline);
void beside_free(struct beside *beside);
DEFINE_CLEANUP(beside_free, struct beside);

/* Once a turn. False when the window says nothing about capacity. */
bool beside_observe(struct beside *beside, const struct observation *observation);

/* Parallelism should stay as it is this time, for memory grows first. */
bool beside_memory_first(const struct beside *beside, const struct observation *observation);

/* What is expected over the horizon, and what it costs. */
struct beside_outlook {
        int n_steps, n_scenarios;
        const double *step_seconds;    /* by step */
        const double *scenario_weight; /* add up to 1 */
        const double *load;            /* records/s, [scenario * n_steps + step] */
        const double *worker_second;   /* price, by step */
        double late_second;            /* price */
        const struct capacity *capacity;
        struct deployment next; /* what will run */
};

/* Sets the knobs of *configuration that should change now; false when none should. `reason` has room for
 * `room` bytes: one sentence each. */
bool beside_propose(struct beside *beside, const struct observation *observation,
                    const struct beside_outlook *outlook, struct configuration *configuration, char *reason,
                    unsigned long room);

#endif
