/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Normal distribution, Cholesky factor and Gaussian process against values worked out with 50 to 6,000 digits
 * (Python's mpmath 1.4) from the formulas in the headers.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/random.h"
#include "optimizer/search/cholesky.h"
#include "optimizer/search/gp.h"
#include "optimizer/search/gp_step.h"
#include "optimizer/search/normal.h"

#define POINTS   5
#define FEATURES 3

static void assert_close(double got, double wanted, double relative)
{
        if (!(fabs(got - wanted) <= relative * fabs(wanted)))
                fail_msg("%.17g, wanted %.17g within %g of it", got, wanted, relative);
}

/* ---- the normal distribution ---- */

static void erfcx_has_twelve_digits(void **state)
{
        static const double cases[][2] = {
                {-5, 144009798674.66104},     {-1, 5.0089800807622835},    {0, 1},
                {0.5, 0.61569034419292587},   {3, 0.17900115118138995},    {10, 0.056140992743822586},
                {24.9, 0.022639987776049505}, {25.1, 0.02245987581758139}, {100, 0.0056416137829894329},
                {1e5, 5.6418958351954681e-6},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                assert_close(normal_erfcx(cases[i][0]), cases[i][1], 1e-12);
}

static void logarithms_hold_far_out(void **state)
{
        /* z, log cdf, log h */
        static const double cases[][3] = {
                {-1e7, -50000000000017.037, -50000000000033.155},
                {-1e6, -500000000014.73445, -500000000028.54996},
                {-12345.5, -76205695.464985443, -76205704.886032359},
                {-100, -5005.5242086942051, -5010.1295788002498},
                {-40, -804.60844201375379, -808.29856835661996},
                {-10, -53.231285150512471, -55.553122036122356},
                {-5.1, -15.588487091871468, -17.285185774704836},
                {-4.9, -14.551182689355311, -16.212816407897734},
                {-1.01, -1.8563130623431784, -2.5041998574802568},
                {-0.99, -1.8258103178428124, -2.4661143916690494},
                {0, -0.69314718055994531, -0.91893853320467274},
                {1, -0.17275377902344989, 0.08002621884930694},
                {5, -2.8665161296376359e-7, 1.6094379231264314},
                {10, -7.6198530241605261e-24, 2.3025850929940457},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                assert_close(normal_log_cdf(cases[i][0]), cases[i][1], 1e-11);
                assert_close(normal_log_improvement(cases[i][0]), cases[i][2], 1e-11);
        }
}

/* ---- the Cholesky factor ---- */

static double hilbert(int i, int j)
{
        return 1.0 / (i + j + 1);
}

static void factor_hilbert(struct cholesky *factor, int n)
{
        struct error err = ERROR_INIT;

        cholesky_resize(factor, n);
        for (int j = 0; j < n; j++)
                for (int i = j; i < n; i++)
                        factor->factor[i + j * factor->room] = hilbert(i, j);
        assert_true(cholesky_factor(factor, &err));
}

/* The inverse of a Hilbert matrix is whole numbers: Savage and Lukacs 1954. */
static void assert_hilbert(const struct cholesky *factor)
{
        static const double sums[] = {-6, 210, -1680, 5040, -6300, 2772};
        double right[] = {1, 1, 1, 1, 1, 1}, inverse[36];

        assert_close(cholesky_log_determinant(factor), -39.76620670609766, 1e-9);
        cholesky_solve_lower(factor, right, 1);
        cholesky_solve_upper(factor, right, 1);
        for (int i = 0; i < 6; i++)
                assert_close(right[i], sums[i], 1e-8);
        cholesky_inverse(factor, inverse);
        assert_close(inverse[0], 36, 1e-8);
        assert_close(inverse[1], -630, 1e-8);
        assert_close(inverse[35], 698544, 1e-8);
}

static void a_row_more_is_as_the_whole_factored_anew(void **state)
{
        struct cholesky whole = {0}, grown = {0};

        (void)state;
        factor_hilbert(&whole, 6);
        assert_hilbert(&whole);
        factor_hilbert(&grown, 2);
        for (int n = 2; n < 6; n++) {
                double column[6];

                for (int i = 0; i < n; i++)
                        column[i] = hilbert(i, n);
                assert_true(cholesky_append(&grown, column, hilbert(n, n), 1e-14));
        }
        assert_hilbert(&grown);
        cholesky_truncate(&grown, 1);
        assert_close(cholesky_log_determinant(&grown) + 1, 1, 1e-15);
        cholesky_free(&whole);
        cholesky_free(&grown);
}

static void a_row_that_depends_on_the_others_is_refused(void **state)
{
        static const double column[] = {1, 0.5};
        struct cholesky factor = {0};
        struct error err = ERROR_INIT;

        (void)state;
        factor_hilbert(&factor, 2);
        assert_false(cholesky_append(&factor, column, 1, 1e-10));
        assert_int_equal(factor.n, 2);
        cholesky_resize(&factor, 1);
        factor.factor[0] = -1;
        assert_false(cholesky_factor(&factor, &err));
        assert_int_equal(err.code, ERROR_NUMERIC);
        cholesky_free(&factor);
}

/* ---- the process ---- */

static const double points[POINTS][FEATURES] = {
        {0.1, 0.9, 0}, {0.4, 0.2, 1}, {0.75, 0.5, 2}, {0.9, 0.05, 1}, {0.3, 0.65, 0},
};
static const double targets[POINTS] = {-0.7, 0.4, 1.3, -1.1, 0.25};
static const double shares[POINTS] = {1, 0.5, 1, 1, 0.25};
static const double theta[] = {0.3, -4, -0.5, -0.6, 0.1, 0.2};
static const struct gp_prior priors[] = {{0, 1, -5, 4},       {-7, 1.5, -16, 0},   {-1, 1.5, -7, 4},
                                         {-0.69, 1, -3, 3.5}, {-0.69, 1, -3, 3.5}, {-0.69, 1, -3, 3.5}};

static struct gp *process(int n)
{
        static const bool category[FEATURES] = {false, false, true};
        struct gp *gp = gp_new(FEATURES, category);

        memcpy(gp->theta, theta, sizeof theta);
        memcpy(gp->prior, priors, sizeof priors);
        for (int i = 0; i < n; i++)
                gp_add(gp, points[i], targets[i], shares[i]);
        return gp;
}

static void assert_posterior(const struct gp *gp)
{
        static const double cases[][5] = {
                {0.5, 0.5, 1, 0.26184534772017985, 0.23043652900358835},
                {0.1, 0.9, 0, -0.65615452619926013, 0.01750172092854323},
                {0.95, 0.95, 2, 0.89724401352983691, 0.63367558788614234},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                double mean, variance;

                gp_predict(gp, cases[i], 1, &mean, &variance);
                assert_close(mean, cases[i][3], 1e-9);
                assert_close(variance, cases[i][4], 1e-9);
        }
}

static void posterior_is_the_closed_form(void **state)
{
        autocall(gp_free) struct gp *gp = process(POINTS);
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(gp_condition(gp, &err));
        assert_posterior(gp);
        assert_close(gp_evidence(gp), 8.2241904063269329, 1e-9);
}

static void points_may_come_one_by_one(void **state)
{
        autocall(gp_free) struct gp *gp = process(2);
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(gp_condition(gp, &err));
        for (int i = 2; i < POINTS; i++)
                assert_true(gp_append(gp, points[i], targets[i], shares[i], &err));
        assert_posterior(gp);
        assert_true(gp_append(gp, points[0], 3, 1, &err));
        gp_truncate(gp, POINTS);
        assert_posterior(gp);
}

/* The analytic gradient beside central differences, at other parameters. */
static void gradient_of_the_fit_is_its_differences(void **state)
{
        static const double step = 1e-5;
        autocall(gp_free) struct gp *gp = process(POINTS);
        double gradient[GP_MAX_PARAMETERS], at[] = {-0.5, -2.5, 0.4, 0.3, -1, 0.6};

        (void)state;
        gp_objective(gp, at, gradient);
        for (size_t p = 0; p < ARRAY_LENGTH(at); p++) {
                double centre = at[p], above, below;

                at[p] = centre + step;
                above = gp_objective(gp, at, NULL);
                at[p] = centre - step;
                below = gp_objective(gp, at, NULL);
                at[p] = centre;
                assert_close(gradient[p], (above - below) / (2 * step), 1e-6);
        }
}

static void gradient_of_the_fit_is_the_derivative(void **state)
{
        static const double wanted[] = {-0.657227276437058, 1.27214709608762, 0.374732232028707,
                                        1.87480750101741,   1.4529287611988,  0.93325495835444};
        autocall(gp_free) struct gp *gp = process(POINTS);
        double gradient[GP_MAX_PARAMETERS];

        (void)state;
        assert_close(gp_objective(gp, theta, gradient), 11.036895961882488, 1e-9);
        for (size_t p = 0; p < ARRAY_LENGTH(wanted); p++)
                assert_close(gradient[p], wanted[p], 1e-9);
}

static void a_fit_ends_where_the_gradient_does(void **state)
{
        autocall(gp_free) struct gp *gp = process(POINTS);
        struct error err = ERROR_INIT;
        double gradient[GP_MAX_PARAMETERS];

        (void)state;
        assert_true(gp_fit(gp, 2, 100, &err));
        assert_true(gp_objective(gp, gp->theta, gradient) < 11.036895961882488);
        for (int p = 0; p < GP_LENGTH + FEATURES; p++)
                assert_true(fabs(gradient[p]) < 0.02);
}

static void equal_points_do_not_break_it(void **state)
{
        autocall(gp_free) struct gp *gp = process(POINTS);
        struct error err = ERROR_INIT;
        double mean, variance;

        (void)state;
        gp->theta[GP_NOISE] = -16;
        for (int i = 0; i < 40; i++)
                gp_add(gp, points[i % POINTS], targets[i % POINTS], 1);
        assert_true(gp_fit(gp, 1, 50, &err));
        gp_predict(gp, points[3], 1, &mean, &variance);
        assert_true(fabs(mean - targets[3]) < 0.05 && variance >= 0);
}

/* ---- a step ---- */

static const double step_x[] = {0.1, 0.3, 0.55, 0.6, 0.9};

/* Five points in one number, values high below 0.4. Caller frees. */
static struct gp *stepped(const struct gp_step *step)
{
        static const double y[] = {1.1, 0.9, -0.6, -0.8, -0.5};
        static const bool number[] = {false};
        struct gp *gp = gp_new(1, number);
        struct error err = ERROR_INIT;

        gp->theta[GP_VARIANCE] = -1;
        gp->theta[GP_NOISE] = -4;
        gp->theta[GP_SLOPE] = -2;
        gp->theta[GP_LENGTH] = -0.5;
        gp->step = *step;
        for (int i = 0; i < 5; i++)
                gp_add(gp, &step_x[i], y[i], 1);
        assert_true(gp_condition(gp, &err));
        return gp;
}

static void a_step_parts_the_values(void **state)
{
        static const struct gp_step step = {0, 0.4, 2};
        static const double wanted[][3] = {{0.35, 0.86941185344991611, 0.021473514703554446},
                                           {0.45, -0.6295727045359184, 0.026120186914805146}};
        autocall(gp_free) struct gp *with = stepped(&step), *without = stepped(&gp_no_step);

        (void)state;
        assert_close(gp_evidence(with), 2.9922120167899441, 1e-9);
        assert_close(gp_evidence(without), 11.155923899009586, 1e-9);
        for (int i = 0; i < 2; i++) {
                double mean, variance;

                gp_predict(with, &wanted[i][0], 1, &mean, &variance);
                assert_close(mean, wanted[i][1], 1e-9);
                assert_close(variance, wanted[i][2], 1e-9);
        }
}

static void every_place_of_a_step_is_weighed(void **state)
{
        static const double gains[] = {-1.3478346502895163, 8.1637118822196417, -1.2898073566269793,
                                       0.44753916046940186};
        autocall(gp_free) struct gp *gp = stepped(&gp_no_step);
        struct gp_step_place places[5];

        (void)state;
        assert_int_equal(gp_step_places(gp, places), 4);
        for (int i = 0; i < 4; i++) {
                assert_int_equal(places[i].feature, 0);
                assert_float_equal(places[i].low, step_x[i], 0);
                assert_float_equal(places[i].high, step_x[i + 1], 0);
                assert_close(places[i].gain, gains[i], 1e-9);
        }
}

/* By the gains above and the width of each place (1 for none) the one from 0.3 to 0.55 has 99.8 of 100. */
static void a_step_is_drawn_where_it_is_likely(void **state)
{
        autocall(gp_free) struct gp *gp = stepped(&gp_no_step);
        autocall(gsl_rng_free) gsl_rng *rng = random_new(1, 0, 0);
        struct error err = ERROR_INIT;
        int there = 0;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                assert_true(gp_step_draw(gp, rng, &err));
                there += gp->step.feature == 0 && gp->step.at >= 0.3 && gp->step.at <= 0.55;
        }
        assert_in_range(there, 985, 1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(erfcx_has_twelve_digits),
                cmocka_unit_test(logarithms_hold_far_out),
                cmocka_unit_test(a_row_more_is_as_the_whole_factored_anew),
                cmocka_unit_test(a_row_that_depends_on_the_others_is_refused),
                cmocka_unit_test(posterior_is_the_closed_form),
                cmocka_unit_test(points_may_come_one_by_one),
                cmocka_unit_test(gradient_of_the_fit_is_the_derivative),
                cmocka_unit_test(gradient_of_the_fit_is_its_differences),
                cmocka_unit_test(a_fit_ends_where_the_gradient_does),
                cmocka_unit_test(equal_points_do_not_break_it),
                cmocka_unit_test(a_step_parts_the_values),
                cmocka_unit_test(every_place_of_a_step_is_weighed),
                cmocka_unit_test(a_step_is_drawn_where_it_is_likely),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
