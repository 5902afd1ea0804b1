/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include "core/memory.h"
#include "optimizer/hpa_algorithm.h"
#include "optimizer/keda_lag.h"

extern const struct strategy keda_strategy;

#define SECOND INT64_C(1000)

/* KEDA's documentation of the Kafka scaler, and getTotalLag of pkg/scalers/kafka_scaler.go. */
static void lag_is_capped_as_the_scaler_does(void **state)
{
        static const struct {
                struct keda_lag_options options;
                int64_t lag, partitions, with_lag, expected;
        } cases[] = {
                {{.lag_threshold = 10}, 95, 10, 10, 95},
                {{.lag_threshold = 10}, 500, 10, 10, 100},
                /* The division is one of whole numbers: 109 / 10 is not more than 10 partitions. */
                {{.lag_threshold = 10}, 109, 10, 10, 109},
                {{.lag_threshold = 10, .allow_idle_consumers = true}, 500, 10, 10, 500},
                {{.lag_threshold = 10, .limit_to_partitions_with_lag = true}, 500, 10, 3, 30},
                /* Ten partitions are shared evenly by 1, 2, 5 and 10 consumers. */
                {{.lag_threshold = 10, .ensure_even_distribution = true}, 25, 10, 10, 50},
                {{.lag_threshold = 10, .ensure_even_distribution = true}, 51, 10, 10, 100},
                {{.lag_threshold = 10, .ensure_even_distribution = true}, 9, 10, 10, 10},
                {{.lag_threshold = 10, .ensure_even_distribution = true}, 5000, 10, 10, 100},
                {{.lag_threshold = 10}, 500, 0, 0, 500},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                assert_int_equal(keda_kafka_lag(&cases[i].options, cases[i].lag, cases[i].partitions,
                                                cases[i].with_lag),
                                 cases[i].expected);
}

/* GetExternalPerPodMetricReplicas: ceil(total / target) outside the tolerance. */
static void average_value_asks_for_lag_over_threshold(void **state)
{
        (void)state;
        assert_int_equal(hpa_average_value_replicas(3, 25, 10, 0.1), 3);
        assert_int_equal(hpa_average_value_replicas(3, 31, 10, 0.1), 3);
        assert_int_equal(hpa_average_value_replicas(3, 34, 10, 0.1), 4);
        assert_int_equal(hpa_average_value_replicas(3, 0, 10, 0.1), 0);
        assert_int_equal(hpa_average_value_replicas(0, 25, 10, 0.1), 3);
        assert_int_equal(hpa_average_value_replicas(3, 1e15, 1, 0.1), 2147483647);
}

static struct proposal turn(struct peer *peer, const struct peer_pipeline *chain, int seconds, int workers,
                            double lag)
{
        struct observation observation = peer_observation(chain, seconds * SECOND, workers);

        observation.backlog_records = lag;
        return peer_turn(peer, &observation);
}

static void scales_with_the_lag_up_to_the_partitions(void **state)
{
        struct peer_pipeline chain;
        struct proposal proposal;
        struct peer peer;

        (void)state;
        peer_workers(&chain, 1, 40);
        chain.operators[0].partitions = 12;
        peer = peer_open(&keda_strategy, &chain, "lagThreshold: 1000");
        assert_int_equal(keda_strategy.interval_ms(peer.options), 15000);
        proposal = turn(&peer, &chain, 15, 4, 6100);
        assert_int_equal(peer_workers_of(&proposal), 7);
        assert_non_null(strstr(proposal.reason, "6100 records"));
        /* Twice what runs is the most in 15 s, then the partitions are. */
        proposal = turn(&peer, &chain, 30, 7, 1e9);
        assert_int_equal(peer_workers_of(&proposal), 12);
        assert_int_equal(turn(&peer, &chain, 45, 12, 1e9).kind, PROPOSAL_HOLD);
        /* Down only after the stabilisation window of five minutes, and not below one. */
        for (int t = 60; t < 345; t += 15)
                assert_int_equal(turn(&peer, &chain, t, 12, 0).kind, PROPOSAL_HOLD);
        proposal = turn(&peer, &chain, 345, 12, 0);
        assert_int_equal(peer_workers_of(&proposal), 1);
        peer_close(&peer);
}

static void goes_to_zero_after_the_cooldown_and_back(void **state)
{
        struct peer_pipeline chain;
        struct proposal proposal;
        struct peer peer;
        int t = 15;

        (void)state;
        peer_workers(&chain, 0, 40);
        peer = peer_open(&keda_strategy, &chain, "{lagThreshold: 1000, activationLagThreshold: 50}");
        turn(&peer, &chain, t, 1, 500);
        while (t < 315) {
                t += 15;
                proposal = turn(&peer, &chain, t, 1, 50);
                if (t < 315)
                        assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        }
        assert_int_equal(peer_workers_of(&proposal), 0);
        assert_int_equal(turn(&peer, &chain, t + 15, 0, 50).kind, PROPOSAL_HOLD);
        /* KEDA polls each 30 s: the next look is at 345 s. */
        assert_int_equal(turn(&peer, &chain, t + 29, 0, 9999).kind, PROPOSAL_HOLD);
        proposal = turn(&peer, &chain, t + 45, 0, 9999);
        assert_int_equal(peer_workers_of(&proposal), 1);
        peer_close(&peer);
}

static void holds_without_lag_and_within_bounds_whatever_comes(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct peer peer;
        uint64_t random = 3;

        (void)state;
        peer_workers(&chain, 2, 9);
        peer = peer_open(&keda_strategy, &chain, NULL);
        observation = peer_observation(&chain, 15 * SECOND, 4);
        observation.backlog_records = NAN;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation.backlog_records = 1e6;
        observation.missing = MISSING_BACKLOG;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation.missing = MISSING_ALL;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        for (int t = 30, workers = 4; t < 30000; t += 15) {
                struct proposal proposal;

                random = random * 6364136223846793005u + 1442695040888963407u;
                proposal = turn(&peer, &chain, t, workers, random >> 60 ? (double)(random >> 56) : INFINITY);
                workers = peer_workers_of(&proposal);
                assert_in_range(workers, 2, 9);
        }
        peer_close(&peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lag_is_capped_as_the_scaler_does),
                cmocka_unit_test(average_value_asks_for_lag_over_threshold),
                cmocka_unit_test(scales_with_the_lag_up_to_the_partitions),
                cmocka_unit_test(goes_to_zero_after_the_cooldown_and_back),
                cmocka_unit_test(holds_without_lag_and_within_bounds_whatever_comes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
