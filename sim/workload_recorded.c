/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/workload_recorded.h"

#include <math.h>
#include <stdlib.h>

#include "core/clock.h"

/* A recording of a single point is taken to last this long. */
#define LONE_STEP_MS MS_PER_SECOND

/* Unknown values become the line between their neighbours; before the first and after the last known one,
 * that one. */
static bool fill_unknown(struct series *series, const char *path, struct error *err)
{
        size_t known = SIZE_MAX;

        for (size_t i = 0; i < series->count; i++) {
                size_t from = known == SIZE_MAX ? i : known;

                if (isnan(series->value[i]))
                        continue;
                for (size_t j = known == SIZE_MAX ? 0 : known + 1; j < i; j++) {
                        double share = from == i
                                               ? 0
                                               : (double)(series->time_ms[j] - series->time_ms[from]) /
                                                         (double)(series->time_ms[i] - series->time_ms[from]);

                        series->value[j] =
                                series->value[from] + share * (series->value[i] - series->value[from]);
                }
                known = i;
        }
        if (known == SIZE_MAX)
                return error_set(err, ERROR_INPUT, NULL, "%s: holds no known value; expected records/s",
                                 path);
        for (size_t j = known + 1; j < series->count; j++)
                series->value[j] = series->value[known];
        return true;
}

static bool check_positive(const struct series *series, const char *path, struct error *err)
{
        char when[32];

        for (size_t i = 0; i < series->count; i++) {
                if (series->value[i] >= 0)
                        continue;
                time_format(series->time_ms[i], when);
                return error_set(err, ERROR_INPUT, NULL, "%s: a load of %g at %s; expected 0 or more", path,
                                 series->value[i], when);
        }
        return true;
}

static void multiply(struct series *series, double factor)
{
        for (size_t i = 0; i < series->count; i++)
                series->value[i] *= factor;
}

/* Fills `before` and returns the records of the whole recording. */
static double accumulate(struct recorded_load *load)
{
        const struct series *series = load->series;
        double sum = 0;

        for (size_t i = 0; i < series->count; i++) {
                int64_t next_ms = i + 1 < series->count ? series->time_ms[i + 1] : load->end_ms;

                load->before[i] = sum;
                sum += series->value[i] * (double)(next_ms - series->time_ms[i]) / MS_PER_SECOND;
        }
        return sum;
}

static bool rescale(struct recorded_load *load, const struct workload_options *options, const char *path,
                    struct error *err)
{
        struct series *series = load->series;
        double seconds = (double)(load->end_ms - series->time_ms[0]) / MS_PER_SECOND;
        double records;

        if (options->counts)
                multiply(series, MS_PER_SECOND / (double)load->step_ms);
        records = accumulate(load);
        if (isnan(options->mean_per_second))
                return true;
        if (!(records > 0))
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s: is 0 throughout; expected a load that can be scaled to a mean", path);
        multiply(series, options->mean_per_second * seconds / records);
        accumulate(load);
        return true;
}

bool recorded_load_read(const struct workload_options *options, const char *base,
                        struct recorded_load **ret_load, struct error *err)
{
        autocall(recorded_load_free) struct recorded_load *load = memory_new(1, sizeof *load);
        struct series_format format = {.time_column = options->time_column,
                                       .value_column = options->value_column,
                                       .time_zone = options->time_zone,
                                       .match = options->match,
                                       .seconds_from_zero = options->seconds_from_zero};
        autofree char *path = NULL;

        if (!series_find_file(base, options->file, &path, err) ||
            !series_read(path, &format, &load->series, err) || !fill_unknown(load->series, path, err) ||
            !check_positive(load->series, path, err))
                return error_wrap(err, "workload");
        load->before = memory_new(load->series->count, sizeof *load->before);
        load->step_ms = series_step_ms(load->series);
        if (load->step_ms == 0)
                load->step_ms = LONE_STEP_MS;
        load->end_ms = load->series->time_ms[load->series->count - 1] + load->step_ms;
        load->repeat = options->repeat;
        if (!rescale(load, options, path, err))
                return error_wrap(err, "workload");
        *ret_load = TAKE(load);
        return true;
}

void recorded_load_free(struct recorded_load *load)
{
        if (!load)
                return;
        series_free(load->series);
        free(load->before);
        free(load);
}

/* Number of whole recordings before the instant, which is brought into the first one. */
static int64_t take_periods(const struct recorded_load *load, int64_t *time_ms)
{
        int64_t period_ms = load->end_ms - load->series->time_ms[0];
        int64_t since_ms = *time_ms - load->series->time_ms[0];
        int64_t periods;

        if (!load->repeat)
                return 0;
        periods = since_ms / period_ms - (since_ms % period_ms < 0);
        *time_ms -= periods * period_ms;
        return periods;
}

static size_t find(const struct series *series, int64_t time_ms)
{
        size_t low = 0, high = series->count;

        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (series->time_ms[middle] <= time_ms)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

/* On the line between two points; the last one leads back to the first when the recording repeats. */
static double rate_at(const struct recorded_load *load, int64_t time_ms)
{
        const struct series *series = load->series;
        size_t last = series->count - 1;
        double next, share;
        int64_t next_ms;
        size_t i;

        take_periods(load, &time_ms);
        i = find(series, time_ms);
        next = i < last ? series->value[i + 1] : series->value[load->repeat ? 0 : last];
        next_ms = i < last ? series->time_ms[i + 1] : load->end_ms;
        share = (double)(time_ms - series->time_ms[i]) / (double)(next_ms - series->time_ms[i]);
        return series->value[i] + share * (next - series->value[i]);
}

/* Records from the first point to an instant, every value holding until the next. */
static double records_until(const struct recorded_load *load, int64_t time_ms)
{
        const struct series *series = load->series;
        size_t last = series->count - 1;
        int64_t periods = take_periods(load, &time_ms);
        size_t i = find(series, time_ms);
        double whole = load->before[last] +
                       series->value[last] * (double)(load->end_ms - series->time_ms[last]) / MS_PER_SECOND;

        return (double)periods * whole + load->before[i] +
               series->value[i] * (double)(time_ms - series->time_ms[i]) / MS_PER_SECOND;
}

static bool check_covered(const struct recorded_load *load, int64_t from_ms, int64_t to_ms, struct error *err)
{
        char first[32], last[32], wanted_first[32], wanted_last[32];

        if (load->repeat || (load->series->time_ms[0] <= from_ms && to_ms <= load->end_ms))
                return true;
        time_format(load->series->time_ms[0], first);
        time_format(load->end_ms, last);
        time_format(from_ms, wanted_first);
        time_format(to_ms, wanted_last);
        return error_set(
                err, ERROR_INPUT, NULL,
                "workload: the recorded load runs from %s to %s; expected %s to %s (workload.repeat: true "
                "starts it over)",
                first, last, wanted_first, wanted_last);
}

bool recorded_load_add(const struct recorded_load *load, const struct load_grid *grid, int64_t shift_ms,
                       double *rate_per_second, struct error *err)
{
        double step = (double)grid->step_ms / MS_PER_SECOND;
        int64_t from_ms = grid->start_ms - shift_ms;

        if (!check_covered(load, from_ms, from_ms + (int64_t)grid->count * grid->step_ms, err))
                return false;
        for (size_t i = 0; i < grid->count; i++) {
                int64_t time_ms = from_ms + (int64_t)i * grid->step_ms;

                if (grid->step_ms <= load->step_ms)
                        rate_per_second[i] += rate_at(load, time_ms);
                else
                        rate_per_second[i] += (records_until(load, time_ms + grid->step_ms) -
                                               records_until(load, time_ms)) /
                                              step;
        }
        return true;
}
