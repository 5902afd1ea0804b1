/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/workload_shapes.h"

#include <gsl/gsl_randist.h>
#include <math.h>

#include "core/clock.h"

#define SECONDS_PER_DAY 86400.0
/* Bursts that began this many mean lengths before the start have ended but for one in e^30. */
#define BURST_PAST 30
/* Phases of a flash crowd, as shares of its length: load ramps up, is sustained, ramps down (I. Ari et al.,
 * "Managing flash crowds on the Internet", MASCOTS 2003). */
#define FLASH_RAMP_UP   0.1
#define FLASH_RAMP_DOWN 0.5

bool synthetic_check(const struct synthetic_load *shape, struct error *err)
{
        bool rising = shape->shape != LOAD_CONSTANT && shape->shape != LOAD_TREND;
        bool bursting = shape->shape == LOAD_FLASH_CROWD || shape->shape == LOAD_BURSTS;

        if (!(shape->base_per_second >= 0))
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "workload.synthetic: no load is less than none; expected basePerSecond of 0 or more");
        if (shape->shape != LOAD_CONSTANT &&
            !(shape->peak_per_second >= (rising ? shape->base_per_second : 0)))
                return error_set(err, ERROR_INPUT, NULL,
                                 "workload.synthetic: expected peakPerSecond of basePerSecond (%g) or more",
                                 rising ? shape->base_per_second : 0);
        if (shape->shape == LOAD_SINE && shape->period_seconds <= 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "workload.synthetic: a sine; expected periodSeconds above 0");
        if (bursting && shape->duration_seconds <= 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "workload.synthetic: a burst; expected durationSeconds above 0");
        if (shape->shape == LOAD_BURSTS && !(shape->per_day >= 0))
                return error_set(err, ERROR_INPUT, NULL,
                                 "workload.synthetic: bursts; expected perDay of 0 or more");
        return true;
}

static double flash_crowd(const struct synthetic_load *shape, double seconds)
{
        double share = (seconds - (double)shape->start_seconds) / (double)shape->duration_seconds;

        if (share <= 0 || share >= 1)
                return 0;
        if (share < FLASH_RAMP_UP)
                return share / FLASH_RAMP_UP;
        return share > 1 - FLASH_RAMP_DOWN ? (1 - share) / FLASH_RAMP_DOWN : 1;
}

/* Share of the way from base to peak: `seconds` since the start of the simulation, of which there are
 * `duration`. */
static double elapsed_shape(const struct synthetic_load *shape, double seconds, double duration)
{
        switch (shape->shape) {
        case LOAD_TREND:
                return seconds / duration;
        case LOAD_SINE:
                return (1 - cos(2 * M_PI * seconds / (double)shape->period_seconds)) / 2;
        case LOAD_FLASH_CROWD:
                return flash_crowd(shape, seconds);
        default:
                return 0;
        }
}

/* Rate of a daily or weekly shape at a local time. */
static double local_rate(const struct synthetic_load *shape, int64_t local_ms)
{
        double hour = (double)(local_ms % MS_PER_DAY) / MS_PER_HOUR;
        double share = (1 + cos(2 * M_PI * (hour - shape->peak_hour) / 24)) / 2;
        double rate = shape->base_per_second + share * (shape->peak_per_second - shape->base_per_second);
        int weekday = shape->shape == LOAD_WEEKLY ? civil_weekday(local_ms) : 1;

        return weekday == 0 || weekday == 6 ? rate * shape->weekend_ratio : rate;
}

static void add_local(const struct synthetic_load *shape, const struct load_grid *grid,
                      const struct zone *zone, int64_t shift_ms, double *rate_per_second)
{
        int64_t known_until_ms = INT64_MIN;
        int64_t offset_ms = 0;

        for (size_t i = 0; i < grid->count; i++) {
                int64_t time_ms = grid->start_ms + (int64_t)i * grid->step_ms + grid->step_ms / 2 - shift_ms;

                /* Zones change their offset at full quarters of an hour. */
                if (time_ms >= known_until_ms) {
                        offset_ms = zone_offset_at(zone, time_ms) * (int64_t)MS_PER_SECOND;
                        known_until_ms = time_ms - time_ms % (MS_PER_HOUR / 4) + MS_PER_HOUR / 4;
                }
                rate_per_second[i] += local_rate(shape, time_ms + offset_ms);
        }
}

void synthetic_add(const struct synthetic_load *shape, const struct load_grid *grid, const struct zone *zone,
                   int64_t shift_ms, double *rate_per_second)
{
        double step = (double)grid->step_ms / MS_PER_SECOND;
        double rise = shape->peak_per_second - shape->base_per_second;

        if (shape->shape == LOAD_DAILY || shape->shape == LOAD_WEEKLY) {
                add_local(shape, grid, zone, shift_ms, rate_per_second);
                return;
        }
        for (size_t i = 0; i < grid->count; i++) {
                double seconds = ((double)i + 0.5) * step - (double)shift_ms / MS_PER_SECOND;
                double share = elapsed_shape(shape, seconds, (double)grid->count * step);

                rate_per_second[i] += shape->base_per_second + (share != 0 ? share * rise : 0);
        }
}

/* Adds `rate` to the steps between two instants, in steps from the start; a step that is touched gets its
 * share. */
static void add_between(double from, double to, double rate, size_t count, double *rate_per_second)
{
        from = fmax(from, 0);
        to = fmin(to, (double)count);
        while (from < to) {
                size_t i = (size_t)from;
                double end = fmin((double)(i + 1), to);

                rate_per_second[i] += rate * (end - from);
                from = end;
        }
}

void synthetic_add_bursts(const struct synthetic_load *shape, const struct load_grid *grid, double scale,
                          gsl_rng *rng, double *rate_per_second)
{
        double step = (double)grid->step_ms / MS_PER_SECOND;
        double duration = (double)grid->count * step;
        double rate = scale * (shape->peak_per_second - shape->base_per_second);
        double gap = SECONDS_PER_DAY / shape->per_day;
        double start = -BURST_PAST * (double)shape->duration_seconds;
        double covered = start; /* bursts so far reach to here */

        while (shape->per_day > 0 && (start += gsl_ran_exponential(rng, gap)) < duration) {
                double end = start + gsl_ran_exponential(rng, (double)shape->duration_seconds);

                if (end <= covered)
                        continue;
                add_between(fmax(start, covered) / step, end / step, rate, grid->count, rate_per_second);
                covered = end;
        }
}
