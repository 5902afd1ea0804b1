/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "sim/calibrate_internal.h"

#define SOON           10  /* steps after a rescale in which its oldest record shows */
#define UNSEEN_STILL   2.5 /* s: half of what a gap must last to be seen as one */
#define LEAST_TOLD     0.5 /* s: shorter times cannot be told from samples, ... */
#define LEAST_ERROR    1.0 /* s: ... and longer ones no better than so */
#define SATURATED      0.9 /* busy ratio of an operator that records queue for */
#define BEHIND_SECONDS 1.0 /* so much of its input waits before it */
#define NEARLY_MOST    .9
#define ENOUGH         5 /* samples */

/* A change of configuration at this step. */
static bool rescaled_at(const struct recording *recording, size_t step)
{
        return recording->rescales && step > 0 && recording->rescales[step] > recording->rescales[step - 1];
}

/* The longest a record waited just after a rescale; NAN where records waited before it, too. */
static double waited_after(const struct fitting *fitting, size_t r, size_t step)
{
        const struct recording *recording = fitting->recordings[r];
        const struct episodes *episodes = fitting->episodes[r];
        size_t before = step > SOON ? step - SOON : 0;
        double most = 0;

        for (size_t i = before; i < step; i++)
                if (episodes_delay(episodes, recording, i) > episodes->behind_seconds)
                        return NAN;
        for (size_t i = step; i < step + SOON && i < recording->count; i++)
                most = fmax(most, episodes_delay(episodes, recording, i));
        return most;
}

double *calibrate_quick_rescales(const struct fitting *fitting, size_t *ret_count, double *ret_error)
{
        double *seconds = NULL;
        size_t count = 0, told = 0;

        for (size_t r = 0; r < fitting->n; r++)
                for (size_t i = 1; i < fitting->recordings[r]->count; i++) {
                        double waited;

                        if (!rescaled_at(fitting->recordings[r], i))
                                continue;
                        waited = fitting->recordings[r]->latency ? waited_after(fitting, r, i) : NAN;
                        told += isfinite(waited);
                        seconds = memory_resize(seconds, count + 1, sizeof *seconds);
                        seconds[count++] = isfinite(waited) ? fmax(fmin(waited, 2 * UNSEEN_STILL), LEAST_TOLD)
                                                            : UNSEEN_STILL;
                }
        *ret_count = count;
        *ret_error = told > 0 ? LEAST_ERROR : UNSEEN_STILL / sqrt(3);
        return seconds;
}

/* ---- what the exchanges hold ---- */

/*
 * Records in front of each subtask of an operator that is behind, those in the broker not counted; NAN where
 * it is not behind or that cannot be told. Where nobody counted them it is what arrived while the oldest
 * waited.
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
                waiting = broker + recording->queued[step];
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
