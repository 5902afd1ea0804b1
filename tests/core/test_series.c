/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/series/series.h"
#include "core/text.h"
#include "tests/support/data.h"

#define MINUTE 60000

/* Reads `text`; the test fails with the message when it cannot be read. */
static struct series *parse(const char *text, const struct series_format *format)
{
        struct error err = ERROR_INIT;
        struct series *series = NULL;

        if (!series_parse(text, strlen(text), "load.csv", format, &series, &err))
                fail_msg("%s", err.message);
        return series;
}

static void assert_refused(const char *text, const struct series_format *format, const char *message)
{
        struct error err = ERROR_INIT;
        struct series *series = NULL;

        assert_false(series_parse(text, strlen(text), "load.csv", format, &series, &err));
        assert_null(series);
        assert_string_equal(err.message, message);
}

static int64_t at(const char *text)
{
        struct error err = ERROR_INIT;
        int64_t time_ms = 0;

        assert_true(time_parse(text, NULL, &time_ms, &err));
        return time_ms;
}

static void assert_point(const struct series *series, size_t index, const char *time, double value)
{
        char buffer[32];

        assert_true(index < series->count);
        time_format(series->time_ms[index], buffer);
        assert_string_equal(buffer, time);
        if (isnan(value))
                assert_true(isnan(series->value[index]));
        else
                assert_true(series->value[index] == value);
}

static void test_separators_and_nulls(void **state)
{
        static const char *const texts[] = {
                "timestamp|value\n1643063995|null\n1643063996|1273.8561111111117\n",
                "timestamp,value\r\n1643063995,\r\n1643063996,1273.8561111111117\r\n",
                "timestamp;value\n\n1643063995;NaN\n1643063996; 1273.8561111111117 ",
                "\xef\xbb\xbftimestamp\tvalue\n1643063995\t+Inf\n1643063996\t1273.8561111111117",
                "1643063995,null\n1643063996,1273.8561111111117\n",
                "\"timestamp\",\"value\"\n\"1643063995\",\"NaN\"\n\"1643063996\",\"1273.8561111111117\"\n",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                autocall(series_free) struct series *series = parse(texts[i], NULL);

                assert_int_equal(series->count, 2);
                assert_point(series, 0, "2022-01-24T22:39:55Z", NAN);
                assert_point(series, 1, "2022-01-24T22:39:56Z", 1273.8561111111117);
        }
}

static void test_units_of_time(void **state)
{
        static const char *const texts[] = {
                "t,v\n1643063995.25,1\n",
                "t,v\n1643063995250,1\n",
                "t,v\n1643063995250000,1\n",
                "t,v\n1643063995250000000,1\n",
                "t,v\n2022-01-24T22:39:55.25Z,1\n",
                "t,v\n2022-01-24 22:39:55.250,1\n",
                "t,v\n2022-01-24T23:39:55.25+01:00,1\n",
                "t,v\n2022-01-24T17:39:55.25-0500,1\n",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                autocall(series_free) struct series *series = parse(texts[i], NULL);

                assert_point(series, 0, "2022-01-24T22:39:55.250Z", 1);
        }
}

static void test_seconds_from_zero_and_named_columns(void **state)
{
        struct series_format format = {.seconds_from_zero = true,
                                       .time_column = "T",
                                       .value_column = "work, rate"};
        autocall(series_free) struct series *series =
                parse("phase,t,\"work, rate\",x\n0,0.6,\"1.5\",\"a \"\"b\"\"\nc\"\n0,1.6,-2e3,\n", &format);

        (void)state;
        assert_int_equal(series->count, 2);
        assert_int_equal(series->time_ms[0], 600);
        assert_int_equal(series->time_ms[1], 1600);
        assert_true(series->value[0] == 1.5 && series->value[1] == -2000);
}

static void test_repeated_time_keeps_the_last_value(void **state)
{
        autocall(series_free) struct series *series = parse("t,v\n1643063995,1\n1643063995,2\n", NULL);

        (void)state;
        assert_int_equal(series->count, 1);
        assert_true(series->value[0] == 2);
}

/* Every number must come out as the C library's strtod makes it. */
static void test_numbers_are_rounded_as_strtod_does(void **state)
{
        static const char *const numbers[] = {
                "0",
                "-0.0",
                "5.",
                ".5",
                "+7",
                "1e300",
                "9007199254740993",
                "8080.092797961347",
                "0.1",
                "1E-5",
                "0.000000000000000000000000000001",
                "123456789012345678901234567890",
                "23279.305248898025",
                "0.35295093795093796",
                "1.7976931348623157e308",
                "4.9e-324",
                "2.2250738585072011e-308",
                "0.30000000000000004",
                "9007199254740992.5",
                "18446744073709551616",
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
                autofree char *text = memory_format("1643063995,%s\n", numbers[i]);
                autocall(series_free) struct series *series = parse(text, NULL);
                double expected = strtod(numbers[i], NULL);

                assert_memory_equal(&series->value[0], &expected, sizeof expected);
        }
}

static void test_errors_name_the_place(void **state)
{
        static const struct {
                const char *text, *message;
        } cases[] = {
                {"t,v\n1643063995,1\n1643063996,x1\n",
                 "load.csv:3:12: unreadable value; expected a number, or null where it is not known"},
                {"t,v\nyesterday,1\n",
                 "load.csv:2:1: unreadable time; expected seconds or milliseconds since 1970, "
                 "or YYYY-MM-DD HH:MM:SS"},
                {"t,v\n2023-02-29 00:00,1\n",
                 "load.csv:2:1: unreadable time; expected seconds or milliseconds "
                 "since 1970, or YYYY-MM-DD HH:MM:SS"},
                {"t,v\n\n1643063995,1\n1643063994,1\n",
                 "load.csv:4:1: time goes back from 2022-01-24T22:39:55Z to 2022-01-24T22:39:54Z; expected "
                 "times in "
                 "order"},
                {"t,v\n1643063995\n",
                 "load.csv:2:1: the line has 1 field separated by ','; expected at least 2"},
                {"t,v\n1643063995,\"1\n",
                 "load.csv:2:12: a quote is never closed; expected \" after the field"},
                {"t,v\n", "load.csv: holds no points; expected a time and a value each line"},
                {"", "load.csv: holds no points; expected a time and a value each line"},
                {"t,v\n1643063995,0x10\n",
                 "load.csv:2:12: unreadable value; expected a number, or null where it is not known"},
        };
        struct series_format named = {.value_column = "rate"};
        struct series_format nowhere = {.time_zone = "Europe/Atlantis"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                assert_refused(cases[i].text, NULL, cases[i].message);
        assert_refused("t,v\n1,1\n", &named,
                       "load.csv:1:1: there is no column \"rate\"; expected one of t, v");
        assert_refused("\"a\nb\",v\n1,1\n", &named,
                       "load.csv:1:1: there is no column \"rate\"; expected one of a b, v");
        assert_refused("1,1\n", &named,
                       "load.csv:1:1: the first line holds no names; expected a column \"rate\"");
        {
                struct error err = ERROR_INIT;
                struct series *series = NULL;

                assert_false(series_parse("1,1\n", 4, "load.csv", &nowhere, &series, &err));
                assert_non_null(strstr(err.message, "Europe/Atlantis"));
                assert_int_equal(err.code, ERROR_INPUT);
        }
}

/* The wall clock in Prague, 2024: 02:00 skipped on 31 March, repeated on 27 October (tzdata). */
static void test_daylight_saving_by_the_wall_clock(void **state)
{
        struct series_format prague = {.time_zone = "Europe/Prague"};
        autocall(series_free) struct series *spring =
                parse("time,v\n2024-03-31 01:00,1\n2024-03-31 03:00,3\n2024-03-31 23:00,23\n", &prague);
        autocall(series_free) struct series *autumn =
                parse("time,v\n2024-10-27 01:30,1\n2024-10-27 02:00,2\n2024-10-27 02:30,3\n"
                      "2024-10-27 02:00,4\n2024-10-27 02:30,5\n2024-10-27 03:00,6\n",
                      &prague);

        (void)state;
        assert_point(spring, 0, "2024-03-31T00:00:00Z", 1);
        assert_point(spring, 1, "2024-03-31T01:00:00Z", 3);
        assert_point(spring, 2, "2024-03-31T21:00:00Z", 23);
        for (size_t i = 0; i < autumn->count; i++)
                assert_int_equal(autumn->time_ms[i], at("2024-10-26T23:30:00Z") + (int64_t)i * 30 * MINUTE);
}

/* Hours numbered through, as the Czech day-ahead market does: 23 on 31 March, 25 on 27 October 2024. */
static void test_daylight_saving_by_numbered_hours(void **state)
{
        struct series_format format = {.time_zone = "Europe/Prague",
                                       .time_column = "date,from",
                                       .value_column = "price"};
        struct text text = {0};
        autocall(series_free) struct series *series = NULL;

        (void)state;
        text_put(&text, "date,from,to,price\n");
        for (int hour = 0; hour < 23; hour++)
                text_format(&text, "2024-03-31,%02d:00,%02d:00,%d\n", hour, hour + 1, hour);
        for (int hour = 0; hour < 25; hour++)
                text_format(&text, "2024-10-27,%02d:00,24:00,%d\n", hour, hour);
        text_put(&text, "2024-10-28,00:00,01:00,100\n");
        series = parse(text.data, &format);
        text_free(&text);
        assert_int_equal(series->count, 23 + 25 + 1);
        for (int hour = 0; hour < 23; hour++)
                assert_int_equal(series->time_ms[hour],
                                 at("2024-03-30T23:00:00Z") + hour * (int64_t)MS_PER_HOUR);
        for (int hour = 0; hour < 25; hour++)
                assert_int_equal(series->time_ms[23 + hour],
                                 at("2024-10-26T22:00:00Z") + hour * (int64_t)MS_PER_HOUR);
        assert_point(series, 48, "2024-10-27T23:00:00Z", 100);
}

static const char prometheus[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":["
                                 "{\"metric\":{\"job\":\"a\",\"zone\":\"x\"},\"values\":[[1643063995.5,\"1."
                                 "5\"],[1643064010.5,\"NaN\"],"
                                 "[1643064025.5,\"+Inf\"],[1643064040.5,\"2\"]]},"
                                 "{\"metric\":{\"job\":\"b\"},\"values\":[[1643063995,\"7\"]]}]}}";

static void test_prometheus(void **state)
{
        struct series_format format = {.match = "job=\"a\""};
        autocall(series_free) struct series *series = parse(prometheus, &format);

        (void)state;
        assert_int_equal(series->count, 4);
        assert_point(series, 0, "2022-01-24T22:39:55.500Z", 1.5);
        assert_point(series, 1, "2022-01-24T22:40:10.500Z", NAN);
        assert_point(series, 2, "2022-01-24T22:40:25.500Z", NAN);
        assert_point(series, 3, "2022-01-24T22:40:40.500Z", 2);
}

static void test_prometheus_errors(void **state)
{
        struct series_format nobody = {.match = "job=\"c\""};

        (void)state;
        assert_refused(prometheus, NULL,
                       "load.csv: data.result holds 2 series ({job=\"a\",zone=\"x\"}, {job=\"b\"}); expected "
                       "exactly "
                       "one");
        assert_refused(
                prometheus, &nobody,
                "load.csv: data.result holds 0 series whose labels contain job=\"c\"; expected exactly one");
        assert_refused(
                "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"job\":\"a\\nb\"}},{}]}}",
                NULL, "load.csv: data.result holds 2 series ({job=\"a b\"}, {}); expected exactly one");
        assert_refused("{\"status\":\"error\",\"error\":\"query timed out\"}", NULL,
                       "load.csv: is an answer with an error (query timed out); expected status success");
        assert_refused("{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}", NULL,
                       "load.csv: data.resultType is vector; expected a Prometheus range query's matrix");
        assert_refused(
                "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"values\":[[1,\"1\"],[2,\"x\"]]}]}}",
                NULL, "load.csv: data.result[0].values[1] is unreadable; expected [time, \"value\"]");
        assert_refused(
                "{\"data\":{\"resultType\":\"matrix\",\"result\":[{\"values\":[[2,\"1\"],[1,\"1\"]]}]}}",
                NULL, "load.csv: data.result[0].values[1]: time goes back; expected times in order");
}

static void test_lookup(void **state)
{
        autocall(series_free) struct series *series = series_new(3);
        static const int64_t times[] = {1000, 2000, 4000};
        static const double values[] = {10, 20, 60};

        (void)state;
        memcpy(series->time_ms, times, sizeof times);
        memcpy(series->value, values, sizeof values);
        assert_true(isnan(series_at(series, 999)) && isnan(series_at(series, 4001)));
        assert_true(series_at(series, 1000) == 10 && series_at(series, 1999) == 10);
        assert_true(series_at(series, 4000) == 60 && series_at(series, 3999) == 20);
        assert_true(series_interpolate(series, 1500) == 15 && series_interpolate(series, 3000) == 40);
        assert_true(series_interpolate(series, 4000) == 60 && isnan(series_interpolate(series, 4001)));
        assert_int_equal(series_step_ms(series), 1000);
}

static void test_times(void **state)
{
        struct error err = ERROR_INIT;
        int64_t time_ms;
        char buffer[32];

        (void)state;
        assert_true(time_parse("2024-07-01 12:00", "Europe/Prague", &time_ms, &err));
        time_format(time_ms, buffer);
        assert_string_equal(buffer, "2024-07-01T10:00:00Z");
        assert_false(time_parse("2024-03-31 02:30", "Europe/Prague", &time_ms, &err));
        assert_string_equal(
                err.message,
                "\"2024-03-31 02:30\" does not exist in Europe/Prague: the clock was put forward");
        assert_false(time_parse("2024-01-01 24:00", NULL, &time_ms, &err));
        assert_false(time_parse("2024-13-01", NULL, &time_ms, &err));
        assert_false(time_parse("2024-01-01T00:00:00Zulu", NULL, &time_ms, &err));
        assert_int_equal(at("1969-12-31T23:59:59.999Z"), -1);
        time_format(-1, buffer);
        assert_string_equal(buffer, "1969-12-31T23:59:59.999Z");
}

static char *scratch_folder(void)
{
        char pattern[] = "/tmp/optctl-series-XXXXXX";

        assert_non_null(mkdtemp(pattern));
        return memory_copy_text(pattern);
}

static void write_gzip(const char *path, const char *mode, const char *text)
{
        gzFile file = gzopen(path, mode);

        assert_non_null(file);
        assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), (int)strlen(text));
        assert_int_equal(gzclose(file), Z_OK);
}

static void test_gzip_and_finding_files(void **state)
{
        autofree char *folder = scratch_folder();
        autofree char *path = memory_format("%s/[a]-load.csv.gz", folder);
        autofree char *other = memory_format("%s/b-load.csv.gz", folder);
        autofree char *found = NULL;
        autocall(series_free) struct series *series = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        write_gzip(path, "wb", "timestamp|value\n1643063995|1\n");
        write_gzip(path, "ab", "1643063996|2\n");
        assert_true(series_find_file(folder, "*-load.csv.gz", &found, &err));
        assert_string_equal(found, path);
        assert_true(series_read(found, NULL, &series, &err));
        assert_int_equal(series->count, 2);

        write_gzip(other, "wb", "x");
        free(TAKE(found));
        assert_false(series_find_file(folder, "*-load.csv.gz", &found, &err));
        assert_non_null(strstr(err.message, "matches 2 files"));
        assert_false(series_find_file(folder, "none*", &found, &err));
        assert_non_null(strstr(err.message, "there is no such file"));
        assert_true(series_find_file(folder, "[a]-load.csv.gz", &found, &err));
        assert_true(truncate(other, 15) == 0);
        series_free(TAKE(series));
        assert_false(series_read(other, NULL, &series, &err));
        assert_non_null(strstr(err.message, "broken gzip data"));
        assert_false(series_read(folder, NULL, &series, &err));
        assert_false(series_read("-", NULL, &series, &err));
        unlink(path);
        unlink(other);
        rmdir(folder);
}

/* Rows, first and last instant and sums taken with zcat and awk from the published files. */
static const struct {
        const char *file;
        struct series_format format;
        size_t points, unknown;
        const char *first, *last;
        double sum;
} published[] = {
        {"flink-demeter/datasets/ADS_3D_1S_4_sub_30K_max.csv.gz",
         {0},
         64800,
         0,
         "2022-08-28T22:00:00Z",
         "2022-08-29T15:59:59Z",
         923792174},
        {"flink-demeter/1_reactive35_ADS_24_small/reactive-latency-data.csv.gz",
         {0},
         64618,
         0,
         "2023-09-18T06:34:33Z",
         "2023-09-19T00:34:33Z",
         91789775.77274245},
        {"flink-demeter/1_baseline_ADS_24_small/baseline-cpu_load-data.csv.gz",
         {0},
         64801,
         0,
         "2023-09-29T08:08:03Z",
         "2023-09-30T02:08:03Z",
         14718.009364356376},
        {"flink-phoebe/ads/1_baseline_12_thrRate.out.gz",
         {0},
         21602,
         17,
         "2022-01-25T07:20:23Z",
         "2022-01-25T13:20:24Z",
         2180158462.0700974},
        {"load/nyc_taxi.csv", {0}, 10320, 0, "2014-07-01T00:00:00Z", "2015-01-31T23:30:00Z", 156219716},
        {"load/wiki_en_5min.csv",
         {0},
         6048,
         0,
         "2019-07-01T00:00:00Z",
         "2019-07-21T23:55:00Z",
         678019853.05869865},
        {"carbon/de_2020.csv",
         {.value_column = "carbon intensity"},
         37147,
         0,
         "2019-12-20T00:00:00Z",
         "2021-01-09T23:00:00Z",
         11709120.348254789},
        {"electricity-price/cz_2024.csv",
         {.time_column = "date,time_from", .value_column = "price_eur_mwh", .time_zone = "Europe/Prague"},
         8784,
         0,
         "2023-12-31T23:00:00Z",
         "2024-12-31T22:00:00Z",
         747565.01},
        {"recorded/flink-autoscaler/fixed7.csv",
         {.value_column = "work_rate", .seconds_from_zero = true},
         838,
         734,
         "1970-01-01T00:00:01.900Z",
         "1970-01-01T00:13:59.400Z",
         89293},
};

static void test_published_files(void **state)
{
        char root[DATA_PATH_BYTES];

        (void)state;
        data_path(".", root);
        for (size_t i = 0; i < ARRAY_LENGTH(published); i++) {
                autofree char *path = memory_format("%s/%s", root, published[i].file);
                autocall(series_free) struct series *series = NULL;
                struct error err = ERROR_INIT;
                size_t unknown = 0;
                double sum = 0;
                char buffer[32];

                if (!series_read(path, &published[i].format, &series, &err))
                        fail_msg("%s", err.message);
                for (size_t point = 0; point < series->count; point++) {
                        unknown += isnan(series->value[point]);
                        sum += isnan(series->value[point]) ? 0 : series->value[point];
                }
                assert_int_equal(series->count, published[i].points);
                assert_int_equal(unknown, published[i].unknown);
                time_format(series->time_ms[0], buffer);
                assert_string_equal(buffer, published[i].first);
                time_format(series->time_ms[series->count - 1], buffer);
                assert_string_equal(buffer, published[i].last);
                assert_true(fabs(sum - published[i].sum) <= fabs(published[i].sum) * 1e-9);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_separators_and_nulls),
                cmocka_unit_test(test_units_of_time),
                cmocka_unit_test(test_seconds_from_zero_and_named_columns),
                cmocka_unit_test(test_repeated_time_keeps_the_last_value),
                cmocka_unit_test(test_numbers_are_rounded_as_strtod_does),
                cmocka_unit_test(test_errors_name_the_place),
                cmocka_unit_test(test_daylight_saving_by_the_wall_clock),
                cmocka_unit_test(test_daylight_saving_by_numbered_hours),
                cmocka_unit_test(test_prometheus),
                cmocka_unit_test(test_prometheus_errors),
                cmocka_unit_test(test_lookup),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_gzip_and_finding_files),
                cmocka_unit_test(test_published_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
