/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>

#include "controller/study/residuals.h"
#include "core/random.h"

#define FITTED 2000
#define HELD   20000

static void assert_near(double value, double expected, double tolerance)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("%.9g, expected %.9g within %g", value, expected, tolerance);
}

/* Measured over predicted is log-normal with deviation `sd`; the model is sure of itself (one run). */
static double coverage_of(double sd, double share)
{
        gsl_rng *rng autocall(gsl_rng_free) = random_new(5, 0, 0);
        struct residuals residuals = {0};
        const struct window_value run = {100, WINDOW_QUIET};
        struct band band;
        size_t inside = 0;

        for (size_t i = 0; i < FITTED; i++)
                residuals_add(&residuals, WINDOW_LATENCY, WINDOW_QUIET, 100 * exp(gsl_ran_gaussian(rng, sd)),
                              100);
        residuals_finish(&residuals);
        band = residuals_band(&residuals, WINDOW_LATENCY, &run, 1, share);
        assert_near(band.middle, 100, 1e-9);
        for (size_t i = 0; i < HELD; i++) {
                double measured = 100 * exp(gsl_ran_gaussian(rng, sd));

                inside += measured >= band.low && measured <= band.high;
        }
        residuals_free(&residuals);
        return (double)inside / HELD;
}

/* From 2,000 misses the ends of the interval are known to a percentage point or so. */
static void an_interval_holds_the_share_it_should(void **state)
{
        (void)state;
        assert_near(coverage_of(.2, .9), .9, .02);
        assert_near(coverage_of(.05, .5), .5, .03);
}

/* A model that is always 20 % low, exactly: the interval is around 1.25 times what it says. */
static void a_bias_is_taken_out(void **state)
{
        struct residuals residuals = {0};
        const struct window_value run = {40, WINDOW_QUIET};
        struct band band;

        (void)state;
        for (size_t i = 0; i < 100; i++)
                residuals_add(&residuals, WINDOW_THROUGHPUT, WINDOW_QUIET, 125, 100);
        residuals_finish(&residuals);
        band = residuals_band(&residuals, WINDOW_THROUGHPUT, &run, 1, .9);
        assert_near(band.low, 50, 1e-9);
        assert_near(band.high, 50, 1e-9);
        assert_near(band.middle, 40, 1e-9);
        residuals_free(&residuals);
}

/* The runs differ and the model misses: the variances of the logarithms add up, .3^2 + .4^2 = .5^2. */
static void runs_and_misses_add_up(void **state)
{
        enum { RUNS = 400 };
        gsl_rng *rng autocall(gsl_rng_free) = random_new(6, 0, 0);
        struct residuals residuals = {0};
        struct window_value runs[RUNS];
        struct band band;

        (void)state;
        for (size_t i = 0; i < FITTED; i++)
                residuals_add(&residuals, WINDOW_LATENCY, WINDOW_QUIET, exp(gsl_ran_gaussian(rng, .3)), 1);
        for (size_t i = 0; i < RUNS; i++)
                runs[i] = (struct window_value){exp(gsl_ran_gaussian(rng, .4)), WINDOW_QUIET};
        residuals_finish(&residuals);
        band = residuals_band(&residuals, WINDOW_LATENCY, runs, RUNS, .9);
        assert_near(log(band.high), 1.645 * .5, .08);
        assert_near(log(band.low), -1.645 * .5, .08);
        residuals_free(&residuals);
}

/* Windows with a restart are missed by up to a factor 3, quiet ones by 1 %: each run takes the misses of its
 * own kind. */
static void windows_with_a_restart_have_their_own_misses(void **state)
{
        struct residuals residuals = {0};
        const struct window_value quiet = {10, WINDOW_QUIET}, restarted = {10, WINDOW_RESTARTED};
        struct band band;

        (void)state;
        for (size_t i = 0; i < 100; i++) {
                double s = 2 * (double)i / 99 - 1;

                residuals_add(&residuals, WINDOW_LATENCY, WINDOW_QUIET, exp(.01 * s), 1);
                residuals_add(&residuals, WINDOW_LATENCY, WINDOW_RESTARTED, pow(3, s), 1);
        }
        residuals_finish(&residuals);
        band = residuals_band(&residuals, WINDOW_LATENCY, &quiet, 1, .9);
        assert_near(band.high, 10 * exp(.009), .01);
        band = residuals_band(&residuals, WINDOW_LATENCY, &restarted, 1, .9);
        assert_near(band.high, 10 * pow(3, .9), .4);
        assert_near(band.low, 10 * pow(3, -.9), .1);
        residuals_free(&residuals);
}

static void a_kind_hardly_seen_borrows_and_without_any_the_model_stands(void **state)
{
        struct residuals residuals = {0};
        const struct window_value runs[] = {{8, WINDOW_RESTARTED},
                                            {10, WINDOW_RESTARTED},
                                            {12, WINDOW_RESTARTED}};
        struct band band;

        (void)state;
        for (size_t i = 0; i < 100; i++)
                residuals_add(&residuals, WINDOW_LATENCY, WINDOW_QUIET, 2, 1);
        residuals_add(&residuals, WINDOW_LATENCY, WINDOW_RESTARTED, 50, 1); /* one is an accident */
        residuals_finish(&residuals);
        band = residuals_band(&residuals, WINDOW_LATENCY, runs, 3, 1);
        assert_near(band.low, 16, 1e-9);
        assert_near(band.high, 24, 1e-9);
        band = residuals_band(&residuals, WINDOW_BACKLOG, runs, 3, 1);
        assert_near(band.low, 8, 1e-9);
        assert_near(band.high, 12, 1e-9);
        residuals_free(&residuals);
}

/* A ratio to nothing means nothing. */
static void what_is_next_to_zero_is_left_out(void **state)
{
        struct residuals residuals = {0};

        (void)state;
        residuals_add(&residuals, WINDOW_BACKLOG, WINDOW_QUIET, 0, 5);
        residuals_add(&residuals, WINDOW_BACKLOG, WINDOW_QUIET, 5, 0);
        residuals_add(&residuals, WINDOW_BACKLOG, WINDOW_QUIET, NAN, 5);
        assert_int_equal(residuals.count[WINDOW_BACKLOG][WINDOW_QUIET], 0);
        residuals_free(&residuals);
}

static void a_window_is_a_mean(void **state)
{
        double latency[] = {1, 2, NAN, 3, 10, 20, 30, 40, NAN, NAN};
        const struct recording recording = {.count = 10, .latency = latency};
        double simulated[] = {7, 8};
        const struct timeline timeline = {.count = 2, .latency_p50 = simulated};

        (void)state;
        assert_near(window_measured(&recording, WINDOW_LATENCY, 0, 4), 2, 1e-12);
        assert_near(window_measured(&recording, WINDOW_LATENCY, 1, 4), 25, 1e-12);
        assert_true(isnan(window_measured(&recording, WINDOW_LATENCY, 2, 4)));
        assert_true(isnan(window_measured(&recording, WINDOW_WORKERS, 0, 4)));
        assert_near(window_simulated(&timeline, WINDOW_LATENCY, 1), 8, 0);
        assert_true(isnan(window_simulated(&timeline, WINDOW_LATENCY, 2)));
        assert_string_equal(window_name(WINDOW_BACKLOG), "backlog");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_interval_holds_the_share_it_should),
                cmocka_unit_test(a_bias_is_taken_out),
                cmocka_unit_test(runs_and_misses_add_up),
                cmocka_unit_test(windows_with_a_restart_have_their_own_misses),
                cmocka_unit_test(a_kind_hardly_seen_borrows_and_without_any_the_model_stands),
                cmocka_unit_test(what_is_next_to_zero_is_left_out),
                cmocka_unit_test(a_window_is_a_mean),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
