/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much parameters matter: expected values are the Sobol indices of functions whose variances are known.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "optimizer/search/effects.h"

static struct search *new_search(int candidates)
{
        static const struct search_options options = {.seed = 1, .price = -1};
        struct search_space *space = memory_new(1, sizeof *space);

        space->n = 2;
        for (int i = 0; i < 2; i++)
                space->parameters[i] = (struct search_parameter){.name = memory_copy_text(i ? "b" : "a"),
                                                                 .type = SEARCH_FLOAT,
                                                                 .low = 0,
                                                                 .high = 1,
                                                                 .when = -1};
        space->n_candidates = candidates * candidates;
        if (candidates > 0)
                space->candidates = memory_new((size_t)space->n_candidates * 2, sizeof(double));
        for (int r = 0; r < space->n_candidates; r++) {
                space->candidates[(size_t)r * 2] = (double)(r % candidates) / (candidates - 1);
                space->candidates[(size_t)r * 2 + 1] = (double)(r / candidates) / (candidates - 1);
        }
        return search_new(space, &options);
}

/* -2 + a + 2 b, on a grid of 5 x 5: variances 1/12 and 4/12 over the unit square, no interaction. */
static double plane(double a, double b)
{
        return a + 2 * b - 2;
}

static void tell_grid(struct search *search)
{
        struct error err = ERROR_INIT;

        for (int i = 0; i < 25; i++) {
                const double point[] = {i % 5 / 4.0, i / 5 / 4.0};
                const struct search_outcome outcome = {.point = point,
                                                       .status = SEARCH_OK,
                                                       .y = plane(point[0], point[1])};

                if (!search_tell(search, &outcome, &err))
                        fail_msg("%s", err.message);
        }
}

static void assert_near(double value, double expected, double within)
{
        if (!(fabs(value - expected) <= within))
                fail_msg("%.6f is not within %g of %.6f", value, within, expected);
}

static void test_shares_of_a_plane(void **state)
{
        static const double through[] = {0.3, 0.7};
        autocall(search_free) struct search *search = new_search(0);
        struct search_effect effects[2];
        struct error err = ERROR_INIT;

        (void)state;
        tell_grid(search);
        assert_true(search_effects(search, through, effects, &err));
        /* 1,024 pairs estimate them to some hundredths. */
        assert_near(effects[0].importance, 0.2, 0.05);
        assert_near(effects[1].importance, 0.8, 0.1);
        for (int i = 0; i < effects[0].count; i++) {
                assert_near(effects[0].mean[i], plane(effects[0].value[i], 0.7), 0.02);
                assert_true(effects[0].low[i] <= effects[0].mean[i] &&
                            effects[0].mean[i] <= effects[0].high[i]);
                assert_true(i == 0 || effects[0].value[i] > effects[0].value[i - 1]);
        }
        assert_int_equal(effects[0].count, SEARCH_SLICE_MOST);
        assert_near(effects[0].value[0], 0, 0);
        assert_near(effects[0].value[SEARCH_SLICE_MOST - 1], 1, 0);
}

/* Over the grid itself a has half the slope of b: a fifth of the variance; the mean at a value is the plane's
 * at the middle of the other parameter. */
static void test_shares_of_a_table(void **state)
{
        static const double through[] = {0, 0};
        autocall(search_free) struct search *search = new_search(5);
        struct search_effect effects[2];
        struct error err = ERROR_INIT;

        (void)state;
        tell_grid(search);
        assert_true(search_effects(search, through, effects, &err));
        assert_near(effects[0].importance, 0.2, 0.01);
        assert_near(effects[1].importance, 0.8, 0.01);
        assert_int_equal(effects[0].count, 5);
        for (int i = 0; i < 5; i++)
                assert_near(effects[0].mean[i], plane(i / 4.0, 0.5), 0.02);
}

static void test_a_band_about_what_was_seen(void **state)
{
        static const double points[] = {0, 0, 0.5, 0.5};
        autocall(search_free) struct search *search = new_search(0);
        double mean[2], low[2], high[2];
        struct error err = ERROR_INIT;

        (void)state;
        tell_grid(search);
        assert_true(search_bands(search, points, 2, mean, low, high, &err));
        for (int i = 0; i < 2; i++) {
                double y = plane(points[2 * i], points[2 * i + 1]);

                assert_true(fabs(mean[i] - y) < 0.1 && low[i] < mean[i] && mean[i] < high[i]);
                assert_true(low[i] < y && y < high[i] && high[i] - low[i] < 0.5);
        }
}

/* A search that was told the same says it of what it proposes. */
static void test_what_is_expected_is_what_a_proposal_says(void **state)
{
        autocall(search_free) struct search *search = new_search(0), *other = new_search(0);
        struct search_suggestion proposed;
        struct search_expectation expected;
        struct error err = ERROR_INIT;

        (void)state;
        tell_grid(search);
        tell_grid(other);
        assert_true(search_ask(other, &proposed, &err) && proposed.predicted);
        assert_true(search_expect(search, proposed.point, 1, &expected, &err));
        assert_near(expected.mean, proposed.mean, 1e-9);
        assert_near(expected.sd, proposed.sd, 1e-9);
        assert_near(expected.feasible, proposed.feasible, 1e-9);
}

/* What a table knows of its rows is not known of anything else. */
static void test_no_band_beside_the_table(void **state)
{
        static const double points[] = {0.25, 0.5, 0.3, 0.5};
        autocall(search_free) struct search *search = new_search(5);
        double mean[2], low[2], high[2];
        struct error err = ERROR_INIT;

        (void)state;
        tell_grid(search);
        assert_true(search_bands(search, points, 1, mean, low, high, &err));
        assert_false(search_bands(search, points, 2, mean, low, high, &err));
        assert_int_equal(err.code, ERROR_INPUT);
}

static void test_without_a_model_nothing_is_said(void **state)
{
        static const double through[] = {0.3, 0.7};
        autocall(search_free) struct search *search = new_search(0);
        struct search_effect effects[2];
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(search_effects(search, through, effects, &err));
        assert_int_equal(err.code, ERROR_INCOMPLETE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shares_of_a_plane),
                cmocka_unit_test(test_shares_of_a_table),
                cmocka_unit_test(test_a_band_about_what_was_seen),
                cmocka_unit_test(test_what_is_expected_is_what_a_proposal_says),
                cmocka_unit_test(test_no_band_beside_the_table),
                cmocka_unit_test(test_without_a_model_nothing_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
