/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/residuals.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#define SMALLEST 1e-3 /* in the metric's unit: below it a ratio means nothing */
#define POINTS   99   /* quantiles that stand for the residuals */

const char *window_name(enum window_metric metric)
{
        static const char *const names[WINDOW_METRICS] = {"workers", "throughput", "latency", "backlog"};

        return names[metric];
}

double window_measured(const struct recording *recording, enum window_metric metric, size_t window,
                       size_t steps_per_window)
{
        const double *const values[WINDOW_METRICS] = {recording->workers, recording->throughput,
                                                      recording->latency, recording->backlog};
        size_t from = window * steps_per_window, to = from + steps_per_window;

        return recording_mean(values[metric], from, to < recording->count ? to : recording->count);
}

double window_simulated(const struct timeline *timeline, enum window_metric metric, size_t window)
{
        const double *const values[WINDOW_METRICS] = {timeline->workers, timeline->throughput,
                                                      timeline->latency_p50, timeline->backlog};

        return window < timeline->count ? values[metric][window] : NAN;
}

void residuals_add(struct residuals *residuals, enum window_metric metric, double measured, double predicted)
{
        size_t n = residuals->count[metric];

        if (!(measured > SMALLEST) || !(predicted > SMALLEST))
                return;
        if ((n & (n - 1)) == 0)
                residuals->log_ratio[metric] =
                        memory_resize(residuals->log_ratio[metric], n ? 2 * n : 1, sizeof(double));
        residuals->log_ratio[metric][n] = log(measured / predicted);
        residuals->count[metric]++;
}

void residuals_finish(struct residuals *residuals)
{
        for (int metric = 0; metric < WINDOW_METRICS; metric++)
                if (residuals->count[metric] > 0)
                        gsl_sort(residuals->log_ratio[metric], 1, residuals->count[metric]);
}

void residuals_free(struct residuals *residuals)
{
        for (int metric = 0; residuals && metric < WINDOW_METRICS; metric++)
                free(residuals->log_ratio[metric]);
}

/* Quantiles of the residuals at the middles of POINTS equal shares; without residuals the model is taken at
 * its word. */
static size_t representatives(const struct residuals *residuals, enum window_metric metric,
                              double *ret_factors)
{
        size_t n = residuals->count[metric];

        if (n == 0) {
                ret_factors[0] = 1;
                return 1;
        }
        for (size_t i = 0; i < POINTS; i++)
                ret_factors[i] = exp(gsl_stats_quantile_from_sorted_data(residuals->log_ratio[metric], 1, n,
                                                                         ((double)i + .5) / POINTS));
        return POINTS;
}

struct band residuals_band(const struct residuals *residuals, enum window_metric metric, double *runs,
                           size_t n, double share)
{
        double factors[POINTS];
        size_t n_factors = representatives(residuals, metric, factors);
        autofree double *values = memory_new(n * n_factors, sizeof *values);
        struct band band;
        size_t k = 0;

        gsl_sort(runs, 1, n);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n_factors; j++)
                        values[k++] = runs[i] * factors[j];
        gsl_sort(values, 1, k);
        band.middle = gsl_stats_median_from_sorted_data(runs, 1, n);
        band.low = gsl_stats_quantile_from_sorted_data(values, 1, k, (1 - share) / 2);
        band.high = gsl_stats_quantile_from_sorted_data(values, 1, k, (1 + share) / 2);
        return band;
}
