/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/study/summary.h"
#include "core/json.h"

static void assert_near(double value, double expected)
{
        if (!(fabs(value - expected) <= 1e-9))
                fail_msg("%.9g, expected %.9g", value, expected);
}

/* Half a day: everything a day is twice that, everything else a mean over its seconds. */
static void figures_become_rates_by_the_day(void **state)
{
        const struct figures figures = {
                .seconds = 43200,
                .cost = 12,
                .carbon_grams = 300,
                .worker_seconds = 4 * 43200.0,
                .slo_missed_seconds = 90,
                .rescales = 7,
                .processed_records = 432000,
                .backlog_peak_records = 55,
                .delay_peak_seconds = 6,
        };
        struct summary summary;

        (void)state;
        summary_of(&figures, &summary);
        assert_near(summary.value[SUMMARY_COST_PER_DAY], 24);
        assert_near(summary.value[SUMMARY_CARBON], 600);
        assert_near(summary.value[SUMMARY_WORKERS], 4);
        assert_near(summary.value[SUMMARY_SLO_MISSED], 3);
        assert_near(summary.value[SUMMARY_RESCALES], 14);
        assert_near(summary.value[SUMMARY_THROUGHPUT], 10);
        assert_near(summary.value[SUMMARY_BACKLOG_PEAK], 55);
        assert_near(summary.value[SUMMARY_DELAY_PEAK], 6);
        assert_true(isnan(summary.value[SUMMARY_SAVING_PERCENT]));
        assert_true(isnan(summary.value[SUMMARY_LATENCY_P99])); /* nothing was added to the histogram */
}

static void fill(struct summary *runs, const double *values, size_t count)
{
        for (size_t i = 0; i < count; i++)
                runs[i].value[SUMMARY_COST_PER_DAY] = values[i];
}

/* 10, 20, ..., 110: quantile q of eleven values is at 10 q by linear interpolation, so .05 is 15 and .95 is
 * 105; the mean is 60. NAN, anywhere, does not count. */
static void a_spread_is_the_mean_and_the_middle_share(void **state)
{
        const double values[] = {70, NAN, 20, 30, 40, 50, 60, 10, 80, 90, 100, 110, NAN};
        struct summary runs[13] = {0};
        struct spread spread;

        (void)state;
        fill(runs, values, 13);
        spread = summary_spread(runs, 13, SUMMARY_COST_PER_DAY, .9);
        assert_near(spread.mean, 60);
        assert_near(spread.low, 15);
        assert_near(spread.high, 105);
        spread = summary_spread(runs, 13, SUMMARY_COST_PER_DAY, .5);
        assert_near(spread.low, 35);
        assert_near(spread.high, 85);
}

static void one_run_has_no_spread_and_none_has_nothing(void **state)
{
        struct summary run = {.value = {[SUMMARY_COST_PER_DAY] = 7, [SUMMARY_WORKERS] = NAN}};
        struct spread spread = summary_spread(&run, 1, SUMMARY_COST_PER_DAY, .9);

        (void)state;
        assert_true(spread.mean == 7 && spread.low == 7 && spread.high == 7);
        assert_true(isnan(summary_spread(&run, 1, SUMMARY_WORKERS, .9).mean));
        assert_true(isnan(summary_spread(NULL, 0, SUMMARY_COST_PER_DAY, .9).high));
}

static void every_metric_is_in_the_document(void **state)
{
        struct summary runs[2] = {0};
        autojson *object = json_object();
        double value;

        (void)state;
        runs[0].value[SUMMARY_CARBON] = 10;
        runs[1].value[SUMMARY_CARBON] = 20;
        runs[0].value[SUMMARY_LATENCY_P99] = runs[1].value[SUMMARY_LATENCY_P99] = NAN;
        summary_to_json(runs, 2, .9, object);
        assert_int_equal(json_object_size(object), SUMMARY_METRICS);
        assert_true(json_find_number(json_object_get(object, "carbon_grams_per_day"), "mean", &value));
        assert_near(value, 15);
        assert_true(json_is_null(json_object_get(json_object_get(object, "latency_p99_seconds"), "mean")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(figures_become_rates_by_the_day),
                cmocka_unit_test(a_spread_is_the_mean_and_the_middle_share),
                cmocka_unit_test(one_run_has_no_spread_and_none_has_nothing),
                cmocka_unit_test(every_metric_is_in_the_document),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
