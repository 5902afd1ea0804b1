/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much runs read: what the next one is expected to, and what that makes of what others took. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/memory.h"
#include "optimizer/run_input.h"
#include "optimizer/run_search.h"

static struct knob knobs[] = {
        {.name = "workers", .role = KNOB_WORKERS, .operator_index = -1, .min = 1, .max = 40, .step = 1}};
static const struct pipeline pipeline = {.name = "nightly", .n_knobs = 1, .knobs = knobs};
static const struct run_terms terms = {.duration = true, .most_seconds = 1000};

/* The next run's, on consecutive days. */
static void ran(struct run_history *history, double workers, double bytes, double seconds, bool failed)
{
        struct observation *seen = memory_new(1, sizeof *seen);
        int64_t begun = ((int64_t)history->count + 1) * MS_PER_DAY;

        observation_clear(seen, begun, 1000, 1);
        seen->run = (struct run_observation){.periodic = true,
                                             .begun_ms = begun,
                                             .ended_ms = begun + (int64_t)(seconds * MS_PER_SECOND),
                                             .failed = failed,
                                             .input_bytes = bytes,
                                             .configuration = {.count = 1, .value = {workers}}};
        assert_true(run_history_add(history, seen));
        free(seen);
}

static struct run_input look(const struct run_history *history)
{
        struct run_input input;

        run_input_make(history, &terms, 0, 0, &input);
        return input;
}

static void the_day_of_the_week_says_what_comes(void **state)
{
        struct run_history *history = memory_new(1, sizeof *history);
        struct run_input input;

        (void)state;
        run_history_init(history, &pipeline);
        /* two weeks and a day: every seventh run reads eight times as much, and it is its turn after the 20th
         */
        for (int day = 0; day < 20; day++)
                ran(history, 4, day % 7 == 6 ? 800 : 100, 100, false);
        input = look(history);
        assert_float_equal(input.next, 800, 1e-9);
        ran(history, 4, 800, 100, false);
        assert_float_equal(look(history).next, 100, 1e-9);
        run_history_clear(history);
        free(history);
}

/* Logarithms of what runs of a day read: 1 and 3 once, 2 and 2 else. One of 20 reads more than the mean, 2,
 * and 1.64 deviations of one more about the mean of two; squares about the days' means are 2, for 7 of
 * freedom. */
static void what_scatters_is_met_with_care(void **state)
{
        struct run_history *history = memory_new(1, sizeof *history);

        (void)state;
        run_history_init(history, &pipeline);
        for (int day = 0; day < 14; day++)
                ran(history, 4, exp(day == 0 ? 1 : day == 7 ? 3 : 2), 100, false);
        assert_float_equal(look(history).next, exp(2 + 1.6448536269514722 * sqrt(2.0 / 7 * (1 + 1.0 / 2))),
                           1e-9);
        run_history_clear(history);
        free(history);
}

static void what_is_not_told_or_always_the_same_is_not_looked_at(void **state)
{
        struct run_history *history = memory_new(1, sizeof *history);

        (void)state;
        run_history_init(history, &pipeline);
        for (int day = 0; day < 6; day++)
                ran(history, 4, day % 2 ? 100 : 104, 100, false);
        assert_true(isnan(look(history).next));
        assert_true(run_input_factor(&(struct run_input){.next = NAN}, &history->runs[0]) == 1);
        ran(history, 4, 200, 100, false);
        assert_true(isfinite(look(history).next));
        for (int day = 0; day < 3; day++)
                ran(history, 4, NAN, 100, false);
        /* 7 of 10 */
        assert_true(isnan(look(history).next));
        run_history_clear(history);
        free(history);
}

/* Seconds (whole milliseconds of them) go with the power 0.6 of the input, whatever the setting. With the
 * prior's worth of (0.05 / 0.4)^2 beside the squares of log 4 about their mean, that is what least squares
 * finds. */
static void values_go_with_a_power_of_the_input(void **state)
{
        struct run_history *history = memory_new(1, sizeof *history);
        double squares = 2 * pow(log(4), 2) / 2, prior = pow(0.05 / 0.4, 2);
        struct run_input input;

        (void)state;
        run_history_init(history, &pipeline);
        ran(history, 4, 100, 300, false);
        ran(history, 4, 400, 300 * pow(4, 0.6), false);
        ran(history, 8, 100, 200, false);
        ran(history, 8, 400, 200 * pow(4, 0.6), false);
        input = look(history);
        assert_float_equal(input.power, (0.6 * squares + 0.8 * prior) / (squares + prior), 1e-5);
        assert_float_equal(run_input_factor(&input, &history->runs[0]), pow(input.next / 100, input.power),
                           1e-9);
        run_history_clear(history);
        free(history);
}

/* Twice the data for some nights is no change of the job, and no scatter between runs of a setting. */
static void settings_are_compared_at_the_next_input(void **state)
{
        struct run_history *history = memory_new(1, sizeof *history);
        struct run_review *review = memory_new(1, sizeof *review);

        (void)state;
        run_history_init(history, &pipeline);
        for (int day = 0; day < 7; day++)
                ran(history, 4, 100, 600, false);
        for (int day = 0; day < 5; day++)
                ran(history, 4, 200, 1100, false);
        for (int day = 0; day < 3; day++)
                ran(history, 4, 100, 600, false);
        run_review_make(history, &terms, review);
        assert_int_equal(review->from, 0);
        assert_int_equal(review->n, 1);
        assert_true(
                fabs(review->settings[0].value / (600 * pow(review->input.next / 100, review->input.power)) -
                     1) < 0.02);
        assert_true(review->noise < 0.06);
        run_history_clear(history);
        free(history);
        free(review);
}

/* Setting 36 took 500 s whatever it read, for weeks, and so little is made of the input. Then setting 8,
 * whose seconds go in proportion to it, has large nights. */
static void what_goes_otherwise_with_the_input_is_no_change_of_the_job(void **state)
{
        struct run_history *history = memory_new(1, sizeof *history);
        struct run_review *review = memory_new(1, sizeof *review);

        (void)state;
        run_history_init(history, &pipeline);
        for (int day = 0; day < 14; day++)
                ran(history, 36, day % 2 ? 400 : 100, 500, false);
        ran(history, 8, 100, 200, false);
        for (int day = 0; day < 3; day++)
                ran(history, 8, 400, 800, false);
        run_review_make(history, &terms, review);
        assert_int_equal(review->from, 0);
        run_history_clear(history);
        free(history);
        free(review);
}

/* ---- whether a setting does with it ---- */

/* In proportion to the input the run would take just as long as it may: one half. Of the same input a normal
 * law has 0.95 at 1.64 deviations, which for two runs are sqrt(2) as wide as for one. With twice the input
 * the power, known to 0.4, counts beside. */
static void chance_to_keep_the_limit_is_of_a_normal_law(void **state)
{
        const double z = 1.6448536269514722;
        const struct run_input input = {.next = 200, .power = 1};
        struct past_run run = {.seconds = 500, .input_bytes = 100};

        (void)state;
        assert_float_equal(run_input_chance(&input, &run, 1000, 0.05), 0.5, 1e-12);
        run = (struct past_run){.seconds = 1000 * exp(-z * sqrt(2) * 0.05), .input_bytes = 200};
        assert_float_equal(run_input_chance(&input, &run, 1000, 0.05), 0.95, 1e-12);
        run = (struct past_run){.seconds = 500 * exp(-z * sqrt(2 * 0.05 * 0.05 + pow(0.4 * log(2), 2))),
                                .input_bytes = 100};
        assert_float_equal(run_input_chance(&input, &run, 1000, 0.05), 0.95, 1e-12);
        assert_true(run_input_chance(&input, &run, NAN, 0.05) == 1);
}

/* Inputs of 10 and 100, three times each: the next one is expected to read 297 at most, and none of the
 * settings was seen with half of that. In proportion to the input 4 workers would take 2970 s, 16 take 1485
 * s, and 36 1188 s, of 1000 s that they may; that one is the likeliest to keep it, or, once it has
 * failed, 16. */
static void a_night_larger_than_ever_has_the_likeliest_setting(void **state)
{
        static const double workers[] = {4, 16, 36}, seconds[] = {10, 5, 4};
        const double far = log(10) / 2, sd = sqrt(6 * far * far / 5);
        const double expected = exp(log(10) + far + 1.6448536269514722 * sd * sqrt(1 + 1.0 / 6));

        (void)state;
        for (int fails = 0; fails < 2; fails++) {
                struct run_history *history = memory_new(1, sizeof *history);
                struct run_review *review = memory_new(1, sizeof *review);

                run_history_init(history, &pipeline);
                for (int run = 0; run < 6; run++) {
                        double input = run < 3 ? 10 : 100;

                        ran(history, workers[run % 3], input, input * seconds[run % 3], fails && run == 5);
                }
                run_review_make(history, &terms, review);
                assert_float_equal(review->input.next, expected, 1e-6);
                assert_int_equal(review->best, -1);
                assert_true(review->settings[review->likeliest].values[0] == (fails ? 16 : 36));
                assert_true(review->likeliest_did);
                run_history_clear(history);
                free(history);
                free(review);
        }
}

/* ---- what is proposed ---- */

/* An input wants as many workers as it is large; too few or too many are slow. */
static double seconds_of(double workers, double input)
{
        return 100 * input * exp(0.5 * pow(log(workers / input), 2)) / 10;
}

/* Both settings ran with both sizes. For a small night the one for small nights is the best, though the
 * other one has the fewer seconds on average. */
static void the_best_is_that_for_the_next_input(void **state)
{
        static const double workers[] = {4, 20};
        struct run_history *history = memory_new(1, sizeof *history);
        struct run_review *review = memory_new(1, sizeof *review);
        const struct run_search_options options = {.terms = {.duration = true, .most_seconds = NAN},
                                                   .runs = 1,
                                                   .step = 0.01,
                                                   .most_chance = 1};
        struct run_suggestion answer;
        struct error err = ERROR_INIT;

        (void)state;
        run_history_init(history, &pipeline);
        /* large nights on two days of the week, small ones else; the 28 runs end with a large one */
        for (int day = 0; day < 28; day++) {
                double input = day % 7 >= 5 ? 20 : 4, with = workers[day / 7 % 2];

                ran(history, with, input, seconds_of(with, input), false);
        }
        run_review_make(history, &options.terms, review);
        assert_float_equal(review->input.next, 4, 1e-6);
        assert_true(run_search_suggest(history, review, &options, &answer, &err));
        assert_true((answer.better >= 0 ? review->settings[answer.better].values[0]
                                        : review->settings[review->best].values[0]) == 4);
        run_history_clear(history);
        free(history);
        free(review);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_day_of_the_week_says_what_comes),
                cmocka_unit_test(what_scatters_is_met_with_care),
                cmocka_unit_test(what_is_not_told_or_always_the_same_is_not_looked_at),
                cmocka_unit_test(values_go_with_a_power_of_the_input),
                cmocka_unit_test(settings_are_compared_at_the_next_input),
                cmocka_unit_test(what_goes_otherwise_with_the_input_is_no_change_of_the_job),
                cmocka_unit_test(chance_to_keep_the_limit_is_of_a_normal_law),
                cmocka_unit_test(a_night_larger_than_ever_has_the_likeliest_setting),
                cmocka_unit_test(the_best_is_that_for_the_next_input),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
