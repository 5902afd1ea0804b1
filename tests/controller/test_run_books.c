/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What runs are held against. Every expected value is worked out by hand from the model that
 * controller/books/runs.h states; quantiles of Student's t are those of any table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/books/runs.h"
#include "core/prices.h"

#define BASELINE 1
#define GIGABYTE 1e9
#define UNTOLD   NAN

struct ledger {
        struct run_books books;
        struct run_tally tally;
};

/* Books a run and says what it is held against. */
static double book(struct ledger *ledger, int64_t setting, double cost, double input_bytes, bool failed)
{
        struct spend spend = {
                .cost = price_sum_of_money(cost),
                .run = {.kind = setting == BASELINE ? SPEND_RUN_BASELINE : SPEND_RUN_OTHER,
                        .failed = failed,
                        .setting = setting,
                        .value = cost,
                        .input_bytes = input_bytes},
        };
        double baseline = run_books_baseline(&ledger->books, cost, &spend.run);

        spend.baseline_cost = price_sum_of_money(baseline);
        run_books_take(&ledger->books, &spend, &ledger->tally);
        return baseline;
}

static double run(struct ledger *ledger, int64_t setting, double cost)
{
        return book(ledger, setting, cost, UNTOLD, false);
}

static void assert_near(double value, double expected)
{
        if (!(fabs(value - expected) <= 1e-6 * fmax(1, fabs(expected))))
                fail_msg("%.12g, expected %.12g", value, expected);
}

/*
 * Two runs of the baseline, 90 and 90 e^0.1: the level is 90 e^0.05, their squares about it 2 * 0.05^2. Three
 * runs of another setting that cost the same add two degrees of freedom and nothing else. With the prior, two
 * degrees of 0.05^2: variance (2 + 2) * 0.05^2 / (2 + 1 + 2) = 0.002, five degrees of freedom. Three runs
 * that did not happen, each off by that, and all of them by the error of a mean of two: 90 e^0.05 sqrt(0.002
 * (3 + 9 / 2)). The 95 % quantile of t with five degrees of freedom is 2.01504837.
 */
static void test_the_interval_is_that_of_runs_to_come(void **state)
{
        double level = 90 * exp(0.05), half = 2.01504837 * level * sqrt(0.002 * (3 + 9.0 / 2));
        struct ledger ledger = {0};

        (void)state;
        assert_near(run(&ledger, BASELINE, 90), 90);
        assert_near(run(&ledger, BASELINE, 90 * exp(0.1)), 90 * exp(0.1));
        assert_near(run_books_half_width(&ledger.books, &ledger.tally, 0.9), 0);
        for (int i = 0; i < 3; i++)
                assert_near(run(&ledger, 2, 60), level);
        assert_near(ledger.tally.cost, 90 + 90 * exp(0.1) + 180);
        assert_near(ledger.tally.baseline_cost - ledger.tally.cost, 3 * (level - 60));
        assert_near(run_books_half_width(&ledger.books, &ledger.tally, 0.9), half);
        assert_int_equal(ledger.tally.runs, 5);
        assert_int_equal(ledger.tally.baseline_runs, 2);
}

/* 50 more than the baseline, then 30 for nothing: 80 lost. What fails with the baseline's settings would have
 * failed anyway. */
static void test_trials_that_were_dearer_or_failed_count_against_us(void **state)
{
        struct ledger ledger = {0};

        (void)state;
        run(&ledger, BASELINE, 100);
        assert_near(run(&ledger, 2, 150), 100);
        assert_near(book(&ledger, 3, 30, UNTOLD, true), 0);
        assert_near(book(&ledger, BASELINE, 40, UNTOLD, true), 40);
        assert_near(ledger.tally.baseline_cost - ledger.tally.cost, -80);
        assert_int_equal(ledger.tally.dearer, 2);
        assert_int_equal(ledger.tally.failed, 2);
        assert_near(run(&ledger, 2, 70), 100); /* neither is of the baseline's level */
}

static void test_nothing_is_claimed_of_a_baseline_nobody_has_seen(void **state)
{
        struct ledger ledger = {0};

        (void)state;
        assert_near(run(&ledger, 2, 50), 50);
        assert_near(book(&ledger, 3, 70, UNTOLD, true), 70);
        assert_near(run_books_half_width(&ledger.books, &ledger.tally, 0.9), 0);
        run(&ledger, BASELINE, 80);
        assert_near(run(&ledger, 2, 50), 80);
}

/* What is set to something unknown tells nothing, and nothing is claimed of it. */
static void test_unknown_settings_are_their_own_counterfactual(void **state)
{
        struct ledger ledger = {0};
        const struct run_spend unknown = {.kind = SPEND_RUN_UNKNOWN, .value = 10, .input_bytes = NAN};

        (void)state;
        run(&ledger, BASELINE, 80);
        assert_near(run_books_baseline(&ledger.books, 10, &unknown), 10);
}

/*
 * Before runs tell, twice the input is twice the cost. Two runs of another setting, inputs 1 and e GB, costs
 * 50 and 50 e^0.5: sums of squares 1/2, products 1/4. The prior, 1 +- 0.3 at a scatter of 0.05, is worth
 * 0.05^2 / 0.3^2 = 1/36: growth (1/36 + 1/4) / (1/36 + 1/2) = 10/19.
 */
static void test_cost_grows_with_the_input(void **state)
{
        struct ledger ledger = {0};

        (void)state;
        book(&ledger, BASELINE, 100, GIGABYTE, false);
        assert_near(book(&ledger, 2, 50, GIGABYTE, false), 100);
        assert_near(book(&ledger, 2, 50 * exp(0.5), GIGABYTE * exp(1), false), 100 * exp(1));
        assert_near(book(&ledger, 3, 60, GIGABYTE * exp(2), false), 100 * exp(20.0 / 19));
        assert_near(book(&ledger, BASELINE, 300, GIGABYTE * exp(2), false), 300);
}

/* A baseline that ran on next to nothing: nothing is claimed beyond ten times its input. */
static void test_growth_is_not_believed_far_beyond_the_baseline(void **state)
{
        struct ledger ledger = {0};

        (void)state;
        book(&ledger, BASELINE, 100, 1, false);
        assert_near(book(&ledger, 2, 50, 10, false), 1000);
        assert_near(book(&ledger, 2, 50, GIGABYTE, false), 1000);
}

/* The error of the growth adds: the prior's sd of 0.3 times the logarithm of the input's ratio, here ln 2,
 * times what the run is held against. Scatter 0.05 with two degrees of freedom: 95 % quantile of
 * t 2.91998558. */
static void test_how_sure_the_growth_is_widens_the_interval(void **state)
{
        double variance = pow(0.05, 2) * (1 + 1) * 200 * 200 + pow(0.3 * log(2) * 200, 2);
        struct ledger ledger = {0};

        (void)state;
        book(&ledger, BASELINE, 100, GIGABYTE, false);
        assert_near(book(&ledger, 2, 50, 2 * GIGABYTE, false), 200);
        assert_near(run_books_half_width(&ledger.books, &ledger.tally, 0.9), 2.91998558 * sqrt(variance));
}

/* What a run does not tell is taken to be the usual input: one such run takes nothing from the others. The
 * two of setting 2, 1 and 8 GB for the same cost, lower the growth to (1/36) / (1/36 + (ln 8)^2 / 2), and the
 * mean of the inputs told is sqrt 8 GB. */
static void test_a_run_that_does_not_tell_its_input(void **state)
{
        double growth = 1.0 / 36 / (1.0 / 36 + pow(log(8), 2) / 2);
        struct ledger ledger = {0};

        (void)state;
        book(&ledger, BASELINE, 100, GIGABYTE, false);
        assert_near(run(&ledger, 2, 50), 100);
        assert_near(book(&ledger, 2, 50, 8 * GIGABYTE, false), 800);
        assert_near(run(&ledger, 3, 50), 100 * pow(8, growth / 2));
        assert_near(book(&ledger, 3, 50, 8 * GIGABYTE, false), 100 * pow(8, growth));
}

/* Whatever the first input is that is told, the runs before it are taken to have had the same. */
static void test_runs_before_the_first_input_is_told(void **state)
{
        struct ledger ledger = {0};

        (void)state;
        run(&ledger, BASELINE, 100);
        assert_near(run(&ledger, 2, 50), 100);
        assert_near(book(&ledger, 2, 50, GIGABYTE, false), 100);
        assert_near(book(&ledger, 3, 50, 2 * GIGABYTE, false), 200);
}

/* Three runs at twice the cost of the two before: so does the baseline by now. Its level is worth
 * 1 / (1 / 1 + 1 / 3 + 1 / 2) = 6 / 11 runs, with which the next one is held against it. */
static void test_the_baseline_follows_a_job_that_has_changed(void **state)
{
        struct run_tally one = {0};
        struct ledger ledger = {0};
        const struct spend next =
                {.cost = price_sum_of_money(100),
                 .baseline_cost = price_sum_of_money(200),
                 .run = {.kind = SPEND_RUN_OTHER, .setting = 2, .value = 100, .input_bytes = NAN}};

        (void)state;
        run(&ledger, BASELINE, 100);
        for (int i = 0; i < 2; i++)
                assert_near(run(&ledger, 2, 50), 100);
        for (int i = 0; i < 3; i++)
                assert_near(run(&ledger, 2, 100), 100);
        assert_near(run_books_baseline(&ledger.books, 100, &next.run), 200);
        run_books_take(&ledger.books, &next, &one);
        assert_near(one.spread, 200 / sqrt(6.0 / 11));
        /* A run of the baseline itself says more than what was carried over. */
        for (int i = 0; i < 4; i++)
                run(&ledger, BASELINE, i == 0 ? 100 : 300);
        assert_near(run(&ledger, 2, 100), 300);
}

/* A price that doubled since the first run doubles what the baseline would have cost, too. */
static void test_prices_are_those_of_the_run(void **state)
{
        struct ledger ledger = {0};
        const struct run_spend dear = {.kind = SPEND_RUN_OTHER,
                                       .setting = 2,
                                       .value = 50,
                                       .input_bytes = NAN};

        (void)state;
        run(&ledger, BASELINE, 100);
        assert_near(run_books_baseline(&ledger.books, 100, &dear), 200);
}

/* The baseline is another one by now: what the old one cost does not count. */
static void test_of_a_new_baseline_nothing_is_known(void **state)
{
        struct ledger ledger = {.books.baseline = 5};

        (void)state;
        run(&ledger, BASELINE, 100);
        assert_near(run(&ledger, 2, 50), 50);
        run(&ledger, 5, 70);
        assert_near(run(&ledger, 2, 50), 70);
}

static void test_settings_have_numbers(void **state)
{
        const struct configuration one = {.count = 2, .value = {4, 8}}, other = {.count = 2, .value = {8, 4}};
        const struct configuration zero = {.count = 1, .value = {0.0}}, minus = {.count = 1, .value = {-0.0}};
        const struct configuration unknown = {0};

        (void)state;
        assert_int_equal(run_books_setting(&unknown), 0);
        assert_true(run_books_setting(&one) > 0);
        assert_true(run_books_setting(&one) != run_books_setting(&other));
        assert_true(run_books_setting(&zero) == run_books_setting(&minus));
}

/* A job that was tried with more settings than are kept is followed all the same. */
static void many_settings_are_followed(void **state)
{
        struct ledger ledger = {0};
        double held;

        (void)state;
        for (int i = 0; i < 10; i++)
                run(&ledger, BASELINE, 100);
        for (int i = 0; i < 70; i++)
                run(&ledger, 2 + i, 80);
        for (int i = 0; i < 10; i++)
                run(&ledger, 1000, 70); /* settles */
        for (int i = 0; i < 20; i++)
                held = run(&ledger, 1000, 140); /* the job has become twice the work */
        assert_near(held, 200);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_interval_is_that_of_runs_to_come),
                cmocka_unit_test(test_trials_that_were_dearer_or_failed_count_against_us),
                cmocka_unit_test(test_nothing_is_claimed_of_a_baseline_nobody_has_seen),
                cmocka_unit_test(test_unknown_settings_are_their_own_counterfactual),
                cmocka_unit_test(test_cost_grows_with_the_input),
                cmocka_unit_test(test_growth_is_not_believed_far_beyond_the_baseline),
                cmocka_unit_test(test_how_sure_the_growth_is_widens_the_interval),
                cmocka_unit_test(test_a_run_that_does_not_tell_its_input),
                cmocka_unit_test(test_runs_before_the_first_input_is_told),
                cmocka_unit_test(test_the_baseline_follows_a_job_that_has_changed),
                cmocka_unit_test(test_prices_are_those_of_the_run),
                cmocka_unit_test(test_of_a_new_baseline_nothing_is_known),
                cmocka_unit_test(many_settings_are_followed),
                cmocka_unit_test(test_settings_have_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
