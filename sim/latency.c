/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/latency.h"

#include <math.h>

#include "core/formulas.h"

#define UTILISATION_CAP 0.99

const double latency_masses[LATENCY_POINTS] = {.05, .05, .05, .05, .05, .05, .05, .05, .05,  .05, .05,  .05,
                                               .05, .05, .05, .05, .05, .05, .05, .02, .015, .01, .004, .001};

/* Middle of each mass, as a quantile. */
static const double quantiles[LATENCY_POINTS] = {.025, .075, .125, .175, .225,  .275, .325, .375,
                                                 .425, .475, .525, .575, .625,  .675, .725, .775,
                                                 .825, .875, .925, .96,  .9775, .99,  .997, .9995};

static int bin_of(double seconds)
{
        double position;

        if (!(seconds > LATENCY_LOWEST))
                return 0;
        position = log10(seconds / LATENCY_LOWEST) * LATENCY_BINS_PER_DECADE;
        return position >= LATENCY_BINS ? LATENCY_BINS - 1 : (int)position;
}

void latency_add(struct latency_histogram *histogram, double seconds, double weight)
{
        histogram->weight[bin_of(seconds)] += weight;
        histogram->total += weight;
}

double latency_quantile(const struct latency_histogram *histogram, double q)
{
        double wanted = q * histogram->total;
        double below = 0;

        if (!(histogram->total > 0))
                return NAN;
        for (int i = 0; i < LATENCY_BINS; i++) {
                double weight = histogram->weight[i];

                if (weight > 0 && below + weight >= wanted)
                        return LATENCY_LOWEST *
                               pow(10, (i + (wanted - below) / weight) / LATENCY_BINS_PER_DECADE);
                below += weight;
        }
        return LATENCY_LOWEST * pow(10, (double)LATENCY_BINS / LATENCY_BINS_PER_DECADE);
}

static double waits(const struct latency_stage *stages, int n_stages, double q)
{
        double sum = 0;

        for (int i = 0; i < n_stages; i++) {
                const struct latency_stage *stage = &stages[i];
                double arrivals =
                        fmin(stage->arrivals_per_second, UTILISATION_CAP * stage->service_per_second);

                sum += queue_wait_quantile(arrivals, stage->service_per_second, 1, 1,
                                           stage->service_cv * stage->service_cv, q);
        }
        return sum;
}

void latency_at(double base_seconds, double log_sd, const struct latency_stage *stages, int n_stages,
                struct latency_point *ret_point)
{
        for (int i = 0; i < LATENCY_POINTS; i++)
                ret_point->points[i] = base_seconds * exp(log_sd * normal_quantile(quantiles[i])) +
                                       waits(stages, n_stages, quantiles[i]);
        ret_point->p50 = base_seconds + waits(stages, n_stages, .5);
        ret_point->p95 = base_seconds * exp(log_sd * normal_quantile(.95)) + waits(stages, n_stages, .95);
        ret_point->p99 = base_seconds * exp(log_sd * normal_quantile(.99)) + waits(stages, n_stages, .99);
}
