/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include <limits.h>

#include "core/memory.h"
#include "optimizer/conttune_process.h"

extern const struct strategy conttune_strategy;

/* The README of ContTune: Nexmark Q1's mapper. */
static const struct conttune_sample mapper[] = {
        {1, 529573.16752}, {2, 966817.36242},  {4, 1829695.58},      {6, 2535502.7616},  {7, 2936888.579},
        {8, 3118477.8826}, {10, 3721099.1836}, {13, 4624714.165666}, {15, 4967828.2586}, {20, 6350677.0454},
        {21, 6465249.805}, {25, 7089387.3074}, {26, 7476391.84},
};

/* There: "for workload 4e6 you can find the parallelism ceil(10.64) = 11, and d_nearest = |11 - 10| = 1". */
static void the_example_of_its_readme(void **state)
{
        struct error err = ERROR_INIT;
        double length = 0, searched;
        int found = 0;

        (void)state;
        assert_true(conttune_parallelism(mapper, ARRAY_LENGTH(mapper), &length, 4e6, 27, &found, &err));
        assert_int_equal(found, 11);
        /* Again, without a search. */
        searched = length;
        assert_true(searched > 0);
        assert_true(conttune_parallelism(mapper, ARRAY_LENGTH(mapper), &length, 4e6, 27, &found, &err));
        assert_int_equal(found, 11);
        assert_true(length == searched);
        assert_int_equal(conttune_distance(mapper, ARRAY_LENGTH(mapper), found), 1);
        assert_int_equal(conttune_distance(mapper, 0, 3), INT_MAX);
}

/* A Gaussian process without noise to speak of goes through what it was taught. */
static void the_process_interpolates(void **state)
{
        const double at[] = {1, 2, 4, 1.5};
        const struct conttune_sample few[] = {{1, 529573}, {2, 966817}, {4, 1829696}};
        struct error err = ERROR_INIT;
        double ability[4], length = 0;

        (void)state;
        assert_true(conttune_ability(few, 3, &length, at, 4, ability, &err));
        assert_float_equal(ability[0], 529573, 529573e-3);
        assert_float_equal(ability[1], 966817, 966817e-3);
        assert_float_equal(ability[2], 1829696, 1829696e-3);
        assert_true(ability[3] > 529573 && ability[3] < 966817);
}

static void too_little_evidence_is_said_so(void **state)
{
        const struct conttune_sample same[] = {{3, 100}, {3, 110}};
        const struct conttune_sample broken[] = {{3, 100}, {4, NAN}};
        struct error err = ERROR_INIT;
        double length = 0;
        int found = -7;

        (void)state;
        assert_false(conttune_parallelism(same, 2, &length, 50, 10, &found, &err));
        assert_int_equal(err.code, ERROR_INCOMPLETE);
        assert_false(conttune_parallelism(broken, 2, &length, 50, 10, &found, &err));
        assert_int_equal(found, -7);
        /* Out of reach for every parallelism that may be chosen. */
        assert_true(conttune_parallelism(mapper, ARRAY_LENGTH(mapper), &length, 1e9, 27, &found, &err));
        assert_int_equal(found, 0);
}

/* Subtasks that hinder each other: ability 100 p / (1 + 0.05 (p - 1)). */
static double ability_of(int parallelism)
{
        return 100 * parallelism / (1 + 0.05 * (parallelism - 1));
}

static struct proposal turn(struct peer *peer, const struct peer_pipeline *chain, int interval, int *work,
                            double offered)
{
        struct observation observation = peer_observation(chain, interval * 60000, 1);
        struct proposal proposal;

        observation.configuration.value[1] = *work;
        observation.offered_per_second = offered;
        observation.throughput_per_second = fmin(offered, ability_of(*work));
        for (int i = 0; i < 3; i++)
                observation.operators[i] = (struct operator_observation){
                        .parallelism = i == 1 ? *work : 1,
                        .in_per_second = observation.throughput_per_second,
                        .out_per_second = i < 2 ? observation.throughput_per_second : 0,
                        .true_rate_per_second = i == 1 ? ability_of(*work) : 1e6,
                };
        proposal = peer_turn(peer, &observation);
        *work = (int)proposal.configuration.value[1];
        return proposal;
}

static void starts_as_ds2_and_learns(void **state)
{
        struct peer_pipeline chain;
        struct proposal proposal;
        struct peer peer;
        int work = 2, changes = 0;

        (void)state;
        peer_operators(&chain, 3, 40);
        peer = peer_open(&conttune_strategy, &chain, "{warmUpIntervals: 0, conservativeRadius: 2}");
        proposal = turn(&peer, &chain, 1, &work, 900);
        /* DS2: 900 / (190.5 / 2). */
        assert_int_equal(work, 10);
        assert_non_null(strstr(proposal.reason, "DS2"));
        for (int i = 2; i < 30; i++)
                changes += turn(&peer, &chain, i, &work, 900).kind == PROPOSAL_CHANGE;
        /* 16 is the least that does it: 100 * 16 / 1.75 = 914. */
        assert_true(ability_of(work) >= 900 * 0.99);
        assert_in_range(work, 16, 17);
        assert_in_range(changes, 1, 5);
        peer_close(&peer);
}

static void holds_without_rates(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct peer peer;

        (void)state;
        peer_operators(&chain, 3, 40);
        peer = peer_open(&conttune_strategy, &chain, "warmUpIntervals: 0");
        observation = peer_observation(&chain, 60000, 3);
        observation.missing = MISSING_RATES;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation.missing = 0;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        peer_close(&peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_example_of_its_readme),
                cmocka_unit_test(the_process_interpolates),
                cmocka_unit_test(too_little_evidence_is_said_so),
                cmocka_unit_test(starts_as_ds2_and_learns),
                cmocka_unit_test(holds_without_rates),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
