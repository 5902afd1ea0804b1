/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Verification against scripted windows. How often a good change is taken back, and how surely a bad one is,
 * is counted over many seeded trials and compared with what the test statistic promises: at most
 * `significance`, and all but surely for a lack of twice the effect that matters.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>

#include "controller/loop/avoid.h"
#include "controller/loop/verify.h"

#define WINDOW_MS 60000

static const struct constraints two_seconds = {.latency_p99_seconds = 2,
                                               .backlog_seconds = NAN,
                                               .error_ratio = NAN,
                                               .confidence = 0.95};

static const struct prediction prediction = {.present = true,
                                             .capacity_mean = 1000,
                                             .capacity_sd = 20,
                                             .latency_p99_mean = 1,
                                             .latency_p99_sd = 0.05,
                                             .settle_ms = 120000};

static const struct configuration wanted = {.count = 1, .value = {8}};

struct trial {
        struct verify verify;
        struct observation window;
        int64_t now_ms;
        char reason[300];
};

/* A pipeline at 600 records/s that keeps up; its busiest subtask is busy as a capacity of 1000 records/s asks
 * for. */
static void begin(struct trial *trial)
{
        struct observation *window = &trial->window;

        memset(trial, 0, sizeof *trial);
        window->configuration = wanted;
        window->window_ms = WINDOW_MS;
        window->workers = window->workers_ready = 8;
        window->offered_per_second = window->throughput_per_second = 600;
        window->latency_p99_seconds = 1;
        window->n_operators = 1;
        window->operators[0] = (struct operator_observation){.busy_ratio = 0.5, .busy_ratio_max = 0.6};
        verify_begin(&trial->verify, &verify_defaults, &two_seconds, &prediction, &wanted, window, 0);
}

static enum verify_result next(struct trial *trial)
{
        trial->now_ms += WINDOW_MS;
        trial->window.time_ms = trial->now_ms;
        return verify_observe(&trial->verify, &trial->window, trial->now_ms, trial->reason,
                              sizeof trial->reason);
}

static enum verify_result until_decided(struct trial *trial, int limit)
{
        enum verify_result result = VERIFY_WAITING;

        for (int i = 0; i < limit && result == VERIFY_WAITING; i++)
                result = next(trial);
        return result;
}

/* The pipeline can only take `capacity`: what more is offered waits. */
static void set_capacity(struct trial *trial, double capacity)
{
        struct observation *window = &trial->window;

        window->throughput_per_second = fmin(window->offered_per_second, capacity);
        window->operators[0].busy_ratio_max = window->throughput_per_second / capacity;
        window->operators[0].busy_ratio = window->operators[0].busy_ratio_max;
        window->backlog_records +=
                (window->offered_per_second - window->throughput_per_second) * WINDOW_MS / MS_PER_SECOND;
}

static void test_as_predicted_is_confirmed(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        assert_int_equal(until_decided(&trial, 100), VERIFY_CONFIRMED);
        /* Two minutes to settle, then at least five windows. */
        assert_in_range(trial.now_ms, 7 * WINDOW_MS, 12 * WINDOW_MS);
        assert_true(trial.verify.carried_per_second == 600);
        assert_non_null(strstr(trial.reason, "as predicted"));
}

static void test_lack_of_capacity_is_found(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        set_capacity(&trial, 700);
        assert_int_equal(until_decided(&trial, 100), VERIFY_REGRESSED);
        assert_string_equal(trial.reason,
                            "capacity is 700 records/s over 5 windows, 1000 +- 20 were predicted");
}

/* What windows without scatter say of a capacity; false when they say nothing. */
static bool compare(double capacity, int windows, struct verify_comparison *ret_comparison)
{
        struct trial trial;

        begin(&trial);
        set_capacity(&trial, capacity);
        for (int i = 0; i < 2 + windows; i++)
                (void)next(&trial);
        return verify_compare(&trial.verify, VERIFY_CAPACITY, ret_comparison);
}

/* 1000 +- 20: nine of ten lie within 1.6449 standard deviations of a normal distribution. */
static void test_prediction_is_held_against_what_was_measured(void **state)
{
        struct verify_comparison one;

        (void)state;
        assert_false(compare(1000, 4, &one));
        assert_true(compare(1032.8, 5, &one));
        assert_true(one.covered && one.predicted == 1000 && fabs(one.measured - 1032.8) < 1e-9);
        assert_true(compare(1033, 5, &one));
        assert_false(one.covered);
        assert_true(compare(967.2, 5, &one) && one.covered);
        assert_true(compare(967, 5, &one) && !one.covered);
}

static void test_nine_of_ten_are_covered_when_the_error_is_right(void **state)
{
        gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
        int covered = 0;

        (void)state;
        for (int i = 0; i < 2000; i++) {
                struct verify_comparison one;

                assert_true(compare(1000 + gsl_ran_gaussian(rng, 20), 5, &one));
                covered += one.covered;
        }
        gsl_rng_free(rng);
        assert_in_range(covered, 1760, 1840); /* three standard deviations of a binomial */
}

static void test_what_was_not_predicted_is_not_held_against_anything(void **state)
{
        struct prediction none = {.present = false};
        struct verify_comparison one;
        struct trial trial;

        (void)state;
        begin(&trial);
        verify_begin(&trial.verify, &verify_defaults, &two_seconds, &none, &wanted, &trial.window, 0);
        for (int i = 0; i < 8; i++)
                (void)next(&trial);
        assert_false(verify_compare(&trial.verify, VERIFY_CAPACITY, &one));
        assert_false(verify_compare(&trial.verify, VERIFY_LATENCY, &one));
}

static void test_falling_behind_without_busy_time_is_found(void **state)
{
        enum verify_result result = VERIFY_WAITING;
        struct trial trial;

        (void)state;
        begin(&trial);
        for (int i = 0; i < 20 && result == VERIFY_WAITING; i++) {
                set_capacity(&trial, 500);
                trial.window.operators[0].busy_ratio = trial.window.operators[0].busy_ratio_max = NAN;
                result = next(&trial);
        }
        assert_int_equal(result, VERIFY_REGRESSED);
        assert_non_null(strstr(trial.reason, "capacity is 500 records/s"));
}

static void test_latency_beyond_its_bound_is_found(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.latency_p99_seconds = 3;
        assert_int_equal(until_decided(&trial, 100), VERIFY_REGRESSED);
        assert_non_null(strstr(trial.reason, "p99 latency is 3.00 s over 5 windows"));
}

static void test_latency_above_prediction_but_within_its_bound_is_fine(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.latency_p99_seconds = 1.8;
        assert_int_equal(until_decided(&trial, 100), VERIFY_CONFIRMED);
}

/* More arrives than the change was said to take: the backlog and the latency of it are not its fault. */
static void test_surge_is_not_blamed_on_the_change(void **state)
{
        enum verify_result result = VERIFY_WAITING;
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.offered_per_second = 1600;
        trial.window.latency_p99_seconds = 40;
        for (int i = 0; i < 30; i++) {
                set_capacity(&trial, 1000);
                assert_int_equal(next(&trial), VERIFY_WAITING);
        }
        /* The surge is over: nothing counts until its backlog is gone. */
        trial.window.offered_per_second = 600;
        trial.window.throughput_per_second = 800;
        assert_int_equal(next(&trial), VERIFY_WAITING);
        assert_int_equal(trial.verify.windows, 0);
        trial.window.backlog_records = 0;
        trial.window.latency_p99_seconds = 1;
        set_capacity(&trial, 1000);
        for (int i = 0; i < 12 && result == VERIFY_WAITING; i++)
                result = next(&trial);
        assert_int_equal(result, VERIFY_CONFIRMED);
}

/* Close to its limit and keeping up: that is what was promised, not a surge. */
static void test_a_high_load_that_is_carried_counts(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.offered_per_second = 950;
        set_capacity(&trial, 1000);
        assert_int_equal(until_decided(&trial, 100), VERIFY_CONFIRMED);
        assert_true(trial.verify.carried_per_second == 950);
}

static void test_outage_and_lost_workers_are_not_blamed(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.offered_per_second = trial.window.throughput_per_second = 0;
        trial.window.latency_p99_seconds = 500;
        for (int i = 0; i < 20; i++)
                assert_int_equal(next(&trial), VERIFY_WAITING);
        begin(&trial);
        set_capacity(&trial, 400);
        trial.window.workers_ready = 4;
        for (int i = 0; i < 20; i++)
                assert_int_equal(next(&trial), VERIFY_WAITING);
        assert_int_equal(trial.verify.windows, 0);
}

/* After an outage of D seconds, with 600 of 1000 records/s arriving, what is answered is D - 0.67 t seconds
 * old: the queue is empty after D * 600 / 400 s (a fluid queue). Here it waits inside the engine, where no
 * backlog shows it. */
static void test_what_arrived_in_an_outage_is_not_blamed_on_the_change(void **state)
{
        const double outage_seconds = 600,
                     younger_each_window = (1000.0 - 600) / 600 * WINDOW_MS / MS_PER_SECOND;
        enum verify_result result = VERIFY_WAITING;
        struct trial trial;

        (void)state;
        begin(&trial);
        for (int i = 0; i < 3; i++)
                assert_int_equal(next(&trial), VERIFY_WAITING);
        /* At first nobody answers. */
        trial.window.missing = MISSING_ALL;
        for (int i = 0; i < 5; i++)
                assert_int_equal(next(&trial), VERIFY_WAITING);
        trial.window.missing = 0;
        trial.window.restarting = true;
        for (int i = 0; i < 5; i++)
                assert_int_equal(next(&trial), VERIFY_WAITING);
        trial.window.restarting = false;
        set_capacity(&trial, 1000);
        for (double age = outage_seconds; age > two_seconds.latency_p99_seconds; age -= younger_each_window) {
                trial.window.latency_p99_seconds = age;
                assert_int_equal(next(&trial), VERIFY_WAITING);
                assert_in_range(trial.verify.windows, 0, 2);
        }
        trial.window.latency_p99_seconds = 1;
        for (int i = 0; i < 12 && result == VERIFY_WAITING; i++)
                result = next(&trial);
        assert_int_equal(result, VERIFY_CONFIRMED);
}

/* The same outage, but what is answered stays old for longer than the promised capacity would need. */
static void test_an_outage_does_not_excuse_for_ever(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.restarting = true;
        for (int i = 0; i < 10; i++)
                assert_int_equal(next(&trial), VERIFY_WAITING);
        trial.window.restarting = false;
        trial.window.latency_p99_seconds = 40;
        assert_int_equal(until_decided(&trial, 60), VERIFY_REGRESSED);
        /* 10 windows out, 8 s settled before them; at 900 of 1000 records/s they are worked off in 600 / 300
         * times as long. */
        assert_in_range(trial.now_ms, 30 * WINDOW_MS, 36 * WINDOW_MS);
}

/* A flash crowd that is over before the change was judged: the next one must not wait for it. A source that
 * is silent is another matter. */
static void test_a_load_that_is_gone_is_not_waited_for(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.workers_ready = 7; /* so that no window counts */
        trial.window.offered_per_second = trial.window.throughput_per_second = 250;
        assert_int_equal(until_decided(&trial, 20), VERIFY_UNDECIDED);
        assert_in_range(trial.now_ms, 7 * WINDOW_MS, 9 * WINDOW_MS);
        assert_non_null(strstr(trial.reason, "the load of 600 records/s that it was made for is gone"));
        begin(&trial);
        trial.window.workers_ready = 7;
        trial.window.offered_per_second = trial.window.throughput_per_second = 20;
        assert_int_equal(until_decided(&trial, 20), VERIFY_WAITING);
}

static void test_missing_data_ends_in_unknown(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.missing = MISSING_ALL;
        assert_int_equal(until_decided(&trial, 100), VERIFY_UNDECIDED);
        assert_int_equal(trial.now_ms, prediction.settle_ms + verify_defaults.patience_ms);
        assert_non_null(strstr(trial.reason, "only 0 windows could be compared"));
}

static void test_job_that_never_comes_up_is_a_regression(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        trial.window.restarting = true;
        assert_int_equal(until_decided(&trial, 100), VERIFY_REGRESSED);
        assert_non_null(strstr(trial.reason, "did not come up"));
}

/* A target that says how long it takes is taken back then, not an hour later. */
static void test_what_does_not_come_up_in_the_targets_time_is_taken_back(void **state)
{
        struct trial trial;

        (void)state;
        begin(&trial);
        verify_expect_up(&trial.verify, trial.verify.applied_ms + 120 * MS_PER_SECOND);
        trial.window.restarting = true;
        assert_int_equal(until_decided(&trial, 100), VERIFY_REGRESSED);
        assert_non_null(strstr(trial.reason, "did not come up with it within 120 s"));

        begin(&trial);
        verify_expect_up(&trial.verify, trial.verify.applied_ms + 120 * MS_PER_SECOND);
        assert_int_equal(until_decided(&trial, 100), VERIFY_CONFIRMED);
}

static void test_settling_time_is_bounded(void **state)
{
        struct prediction slow = prediction;
        struct trial trial;

        (void)state;
        begin(&trial);
        slow.settle_ms = 30 * (int64_t)MS_PER_DAY;
        verify_begin(&trial.verify, &verify_defaults, &two_seconds, &slow, &wanted, NULL, 0);
        assert_int_equal(trial.verify.settled_ms, verify_defaults.settle_max_ms);
}

/* Share of trials that end in a regression when the true capacity is drawn about `mean` as predicted, and
 * windows scatter about it by `noise`, following one another with the correlation `keep`. */
static double regressed_ratio(double mean, double noise, double keep, int trials, unsigned long seed)
{
        gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
        int regressed = 0;

        gsl_rng_set(rng, seed);
        for (int i = 0; i < trials; i++) {
                double truth = mean + gsl_ran_gaussian(rng, prediction.capacity_sd);
                double wander = gsl_ran_ugaussian(rng);
                enum verify_result result = VERIFY_WAITING;
                struct trial trial;

                begin(&trial);
                while (result == VERIFY_WAITING) {
                        double capacity = fmax(truth * (1 + noise * wander), 300);

                        trial.window.operators[0].busy_ratio_max = 600 / capacity;
                        trial.window.operators[0].busy_ratio = 600 / capacity;
                        wander = keep * wander + sqrt(1 - keep * keep) * gsl_ran_ugaussian(rng);
                        result = next(&trial);
                }
                regressed += result == VERIFY_REGRESSED;
        }
        gsl_rng_free(rng);
        return (double)regressed / trials;
}

/* Even at the edge of what matters (10 % less), one in a hundred at most; 3 standard errors of 4,000 trials:
 * 0.5 %. */
static void test_false_alarms_are_as_rare_as_promised(void **state)
{
        (void)state;
        assert_true(regressed_ratio(1000, 0.05, 0, 4000, 1) <= 0.001);
        assert_true(regressed_ratio(900, 0.05, 0, 4000, 2) <= 0.015);
        assert_true(regressed_ratio(900, 0.05, 0.5, 4000, 3) <= 0.015);
}

static void test_a_lack_of_a_quarter_is_nearly_always_found(void **state)
{
        (void)state;
        assert_true(regressed_ratio(750, 0.05, 0, 1000, 4) >= 0.95);
}

/* ---- what is kept away from ---- */

#define HOURS(list) ((double)((list).entries[0].until_ms - now_ms) / MS_PER_HOUR)

static void test_avoidance_doubles_and_is_forgotten(void **state)
{
        struct avoid_list list = {0};
        int64_t now_ms = 1768478400000;

        (void)state;
        avoid_add(&list, &wanted, now_ms);
        assert_true(fabs(HOURS(list) - 1) < 1e-6);
        avoid_add(&list, &wanted, now_ms);
        assert_true(fabs(HOURS(list) - 2) < 1e-6);
        avoid_add(&list, &wanted, now_ms);
        assert_true(fabs(HOURS(list) - 4) < 1e-6);
        /* Of three strikes, a day leaves one and a half: 2^1.5 h. */
        now_ms += MS_PER_DAY;
        avoid_add(&list, &wanted, now_ms);
        assert_true(fabs(HOURS(list) - pow(2, 1.5)) < 1e-6);
        /* Two months later nothing is remembered. */
        now_ms += 60 * (int64_t)MS_PER_DAY;
        avoid_add(&list, &wanted, now_ms);
        assert_true(fabs(HOURS(list) - 1) < 1e-6);
        assert_int_equal(list.count, 1);
        for (int i = 0; i < 50; i++)
                avoid_add(&list, &wanted, now_ms);
        assert_true(fabs(HOURS(list) - 7 * 24) < 1e-6);
}

static void test_avoidance_that_ends_first_makes_room(void **state)
{
        struct avoid_list list = {0};

        (void)state;
        for (int i = 0; i <= AVOID_MAX; i++) {
                struct configuration configuration = {.count = 1, .value = {i}};

                avoid_add(&list, &configuration, 1000 * i);
        }
        assert_int_equal(list.count, AVOID_MAX);
        for (size_t i = 0; i < list.count; i++)
                assert_true(list.entries[i].configuration.value[0] > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_predicted_is_confirmed),
                cmocka_unit_test(test_lack_of_capacity_is_found),
                cmocka_unit_test(test_prediction_is_held_against_what_was_measured),
                cmocka_unit_test(test_nine_of_ten_are_covered_when_the_error_is_right),
                cmocka_unit_test(test_what_was_not_predicted_is_not_held_against_anything),
                cmocka_unit_test(test_falling_behind_without_busy_time_is_found),
                cmocka_unit_test(test_latency_beyond_its_bound_is_found),
                cmocka_unit_test(test_latency_above_prediction_but_within_its_bound_is_fine),
                cmocka_unit_test(test_surge_is_not_blamed_on_the_change),
                cmocka_unit_test(test_a_high_load_that_is_carried_counts),
                cmocka_unit_test(test_outage_and_lost_workers_are_not_blamed),
                cmocka_unit_test(test_what_arrived_in_an_outage_is_not_blamed_on_the_change),
                cmocka_unit_test(test_an_outage_does_not_excuse_for_ever),
                cmocka_unit_test(test_a_load_that_is_gone_is_not_waited_for),
                cmocka_unit_test(test_missing_data_ends_in_unknown),
                cmocka_unit_test(test_job_that_never_comes_up_is_a_regression),
                cmocka_unit_test(test_what_does_not_come_up_in_the_targets_time_is_taken_back),
                cmocka_unit_test(test_settling_time_is_bounded),
                cmocka_unit_test(test_false_alarms_are_as_rare_as_promised),
                cmocka_unit_test(test_a_lack_of_a_quarter_is_nearly_always_found),
                cmocka_unit_test(test_avoidance_doubles_and_is_forgotten),
                cmocka_unit_test(test_avoidance_that_ends_first_makes_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
