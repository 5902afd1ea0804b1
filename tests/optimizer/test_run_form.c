/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forms of a run time against closed forms, and what a search gains where they hold, and loses where not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "core/memory.h"
#include "optimizer/search/internal.h"

#define SEEDS 10

/* ---- the forms ---- */

/* 100 (0.5 16/n + 0.1 (16/n)^2 + 0.2 + 0.1 log(1 + n) / log 17 + 0.1 n/16) at n = 4, 16, 64, by hand. */
static void a_form_is_ernests_with_a_square(void **state)
{
        static const double ratio[][2] = {{4, 2 + 1.6 + 0.2 + 0.1 * 0.56806097 + 0.025},
                                          {16, 1},
                                          {64, 0.125 + 0.00625 + 0.2 + 0.1 * 1.47337549 + 0.4}};
        const struct run_form form = {0.5, 0.1, 0.2, 0.1, 0.1, log(16)};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(ratio); i++)
                assert_float_equal(exp(run_form_log(&form, log(ratio[i][0]))), ratio[i][1], 1e-7);
        assert_float_equal(run_form_log(&form, NAN), 0, 0);
}

/* What is not divided is u^2.5 of the time, 1 / 3.5 on average; of one form in five 0.8 to 1. */
static void shares_sum_to_one_in_the_middle(void **state)
{
        autofree struct run_forms *forms = memory_new(1, sizeof *forms);
        double rest = 0;

        (void)state;
        run_forms_init(forms, log(4), log(64));
        assert_float_equal(forms->form[0].divided, 0.7, 1e-12);
        assert_float_equal(forms->form[0].serial, 0.3, 1e-12);
        for (int f = 0; f < RUN_FORMS; f++) {
                const struct run_form *form = &forms->form[f];

                assert_true(form->divided >= 0 && form->crowded >= 0 && form->serial >= 0 &&
                            form->tree >= 0 && form->each >= 0);
                assert_float_equal(run_form_log(form, log(16)), 0, 1e-12);
                rest += (form->serial + form->tree + form->each) / RUN_FORMS;
        }
        assert_float_equal(rest, 0.8 / 3.5 + 0.2 * 0.9, 0.01);
}

/* ---- a search ---- */

/* Of 4 to 64 machines, each at a price of one. */
static struct search *machines_from_4_to_64(uint64_t seed, bool told)
{
        const struct search_options options = {.seed = seed,
                                               .price = 0,
                                               .n_resources = told,
                                               .resources = {0},
                                               .n_time_limits = 1,
                                               .time_limits = {{"late", 200}}};
        struct search_space *space = memory_new(1, sizeof *space);

        space->n = 1;
        space->parameters[0] = (struct search_parameter){.name = memory_copy_text("machines"),
                                                         .type = SEARCH_INTEGER,
                                                         .low = 4,
                                                         .high = 64,
                                                         .step = 4,
                                                         .log = true,
                                                         .when = -1};
        return search_new(space, &options);
}

static void tell(struct search *search, int64_t id, double machines, double seconds, int late)
{
        struct search_outcome outcome = {.id = id,
                                         .point = &machines,
                                         .status = SEARCH_OK,
                                         .y = machines * seconds};
        struct error err = ERROR_INIT;

        if (late >= 0)
                outcome.constraints[late] = seconds - 200;
        assert_true(search_tell(search, &outcome, &err));
}

/* Ernest's form, of which c log n is none. */
static double ernest(double machines)
{
        return 60 + 3584 / machines + 8 * machines / 28;
}

/* Probability that a limit of 200 s is kept, where 8 and 16 machines took 510 and 289 s. */
static double kept(double machines, bool told)
{
        autocall(search_free) struct search *search = machines_from_4_to_64(1, told);
        struct surrogate_prior prior = search_prior(search, &machines, -1);
        struct error err = ERROR_INIT;
        double x, log_feasible;
        int late;

        assert_true(search_constraint(search, "late", &late, &err));
        tell(search, 0, 8, ernest(8), late);
        tell(search, 0, 16, ernest(16), late);
        assert_true(search_model_learn(search, &err));
        search_encode(search, &machines, -1, &x);
        search_log_feasible(search, &x, &prior, 1, &log_feasible);
        return exp(log_feasible);
}

/* 40 machines take 160 s, 12 take 362. */
static void a_limit_on_the_run_time_is_foreseen(void **state)
{
        (void)state;
        assert_true(kept(40, true) > 0.5);
        assert_true(kept(40, true) > kept(40, false));
        assert_true(kept(12, true) < 0.05);
}

static void tell_without_end(struct search *search, double machines, double late)
{
        struct search_outcome outcome = {.point = &machines,
                                         .status = SEARCH_FAILED,
                                         .y = NAN,
                                         .constraints = {late}};
        struct error err = ERROR_INIT;

        assert_true(search_tell(search, &outcome, &err));
}

/* One that crashed after 10 s, or of which nothing is told, was not quick; one that crashed after 900 s was
 * late. */
static void what_failed_within_the_limit_says_nothing_of_it(void **state)
{
        autocall(search_free) struct search *search = machines_from_4_to_64(1, true);
        struct error err = ERROR_INIT;
        int late;

        (void)state;
        assert_true(search_constraint(search, "late", &late, &err));
        tell(search, 0, 8, ernest(8), late);
        tell(search, 0, 16, ernest(16), late);
        tell_without_end(search, 12, NAN);
        tell_without_end(search, 20, 10 - 200);
        assert_true(search_model_learn(search, &err));
        assert_int_equal(search->model.constraints[late]->gp[0]->n, 2);
        tell_without_end(search, 4, 900 - 200);
        search->model.current = false;
        assert_true(search_model_learn(search, &err));
        assert_int_equal(search->model.constraints[late]->gp[0]->n, 3);
}

/* Mean trials until the least cost is found, without a limit. */
static double mean_trials(double (*seconds)(double machines), bool told)
{
        double least = INFINITY, sum = 0;

        for (int machines = 4; machines <= 64; machines += 4)
                least = fmin(least, machines * seconds(machines));
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                autocall(search_free) struct search *search = machines_from_4_to_64(seed, told);
                struct search_suggestion next;
                struct error err = ERROR_INIT;

                do {
                        assert_true(search_ask(search, &next, &err));
                        tell(search, next.id, next.point[0], seconds(next.point[0]), -1);
                        sum++;
                } while (next.point[0] * seconds(next.point[0]) > least);
        }
        return sum / SEEDS;
}

/* The cost has its least at 32 machines: a machine alone cannot hold its share, and each adds some time. */
static double crowded(double machines)
{
        return 40 * pow(32 / machines, 2) + 20 + 40 * machines / 96;
}

/* Of no use: more machines take longer. */
static double slower(double machines)
{
        return 140 + 2.5 * machines;
}

static void the_form_of_a_job_is_learnt(void **state)
{
        (void)state;
        assert_true(mean_trials(crowded, true) < mean_trials(crowded, false));
}

static void a_wrong_form_does_no_harm(void **state)
{
        (void)state;
        assert_true(mean_trials(slower, true) <= mean_trials(slower, false));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_form_is_ernests_with_a_square),
                cmocka_unit_test(shares_sum_to_one_in_the_middle),
                cmocka_unit_test(a_limit_on_the_run_time_is_foreseen),
                cmocka_unit_test(what_failed_within_the_limit_says_nothing_of_it),
                cmocka_unit_test(the_form_of_a_job_is_learnt),
                cmocka_unit_test(a_wrong_form_does_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
