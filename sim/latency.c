/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/latency.h"

#include <math.h>

#include "core/formulas.h"
#include "core/pipeline.h"

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

void latency_scatter(double log_sd, struct latency_scatter *ret_scatter)
{
        ret_scatter->p95 = exp(log_sd * normal_quantile(.95));
        ret_scatter->p99 = exp(log_sd * normal_quantile(.99));
        for (int i = 0; i < LATENCY_POINTS; i++)
                ret_scatter->points[i] = exp(log_sd * normal_quantile(quantiles[i]));
}

static void queue_up(const struct latency_stage *stages, int n_stages, struct queue_wait *waits)
{
        for (int i = 0; i < n_stages; i++) {
                const struct latency_stage *stage = &stages[i];
                double arrivals =
                        fmin(stage->arrivals_per_second, UTILISATION_CAP * stage->service_per_second);

                waits[i] = queue_wait_of(arrivals, stage->service_per_second, 1, 1,
                                         stage->service_cv * stage->service_cv);
        }
}

static double sum_at(const struct queue_wait *waits, int n_stages, double q)
{
        double sum = 0;

        for (int i = 0; i < n_stages; i++)
                sum += queue_wait_at(waits[i], q);
        return sum;
}

void latency_at(double base_seconds, const struct latency_scatter *scatter,
                const struct latency_stage *stages, int n_stages, struct latency_point *ret_point)
{
        struct queue_wait waits[PIPELINE_MAX_OPERATORS];

        queue_up(stages, n_stages, waits);
        ret_point->p50 = base_seconds + sum_at(waits, n_stages, .5);
        ret_point->p95 = base_seconds * scatter->p95 + sum_at(waits, n_stages, .95);
        ret_point->p99 = base_seconds * scatter->p99 + sum_at(waits, n_stages, .99);
}

void latency_add_point(struct latency_histogram *histogram, double weight, double base_seconds,
                       const struct latency_scatter *scatter, const struct latency_stage *stages,
                       int n_stages)
{
        struct queue_wait waits[PIPELINE_MAX_OPERATORS];

        queue_up(stages, n_stages, waits);
        for (int i = 0; i < LATENCY_POINTS; i++)
                latency_add(histogram,
                            base_seconds * scatter->points[i] + sum_at(waits, n_stages, quantiles[i]),
                            weight * latency_masses[i]);
}
