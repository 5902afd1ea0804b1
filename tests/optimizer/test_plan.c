/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/peer.h"

#include "core/formulas.h"

extern const struct strategy plan_strategy;

#define MINUTE_MS INT64_C(60000)
#define START_MS  INT64_C(1767571200000) /* a Monday, midnight */

/* A pipeline that does what its model says: 1,000 records/s a worker, restarts of half a minute. */
struct play {
        struct peer_pipeline chain;
        struct operator_model operators[3];
        struct model model;
        struct price_book *prices;
        struct yaml_document *document;
        void *options, *price_options, *state;
        int64_t time_ms;
        int workers;
};

/* `options` of plan, as a spec has them. */
static void open_with(struct play *play, bool with_model, int workers, const char *options)
{
        static const char prices[] = "{currency: USD, worker: {perHour: \"0.25\"}}";
        static const struct constraints constraints = {.latency_p99_seconds = 2,
                                                       .backlog_seconds = 60,
                                                       .error_ratio = NAN,
                                                       .confidence = 0.95};
        struct strategy_context context = {.pipeline = &play->chain.pipeline,
                                           .constraints = &constraints,
                                           .start_ms = START_MS};
        struct yaml_document *given;
        struct error err = ERROR_INIT;

        memset(play, 0, sizeof *play);
        peer_workers(&play->chain, 1, 32);
        for (int i = 0; i < 3; i++)
                play->operators[i] =
                        (struct operator_model){.rate_per_second = i == 1 ? 1000 : 4000, .skew = 1};
        play->model = (struct model){
                .operators = {play->operators, 3},
                .restart = {.median_seconds = 30, .log_sd = 0.2, .warmup_capacity_ratio = 1},
                .latency = {.base_seconds = 0.3, .log_sd = 0.1},
        };
        play->time_ms = START_MS;
        play->workers = workers;
        assert_true(yaml_parse(prices, sizeof prices - 1, "prices", &play->document, &err));
        assert_true(option_new(&prices_table, yaml_root(play->document), &play->price_options, &err));
        assert_true(price_book_new(play->price_options, ".", &play->prices, &err));
        assert_true(yaml_parse(options, strlen(options), "options", &given, &err));
        assert_true(option_new(plan_strategy.options, yaml_root(given), &play->options, &err));
        yaml_document_free(given);
        context.prices = play->prices;
        context.model = with_model ? &play->model : NULL;
        assert_true(plan_strategy.open(&context, play->options, &play->state, &err));
}

static void open_play(struct play *play, bool with_model, int workers)
{
        open_with(play, with_model, workers, "{}");
}

static void close_play(struct play *play)
{
        plan_strategy.close(play->state);
        option_delete(plan_strategy.options, play->options);
        price_book_free(play->prices);
        option_delete(&prices_table, play->price_options);
        yaml_document_free(play->document);
}

static struct observation seen(struct play *play, double load)
{
        struct observation observation =
                peer_observation(&play->chain, play->time_ms += MINUTE_MS, play->workers);

        observation.window_ms = MINUTE_MS;
        observation.offered_per_second = observation.throughput_per_second = load;
        observation.latency_p50_seconds = 0.3;
        observation.latency_p99_seconds = 0.4;
        for (int i = 0; i < 3; i++) {
                double busy = load / (play->operators[i].rate_per_second * play->workers);

                observation.operators[i] = (struct operator_observation){
                        .parallelism = play->workers,
                        .in_per_second = load,
                        .out_per_second = load,
                        .busy_ratio = fmin(busy, 1),
                        .busy_ratio_max = fmin(busy, 1),
                        .true_rate_per_second = load / busy,
                };
        }
        return observation;
}

static struct proposal turn(struct play *play, const struct observation *observation)
{
        struct proposal proposal;
        struct error err = ERROR_INIT;

        memset(&proposal, 0x5a, sizeof proposal);
        assert_true(plan_strategy.propose(play->state, observation, &proposal, &err));
        assert_string_equal(proposal.strategy, "plan");
        assert_int_equal(proposal.kind == PROPOSAL_HOLD,
                         configuration_equal(&proposal.configuration, &observation->configuration));
        return proposal;
}

/* One minute of load; what is proposed is applied at once. */
static struct proposal minute(struct play *play, double load)
{
        struct observation observation = seen(play, load);
        struct proposal proposal = turn(play, &observation);
        struct verdict verdict = {.judgement = JUDGEMENT_ALLOWED, .configuration = proposal.configuration};

        if (proposal.kind == PROPOSAL_CHANGE) {
                play->workers = peer_workers_of(&proposal);
                plan_strategy.told(play->state, &proposal, &verdict, OUTCOME_PENDING, &observation);
        }
        return proposal;
}

/* 6,000 records/s need six workers; twenty-four run. The fewest that leave room to catch up after a change
 * are seven or eight: the excess is given back within minutes, once, and then nothing moves. */
static void excess_is_given_back(void **state)
{
        struct play play;
        int changes = 0;

        (void)state;
        open_play(&play, true, 24);
        for (int i = 0; i < 240; i++)
                changes += minute(&play, 6000).kind == PROPOSAL_CHANGE;
        assert_in_range(play.workers, 7, 9);
        assert_in_range(changes, 1, 2);
        close_play(&play);
}

static void growth_is_followed_before_it_is_late(void **state)
{
        struct play play;

        (void)state;
        open_play(&play, true, 8);
        for (int i = 0; i < 120; i++)
                minute(&play, 6000);
        for (int i = 0; i < 120; i++) {
                minute(&play, 6000 + 50 * i);
                assert_true(play.workers * 1000 >= 6000 + 50 * i);
        }
        close_play(&play);
}

/* Two days of a load between 2,000 and 8,000 records/s: the dearer a change, the fewer are made. */
static void dearer_changes_are_fewer(void **state)
{
        static const char *const options[] = {"{}", "{changeSeconds: 60}", "{changeSeconds: 1000}"};
        int changes[ARRAY_LENGTH(options)] = {0};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
                struct play play;

                open_with(&play, true, 10, options[i]);
                for (int t = 0; t < 2 * 1440; t++) {
                        double load = 5000 - 3000 * cos(2 * M_PI * t / 1440);

                        changes[i] += minute(&play, load).kind == PROPOSAL_CHANGE;
                }
                close_play(&play);
        }
        assert_true(changes[0] > changes[1] && changes[1] > changes[2]);
}

/* The proposal says what it expects and what else was weighed. */
static void a_change_is_explained(void **state)
{
        struct play play;
        struct proposal proposal = {0};

        (void)state;
        open_play(&play, true, 24);
        for (int i = 0; i < 60 && proposal.kind != PROPOSAL_CHANGE; i++)
                proposal = minute(&play, 6000);
        assert_int_equal(proposal.kind, PROPOSAL_CHANGE);
        assert_non_null(strstr(proposal.reason, "rec/s"));
        assert_non_null(strstr(proposal.reason, "USD"));
        assert_true(proposal.expected_saving > 0);
        assert_true(proposal.prediction.present);
        assert_float_equal(proposal.prediction.capacity_mean, 1000 * play.workers, 20 * play.workers);
        assert_float_equal(proposal.prediction.cost_per_hour_mean, 0.25 * play.workers, 1e-9);
        assert_true(proposal.prediction.settle_ms >= 30000);
        assert_in_range(proposal.n_alternatives, 3, PROPOSAL_MAX_ALTERNATIVES);
        assert_string_equal(proposal.alternatives[0].why_not, "");
        for (int i = 1; i < proposal.n_alternatives; i++)
                assert_true(proposal.alternatives[i].why_not[0] != '\0');
        close_play(&play);
}

static void without_data_it_holds_and_says_so(void **state)
{
        struct play play;
        struct observation observation;
        struct proposal proposal;

        (void)state;
        open_play(&play, true, 24);
        observation = seen(&play, 6000);
        observation.missing = MISSING_RATES;
        proposal = turn(&play, &observation);
        assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        assert_non_null(strstr(proposal.reason, "no complete observation"));
        observation = seen(&play, 6000);
        observation.restarting = true;
        proposal = turn(&play, &observation);
        assert_int_equal(proposal.kind, PROPOSAL_HOLD);
        assert_non_null(strstr(proposal.reason, "starting"));
        close_play(&play);
        open_play(&play, false, 24);
        observation = seen(&play, 0);
        proposal = turn(&play, &observation);
        assert_non_null(strstr(proposal.reason, "how much it can take"));
        close_play(&play);
}

static void what_is_behind_or_full_never_shrinks(void **state)
{
        struct play play;

        (void)state;
        open_play(&play, true, 24);
        for (int i = 0; i < 60; i++) {
                struct observation observation = seen(&play, 6000);
                struct proposal proposal;

                if (i % 2)
                        observation.backlog_records = 6000 * 30;
                else
                        observation.operators[1].busy_ratio_max = 0.99;
                proposal = turn(&play, &observation);
                assert_true(proposal.kind == PROPOSAL_HOLD || peer_workers_of(&proposal) >= 24);
        }
        close_play(&play);
}

static void what_was_taken_back_is_not_proposed_again_soon(void **state)
{
        struct play play;
        struct proposal first = {0};
        struct observation observation = {0};
        struct verdict verdict;

        (void)state;
        open_play(&play, true, 24);
        for (int i = 0; i < 60 && first.kind != PROPOSAL_CHANGE; i++) {
                observation = seen(&play, 6000);
                first = turn(&play, &observation);
        }
        assert_int_equal(first.kind, PROPOSAL_CHANGE);
        verdict = (struct verdict){.judgement = JUDGEMENT_ALLOWED, .configuration = first.configuration};
        plan_strategy.told(play.state, &first, &verdict, OUTCOME_PENDING, &observation);
        plan_strategy.told(play.state, &first, &verdict, OUTCOME_REVERTED, &observation);
        for (int i = 0; i < 50; i++) {
                struct proposal again;

                observation = seen(&play, 6000);
                again = turn(&play, &observation);
                assert_true(again.kind == PROPOSAL_HOLD ||
                            !configuration_equal(&again.configuration, &first.configuration));
        }
        close_play(&play);
}

/* No model: it learns from what it sees how much a worker takes, and ends near the same size. */
static void it_learns_without_a_model(void **state)
{
        struct play play;

        (void)state;
        open_play(&play, false, 24);
        for (int i = 0; i < 24 * 60; i++)
                minute(&play, 6000 + 300 * sin(i / 20.0));
        assert_in_range(play.workers, 7, 11);
        close_play(&play);
}

/* Who finds a job hours behind that gets more than it can take: however long the catching up, it takes more
 * workers, and at once. */
static void what_is_hours_behind_is_widened(void **state)
{
        static const double hours[] = {0.5, 2, 10, 100};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(hours); i++) {
                struct play play;
                struct observation observation;
                struct proposal proposal = {.kind = PROPOSAL_HOLD};

                open_play(&play, false, 2);
                play.chain.knobs[0].max = 6; /* which catch up with an hour in three, at best */
                for (int turns = 0; turns < 10 && proposal.kind == PROPOSAL_HOLD; turns++) {
                        observation = seen(&play, 2000);
                        observation.offered_per_second = 4500;
                        observation.backlog_records = hours[i] * 3600 * 4500;
                        proposal = turn(&play, &observation);
                }
                if (proposal.kind == PROPOSAL_HOLD || peer_workers_of(&proposal) < 5)
                        fail_msg("%g hours behind: %s", hours[i], proposal.reason);
                close_play(&play);
        }
}

/* More load at once than the largest deployment carries: the less is left lying, the sooner it is caught up
 * with. */
static void more_than_anything_carries_takes_the_most(void **state)
{
        static const int most[] = {9, 12, 16, 32};
        static const double over[] = {1.1, 1.5, 3};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(most) * ARRAY_LENGTH(over); i++) {
                int workers = most[i / ARRAY_LENGTH(over)];
                double load = over[i % ARRAY_LENGTH(over)] * 1000 * workers, waiting = 0;
                struct proposal proposal = {.kind = PROPOSAL_HOLD};
                struct play play;

                open_play(&play, false, 7);
                play.chain.knobs[0].max = workers;
                for (int turns = 0; turns < 20; turns++) {
                        struct observation observation = seen(&play, 4000);

                        turn(&play, &observation);
                }
                for (int turns = 0; turns < 3 && proposal.kind == PROPOSAL_HOLD; turns++) {
                        struct observation observation = seen(&play, 7000);

                        waiting += (load - 7000) * 60;
                        observation.offered_per_second = load;
                        observation.backlog_records = waiting;
                        proposal = turn(&play, &observation);
                }
                if (proposal.kind == PROPOSAL_HOLD || peer_workers_of(&proposal) < 0.85 * workers)
                        fail_msg("%g records/s on at most %d workers: %s", load, workers, proposal.reason);
                close_play(&play);
        }
}

/* Sources that read nothing in a window while something waits: what its wait is by that (INFINITY) tells as
 * much as no latency does, and what waits in the broker tells the rest. */
static void a_wait_without_end_tells_nothing(void **state)
{
        static const double told[] = {NAN, INFINITY};
        struct proposal proposals[2];

        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct play play;

                open_play(&play, true, 4);
                for (int turns = 0; turns < 5; turns++) {
                        struct observation observation = seen(&play, 4000);

                        observation.offered_per_second = 4500;
                        observation.backlog_records = 600 * 4500;
                        observation.latency_p99_seconds = told[i];
                        proposals[i] = turn(&play, &observation);
                }
                close_play(&play);
        }
        assert_int_equal(proposals[0].kind, PROPOSAL_CHANGE);
        assert_int_equal(proposals[1].kind, PROPOSAL_CHANGE);
        assert_int_equal(peer_workers_of(&proposals[1]), peer_workers_of(&proposals[0]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(excess_is_given_back),
                cmocka_unit_test(growth_is_followed_before_it_is_late),
                cmocka_unit_test(dearer_changes_are_fewer),
                cmocka_unit_test(a_change_is_explained),
                cmocka_unit_test(without_data_it_holds_and_says_so),
                cmocka_unit_test(what_is_behind_or_full_never_shrinks),
                cmocka_unit_test(what_was_taken_back_is_not_proposed_again_soon),
                cmocka_unit_test(what_is_hours_behind_is_widened),
                cmocka_unit_test(more_than_anything_carries_takes_the_most),
                cmocka_unit_test(a_wait_without_end_tells_nothing),
                cmocka_unit_test(it_learns_without_a_model),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
