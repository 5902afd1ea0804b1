/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `plan` with knobs for partitions and memory: when it asks for more of them, and when it leaves them alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/prices_options.h"
#include "core/yaml.h"
#include "tests/support/peer.h"

extern const struct strategy plan_strategy;

#define MI       ((double)(1 << 20))
#define START_MS ((int64_t)1000 * MS_PER_HOUR)

/*
 * source -> work -> sink on up to 32 workers of one slot. A subtask of the source reads 1000 records/s, the
 * others do 4000. The source reads `partitions`, so no more than that many of its subtasks have work.
 */
struct play {
        struct peer_pipeline chain;
        struct peer peer;
        struct constraints constraints;
        struct strategy_context context;
        struct observation seen;
        struct proposal proposal;
        struct price_book *prices;
        void *price_options;
};

static void play_open(struct play *play, int partitions)
{
        static const char prices[] = "{currency: USD, worker: {perHour: \"0.25\"}}";
        struct error err = ERROR_INIT;

        memset(play, 0, sizeof *play);
        assert_true(yaml_parse(prices, sizeof prices - 1, "prices", &play->peer.document, &err));
        assert_true(option_new(&prices_table, yaml_root(play->peer.document), &play->price_options, &err));
        assert_true(price_book_new(play->price_options, ".", &play->prices, &err));
        peer_chain(&play->chain, 3);
        play->chain.operators[0].partitions = partitions;
        play->chain.pipeline.n_knobs = 5;
        for (int i = 0; i < 3; i++)
                play->chain.knobs[i] = (struct knob){.name = "parallelism",
                                                     .role = KNOB_PARALLELISM,
                                                     .operator_index = i,
                                                     .min = 1,
                                                     .max = 32,
                                                     .step = 1};
        play->chain.knobs[3] = (struct knob){.name = "partitions",
                                             .role = KNOB_PARTITIONS,
                                             .operator_index = 0,
                                             .min = partitions,
                                             .max = 96,
                                             .step = 1};
        play->chain.knobs[4] = (struct knob){.name = "memory.heap",
                                             .role = KNOB_MEMORY,
                                             .operator_index = -1,
                                             .min = 256 * MI,
                                             .max = 4096 * MI};
        play->constraints = (struct constraints){.latency_p99_seconds = 2,
                                                 .backlog_seconds = 30,
                                                 .error_ratio = NAN,
                                                 .confidence = 0.95};
        play->context = (struct strategy_context){.pipeline = &play->chain.pipeline,
                                                  .constraints = &play->constraints,
                                                  .prices = play->prices,
                                                  .start_ms = START_MS};
        assert_true(option_new(plan_strategy.options, NULL, &play->peer.options, &err));
        assert_true(plan_strategy.open(&play->context, play->peer.options, &play->peer.state, &err));
        observation_clear(&play->seen, START_MS, 60000, 3);
        play->seen.configuration =
                (struct configuration){.count = 5, .value = {1, 1, 1, partitions, 1024 * MI}};
        play->seen.memory.heap = (struct memory_use){600 * MI, 1024 * MI};
        play->seen.memory.gc_ratio = 0.01;
}

static void play_close(struct play *play)
{
        plan_strategy.close(play->peer.state);
        option_delete(plan_strategy.options, play->peer.options);
        price_book_free(play->prices);
        option_delete(&prices_table, play->price_options);
        yaml_document_free(play->peer.document);
}

/* One minute at a load; the pipeline runs what was proposed at once. */
static void turn(struct play *play, double load)
{
        static const double rate[] = {1000, 4000, 4000};
        struct observation *seen = &play->seen;
        double capacity = 1e9, throughput;
        struct error err = ERROR_INIT;
        struct deployment runs;

        pipeline_deployment(&play->chain.pipeline, &seen->configuration, &runs);
        if (runs.parallelism[0] > seen->configuration.value[3])
                runs.parallelism[0] = (int)seen->configuration.value[3];
        for (int i = 0; i < 3; i++)
                capacity = fmin(capacity, runs.parallelism[i] * rate[i]);
        throughput = fmin(load, capacity);
        seen->time_ms += 60000;
        seen->missing = 0;
        seen->memory.heap.max_bytes = seen->configuration.value[4];
        seen->workers = seen->workers_ready = runs.workers;
        seen->offered_per_second = load;
        seen->throughput_per_second = throughput;
        seen->backlog_records = (load - throughput) * 60;
        seen->latency_p99_seconds = load > capacity ? 60 : 0.2;
        for (int i = 0; i < 3; i++) {
                struct operator_observation *operator= & seen->operators[i];

                *operator=(struct operator_observation){
                        .parallelism = runs.parallelism[i],
                        .in_per_second = throughput,
                        .out_per_second = throughput,
                        .busy_ratio = throughput / (runs.parallelism[i] * rate[i]),
                        .busy_ratio_max = throughput / (runs.parallelism[i] * rate[i]),
                        .true_rate_per_second = runs.parallelism[i] * rate[i],
                        .backlog_records = i == 0 ? seen->backlog_records : NAN,
                        .partitions = i == 0 ? (int)seen->configuration.value[3] : 0,
                        .partition_per_second_max = i == 0 ? load / seen->configuration.value[3] : NAN,
                };
        }
        assert_true(plan_strategy.propose(play->peer.state, seen, &play->proposal, &err));
        if (play->proposal.kind == PROPOSAL_CHANGE) {
                const struct verdict verdict = {.judgement = JUDGEMENT_ALLOWED,
                                                .configuration = play->proposal.configuration};

                plan_strategy.told(play->peer.state, &play->proposal, &verdict, OUTCOME_PENDING, seen);
                seen->configuration = play->proposal.configuration;
                plan_strategy.told(play->peer.state, &play->proposal, &verdict, OUTCOME_CONFIRMED, seen);
        }
}

/* 12,000 records/s want twelve subtasks of the source, and six partitions feed six. More partitions come,
 * once, and then the subtasks that read them. */
static void a_topic_that_caps_the_pipeline(void **state)
{
        struct play play;
        double partitions = 6;
        int growths = 0;

        (void)state;
        play_open(&play, 6);
        for (int minute = 0; minute < 4 * 60; minute++) {
                turn(&play, 12000);
                if (play.proposal.configuration.value[3] > partitions) {
                        growths++;
                        assert_true(play.proposal.prediction.present);
                        assert_non_null(strstr(play.proposal.reason, "source needs"));
                        assert_non_null(strstr(play.proposal.reason, "not 6"));
                }
                assert_true(play.proposal.configuration.value[3] >= partitions);
                partitions = play.proposal.configuration.value[3];
        }
        assert_int_equal(growths, 1);
        /* Room for the reserve of half: at least 18. */
        assert_true(partitions >= 18);
        assert_true(play.seen.configuration.value[0] >= 12);
        assert_true(play.seen.latency_p99_seconds < 1);
        play_close(&play);
}

/* Enough partitions, evenly read: nothing happens to them for a day. */
static void a_topic_that_is_as_it_should_be(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, 24);
        for (int minute = 0; minute < 24 * 60; minute++) {
                turn(&play, 3000);
                assert_float_equal(play.proposal.configuration.value[3], 24, 0);
        }
        play_close(&play);
}

/* Workers that collect garbage do half as much. They get a larger heap, and nothing else changes at that
 * turn. */
static void garbage_is_no_lack_of_workers(void **state)
{
        struct play play;
        struct configuration before;
        double heap;

        (void)state;
        play_open(&play, 24);
        for (int minute = 0; minute < 60; minute++)
                turn(&play, 3000);
        before = play.seen.configuration;
        play.seen.memory.gc_ratio = 0.5;
        turn(&play, 3000);
        assert_int_equal(play.proposal.kind, PROPOSAL_CHANGE);
        heap = ceil(1.5 * before.value[4] / MI) * MI;
        assert_float_equal(play.proposal.configuration.value[4], heap, 0);
        for (int i = 0; i < 4; i++)
                assert_float_equal(play.proposal.configuration.value[i], before.value[i], 0);
        assert_non_null(strstr(play.proposal.reason, "garbage"));
        play.seen.memory.gc_ratio = 0.01;
        for (int minute = 0; minute < 5; minute++)
                turn(&play, 6000);
        assert_float_equal(play.proposal.configuration.value[4], heap, 0);
        assert_true(play.seen.configuration.value[0] > before.value[0]);
        play_close(&play);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_topic_that_caps_the_pipeline),
                cmocka_unit_test(a_topic_that_is_as_it_should_be),
                cmocka_unit_test(garbage_is_no_lack_of_workers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
