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
#include "core/option.h"
#include "core/prices.h"
#include "core/series/series.h"
#include "core/text.h"
#include "core/yaml.h"
#include "tests/support/data.h"

#define NANO 1000000000ll

/* The book of a spec's `prices` section; NULL and the reason in err when it is refused. */
static struct price_book *try_book(const char *yaml, const char *base, struct error *err)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct price_book *book = NULL;
        void *options = NULL;

        if (!yaml_parse(yaml, strlen(yaml), "spec.yaml", &document, err) ||
            !option_new(&prices_table, yaml_root(document), &options, err))
                return NULL;
        price_book_new(options, base, &book, err);
        option_delete(&prices_table, options);
        return book;
}

static struct price_book *open_book(const char *yaml, const char *base)
{
        struct error err = ERROR_INIT;
        struct price_book *book = try_book(yaml, base, &err);

        if (!book)
                fail_msg("%s", err.message);
        return book;
}

static int64_t at(const char *text)
{
        struct error err = ERROR_INIT;
        int64_t time_ms = 0;

        assert_true(time_parse(text, "Europe/Prague", &time_ms, &err));
        return time_ms;
}

static double cost(const struct price_book *book, const char *from, const char *to, int64_t workers)
{
        return price_sum_to_money(price_book_integral(book, at(from), at(to), workers));
}

static char *write_prices(const char *text)
{
        char path[] = "/tmp/optctl-prices-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
        return memory_copy_text(path);
}

/* A day is as long as the sun and the law make it: 23, 24 and 25 h in Prague, 2024. */
static void test_days_of_23_and_25_hours(void **state)
{
        autocall(price_book_free) struct price_book *book =
                open_book("{currency: EUR, worker: {perHour: \"0.25\"}}", ".");

        (void)state;
        assert_string_equal(price_book_currency(book), "EUR");
        assert_true(cost(book, "2024-03-31", "2024-04-01", 4) == 23.0);
        assert_true(cost(book, "2024-04-01", "2024-04-02", 4) == 24.0);
        assert_true(cost(book, "2024-10-27", "2024-10-28", 4) == 25.0);
        assert_true(price_book_worker_hour(book, at("2024-10-27")) == 0.25);
}

/* Two hours at -10 and one at 40 EUR/MWh, 500 W: by hand 3 x (1/2000 MWh) x (-20 + 40) = 0.03 EUR beside the
 * workers. */
static void test_negative_prices(void **state)
{
        autofree char *path = write_prices("time,price\n2024-01-01T00:00Z,-10\n2024-01-01T02:00Z,40\n"
                                           "2024-01-01T03:00Z,40\n");
        autofree char *yaml = memory_format(
                "{currency: EUR, worker: {perHour: 1}, energy: {wattsPerWorker: 500, file: %s}}", path);
        autocall(price_book_free) struct price_book *book = open_book(yaml, ".");
        int64_t from = at("2024-01-01T00:00Z");

        (void)state;
        unlink(path);
        assert_true(price_book_integral(book, from, from + 3 * MS_PER_HOUR, 3) ==
                    (price_sum)(9 * NANO + 30000000) * MS_PER_HOUR);
        assert_true(price_book_worker_hour(book, from) == 0.995);
        assert_true(price_book_worker_hour(book, from + 2 * MS_PER_HOUR - 1) == 0.995);
        assert_true(price_book_worker_hour(book, from + 2 * MS_PER_HOUR) == 1.02);
}

/* Sum over the rows of a price table in cents, read with the C library and nothing of ours. */
static long long sum_of_rows(const char *path, long *ret_rows)
{
        FILE *file = fopen(path, "r");
        char line[256];
        long long cents = 0;

        assert_non_null(file);
        for (*ret_rows = -1; fgets(line, sizeof line, file); ++*ret_rows) {
                if (*ret_rows >= 0)
                        cents += llround(atof(strrchr(line, ',') + 1) * 100);
        }
        fclose(file);
        return cents;
}

/* Czech day-ahead prices, 2024: 8784 hours, 315 of them below 0. 100 W x 1 EUR/MWh = 10^-4 EUR/h. */
static void test_a_year_of_published_prices(void **state)
{
        char folder[DATA_PATH_BYTES], path[DATA_PATH_BYTES];
        static const char yaml[] =
                "{currency: EUR, energy: {wattsPerWorker: 100, file: electricity-price/cz_2024.csv,"
                " timeColumn: \"date,time_from\", valueColumn: price_eur_mwh,"
                " timeZone: Europe/Prague}}";
        autocall(price_book_free) struct price_book *book = NULL;
        struct error err = ERROR_INIT;
        long rows;
        long long cents;

        (void)state;
        data_path(".", folder);
        data_path("electricity-price/cz_2024.csv", path);
        book = open_book(yaml, folder);
        cents = sum_of_rows(path, &rows);
        assert_int_equal(rows, 366 * 24);
        assert_true(price_book_integral(book, at("2024-01-01"), at("2025-01-01"), 7) ==
                    (price_sum)7 * cents * (NANO / 10000 / 100) * MS_PER_HOUR);
        assert_true(price_book_covers(book, at("2024-01-01"), at("2025-01-01"), &err));
        assert_false(price_book_covers(book, at("2024-01-01"), at("2025-01-01") + 1, &err));
        assert_string_equal(
                err.message,
                "prices.energy: the file runs from 2023-12-31T23:00:00Z to 2024-12-31T23:00:00Z; expected "
                "2023-12-31T23:00:00Z to 2024-12-31T23:00:00.001Z (repeat: true starts it over, "
                "shiftSeconds moves it)");
        /* 13:00 on 31 March: the exchange numbers it 12:00 (the hour 02:00 was skipped), -0.05 EUR/MWh. */
        assert_true(price_book_worker_hour(book, at("2024-03-31 13:00")) == -0.05 / 10000);
}

static uint32_t next_random(uint32_t *state)
{
        *state = *state * 1664525u + 1013904223u;
        return *state >> 8;
}

static void test_any_split_costs_the_same(void **state)
{
        autofree char *path = write_prices("2024-01-01T00:00Z,0.123456789\n2024-01-01T00:07Z,-1.7\n"
                                           "2024-01-01T05:00Z,0.333333333\n2024-01-02T00:00Z,2\n");
        autofree char *yaml = memory_format("{currency: EUR, worker: {file: %s, repeat: true},"
                                            " spot: {ratio: \"0.3\", perHour: \"0.1\"},"
                                            " energy: {wattsPerWorker: 333, perMegawattHour: \"77.7\"}}",
                                            path);
        autocall(price_book_free) struct price_book *book = open_book(yaml, ".");
        int64_t from = at("2023-12-01"), to = at("2024-03-01");
        uint32_t random = 1;

        (void)state;
        unlink(path);
        for (int round = 0; round < 100; round++) {
                int64_t start = from;
                price_sum sum = 0;

                while (start < to) {
                        int64_t end = start + 1 + next_random(&random) % (3 * MS_PER_DAY);

                        end = end < to ? end : to;
                        sum += price_book_integral(book, start, end, 5);
                        start = end;
                }
                assert_true(sum == price_book_integral(book, from, to, 5));
        }
}

/* At 3.60 an hour a second costs 0.001. */
static void test_minimum_and_granularity(void **state)
{
        static const struct {
                int64_t minimum, granularity, lived_ms, billed_ms;
        } cases[] = {
                {60, 1, 30500, 60000},     {60, 1, 60000, 60000}, {60, 1, 60001, 61000},
                {60, 1, 3600000, 3600000}, {0, 1, 0, 0},          {0, 1, 1, 1000},
                {600, 60, 600001, 660000}, {0, 3600, 1, 3600000}, {90, 60, 1000, 90000},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *yaml = memory_format("{currency: USD, worker: {perHour: \"3.6\", "
                                                    "minimumSeconds: %d, granularitySeconds: %d},"
                                                    " energy: {wattsPerWorker: 100, perMegawattHour: 50}}",
                                                    (int)cases[i].minimum, (int)cases[i].granularity);
                autocall(price_book_free) struct price_book *book = open_book(yaml, ".");
                price_sum extra = price_book_rounding(book, cases[i].lived_ms, at("2024-01-01"));

                assert_true(extra == (price_sum)(cases[i].billed_ms - cases[i].lived_ms) * 3600000000ll);
        }
}

/* One worker-hour: 0.75 x 0.20 + 0.25 x 0.08 = 0.17. */
static void test_spot_share(void **state)
{
        autocall(price_book_free) struct price_book *book = open_book(
                "{currency: USD, worker: {perHour: \"0.2\"}, spot: {ratio: \"0.25\", perHour: \"0.08\"}}",
                ".");

        (void)state;
        assert_true(price_book_worker_hour(book, 0) == 0.17);
        assert_true(cost(book, "2024-01-01", "2024-01-02", 10) == 40.8);
}

/* 1 h at 0.10, 2 h at 0.20, 3 h at 0.40: 1.70. */
static void test_dated_changes(void **state)
{
        autocall(price_book_free) struct price_book *book =
                open_book("currency: USD\nworker: {perHour: \"0.1\"}\nchanges:\n"
                          "- {at: \"2024-01-01T01:00:00Z\", workerPerHour: \"0.2\"}\n"
                          "- {at: \"2024-01-01T03:00:00Z\", workerPerHour: \"0.4\"}\n",
                          ".");

        (void)state;
        assert_true(cost(book, "2024-01-01T00:00Z", "2024-01-01T06:00Z", 1) == 1.7);
        assert_true(cost(book, "2023-12-31T00:00Z", "2024-01-01T00:00Z", 1) == 2.4);
        assert_true(price_book_worker_hour(book, at("2024-01-01T00:59:59.999Z")) == 0.1);
        assert_true(price_book_worker_hour(book, at("2024-01-01T01:00Z")) == 0.2);
        assert_true(price_book_worker_hour(book, at("2030-01-01")) == 0.4);
        assert_true(price_book_next_change(book, at("2024-01-01T01:00Z")) == at("2024-01-01T03:00Z"));
        assert_true(price_book_next_change(book, at("2024-01-01T03:00Z")) == INT64_MAX);
}

static void test_a_file_starts_over_and_moves(void **state)
{
        autofree char *path = write_prices("2024-01-01T00:00Z,1\n2024-01-01T01:00Z,2\n2024-01-01T02:00Z,6\n");
        autofree char *yaml =
                memory_format("{currency: EUR, worker: {file: %s, repeat: true, shiftSeconds: 1800}}", path);
        autocall(price_book_free) struct price_book *book = open_book(yaml, ".");
        struct error err = ERROR_INIT;

        (void)state;
        unlink(path);
        assert_true(price_book_worker_hour(book, at("2024-01-01T00:30Z")) == 1);
        assert_true(price_book_worker_hour(book, at("2024-01-01T00:29Z")) == 6);
        assert_true(price_book_worker_hour(book, at("2024-01-01T03:30Z")) == 1);
        assert_true(price_book_worker_hour(book, at("2023-12-31T22:29Z")) == 1);
        assert_true(cost(book, "2023-12-01", "2023-12-02", 1) == 8 * 9);
        assert_true(price_book_covers(book, 0, INT64_MAX, &err));
        assert_true(price_book_next_change(book, at("2024-01-01T00:29Z")) == at("2024-01-01T00:30Z"));
        assert_true(price_book_next_change(book, at("2024-01-01T00:30Z")) == at("2024-01-01T01:30Z"));
        assert_true(price_book_next_change(book, at("2024-01-01T06:29Z")) == at("2024-01-01T06:30Z"));
}

/* 200 W for 2 h at 300 and 1 h at 600 g/kWh, 5 workers: 5 x 0.2 x (600 + 600) = 1200 g. */
static void test_carbon(void **state)
{
        autofree char *path =
                write_prices("2024-01-01T00:00Z,300\n2024-01-01T02:00Z,600\n2024-01-01T03:00Z,0\n");
        autofree char *yaml = memory_format("{carbon: {wattsPerWorker: 200, file: %s}}", path);
        autocall(price_book_free) struct price_book *book = open_book(yaml, ".");
        int64_t from = at("2024-01-01T00:00Z");

        (void)state;
        unlink(path);
        assert_true(fabs(price_book_carbon_grams(book, from, from + 3 * MS_PER_HOUR, 5) - 1200) < 1e-9);
        assert_true(fabs(price_book_carbon_grams(book, from, from + MS_PER_HOUR / 2, 1.5) - 45) < 1e-9);
        assert_true(price_book_carbon_intensity(book, from + 2 * MS_PER_HOUR) == 600);
}

static void test_without_prices_worker_hours_count(void **state)
{
        autocall(price_book_free) struct price_book *book = open_book("{}", ".");

        (void)state;
        assert_string_equal(price_book_currency(book), "XXX");
        assert_true(cost(book, "2024-03-31", "2024-04-01", 2) == 46);
        assert_true(price_book_carbon_intensity(book, 0) == 0);
        assert_true(price_book_carbon_grams(book, 0, MS_PER_DAY, 9) == 0);
}

/* 100 EUR/MWh x 1.25 USD/EUR x 1 kW = 0.125 USD/h. */
static void test_exchange_rate(void **state)
{
        autocall(price_book_free) struct price_book *book = open_book(
                "{currency: USD, energy: {wattsPerWorker: 1000, perMegawattHour: 100, currency: EUR,"
                " exchangeRate: \"1.25\"}}",
                ".");

        (void)state;
        assert_true(price_book_worker_hour(book, 0) == 0.125);
}

static void test_refusals(void **state)
{
        static const struct {
                const char *yaml, *message;
        } cases[] = {
                {"{currency: usd, worker: {perHour: 1}}", "expected three capitals as in ISO 4217"},
                {"{currency: USD}", "a currency without a price; expected worker.perHour or worker.file"},
                {"{currency: USD, energy: {wattsPerWorker: 1, perMegawattHour: 1, currency: EUR}}",
                 "energy has another currency than the price book; expected an exchangeRate"},
                {"{currency: USD, energy: {wattsPerWorker: 1, perMegawattHour: 1, exchangeRate: 2}}",
                 "an exchangeRate without a currency of its own"},
                {"{currency: USD, worker: {perHour: 1, file: x.csv}}", "both perHour and file"},
                {"{currency: USD, worker: {perHour: 1}, spot: {ratio: \"0.5\"}}",
                 "spot workers without a price"},
                {"{currency: USD, energy: {perMegawattHour: 1}}", "expected wattsPerWorker"},
                {"{currency: USD, worker: {perHour: -1}}", "perHour"},
                {"{currency: USD, worker: {file: nowhere.csv}}", "there is no such file"},
                {"{currency: USD, worker: {perHour: 1}, changes: [{at: \"2024-01-02T00:00:00Z\"},"
                 " {at: \"2024-01-01T00:00:00Z\"}]}",
                 "changes are not in order"},
                {"{currency: USD, worker: {perHour: 1}, changes: [{at: \"2024-01-02T00:00:00Z\", "
                 "spotPerHour: 1}]}",
                 "a change of a price that has no constant value before it"},
        };
        autofree char *path = write_prices("2024-01-01T00:00Z,1\n2024-01-01T01:00Z,null\n");
        autofree char *unknown = memory_format("{currency: EUR, worker: {file: %s}}", path);
        struct error err = ERROR_INIT;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error refused = ERROR_INIT;

                assert_null(try_book(cases[i].yaml, ".", &refused));
                assert_int_equal(refused.code, ERROR_INPUT);
                if (!strstr(refused.message, cases[i].message))
                        fail_msg("%s", refused.message);
        }
        assert_null(try_book(unknown, ".", &err));
        assert_non_null(strstr(err.message, "no price at 2024-01-01T01:00:00Z"));
        unlink(path);
}

/* 10 executors of 4 cores and 8 GiB for half an hour: 20 core-hours and 40 GiB-hours, or 5 worker-hours. */
static void test_a_run_pays_for_what_it_held(void **state)
{
        const struct price_held held = {18000, 72000, 18000 * 8589934592.0};
        const struct price_held unknown = {18000, NAN, 0};
        struct price_book *by_cores = open_book("{currency: USD, resources: {perCoreHour: \"0.04\", "
                                                "perGibibyteHour: \"0.005\"}}",
                                                NULL);
        struct price_book *by_workers = open_book("{currency: USD, worker: {perHour: \"0.5\"}}", NULL);

        (void)state;
        assert_float_equal(price_book_run(by_cores, 0, &held), 20 * 0.04 + 40 * 0.005, 1e-12);
        assert_float_equal(price_book_run(by_workers, 0, &held), 2.5, 1e-12);
        assert_true(isnan(price_book_run(by_cores, 0, &unknown)));
        price_book_free(by_cores);
        price_book_free(by_workers);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_days_of_23_and_25_hours),
                cmocka_unit_test(test_negative_prices),
                cmocka_unit_test(test_a_year_of_published_prices),
                cmocka_unit_test(test_any_split_costs_the_same),
                cmocka_unit_test(test_minimum_and_granularity),
                cmocka_unit_test(test_spot_share),
                cmocka_unit_test(test_dated_changes),
                cmocka_unit_test(test_a_file_starts_over_and_moves),
                cmocka_unit_test(test_carbon),
                cmocka_unit_test(test_without_prices_worker_hours_count),
                cmocka_unit_test(test_exchange_rate),
                cmocka_unit_test(test_a_run_pays_for_what_it_held),
                cmocka_unit_test(test_refusals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
