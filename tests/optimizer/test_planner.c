/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "optimizer/planner.h"

#define STEPS      6
#define CANDIDATES 3

static const double minute[STEPS] = {60, 60, 60, 60, 60, 60};
static const double cent[STEPS] = {0.01, 0.01, 0.01, 0.01, 0.01, 0.01};
static struct planner_chain certain = {.n = 1, .weight = {1}};
static struct planner_candidate sizes[CANDIDATES];

static struct planner_problem problem_of(const double *load, double late_second, double down_seconds)
{
        static const double capacities[CANDIDATES] = {100, 200, 390};

        for (int j = 0; j < CANDIDATES; j++)
                sizes[j] = (struct planner_candidate){.workers = 1 << j,
                                                      .capacity = capacities[j],
                                                      .restart = {down_seconds, down_seconds, 0}};
        return (struct planner_problem){
                .n_steps = STEPS,
                .n_candidates = CANDIDATES,
                .step_seconds = minute,
                .worker_second = cent,
                .chain = &certain,
                .load = load,
                .candidates = sizes,
                .late_after_seconds = 2,
                .late_second = late_second,
                .catch_up_ratio = 1,
                .reaction_steps = 1,
        };
}

/* The sequence the policy plays; returns its cost. */
static double path_of(const struct planner_problem *problem, uint8_t *ret_path)
{
        uint8_t next[STEPS * CANDIDATES];
        double cost = planner_policy(problem, next);
        int at = problem->current;

        for (int step = 0; step < STEPS; step++)
                ret_path[step] = (uint8_t)(at = next[step * CANDIDATES + at]);
        return cost;
}

/* The rules of the game, written once more: what one sequence costs. */
static double cost_of(const struct planner_problem *problem, const int *sequence)
{
        double cost = 0;
        int at = problem->current;

        for (int step = 0; step < STEPS; step++) {
                double load = problem->load[step], age = sizes[0].restart.age_seconds;

                if (sequence[step] != at) {
                        double spare = sizes[sequence[step]].capacity / load - 1;
                        double late =
                                age <= 2 ? 0 : age - 2 + (spare > 0 ? fmin((age - 2) / spare, 3600) : 3600);

                        cost += problem->late_second * late;
                        at = sequence[step];
                }
                cost += 60 * 0.01 * sizes[at].workers;
                if (load > sizes[at].capacity)
                        cost += problem->late_second * 60 * (1 + (load - sizes[at].capacity) / (0.3 * load));
        }
        return cost;
}

static double best_of_all(const struct planner_problem *problem)
{
        double best = INFINITY;

        for (int code = 0; code < 729; code++) {
                int sequence[STEPS], rest = code;

                for (int step = 0; step < STEPS; step++, rest /= CANDIDATES)
                        sequence[step] = rest % CANDIDATES;
                best = fmin(best, cost_of(problem, sequence));
        }
        return best;
}

/* Every one of the 3^6 sequences is tried; dynamic programming finds the same least cost, and a path that
 * costs it. */
static void path_is_the_best_of_all_sequences(void **state)
{
        uint64_t seed = 1;

        (void)state;
        for (int round = 0; round < 300; round++) {
                double load[STEPS];
                uint8_t path[STEPS];
                int sequence[STEPS];
                struct planner_problem problem;
                double cost;

                for (int step = 0; step < STEPS; step++) {
                        seed = seed * 6364136223846793005u + 1442695040888963407u;
                        load[step] = 20 + (double)(seed >> 40) / (1 << 24) * 380;
                }
                problem = problem_of(load, round % 3 ? 0.05 : 0.001, round % 2 ? 20 : 3);
                problem.current = round % CANDIDATES;
                cost = path_of(&problem, path);
                for (int step = 0; step < STEPS; step++)
                        sequence[step] = path[step];
                assert_float_equal(cost, best_of_all(&problem), 1e-6);
                assert_float_equal(cost, cost_of(&problem, sequence), 1e-6);
        }
}

/* With the future certain, weighing the first deployment is the same optimisation with the first step pinned.
 */
static void weighing_agrees_with_the_path(void **state)
{
        static const double load[STEPS] = {80, 90, 150, 180, 120, 60};
        struct planner_problem problem = problem_of(load, 0.05, 5);
        struct planner_cost costs[CANDIDATES];
        double least = INFINITY;
        uint8_t path[STEPS];

        (void)state;
        planner_weigh(&problem, costs);
        for (int j = 0; j < CANDIDATES; j++)
                least = fmin(least, planner_total(&costs[j]));
        assert_float_equal(least, path_of(&problem, path), 1e-6);
}

/* Down for 30 s with 2 s allowed: late for 28 s, and for 28 / (200/100 - 1) s more until it has caught up. */
static void late_seconds_are_downtime_and_drain(void **state)
{
        static const double load[STEPS] = {100, 100, 100, 100, 100, 100};
        struct planner_problem problem = problem_of(load, 1, 30);
        struct setback setback = {30, 30, 0};

        (void)state;
        assert_float_equal(planner_late_seconds(&problem, &setback, 200, 100), 56, 1e-9);
        assert_float_equal(planner_late_seconds(&problem, &setback, 100, 100), 28 + 3600, 1e-9);
        problem.catch_up_ratio = 0.75; /* slower while behind: 28 / (150/100 - 1) */
        assert_float_equal(planner_late_seconds(&problem, &setback, 200, 100), 28 + 56, 1e-9);
        setback = (struct setback){30, 50, 0}; /* 20 s are replayed: late from the start, 48 s to catch up */
        problem.catch_up_ratio = 1;
        assert_float_equal(planner_late_seconds(&problem, &setback, 200, 100), 30 + 48, 1e-9);
        setback = (struct setback){1, 1, 0};
        assert_float_equal(planner_late_seconds(&problem, &setback, 200, 100), 0, 1e-9);
        setback =
                (struct setback){2, 2,
                                 1}; /* just what is allowed, give or take: mean excess 1 / sqrt(2 pi) each */
        assert_float_equal(planner_late_seconds(&problem, &setback, 200, 100), 2 * 0.398942, 0.01);
}

/* Ranks move by a Gaussian autoregression: rows are distributions, no correlation forgets, full correlation
 * stays, and the strata's masses stay what they are. */
static void chain_keeps_the_masses(void **state)
{
        static const double weight[] = {0.2, 0.5, 0.3}, quantile[] = {0.1, 0.45, 0.85};
        struct planner_chain chain;

        (void)state;
        planner_chain_lay(&chain, weight, quantile, 3);
        for (int from = 0; from < 3; from++)
                for (int to = 0; to < 3; to++) {
                        assert_float_equal(planner_chain_move(&chain, 0)[from][to], weight[to], 1e-9);
                        assert_float_equal(planner_chain_move(&chain, PLANNER_CHAIN_GRID)[from][to],
                                           from == to, 1e-6);
                }
        for (int g = 0; g <= PLANNER_CHAIN_GRID; g++)
                for (int to = 0; to < 3; to++) {
                        double mass = 0, row = 0;

                        for (int from = 0; from < 3; from++) {
                                mass += weight[from] * planner_chain_move(&chain, g)[from][to];
                                row += planner_chain_move(&chain, g)[to][from];
                        }
                        assert_float_equal(row, 1, 1e-9);
                        assert_float_equal(mass, weight[to], 0.06);
                }
}

/* When load forgets itself at once there is nothing to follow: the size that is best on average is kept. */
static void noise_is_not_followed(void **state)
{
        static const double weight[] = {0.5, 0.5}, quantile[] = {0.25, 0.75};
        static const double forgets[STEPS] = {0}, keeps[STEPS] = {1, 1, 1, 1, 1, 1};
        double load[2 * STEPS] = {0};
        struct planner_chain chain;
        struct planner_problem problem = problem_of(load, 0.01, 10);
        struct planner_cost noise[CANDIDATES], trend[CANDIDATES];

        (void)state;
        for (int step = 0; step < STEPS; step++) {
                load[step] = 90;
                load[STEPS + step] = 180;
        }
        planner_chain_lay(&chain, weight, quantile, 2);
        problem.chain = &chain;
        problem.current = 1;
        problem.correlation = problem.persistence = forgets;
        planner_weigh(&problem, noise);
        problem.correlation = problem.persistence = keeps;
        planner_weigh(&problem, trend);
        assert_float_equal(noise[1].change, 0, 1e-9);
        assert_float_equal(noise[1].compute, STEPS * 60 * 2 * 0.01, 1e-9);
        assert_true(planner_total(&noise[1]) < planner_total(&noise[0]));
        assert_true(planner_total(&trend[1]) <= planner_total(&noise[1]));
}

static void barred_candidates_are_never_gone_to(void **state)
{
        static const double load[STEPS] = {50, 50, 50, 50, 50, 50};
        struct planner_candidate some[CANDIDATES];
        struct planner_problem problem = problem_of(load, 0.0001, 3);
        uint8_t path[STEPS];

        (void)state;
        memcpy(some, sizes, sizeof some);
        problem.candidates = some;
        problem.current = 2;
        path_of(&problem, path);
        assert_int_equal(path[STEPS - 1], 0);
        some[0].barred = true;
        path_of(&problem, path);
        assert_int_equal(path[STEPS - 1], 1);
}

/* Ten seconds down at 100 records/s leave 1,000 waiting; 200 records/s catch up with them in 10 s. What the
 * load does later has no part in the price of the change: late for 8 of the 10 s, and 8 s over the bound
 * caught up with at 100 / (200 - 100) each. */
static void a_change_is_priced_by_the_load_it_is_caught_up_in(void **state)
{
        static const double load[STEPS] = {100, 100, 300, 500, 700, 900};
        struct planner_problem problem = problem_of(load, 0.5, 10);
        struct planner_cost costs[CANDIDATES];

        (void)state;
        problem.near_as_needed = true;
        problem.current = 2;
        planner_weigh(&problem, costs);
        assert_float_equal(costs[1].price, 0.5 * (8 + 8), 1e-9);
}

/* Records that wait for hours are late on any size: a change costs the 20 s that it is down, and is no less
 * worth it the more waits. */
static void what_waits_already_is_no_price_of_a_change(void **state)
{
        static const double load[STEPS] = {150, 150, 150, 150, 150, 150};
        struct planner_problem problem = problem_of(load, 0.05, 20);
        struct planner_cost costs[CANDIDATES];

        (void)state;
        problem.age_seconds = 20000;
        planner_weigh(&problem, costs);
        assert_float_equal(costs[2].price, 0.05 * 20, 1e-9);
        assert_true(costs[0].hold - costs[2].hold > 2 * costs[2].price);
        problem.age_seconds = 0;
        planner_weigh(&problem, costs);
        /* 18 s too long, and 18 x 150 / 240 to catch up with them */
        assert_float_equal(costs[2].price, 0.05 * (18 + 18 * 150.0 / 240), 1e-9);
}

/* Who decides again soon does not wait for ever with hardly anything to spare: at 5 % of the load over it, 28
 * s of waiting take 28 / 0.05 s. */
static void what_is_answered_is_caught_up_with(void **state)
{
        static const double load[STEPS] = {100, 100, 100, 100, 100, 100};
        struct planner_problem problem = problem_of(load, 1, 30);
        struct setback setback = {30, 30, 0};

        (void)state;
        problem.answer_seconds = 10;
        assert_float_equal(planner_late_seconds(&problem, &setback, 100, 100), 28 + 28 / 0.05, 1e-9);
        assert_float_equal(planner_late_seconds(&problem, &setback, 200, 100), 56, 1e-9);
}

/* Money of lateness until it can be answered, of staying with 100 records/s. */
static double late_at(double load_per_second, double answer_seconds, double age_seconds)
{
        const double load[STEPS] = {load_per_second, load_per_second, load_per_second,
                                    load_per_second, load_per_second, load_per_second};
        struct planner_problem problem = problem_of(load, 1, 1);
        struct planner_cost costs[CANDIDATES];

        problem.n_steps = 1;
        problem.late_after_seconds = 5;
        problem.answer_seconds = answer_seconds;
        problem.age_seconds = age_seconds;
        planner_weigh(&problem, costs);
        return costs[0].penalty;
}

/* Of a load L that exceeds the capacity C, the share (L - C) / L is left lying each second, and records wait
 * that much longer. After 20 s, and a restart that adds one, they are 5 s old when (L - C) / L * 20 + 1 = 5:
 * L = 1.25 C. */
static void overload_is_late_once_it_is_old(void **state)
{
        (void)state;
        assert_true(late_at(120, 0, 0) > 60);
        assert_float_equal(late_at(120, 20, 0), 0, 1e-9);
        assert_float_equal(late_at(124.9, 20, 0), 0, 1e-9);
        assert_true(late_at(125.1, 20, 0) > 60);
        assert_true(late_at(124.9, 21, 0) > 60);
        /* two seconds wait already: (L - C) / L * 20 + 1 + 2 = 5 at L = C / 0.9 */
        assert_float_equal(late_at(111, 20, 2), 0, 1e-9);
        assert_true(late_at(111.2, 20, 2) > 60);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(path_is_the_best_of_all_sequences),
                cmocka_unit_test(weighing_agrees_with_the_path),
                cmocka_unit_test(late_seconds_are_downtime_and_drain),
                cmocka_unit_test(what_is_answered_is_caught_up_with),
                cmocka_unit_test(overload_is_late_once_it_is_old),
                cmocka_unit_test(chain_keeps_the_masses),
                cmocka_unit_test(noise_is_not_followed),
                cmocka_unit_test(a_change_is_priced_by_the_load_it_is_caught_up_in),
                cmocka_unit_test(what_waits_already_is_no_price_of_a_change),
                cmocka_unit_test(barred_candidates_are_never_gone_to),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
