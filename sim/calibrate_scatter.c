/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/calibrate_internal.h"
#include "sim/engine.h"
#include "sim/fit.h"
#include "sim/latency.h"

#define BUSY_ENOUGH      0.2 /* of its time: rates by the busy second of idle operators are mostly noise */
#define NEIGHBOURS       30  /* steps between measurements that are compared */
#define CHANGES_AT_LEAST 40
#define PARTS            10     /* of the changes, left out one by one: the jackknife */
#define NEARLY_ALL       .9     /* of the changes: the others may be jumps of the load */
#define NORMAL_QUANTILE  1.6449 /* of the absolute value of a standard normal variable, at NEARLY_ALL */
#define MOST_VARIATION   10     /* as the options of a model have it */
#define SATURATED        0.95   /* busy ratio at which records queue for other reasons than chance */
#define WAITS_BLOCK      10     /* measurements of which a median is taken */
#define WAITS_AT_LEAST   10     /* blocks */
#define WAITS_ERROR      0.5    /* of the slope: where service is exponential, its variation +- 0.5 */

/* Standard error of what was estimated PARTS times, without one group each: the delete-a-group jackknife. The
 * groups are stretches of time, so that neighbours which are not independent stay together, and times may be
 * unlike each other. */
static double jackknife_error(const double *values)
{
        return (PARTS - 1) * gsl_stats_sd(values, 1, PARTS) / sqrt(PARTS);
}

/* ---- measured rates ---- */

/* How a measured rate, and the load beside it, moved from one measurement to the next: logarithms. */
struct changes {
        double *rate, *load;
        size_t count;
};

static void add_change(struct changes *changes, double rate, double load)
{
        if ((changes->count & (changes->count - 1)) == 0) { /* doubles at each power of two */
                size_t room = changes->count > 0 ? 2 * changes->count : 1;

                changes->rate = memory_resize(changes->rate, room, sizeof(double));
                changes->load = memory_resize(changes->load, room, sizeof(double));
        }
        changes->rate[changes->count] = rate;
        changes->load[changes->count++] = load;
}

/* One measured rate of a recording, step by step: over what it is taken, and beside which load. */
struct measured {
        const double *rate;
        const double *busy; /* share of the time in which it came about; NULL: all of it */
        const double *load; /* records/s offered; NULL: the rate by the busy second knows no load */
        int operator_index; /* whose subtasks it came from */
};

static bool tells_at(const struct fitting *fitting, size_t r, const struct measured *measured, size_t step)
{
        return !fitting->episodes[r]->disturbed[step] && measured->rate[step] > 0 &&
               (!measured->busy || measured->busy[step] >= BUSY_ENOUGH) &&
               (!measured->load || measured->load[step] > 0);
}

/* Values that are held until the next one are one measurement. */
static void collect_changes(const struct fitting *fitting, size_t r, const struct measured *measured,
                            struct changes *changes)
{
        const struct recording *recording = fitting->recordings[r];
        double last_rate = NAN, last_load = NAN, last_subtasks = NAN, held = NAN;
        size_t last = 0;

        for (size_t i = 0; i < recording->count; i++) {
                double subtasks =
                        recording_parallelism_at(recording, fitting->pipeline, measured->operator_index, i);
                double rate, load;

                if (!tells_at(fitting, r, measured, i) || measured->rate[i] == held)
                        continue;
                held = measured->rate[i];
                rate = log(held / (measured->busy ? measured->busy[i] : 1));
                load = measured->load ? log(measured->load[i]) : 0;
                if (subtasks == last_subtasks && i - last <= NEIGHBOURS)
                        add_change(changes, rate - last_rate, load - last_load);
                last_rate = rate;
                last_load = load;
                last_subtasks = subtasks;
                last = i;
        }
}

/* Variance by a quantile, which single jumps of the load do not move, and which yet sees that some times are
 * less steady than others, as a median would not; scratch: count values. */
static double robust_variance(const double *a, const double *b, double sign, size_t count, size_t from,
                              size_t to, double *scratch)
{
        size_t n = 0;

        for (size_t i = 0; i < count; i++)
                if (i < from || i >= to)
                        scratch[n++] = fabs(a[i] + sign * b[i]);
        return pow(gsl_stats_select(scratch, 1, n, (size_t)(NEARLY_ALL * (double)(n - 1))) / NORMAL_QUANTILE,
                   2);
}

/*
 * Scatter of one measurement, the changes in [from, to) left out: half the variance of the difference of two
 * of them (von Neumann et al. 1941), less what the load shares with it: the covariance, as a difference of
 * robust variances (Gnanadesikan and Kettenring 1972).
 */
static double scatter_without(const struct changes *changes, size_t from, size_t to, double *scratch)
{
        double own = robust_variance(changes->rate, changes->load, 0, changes->count, from, to, scratch);
        double sum = robust_variance(changes->rate, changes->load, 1, changes->count, from, to, scratch);
        double apart = robust_variance(changes->rate, changes->load, -1, changes->count, from, to, scratch);

        return sqrt(fmax(own - (sum - apart) / 4, 0) / 2);
}

static double scatter_error(const struct changes *changes, double *scratch)
{
        double values[PARTS];

        for (size_t p = 0; p < PARTS; p++)
                values[p] = scatter_without(changes, p * changes->count / PARTS,
                                            (p + 1) * changes->count / PARTS, scratch);
        return jackknife_error(values);
}

/* The rate by the busy second of operators that are busy, which no load moves; else throughput beside what
 * was offered. */
static const char *collect_rates(const struct fitting *fitting, struct changes *changes)
{
        for (size_t r = 0; r < fitting->n; r++)
                for (int i = 0; i < fitting->pipeline->n_operators; i++) {
                        const struct recording *recording = fitting->recordings[r];

                        if (recording->rate[i] && recording->busy[i])
                                collect_changes(fitting, r,
                                                &(struct measured){.rate = recording->rate[i],
                                                                   .busy = recording->busy[i],
                                                                   .operator_index = i},
                                                changes);
                }
        if (changes->count >= CHANGES_AT_LEAST)
                return "rates by the busy second";
        changes->count = 0;
        for (size_t r = 0; r < fitting->n; r++) {
                const struct recording *recording = fitting->recordings[r];

                if (recording->throughput && recording->offered)
                        collect_changes(fitting, r,
                                        &(struct measured){.rate = recording->throughput,
                                                           .load = recording->offered},
                                        changes);
        }
        return "throughput beside the offered load";
}

void calibrate_rates(struct fitting *fitting)
{
        struct metrics_model *metrics = &fitting->result->model.metrics;
        struct changes changes = {0};
        const char *from = collect_rates(fitting, &changes);
        autofree double *scratch = memory_new(changes.count, sizeof *scratch);

        if (changes.count < CHANGES_AT_LEAST) {
                calibrate_note(fitting, "metrics.rateVariation", NULL, metrics->rate_noise_cv, NAN,
                               "%zu rates to compare while nothing waits, fewer than %d; kept from the spec",
                               changes.count, CHANGES_AT_LEAST);
        } else {
                metrics->rate_noise_cv = fmin(scatter_without(&changes, 0, 0, scratch), MOST_VARIATION);
                calibrate_note(fitting, "metrics.rateVariation", NULL, metrics->rate_noise_cv,
                               scatter_error(&changes, scratch), "from %zu changes of %s", changes.count,
                               from);
        }
        free(changes.rate);
        free(changes.load);
}

/* ---- service times ---- */

/* Median wait of a record before the busiest subtask of an operator that is busy for so much of the time. */
static double median_wait(const struct fitting *fitting, int i, double subtasks, double busy,
                          double service_cv)
{
        const struct latency_scatter none = {0};
        struct latency_point point;
        double skew, rate = engine_subtask_rate(fitting->pipeline, &fitting->result->model, i, (int)subtasks,
                                                &skew);

        latency_at(0, &none,
                   &(struct latency_stage){.arrivals_per_second = busy * skew * rate,
                                           .service_per_second = rate,
                                           .service_cv = service_cv},
                   1, &point);
        return point.p50;
}

/* The operator that was busiest; -1: none was measured. */
static int busiest_operator(const struct fitting *fitting)
{
        double most = 0;
        int found = -1;

        for (int i = 0; i < fitting->pipeline->n_operators; i++)
                for (size_t r = 0; r < fitting->n; r++) {
                        double busy = recording_mean(fitting->recordings[r]->busy[i], 0,
                                                     fitting->recordings[r]->count);

                        if (busy > most) {
                                most = busy;
                                found = i;
                        }
                }
        return found;
}

/* Latency beside the wait that exponential service would make before one operator: medians of blocks. */
struct waits {
        double *wait, *latency;
        size_t count;
};

static void add_block(struct waits *waits, double *wait, double *latency)
{
        gsl_sort(wait, 1, WAITS_BLOCK);
        gsl_sort(latency, 1, WAITS_BLOCK);
        waits->wait = memory_resize(waits->wait, waits->count + 1, sizeof(double));
        waits->latency = memory_resize(waits->latency, waits->count + 1, sizeof(double));
        waits->wait[waits->count] = gsl_stats_median_from_sorted_data(wait, 1, WAITS_BLOCK);
        waits->latency[waits->count++] = gsl_stats_median_from_sorted_data(latency, 1, WAITS_BLOCK);
}

/* Busy time that makes a wait to speak of; a job that is down has no subtasks. */
static bool tells_wait(const struct fitting *fitting, size_t r, int i, size_t step)
{
        const struct recording *recording = fitting->recordings[r];

        return recording->busy[i] && recording->busy[i][step] > 0 &&
               recording_parallelism_at(recording, fitting->pipeline, i, step) >= 1;
}

/* What records waited before all operators but one, as the model has it. */
static double waited_elsewhere(const struct fitting *fitting, size_t r, int but, size_t step)
{
        const struct operator_model *models = fitting->result->model.operators.items;
        const struct recording *recording = fitting->recordings[r];
        double sum = 0;

        for (int i = 0; i < fitting->pipeline->n_operators; i++)
                if (i != but && tells_wait(fitting, r, i, step))
                        sum += median_wait(fitting, i,
                                           recording_parallelism_at(recording, fitting->pipeline, i, step),
                                           recording->busy[i][step], models[i].service_cv);
        return sum;
}

static void collect_waits(const struct fitting *fitting, size_t r, int i, struct waits *waits)
{
        const struct recording *recording = fitting->recordings[r];
        double wait[WAITS_BLOCK], latency[WAITS_BLOCK], held = NAN;
        size_t n = 0;

        if (!recording->latency || !recording->busy[i] || !fitting->episodes[r]->calm)
                return;
        for (size_t step = 0; step < recording->count; step++) {
                double busy = recording->busy[i][step], seen = recording->latency[step];

                if (!tells_wait(fitting, r, i, step))
                        continue;
                if (fitting->episodes[r]->disturbed[step] || !(busy < SATURATED) || !(seen > 0) ||
                    seen == held)
                        continue;
                held = seen;
                wait[n] =
                        median_wait(fitting, i,
                                    recording_parallelism_at(recording, fitting->pipeline, i, step), busy, 1);
                latency[n++] = seen - waited_elsewhere(fitting, r, i, step);
                if (n == WAITS_BLOCK)
                        add_block(waits, wait, latency);
                n %= WAITS_BLOCK;
        }
}

/* The line and its errors; where they cannot be told it fails. */
static bool fit_waits(const struct waits *waits, struct line_fit *ret_line)
{
        autofree double *wait = memory_new(waits->count, sizeof *wait);
        autofree double *latency = memory_new(waits->count, sizeof *latency);
        double slopes[PARTS];
        struct error err = ERROR_INIT;

        for (size_t p = 0; p < PARTS; p++) {
                struct line_fit part;
                size_t n = 0;

                for (size_t i = 0; i < waits->count; i++)
                        if (i < p * waits->count / PARTS || i >= (p + 1) * waits->count / PARTS) {
                                wait[n] = waits->wait[i];
                                latency[n++] = waits->latency[i];
                        }
                if (!fit_line(wait, latency, n, 1, &part, &err))
                        return false;
                slopes[p] = part.slope;
        }
        if (!fit_line(waits->wait, waits->latency, waits->count, 1, ret_line, &err))
                return false;
        ret_line->slope_error = fmax(ret_line->slope_error, jackknife_error(slopes));
        return true;
}

/*
 * Before the busiest subtask records wait (1 + variation^2) / 2 times what they would were service
 * exponential (Kingman 1961), so latency over that wait is a line whose slope tells.
 */
static void keep_service(struct fitting *fitting, int i, const struct waits *waits,
                         const struct line_fit *line)
{
        struct operator_model *models = fitting->result->model.operators.items;
        autofree char *name = memory_format("operators.%.40s.serviceVariation", models[i].name);
        double variation = sqrt(fmax(2 * line->slope - 1, 0));
        double error = fmin(line->slope_error / variation, sqrt(2 * line->slope_error));

        models[i].service_cv = variation;
        models[i].service_cv_error = error;
        fitting->idle_latency_seconds = fmax(line->intercept, 0);
        calibrate_note(fitting, name, NULL, variation, error,
                       "how latency grows with busy time, %zu measurements while nothing waits",
                       waits->count * WAITS_BLOCK);
}

static void note_service_unknown(struct fitting *fitting, int i, const char *why)
{
        const struct operator_model *models = fitting->result->model.operators.items;
        autofree char *name = memory_format("operators.%.40s.serviceVariation", models[i].name);

        calibrate_note(fitting, name, NULL, models[i].service_cv, NAN, "%s; kept from the spec", why);
}

void calibrate_service(struct fitting *fitting)
{
        int i = busiest_operator(fitting);
        struct waits waits = {0};
        struct line_fit line;

        for (size_t r = 0; i >= 0 && r < fitting->n; r++)
                collect_waits(fitting, r, i, &waits);
        if (i < 0)
                note_service_unknown(fitting, 0, "busy time was not recorded");
        else if (waits.count < WAITS_AT_LEAST)
                note_service_unknown(fitting, i,
                                     "too few measurements of latency and busy time while "
                                     "nothing waits");
        else if (!fit_waits(&waits, &line) || !(line.slope_error <= WAITS_ERROR))
                note_service_unknown(fitting, i, "queues add too little to the latency to be told from it");
        else if (line.slope + 2 * line.slope_error < .5 ||
                 !(line.slope < (1 + MOST_VARIATION * MOST_VARIATION) / 2.0))
                note_service_unknown(fitting, i, "latency does not grow with busy time as queues do");
        else
                keep_service(fitting, i, &waits, &line);
        free(waits.wait);
        free(waits.latency);
}
