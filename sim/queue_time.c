/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/queue_time.h"

#include <gsl/gsl_randist.h>

bool queue_sampler_make(const struct queue_time *time, const char *station, struct queue_sampler *ret_sampler,
                        struct error *err)
{
        double squared = time->cv * time->cv;
        bool varies = time->law != QUEUE_EXPONENTIAL && time->law != QUEUE_DETERMINISTIC;
        struct queue_sampler sampler = {.law = time->law, .mean = time->mean_seconds};

        if (!(time->mean_seconds > 0) || !isfinite(time->mean_seconds))
                return error_set(err, ERROR_INPUT, NULL, "station %s: a mean time of %g s; expected above 0",
                                 station, time->mean_seconds);
        if (varies && !(time->cv > 0 && isfinite(time->cv)))
                return error_set(err, ERROR_INPUT, NULL,
                                 "station %s: a coefficient of variation of %g; expected above 0", station,
                                 time->cv);
        if (time->law == QUEUE_HYPEREXPONENTIAL && time->cv < 1)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "station %s: a hyperexponential time with a coefficient of variation of %g; expected "
                        "1 or more",
                        station, time->cv);
        if (time->law == QUEUE_GAMMA) {
                sampler.a = 1 / squared;
                sampler.b = time->mean_seconds * squared;
        } else if (time->law == QUEUE_LOGNORMAL) {
                sampler.b = sqrt(log1p(squared));
                sampler.a = log(time->mean_seconds) - sampler.b * sampler.b / 2;
        } else if (time->law == QUEUE_HYPEREXPONENTIAL) {
                sampler.a = (1 + sqrt((squared - 1) / (squared + 1))) / 2;
        }
        *ret_sampler = sampler;
        return true;
}

double queue_draw_general(const struct queue_sampler *sampler, gsl_rng *rng)
{
        double share;

        switch (sampler->law) {
        case QUEUE_EXPONENTIAL:
                break;
        case QUEUE_DETERMINISTIC:
                return sampler->mean;
        case QUEUE_GAMMA:
                return gsl_ran_gamma(rng, sampler->a, sampler->b);
        case QUEUE_LOGNORMAL:
                return exp(sampler->a + gsl_ran_gaussian_ziggurat(rng, sampler->b));
        case QUEUE_HYPEREXPONENTIAL:
                /* Balanced means: each phase brings half of the mean. */
                share = gsl_rng_uniform(rng) < sampler->a ? sampler->a : 1 - sampler->a;
                return -sampler->mean / (2 * share) * log(gsl_rng_uniform_pos(rng));
        }
        return -sampler->mean * log(gsl_rng_uniform_pos(rng));
}
