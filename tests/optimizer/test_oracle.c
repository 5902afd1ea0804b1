/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

extern const struct strategy oracle_strategy;

#define BLOCK_MS INT64_C(30000)
#define BLOCKS   240

/* 1,000 records/s a worker; a restart takes as long as the case says. */
struct play {
        struct peer_pipeline chain;
        struct operator_model operators[3];
        struct model model;
        struct foresight foresight;
        double load[BLOCKS];
        int workers[BLOCKS]; /* what the schedule ran */
        int changes;
};

static void run(struct play *play, int workers, double down_seconds)
{
        static const struct constraints constraints = {.latency_p99_seconds = NAN,
                                                       .backlog_seconds = 2,
                                                       .error_ratio = NAN,
                                                       .confidence = 0.95};
        struct yaml_document *document;
        struct price_book *prices;
        struct proposal *proposal = memory_new(1, sizeof *proposal);
        struct error err = ERROR_INIT;
        void *options, *price_options, *state;

        peer_workers(&play->chain, 1, 16);
        for (int i = 0; i < 3; i++)
                play->operators[i] =
                        (struct operator_model){.rate_per_second = i == 1 ? 1000 : 5000, .skew = 1};
        play->model = (struct model){.operators = {play->operators, 3},
                                     .restart = {.median_seconds = down_seconds, .warmup_capacity_ratio = 1}};
        play->foresight = (struct foresight){.step_ms = BLOCK_MS,
                                             .count = BLOCKS,
                                             .rate_per_second = play->load,
                                             .model = &play->model};
        play->changes = 0;
        assert_true(yaml_parse("{worker: {perHour: 1}}", 22, "prices", &document, &err));
        assert_true(option_new(&prices_table, yaml_root(document), &price_options, &err));
        assert_true(price_book_new(price_options, ".", &prices, &err));
        assert_true(option_new(oracle_strategy.options, NULL, &options, &err));
        assert_true(oracle_strategy.open(&(struct strategy_context){.pipeline = &play->chain.pipeline,
                                                                    .constraints = &constraints,
                                                                    .prices = prices,
                                                                    .foresight = &play->foresight},
                                         options, &state, &err));
        for (int i = 0; i < BLOCKS; i++) {
                struct observation observation = peer_observation(&play->chain, i * BLOCK_MS, workers);

                assert_true(oracle_strategy.propose(state, &observation, proposal, &err));
                if (proposal->kind == PROPOSAL_CHANGE) {
                        workers = peer_workers_of(proposal);
                        play->changes++;
                }
                play->workers[i] = workers;
        }
        oracle_strategy.close(state);
        option_delete(oracle_strategy.options, options);
        price_book_free(prices);
        option_delete(&prices_table, price_options);
        yaml_document_free(document);
        memory_free_cleanup(&proposal);
}

/* 4,500 records/s at 1,000 a worker: five. */
static void constant_load_gets_the_smallest_that_suffices(void **state)
{
        struct play play;

        (void)state;
        for (int i = 0; i < BLOCKS; i++)
                play.load[i] = 4500;
        run(&play, 16, 0);
        assert_int_equal(play.changes, 1);
        assert_int_equal(play.workers[0], 5);
        assert_int_equal(play.workers[BLOCKS - 1], 5);
}

/* Steps between 2,500 and 9,500 every 40 blocks. A change that keeps nobody waiting is free, so every step is
 * followed: three workers, then ten. */
static void free_changes_follow_every_step(void **state)
{
        struct play play;

        (void)state;
        for (int i = 0; i < BLOCKS; i++)
                play.load[i] = i / 40 % 2 ? 9500 : 2500;
        run(&play, 16, 1);
        assert_int_equal(play.changes, BLOCKS / 40);
        for (int i = 0; i < BLOCKS; i++)
                assert_int_equal(play.workers[i], i / 40 % 2 ? 10 : 3);
}

/* A change that stops the pipeline for ten minutes costs more than the excess: ten workers from the start to
 * the end. */
static void dear_changes_hold(void **state)
{
        struct play play;

        (void)state;
        for (int i = 0; i < BLOCKS; i++)
                play.load[i] = i / 40 % 2 ? 9500 : 2500;
        run(&play, 10, 600);
        assert_int_equal(play.changes, 0);
}

static void it_runs_only_where_the_future_is_known(void **state)
{
        struct peer_pipeline chain;
        struct constraints constraints = {NAN, NAN, NAN, NAN, NAN};
        struct error err = ERROR_INIT;
        void *options, *opened = NULL;

        (void)state;
        peer_workers(&chain, 1, 16);
        assert_true(option_new(oracle_strategy.options, NULL, &options, &err));
        assert_false(oracle_strategy.open(&(struct strategy_context){.pipeline = &chain.pipeline,
                                                                     .constraints = &constraints},
                                          options, &opened, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_null(opened);
        option_delete(oracle_strategy.options, options);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(constant_load_gets_the_smallest_that_suffices),
                cmocka_unit_test(free_changes_follow_every_step),
                cmocka_unit_test(dear_changes_hold),
                cmocka_unit_test(it_runs_only_where_the_future_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
