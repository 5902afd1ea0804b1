/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_WORKLOAD_H
#define OPTCTL_SIM_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/spec.h"
#include "sim/engine.h"

/*
 * The load of spec.workload on the steps of a simulation. What does not depend on chance is made once and
 * shared by all runs; read-only afterwards, so runs may draw from it on any thread.
 */
struct workload;

#define WORKLOAD_MAX_STEPS 50000000 /* 18 months of seconds; 16 bytes each */

/*
 * base         folder that the recorded load's file name is relative to
 * start_ms     INT64_MIN: where the recording starts, else 2026-01-05T00:00:00Z (a Monday)
 * duration_ms  0: as long as the recording, else 7 days
 * seed         of bursts and noise, together with the run
 *
 * A recording coarser than the step is interpolated, a finer one averaged over it; unknown values are
 * interpolated between their neighbours. ERROR_INPUT when it does not cover the time and `repeat` is not set.
 */
bool workload_new(const struct workload_options *options, const char *base, int64_t start_ms,
                  int64_t duration_ms, int64_t step_ms, uint64_t seed, struct workload **ret_workload,
                  struct error *err);
void workload_free(struct workload *workload);
DEFINE_CLEANUP(workload_free, struct workload);

int64_t workload_start_ms(const struct workload *workload);
int64_t workload_duration_ms(const struct workload *workload);

/* The load of one run, depending on (seed, run) alone. Borrows from the workload where nothing is left to
 * chance. */
struct workload_run {
        struct load load;
        double *rate_per_second, *cumulative_records; /* NULL: the workload's own */
};

struct workload_run *workload_run_new(const struct workload *workload, uint64_t run);
void workload_run_free(struct workload_run *run);
DEFINE_CLEANUP(workload_run_free, struct workload_run);

#endif
