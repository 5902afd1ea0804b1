/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/residuals.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#define SMALLEST      1e-3 /* in the metric's unit: below it a ratio means nothing */
#define POINTS        99   /* quantiles that stand for the residuals */
#define KIND_AT_LEAST 5

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
        const double *const values[WINDOW_METRICS] = {timeline->workers, timeline->metered,
                                                      timeline->latency_p50, timeline->backlog};

        return window < timeline->count ? values[metric][window] : NAN;
}

void residuals_add(struct residuals *residuals, enum window_metric metric, enum window_kind kind,
                   double measured, double predicted)
{
        size_t n = residuals->count[metric][kind];

        if (!(measured > SMALLEST) || !(predicted > SMALLEST))
                return;
        if ((n & (n - 1)) == 0)
                residuals->log_ratio[metric][kind] =
                        memory_resize(residuals->log_ratio[metric][kind], n ? 2 * n : 1, sizeof(double));
        residuals->log_ratio[metric][kind][n] = log(measured / predicted);
        residuals->count[metric][kind]++;
}

void residuals_finish(struct residuals *residuals)
{
        for (int metric = 0; metric < WINDOW_METRICS; metric++)
                for (int kind = 0; kind < WINDOW_KINDS; kind++)
                        if (residuals->count[metric][kind] > 0)
                                gsl_sort(residuals->log_ratio[metric][kind], 1,
                                         residuals->count[metric][kind]);
}

void residuals_free(struct residuals *residuals)
{
        for (int metric = 0; residuals && metric < WINDOW_METRICS; metric++)
                for (int kind = 0; kind < WINDOW_KINDS; kind++)
                        free(residuals->log_ratio[metric][kind]);
}

/* Quantiles of the residuals at the middles of POINTS equal shares. A kind that was hardly seen borrows the
 * other's; without any the model is taken at its word. */
static size_t representatives(const struct residuals *residuals, enum window_metric metric,
                              enum window_kind kind, double *ret_factors)
{
        if (residuals->count[metric][kind] < KIND_AT_LEAST)
                kind = kind == WINDOW_QUIET ? WINDOW_RESTARTED : WINDOW_QUIET;
        if (residuals->count[metric][kind] < KIND_AT_LEAST) {
                ret_factors[0] = 1;
                return 1;
        }
        for (size_t i = 0; i < POINTS; i++)
                ret_factors[i] = exp(gsl_stats_quantile_from_sorted_data(residuals->log_ratio[metric][kind],
                                                                         1, residuals->count[metric][kind],
                                                                         ((double)i + .5) / POINTS));
        return POINTS;
}

struct band residuals_band(const struct residuals *residuals, enum window_metric metric,
                           const struct window_value *runs, size_t n, double share)
{
        double factors[WINDOW_KINDS][POINTS];
        size_t n_factors[WINDOW_KINDS];
        autofree double *values = memory_new(n * POINTS, sizeof *values);
        autofree double *plain = memory_new(n, sizeof *plain);
        struct band band;
        size_t k = 0;

        for (int kind = 0; kind < WINDOW_KINDS; kind++)
                n_factors[kind] = representatives(residuals, metric, kind, factors[kind]);
        for (size_t i = 0; i < n; i++) {
                plain[i] = runs[i].value;
                for (size_t j = 0; j < n_factors[runs[i].kind]; j++)
                        values[k++] = runs[i].value * factors[runs[i].kind][j];
        }
        gsl_sort(plain, 1, n);
        gsl_sort(values, 1, k);
        band.middle = gsl_stats_median_from_sorted_data(plain, 1, n);
        band.low = gsl_stats_quantile_from_sorted_data(values, 1, k, (1 - share) / 2);
        band.high = gsl_stats_quantile_from_sorted_data(values, 1, k, (1 + share) / 2);
        return band;
}
