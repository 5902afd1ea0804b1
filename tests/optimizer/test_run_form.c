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
#define SIZES 16

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

/* Trials until the least cost that keeps a limit of 200 s, of 4 to 64 machines that cost one each. Known are
 * 8 and 16 machines. */
static int trials(double (*seconds)(double machines), double best, bool resources, bool limit, uint64_t seed)
{
        const struct search_options options = {.seed = seed,
                                               .price = 0,
                                               .n_resources = resources,
                                               .resources = {0},
                                               .n_time_limits = limit,
                                               .time_limits = {{"late", 200}}};
        struct search_space *space = memory_new(1, sizeof *space);
        struct error err = ERROR_INIT;
        int constraint;

        space->n = 1;
        space->parameters[0] = (struct search_parameter){.name = memory_copy_text("machines"),
                                                         .type = SEARCH_INTEGER,
                                                         .low = 4,
                                                         .high = 64,
                                                         .step = 4,
                                                         .log = true,
                                                         .when = -1};
        autocall(search_free) struct search *search = search_new(space, &options);
        assert_true(search_constraint(search, "late", &constraint, &err));
        for (int trial = -1; trial <= SIZES; trial++) {
                double machines = trial < 1 ? 16 + 8 * trial : 0;
                struct search_outcome outcome = {.point = &machines, .status = SEARCH_OK};
                struct search_suggestion next;

                if (trial > 0) {
                        assert_true(search_ask(search, &next, &err));
                        machines = next.point[0];
                }
                if (machines == best)
                        return trial;
                outcome.y = machines * seconds(machines);
                outcome.constraints[constraint] = seconds(machines) - 200;
                assert_true(search_tell(search, &outcome, &err));
        }
        return SIZES;
}

static double mean_trials(double (*seconds)(double machines), double best, bool resources, bool limit)
{
        double sum = 0;

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                sum += trials(seconds, best, resources, limit, seed);
        return sum / SEEDS;
}

/* Ernest's form: least cost within 200 s at 28 machines (196 s; at 24 it is 212 s). */
static double ernest(double machines)
{
        return 60 + 3584 / machines + 8 * machines / 28;
}

/* Of no use: more machines take longer, within 200 s at 4 to 24. */
static double slower(double machines)
{
        return 140 + 2.5 * machines;
}

static void a_limit_on_the_run_time_is_found_sooner(void **state)
{
        double nothing = mean_trials(ernest, 28, false, false), limit = mean_trials(ernest, 28, true, true);

        (void)state;
        assert_float_equal(ernest(28), 196, 1e-9);
        assert_true(ernest(24) > 200);
        assert_true(limit <= nothing - 0.5);
}

static void a_wrong_form_does_no_harm(void **state)
{
        (void)state;
        assert_true(mean_trials(slower, 4, true, true) <= mean_trials(slower, 4, false, false) + 0.5);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_form_is_ernests_with_a_square),
                cmocka_unit_test(shares_sum_to_one_in_the_middle),
                cmocka_unit_test(a_limit_on_the_run_time_is_found_sooner),
                cmocka_unit_test(a_wrong_form_does_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
