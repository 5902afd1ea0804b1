/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two values that are both to be small: what dominates what, areas, what a point is expected to add to them,
 * and searches for fronts that are known. */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"
#include "optimizer/search/internal.h"

#define ORDER  24  /* of Gauss and Legendre's rule on each panel */
#define LEAST  -12 /* below lies what nothing comes to */
#define TRIALS 35
#define SEEDS  2

/* Measured by hand: a staircase of three steps below (5, 5). */
static const struct pareto_point stairs[] = {{{1, 4}, 0}, {{2, 2}, 1}, {{4, 1}, 2}};
static const double corner[] = {5, 5};

static void a_front_is_what_nothing_beats(void **state)
{
        struct pareto_point points[] = {{{4, 1}, 0}, {{2, 3}, 1}, {{2, 2}, 2}, {{5, 5}, 3},
                                        {{1, 4}, 4}, {{2, 2}, 5}, {{4, 2}, 6}};
        static const int expected[] = {4, 2, 0};

        (void)state;
        assert_int_equal(pareto_front(points, ARRAY_LENGTH(points)), 3);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(points[i].of, expected[i]);
                assert_true(points[i].y[0] == stairs[i].y[0] && points[i].y[1] == stairs[i].y[1]);
        }
        assert_int_equal(pareto_front(points, 0), 0);
        assert_true(pareto_dominates(&stairs[1], &(struct pareto_point){{2, 3}, 0}));
        assert_false(pareto_dominates(&stairs[1], &stairs[1]));
        assert_false(pareto_dominates(&stairs[0], &stairs[1]));
}

/* 4 x 1 of the first, 3 x 2 more of the second, 1 x 1 more of the third. */
static void areas_are_those_of_stairs(void **state)
{
        static const struct pareto_point beyond = {{6, 1}, 0};

        (void)state;
        assert_true(pareto_hypervolume(stairs, 3, corner) == 11);
        assert_true(pareto_hypervolume(stairs, 2, corner) == 10);
        assert_true(pareto_hypervolume(stairs + 1, 1, corner) == 9);
        assert_true(pareto_hypervolume(stairs, 0, corner) == 0);
        assert_true(pareto_hypervolume(&beyond, 1, corner) == 0);
        /* the corner cuts the ends off: 2 x 1 of the second alone */
        assert_true(pareto_hypervolume(stairs, 3, (const double[]){4, 3}) == 2);
}

/* ---- what is expected ---- */

static double density(const struct pareto_belief *of, double y)
{
        return of->log ? gsl_ran_lognormal_pdf(y, of->mean, of->sd)
                       : gsl_ran_gaussian_pdf(y - of->mean, of->sd);
}

/* Area that (a, b) adds to the stairs, by unit squares: each counts as far as it lies beyond (a, b), unless a
 * step dominates it. All steps lie on whole numbers. */
static double area_added(double a, double b)
{
        double sum = 0;

        for (int i = (int)floor(a); i < corner[0]; i++)
                for (int k = (int)floor(b); k < corner[1]; k++) {
                        bool there = false;

                        for (size_t s = 0; s < ARRAY_LENGTH(stairs); s++)
                                there |= stairs[s].y[0] <= i && stairs[s].y[1] <= k;
                        if (!there)
                                sum += fmax(i + 1 - fmax(a, i), 0) * fmax(k + 1 - fmax(b, k), 0);
                }
        return sum;
}

/* The same in expectation: the rule of Gauss and Legendre on panels of one unit, within which the area is
 * bilinear in the values. */
static double expected_by_quadrature(const struct pareto_belief *belief)
{
        gsl_integration_glfixed_table *rule = gsl_integration_glfixed_table_alloc(ORDER);
        double sum = 0;

        for (int i = belief[0].log ? 0 : LEAST; i < corner[0]; i++)
                for (int k = belief[1].log ? 0 : LEAST; k < corner[1]; k++)
                        for (size_t m = 0; m < ORDER; m++)
                                for (size_t n = 0; n < ORDER; n++) {
                                        double a, b, weight_a, weight_b;

                                        gsl_integration_glfixed_point(i, i + 1, m, &a, &weight_a, rule);
                                        gsl_integration_glfixed_point(k, k + 1, n, &b, &weight_b, rule);
                                        sum += weight_a * weight_b * density(&belief[0], a) *
                                               density(&belief[1], b) * area_added(a, b);
                                }
        gsl_integration_glfixed_table_free(rule);
        return sum;
}

static void what_is_expected_agrees_with_quadrature(void **state)
{
        static const struct pareto_belief cases[][PARETO_OBJECTIVES] = {
                {{false, 1.5, 1}, {false, 1.5, 1}},   {{false, 3, 0.3}, {false, 0.5, 2}},
                {{false, 0, 0.5}, {false, 4.5, 0.7}}, {{false, 7, 1}, {false, 6, 1.5}},
                {{true, 0.5, 0.4}, {true, 0.9, 0.5}}, {{true, 1, 0.6}, {false, 2, 1}},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                double expected = expected_by_quadrature(cases[i]),
                       found = exp(pareto_log_improvement(stairs, 3, corner, cases[i]));

                if (!(fabs(found - expected) < 1e-6 * expected))
                        fail_msg("case %zu: %.12g, quadrature has %.12g", i, found, expected);
        }
}

/* Without a front: the product of two expected improvements, sd (z Phi(z) + phi(z)). A value that is certain
 * adds what it adds. */
static void closed_forms_hold(void **state)
{
        static const struct pareto_belief even[] = {{false, 5, 1}, {false, 5, 2}},
                                          sure[] = {{false, 1.5, 1e-9}, {true, 0, 1e-9}};

        (void)state;
        /* z = 0 in both: phi(0)^2 x 1 x 2 */
        assert_float_equal(exp(pareto_log_improvement(NULL, 0, corner, even)), 2 / (2 * M_PI), 1e-12);
        /* (1.5, 1): below the first step's top 0.5 x 3, then 2 x 1; the third step's ceiling is 1 */
        assert_float_equal(exp(pareto_log_improvement(stairs, 3, corner, sure)), 3.5, 1e-6);
}

/* Where nothing is to be hoped for what is nearer is still told from what is further off. */
static void hopeless_points_are_told_apart(void **state)
{
        double before = INFINITY;

        (void)state;
        for (double off = 10; off < 1e4; off *= 2)
                for (int log = 0; log < 2; log++) {
                        const struct pareto_belief belief[] = {{log, off, 0.5}, {false, off, 0.5}};
                        double found = pareto_log_improvement(stairs, 3, corner, belief);

                        assert_true(isfinite(found));
                        if (log)
                                continue;
                        assert_true(found < before);
                        before = found;
                }
}

/* ---- fronts that are known ---- */

/* Schaffer 1985: (x^2, (x - 2)^2), whose front is y2 = (sqrt(y1) - 2)^2 for y1 in [0, 4]. Below (4, 4) it
 * dominates 16 - integral of (sqrt(t) - 2)^2 from 0 to 4 = 16 - 8/3. */
static void schaffer(const double *x, double *y)
{
        y[0] = x[0] * x[0];
        y[1] = (x[0] - 2) * (x[0] - 2);
}

/* ZDT1 (Zitzler, Deb, Thiele 2000) of three variables: the front is y2 = 1 - sqrt(y1). Below (1, 1) it
 * dominates 2/3. */
static void zdt1(const double *x, double *y)
{
        double g = 1 + 9 * (x[1] + x[2]) / 2;

        y[0] = x[0];
        y[1] = g * (1 - sqrt(x[0] / g));
}

struct problem {
        const char *name;
        void (*values)(const double *x, double *y);
        int n;
        double low, high;
        double reference[PARETO_OBJECTIVES], area;
        double least; /* share of the area that any seed finds, with room: arithmetic differs between machines
                       */
};

static const struct problem problems[] = {
        {"Schaffer", schaffer, 1, -10, 10, {4, 4}, 16 - 8.0 / 3, 0.95},
        {"ZDT1", zdt1, 3, 0, 1, {1, 1}, 2.0 / 3, 0.25},
};

static struct search *start(const struct problem *problem, uint64_t seed)
{
        struct search_space *space = memory_new(1, sizeof *space);
        const struct search_options options = {.seed = seed, .budget = TRIALS, .price = -1, .pareto = true};

        for (space->n = 0; space->n < problem->n; space->n++)
                space->parameters[space->n] =
                        (struct search_parameter){.name = memory_format("x%d", space->n),
                                                  .type = SEARCH_FLOAT,
                                                  .low = problem->low,
                                                  .high = problem->high,
                                                  .when = -1};
        return search_new(space, &options);
}

static void tell(struct search *search, int64_t id, enum search_status status, const double *y)
{
        const struct search_outcome outcome = {.id = id, .status = status, .y = y[0], .second = y[1]};
        struct error err = ERROR_INIT;

        if (!search_tell(search, &outcome, &err))
                fail_msg("%s", err.message);
}

static struct search_suggestion ask(struct search *search)
{
        struct search_suggestion suggestion;
        struct error err = ERROR_INIT;

        assert_true(search_ask(search, &suggestion, &err));
        return suggestion;
}

/* Pairs of 1 to 16 workers and 0 to 9 of what only wastes: the front is what wastes nothing. Twelve workers
 * are all that may be had, none of even number runs with 9, and two trials are out at a time. */
static void a_listed_front_is_found_in_a_third_of_the_points(void **state)
{
        struct search_space *space = memory_new(1, sizeof *space);
        const struct search_options options = {.seed = 1, .price = -1, .pareto = true};
        autocall(search_free) struct search *search = NULL;
        struct error err = ERROR_INIT;
        int found = 0, index;

        (void)state;
        space->n = 2;
        space->parameters[0] =
                (struct search_parameter){memory_copy_text("workers"), SEARCH_INTEGER, 1, 16, 1, .when = -1};
        space->parameters[1] =
                (struct search_parameter){memory_copy_text("waste"), SEARCH_INTEGER, 0, 9, 1, .when = -1};
        search = search_new(space, &options);
        assert_true(search_constraint(search, "workers", &index, &err));
        for (int t = 0; t < 27; t++) {
                const struct search_suggestion two[] = {ask(search), ask(search)};

                for (int i = 0; i < 2; i++) {
                        double workers = two[i].point[0], waste = two[i].point[1];
                        struct search_outcome outcome = {.id = two[i].id,
                                                         .status = SEARCH_OK,
                                                         .y = workers * (1 + waste),
                                                         .second = 12 / workers + waste,
                                                         .constraints = {workers - 12}};

                        if (waste == 9 && fmod(workers, 2) == 0)
                                outcome.status = SEARCH_FAILED;
                        assert_true(search_tell(search, &outcome, &err));
                        found += waste == 0 && workers <= 12;
                }
        }
        assert_true(found >= 9); /* of 12 */
}

static void a_second_value_has_to_be_told(void **state)
{
        autocall(search_free) struct search *search = start(&problems[0], 1);
        struct search_outcome outcome = {.id = ask(search).id, .status = SEARCH_OK, .y = 1, .second = NAN};
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(search_tell(search, &outcome, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        /* one that was stopped may have none, nor one that failed */
        outcome.status = SEARCH_CENSORED;
        assert_true(search_tell(search, &outcome, &err));
        outcome = (struct search_outcome){.id = ask(search).id,
                                          .status = SEARCH_FAILED,
                                          .y = NAN,
                                          .second = NAN};
        assert_true(search_tell(search, &outcome, &err));
        for (int t = 0; t < 6; t++)
                tell(search, ask(search).id, SEARCH_OK, (const double[]){1 + t, 7 - t});
        assert_true(ask(search).predicted);
}

static double area_of(struct pareto_point *points, int count, const struct problem *problem)
{
        return pareto_hypervolume(points, pareto_front(points, count), problem->reference) / problem->area;
}

static double searched(const struct problem *problem, uint64_t seed)
{
        autocall(search_free) struct search *search = start(problem, seed);
        struct pareto_point points[TRIALS];

        for (int t = 0; t < TRIALS; t++) {
                struct search_suggestion next = ask(search);

                problem->values(next.point, points[t].y);
                points[t].of = t;
                tell(search, next.id, SEARCH_OK, points[t].y);
                assert_true(isnan(next.improvement) && isnan(next.left) && !next.stop);
        }
        return area_of(points, TRIALS, problem);
}

static double drawn(const struct problem *problem, uint64_t seed)
{
        gsl_rng *rng = random_new(seed, 0, 1);
        struct pareto_point points[TRIALS];
        double x[3];

        for (int t = 0; t < TRIALS; t++) {
                for (int i = 0; i < problem->n; i++)
                        x[i] = problem->low + (problem->high - problem->low) * gsl_rng_uniform(rng);
                problem->values(x, points[t].y);
                points[t].of = t;
        }
        gsl_rng_free(rng);
        return area_of(points, TRIALS, problem);
}

static void known_fronts_are_found(void **state)
{
        (void)state;
        for (size_t p = 0; p < ARRAY_LENGTH(problems); p++)
                for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                        double ours = searched(&problems[p], seed), random = drawn(&problems[p], seed);

                        if (!(ours > random && ours > problems[p].least && ours <= 1))
                                fail_msg("%s, seed %d: %.4f of the area", problems[p].name, (int)seed, ours);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_front_is_what_nothing_beats),
                cmocka_unit_test(areas_are_those_of_stairs),
                cmocka_unit_test(what_is_expected_agrees_with_quadrature),
                cmocka_unit_test(closed_forms_hold),
                cmocka_unit_test(hopeless_points_are_told_apart),
                cmocka_unit_test(a_listed_front_is_found_in_a_third_of_the_points),
                cmocka_unit_test(a_second_value_has_to_be_told),
                cmocka_unit_test(known_fronts_are_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
