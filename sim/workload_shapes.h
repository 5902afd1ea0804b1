/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_WORKLOAD_SHAPES_H
#define OPTCTL_SIM_WORKLOAD_SHAPES_H

#include <gsl/gsl_rng.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/spec.h"
#include "core/zone.h"

/* The even steps that a load is made for. */
struct load_grid {
        int64_t start_ms, step_ms;
        size_t count;
};

bool synthetic_check(const struct synthetic_load *shape, struct error *err);

/* Adds what of the shape does not depend on chance; rates of step i are those of its middle, `shift_ms`
 * earlier. Daily and weekly shapes follow the local time of the zone. */
void synthetic_add(const struct synthetic_load *shape, const struct load_grid *grid, const struct zone *zone,
                   int64_t shift_ms, double *rate_per_second);

/* Adds `scale` times the bursts: a stationary Poisson process of bursts of exponential length; where they
 * overlap, the load is that of one. Mean over time: (peak - base) (1 - exp(-bursts/s x mean length)), from
 * M/G/infinity. */
void synthetic_add_bursts(const struct synthetic_load *shape, const struct load_grid *grid, double scale,
                          gsl_rng *rng, double *rate_per_second);

#endif
