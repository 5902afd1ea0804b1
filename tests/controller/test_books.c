/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The books of a ledger as a report. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/books/books.h"
#include "core/json.h"
#include "tests/support/ledger_scene.h"
#include "tests/support/schema.h"

#define START_MS INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */
#define DAY_MS   INT64_C(86400000)

static void spend(const struct world *world, int64_t from_ms, int64_t to_ms, double cost,
                  double baseline_cost)
{
        const struct spend interval = {
                .from_ms = from_ms,
                .to_ms = to_ms,
                .cost = price_sum_of_money(cost),
                .baseline_cost = price_sum_of_money(baseline_cost),
                .observed_ms = to_ms - from_ms,
                .late_ms = 60000,
        };
        struct error err = ERROR_INIT;

        must(world->journal.spend(world->journal.context, &interval, &err), &err);
}

static json_t *read_books(const struct world *world, const char *name, int64_t since_ms)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;
        json_t *pipelines = NULL;

        must(ledger_reader_open(world->path, &reader, &err), &err);
        must(books_read(reader, name, since_ms, 0.9, &pipelines, &err), &err);
        return pipelines;
}

static void assert_number(const json_t *object, const char *key, double expected)
{
        double value = NAN;

        if (!json_find_number(object, key, &value) || !(fabs(value - expected) < 1e-6))
                fail_msg("%s is %.10g, expected %.10g", key, value, expected);
}

/*
 * Three days that saved 10, 12 and 14 and an hour that saved 1: 37 in all. Their standard deviation is 2, and
 * the 95 % quantile of Student's t with 2 degrees of freedom is 2.9199856 (any table), so the interval
 * reaches 2.9199856 * 2 * sqrt(3) to either side.
 */
static void test_the_interval_comes_from_whole_days(void **state)
{
        autojson *pipelines = NULL, *document = NULL;
        const json_t *row, *books;
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        for (int64_t day = 0; day < 3; day++) {
                spend(&world, START_MS + day * DAY_MS, START_MS + day * DAY_MS + DAY_MS / 2, 5, 10);
                spend(&world, START_MS + day * DAY_MS + DAY_MS / 2, START_MS + (day + 1) * DAY_MS, 5,
                      10 + 2 * (double)day);
        }
        spend(&world, START_MS + 3 * DAY_MS, START_MS + 3 * DAY_MS + 3600000, 1, 2);
        pipelines = read_books(&world, NULL, INT64_MIN);
        assert_int_equal(json_array_size(pipelines), 1);
        row = json_array_get(pipelines, 0);
        books = json_object_get(row, "books");
        assert_number(books, "cost", 31);
        assert_number(books, "baseline_cost", 68);
        assert_number(books, "saving", 37);
        assert_number(books, "low", 37 - 2.91998558 * 2 * sqrt(3));
        assert_number(books, "high", 37 + 2.91998558 * 2 * sqrt(3));
        assert_number(books, "late_seconds", 7 * 60);
        assert_number(books, "observed_seconds", 3 * 86400 + 3600);
        assert_string_equal(json_string_value(json_object_get(row, "grade")), "Assumed");
        document = json_pack("{s:s, s:s, s:O}", "kind", "books", "version", "0.1.0", "pipelines", pipelines);
        must(schema_check("docs/schema", "books.schema.json", document, &err), &err);
        close_world(&world);
}

static void test_a_baseline_that_ran_has_been_measured(void **state)
{
        autojson *all = NULL, *later = NULL;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        spend(&world, START_MS, START_MS + 3600000, 2, 2);
        spend(&world, START_MS + 3600000, START_MS + 7200000, 1, 2);
        all = read_books(&world, "play", INT64_MIN);
        assert_string_equal(json_string_value(json_object_get(json_array_get(all, 0), "grade")), "Measured");
        later = read_books(&world, "play", START_MS + 1);
        assert_string_equal(json_string_value(json_object_get(json_array_get(later, 0), "grade")), "Assumed");
        assert_number(json_object_get(json_array_get(later, 0), "books"), "saving", 1);
        close_world(&world);
}

/* ---- jobs that run from time to time ---- */

static void spend_run(const struct world *world, int64_t ended_ms, enum spend_kind kind, double cost,
                      double baseline_cost)
{
        const struct spend run = {
                .from_ms = ended_ms - 3600000,
                .to_ms = ended_ms,
                .cost = price_sum_of_money(cost),
                .baseline_cost = price_sum_of_money(baseline_cost),
                .observed_ms = 3600000,
                .run = {.kind = kind,
                        .failed = baseline_cost == 0,
                        .setting = kind == SPEND_RUN_BASELINE ? INT64_MAX : 7,
                        .value = cost,
                        .input_bytes = NAN},
        };
        struct error err = ERROR_INIT;

        must(world->journal.spend(world->journal.context, &run, &err), &err);
}

static void assert_month(const json_t *month, const char *name, double cost, double saving, double half)
{
        assert_string_equal(json_string_value(json_object_get(month, "month")), name);
        assert_number(month, "cost", cost);
        assert_number(month, "saving", saving);
        assert_number(month, "low", saving - half);
        assert_number(month, "high", saving + half);
}

/*
 * January has the baseline, 10, and two runs for 4 each; February one for 4 and one that failed and cost 2.
 * The scatter of runs is the prior's, 0.05 with two degrees of freedom, and that of three runs that cost the
 * same: sqrt(2 * 0.05^2 / 4), four degrees, whose 95 % quantile is 2.13184679. Two runs against one of 10:
 * 10 sqrt(2 + 4), three 10 sqrt(3 + 9), one 10 sqrt(1 + 1).
 */
static void test_runs_are_reported_by_the_month(void **state)
{
        const double unit = 2.13184679 * sqrt(2 * 0.05 * 0.05 / 4) * 10;
        autojson *pipelines = NULL, *later = NULL, *document = NULL;
        const json_t *row, *books, *months;
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        for (int day = 0; day < 3; day++)
                spend_run(&world, START_MS + day * DAY_MS, day ? SPEND_RUN_OTHER : SPEND_RUN_BASELINE,
                          day ? 4 : 10, 10);
        spend_run(&world, START_MS + 30 * DAY_MS, SPEND_RUN_OTHER, 4, 10);
        spend_run(&world, START_MS + 31 * DAY_MS, SPEND_RUN_OTHER, 2, 0);
        pipelines = read_books(&world, NULL, INT64_MIN);
        row = json_array_get(pipelines, 0);
        books = json_object_get(row, "books");
        months = json_object_get(row, "months");
        assert_string_equal(json_string_value(json_object_get(row, "grade")), "Measured");
        assert_number(books, "saving", 16);
        assert_number(books, "low", 16 - unit * sqrt(12));
        assert_number(books, "high", 16 + unit * sqrt(12));
        assert_number(json_object_get(books, "runs"), "cost", 24.0 / 5);
        assert_number(json_object_get(books, "runs"), "baseline_cost", 40.0 / 5);
        assert_int_equal(json_array_size(months), 2);
        assert_month(json_array_get(months, 0), "2026-01", 18, 12, unit * sqrt(6));
        assert_month(json_array_get(months, 1), "2026-02", 6, 4, unit * sqrt(2));
        later = read_books(&world, NULL, START_MS + 29 * DAY_MS);
        books = json_object_get(json_array_get(later, 0), "books");
        assert_number(books, "saving", 4); /* what was learnt before counts */
        assert_number(books, "high", 4 + unit * sqrt(2));
        document = json_pack("{s:s, s:s, s:O}", "kind", "books", "version", "0.1.0", "pipelines", pipelines);
        must(schema_check("docs/schema", "books.schema.json", document, &err), &err);
        close_world(&world);
}

/* What the ledger says of itself is a status as that of a running optctl. */
static void test_the_status_of_a_ledger_follows_the_schema(void **state)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *document = NULL;
        struct error err = ERROR_INIT;
        json_t *pipelines = NULL;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        run(&world, 3);
        must(ledger_reader_open(world.path, &reader, &err), &err);
        must(ledger_status(reader, "play", &pipelines, &err), &err);
        document = json_pack("{s:s, s:s, s:o}", "kind", "status", "version", "0.1.0", "pipelines", pipelines);
        must(schema_check("docs/schema", "status.schema.json", document, &err), &err);
        assert_string_equal(json_string_value(json_object_get(json_array_get(pipelines, 0), "action")),
                            "Verifying");
        close_world(&world);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_interval_comes_from_whole_days),
                cmocka_unit_test(test_a_baseline_that_ran_has_been_measured),
                cmocka_unit_test(test_runs_are_reported_by_the_month),
                cmocka_unit_test(test_the_status_of_a_ledger_follows_the_schema),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
