/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/series/series.h"
#include "sim/workload.h"
#include "tests/support/data.h"

#define MONDAY 1767571200000 /* 2026-01-05T00:00:00Z */
#define DAY    86400.0

static struct workload_options with_shapes(struct synthetic_load *shapes, size_t count)
{
        return (struct workload_options){.scale = 1,
                                         .mean_per_second = NAN,
                                         .synthetic = {.items = shapes, .count = count}};
}

static struct workload_options with_file(char *path)
{
        return (struct workload_options){.scale = 1, .mean_per_second = NAN, .file = path};
}

static struct workload *make(const struct workload_options *options, int64_t start_ms, int64_t seconds,
                             int64_t step_ms)
{
        struct error err = ERROR_INIT;
        struct workload *workload = NULL;

        if (!workload_new(options, ".", start_ms, seconds * MS_PER_SECOND, step_ms, 1, &workload, &err))
                fail_msg("%s", err.message);
        return workload;
}

static void assert_refused(const struct workload_options *options, int64_t start_ms, const char *message)
{
        struct error err = ERROR_INIT;
        struct workload *workload = NULL;

        assert_false(workload_new(options, ".", start_ms, 0, 1000, 1, &workload, &err));
        assert_null(workload);
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, message))
                fail_msg("%s", err.message);
}

static double records(const struct workload_options *options, int64_t start_ms, int64_t seconds,
                      int64_t step_ms)
{
        autocall(workload_free) struct workload *workload = make(options, start_ms, seconds, step_ms);
        autocall(workload_run_free) struct workload_run *run = workload_run_new(workload, 0);

        return run->load.cumulative_records[run->load.count];
}

static void assert_near(double value, double expected, double relative)
{
        if (fabs(value - expected) > fabs(expected) * relative)
                fail_msg("%.15g, expected %.15g", value, expected);
}

static char *write_file(const char *text)
{
        char path[] = "/tmp/optctl-load-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
        return memory_copy_text(path);
}

static void test_constant_and_trend(void **state)
{
        struct synthetic_load shapes[] = {{.shape = LOAD_CONSTANT, .base_per_second = 100},
                                          {.shape = LOAD_TREND,
                                           .base_per_second = 50,
                                           .peak_per_second = 20}};
        struct workload_options options = with_shapes(shapes, 2);

        (void)state;
        assert_near(records(&options, MONDAY, 3600, 1000), 3600 * (100 + 35), 1e-12);
        options.scale = 2.5;
        assert_near(records(&options, MONDAY, 3600, 1000), 2.5 * 3600 * (100 + 35), 1e-12);
}

/* A full period of base + (peak - base) (1 + cos) / 2 has the mean (base + peak) / 2. */
static void test_periodic_shapes(void **state)
{
        struct synthetic_load daily = {.shape = LOAD_DAILY,
                                       .base_per_second = 10,
                                       .peak_per_second = 50,
                                       .peak_hour = 14};
        struct synthetic_load weekly = daily;
        struct synthetic_load sine = {.shape = LOAD_SINE,
                                      .base_per_second = 10,
                                      .peak_per_second = 50,
                                      .period_seconds = 600};
        struct workload_options options = with_shapes(&daily, 1);

        (void)state;
        weekly.shape = LOAD_WEEKLY;
        weekly.weekend_ratio = 0.25;
        assert_near(records(&options, MONDAY, 86400, 1000), DAY * 30, 1e-12);
        options = with_shapes(&weekly, 1);
        assert_near(records(&options, MONDAY, 7 * 86400, 60000), DAY * 30 * (5 + 2 * 0.25), 1e-12);
        assert_near(records(&options, MONDAY + 5ll * MS_PER_DAY, 86400, 60000), DAY * 30 * 0.25, 1e-12);
        options = with_shapes(&sine, 1);
        assert_near(records(&options, MONDAY, 1800, 1000), 1800 * 30, 1e-12);
}

static int64_t hour_of_peak(const struct workload_options *options, int64_t start_ms)
{
        autocall(workload_free) struct workload *workload = make(options, start_ms, 86400, 60000);
        autocall(workload_run_free) struct workload_run *run = workload_run_new(workload, 0);
        size_t best = 0;

        for (size_t i = 0; i < run->load.count; i++) {
                if (run->load.rate_per_second[i] > run->load.rate_per_second[best])
                        best = i;
        }
        return (int64_t)(best + 1) / 60;
}

/* 14:00 in New York is 19:00 UTC in January and 18:00 in July. */
static void test_peak_hour_is_local(void **state)
{
        char zone[] = "America/New_York";
        struct synthetic_load daily = {.shape = LOAD_DAILY,
                                       .base_per_second = 10,
                                       .peak_per_second = 50,
                                       .peak_hour = 14};
        struct workload_options options = with_shapes(&daily, 1);

        (void)state;
        assert_int_equal(hour_of_peak(&options, MONDAY), 14);
        options.time_zone = zone;
        assert_int_equal(hour_of_peak(&options, MONDAY), 19);
        assert_int_equal(hour_of_peak(&options, MONDAY + 180ll * MS_PER_DAY), 18);
        options.shift_seconds = 7200;
        assert_int_equal(hour_of_peak(&options, MONDAY), 21);
}

/* A trapezium: ramp of 0.1, plateau of 0.4, ramp of 0.5 of the duration: area 0.7. */
static void test_flash_crowd(void **state)
{
        struct synthetic_load crowd = {.shape = LOAD_FLASH_CROWD,
                                       .base_per_second = 10,
                                       .peak_per_second = 110,
                                       .start_seconds = 600,
                                       .duration_seconds = 1000};
        struct workload_options options = with_shapes(&crowd, 1);
        autocall(workload_free) struct workload *workload = make(&options, MONDAY, 3600, 1000);
        autocall(workload_run_free) struct workload_run *run = workload_run_new(workload, 3);

        (void)state;
        assert_near(run->load.cumulative_records[3600], 36000 + 100 * 1000 * 0.7, 1e-12);
        assert_true(run->load.rate_per_second[599] == 10 && run->load.rate_per_second[1600] == 10);
        assert_true(run->load.rate_per_second[700] == 110 && run->load.rate_per_second[1099] == 110);
        assert_null(run->rate_per_second); /* nothing is left to chance: all runs share one array */
}

/* Busy share of M/G/infinity with 6 bursts a day of 1 h: 1 - exp(-6/24). */
static void test_bursts(void **state)
{
        struct synthetic_load bursts = {.shape = LOAD_BURSTS,
                                        .base_per_second = 100,
                                        .peak_per_second = 500,
                                        .duration_seconds = 3600,
                                        .per_day = 6};
        struct workload_options options = with_shapes(&bursts, 1);
        double expected = 100 + 400 * (1 - exp(-0.25));
        double sum = 0, squares = 0, mean, error;
        const int runs = 60;
        autocall(workload_free) struct workload *workload = NULL;

        (void)state;
        options.scale = 3;
        workload = make(&options, MONDAY, 30 * 86400, 60000);
        for (uint64_t i = 0; i < (uint64_t)runs; i++) {
                autocall(workload_run_free) struct workload_run *run = workload_run_new(workload, i);
                double rate = run->load.cumulative_records[run->load.count] / (30 * DAY) / 3;

                sum += rate;
                squares += rate * rate;
                for (size_t k = 0; k < run->load.count; k++)
                        assert_in_range((long)floor(run->load.rate_per_second[k]), 299, 1500);
        }
        mean = sum / runs;
        error = sqrt((squares / runs - mean * mean) / (runs - 1));
        assert_true(fabs(mean - expected) < 3 * error);
        assert_near(mean, expected, 0.02);
}

static void test_noise(void **state)
{
        struct synthetic_load constant = {.shape = LOAD_CONSTANT, .base_per_second = 100};
        struct workload_options options = with_shapes(&constant, 1);
        autocall(workload_free) struct workload *workload = NULL;
        autocall(workload_run_free) struct workload_run *run = NULL, *same = NULL, *other = NULL;
        double sum = 0, squares = 0, mean;
        const size_t count = 200000;

        (void)state;
        options.noise_cv = 0.3;
        workload = make(&options, MONDAY, (int64_t)count, 1000);
        run = workload_run_new(workload, 7);
        same = workload_run_new(workload, 7);
        other = workload_run_new(workload, 8);
        for (size_t i = 0; i < count; i++) {
                sum += run->load.rate_per_second[i];
                squares += run->load.rate_per_second[i] * run->load.rate_per_second[i];
        }
        mean = sum / (double)count;
        assert_true(fabs(mean - 100) < 3 * 30 / sqrt((double)count));
        assert_near(sqrt(squares / (double)count - mean * mean) / mean, 0.3, 0.01);
        assert_memory_equal(run->load.rate_per_second, same->load.rate_per_second, count * sizeof(double));
        assert_memory_not_equal(run->load.rate_per_second, other->load.rate_per_second,
                                count * sizeof(double));
}

/* 3 points a minute apart on steps of 15 s; the last value holds. Between: 10 + 2.5 k, 20 - 5 k. */
static void test_recording_coarser_than_the_step(void **state)
{
        static const double expected[] = {10, 12.5, 15, 17.5, 20, 15, 10, 5, 0, 0, 0, 0};
        autofree char *path = write_file("timestamp,value\n1767571200,10\n1767571260,20\n1767571320,0\n");
        struct workload_options options = with_file(path);
        autocall(workload_free) struct workload *workload = make(&options, INT64_MIN, 0, 15000);
        autocall(workload_run_free) struct workload_run *run = workload_run_new(workload, 0);

        (void)state;
        unlink(path);
        assert_int_equal(workload_start_ms(workload), MONDAY);
        assert_int_equal(workload_duration_ms(workload), 180000);
        for (size_t i = 0; i < ARRAY_LENGTH(expected); i++)
                assert_true(run->load.rate_per_second[i] == expected[i]);
}

/* Steps of 2 s over points of 1 s: means. Unknown values lie on the line between their neighbours. */
static void test_recording_finer_than_the_step(void **state)
{
        static const double expected[] = {15, 35, 50};
        autofree char *path = write_file("t|v\n0|10\n1|20\n2|null\n3|40\n4|50\n5|null\n6|null\n");
        struct workload_options options = with_file(path);
        autocall(workload_free) struct workload *workload = NULL;
        autocall(workload_run_free) struct workload_run *run = NULL;

        (void)state;
        options.seconds_from_zero = true;
        options.repeat = true;
        workload = make(&options, 0, 16, 2000);
        unlink(path);
        run = workload_run_new(workload, 0);
        assert_true(run->load.rate_per_second[0] == expected[0]);
        assert_true(run->load.rate_per_second[1] == expected[1]);
        assert_true(run->load.rate_per_second[2] == expected[2]);
        assert_true(run->load.rate_per_second[3] ==
                    (50 + 10) / 2.0); /* the last second, then from the start */
        assert_true(run->load.rate_per_second[4] == (20 + 30) / 2.0);
}

static void test_counts_mean_and_shift(void **state)
{
        autofree char *path = write_file("1767571200,600\n1767571500,1200\n1767571800,300\n1767572100,900\n");
        struct workload_options options = with_file(path);

        (void)state;
        options.counts = true;
        assert_near(records(&options, INT64_MIN, 0, 300000), 3000, 1e-12);
        assert_near(records(&options, INT64_MIN, 0, 600000), 3000, 1e-12);
        options.repeat = true;
        assert_near(records(&options, MONDAY, 3600, 60000), 3 * 3000, 1e-12);
        options.counts = false;
        options.mean_per_second = 4;
        assert_near(records(&options, MONDAY, 3600, 60000), 4 * 3600, 1e-12);
        options.repeat = false;
        options.shift_seconds = 300;
        assert_near(records(&options, MONDAY + 300000, 300, 300000), 4 * 300 * 600 / 750.0, 1e-12);
        assert_refused(&options, MONDAY,
                       "the recorded load runs from 2026-01-05T00:00:00Z to 2026-01-05T00:20:00Z");
        unlink(path);
}

static void test_refusals(void **state)
{
        autofree char *negative = write_file("1767571200,1\n1767571201,-1\n");
        autofree char *unknown = write_file("1767571200,null\n");
        struct synthetic_load shape = {.shape = LOAD_DAILY, .base_per_second = 10, .peak_per_second = 5};
        struct workload_options options = {.scale = 1, .mean_per_second = NAN};

        (void)state;
        assert_refused(&options, MONDAY, "no load; expected a file or a synthetic one");
        options = with_file(negative);
        assert_refused(&options, INT64_MIN, "a load of -1 at 2026-01-05T00:00:01Z; expected 0 or more");
        options = with_file(unknown);
        assert_refused(&options, INT64_MIN, "holds no known value");
        options = with_shapes(&shape, 1);
        assert_refused(&options, MONDAY, "expected peakPerSecond of basePerSecond (10) or more");
        shape.peak_per_second = 20;
        options.outage_seconds = 10;
        options.outage_replay_ratio = 1;
        assert_refused(&options, MONDAY, "1 never catches up");
        unlink(negative);
        unlink(unknown);
}

/* What the source held back comes later: the same records in all, none while it is silent, twice the load
 * after. */
static void test_outage_and_replay(void **state)
{
        struct synthetic_load daily = {.shape = LOAD_DAILY,
                                       .base_per_second = 10,
                                       .peak_per_second = 50,
                                       .peak_hour = 3};
        struct workload_options options = with_shapes(&daily, 1);
        autocall(workload_free) struct workload *whole = NULL, *broken = NULL, *lost = NULL;
        autocall(workload_run_free) struct workload_run *ordinary = NULL, *replayed = NULL, *silent = NULL;
        size_t last;

        (void)state;
        options.noise_cv = 0.2;
        whole = make(&options, MONDAY, 86400, 1000);
        options.outage_start_seconds = 3600;
        options.outage_seconds = 1800;
        lost = make(&options, MONDAY, 86400, 1000);
        options.outage_replay_ratio = 2;
        broken = make(&options, MONDAY, 86400, 1000);
        ordinary = workload_run_new(whole, 1);
        replayed = workload_run_new(broken, 1);
        silent = workload_run_new(lost, 1);
        last = ordinary->load.count;
        assert_near(replayed->load.cumulative_records[last], ordinary->load.cumulative_records[last], 1e-12);
        assert_true(replayed->load.cumulative_records[3600] == replayed->load.cumulative_records[5400]);
        assert_near(replayed->load.rate_per_second[5400], 2 * ordinary->load.rate_per_second[5400], 1e-12);
        assert_near(silent->load.cumulative_records[last] + ordinary->load.cumulative_records[5400] -
                            ordinary->load.cumulative_records[3600],
                    ordinary->load.cumulative_records[last], 1e-12);
        assert_true(replayed->load.rate_per_second[last - 1] == ordinary->load.rate_per_second[last - 1]);
}

/* New York taxis: 156,219,716 passengers in 10,320 half-hours, summed with awk. */
static void test_published_counts_are_conserved(void **state)
{
        char path[DATA_PATH_BYTES];
        struct workload_options options = with_file(path);

        (void)state;
        data_path("load/nyc_taxi.csv", path);
        options.counts = true;
        assert_near(records(&options, INT64_MIN, 0, 1800000), 156219716, 1e-12);
        assert_near(records(&options, INT64_MIN, 0, 3600000), 156219716, 1e-12);
        assert_near(records(&options, INT64_MIN, 0, 60000), 156219716, 1e-3);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_constant_and_trend),
                cmocka_unit_test(test_periodic_shapes),
                cmocka_unit_test(test_peak_hour_is_local),
                cmocka_unit_test(test_flash_crowd),
                cmocka_unit_test(test_bursts),
                cmocka_unit_test(test_noise),
                cmocka_unit_test(test_recording_coarser_than_the_step),
                cmocka_unit_test(test_recording_finer_than_the_step),
                cmocka_unit_test(test_counts_mean_and_shift),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_outage_and_replay),
                cmocka_unit_test(test_published_counts_are_conserved),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
