/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What earlier studies tell a search: where it begins, how soon it is there, and that a wrong one does no
 * harm. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/random.h"
#include "optimizer/search/internal.h"

#define EARLIER 30
#define SEEDS   10
#define WITHIN  0.05 /* of the least value: near enough */
#define MOST    30

static struct search *start(uint64_t seed, bool listed)
{
        struct search_space *space = memory_new(1, sizeof *space);
        const struct search_options options = {.seed = seed, .price = -1};

        for (int i = 0; i < 2; i++) {
                struct search_parameter *parameter = &space->parameters[space->n++];

                *parameter = (struct search_parameter){.name = memory_copy_text(i ? "b" : "a"),
                                                       .type = listed ? SEARCH_INTEGER : SEARCH_FLOAT,
                                                       .low = 0,
                                                       .high = 20,
                                                       .step = listed ? 1 : 0,
                                                       .when = -1};
        }
        return search_new(space, &options);
}

static struct search_suggestion ask(struct search *search)
{
        struct search_suggestion suggestion;
        struct error err = ERROR_INIT;

        assert_true(search_ask(search, &suggestion, &err));
        return suggestion;
}

static void tell(struct search *search, int64_t id, double y)
{
        const struct search_outcome outcome = {.id = id, .status = SEARCH_OK, .y = y};
        struct error err = ERROR_INIT;

        assert_true(search_tell(search, &outcome, &err));
}

/* A run time with its least, 1, at (16, 4). */
static double seconds(const double *x)
{
        double a = (x[0] - 16) / 10, b = (x[1] - 4) / 10;

        return exp(2 * a * a + 3 * b * b + a * b + 0.3 * (1 - cos(4 * a)));
}

/* The same program with three times the data, by which its best moves a little. */
static double before(const double *x)
{
        const double moved[] = {x[0] - 0.5, x[1] + 0.5};

        return 3 * pow(seconds(moved), 1.2);
}

static double against(const double *x)
{
        return 50 / seconds(x);
}

/* Knows nothing of the second number. */
static double in_part(const double *x)
{
        return seconds((const double[]){x[0], 4});
}

struct study {
        double points[EARLIER][2];
        struct search_outcome runs[EARLIER];
};

static void make_study(struct study *study, double (*of)(const double *), bool whole, uint64_t seed)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(seed, 0, 0);

        for (int i = 0; i < EARLIER; i++) {
                for (int k = 0; k < 2; k++)
                        study->points[i][k] =
                                whole ? (double)gsl_rng_uniform_int(rng, 21) : 20 * gsl_rng_uniform(rng);
                study->runs[i] = (struct search_outcome){.point = study->points[i],
                                                         .status = SEARCH_OK,
                                                         .y = of(study->points[i])};
        }
}

static void add(struct search *search, double (*of)(const double *), bool whole, uint64_t seed)
{
        struct study study;
        struct error err = ERROR_INIT;

        make_study(&study, of, whole, seed);
        assert_true(search_add_earlier(search, study.runs, EARLIER, false, &err));
}

/* Trials until one is near enough to the least value. */
static int trials_until_there(double (*earlier)(const double *), uint64_t seed, bool listed,
                              double *ret_weight)
{
        autocall(search_free) struct search *search = start(seed, listed);

        if (earlier)
                add(search, earlier, listed, 100 + seed);
        for (int trial = 1; trial <= MOST; trial++) {
                struct search_suggestion next = ask(search);

                tell(search, next.id, seconds(next.point));
                *ret_weight = earlier ? search_earlier_weight(search, 0) : 0;
                if (seconds(next.point) <= 1 + WITHIN)
                        return trial;
        }
        return MOST + 1;
}

static double mean_trials(double (*earlier)(const double *), bool listed)
{
        double sum = 0, weight;

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                sum += trials_until_there(earlier, seed, listed, &weight);
        return sum / SEEDS;
}

static void the_same_at_another_size_is_found_sooner(void **state)
{
        (void)state;
        for (int listed = 0; listed < 2; listed++) {
                double alone = mean_trials(NULL, listed), helped = mean_trials(before, listed);

                if (!(helped <= 0.67 * alone))
                        fail_msg("listed %d: %g trials with an earlier study, %g without", listed, helped,
                                 alone);
        }
}

/* It chooses the first point, which is lost, and the trials that are then far from each other are others. */
static void what_is_wrong_does_little_harm(void **state)
{
        (void)state;
        for (int listed = 0; listed < 2; listed++) {
                double alone = mean_trials(NULL, listed), misled = mean_trials(against, listed);

                if (!(misled <= alone + 4))
                        fail_msg("listed %d: %g trials when misled, %g without", listed, misled, alone);
        }
}

/* A study that is right weighs something, one that is wrong nothing, after ten trials far from each other. */
static void weights_follow_the_trials(void **state)
{
        autocall(search_free) struct search *search = start(1, true);
        autocall(gsl_rng_free) gsl_rng *rng = random_new(7, 0, 0);
        struct error err = ERROR_INIT;

        (void)state;
        add(search, against, true, 1);
        add(search, before, true, 2);
        assert_int_equal(search_earlier_count(search), 2);
        assert_float_equal(search_earlier_weight(search, 0), 1.0 / 3, 1e-12);
        for (int trial = 0; trial < 10; trial++) {
                const double point[] = {(double)gsl_rng_uniform_int(rng, 21),
                                        (double)gsl_rng_uniform_int(rng, 21)};
                const struct search_outcome outcome = {.point = point,
                                                       .status = SEARCH_OK,
                                                       .y = seconds(point)};

                assert_true(search_tell(search, &outcome, &err));
        }
        assert_true(search_earlier_weigh(search, &err));
        assert_true(search_earlier_weight(search, 0) < 0.01);
        assert_true(search_earlier_weight(search, 1) > 0.3);
}

static void it_begins_at_the_best_of_before(void **state)
{
        for (int listed = 0; listed < 2; listed++) {
                autocall(search_free) struct search *search = start(3, listed);
                struct search_suggestion first;

                (void)state;
                add(search, before, listed, 3);
                first = ask(search);
                assert_string_equal(first.why, "the best by what earlier studies say");
                assert_true(seconds(first.point) < 1.6);
                /* and looks elsewhere once, before it is believed */
                tell(search, first.id, seconds(first.point));
                assert_string_equal(ask(search).why, "one of the first points, far from the others");
        }
}

static void the_same_seed_asks_the_same(void **state)
{
        double points[2][8][2];

        (void)state;
        for (int time = 0; time < 2; time++) {
                autocall(search_free) struct search *search = start(5, false);

                add(search, before, false, 5);
                add(search, against, false, 6);
                for (int trial = 0; trial < 8; trial++) {
                        struct search_suggestion next = ask(search);

                        memcpy(points[time][trial], next.point, sizeof points[time][trial]);
                        tell(search, next.id, seconds(next.point));
                }
        }
        assert_memory_equal(points[0], points[1], sizeof points[0]);
}

/* ---- values that have no logarithm ---- */

static double loss(const double *x)
{
        return log(seconds(x)) - 2;
}

static double loss_before(const double *x)
{
        return log(before(x)) - 2;
}

static void values_below_zero_are_compared_as_they_are(void **state)
{
        autocall(search_free) struct search *search = start(2, true);
        double least = INFINITY;

        (void)state;
        add(search, loss_before, true, 9);
        assert_true(search->linear);
        for (int trial = 0; trial < 8; trial++) {
                struct search_suggestion next = ask(search);

                tell(search, next.id, loss(next.point));
                least = fmin(least, loss(next.point));
        }
        assert_false(search->model.objective->log);
        assert_true(search_earlier_weight(search, 0) > 0.3);
        assert_true(least <= log(1 + WITHIN) - 2);
}

/* Earlier values that were above 0 are seen otherwise once one here is not. */
static void the_scale_is_that_of_all(void **state)
{
        autocall(search_free) struct search *search = start(2, true);

        (void)state;
        add(search, before, true, 9);
        assert_false(search->linear);
        for (int trial = 0; trial < 4; trial++)
                tell(search, ask(search).id, trial == 3 ? 0 : 5 - trial);
        (void)ask(search);
        assert_true(search->linear);
}

/* ---- a context ---- */

/* The best a goes with the size of the input, which is given. */
static double sized(double a, double size)
{
        return exp(0.02 * (a - size) * (a - size));
}

static void what_is_expected_is_of_the_context_that_holds(void **state)
{
        static const double sizes[] = {4, 16};
        struct search_space *space = memory_new(1, sizeof *space);
        const struct search_options options = {.seed = 1, .price = -1};
        autocall(search_free) struct search *search = NULL;
        struct study study;
        double size[EARLIER];
        struct error err = ERROR_INIT;

        (void)state;
        space->n = space->n_context = 1;
        space->parameters[0] = (struct search_parameter){.name = memory_copy_text("a"),
                                                         .type = SEARCH_INTEGER,
                                                         .high = 20,
                                                         .step = 1,
                                                         .when = -1};
        space->context[0] = space->parameters[0];
        space->context[0].name = memory_copy_text("size");
        search = search_new(space, &options);
        make_study(&study, before, true, 2);
        for (int i = 0; i < EARLIER; i++) {
                size[i] = study.points[i][1];
                study.runs[i].context = &size[i];
                study.runs[i].y = sized(study.points[i][0], size[i]);
        }
        assert_true(search_add_earlier(search, study.runs, EARLIER, false, &err));
        for (int s = 0; s < 2; s++) {
                assert_true(search_set_context(search, &sizes[s], &err));
                assert_true(fabs(*search_earlier_best(search) - sizes[s]) <= 3);
                for (int i = 0; i < search->n_points; i++)
                        assert_float_equal(search_prior_listed(search, i).mean,
                                           search_prior(search, search->points + i, -1).mean, 1e-9);
        }
        assert_true(fabs(ask(search).point[0] - sizes[1]) <= 3);
}

/* Of the same trials, told of after them. */
static double weight_after(double (*of)(const double *), bool foretold, int trials)
{
        autocall(search_free) struct search *search = start(5, true);
        struct study study;
        struct error err = ERROR_INIT;

        for (int i = 0; i < trials; i++) {
                struct search_suggestion suggestion = ask(search);

                tell(search, suggestion.id, seconds(suggestion.point));
        }
        make_study(&study, of, true, 7);
        assert_true(search_add_earlier(search, study.runs, EARLIER, foretold, &err));
        assert_true(search_earlier_weigh(search, &err));
        return search_earlier_weight(search, 0);
}

/* What knows a part of it makes the trials likelier, but not by much at first: enough where it is foretold of
 * this job, not where another one did it. What is against them is believed in neither case. */
static void what_is_foretold_is_believed_sooner(void **state)
{
        int sooner = 0;

        (void)state;
        for (int trials = 2; trials <= 8; trials++) {
                double foretold = weight_after(in_part, true, trials),
                       other = weight_after(in_part, false, trials);
                assert_true(foretold >= other);
                sooner += foretold > 0 && other == 0;
                assert_float_equal(weight_after(against, true, trials), 0, 0);
        }
        assert_true(sooner > 0);
}

/* ---- what may be told ---- */

static void failed_runs_are_kept_away_from(void **state)
{
        autocall(search_free) struct search *search = start(1, true);
        struct study study;
        struct error err = ERROR_INIT;

        (void)state;
        make_study(&study, before, true, 4);
        /* all that would be good has failed */
        for (int i = 0; i < EARLIER; i++)
                if (study.points[i][0] > 9)
                        study.runs[i] = (struct search_outcome){.point = study.points[i],
                                                                .status = SEARCH_FAILED,
                                                                .y = NAN};
        assert_true(search_add_earlier(search, study.runs, EARLIER, false, &err));
        assert_true(ask(search).point[0] <= 11);
}

static void what_says_too_little_is_refused(void **state)
{
        autocall(search_free) struct search *search = start(1, true);
        struct study study;
        struct error err = ERROR_INIT;

        (void)state;
        make_study(&study, before, true, 4);
        assert_false(search_add_earlier(search, study.runs, 2, false, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_int_equal(search_earlier_count(search), 0);
        for (int i = 0; i < SEARCH_MAX_EARLIER; i++)
                assert_true(search_add_earlier(search, study.runs, EARLIER, false, &err));
        assert_false(search_add_earlier(search, study.runs, EARLIER, false, &err));
        assert_int_equal(err.code, ERROR_LIMIT);
}

/* Of the largest numbers there are even the squares are none. */
static void the_largest_numbers_leave_it_whole(void **state)
{
        autocall(search_free) struct search *search = start(1, false);
        struct search_suggestion next;
        struct study study;
        struct error err = ERROR_INIT;

        (void)state;
        make_study(&study, before, false, 4);
        study.runs[0].y = 1e308;
        study.runs[1].y = -1e308;
        study.runs[2].y = 1e308;
        assert_true(search_add_earlier(search, study.runs, EARLIER, false, &err));
        assert_true(isfinite(search->earlier[0].scale));
        for (int i = 0; i < 3; i++) {
                assert_true(search_ask(search, &next, &err));
                tell(search, next.id, seconds(next.point));
        }
        assert_true(search_ask(search, &next, &err));
        assert_true(next.predicted && isfinite(next.mean) && isfinite(next.sd));
}

static void of_many_trials_some_count(void **state)
{
        autocall(search_free) struct search *search = start(1, false);
        autofree struct search_outcome *runs = memory_new(10 * EARLIER, sizeof *runs);
        struct study studies[10];
        struct error err = ERROR_INIT;

        (void)state;
        for (int s = 0; s < 10; s++) {
                make_study(&studies[s], before, false, (uint64_t)s);
                memcpy(runs + (size_t)s * EARLIER, studies[s].runs, sizeof studies[s].runs);
        }
        assert_true(search_add_earlier(search, runs, 10 * EARLIER, false, &err));
        assert_int_equal(search->earlier[0].n_trials, SEARCH_EARLIER_TRIALS);
        /* from all of them: the last is of the last study */
        assert_true(search->earlier[0].trials[SEARCH_EARLIER_TRIALS - 1].y ==
                    runs[10 * EARLIER / SEARCH_EARLIER_TRIALS * (SEARCH_EARLIER_TRIALS - 1)].y);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_at_another_size_is_found_sooner),
                cmocka_unit_test(what_is_wrong_does_little_harm),
                cmocka_unit_test(weights_follow_the_trials),
                cmocka_unit_test(it_begins_at_the_best_of_before),
                cmocka_unit_test(the_same_seed_asks_the_same),
                cmocka_unit_test(values_below_zero_are_compared_as_they_are),
                cmocka_unit_test(the_scale_is_that_of_all),
                cmocka_unit_test(what_is_expected_is_of_the_context_that_holds),
                cmocka_unit_test(what_is_foretold_is_believed_sooner),
                cmocka_unit_test(failed_runs_are_kept_away_from),
                cmocka_unit_test(what_says_too_little_is_refused),
                cmocka_unit_test(the_largest_numbers_leave_it_whole),
                cmocka_unit_test(of_many_trials_some_count),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
