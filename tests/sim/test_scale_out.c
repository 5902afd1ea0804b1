/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Run time against size: forms that made the runs are found again, bounds by hand, intervals by Student's
 * table.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/memory.h"
#include "sim/scale_out.h"

static struct scale_out fit(const struct scale_out_run *runs, size_t count)
{
        struct scale_out model = {0};
        struct error err = ERROR_INIT;

        if (!scale_out_fit(runs, count, &model, &err))
                fail_msg("%s", err.message);
        return model;
}

static double ernest(double n)
{
        return 10 + 300 / n + 2 * log(n) + 0.25 * n;
}

static void ernests_form(void **state)
{
        struct scale_out_run runs[7];
        struct scale_out model;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(runs); i++)
                runs[i] = (struct scale_out_run){(double)(1 << i), ernest(1 << i)};
        model = fit(runs, ARRAY_LENGTH(runs));
        assert_int_equal(model.sizes, 7);
        assert_float_equal(scale_out_predict_form(&model, SCALE_OUT_ERNEST, 100), ernest(100), 1e-6);
        assert_float_equal(scale_out_predict(&model, 12).seconds, ernest(12), 1e-3);
        assert_float_equal(scale_out_predict(&model, 200).seconds, ernest(200), 1e-3);
}

/* Four times the work of a machine takes it sixteen times as long: the first form cannot follow. */
static void work_that_does_not_fit(void **state)
{
        static const double sizes[] = {2, 4, 6, 8, 12};
        struct scale_out_run runs[ARRAY_LENGTH(sizes)];
        struct scale_out model;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
                runs[i] = (struct scale_out_run){sizes[i], 40 + 400 / (sizes[i] * sizes[i])};
        model = fit(runs, ARRAY_LENGTH(runs));
        assert_float_equal(scale_out_predict(&model, 1).seconds, 440, 0.5);
        assert_true(scale_out_predict_form(&model, SCALE_OUT_ERNEST, 1) < 330);
        assert_true(model.weights[SCALE_OUT_ERNEST] < 1e-3);
}

/*
 * 10 s on one machine, 2 s on two: a + b/n through both would need a = -6. What is left of Ernest's form is
 * b/n, and the b of the least relative squares (b/10 - 1)^2 + (b/4 - 1)^2 is .35/.0725; that of
 * (e/10 - 1)^2 + (e/8 - 1)^2 is .225/.025625.
 */
static void no_coefficient_below_zero(void **state)
{
        static const struct scale_out_run runs[] = {{1, 10}, {2, 2}};
        struct scale_out model = fit(runs, 2);

        (void)state;
        assert_float_equal(model.coefficients[SCALE_OUT_ERNEST][1], .35 / .0725, 1e-9);
        assert_float_equal(scale_out_predict_form(&model, SCALE_OUT_ERNEST, 4), .35 / .0725 / 4, 1e-9);
        assert_float_equal(model.coefficients[SCALE_OUT_SQUARE_ALONE][4], .225 / .025625, 1e-9);
        for (size_t form = 0; form < SCALE_OUT_FORMS; form++)
                assert_float_equal(model.weights[form], 1.0 / 3, 1e-12);
}

/* Of runs at a size the median counts, and their scatter widens the interval: 98, 100 and 102 % are a
 * standard deviation of 2 %, and t(.95) of one degree of freedom is 6.3138. */
static void repeats(void **state)
{
        static const struct scale_out_run runs[] = {{4, 102}, {2, 204}, {4, 98},
                                                    {2, 196}, {2, 200}, {4, 100}};
        struct scale_out model = fit(runs, ARRAY_LENGTH(runs));
        struct scale_out_guess guess = scale_out_predict(&model, 4);

        (void)state;
        assert_float_equal(model.noise, 0.02, 1e-12);
        assert_int_equal(model.sizes, 2);
        assert_float_equal(guess.seconds, 100, 1e-6);
        assert_float_equal(guess.high / guess.seconds - 1, 6.3138 * 0.02, 1e-4);
        /* Forms that agree at both sizes part beyond them. */
        guess = scale_out_predict(&model, 16);
        assert_true(guess.high / guess.seconds - 1 > 6.3138 * 0.1);
        assert_true(guess.low >= 0);
}

static void refused(const struct scale_out_run *runs, size_t count, enum error_code code)
{
        struct scale_out model = {.sizes = 77};
        struct error err = ERROR_INIT;

        assert_false(scale_out_fit(runs, count, &model, &err));
        assert_int_equal(err.code, code);
        assert_int_equal(model.sizes, 77);
}

static void what_cannot_be_fitted(void **state)
{
        struct scale_out_run many[SCALE_OUT_MAX_SIZES + 1];

        (void)state;
        refused(NULL, 0, ERROR_INCOMPLETE);
        refused((struct scale_out_run[]){{4, 10}, {4, 11}}, 2, ERROR_INCOMPLETE);
        refused((struct scale_out_run[]){{0, 10}, {4, 11}}, 2, ERROR_INPUT);
        refused((struct scale_out_run[]){{2, NAN}, {4, 11}}, 2, ERROR_INPUT);
        refused((struct scale_out_run[]){{2, 0}, {4, 11}}, 2, ERROR_INPUT);
        refused((struct scale_out_run[]){{INFINITY, 1}, {4, 11}}, 2, ERROR_INPUT);
        for (size_t i = 0; i < ARRAY_LENGTH(many); i++)
                many[i] = (struct scale_out_run){(double)i + 1, 1};
        refused(many, ARRAY_LENGTH(many), ERROR_INPUT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ernests_form),
                cmocka_unit_test(work_that_does_not_fit),
                cmocka_unit_test(no_coefficient_below_zero),
                cmocka_unit_test(repeats),
                cmocka_unit_test(what_cannot_be_fitted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
