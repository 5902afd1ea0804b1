/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/recording.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/series/series.h"

#define STEP_MS   1000
#define MAX_STEPS (40u << 20)
#define MAX_COUNT 1000000 /* workers, subtasks; as many as a knob allows */
#define MAX_VALUE 1e15    /* of the rest: no real system comes near, yet sums and products stay finite */

/* A metric by name: where it is kept, and whether it is a state (holds until it changes) or a measurement. */
struct target {
        double **values;
        bool state;
};

static int find_operator(const struct pipeline *pipeline, const char *name)
{
        for (int i = 0; i < pipeline->n_operators; i++)
                if (strcmp(pipeline->operators[i].name, name) == 0)
                        return i;
        return -1;
}

static bool find_target(struct recording *recording, const struct pipeline *pipeline, const char *metric,
                        struct target *ret_target)
{
        const struct {
                const char *name;
                double **values;
                bool state;
        } whole[] = {
                {"offered", &recording->offered, false}, {"throughput", &recording->throughput, false},
                {"latency", &recording->latency, false}, {"cpu", &recording->cpu, false},
                {"workers", &recording->workers, true},  {"backlog", &recording->backlog, false},
                {"queued", &recording->queued, false},   {"rescales", &recording->rescales, true},
                {"startup", &recording->startup, false},
        };
        const struct {
                const char *prefix;
                double **values;
                bool state;
        } each[] = {
                {"parallelism.", recording->parallelism, true},
                {"busy.", recording->busy, false},
                {"rate.", recording->rate, false},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(whole); i++)
                if (strcmp(metric, whole[i].name) == 0) {
                        *ret_target = (struct target){whole[i].values, whole[i].state};
                        return true;
                }
        for (size_t i = 0; i < ARRAY_LENGTH(each); i++) {
                size_t length = strlen(each[i].prefix);
                int index;

                if (strncmp(metric, each[i].prefix, length) != 0)
                        continue;
                index = find_operator(pipeline, metric + length);
                if (index < 0)
                        return false;
                *ret_target = (struct target){&each[i].values[index], each[i].state};
                return true;
        }
        return false;
}

static bool read_series(const struct spec *spec, const struct recording_series *options,
                        struct series **ret_series, struct error *err)
{
        const struct series_format format = {
                .time_column = options->time_column,
                .value_column = options->value_column,
                .time_zone = options->time_zone,
                .match = options->match,
                .seconds_from_zero = options->seconds_from_zero,
        };
        autofree char *path = NULL;

        return series_find_file(spec->base, options->file, &path, err) &&
               series_read(path, &format, ret_series, err);
}

/* Puts a series on the grid: each step takes the last value at or before its end, while that is fresh. */
static double *on_grid(const struct recording *recording, const struct series *series, double scale,
                       bool state)
{
        double *values = memory_new(recording->count, sizeof *values);
        int64_t fresh_ms = state ? INT64_MAX : RECORDING_HELD_STEPS * (series_step_ms(series) + 1);
        size_t next = 0;

        for (size_t i = 0; i < recording->count; i++) {
                int64_t now = recording->start_ms + (int64_t)(i + 1) * recording->step_ms - 1;

                while (next < series->count && series->time_ms[next] <= now)
                        next++;
                values[i] = next > 0 && now - series->time_ms[next - 1] <= fresh_ms
                                    ? series->value[next - 1] * scale
                                    : NAN;
        }
        return values;
}

/* A load that was not measured in the run starts when the run does. */
static double *replayed_load(const struct recording *recording, struct series *series, double scale)
{
        int64_t shift = recording->start_ms - series->time_ms[0];

        for (size_t i = 0; i < series->count; i++)
                series->time_ms[i] += shift;
        return on_grid(recording, series, scale, false);
}

static void free_all(struct series **series, size_t count)
{
        for (size_t i = 0; i < count; i++)
                series_free(series[i]);
        free(series);
}

static bool lay_out(const struct spec *spec, struct recording *recording, struct series **series,
                    struct error *err)
{
        const struct recording_series *options = recording->options->series.items;
        int64_t first = INT64_MIN, last = INT64_MIN;

        for (size_t i = 0; i < recording->options->series.count; i++) {
                if (!read_series(spec, &options[i], &series[i], err))
                        return false;
                if (series[i]->count < 2)
                        return error_set(err, ERROR_INPUT, NULL, "%s: fewer than two values",
                                         options[i].file);
                /* Where every metric has begun, to where the longest ends. */
                if (series[i]->time_ms[0] > first)
                        first = series[i]->time_ms[0];
                if (series[i]->time_ms[series[i]->count - 1] > last)
                        last = series[i]->time_ms[series[i]->count - 1];
        }
        recording->step_ms = STEP_MS;
        recording->start_ms = first / STEP_MS * STEP_MS + recording->options->skip_seconds * MS_PER_SECOND;
        if (last <= recording->start_ms)
                return error_set(err, ERROR_INPUT, NULL, "its series do not overlap in time");
        recording->count = (size_t)((last - recording->start_ms) / STEP_MS) + 1;
        if (recording->count > MAX_STEPS)
                return error_set(err, ERROR_LIMIT, NULL, "longer than %u seconds", MAX_STEPS);
        return true;
}

/* Workers, subtasks and rescales become integers later on; a load adds up over the whole recording. */
static bool check_values(const char *file, const char *metric, const double *values, size_t count, bool state,
                         struct error *err)
{
        double low = state ? 0 : -MAX_VALUE, high = state ? MAX_COUNT : MAX_VALUE;

        for (size_t i = 0; i < count; i++)
                if (values[i] < low || values[i] > high)
                        return error_set(err, ERROR_INPUT, NULL, "%s: metric %s is %g; expected %s%.0f", file,
                                         metric, values[i], state ? "a count from 0 to " : "at most ", high);
        return true;
}

static bool take_series(const struct spec *spec, struct recording *recording, struct series **series,
                        struct error *err)
{
        const struct recording_series *options = recording->options->series.items;

        for (size_t i = 0; i < recording->options->series.count; i++) {
                struct target target;

                if (!find_target(recording, &spec->pipeline, options[i].metric, &target))
                        return error_set(
                                err, ERROR_INPUT, NULL,
                                "unknown metric \"%s\"; expected offered, throughput, latency, cpu, workers, "
                                "backlog, queued, rescales, startup, parallelism.OPERATOR, busy.OPERATOR or "
                                "rate.OPERATOR",
                                options[i].metric);
                if (*target.values)
                        return error_set(err, ERROR_INPUT, NULL, "metric %s is given twice",
                                         options[i].metric);
                if (target.values == &recording->backlog)
                        recording->backlog_step_ms = series_step_ms(series[i]);
                *target.values = on_grid(recording, series[i], isnan(options[i].scale) ? 1 : options[i].scale,
                                         target.state);
                if (!check_values(options[i].file, options[i].metric, *target.values, recording->count,
                                  target.state, err))
                        return false;
        }
        return true;
}

static bool take_workload(const struct spec *spec, struct recording *recording, struct error *err)
{
        const char *file = recording->options->workload_file;
        const struct recording_series options = {.file = (char *)(uintptr_t)file};
        struct series *series autocall(series_free) = NULL;

        if (!file)
                return true;
        if (recording->offered)
                return error_set(err, ERROR_INPUT, NULL, "has both the metric offered and a workload file");
        if (!read_series(spec, &options, &series, err))
                return false;
        recording->offered = replayed_load(recording, series, recording->options->workload_scale);
        return check_values(file, "offered", recording->offered, recording->count, false, err);
}

static double first_known(const double *values, size_t count)
{
        for (size_t i = 0; values && i < count; i++)
                if (values[i] >= 1)
                        return values[i];
        return NAN;
}

/* Configuration at the start: as the spec says, else as measured once something runs, else the spec's initial
 * one. */
static bool take_initial(const struct spec *spec, struct recording *recording, struct error *err)
{
        const struct configuration_entry *entries = recording->options->configuration.items;
        const struct pipeline *pipeline = &spec->pipeline;

        recording->initial = configuration_from_values(pipeline, spec->initial);
        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                double measured = NAN;

                if (knob->role == KNOB_WORKERS)
                        measured = first_known(recording->workers, recording->count);
                else if (knob->role == KNOB_PARALLELISM && knob->operator_index >= 0)
                        measured =
                                first_known(recording->parallelism[knob->operator_index], recording->count);
                if (measured >= 1)
                        recording->initial.value[i] = measured;
                for (size_t e = 0; e < recording->options->configuration.count; e++) {
                        bool all = !entries[e].operator_name;

                        if (knob->role != KNOB_OTHER && knob->role != KNOB_MEMORY &&
                            strcmp(entries[e].knob, knob->name) == 0 &&
                            !(entries[e].value >= 1 && entries[e].value <= MAX_COUNT))
                                return error_set(err, ERROR_INPUT, NULL,
                                                 "%s ran at %g; expected a count from 1 to %d", knob->name,
                                                 entries[e].value, MAX_COUNT);
                        if (strcmp(entries[e].knob, knob->name) == 0 &&
                            (all || (knob->operator_index >= 0 &&
                                     strcmp(entries[e].operator_name,
                                            pipeline->operators[knob->operator_index].name) == 0)))
                                recording->initial.value[i] = entries[e].value;
                }
        }
        return true;
}

bool recording_read(const struct spec *spec, size_t index, struct recording **ret_recording,
                    struct error *err)
{
        const struct recording_options *options =
                &((const struct recording_options *)spec->recordings.items)[index];
        struct recording *recording autocall(recording_free) = memory_new(1, sizeof *recording);
        struct series **series = memory_new(options->series.count, sizeof(struct series *));
        size_t n = (size_t)spec->pipeline.n_operators;
        bool done;

        recording->name = options->name;
        recording->options = options;
        recording->n_operators = spec->pipeline.n_operators;
        recording->parallelism = memory_new(n, sizeof(double *));
        recording->busy = memory_new(n, sizeof(double *));
        recording->rate = memory_new(n, sizeof(double *));
        done = lay_out(spec, recording, series, err) && take_series(spec, recording, series, err) &&
               take_workload(spec, recording, err) && take_initial(spec, recording, err);
        free_all(series, options->series.count);
        if (!done)
                return error_wrap(err, "recording %s", options->name);
        *ret_recording = TAKE(recording);
        return true;
}

static void free_columns(double **columns, int count)
{
        for (int i = 0; columns && i < count; i++)
                free(columns[i]);
        free(columns);
}

void recording_free(struct recording *recording)
{
        int n;

        if (!recording)
                return;
        n = recording->n_operators;
        free(recording->offered);
        free(recording->throughput);
        free(recording->latency);
        free(recording->cpu);
        free(recording->workers);
        free(recording->backlog);
        free(recording->queued);
        free(recording->rescales);
        free(recording->startup);
        free_columns(recording->parallelism, n);
        free_columns(recording->busy, n);
        free_columns(recording->rate, n);
        free(recording);
}

double recording_workers_at(const struct recording *recording, const struct pipeline *pipeline, size_t step)
{
        struct configuration configuration;
        struct deployment deployment;

        if (recording->workers)
                return recording->workers[step];
        pipeline_deployment(pipeline, &recording->initial, &deployment);
        for (int i = 0; i < pipeline->n_operators; i++)
                deployment.parallelism[i] = (int)recording_parallelism_at(recording, pipeline, i, step);
        pipeline_configuration(pipeline, &deployment, &recording->initial, &configuration);
        pipeline_deployment(pipeline, &configuration, &deployment);
        return deployment.workers;
}

double recording_parallelism_at(const struct recording *recording, const struct pipeline *pipeline,
                                int operator_index, size_t step)
{
        struct deployment deployment;

        if (recording->parallelism[operator_index] && !isnan(recording->parallelism[operator_index][step]))
                return recording->parallelism[operator_index][step];
        if (recording->workers && !pipeline_per_operator(pipeline) && !isnan(recording->workers[step]))
                return recording->workers[step] * pipeline->slots_per_worker;
        pipeline_deployment(pipeline, &recording->initial, &deployment);
        return deployment.parallelism[operator_index];
}

double recording_mean(const double *values, size_t from, size_t to)
{
        double sum = 0;
        size_t n = 0;

        for (size_t i = from; values && i < to; i++)
                if (!isnan(values[i])) {
                        sum += values[i];
                        n++;
                }
        return n > 0 ? sum / (double)n : NAN;
}

double recording_quantile(const double *values, size_t from, size_t to, double q)
{
        autofree double *known = memory_new(to > from ? to - from : 1, sizeof *known);
        size_t n = 0;

        for (size_t i = from; values && i < to; i++)
                if (!isnan(values[i]))
                        known[n++] = values[i];
        if (n == 0)
                return NAN;
        gsl_sort(known, 1, n);
        return gsl_stats_quantile_from_sorted_data(known, 1, n, q);
}
