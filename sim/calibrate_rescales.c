/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "sim/calibrate_internal.h"

#define SOON            5 /* steps about a rescale in which its oldest record shows */
#define SILENT_MOST     60
#define UNSEEN_STILL    2.5 /* s: half of what a gap must last to be seen as one */
#define LEAST_TOLD      0.5 /* s: shorter times cannot be told from samples, ... */
#define LEAST_ERROR     1.0 /* s: ... and longer ones no better than so */
#define STARTED         20  /* steps after a rescale within which its start is told */
#define STARTS_ERROR    0.5 /* relative, of a restart that is told by its start */
#define LEAST_STARTED   0.1 /* s */
#define STARTS_AT_LEAST 3   /* whose scatter tells */
#define SATURATED       0.9 /* busy ratio of an operator that records queue for */
#define BEHIND_SECONDS  1.0 /* so much of its input waits before it */
#define NEARLY_MOST     .9
#define ENOUGH          5 /* samples */

/* A change of configuration at this step. */
static bool rescaled_at(const struct recording *recording, size_t step)
{
        return recording->rescales && step > 0 && recording->rescales[step] > recording->rescales[step - 1];
}

/* By how much longer the oldest record waited just after a rescale than before it. */
static double waited_longer(const struct fitting *fitting, size_t r, size_t step)
{
        const struct recording *recording = fitting->recordings[r];
        const struct episodes *episodes = fitting->episodes[r];
        double before = NAN, after = NAN;

        for (size_t i = step; i > 0 && i + SOON > step && isnan(before); i--)
                before = episodes_delay(episodes, recording, i - 1);
        for (size_t i = step; i < step + SOON && i < recording->count; i++)
                after = fmax(after, episodes_delay(episodes, recording, i));
        return after - before;
}

/* How long the job's start after a rescale took, as the engine tells; NAN: it does not. */
static double start_after(const struct recording *recording, size_t step)
{
        double start = NAN;

        for (size_t i = step; recording->startup && i < step + STARTED && i < recording->count; i++)
                if (isfinite(recording->startup[i]))
                        start = recording->startup[i];
        return start;
}

/* Of one rescale: at least as long as the start, and no longer than to stop and start takes; what records
 * waited tells where between. NAN: nothing tells. */
static double quick_rescale(const struct fitting *fitting, size_t r, size_t step, bool *ret_started)
{
        double start = start_after(fitting->recordings[r], step);
        double waited = fitting->recordings[r]->latency ? waited_longer(fitting, r, step) : NAN;

        *ret_started = isfinite(start);
        if (*ret_started)
                return fmax(isnan(waited) ? RESTART_STARTS * start
                                          : fmin(fmax(waited, start), RESTART_STARTS * start),
                            LEAST_STARTED);
        return isnan(waited) ? NAN : fmax(fmin(waited, 2 * UNSEEN_STILL), LEAST_TOLD);
}

double *calibrate_quick_rescales(const struct fitting *fitting, size_t *ret_count, double *ret_error,
                                 double *ret_log_sd)
{
        double *seconds = NULL, *starts = NULL, logs = 0;
        size_t count = 0, seen = 0, started = 0;

        for (size_t r = 0; r < fitting->n; r++)
                for (size_t i = 1; i < fitting->recordings[r]->count; i++) {
                        bool told;
                        double one;

                        if (!rescaled_at(fitting->recordings[r], i))
                                continue;
                        seen++;
                        one = quick_rescale(fitting, r, i, &told);
                        if (isnan(one))
                                continue;
                        seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                        starts = memory_resize(starts, count + 1, sizeof *starts);
                        starts[started] = log(start_after(fitting->recordings[r], i));
                        seconds[count++] = one;
                        started += told;
                        logs += log(one);
                }
        *ret_error = count > 0 ? LEAST_ERROR : UNSEEN_STILL / sqrt(3);
        *ret_log_sd = started == count && count >= STARTS_AT_LEAST ? gsl_stats_sd(starts, 1, count) : NAN;
        free(starts);
        if (count > 0 && started == count)
                *ret_error = STARTS_ERROR * exp(logs / (double)count);
        if (count == 0 && seen > 0) {
                seconds = memory_new(seen, sizeof *seconds);
                for (count = 0; count < seen; count++)
                        seconds[count] = UNSEEN_STILL;
        }
        *ret_count = count;
        return seconds;
}

/* From the first sample of a changed job until its backlog is told again; NAN where that does not come soon.
 * What was told before may be held for a few steps. */
static double silent_after(const struct recording *recording, size_t step)
{
        size_t at = step;

        while (at < step + SOON && at < recording->count && isfinite(recording->backlog[at]))
                at++;
        if (at == step + SOON)
                return 0;
        while (at < step + SILENT_MOST && at < recording->count && isnan(recording->backlog[at]))
                at++;
        if (at == step + SILENT_MOST || at >= recording->count)
                return NAN;
        return (double)(at - step) * (double)recording->step_ms / MS_PER_SECOND;
}

void calibrate_silence(struct fitting *fitting)
{
        autofree double *seconds = NULL;
        size_t count = 0;

        for (size_t r = 0; r < fitting->n; r++)
                for (size_t i = 1; fitting->recordings[r]->backlog && i < fitting->recordings[r]->count;
                     i++) {
                        double silent = rescaled_at(fitting->recordings[r], i)
                                                ? silent_after(fitting->recordings[r], i)
                                                : NAN;

                        if (isnan(silent))
                                continue;
                        seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                        seconds[count++] = silent;
                }
        if (count == 0)
                return;
        gsl_sort(seconds, 1, count);
        fitting->result->model.metrics.silent_seconds = gsl_stats_median_from_sorted_data(seconds, 1, count);
        calibrate_note(fitting, "metrics.silentSeconds", "s", fitting->result->model.metrics.silent_seconds,
                       LEAST_ERROR, "median of %zu rescales: until the backlog is told again", count);
}

/* ---- what the exchanges hold ---- */

/*
 * Records in front of each subtask of an operator that is behind, those in the broker not counted; NAN where
 * it is not behind or that cannot be told. Collectors count what waits, which leaves out what is just under
 * way; where nobody counted it is what arrived while the oldest waited.
 */
static double queued_at(const struct fitting *fitting, size_t r, int operator_index, size_t step)
{
        const struct recording *recording = fitting->recordings[r];
        double subtasks = recording_parallelism_at(recording, fitting->pipeline, operator_index, step);
        double broker = recording->backlog[step], rate = recording->rate[operator_index][step];
        double waiting = episodes_delay(fitting->episodes[r], recording, step) * rate;

        if (!(recording->busy[operator_index][step] >= SATURATED) || fitting->episodes[r]->still[step])
                return NAN;
        if (recording->queued)
                waiting = broker + recording->queued[step] + rate * OBSERVATION_UNDER_WAY_SECONDS;
        return waiting > BEHIND_SECONDS * rate ? fmax(waiting - broker, 0) / subtasks : NAN;
}

static bool tells_queued(const struct recording *recording, int operator_index)
{
        return (recording->queued || recording->latency) && recording->backlog &&
               recording->rate[operator_index] && recording->busy[operator_index];
}

/* Caller frees. */
static double *collect_queued(const struct fitting *fitting, int operator_index, size_t *ret_count)
{
        double *samples = NULL;
        size_t count = 0;

        for (size_t r = 0; r < fitting->n; r++) {
                if (!tells_queued(fitting->recordings[r], operator_index))
                        continue;
                for (size_t i = 0; i < fitting->recordings[r]->count; i++) {
                        double queued = queued_at(fitting, r, operator_index, i);

                        if (!isfinite(queued))
                                continue;
                        samples = memory_resize(samples, count + 1, sizeof *samples);
                        samples[count++] = queued;
                }
        }
        *ret_count = count;
        return samples;
}

/* An exchange holds at least what was in it; more than that nobody has seen. */
void calibrate_exchanges(struct fitting *fitting)
{
        struct operator_model *models = fitting->result->model.operators.items;

        for (int i = 0; i < fitting->pipeline->n_operators; i++) {
                autofree char *name = memory_format("operators.%.40s.bufferRecords", models[i].name);
                size_t count = 0;
                autofree double *samples =
                        fitting->pipeline->operators[i].source ? NULL : collect_queued(fitting, i, &count);

                if (count < ENOUGH)
                        continue;
                gsl_sort(samples, 1, count);
                models[i].buffer_records =
                        gsl_stats_quantile_from_sorted_data(samples, 1, count, NEARLY_MOST);
                calibrate_note(
                        fitting, name, "records", models[i].buffer_records,
                        models[i].buffer_records - gsl_stats_median_from_sorted_data(samples, 1, count),
                        "before one subtask; in 9 of 10 of %zu samples while behind there were no more",
                        count);
        }
}
