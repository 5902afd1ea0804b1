/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include <stdlib.h>

#include "core/text.h"
#include "optimizer/ds2.h"
#include "tests/support/data.h"

extern const struct strategy ds2_strategy;

static const struct ds2_options plain = {.target_rate_ratio_threshold = INFINITY};

/* Vectors of controller/tests/scaling_policy_test.rs: a chain S -> Op1 -> Op2, all with one instance. */
static void one_source(void **state)
{
        static const struct {
                double source, op1[2], op2[2];
                int expected[2];
        } cases[] = {
                {100, {50, 400}, {100, 200}, {2, 8}},
                {200, {40, 700}, {99, 200}, {5, 36}},
                {200, {10, 700}, {201, 200}, {20, 70}},
        };
        struct peer_pipeline chain;
        struct error err = ERROR_INIT;

        (void)state;
        peer_operators(&chain, 3, 1000);
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct ds2_rates rates[] = {
                        {1, 0, cases[i].source, 90},
                        {1, cases[i].op1[0], cases[i].op1[1], 380},
                        {1, cases[i].op2[0], cases[i].op2[1], 200},
                };
                int plan[3];

                assert_true(ds2_plan(&chain.pipeline, rates, &plain, plan, &err));
                assert_int_equal(plan[0], 1);
                assert_int_equal(plan[1], cases[i].expected[0]);
                assert_int_equal(plan[2], cases[i].expected[1]);
        }
}

static void two_sources(void **state)
{
        static const struct {
                double source, op1[2], op2[2];
                int expected[2];
        } cases[] = {
                {100, {50, 400}, {100, 200}, {4, 16}},
                {200, {40, 700}, {99, 200}, {10, 71}},
                {200, {10, 700}, {201, 200}, {40, 140}},
        };
        struct peer_pipeline chain;
        struct error err = ERROR_INIT;

        (void)state;
        peer_operators(&chain, 4, 1000);
        chain.operators[1].source = true;
        chain.edges[0] = (struct edge){.from = 0, .to = 2};
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct ds2_rates rates[] = {
                        {1, 0, cases[i].source, 90},
                        {1, 0, cases[i].source, 90},
                        {1, cases[i].op1[0], cases[i].op1[1], 380},
                        {1, cases[i].op2[0], cases[i].op2[1], 200},
                };
                int plan[4];

                assert_true(ds2_plan(&chain.pipeline, rates, &plain, plan, &err));
                assert_int_equal(plan[2], cases[i].expected[0]);
                assert_int_equal(plan[3], cases[i].expected[1]);
        }
}

static void correction_and_factor(void **state)
{
        const struct ds2_options corrected = {.target_rate_ratio_threshold = 1.2};
        const struct ds2_options generous = {.scaling_factor = 0.5, .target_rate_ratio_threshold = INFINITY};
        const struct ds2_rates rates[] = {{1, 0, 100, 80}, {4, 200, 200, 160}, {2, 400, 0, 0}};
        struct peer_pipeline chain;
        struct error err = ERROR_INIT;
        int plan[3];

        /* 100 / (200 / 4) = 2; its output 200 * 2 / 4 = 100; 100 / (400 / 2) = 0.5. Nobody grows and the
         * source falls behind by 1.25: ceil(2 * 1.25) and ceil(1 * 1.25). */
        (void)state;
        peer_operators(&chain, 3, 1000);
        assert_true(ds2_plan(&chain.pipeline, rates, &plain, plan, &err));
        assert_int_equal(plan[1], 2);
        assert_int_equal(plan[2], 1);
        assert_true(ds2_plan(&chain.pipeline, rates, &corrected, plan, &err));
        assert_int_equal(plan[1], 3);
        assert_int_equal(plan[2], 2);
        assert_true(ds2_plan(&chain.pipeline, rates, &generous, plan, &err));
        assert_int_equal(plan[1], 3);
        assert_int_equal(plan[2], 1);
}

static void unknown_rates_are_no_rates(void **state)
{
        struct ds2_rates rates[] = {{1, 0, 100, 80}, {4, NAN, 200, 160}};
        struct peer_pipeline chain;
        struct error err = ERROR_INIT;
        int plan[2] = {-7, -7};

        (void)state;
        peer_operators(&chain, 2, 1000);
        assert_false(ds2_plan(&chain.pipeline, rates, &plain, plan, &err));
        assert_int_equal(err.code, ERROR_INCOMPLETE);
        assert_non_null(strstr(err.message, "work"));
        assert_int_equal(plan[1], -7);
        rates[1].true_processing = INFINITY;
        assert_false(ds2_plan(&chain.pipeline, rates, &plain, plan, &err));
        rates[1].true_processing = 0;
        assert_false(ds2_plan(&chain.pipeline, rates, &plain, plan, &err));
}

/* consider_change of manager.rs: one more counts, one less does not. */
static void one_instance_less_is_not_significant(void **state)
{
        const struct ds2_rates rates[] = {{.instances = 1}, {.instances = 4}};
        struct peer_pipeline chain;

        (void)state;
        peer_operators(&chain, 2, 1000);
        assert_false(ds2_significant(&chain.pipeline, rates, (int[]){1, 4}));
        assert_false(ds2_significant(&chain.pipeline, rates, (int[]){1, 3}));
        assert_true(ds2_significant(&chain.pipeline, rates, (int[]){1, 2}));
        assert_true(ds2_significant(&chain.pipeline, rates, (int[]){1, 5}));
        assert_false(ds2_significant(&chain.pipeline, rates, (int[]){9, 4}));
}

/* ---- rates recorded by DS2's authors from Flink's word count ---- */

/* Sums the `epoch`th line of each instance. Fields: operator, instance, instances, time, true and observed
 * rates. */
static void read_epoch(char *text, int epoch, const char *const *names, struct ds2_rates *rates)
{
        int seen[3][16] = {{0}};

        memset(rates, 0, 3 * sizeof *rates);
        for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
                double processing, output, observed_processing, observed_output;
                int instance, instances;
                char name[80];

                if (sscanf(line, "%79[^,],%d,%d,%*d,%lf,%lf,%lf,%lf", name, &instance, &instances,
                           &processing, &output, &observed_processing, &observed_output) != 7)
                        continue;
                for (int i = 0; i < 3; i++) {
                        if (strcmp(name, names[i]) != 0 || seen[i][instance]++ != epoch)
                                continue;
                        rates[i].instances = instances;
                        rates[i].true_processing += processing;
                        rates[i].true_output += output;
                        rates[i].observed_output += observed_output;
                }
        }
}

static void recorded_word_count(void **state)
{
        static const char *const names[] = {"Source: Custom Source", "Splitter FlatMap",
                                            "Count -> Latency Sink"};
        const struct ds2_options corrected = {.target_rate_ratio_threshold = 1};
        struct peer_pipeline chain;
        struct error err = ERROR_INIT;
        char path[DATA_PATH_BYTES];

        (void)state;
        data_path("ds2-rates/flink_rates.log", path);
        peer_operators(&chain, 3, 1000);
        for (int epoch = 0; epoch < 2; epoch++) {
                autofree char *text = NULL;
                struct ds2_rates rates[3];
                int plan[3];

                assert_true(text_read_file(path, 1 << 20, &text, NULL, &err));
                read_epoch(text, epoch, names, rates);
                assert_int_equal(rates[1].instances, 2);
                /* By hand, first epoch: 109,705 / (245,126 / 2) = 0.90 and 2,490,646 * 0.90 / 2 / 1,845,391 =
                 * 0.60; second: 116,940 / (254,544 / 2) = 0.92 and 2,586,228 * 0.92 / 2 / 1,663,459 = 0.71.
                 */
                assert_true(ds2_plan(&chain.pipeline, rates, &plain, plan, &err));
                assert_int_equal(plan[1], 1);
                assert_int_equal(plan[2], 1);
                /* The source reads 79,940 of 109,705 records/s, then 79,980 of 116,940: 1.37 and 1.46 times
                 * too few. */
                assert_true(ds2_plan(&chain.pipeline, rates, &corrected, plan, &err));
                assert_int_equal(plan[1], 2);
                assert_int_equal(plan[2], 2);
        }
}

/* ---- the strategy ---- */

static struct observation running(const struct peer_pipeline *chain, int64_t time_ms, int work,
                                  double offered)
{
        struct observation observation = peer_observation(chain, time_ms, 1);
        const double rate = 100; /* of one subtask of work and of sink */

        observation.configuration.value[1] = work;
        observation.offered_per_second = offered;
        observation.throughput_per_second = fmin(offered, work * rate);
        for (int i = 0; i < 3; i++) {
                struct operator_observation *each = &observation.operators[i];

                *each = (struct operator_observation){
                        .parallelism = i == 1 ? work : 1,
                        .in_per_second = observation.throughput_per_second,
                        .out_per_second = i < 2 ? observation.throughput_per_second : 0,
                        .true_rate_per_second = i == 1 ? work * rate : 10000,
                };
        }
        return observation;
}

static void one_step_after_warming_up(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct proposal proposal;
        struct peer peer;

        (void)state;
        peer_operators(&chain, 3, 12);
        peer = peer_open(&ds2_strategy, &chain, NULL);
        assert_int_equal(ds2_strategy.interval_ms(peer.options), 10000);
        for (int t = 1; t <= 2; t++) {
                observation = running(&chain, t * 10000, 3, 650);
                assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        }
        observation = running(&chain, 30000, 3, 650);
        proposal = peer_turn(&peer, &observation);
        assert_int_equal((int)proposal.configuration.value[0], 1);
        assert_int_equal((int)proposal.configuration.value[1], 7);
        assert_int_equal((int)proposal.configuration.value[2], 1);
        assert_non_null(strstr(proposal.reason, "7 instances instead of 3"));
        for (int t = 4; t <= 9; t++) {
                observation = running(&chain, t * 10000, 7, 650);
                assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        }
        peer_close(&peer);
}

static void holds_without_rates_and_never_leaves_the_bounds(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct proposal proposal;
        struct peer peer;

        (void)state;
        peer_operators(&chain, 3, 12);
        peer = peer_open(&ds2_strategy, &chain, "warmUpIntervals: 0");
        observation = running(&chain, 10000, 3, 650);
        observation.missing = MISSING_RATES;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation = running(&chain, 20000, 3, 650);
        observation.restarting = true;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation = running(&chain, 30000, 3, 650);
        observation.operators[1].true_rate_per_second = INFINITY;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation = running(&chain, 40000, 3, 0);
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        observation = running(&chain, 50000, 3, 1e7);
        proposal = peer_turn(&peer, &observation);
        assert_int_equal((int)proposal.configuration.value[1], 12);
        peer_close(&peer);
}

static void a_pipeline_of_workers_follows_its_widest_operator(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct proposal proposal;
        struct peer peer;

        (void)state;
        peer_workers(&chain, 1, 12);
        peer = peer_open(&ds2_strategy, &chain, "warmUpIntervals: 0");
        observation = peer_observation(&chain, 10000, 6);
        observation.offered_per_second = observation.throughput_per_second = 250;
        for (int i = 0; i < 3; i++)
                observation.operators[i] = (struct operator_observation){.parallelism = 6,
                                                                         .in_per_second = 250,
                                                                         .out_per_second = 250,
                                                                         .true_rate_per_second = 600};
        proposal = peer_turn(&peer, &observation);
        assert_int_equal(peer_workers_of(&proposal), 3);
        peer_close(&peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_source),
                cmocka_unit_test(two_sources),
                cmocka_unit_test(correction_and_factor),
                cmocka_unit_test(unknown_rates_are_no_rates),
                cmocka_unit_test(one_instance_less_is_not_significant),
                cmocka_unit_test(recorded_word_count),
                cmocka_unit_test(one_step_after_warming_up),
                cmocka_unit_test(holds_without_rates_and_never_leaves_the_bounds),
                cmocka_unit_test(a_pipeline_of_workers_follows_its_widest_operator),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
