/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

extern const struct strategy static_strategy;

static void holds_what_runs(void **state)
{
        struct peer_pipeline chain;
        struct peer peer;

        (void)state;
        peer_workers(&chain, 1, 24);
        peer = peer_open(&static_strategy, &chain, NULL);
        for (int t = 1; t < 100; t++) {
                struct observation observation = peer_observation(&chain, t * 60000, 7);

                observation.cpu_ratio = t % 3;
                assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        }
        peer_close(&peer);
}

static void brings_about_the_size_asked_for(void **state)
{
        struct peer_pipeline chain;
        struct observation observation;
        struct proposal proposal;
        struct peer peer;

        (void)state;
        peer_workers(&chain, 1, 24);
        observation = peer_observation(&chain, 60000, 7);
        peer = peer_open(&static_strategy, &chain, "workers: 5");
        proposal = peer_turn(&peer, &observation);
        assert_int_equal(peer_workers_of(&proposal), 5);
        observation = peer_observation(&chain, 120000, 5);
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        peer_close(&peer);

        peer_operators(&chain, 3, 12);
        observation = peer_observation(&chain, 60000, 12);
        peer = peer_open(&static_strategy, &chain, "sizeRatio: 0.25");
        proposal = peer_turn(&peer, &observation);
        for (int i = 0; i < 3; i++)
                assert_int_equal((int)proposal.configuration.value[i], 3);
        observation.missing = MISSING_ALL;
        assert_int_equal(peer_turn(&peer, &observation).kind, PROPOSAL_HOLD);
        peer_close(&peer);
}

static void two_sizes_are_one_too_many(void **state)
{
        static const char text[] = "{workers: 5, sizeRatio: 0.5}";
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;
        void *options = NULL;

        (void)state;
        assert_true(yaml_parse(text, strlen(text), "f.yaml", &document, &err));
        assert_false(option_new(static_strategy.options, yaml_root(document), &options, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "sizeRatio"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(holds_what_runs),
                cmocka_unit_test(brings_about_the_size_asked_for),
                cmocka_unit_test(two_sizes_are_one_too_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
