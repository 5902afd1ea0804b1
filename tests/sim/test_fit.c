/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>

#include "core/formulas.h"
#include "core/random.h"
#include "sim/fit.h"

static void assert_near(double value, double expected, double tolerance)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("%.9g, expected %.9g within %g", value, expected, tolerance);
}

/* ---- lines ---- */

/* By hand: Sxx = 10, Sxy = 6, so y = 2.2 + 0.6 x; residuals -0.8, 0.6, 1, -0.6, -0.2 with squares that sum
 * to 2.4; s^2 = 2.4 / 3, se(slope) = sqrt(s^2 / Sxx), se(intercept) = sqrt(s^2 (1/5 + 3^2 / Sxx)). */
static void a_line_is_the_regression_worked_by_hand(void **state)
{
        const double x[] = {1, 2, 3, 4, 5}, y[] = {2, 4, 5, 4, 5};
        struct error err = ERROR_INIT;
        struct line_fit fit;

        (void)state;
        assert_true(fit_line(x, y, 5, 1, &fit, &err));
        assert_near(fit.slope, .6, 1e-12);
        assert_near(fit.intercept, 2.2, 1e-12);
        assert_near(fit.slope_error, sqrt(.08), 1e-12);
        assert_near(fit.intercept_error, sqrt(.88), 1e-12);
        assert_near(fit.residual_sd, sqrt(2.4 / 5), 1e-12);
}

/* Norris (NIST, Statistical Reference Datasets): calibration of ozone monitors, with certified values. */
static void a_line_has_the_certified_values_of_nist(void **state)
{
        const double y[] = {.1, 338.8, 118.1, 888.0, 9.2,   228.1, 668.5, 998.5, 449.1, 778.9, 559.2, .3,
                            .1, 778.1, 668.8, 339.3, 448.9, 10.8,  557.7, 228.3, 998.0, 888.8, 119.6, .3,
                            .6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2,  117.6, 228.9, 668.4, 449.2, .2};
        const double x[] = {.2, 337.4, 118.2, 884.6, 10.1,  226.5, 666.3, 996.3, 448.6, 777.0, 558.2, .4,
                            .6, 775.5, 666.9, 338.0, 447.5, 11.6,  556.0, 228.1, 995.8, 887.6, 120.2, .3,
                            .3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1,  118.3, 229.2, 669.1, 448.9, .5};
        struct error err = ERROR_INIT;
        struct line_fit fit;

        (void)state;
        assert_true(fit_line(x, y, 36, 1, &fit, &err));
        assert_near(fit.intercept, -0.262323073774029, 1e-10);
        assert_near(fit.slope, 1.00211681802045, 1e-12);
        assert_near(fit.intercept_error, 0.232818234301152, 1e-10);
        assert_near(fit.slope_error, 0.429796848199937e-3, 1e-12);
}

/* Two neighbours that lie above and below the points of the first test count as one sample each, so the line
 * and its errors are the same; an eleventh sample that fills no block is left out. */
static void neighbours_in_a_block_count_as_one_sample(void **state)
{
        const double x[] = {.5, 1.5, 1.5, 2.5, 2.5, 3.5, 3.5, 4.5, 4.5, 5.5, 1000};
        const double y[] = {1, 3, 5, 3, 4, 6, 4, 4, 7, 3, 0};
        struct error err = ERROR_INIT;
        struct line_fit fit;

        (void)state;
        assert_true(fit_line(x, y, 11, 2, &fit, &err));
        assert_near(fit.slope, .6, 1e-12);
        assert_near(fit.slope_error, sqrt(.08), 1e-12);
        assert_false(fit_line(x, y, 5, 2, &fit, &err));
        assert_int_equal(err.code, ERROR_INCOMPLETE);
        assert_false(fit_line(x, y, 11, 0, &fit, &err));
}

/* By hand: the line of least squares through the first three points is -5/3 + 3/2 x, so the best one through
 * the origin is taken, 11/14 x, with squares that sum to 10 - 121/14; the other three fall, so their mean is.
 */
static void a_line_of_what_is_never_below_zero(void **state)
{
        const double x[] = {1, 2, 3}, rising[] = {0, 1, 3}, falling[] = {3, 2, 1};
        struct error err = ERROR_INIT;
        struct line_fit fit;

        (void)state;
        assert_true(fit_line_above_zero(x, rising, 3, 1, &fit, &err));
        assert_near(fit.intercept, 0, 0);
        assert_near(fit.slope, 11. / 14, 1e-12);
        assert_near(fit.residual_sd, sqrt((10 - 121. / 14) / 3), 1e-12);
        assert_true(fit_line_above_zero(x, falling, 3, 1, &fit, &err));
        assert_near(fit.intercept, 2, 1e-12);
        assert_near(fit.slope, 0, 0);
}

/* A load that never changed has no slope: neither a number nor NAN comes out. */
static void samples_at_one_place_make_no_line(void **state)
{
        const double x[] = {5, 5, 5, 5}, y[] = {1, 2, 3, 4};
        struct line_fit fit;
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(fit_line(x, y, 4, 1, &fit, &err));
        assert_int_equal(err.code, ERROR_NUMERIC);
}

/* ---- capacity ---- */

#define SCALES 4
#define AGES   6

static size_t make_samples(double rate, double sigma, double kappa, double floor, double tau,
                           struct capacity_sample *samples)
{
        static const double subtasks[SCALES] = {1, 4, 12, 24}, ages[AGES] = {0, 200, 500, 1000, 2000, 6000};
        size_t n = 0;

        for (size_t s = 0; s < SCALES; s++)
                for (size_t a = 0; a < AGES; a++) {
                        double slowed = floor + (1 - floor) * exp(-ages[a] / tau);

                        samples[n] = (struct capacity_sample){
                                .subtasks = subtasks[s],
                                .age_seconds = ages[a],
                                .rate = rate * usl_speedup(subtasks[s], sigma, kappa) * slowed,
                                .weight = 1,
                                .episode = n,
                        };
                        n++;
                }
        return n;
}

/* Gunther's law with slowdown, without scatter: every parameter comes back. */
static void capacity_gives_back_the_law_it_was_made_of(void **state)
{
        struct capacity_sample samples[SCALES * AGES];
        size_t n = make_samples(1000, .03, 2e-4, .6, 700, samples);
        struct capacity_fit fit = {.rate = 1500,
                                   .free_sigma = true,
                                   .free_kappa = true,
                                   .free_slowdown = true};
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(fit_capacity(samples, n, &fit, &err));
        assert_near(fit.rate, 1000, 2);
        assert_near(fit.sigma, .03, 3e-4);
        assert_near(fit.kappa, 2e-4, 2e-5);
        assert_near(fit.floor, .6, 2e-3);
        assert_near(fit.tau, 700, 10);
        assert_near(fit.residual_sd, 0, 1e-3);
}

static void parameters_that_are_not_free_stay(void **state)
{
        struct capacity_sample samples[SCALES * AGES];
        size_t n = make_samples(1000, .03, 2e-4, 1, 700, samples);
        struct capacity_fit fit = {.rate = 300, .sigma = .03, .kappa = 2e-4, .floor = 1, .tau = 700};
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(fit_capacity(samples, n, &fit, &err));
        assert_near(fit.rate, 1000, .1);
        assert_true(fit.sigma == .03 && fit.kappa == 2e-4 && fit.floor == 1 && fit.tau == 700);
        assert_true(fit.sigma_error == 0 && fit.kappa_error == 0 && fit.floor_error == 0);
}

/* A quarter of the samples say a third of the truth: by least squares the rate would be off by the mean of
 * the logarithms, 24 %. */
static void samples_that_are_far_off_hardly_count(void **state)
{
        struct capacity_sample samples[SCALES * AGES];
        size_t n = make_samples(1000, .03, 0, 1, 700, samples);
        struct capacity_fit fit = {.rate = 500, .sigma = .03, .floor = 1, .tau = 700};
        struct error err = ERROR_INIT;

        (void)state;
        for (size_t i = 0; i < n; i += 4)
                samples[i].rate /= 3;
        assert_true(fit_capacity(samples, n, &fit, &err));
        assert_near(fit.rate, 1000, 80);
}

/* One free parameter: the logarithm of the rate is a mean, whose standard error is sd / sqrt(n) with n
 * independent samples, and sd / sqrt(episodes) when they come in episodes. */
static void the_error_of_a_rate_is_that_of_a_mean(void **state)
{
        enum { N = 4000, TOGETHER = 40 };
        static struct capacity_sample samples[N];
        gsl_rng *rng autocall(gsl_rng_free) = random_new(7, 0, 0);
        struct capacity_fit fit = {.rate = 500, .floor = 1, .tau = 1};
        struct error err = ERROR_INIT;

        (void)state;
        for (size_t i = 0; i < N; i++)
                samples[i] = (struct capacity_sample){
                        .subtasks = 1,
                        .rate = 1000 * exp(gsl_ran_gaussian(rng, .2)),
                        .weight = 1,
                        .episode = i,
                };
        assert_true(fit_capacity(samples, N, &fit, &err));
        assert_near(fit.residual_sd, .2, .01);
        assert_near(fit.rate_error / fit.rate, .2 / sqrt(N), .02 * .2 / sqrt(N) + 2e-4);
        assert_near(fit.rate, 1000, 3 * fit.rate_error);
        for (size_t i = 0; i < N; i++)
                samples[i].episode = i / TOGETHER;
        fit = (struct capacity_fit){.rate = 500, .floor = 1, .tau = 1};
        assert_true(fit_capacity(samples, N, &fit, &err));
        assert_near(fit.rate_error / fit.rate, .2 / sqrt((double)N / TOGETHER), 1.5e-3);
}

static void too_few_samples_are_said_to_be(void **state)
{
        struct capacity_sample samples[SCALES * AGES];
        struct capacity_fit fit = {.rate = 1000, .free_sigma = true};
        struct error err = ERROR_INIT;

        (void)state;
        (void)make_samples(1000, .03, 0, 1, 1, samples);
        assert_false(fit_capacity(samples, 3, &fit, &err));
        assert_int_equal(err.code, ERROR_INCOMPLETE);
        assert_string_equal(err.message, "3 samples are too few for 2 parameters");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(samples_at_one_place_make_no_line),
                cmocka_unit_test(a_line_is_the_regression_worked_by_hand),
                cmocka_unit_test(a_line_of_what_is_never_below_zero),
                cmocka_unit_test(a_line_has_the_certified_values_of_nist),
                cmocka_unit_test(neighbours_in_a_block_count_as_one_sample),
                cmocka_unit_test(capacity_gives_back_the_law_it_was_made_of),
                cmocka_unit_test(parameters_that_are_not_free_stay),
                cmocka_unit_test(samples_that_are_far_off_hardly_count),
                cmocka_unit_test(the_error_of_a_rate_is_that_of_a_mean),
                cmocka_unit_test(too_few_samples_are_said_to_be),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
