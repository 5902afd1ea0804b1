/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/workload.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/random.h"
#include "core/zone.h"
#include "sim/workload_recorded.h"
#include "sim/workload_shapes.h"

#define DEFAULT_START_MS    1767571200000 /* 2026-01-05T00:00:00Z */
#define MAX_PER_SECOND      1e24          /* beyond any spec's own numbers, yet sums stay finite */
#define DEFAULT_DURATION_MS ((int64_t)7 * MS_PER_DAY)

/* Purposes of random streams; see random_new. */
enum { PURPOSE_NOISE = 0x6c6f6164, PURPOSE_BURSTS = 0x62757273 };

struct workload {
        struct load_grid grid;
        uint64_t seed;
        double scale, noise_cv;
        double outage_start, outage_end; /* in steps from the start */
        double replay_ratio;
        struct synthetic_load *bursts;
        size_t n_bursts;
        double *base_rate;           /* scaled, without bursts, noise and outage */
        struct workload_run *shared; /* the load of every run; NULL when runs differ */
};

static bool check_options(const struct workload_options *options, struct error *err)
{
        const struct synthetic_load *shapes = options->synthetic.items;

        if (!options->file && options->synthetic.count == 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "workload: no load; expected a file or a synthetic one");
        if (!(options->scale >= 0))
                return error_set(err, ERROR_INPUT, NULL, "workload.scale: expected 0 or more");
        if (options->outage_seconds > 0 && options->outage_replay_ratio != 0 &&
            !(options->outage_replay_ratio > 1))
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "workload.outageReplayRatio: %g never catches up; expected more than 1, or 0 for no "
                        "replay",
                        options->outage_replay_ratio);
        for (size_t i = 0; i < options->synthetic.count; i++) {
                if (!synthetic_check(&shapes[i], err))
                        return false;
        }
        return true;
}

static bool make_grid(const struct workload_options *options, const struct recorded_load *recorded,
                      int64_t start_ms, int64_t duration_ms, int64_t step_ms, struct load_grid *ret_grid,
                      struct error *err)
{
        int64_t shift_ms = options->shift_seconds * MS_PER_SECOND;
        int64_t recorded_start_ms = recorded ? recorded->series->time_ms[0] + shift_ms : DEFAULT_START_MS;

        if (start_ms == INT64_MIN)
                start_ms = recorded_start_ms;
        if (duration_ms == 0)
                duration_ms =
                        recorded ? recorded->end_ms + shift_ms - recorded_start_ms : DEFAULT_DURATION_MS;
        if (duration_ms / step_ms > WORKLOAD_MAX_STEPS)
                return error_set(err, ERROR_LIMIT, NULL, "simulation: %lld steps; expected %d or less",
                                 (long long)(duration_ms / step_ms), WORKLOAD_MAX_STEPS);
        *ret_grid = (struct load_grid){.start_ms = start_ms,
                                       .step_ms = step_ms,
                                       .count = (size_t)(duration_ms / step_ms)};
        if (ret_grid->count == 0)
                return error_set(err, ERROR_INPUT, NULL, "simulation: shorter than one step of %lld ms",
                                 (long long)step_ms);
        return true;
}

/* All that does not depend on chance, scaled. */
static bool make_base(struct workload *workload, const struct workload_options *options,
                      const struct recorded_load *recorded, struct error *err)
{
        const struct synthetic_load *shapes = options->synthetic.items;
        int64_t shift_ms = options->shift_seconds * MS_PER_SECOND;
        autocall(zone_free) struct zone *zone = NULL;

        if (!zone_load(options->time_zone, &zone, err))
                return error_wrap(err, "workload");
        workload->base_rate = memory_new(workload->grid.count, sizeof *workload->base_rate);
        if (recorded && !recorded_load_add(recorded, &workload->grid, shift_ms, workload->base_rate, err))
                return false;
        for (size_t i = 0; i < options->synthetic.count; i++)
                synthetic_add(&shapes[i], &workload->grid, zone, shift_ms, workload->base_rate);
        for (size_t i = 0; i < workload->grid.count; i++) {
                workload->base_rate[i] *= workload->scale;
                if (!(workload->base_rate[i] <= MAX_PER_SECOND))
                        return error_set(err, ERROR_INPUT, NULL,
                                         "workload: a load of %g/s; expected at most %g/s",
                                         workload->base_rate[i], MAX_PER_SECOND);
        }
        return true;
}

static void copy_bursts(struct workload *workload, const struct workload_options *options)
{
        const struct synthetic_load *shapes = options->synthetic.items;

        workload->bursts = memory_new(options->synthetic.count, sizeof *workload->bursts);
        for (size_t i = 0; i < options->synthetic.count; i++) {
                if (shapes[i].shape == LOAD_BURSTS)
                        workload->bursts[workload->n_bursts++] = shapes[i];
        }
}

bool workload_new(const struct workload_options *options, const char *base, int64_t start_ms,
                  int64_t duration_ms, int64_t step_ms, uint64_t seed, struct workload **ret_workload,
                  struct error *err)
{
        autocall(workload_free) struct workload *workload = memory_new(1, sizeof *workload);
        autocall(recorded_load_free) struct recorded_load *recorded = NULL;
        double step = (double)step_ms / MS_PER_SECOND;

        if (!check_options(options, err) ||
            (options->file && !recorded_load_read(options, base, &recorded, err)) ||
            !make_grid(options, recorded, start_ms, duration_ms, step_ms, &workload->grid, err))
                return false;
        workload->seed = seed;
        workload->scale = options->scale;
        workload->noise_cv = options->noise_cv;
        workload->outage_start = (double)options->outage_start_seconds / step;
        workload->outage_end = workload->outage_start + (double)options->outage_seconds / step;
        workload->replay_ratio = options->outage_replay_ratio;
        copy_bursts(workload, options);
        if (!make_base(workload, options, recorded, err))
                return false;
        if (workload->n_bursts == 0 && !(workload->noise_cv > 0))
                workload->shared = workload_run_new(workload, 0);
        *ret_workload = TAKE(workload);
        return true;
}

void workload_free(struct workload *workload)
{
        if (!workload)
                return;
        workload_run_free(workload->shared);
        free(workload->base_rate);
        free(workload->bursts);
        free(workload);
}

int64_t workload_start_ms(const struct workload *workload)
{
        return workload->grid.start_ms;
}

int64_t workload_duration_ms(const struct workload *workload)
{
        return (int64_t)workload->grid.count * workload->grid.step_ms;
}

static void add_bursts(const struct workload *workload, uint64_t run, double *rate)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(workload->seed, run, PURPOSE_BURSTS);

        for (size_t i = 0; i < workload->n_bursts; i++)
                synthetic_add_bursts(&workload->bursts[i], &workload->grid, workload->scale, rng, rate);
}

/* Log-normal with mean 1, so that noise changes no total but by chance. */
static void multiply_noise(const struct workload *workload, uint64_t run, double *rate)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(workload->seed, run, PURPOSE_NOISE);
        double variance = log1p(workload->noise_cv * workload->noise_cv);
        double sd = sqrt(variance);

        for (size_t i = 0; i < workload->grid.count; i++)
                rate[i] *= exp(gsl_ran_gaussian_ziggurat(rng, sd) - variance / 2);
}

/* The source is silent, then sends what it held back on top of the ordinary load until that is through. */
static void apply_outage(const struct workload *workload, double *rate)
{
        size_t first = workload->outage_start > 0 ? (size_t)workload->outage_start : 0;
        double held_back = 0;

        if (!(workload->outage_end > workload->outage_start))
                return;
        for (size_t i = first; i < workload->grid.count; i++) {
                double silent =
                        fmin((double)(i + 1), workload->outage_end) - fmax((double)i, workload->outage_start);
                double ordinary = rate[i];

                if (silent > 0) {
                        rate[i] -= silent * ordinary;
                        held_back += silent * ordinary;
                } else if (held_back > 0 && workload->replay_ratio > 1) {
                        double more = fmin(held_back, (workload->replay_ratio - 1) * ordinary);

                        rate[i] += more;
                        held_back -= more;
                } else {
                        return;
                }
        }
}

static void accumulate(const struct load_grid *grid, const double *rate, double *cumulative)
{
        double step = (double)grid->step_ms / MS_PER_SECOND;

        cumulative[0] = 0;
        for (size_t i = 0; i < grid->count; i++)
                cumulative[i + 1] = cumulative[i] + rate[i] * step;
}

struct workload_run *workload_run_new(const struct workload *workload, uint64_t run)
{
        struct workload_run *drawn = memory_new(1, sizeof *drawn);
        size_t count = workload->grid.count;

        if (workload->shared) {
                drawn->load = workload->shared->load;
                return drawn;
        }
        drawn->rate_per_second = memory_new(count, sizeof(double));
        drawn->cumulative_records = memory_new(count + 1, sizeof(double));
        memcpy(drawn->rate_per_second, workload->base_rate, count * sizeof(double));
        if (workload->n_bursts > 0)
                add_bursts(workload, run, drawn->rate_per_second);
        if (workload->noise_cv > 0)
                multiply_noise(workload, run, drawn->rate_per_second);
        apply_outage(workload, drawn->rate_per_second);
        accumulate(&workload->grid, drawn->rate_per_second, drawn->cumulative_records);
        drawn->load = (struct load){.count = count,
                                    .rate_per_second = drawn->rate_per_second,
                                    .cumulative_records = drawn->cumulative_records};
        return drawn;
}

void workload_run_free(struct workload_run *run)
{
        if (!run)
                return;
        free(run->rate_per_second);
        free(run->cumulative_records);
        free(run);
}
