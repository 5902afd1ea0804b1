/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far to trust the simulator: what it predicts of real runs that it was not fitted on, beside what was
 * measured. The targets are the product's own promises (docs/evidence.md).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/study/backtest.h"
#include "controller/registry.h"
#include "core/json.h"
#include "tests/support/data.h"

static json_t *backtest(const char *spec_path, const char *data)
{
        struct error err = ERROR_INIT;
        struct source source;
        const struct backtest_request request = {.source = &source, .quiet = true};
        json_t *document = NULL;

        if (!source_open(spec_path, data, registry_all(), &source, &err))
                fail_msg("%s", err.message);
        if (!backtest_run(&request, &document, &err))
                fail_msg("%s", err.message);
        source_close(&source);
        return document;
}

static const json_t *prediction(const json_t *document, const char *recording, const char *metric)
{
        size_t i;
        json_t *one;

        json_array_foreach(json_object_get(document, "predictions"), i, one)
        {
                if (strcmp(json_string_value(json_object_get(one, "recording")), recording) == 0 &&
                    strcmp(json_string_value(json_object_get(one, "metric")), metric) == 0)
                        return one;
        }
        fail_msg("nothing is predicted of %s of %s", metric, recording);
        return NULL;
}

static double number(const json_t *object, const char *key)
{
        double value = NAN;

        assert_true(json_find_number(object, key, &value));
        return value;
}

static double predicted(const json_t *document, const char *recording, const char *metric)
{
        return number(prediction(document, recording, metric), "predicted");
}

static void assert_within(double value, double low, double high)
{
        if (!(value >= low && value <= high))
                fail_msg("%g is not within %g and %g", value, low, high);
}

static void assert_ratio(double value, double expected, double ratio)
{
        assert_within(value, expected / ratio, expected * ratio);
}

/* Demeter: reactive mode steered by an HPA at 35 % CPU. 14.65 TaskManagers is the mean of the three repeats
 * of the real run; 39.0 % the saving that goes with it; 10.3 s its p99. */
static void a_reactive_run_follows_from_a_static_one(void **state)
{
        char data[DATA_PATH_BYTES];
        json_t *document;

        (void)state;
        data_path("flink-demeter", data);
        document = backtest("examples/backtest-flink.yaml", data);
        assert_within(predicted(document, "reactive", "workers_mean"), 14.65 * .97, 14.65 * 1.03);
        assert_within(predicted(document, "reactive", "saving_percent"), 39.0 - 2, 39.0 + 2);
        assert_ratio(predicted(document, "reactive", "latency_p99_seconds"), 10.3, 1.5);
        assert_within(number(document, "coverage_percent"), 85, 95);
        /* 18 h in windows of 10 minutes: 108 for each of workers, throughput, latency and backlog. */
        assert_int_equal(number(document, "windows"), 432);
        json_decref(document);
}

/* Phoebe: the scale between the two that were fitted. */
static void twelve_workers_follow_from_four_and_twenty_four(void **state)
{
        char data[DATA_PATH_BYTES];
        const json_t *throughput;
        json_t *document;

        (void)state;
        data_path("flink-phoebe/ads", data);
        document = backtest("examples/backtest-scale.yaml", data);
        throughput = prediction(document, "workers-12", "throughput_per_second");
        assert_within(number(throughput, "predicted") / number(throughput, "measured"), .95, 1.05);
        assert_ratio(predicted(document, "workers-12", "delay_peak_seconds"), 514, 1.5);
        json_decref(document);
}

/* ---- Flink's own autoscaler ---- */

/* Parallelism of `work` in "source 3, work 11, sink 3 (11 workers)". */
static int work_of(const json_t *change)
{
        const char *to = json_string_value(json_object_get(change, "to"));
        const char *at = to ? strstr(to, "work ") : NULL;
        int parallelism = 0;

        if (!at || sscanf(at, "work %d", &parallelism) != 1)
                fail_msg("no parallelism of work in \"%s\"", to ? to : "");
        return parallelism;
}

static const json_t *recording_named(const json_t *document, const char *name)
{
        size_t i;
        json_t *one;

        json_array_foreach(json_object_get(document, "recordings"), i, one)
        {
                if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
                        return one;
        }
        fail_msg("no recording %s", name);
        return NULL;
}

/* Each of the values comes, within one, and in this order. */
static void assert_in_order(const json_t *changes, const int *values, size_t count)
{
        size_t found = 0;

        for (size_t i = 0; i < json_array_size(changes) && found < count; i++)
                found += abs(work_of(json_array_get(changes, i)) - values[found]) <= 1;
        if (found < count)
                fail_msg("after %zu changes parallelism of work was not yet near %d",
                         json_array_size(changes), values[found]);
}

/* The real runs: 5 rescales each; `work` goes to 11, 8 and 4 after the steps of the load; 6.867 slots on
 * average and a backlog of 26,333 records at its worst, the means of the three. */
static void flinks_autoscaler_follows_from_a_fixed_run(void **state)
{
        static const int steps[] = {11, 8, 4};
        static const char *const names[] = {"autoscaler-1", "autoscaler-2", "autoscaler-3"};
        json_t *document = backtest("examples/autoscaler.yaml", NULL);
        double workers = 0, backlog = 0;

        (void)state;
        for (size_t i = 0; i < 3; i++) {
                const json_t *recording = recording_named(document, names[i]);

                assert_within(number(recording, "rescales"), 4, 6);
                assert_in_order(json_object_get(recording, "changes"), steps, 3);
                workers += number(prediction(document, names[i], "workers_mean"), "measured") / 3;
                backlog += number(prediction(document, names[i], "backlog_peak_records"), "measured") / 3;
        }
        for (size_t i = 0; i < 3; i++) {
                assert_within(predicted(document, names[i], "workers_mean") / workers, .93, 1.07);
                assert_ratio(predicted(document, names[i], "backlog_peak_records"), backlog, 1.5);
        }
        json_decref(document);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_reactive_run_follows_from_a_static_one),
                cmocka_unit_test(twelve_workers_follow_from_four_and_twenty_four),
                cmocka_unit_test(flinks_autoscaler_follows_from_a_fixed_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
