/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include "core/memory.h"
#include "optimizer/hpa_algorithm.h"

extern const struct strategy hpa_strategy;

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

/* ---- replicas by a resource metric: vectors of pkg/controller/podautoscaler/replica_calculator_test.go ----
 */

static void utilisation_vectors(void **state)
{
        static const struct {
                const char *name;
                struct hpa_pods pods; /* current, ready, unready, missing */
                double utilization, target;
                int expected;
        } cases[] = {
                {"ScaleUp", {3, 3, 0, 0}, 50, 30, 5},
                {"ScaleUpUnreadyLessScale", {3, 2, 1, 0}, 60, 30, 4},
                {"ScaleUpUnreadyNoScale", {3, 1, 2, 0}, 40, 30, 3},
                {"ScaleDown", {5, 5, 0, 0}, 28, 50, 3},
                {"Tolerance", {3, 3, 0, 0}, 102, 100, 3},
                {"MissingMetricsNoChangeEq", {2, 1, 0, 1}, 100, 100, 2},
                {"MissingMetricsNoChangeGt", {2, 1, 0, 1}, 190, 100, 2},
                {"MissingMetricsNoChangeLt", {2, 1, 0, 1}, 60, 100, 2},
                {"MissingMetricsUnreadyNoChange", {3, 1, 1, 1}, 45, 50, 3},
                {"MissingMetricsUnreadyScaleUp", {3, 1, 1, 1}, 200, 50, 4},
                {"MissingMetricsUnreadyScaleDown", {4, 2, 1, 1}, 10, 50, 3},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                int got =
                        hpa_utilization_replicas(&cases[i].pods, cases[i].utilization, cases[i].target, 0.1);

                if (got != cases[i].expected)
                        fail_msg("%s: %d instead of %d", cases[i].name, got, cases[i].expected);
        }
}

/* GetResourceUtilizationRatio divides integers: 76.9 % of the request is 76 %. */
static void utilisation_is_cut_to_whole_per_cent(void **state)
{
        const struct hpa_pods pods = {.current = 10, .ready = 10};

        (void)state;
        assert_int_equal(hpa_utilization_replicas(&pods, 76.9, 69.5, 0.1), 10);
        assert_int_equal(hpa_utilization_replicas(&pods, 77, 69.5, 0.1), 12);
        assert_int_equal(hpa_utilization_replicas(&pods, 0.29 * 100, 20, 0.1), 15);
}

/* ---- rate limits: TestScalingWithRules of horizontal_test.go ---- */

struct rules {
        int pods, pods_period, percent, percent_period;
};

static void fill_rules(const struct rules *rules, struct hpa_policy *room, struct hpa_rules *ret_rules)
{
        if (rules->pods > 0)
                room[ret_rules->policies.count++] =
                        (struct hpa_policy){HPA_POLICY_PODS, rules->pods, rules->pods_period};
        if (rules->percent > 0)
                room[ret_rules->policies.count++] =
                        (struct hpa_policy){HPA_POLICY_PERCENT, rules->percent, rules->percent_period};
        ret_rules->policies.items = room;
}

static const struct {
        int current, desired, min, max;
        struct rules up, down;
        int added[3], removed[3]; /* spread evenly over the last 120 s */
        int expected;
} rate_cases[] = {
        {.current = 5, .desired = 7, .min = 3, .max = 8, .expected = 7},
        {.current = 3, .desired = 1, .min = 2, .max = 8, .expected = 2},
        {.current = 1, .desired = 0, .min = 0, .max = 10, .expected = 0},
        {.current = 100, .desired = 1000, .min = 100, .max = 150, .expected = 150},
        {.current = 3, .desired = 1000, .min = 1, .max = 2000, .up = {0, 0, 1, 60}, .expected = 4},
        {.current = 1000, .desired = 3, .min = 3, .max = 2000, .down = {20, 60, 0, 0}, .expected = 980},
        {.current = 10, .desired = 50, .min = 1, .max = 1000, .expected = 20},
        {.current = 10, .desired = 500, .min = 1, .max = 1000, .up = {100, 60, 100, 60}, .expected = 110},
        {.current = 10, .desired = 500, .min = 1, .max = 1000, .up = {2, 60, 100, 60}, .expected = 20},
        {.current = 10, .desired = 50, .min = 1, .max = 1000, .up = {100, 60, 0, 0}, .expected = 50},
        {.current = 10, .desired = 50, .min = 1, .max = 1000, .up = {30, 60, 0, 0}, .expected = 40},
        {.current = 10, .desired = 50, .min = 1, .max = 1000, .up = {0, 0, 200, 60}, .expected = 30},
        {.current = 100, .desired = 2, .min = 1, .max = 1000, .down = {20, 60, 1, 60}, .expected = 80},
        {.current = 100, .desired = 2, .min = 1, .max = 1000, .down = {2, 60, 1, 60}, .expected = 98},
        {.current = 10, .desired = 0, .min = 1, .max = 1000, .down = {100, 60, 0, 0}, .expected = 1},
        {.current = 10, .desired = 2, .min = 5, .max = 1000, .down = {0, 0, 100, 60}, .expected = 5},
        {.current = 10, .desired = 2, .min = 1, .max = 1000, .down = {5, 60, 0, 0}, .expected = 5},
        {.current = 10, .desired = 5, .min = 1, .max = 1000, .down = {0, 0, 50, 60}, .expected = 5},
        /* With events: 15 replicas were added, or 15, 12, 30 removed, within the period. */
        {.current = 100,
         .desired = 500,
         .min = 1,
         .max = 200,
         .up = {300, 60, 0, 0},
         .added = {1, 5, 9},
         .expected = 200},
        {.current = 100,
         .desired = 500,
         .min = 1,
         .max = 1000,
         .up = {5, 120, 0, 0},
         .added = {1, 5, 9},
         .expected = 100},
        {.current = 100,
         .desired = 500,
         .min = 1,
         .max = 1000,
         .up = {150, 120, 0, 0},
         .added = {1, 5, 9},
         .expected = 235},
        {.current = 100,
         .desired = 500,
         .min = 1,
         .max = 1000,
         .up = {0, 0, 200, 120},
         .added = {1, 5, 9},
         .expected = 255},
        {.current = 10, .desired = 5, .min = 1, .max = 1000, .removed = {1, 5, 9}, .expected = 5},
        {.current = 100,
         .desired = 0,
         .min = 1,
         .max = 1000,
         .down = {115, 120, 0, 0},
         .removed = {1, 5, 9},
         .expected = 1},
        {.current = 100,
         .desired = 2,
         .min = 1,
         .max = 1000,
         .down = {5, 120, 0, 0},
         .removed = {1, 5, 9},
         .expected = 100},
        {.current = 100,
         .desired = 0,
         .min = 1,
         .max = 1000,
         .down = {0, 0, 50, 120},
         .removed = {2, 4, 6},
         .expected = 56},
        {.current = 100,
         .desired = 0,
         .min = 1,
         .max = 1000,
         .down = {0, 0, 10, 120},
         .removed = {10, 10, 10},
         .expected = 100},
        {.current = 10,
         .desired = 5,
         .min = 1,
         .max = 1000,
         .down = {0, 0, 1000, 120},
         .removed = {10, 10, 10},
         .expected = 5},
};

static void rate_limit_vectors(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rate_cases); i++) {
                struct hpa_policy up[2], down[2];
                struct hpa_behavior behavior = {0};
                autocall(hpa_free) struct hpa *hpa = NULL;
                int got;

                fill_rules(&rate_cases[i].up, up, &behavior.scale_up);
                fill_rules(&rate_cases[i].down, down, &behavior.scale_down);
                hpa = hpa_new(&behavior);
                for (int j = 0; j < 3; j++) {
                        int64_t at = 10 * MINUTE - (2 * j + 1) * 20 * SECOND;

                        if (rate_cases[i].added[j])
                                hpa_scaled(hpa, at, 0, rate_cases[i].added[j]);
                        if (rate_cases[i].removed[j])
                                hpa_scaled(hpa, at, rate_cases[i].removed[j], 0);
                }
                got = hpa_limit_rate(hpa, 10 * MINUTE, rate_cases[i].current, rate_cases[i].desired,
                                     rate_cases[i].min, rate_cases[i].max);
                if (got != rate_cases[i].expected)
                        fail_msg("case %zu: %d instead of %d", i, got, rate_cases[i].expected);
        }
}

static void select_policy_min_and_disabled(void **state)
{
        struct hpa_policy policies[] = {{HPA_POLICY_PODS, 4, 60}, {HPA_POLICY_PERCENT, 10, 60}};
        struct hpa_behavior behavior = {.scale_down = {.select_policy = HPA_SELECT_MIN,
                                                       .policies = {policies, 2}},
                                        .scale_up = {.select_policy = HPA_SELECT_DISABLED}};
        autocall(hpa_free) struct hpa *hpa = hpa_new(&behavior);

        /* The Kubernetes documentation's example: 80 replicas, 4 pods or 10 % a minute. Max removes 8, Min
         * removes 4. */
        (void)state;
        assert_int_equal(hpa_limit_rate(hpa, MINUTE, 80, 10, 1, 100), 76);
        behavior.scale_down.select_policy = HPA_SELECT_MAX;
        assert_int_equal(hpa_limit_rate(hpa, MINUTE, 80, 10, 1, 100), 72);
        assert_int_equal(hpa_limit_rate(hpa, MINUTE, 80, 90, 1, 100), 80);
}

/* ---- stabilisation: TestNormalizeDesiredReplicasWithBehavior ---- */

static int stabilized(int64_t up_seconds, int64_t down_seconds, int current, const int (*before)[2], size_t n,
                      int desired)
{
        const struct hpa_behavior behavior = {.scale_up.stabilization_window_seconds = up_seconds,
                                              .scale_down.stabilization_window_seconds = down_seconds};
        autocall(hpa_free) struct hpa *hpa = hpa_new(&behavior);

        /* Recommendations arrive in the order of time. */
        for (size_t i = 0; i < n; i++)
                hpa_stabilize(hpa, 60 * MINUTE - before[i][1] * MINUTE, 1, before[i][0]);
        return hpa_stabilize(hpa, 60 * MINUTE, current, desired);
}

static void stabilisation_vectors(void **state)
{
        static const int four_five[][2] = {{4, 2}, {5, 1}};
        static const int one_two[][2] = {{1, 2}, {2, 1}};
        static const int old[][2] = {{10, 10}, {9, 9}};

        (void)state;
        assert_int_equal(stabilized(0, 0, 100, NULL, 0, 5), 5);
        assert_int_equal(stabilized(0, 180, 100, four_five, 2, 3), 5);
        assert_int_equal(stabilized(300, 0, 1, four_five, 2, 7), 4);
        assert_int_equal(stabilized(300, 0, 100, one_two, 2, 3), 3);
        assert_int_equal(stabilized(0, 300, 5, old, 2, 3), 3);
}

static void the_first_recommendation_is_what_runs(void **state)
{
        const struct hpa_behavior behavior = {.scale_down.stabilization_window_seconds = 300};
        autocall(hpa_free) struct hpa *hpa = hpa_new(&behavior);

        (void)state;
        assert_int_equal(hpa_normalize(hpa, 0, 8, 2, 1, 10), 8);
        assert_int_equal(hpa_normalize(hpa, 299 * SECOND, 8, 2, 1, 10), 8);
        /* A recommendation exactly as old as the window no longer counts (Go's After). */
        assert_int_equal(hpa_normalize(hpa, 300 * SECOND, 8, 2, 1, 10), 2);
}

/* ---- the strategy ---- */

static struct proposal turn(struct peer *peer, const struct peer_pipeline *chain, int seconds, int workers,
                            double cpu)
{
        struct observation observation = peer_observation(chain, seconds * SECOND, workers);

        observation.cpu_ratio = cpu;
        return peer_turn(peer, &observation);
}

static void scales_up_by_at_most_double_each_period(void **state)
{
        struct peer_pipeline chain;
        struct peer peer;
        struct proposal proposal;

        (void)state;
        peer_workers(&chain, 1, 40);
        peer = peer_open(&hpa_strategy, &chain, "targetCpuPercent: 50");
        assert_int_equal(hpa_strategy.interval_ms(peer.options), 15000);
        proposal = turn(&peer, &chain, 15, 8, 5.0);
        assert_int_equal(peer_workers_of(&proposal), 16);
        assert_non_null(strstr(proposal.reason, "500 %"));
        assert_non_null(strstr(proposal.reason, "80 workers instead of 8"));
        proposal = turn(&peer, &chain, 30, 16, 5.0);
        assert_int_equal(peer_workers_of(&proposal), 32);
        proposal = turn(&peer, &chain, 45, 32, 5.0);
        assert_int_equal(peer_workers_of(&proposal), 40);
        peer_close(&peer);
}

static void scales_down_after_five_minutes_to_the_highest_recommendation(void **state)
{
        struct peer_pipeline chain;
        struct peer peer;
        struct proposal proposal;

        (void)state;
        peer_workers(&chain, 2, 24);
        peer = peer_open(&hpa_strategy, &chain, "targetCpuPercent: 35");
        for (int t = 15; t < 315; t += 15) {
                /* 10 * 17 / 35 = 4.9 and, once, 10 * 24 / 35 = 6.9. */
                proposal = turn(&peer, &chain, t, 10, t == 60 ? 0.24 : 0.17);
                assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        }
        proposal = turn(&peer, &chain, 315, 10, 0.17);
        assert_int_equal(peer_workers_of(&proposal), 7);
        proposal = turn(&peer, &chain, 330, 7, 0.17 * 10 / 7);
        assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        proposal = turn(&peer, &chain, 360, 7, 0.17 * 10 / 7);
        assert_int_equal(peer_workers_of(&proposal), 5);
        peer_close(&peer);
}

/* spec.replicas is what was asked for: while new workers start, the old number is still reported and their
 * share of the CPU counts as zero. */
static void starting_workers_do_not_make_it_scale_twice(void **state)
{
        struct peer_pipeline chain;
        struct peer peer;
        struct proposal proposal;

        (void)state;
        peer_workers(&chain, 1, 40);
        peer = peer_open(&hpa_strategy, &chain, "targetCpuPercent: 50");
        proposal = turn(&peer, &chain, 15, 4, 0.8);
        assert_int_equal(peer_workers_of(&proposal), 7);
        proposal = turn(&peer, &chain, 30, 4, 0.8);
        assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        proposal = turn(&peer, &chain, 45, 7, 0.8 * 4 / 7);
        assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        peer_close(&peer);
}

/* S5: CPU use of three of seven pods: as for pods without metrics, (3 * 100 % + 4 * 0 %) / 7 = 43 % is no
 * reason to grow, and 100 % none to shrink. Nor is it when it was seen before the four came. */
static void what_three_use_is_not_what_seven_use(void **state)
{
        (void)state;
        for (int unseen = 0; unseen < 2; unseen++) {
                struct peer_pipeline chain;
                struct peer peer;
                struct proposal proposal;
                struct observation observation;

                peer_workers(&chain, 1, 40);
                peer = peer_open(&hpa_strategy, &chain, "{targetCpuPercent: 50, metricsWindowSeconds: 30}");
                proposal = turn(&peer, &chain, 15, 3, 1.0);
                assert_int_equal(proposal.kind, PROPOSAL_HOLD);
                observation = peer_observation(&chain, 30 * SECOND, 7);
                if (unseen)
                        observation.missing |= MISSING_CPU;
                observation.cpu_ratio = 1;
                observation.cpu_workers = 3;
                proposal = peer_turn(&peer, &observation);
                assert_int_equal(proposal.kind, PROPOSAL_HOLD);
                peer_close(&peer);
        }
}

static void a_refused_scaling_never_happened(void **state)
{
        const struct verdict refused = {.judgement = JUDGEMENT_REFUSED};
        struct peer_pipeline chain;
        struct peer peer;
        struct proposal proposal;

        (void)state;
        peer_workers(&chain, 1, 40);
        peer = peer_open(&hpa_strategy, &chain, "targetCpuPercent: 50");
        for (int t = 15; t <= 45; t += 15) {
                struct observation observation = peer_observation(&chain, t * SECOND, 4);

                observation.cpu_ratio = 5;
                proposal = peer_turn(&peer, &observation);
                assert_int_equal(peer_workers_of(&proposal), 8);
                hpa_strategy.told(peer.state, &proposal, &refused, OUTCOME_UNKNOWN, &observation);
        }
        peer_close(&peer);
}

static void cpu_is_averaged_over_its_window(void **state)
{
        struct peer_pipeline chain;
        struct peer peer;
        struct proposal proposal;

        (void)state;
        peer_workers(&chain, 1, 40);
        peer = peer_open(&hpa_strategy, &chain, "{targetCpuPercent: 50, metricsWindowSeconds: 60}");
        for (int t = 15; t <= 45; t += 15)
                assert_int_equal(turn(&peer, &chain, t, 4, 0.5).kind, PROPOSAL_HOLD);
        /* Mean (3 * 0.5 + 1) / 4 = 0.62: ceil(4 * 62 / 50). */
        proposal = turn(&peer, &chain, 60, 4, 1.0);
        assert_int_equal(peer_workers_of(&proposal), 5);
        peer_close(&peer);
}

static void holds_without_cpu_and_within_bounds_whatever_comes(void **state)
{
        struct peer_pipeline chain;
        struct peer peer;
        struct observation observation;
        uint64_t random = 7;

        (void)state;
        peer_workers(&chain, 3, 12);
        peer = peer_open(&hpa_strategy, &chain, NULL);
        observation = peer_observation(&chain, 15 * SECOND, 6);
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation.cpu_ratio = 3;
        observation.missing = MISSING_CPU;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation.missing = MISSING_ALL;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        for (int t = 30, workers = 6; t < 30000; t += 15) {
                struct proposal proposal;

                random = random * 6364136223846793005u + 1442695040888963407u;
                proposal = turn(&peer, &chain, t, workers,
                                random >> 60 ? (double)(random >> 40) / (1 << 22) : NAN);
                workers = peer_workers_of(&proposal);
                assert_in_range(workers, 3, 12);
        }
        peer_close(&peer);
}

static void every_operator_gets_all_slots(void **state)
{
        struct peer_pipeline chain;
        struct peer peer;
        struct observation observation;
        struct proposal proposal;

        (void)state;
        peer_operators(&chain, 3, 16);
        chain.pipeline.slots_per_worker = 4;
        peer = peer_open(&hpa_strategy, &chain, "targetCpuPercent: 50");
        observation = peer_observation(&chain, 15 * SECOND, 8);
        observation.workers = observation.workers_ready = 2;
        observation.cpu_ratio = 0.7;
        proposal = peer_turn(&peer, &observation);
        for (int i = 0; i < 3; i++)
                assert_int_equal((int)proposal.configuration.value[i], 12);
        peer_close(&peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(utilisation_vectors),
                cmocka_unit_test(utilisation_is_cut_to_whole_per_cent),
                cmocka_unit_test(rate_limit_vectors),
                cmocka_unit_test(select_policy_min_and_disabled),
                cmocka_unit_test(stabilisation_vectors),
                cmocka_unit_test(the_first_recommendation_is_what_runs),
                cmocka_unit_test(scales_up_by_at_most_double_each_period),
                cmocka_unit_test(scales_down_after_five_minutes_to_the_highest_recommendation),
                cmocka_unit_test(starting_workers_do_not_make_it_scale_twice),
                cmocka_unit_test(what_three_use_is_not_what_seven_use),
                cmocka_unit_test(a_refused_scaling_never_happened),
                cmocka_unit_test(cpu_is_averaged_over_its_window),
                cmocka_unit_test(holds_without_cpu_and_within_bounds_whatever_comes),
                cmocka_unit_test(every_operator_gets_all_slots),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
