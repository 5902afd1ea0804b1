/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/formulas.h"
#include "sim/latency.h"

static void assert_near(double value, double expected, double tolerance)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("%.9g, expected %.9g within %g", value, expected, tolerance);
}

static void nothing_added_has_no_quantile(void **state)
{
        struct latency_histogram histogram = {0};

        (void)state;
        assert_true(isnan(latency_quantile(&histogram, .5)));
}

/* An exponential distribution with mean 2 s: quantile q is -2 ln(1 - q). Bins are 60 to the decade, hence at
 * most 10^(1/60) - 1 = 3.9 % wide and 2 % off. */
static void quantiles_are_within_half_a_bin(void **state)
{
        static const double asked[] = {.05, .5, .9, .95, .99, .999};
        struct latency_histogram histogram = {0};

        (void)state;
        for (int i = 0; i < 100000; i++)
                latency_add(&histogram, -2 * log1p(-(i + .5) / 100000), .25);
        assert_near(histogram.total, 25000, 1e-6);
        for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
                double exact = -2 * log1p(-asked[i]);

                assert_near(latency_quantile(&histogram, asked[i]), exact, .02 * exact);
        }
}

/* Two values, 3:1 by weight. */
static void weights_are_shares_of_the_whole(void **state)
{
        struct latency_histogram histogram = {0};

        (void)state;
        latency_add(&histogram, .1, 3);
        latency_add(&histogram, 10, 1);
        assert_near(latency_quantile(&histogram, .74), .1, .004);
        assert_near(latency_quantile(&histogram, .76), 10, .4);
}

static void what_is_off_the_scale_stays_at_its_ends(void **state)
{
        struct latency_histogram histogram = {0};

        (void)state;
        latency_add(&histogram, 0, 1);
        latency_add(&histogram, -1, 1);
        assert_true(latency_quantile(&histogram, .9) <= LATENCY_LOWEST * 1.04);
        latency_add(&histogram, 1e12, 8);
        assert_near(latency_quantile(&histogram, 1), 1e6, 1); /* 1e-4 s and ten decades */
}

/* Without queues the latency is log-normal: median times exp(sd z), with z(.95) = 1.644854 and z(.99) =
 * 2.326348 from any table. */
static void an_idle_pipeline_has_its_own_latency(void **state)
{
        struct latency_scatter scatter;
        struct latency_point point;

        (void)state;
        latency_scatter(.3, &scatter);
        latency_at(.2, &scatter, NULL, 0, &point);
        assert_near(point.p50, .2, 1e-12);
        assert_near(point.p95, .2 * exp(.3 * 1.644854), 1e-6);
        assert_near(point.p99, .2 * exp(.3 * 2.326348), 1e-6);
}

/* M/M/1: P(wait > t) = rho exp(-(mu - lambda) t), so quantile q is ln(rho / (1 - q)) / (mu - lambda), and 0
 * for the share 1 - rho that does not wait. */
static void a_stage_is_a_queue_with_one_server(void **state)
{
        const struct latency_stage stage = {.arrivals_per_second = 8,
                                            .service_per_second = 10,
                                            .service_cv = 1};
        const struct latency_stage idle = {.arrivals_per_second = 4,
                                           .service_per_second = 10,
                                           .service_cv = 1};
        struct latency_scatter scatter;
        struct latency_point point;

        (void)state;
        latency_scatter(0, &scatter);
        latency_at(.2, &scatter, &stage, 1, &point);
        assert_near(point.p50, .2 + log(.8 / .5) / 2, 1e-12);
        assert_near(point.p95, .2 + log(.8 / .05) / 2, 1e-12);
        assert_near(point.p99, .2 + log(.8 / .01) / 2, 1e-12);
        latency_at(.2, &scatter, &idle, 1, &point);
        assert_near(point.p50, .2, 1e-12); /* three of five do not wait */
}

/* M/D/1 waits half as long as M/M/1 (Pollaczek-Khinchine): the mean is rho / (2 (mu - lambda)). */
static void service_without_variation_halves_the_wait(void **state)
{
        const struct latency_stage stage = {.arrivals_per_second = 8,
                                            .service_per_second = 10,
                                            .service_cv = 0};
        struct latency_scatter scatter;
        struct latency_point point;

        (void)state;
        latency_scatter(0, &scatter);
        latency_at(0, &scatter, &stage, 1, &point);
        assert_near(point.p95, log(.8 / .05) / 4, 1e-12);
}

/* Two stages at the same quantile: their waits add up. Above 99 % the queue is that at 99 %. */
static void stages_add_up_and_stay_finite(void **state)
{
        const struct latency_stage stages[] = {{8, 10, 1}, {8, 10, 1}};
        const struct latency_stage full = {12, 10, 1};
        struct latency_scatter scatter;
        struct latency_point point;

        (void)state;
        latency_scatter(0, &scatter);
        latency_at(.2, &scatter, stages, 2, &point);
        assert_near(point.p99, .2 + 2 * log(.8 / .01) / 2, 1e-12);
        latency_at(0, &scatter, &full, 1, &point);
        assert_near(point.p99, log(.99 / .01) / .1, 1e-9);
}

/* The distribution that goes into the figures: its masses make one, its quantiles are those of the operating
 * point, and its mean wait is that of M/M/1, rho / (mu - lambda), but for the thinned-out last 0.1 %. */
static void the_whole_distribution_agrees_with_its_quantiles(void **state)
{
        const struct latency_stage stage = {.arrivals_per_second = 8,
                                            .service_per_second = 10,
                                            .service_cv = 1};
        struct latency_histogram histogram = {0};
        struct latency_scatter scatter;
        double sum = 0;

        (void)state;
        for (int i = 0; i < LATENCY_POINTS; i++)
                sum += latency_masses[i];
        assert_near(sum, 1, 1e-12);
        latency_scatter(0, &scatter);
        latency_add_point(&histogram, 60, .2, &scatter, &stage, 1);
        assert_near(histogram.total, 60, 1e-9);
        assert_near(latency_quantile(&histogram, .5), .2 + log(.8 / .5) / 2, .05);
        assert_near(latency_quantile(&histogram, .95), .2 + log(.8 / .05) / 2, .15);
        assert_near(latency_quantile(&histogram, .99), .2 + log(.8 / .01) / 2, .3);
        sum = 0;
        for (int i = 0; i < LATENCY_BINS; i++)
                sum += histogram.weight[i] / 60 * LATENCY_LOWEST *
                       pow(10, (i + .5) / LATENCY_BINS_PER_DECADE);
        assert_near(sum, .2 + .8 / 2, .02);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_added_has_no_quantile),
                cmocka_unit_test(quantiles_are_within_half_a_bin),
                cmocka_unit_test(weights_are_shares_of_the_whole),
                cmocka_unit_test(what_is_off_the_scale_stays_at_its_ends),
                cmocka_unit_test(an_idle_pipeline_has_its_own_latency),
                cmocka_unit_test(a_stage_is_a_queue_with_one_server),
                cmocka_unit_test(service_without_variation_halves_the_wait),
                cmocka_unit_test(stages_add_up_and_stay_finite),
                cmocka_unit_test(the_whole_distribution_agrees_with_its_quantiles),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
