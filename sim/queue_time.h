/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_QUEUE_TIME_H
#define OPTCTL_SIM_QUEUE_TIME_H

#include <gsl/gsl_rng.h>
#include <math.h>

#include "sim/queue.h"

/* A queue_time ready to be drawn from; the meaning of a and b depends on the law. */
struct queue_sampler {
        enum queue_law law;
        double mean, a, b;
};

bool queue_sampler_make(const struct queue_time *time, const char *station, struct queue_sampler *ret_sampler,
                        struct error *err);

double queue_draw_general(const struct queue_sampler *sampler, gsl_rng *rng);

/* Seconds. The exponential is inlined: a network draws one at every event. */
static inline double queue_draw(const struct queue_sampler *sampler, gsl_rng *rng)
{
        if (sampler->law == QUEUE_EXPONENTIAL)
                return -sampler->mean * log(gsl_rng_uniform_pos(rng));
        return queue_draw_general(sampler, rng);
}

#endif
