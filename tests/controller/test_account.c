/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The books. Workers cost 1 USD an hour, so that every sum can be done in the head; the baseline has 8 of
 * them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/books/account.h"
#include "core/series/series.h"
#include "tests/support/play.h"

struct books {
        struct play *play;
        struct account account;
        struct observation observation;
        int64_t now_ms;
};

static void open_books(struct books *books, const char *start)
{
        const struct configuration baseline = play_configuration(4, 8);
        struct error err = ERROR_INIT;

        *books = (struct books){.play = play_new()};
        assert_true(time_parse(start, NULL, &books->now_ms, &err));
        account_open(&books->account, books->play->prices, &books->play->constraints, &books->play->journal,
                     &books->play->pipeline, &baseline);
        books->observation = (struct observation){.throughput_per_second = 100, .latency_p99_seconds = 1};
}

/* Watches `workers` for `minutes`, a minute at a time. */
static void run(struct books *books, int workers, int minutes)
{
        struct error err = ERROR_INIT;

        for (int i = 0; i < minutes; i++) {
                books->observation.workers = workers;
                books->observation.time_ms = books->now_ms;
                books->observation.window_ms = 60000;
                (void)account_observe(&books->account, books->now_ms, &books->observation, &err);
                books->now_ms += 60000;
        }
}

static void close_books(struct books *books)
{
        play_free(books->play);
}

static void assert_money(double value, double expected)
{
        if (!(fabs(value - expected) <= 1e-9))
                fail_msg("%.12g, expected %.12g", value, expected);
}

static void test_cost_is_workers_times_hours(void **state)
{
        struct error err = ERROR_INIT;
        struct saving saving;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        run(&books, 4, 90);
        run(&books, 6, 30);
        run(&books, 2, 120);
        assert_true(account_settle(&books.account, books.now_ms, &err));
        account_saving(&books.account, 0.9, &saving);
        assert_money(saving.cost, 4 * 1.5 + 6 * 0.5 + 2 * 2);
        assert_money(saving.baseline_cost, 8 * 4);
        assert_money(saving.saving, 19);
        assert_true(isnan(saving.low) && isnan(saving.high));
        assert_money(books.play->spent, 13);
        assert_money(books.play->baseline_spent, 32);
        close_books(&books);
}

/* To the last bit: the sums are integers. */
static void test_it_does_not_matter_how_time_is_cut(void **state)
{
        struct error err = ERROR_INIT;
        struct books often, once;

        (void)state;
        open_books(&often, "2026-01-05T00:00:00Z");
        open_books(&once, "2026-01-05T00:00:00Z");
        run(&often, 7, 1);
        run(&once, 7, 1);
        for (int i = 1; i <= 1000; i++)
                assert_true(account_settle(&often.account, once.now_ms + i * 86399, &err));
        assert_true(account_settle(&once.account, once.now_ms + 1000 * 86399, &err));
        assert_true(often.account.spent == once.account.spent);
        assert_true(often.account.baseline_spent == once.account.baseline_spent);
        close_books(&often);
        close_books(&once);
}

static void test_what_is_not_seen_runs_on(void **state)
{
        struct error err = ERROR_INIT;
        struct saving saving;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        run(&books, 4, 60);
        books.observation.missing = MISSING_ALL;
        run(&books, 0, 60);
        books.observation.missing = 0;
        run(&books, 4, 60);
        assert_true(account_settle(&books.account, books.now_ms, &err));
        account_saving(&books.account, 0.9, &saving);
        assert_money(saving.cost, 12);
        close_books(&books);
}

static void test_a_month_begins_with_nothing_spent(void **state)
{
        struct error err = ERROR_INIT;
        struct books books;

        (void)state;
        open_books(&books, "2026-02-28T22:00:00Z");
        run(&books, 4, 90);
        assert_true(account_settle(&books.account, books.now_ms, &err));
        assert_money(account_spent_this_month(&books.account), 6);
        run(&books, 4, 90);
        assert_true(account_settle(&books.account, books.now_ms, &err));
        assert_money(account_spent_this_month(&books.account), 4);
        close_books(&books);
}

static void test_what_the_journal_did_not_take_is_offered_again(void **state)
{
        struct error err = ERROR_INIT;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        books.play->journal_fails = true;
        run(&books, 4, 180);
        assert_false(account_settle(&books.account, books.now_ms, &err));
        assert_money(books.play->spent, 0);
        books.play->journal_fails = false;
        assert_true(account_settle(&books.account, books.now_ms, &err));
        assert_money(books.play->spent, 12);
        assert_money(books.play->baseline_spent, 24);
        close_books(&books);
}

/* Savings of 48, 96 and 144 USD on three days: mean 96, standard deviation 48; for their sum sqrt(3) 48
 * = 83.138. Student's t, two degrees of freedom, 95 %: 2.91999 (Student 1908; any table). */
static void test_the_interval_is_students(void **state)
{
        struct error err = ERROR_INIT;
        struct saving saving;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        run(&books, 6, 1440);
        run(&books, 4, 1440);
        run(&books, 2, 1440);
        assert_true(account_settle(&books.account, books.now_ms, &err));
        account_saving(&books.account, 0.9, &saving);
        assert_money(saving.saving, 288);
        assert_true(fabs(saving.low - (288 - 2.91999 * 48 * sqrt(3))) < 1e-3);
        assert_true(fabs(saving.high - (288 + 2.91999 * 48 * sqrt(3))) < 1e-3);
        close_books(&books);
}

static void test_debts_are_told(void **state)
{
        struct error err = ERROR_INIT;
        struct saving saving;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        run(&books, 4, 50);
        books.observation.latency_p99_seconds = 2.5; /* the bound is 2 s */
        run(&books, 4, 10);
        /* Half an hour of backlog at 4 workers is 2 USD still to be spent. */
        books.observation.backlog_records = 100 * 1800;
        run(&books, 4, 60);
        assert_true(account_settle(&books.account, books.now_ms, &err));
        account_saving(&books.account, 0.9, &saving);
        assert_money(saving.slo_missed_seconds, 70 * 60);
        assert_money(saving.observed_seconds, 120 * 60);
        assert_money(saving.backlog_debt, 2);
        assert_money(saving.saving, 16 - 8 - 2);
        close_books(&books);
}

/* ---- jobs that run from time to time ---- */

#define MINUTE_MS INT64_C(60000)

/* A run of `workers` for `minutes` that ended a minute ago, seen twice; 2 knobs as the play's. */
static bool run_ends(struct books *books, int knob, int workers, int minutes, bool failed)
{
        struct observation *seen = &books->observation;
        struct error err = ERROR_INIT;
        bool done = true;

        books->now_ms += ((int64_t)minutes + 1) * MINUTE_MS;
        observation_clear(seen, books->now_ms, MINUTE_MS, 2);
        seen->missing = MISSING_RATES | MISSING_BACKLOG;
        seen->run.periodic = true;
        seen->run.begun_ms = books->now_ms - ((int64_t)minutes + 1) * MINUTE_MS;
        seen->run.ended_ms = books->now_ms - MINUTE_MS;
        seen->run.failed = failed;
        seen->run.worker_seconds = workers * minutes * 60.0;
        seen->run.configuration = play_configuration(4, knob);
        for (int i = 0; i < 2; i++)
                done = account_observe(&books->account, books->now_ms, seen, &err);
        return done;
}

/* 8 workers for an hour are 8 USD; of which half is late. Saved are 8 - 3, 8 - 12 and -1 of a run
 * that failed. */
static void test_runs_cost_what_they_held(void **state)
{
        struct saving saving;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        books.play->constraints.run_seconds = 1800;
        assert_true(run_ends(&books, 8, 8, 60, false));
        assert_true(run_ends(&books, 6, 6, 30, false));
        assert_true(run_ends(&books, 7, 12, 60, false));
        assert_true(run_ends(&books, 5, 2, 30, true));
        account_saving(&books.account, 0.9, &saving);
        assert_money(saving.cost, 8 + 3 + 12 + 1);
        assert_money(saving.baseline_cost, 8 + 8 + 8);
        assert_money(saving.saving, 0);
        assert_money(books.play->spent, 24);
        assert_money(books.play->baseline_spent, 24);
        assert_money(saving.observed_seconds, 180 * 60);
        assert_money(saving.slo_missed_seconds, 60 * 60);
        assert_int_equal(saving.runs.tally.runs, 4);
        assert_int_equal(saving.runs.tally.dearer, 2);
        assert_true(saving.runs.baseline_seen);
        assert_money(saving.runs.seconds, (31 + 61 + 31) * 60 / 3.0);
        /* 0.05 and two degrees of freedom before any setting was seen twice (run_books.h), two runs held
         * against one of 8: 2.91998558 * 0.05 * 8 * sqrt(2 + 4). */
        assert_true(fabs(saving.high - 2.91998558 * 0.05 * 8 * sqrt(6)) < 1e-6);
        assert_true(fabs(saving.low + 2.91998558 * 0.05 * 8 * sqrt(6)) < 1e-6);
        close_books(&books);
}

static void test_a_run_belongs_to_the_month_in_which_it_ended(void **state)
{
        struct error err = ERROR_INIT;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-31T22:00:00Z");
        assert_true(run_ends(&books, 8, 8, 60, false));
        assert_money(account_spent_this_month(&books.account), 8);
        assert_true(run_ends(&books, 8, 8, 120, false)); /* into February */
        assert_money(account_spent_this_month(&books.account), 16);
        books.now_ms += 28 * (int64_t)MS_PER_DAY;
        assert_true(account_settle(&books.account, books.now_ms, &err));
        assert_money(account_spent_this_month(&books.account), 0);
        close_books(&books);
}

static void test_a_run_that_the_journal_did_not_take_is_offered_again(void **state)
{
        struct error err = ERROR_INIT;
        struct saving saving;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        books.play->journal_fails = true;
        assert_false(run_ends(&books, 8, 8, 60, false));
        account_saving(&books.account, 0.9, &saving);
        assert_money(saving.cost, 0);
        books.play->journal_fails = false;
        assert_true(account_observe(&books.account, books.now_ms, &books.observation, &err));
        assert_money(books.play->spent, 8);
        close_books(&books);
}

static void test_a_run_of_which_nothing_is_known_is_not_booked(void **state)
{
        struct error err = ERROR_INIT;
        struct saving saving;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-05T00:00:00Z");
        assert_true(run_ends(&books, 8, 8, 60, false));
        books.observation.run.ended_ms += MINUTE_MS;
        books.observation.run.worker_seconds = NAN;
        assert_true(account_observe(&books.account, books.now_ms + MINUTE_MS, &books.observation, &err));
        account_saving(&books.account, 0.9, &saving);
        assert_int_equal(saving.runs.tally.runs, 1);
        close_books(&books);
}

/* Of January, though it is seen in February. */
static void a_run_counts_in_the_month_it_ended_in(void **state)
{
        struct error err = ERROR_INIT;
        struct books books;

        (void)state;
        open_books(&books, "2026-01-30T12:00:00Z");
        assert_true(run_ends(&books, 8, 8, 60, false));
        assert_true(time_parse("2026-02-01T00:00:30Z", NULL, &books.now_ms, &err));
        assert_true(account_settle(&books.account, books.now_ms, &err));
        assert_true(time_parse("2026-01-31T23:00:00Z", NULL, &books.now_ms, &err));
        assert_true(run_ends(&books, 8, 8, 58, false)); /* ended at 23:58, seen after midnight's settling */
        assert_money(account_spent_this_month(&books.account), 0);
        close_books(&books);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cost_is_workers_times_hours),
                cmocka_unit_test(test_it_does_not_matter_how_time_is_cut),
                cmocka_unit_test(test_what_is_not_seen_runs_on),
                cmocka_unit_test(test_a_month_begins_with_nothing_spent),
                cmocka_unit_test(test_what_the_journal_did_not_take_is_offered_again),
                cmocka_unit_test(test_the_interval_is_students),
                cmocka_unit_test(test_debts_are_told),
                cmocka_unit_test(test_runs_cost_what_they_held),
                cmocka_unit_test(test_a_run_belongs_to_the_month_in_which_it_ended),
                cmocka_unit_test(test_a_run_that_the_journal_did_not_take_is_offered_again),
                cmocka_unit_test(a_run_counts_in_the_month_it_ended_in),
                cmocka_unit_test(test_a_run_of_which_nothing_is_known_is_not_booked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
