/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "optimizer/past_errors.h"

#define PRIOR_SD 0.03

/* Hyndman and Fan (1996), definition 6: order statistic q (n + 1), between neighbours. */
static double by_sorting(double *value, int count, double q)
{
        double place = fmin(fmax(q * (count + 1) - 1, 0), count - 1);
        int at = (int)place;

        for (int i = 1; i < count; i++)
                for (int j = i; j > 0 && value[j] < value[j - 1]; j--) {
                        double other = value[j];

                        value[j] = value[j - 1];
                        value[j - 1] = other;
                }
        return at == count - 1 ? value[at] : value[at] + (place - at) * (value[at + 1] - value[at]);
}

/* The quantiles of the normal distribution: 0.6745 standard deviations for q = 3/4. */
static void without_evidence_there_is_the_prior(void **state)
{
        struct past_errors errors;

        (void)state;
        past_errors_init(&errors, PRIOR_SD);
        assert_float_equal(past_errors_quantile(&errors, 0.5), 0, 1e-6);
        assert_float_equal(past_errors_quantile(&errors, 0.75), 0.6745 * PRIOR_SD, 0.1 * PRIOR_SD);
        assert_float_equal(past_errors_quantile(&errors, 0.25), -0.6745 * PRIOR_SD, 0.1 * PRIOR_SD);
        assert_true(past_errors_quantile(&errors, 0.999) > 1.5 * PRIOR_SD);
        past_errors_free(&errors);
}

/* Quarters: a float holds them to the last digit. */
static double value_of(int i)
{
        return (double)(i * 37 % 101) / 4;
}

static void the_newest_count_and_the_prior_is_pushed_out(void **state)
{
        struct past_errors errors;
        double newest[PAST_ERRORS_MAX];

        (void)state;
        past_errors_init(&errors, PRIOR_SD);
        for (int i = 0; i < 1000; i++) {
                past_errors_add(&errors, value_of(i));
                if (i < PAST_ERRORS_MAX)
                        continue;
                for (int k = 0; k < PAST_ERRORS_MAX; k++)
                        newest[k] = value_of(i - k);
                for (int q = 1; q < 10; q += 4)
                        assert_float_equal(past_errors_quantile(&errors, q / 10.0),
                                           by_sorting(newest, PAST_ERRORS_MAX, q / 10.0), 1e-12);
        }
        past_errors_free(&errors);
}

static void the_newest_can_be_taken_back_but_not_the_prior(void **state)
{
        struct past_errors errors;
        double before;

        (void)state;
        past_errors_init(&errors, PRIOR_SD);
        for (int i = 0; i < 40; i++)
                past_errors_add(&errors, value_of(i));
        before = past_errors_quantile(&errors, 0.9);
        past_errors_add(&errors, 1000);
        past_errors_add(&errors, -1000);
        past_errors_forget_newest(&errors);
        past_errors_forget_newest(&errors);
        assert_true(past_errors_quantile(&errors, 0.9) == before);
        for (int i = 0; i < 100; i++)
                past_errors_forget_newest(&errors);
        assert_int_equal(errors.count, PAST_ERRORS_PRIOR);
        assert_float_equal(past_errors_quantile(&errors, 0.5), 0, 1e-6);
        past_errors_free(&errors);
}

static void what_a_float_cannot_hold_is_the_largest_there_is(void **state)
{
        struct past_errors errors;

        (void)state;
        past_errors_init(&errors, PRIOR_SD);
        for (int i = 0; i < PAST_ERRORS_MAX; i++)
                past_errors_add(&errors, i % 2 ? 1e300 : -1e300);
        assert_true(isfinite(past_errors_quantile(&errors, 0.5)));
        assert_true(past_errors_quantile(&errors, 0.9) > 1e38);
        past_errors_free(&errors);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_evidence_there_is_the_prior),
                cmocka_unit_test(the_newest_count_and_the_prior_is_pushed_out),
                cmocka_unit_test(the_newest_can_be_taken_back_but_not_the_prior),
                cmocka_unit_test(what_a_float_cannot_hold_is_the_largest_there_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
