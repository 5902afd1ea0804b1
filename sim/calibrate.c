/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/calibrate.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/series/series.h"
#include "core/text.h"
#include "sim/calibrate_internal.h"

void calibrate_note(struct fitting *fitting, const char *name, const char *unit, double value, double error,
                    const char *format, ...)
{
        struct calibration *result = fitting->result;
        struct calibration_parameter *parameter;
        va_list args;

        result->parameters = memory_resize(result->parameters, result->count + 1, sizeof *result->parameters);
        parameter = &result->parameters[result->count++];
        *parameter = (struct calibration_parameter){
                .unit = unit,
                .value = value,
                .error = isnan(error) ? 0 : error,
                .identified = !isnan(error),
        };
        snprintf(parameter->name, sizeof parameter->name, "%s", name);
        va_start(args, format);
        vsnprintf(parameter->note, sizeof parameter->note, format, args);
        va_end(args);
}

static char *names_of(struct recording *const *recordings, size_t n)
{
        autotext text = {0};

        for (size_t i = 0; i < n; i++)
                text_format(&text, "%s%s", i > 0 ? ", " : "", recordings[i]->name);
        return text_take(&text);
}

/* When the youngest of the recordings ended: a calibration is as old as its data. */
static char *youngest(struct recording *const *recordings, size_t n)
{
        int64_t last = INT64_MIN;
        char buffer[32];

        for (size_t i = 0; i < n; i++) {
                int64_t end =
                        recordings[i]->start_ms + (int64_t)recordings[i]->count * recordings[i]->step_ms;

                last = end > last ? end : last;
        }
        time_format(last, buffer);
        return memory_copy_text(buffer);
}

/* A recording that never kept up cannot tell its base latency: it takes that of those which did. */
static void find_episodes(struct fitting *fitting)
{
        double base = NAN;

        fitting->episodes = memory_new(fitting->n, sizeof(struct episodes *));
        for (size_t i = 0; i < fitting->n; i++) {
                fitting->episodes[i] = episodes_find(fitting->recordings[i], NAN);
                if (fitting->episodes[i]->calm)
                        base = fmin(base, fitting->episodes[i]->base_latency_seconds);
        }
        for (size_t i = 0; i < fitting->n && !isnan(base); i++)
                if (fitting->episodes[i]->base_latency_seconds > 3 * base) {
                        episodes_free(fitting->episodes[i]);
                        fitting->episodes[i] = episodes_find(fitting->recordings[i], base);
                }
}

/* What the options of a model would refuse must not come out of a fit either. */
static bool check_rates(const struct model *model, struct error *err)
{
        const struct operator_model *operators = model->operators.items;

        for (size_t i = 0; i < model->operators.count; i++)
                if (!(operators[i].rate_per_second >= 1e-9 && operators[i].rate_per_second <= 1e12))
                        return error_set(
                                err, ERROR_NUMERIC, NULL,
                                "operator %s: the recordings make it take in %g records/s; expected a "
                                "rate from 1e-9 to 1e12",
                                operators[i].name, operators[i].rate_per_second);
        return true;
}

bool calibrate(const struct pipeline *pipeline, const struct model *prior,
               struct recording *const *recordings, size_t n, struct calibration **ret_calibration,
               struct error *err)
{
        struct calibration *result autocall(calibration_free) = memory_new(1, sizeof *result);
        struct fitting fitting = {.pipeline = pipeline, .recordings = recordings, .n = n, .result = result};
        bool done;

        if (n == 0)
                return error_set(err, ERROR_INPUT, NULL, "no recording to calibrate on");
        if (prior->operators.count != (size_t)pipeline->n_operators)
                return error_set(err, ERROR_INPUT, NULL,
                                 "nothing says how fast an operator is, were the recordings not to tell; "
                                 "expected spec.model.operators with a first guess for each");
        model_copy(prior, &result->model);
        find_episodes(&fitting);
        calibrate_restarts(&fitting);
        calibrate_failures(&fitting);
        calibrate_cpu(&fitting);
        calibrate_exchanges(&fitting);
        calibrate_silence(&fitting);
        calibrate_rates(&fitting);
        done = calibrate_operators(&fitting, err);
        if (done)
                calibrate_service(&fitting);
        calibrate_latency(&fitting);
        for (size_t i = 0; i < n; i++)
                episodes_free(fitting.episodes[i]);
        free(fitting.episodes);
        if (!done || !check_rates(&result->model, err))
                return false;
        free(result->model.calibrated_from);
        free(result->model.calibrated_at);
        result->model.calibrated_from = names_of(recordings, n);
        result->model.calibrated_at = youngest(recordings, n);
        *ret_calibration = TAKE(result);
        return true;
}

void calibration_free(struct calibration *calibration)
{
        if (!calibration)
                return;
        model_free(&calibration->model);
        free(calibration->parameters);
        free(calibration);
}
