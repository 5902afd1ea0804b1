/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a replay came to, as a report. */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <string.h>

#include "controller/study/backtest.h"
#include "controller/books/replay_internal.h"
#include "core/json.h"
#include "core/series/series.h"

/* A replay that is farther off than this is no evidence of anything but itself. */
#define COST_OFF_RATIO 0.2
#define LATE_OFF_RATIO 0.1 /* of the time that was replayed */

struct range {
        double median, low, high;
};

/* ---- numbers ---- */

static struct range range_of(double *values, size_t count, double share)
{
        gsl_sort(values, 1, count);
        return (struct range){
                .median = gsl_stats_median_from_sorted_data(values, 1, count),
                .low = gsl_stats_quantile_from_sorted_data(values, 1, count, (1 - share) / 2),
                .high = gsl_stats_quantile_from_sorted_data(values, 1, count, (1 + share) / 2),
        };
}

static struct range cost_of(const struct replay *replay, enum replayed which)
{
        size_t count = replay->n_kept;
        autofree double *values = memory_new(count, sizeof *values);

        for (size_t i = 0; i < count; i++)
                values[i] = replay->plans[which].runs[replay->kept[i]].cost;
        return range_of(values, count, replay->request->confidence);
}

static struct range late_of(const struct replay *replay, enum replayed which)
{
        size_t count = replay->n_kept;
        autofree double *values = memory_new(count, sizeof *values);

        for (size_t i = 0; i < count; i++)
                values[i] = replay->plans[which].runs[replay->kept[i]].late_seconds;
        return range_of(values, count, replay->request->confidence);
}

static double measured_cost(const struct replay *replay)
{
        return price_sum_to_money(replay->past.measured.cost);
}

static double measured_late(const struct replay *replay)
{
        return (double)replay->past.measured.late_ms / MS_PER_SECOND;
}

static double counted_seconds(const struct replay *replay)
{
        return (double)replay->past.measured.counted_ms / MS_PER_SECOND;
}

/* ---- the replay's own error ---- */

static bool baseline_is_fixed(const struct replay *replay)
{
        const struct strategy *strategy = replay->plans[REPLAY_BASELINE].strategy;

        return strategy == &path_strategy || strcmp(strategy->name, "static") == 0;
}

/* Logarithm of measured over replayed cost of the strategy that steered; NAN when none did. */
static double cost_error(const struct replay *replay)
{
        struct range cost;

        if (!replay->plans[REPLAY_STRATEGY].wanted)
                return NAN;
        cost = cost_of(replay, REPLAY_STRATEGY);
        return cost.median > 0 && measured_cost(replay) > 0 ? log(measured_cost(replay) / cost.median) : NAN;
}

/* Seconds by which the replay of the strategy that steered misses how late it was; 0 for a baseline that is
 * none. */
static double steering_late_error(const struct replay *replay)
{
        if (baseline_is_fixed(replay) || !replay->plans[REPLAY_STRATEGY].wanted)
                return 0;
        return measured_late(replay) - late_of(replay, REPLAY_STRATEGY).median;
}

/* The most by which replays of what ran miss it. */
static double late_error(const struct replay *replay)
{
        return fmax(fabs(measured_late(replay) - late_of(replay, REPLAY_PATH).median),
                    fabs(steering_late_error(replay)));
}

/*
 * How many workers a configuration has is known. What a strategy would have run is corrected by what the
 * replay missed of the strategy that steered, and is as uncertain as that.
 */
static struct range baseline_cost(const struct replay *replay)
{
        struct range cost = cost_of(replay, REPLAY_BASELINE);
        double miss = baseline_is_fixed(replay) ? 0 : cost_error(replay);

        if (isnan(miss))
                return cost;
        return (struct range){cost.median * exp(miss), cost.low * exp(miss - fabs(miss)),
                              cost.high * exp(miss + fabs(miss))};
}

static double within(double seconds, const struct replay *replay)
{
        return fmin(fmax(seconds, 0), counted_seconds(replay));
}

static struct range baseline_late(const struct replay *replay)
{
        struct range late = late_of(replay, REPLAY_BASELINE);
        double shift = steering_late_error(replay), miss = late_error(replay);

        return (struct range){within(late.median + shift, replay), within(late.low + shift - miss, replay),
                              within(late.high + shift + miss, replay)};
}

static bool rates_were_fitted(const struct replay *replay)
{
        const struct calibration *calibration = replay->calibration;

        for (size_t i = 0; calibration && i < calibration->count; i++)
                if (calibration->parameters[i].identified &&
                    strstr(calibration->parameters[i].name, "ratePerSecond"))
                        return true;
        return false;
}

/* Evidence is a model that was fitted to what was observed, and that is near it where it can be seen. */
static bool is_evidence(const struct replay *replay)
{
        double late = late_error(replay) / fmax(counted_seconds(replay), 1);
        double cost = baseline_is_fixed(replay) ? 0 : fabs(cost_error(replay));

        return rates_were_fitted(replay) && late <= LATE_OFF_RATIO && cost <= log1p(COST_OFF_RATIO);
}

/* ---- documents ---- */

static json_t *range_json(struct range range)
{
        return json_pack("{s:o, s:o, s:o}", "median", json_from_double(range.median), "low",
                         json_from_double(range.low), "high", json_from_double(range.high));
}

static json_t *beside_measured(struct range range, double measured)
{
        json_t *object = range_json(range);

        json_object_set_new(object, "measured", json_from_double(measured));
        return object;
}

static json_t *check_json(const struct replay *replay, enum replayed which)
{
        if (!replay->plans[which].wanted)
                return json_null();
        return json_pack("{s:s, s:o, s:o}", "strategy", replay->plans[which].strategy->name, "cost",
                         beside_measured(cost_of(replay, which), measured_cost(replay)), "late_seconds",
                         beside_measured(late_of(replay, which), measured_late(replay)));
}

static json_t *baseline_json(const struct replay *replay)
{
        const struct strategy *strategy = replay->plans[REPLAY_BASELINE].strategy;
        char text[160];

        configuration_describe(&replay->spec->pipeline, &replay->baseline, text, sizeof text);
        return json_pack("{s:s?, s:s, s:o, s:o}", "strategy",
                         strategy == &path_strategy ? NULL : strategy->name, "configuration", text, "cost",
                         range_json(baseline_cost(replay)), "late_seconds",
                         range_json(baseline_late(replay)));
}

static json_t *details_json(const struct replay *replay)
{
        const struct past *past = &replay->past;
        const struct calibration *calibration = replay->calibration;

        return json_pack("{s:o, s:o, s:o, s:I, s:I, s:o, s:I, s:I, s:o, s:f, s:o, s:s?}", "baseline",
                         baseline_json(replay), "path", check_json(replay, REPLAY_PATH), "steering",
                         check_json(replay, REPLAY_STRATEGY), "runs", (json_int_t)replay->request->runs,
                         "observations", (json_int_t)past->observations, "counted_seconds",
                         json_from_double(counted_seconds(replay)), "gaps", (json_int_t)past->gaps, "seed",
                         (json_int_t)replay->request->seed, "gap_seconds",
                         json_from_double((double)past->gap_ms / MS_PER_SECOND), "confidence",
                         replay->request->confidence, "model",
                         calibration ? backtest_model_json(calibration) : json_null(), "unfitted",
                         calibration ? NULL : replay->unfitted.message);
}

static json_t *books_json(const struct replay *replay)
{
        struct range baseline = baseline_cost(replay);
        double cost = measured_cost(replay), owed = tally_backlog_debt(&replay->past.measured);

        return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "currency",
                         price_book_currency(replay->prices), "cost", json_from_double(cost), "baseline_cost",
                         json_from_double(baseline.median), "saving",
                         json_from_double(baseline.median - cost - owed), "low",
                         json_from_double(baseline.low - cost - owed), "high",
                         json_from_double(baseline.high - cost - owed), "late_seconds",
                         json_from_double(measured_late(replay)), "observed_seconds",
                         json_from_double(counted_seconds(replay)));
}

json_t *replay_json(const struct replay *replay)
{
        const struct past *past = &replay->past;
        char from[32], to[32];

        time_format(past->spans[0].start_ms, from);
        time_format(past->spans[past->count - 1].end_ms, to);
        return json_pack("[{s:O, s:s, s:s, s:o, s:o, s:s, s:o}]", "pipeline",
                         json_object_get(replay->origin, "pipeline"), "from", from, "to", to, "books",
                         books_json(replay), "baseline_late_seconds",
                         json_from_double(baseline_late(replay).median), "grade",
                         is_evidence(replay) ? "Replayed" : "Modelled", "replay", details_json(replay));
}
