/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_FORECAST_H
#define OPTCTL_OPTIMIZER_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"

/*
 * Load to come, with quantiles, learnt online: one value an interval goes in, memory is bounded and no step
 * allocates.
 *
 * Several simple forecasts (last value, smoothed level, damped trend, same time of day, same time of week
 * scaled to the recent level) are made for a ladder of leads. Each is marked when its time comes; their mean,
 * weighted by the recent out-of-sample error at that lead, is the forecast. Quantiles are the order
 * statistics of the mean's own recent errors at that lead, relative to the level (split conformal prediction;
 * Vovk et al., Algorithmic Learning in a Random World), seeded with a weak prior so that the first hour has
 * them too.
 *
 * A level that shifts at once is told from scatter within two values (Page's cumulative sum test), and
 * followed unless shifts have been seen not to last.
 */
struct forecast;

/* interval_ms > 0 between values; horizon_ms >= interval_ms is the longest lead asked for. */
struct forecast *forecast_new(int64_t interval_ms, int64_t horizon_ms);
void forecast_free(struct forecast *forecast);
DEFINE_CLEANUP(forecast_free, struct forecast);

/* The mean over the interval that ended at `time_ms`, >= 0; NAN when it is not known. Times only move on:
 * where the clock was set back by more than two minutes it begins anew, after less it takes no value before
 * it is where it was; intervals that were skipped count as not known. One that ended within the same interval
 * as the value before it counts only while that one is unsettled: it tells sooner what came of it. A fall
 * below a twentieth of the level is taken for an outage of the source, not for a new level, until it has
 * lasted an hour. */
void forecast_add(struct forecast *forecast, int64_t time_ms, double value);

/* So little has been seen that its errors do not tell yet how often the level shifts. */
bool forecast_is_young(const struct forecast *forecast);

/* The newest value is the first one, as it is again when the second one does not bear it out: a start under
 * way or its backlog may pass for any load. */
bool forecast_is_first(const struct forecast *forecast);

/* The newest values are so far off that the level may have shifted, or the first one; the next one will tell.
 */
bool forecast_unsettled(const struct forecast *forecast);

/* Standard deviation of values about the level, or about its trend where that says less; relative. */
double forecast_scatter(const struct forecast *forecast);

/* Standard deviation of the level itself, relative: large while few values since the start, or since a shift,
 * tell of it. */
double forecast_level_error(const struct forecast *forecast);

/* How often the level may be expected to shift beside what the quantiles know of: what was not seen in a time
 * is seen half a time in as long again (Jeffreys' prior of a Poisson rate). */
double forecast_shifts_per_second(const struct forecast *forecast);

/* False until a first value came. */
bool forecast_ready(const struct forecast *forecast);

/* What is expected `lead_ms` after the newest value, and the quantile q in (0, 1) of it. Leads are cut to the
 * horizon. NAN until ready. */
double forecast_mean(const struct forecast *forecast, int64_t lead_ms);
double forecast_quantile(const struct forecast *forecast, int64_t lead_ms, double q);

/* The same for many at once: ret_value[i * n_quantiles + k] is the quantile q[k] at lead_ms[i], leads
 * ascending. */
void forecast_quantiles(const struct forecast *forecast, const int64_t *lead_ms, int n_leads, const double *q,
                        int n_quantiles, double *ret_value);

#endif
