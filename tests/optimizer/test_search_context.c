/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A search whose measure depends on what is given, too: the size of the input, the hour, the day. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "optimizer/search/effects.h"
#include "optimizer/search/internal.h"

static struct search_parameter number(const char *name, enum search_type type, double low, double high,
                                      bool log)
{
        return (struct search_parameter){.name = memory_copy_text(name),
                                         .type = type,
                                         .low = low,
                                         .high = high,
                                         .step = type == SEARCH_FLOAT ? 0 : 1,
                                         .log = log,
                                         .when = -1};
}

/* 1 to 64 workers for an input of 1 to 64. */
static struct search *new_search(double most_workers, uint64_t seed)
{
        const struct search_options options = {.seed = seed, .price = -1};
        struct search_space *space = memory_new(1, sizeof *space);

        space->n = 1;
        space->parameters[0] = number("workers", SEARCH_INTEGER, 1, most_workers, true);
        space->n_context = 1;
        space->context[0] = number("input", SEARCH_FLOAT, 1, 64, true);
        return search_new(space, &options);
}

static void stand_at(struct search *search, double context)
{
        struct error err = ERROR_INIT;

        assert_true(search_set_context(search, &context, &err));
}

static struct search_suggestion ask(struct search *search)
{
        struct search_suggestion suggestion;
        struct error err = ERROR_INIT;

        assert_true(search_ask(search, &suggestion, &err));
        return suggestion;
}

/* What an input wants as many workers as it is large. */
static double cost(double workers, double input)
{
        return exp(0.1 * pow(log2(workers) - log2(input), 2)) * (1 + 0.1 * input);
}

static void tell(struct search *search, const struct search_suggestion *asked, double input, double bound)
{
        struct search_outcome outcome = {.id = asked->id,
                                         .status = SEARCH_OK,
                                         .y = cost(asked->point[0], input),
                                         .constraints = {bound}};
        struct error err = ERROR_INIT;

        assert_true(search_tell(search, &outcome, &err));
}

/* ---- what the models see ---- */

static void a_context_is_seen_on_its_own_scale(void **state)
{
        const double day[] = {23.5, 1, 6400}, other_day[] = {0.5, 1, 0.1};
        autocall(search_space_free) struct search_space *space = memory_new(1, sizeof *space);
        struct search_features features;
        const double point[] = {3};
        double x[GP_MAX_FEATURES];

        (void)state;
        space->n = 1;
        space->parameters[0] = number("a", SEARCH_FLOAT, 2, 4, false);
        space->n_context = 3;
        space->context[0] = number("hour", SEARCH_FLOAT, 0, 24, false);
        space->context[0].cyclic = true;
        space->context[1] = number("day", SEARCH_CATEGORY, 0, 1, false);
        space->context[1].n_choices = 2;
        space->context[1].choices = memory_new(2, sizeof *space->context[1].choices);
        space->context[1].choices[0] = memory_copy_text("work");
        space->context[1].choices[1] = memory_copy_text("rest");
        space->context[2] = number("input", SEARCH_FLOAT, 1, 100, true);
        search_features_init(&features, space, -1);
        assert_int_equal(features.d, 5);
        search_features_encode(&features, space, point, -1, day, x);
        assert_float_equal(x[0], 0.5, 1e-12);
        assert_float_equal(x[1], 0.5 + 0.5 * sin(2 * M_PI * 23.5 / 24), 1e-12);
        assert_float_equal(x[2], 0.5 + 0.5 * cos(2 * M_PI * 23.5 / 24), 1e-12);
        assert_true(x[3] == 1 && features.category[3]);
        /* beyond 100 by nine tenths of the range, which is ln 100; below 1 by half of it */
        assert_float_equal(x[4], log(6400) / log(100), 1e-12);
        search_features_encode(&features, space, point, -1, other_day, x);
        assert_float_equal(x[4], -0.5, 1e-12);
        /* half past eleven and half past midnight are an hour apart: the sines are */
        assert_float_equal(x[1], 0.5 + 0.5 * sin(2 * M_PI * 0.5 / 24), 1e-12);
        assert_float_equal(search_features_apart(&features, space, (const double[]){23.5, 1, 10},
                                                 (const double[]){0.5, 1, 10}),
                           sin(2 * M_PI * 0.5 / 24), 1e-12);
        assert_float_equal(search_features_apart(&features, space, (const double[]){5, 1, 10},
                                                 (const double[]){5, 0, 10}),
                           1, 0);
}

/* ---- the posterior ---- */

#define RUNS 6

/* docs of the kernel in optimizer/search/gp.h, written out for two numbers. */
static double kernel(const double *theta, const double *a, const double *b)
{
        double product = 0, square = 0, s;

        for (int k = 0; k < 2; k++) {
                product += (a[k] - 0.5) * (b[k] - 0.5);
                square += pow((a[k] - b[k]) / exp(theta[GP_LENGTH + k]), 2);
        }
        s = sqrt(5 * square);
        return 1 + exp(theta[GP_SLOPE]) * product + exp(theta[GP_VARIANCE]) * (1 + s + s * s / 3) * exp(-s);
}

/* Solves A z = b by elimination. */
static void solve(double a[RUNS][RUNS], const double *b, double *z)
{
        double work[RUNS][RUNS + 1];

        for (int i = 0; i < RUNS; i++) {
                memcpy(work[i], a[i], sizeof a[i]);
                work[i][RUNS] = b[i];
        }
        for (int p = 0; p < RUNS; p++)
                for (int i = 0; i < RUNS; i++) {
                        double factor = work[i][p] / work[p][p];

                        for (int j = p; j <= RUNS && i != p; j++)
                                work[i][j] -= factor * work[p][j];
                }
        for (int i = 0; i < RUNS; i++)
                z[i] = work[i][RUNS] / work[i][i];
}

static void posterior(const double *theta, double x[RUNS][2], const double *y, const double *at,
                      double *ret_mean, double *ret_variance)
{
        double covariance[RUNS][RUNS], cross[RUNS], weight[RUNS], gain[RUNS];

        for (int i = 0; i < RUNS; i++) {
                for (int j = 0; j < RUNS; j++)
                        covariance[i][j] = kernel(theta, x[i], x[j]) + (i == j ? exp(theta[GP_NOISE]) : 0);
                cross[i] = kernel(theta, x[i], at);
        }
        solve(covariance, y, weight);
        solve(covariance, cross, gain);
        *ret_mean = 0;
        *ret_variance = kernel(theta, at, at);
        for (int i = 0; i < RUNS; i++) {
                *ret_mean += cross[i] * weight[i];
                *ret_variance -= cross[i] * gain[i];
        }
}

/* Against the textbook's formulas with the parameters that each process of the mixture has: the knob at the
 * context that holds, the runs at theirs. */
static void a_prediction_is_the_posterior_at_the_context(void **state)
{
        static const double workers[RUNS] = {1, 4, 9, 16, 40, 64}, input[RUNS] = {2, 50, 7, 30, 1, 11};
        autocall(search_free) struct search *search = new_search(64, 5);
        const struct surrogate *objective;
        double x[RUNS][2], y[RUNS], at[2], mean = 0, second = 0, got, variance;
        struct search_score score;
        struct error err = ERROR_INIT;

        (void)state;
        for (int i = 0; i < RUNS; i++) {
                const struct search_outcome outcome = {.point = &workers[i],
                                                       .context = &input[i],
                                                       .status = SEARCH_OK,
                                                       .y = cost(workers[i], input[i])};

                assert_true(search_tell(search, &outcome, &err));
        }
        stand_at(search, 20);
        assert_true(search_model_learn(search, &err));
        objective = search->model.objective;
        for (int i = 0; i < RUNS; i++) {
                x[i][0] = log(workers[i]) / log(64);
                x[i][1] = log(input[i]) / log(64);
                y[i] = (surrogate_scale(objective, cost(workers[i], input[i])) - objective->centre) /
                       objective->scale;
        }
        at[0] = log(12) / log(64);
        at[1] = log(20) / log(64);
        for (int m = 0; m < objective->members; m++) {
                posterior(objective->gp[m]->theta, x, y, at, &got, &variance);
                mean += got / objective->members;
                second += (variance + got * got) / objective->members;
        }
        search_encode(search, (const double[]){12}, -1, at);
        search_score(search, at, &(struct surrogate_prior){0, NAN}, 1, NAN, &score);
        assert_float_equal(score.mean, objective->centre + objective->scale * mean, 1e-9);
        assert_float_equal(score.variance - surrogate_noise(objective),
                           (second - mean * mean) * objective->scale * objective->scale *
                                   (1 + objective->open_points / RUNS),
                           1e-9);
}

/* ---- what is best ---- */

/* 24 nights with inputs of all sizes; of the 25th, which is as large as none before, the best is known. */
static void the_best_moves_with_the_context(void **state)
{
        static const double nights[] = {1, 60, 8, 2, 30, 4, 45, 16};
        autocall(search_free) struct search *search = new_search(64, 1);
        const double *best;
        double y = NAN;

        (void)state;
        for (int night = 0; night < 24; night++) {
                double input = nights[night % 8];
                struct search_suggestion next;

                stand_at(search, input);
                next = ask(search);
                tell(search, &next, input, NAN);
        }
        /* the least of all was on a small night, with few workers */
        best = search_best(search, &y);
        assert_non_null(best);
        assert_true(best[0] <= 2 && y < 1.2);
        stand_at(search, 22);
        best = search_best_now(search, &y);
        assert_non_null(best);
        assert_in_range((int)best[0], 14, 35); /* within 5 % of what 22 workers cost */
        assert_true(fabs(y / cost(best[0], 22) - 1) < 0.1);
        stand_at(search, 1.2);
        best = search_best_now(search, &y);
        assert_non_null(best);
        assert_in_range((int)best[0], 1, 2);
}

/* A model of what keeps the limit has the context, too: memory for the input has to be there. */
static void constraints_are_those_of_the_context(void **state)
{
        static const double nights[] = {4, 32, 8, 60, 2, 16};
        autocall(search_free) struct search *search = new_search(64, 3);
        struct error err = ERROR_INIT;
        const double *best;
        double y;
        int constraint;

        (void)state;
        assert_true(search_constraint(search, "memory", &constraint, &err));
        for (int night = 0; night < 24; night++) {
                double input = nights[night % 6];
                struct search_suggestion next;

                stand_at(search, input);
                next = ask(search);
                /* four workers for each unit of input, of what would best have one */
                tell(search, &next, input, log(4 * input / next.point[0]));
        }
        stand_at(search, 12);
        best = search_best_now(search, &y);
        assert_non_null(best);
        assert_in_range((int)best[0], 40, 64);
        stand_at(search, 3);
        best = search_best_now(search, &y);
        assert_non_null(best);
        assert_in_range((int)best[0], 10, 24);
}

/* ---- what may be proposed ---- */

static void a_point_is_tried_once_at_a_context(void **state)
{
        static const double inputs[] = {2, 50};
        autocall(search_free) struct search *search = new_search(5, 1);

        (void)state;
        for (int c = 0; c < 2; c++) {
                bool seen[6] = {false};

                stand_at(search, inputs[c]);
                for (int trial = 0; trial < 5; trial++) {
                        struct search_suggestion next = ask(search);

                        assert_int_not_equal(next.id, 0);
                        assert_false(seen[(int)next.point[0]]);
                        seen[(int)next.point[0]] = true;
                        tell(search, &next, inputs[c], NAN);
                }
                assert_int_equal(ask(search).id, 0);
        }
        /* as good as the same, and another one */
        stand_at(search, 52);
        assert_int_equal(ask(search).id, 0);
        stand_at(search, 10);
        assert_int_not_equal(ask(search).id, 0);
}

static void a_run_is_told_where_it_was(void **state)
{
        autocall(search_free) struct search *search = new_search(3, 1);
        struct search_outcome outcome = {.status = SEARCH_OK, .y = 1, .context = (const double[]){50}};
        struct error err = ERROR_INIT;

        (void)state;
        stand_at(search, 2);
        for (int i = 0; i < 3; i++)
                outcome.id = ask(search).id;
        assert_int_equal(ask(search).id, 0);
        /* the last one's input came otherwise than forecast: its point is open here again */
        assert_true(search_tell(search, &outcome, &err));
        assert_int_not_equal(ask(search).id, 0);
        assert_float_equal(search->trials[2].context[0], 50, 0);
        assert_float_equal(search->trials[1].context[0], 2, 0);
}

static void what_cannot_be_changes_nothing(void **state)
{
        autocall(search_free) struct search *search = new_search(3, 1);
        static const double bad[] = {NAN, INFINITY, 0, -1};
        struct error err = ERROR_INIT;

        (void)state;
        /* half-way between 1 and 64 by ratios */
        assert_float_equal(search_context(search)[0], 8, 1e-12);
        for (size_t i = 0; i < 4; i++) {
                const struct search_outcome outcome = {.point = (const double[]){1},
                                                       .context = &bad[i],
                                                       .status = SEARCH_OK,
                                                       .y = 1};

                assert_false(search_set_context(search, &bad[i], &err));
                assert_false(search_tell(search, &outcome, &err));
                assert_int_equal(err.code, ERROR_INPUT);
        }
        assert_float_equal(search_context(search)[0], 8, 1e-12);
        assert_int_equal(search_told(search), 0);
        assert_false(search_context_fits(&(struct search_parameter){.n_choices = 3}, 3));
        assert_false(search_context_fits(&(struct search_parameter){.n_choices = 3}, 0.5));
        assert_true(search_context_fits(&(struct search_parameter){.n_choices = 3}, 2));
}

/* The squares of the largest numbers are none: they are bounded, and what is predicted stays a number. */
static void the_largest_numbers_are_bounded(void **state)
{
        static const double y[] = {1e308, -1e308, 1e308, 2};
        autocall(search_free) struct search *search = new_search(64, 1);
        struct search_suggestion next;
        struct error err = ERROR_INIT;
        int c;

        (void)state;
        assert_true(search_constraint(search, "bound", &c, &err));
        for (int i = 0; i < 4; i++) {
                const struct search_outcome outcome = {.point = (const double[]){1 + i},
                                                       .context = (const double[]){1e15},
                                                       .status = SEARCH_OK,
                                                       .y = y[i],
                                                       .constraints = {-y[i]}};

                assert_true(search_tell(search, &outcome, &err));
        }
        next = ask(search);
        assert_true(next.predicted && isfinite(next.mean) && isfinite(next.sd) && isfinite(next.feasible));
        assert_true(isnan(search_bounded(NAN)));
}

/* ---- for people ---- */

/* The slice is drawn where the search stands: its lowest value is where the input says. */
static void slices_are_drawn_at_the_context(void **state)
{
        static const double nights[] = {1, 60, 8, 2, 30, 4, 45, 16};
        autocall(search_free) struct search *search = new_search(64, 1);
        struct search_effect effect;
        struct error err = ERROR_INIT;

        (void)state;
        for (int night = 0; night < 24; night++) {
                double input = nights[night % 8];
                struct search_suggestion next;

                stand_at(search, input);
                next = ask(search);
                tell(search, &next, input, NAN);
        }
        for (int c = 0; c < 2; c++) {
                double input = c ? 30 : 3;
                int least = 0;

                stand_at(search, input);
                assert_true(search_effects(search, (const double[]){8}, &effect, &err));
                for (int i = 0; i < effect.count; i++)
                        if (effect.mean[i] < effect.mean[least])
                                least = i;
                assert_true(fabs(log2(effect.value[least] / input)) < 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_context_is_seen_on_its_own_scale),
                cmocka_unit_test(a_prediction_is_the_posterior_at_the_context),
                cmocka_unit_test(the_best_moves_with_the_context),
                cmocka_unit_test(constraints_are_those_of_the_context),
                cmocka_unit_test(a_point_is_tried_once_at_a_context),
                cmocka_unit_test(a_run_is_told_where_it_was),
                cmocka_unit_test(what_cannot_be_changes_nothing),
                cmocka_unit_test(the_largest_numbers_are_bounded),
                cmocka_unit_test(slices_are_drawn_at_the_context),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
