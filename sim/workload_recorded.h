/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_WORKLOAD_RECORDED_H
#define OPTCTL_SIM_WORKLOAD_RECORDED_H

#include "core/series/series.h"
#include "core/spec.h"
#include "sim/workload_shapes.h"

/* The recorded load of a spec, in records/s, known at every instant from its first time to end_ms. */
struct recorded_load {
        struct series *series;
        double *before; /* records before each point, every value holding until the next */
        int64_t step_ms, end_ms;
        bool repeat;
};

bool recorded_load_read(const struct workload_options *options, const char *base,
                        struct recorded_load **ret_load, struct error *err);
void recorded_load_free(struct recorded_load *load);
DEFINE_CLEANUP(recorded_load_free, struct recorded_load);

/* Adds it to the steps of the grid, `shift_ms` later than recorded. A recording with longer steps than the
 * grid's is interpolated, one with shorter steps averaged. ERROR_INPUT when it ends too early and does not
 * repeat. */
bool recorded_load_add(const struct recorded_load *load, const struct load_grid *grid, int64_t shift_ms,
                       double *rate_per_second, struct error *err);

#endif
