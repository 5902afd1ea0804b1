/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The promises under faults: the process dies at every single callback, and a thousand seeds of lost metrics,
 * failed calls, failing journal, surges, lost workers and crashes. What must hold each time:
 *
 *   - nothing is written without an intent that is durable and not yet ended;
 *   - at most one intent is unfinished at any time, and none in the end;
 *   - of one intent no write takes effect twice, neither forth nor back;
 *   - no action rests on an incomplete observation, and none shrinks a pipeline that falls behind;
 *   - the target ends as it was before an action, as the action wanted it, or as one that was confirmed:
 * never half-way.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/loop/loop.h"
#include "core/random.h"
#include "sim/engine.h"
#include "tests/support/play.h"

extern const struct guardrail canary_guardrail, saturated_guardrail;

struct world {
        struct play *play;
        struct loop *loop;
        struct spec_guardrail guardrails[2];
        struct configuration baseline;
};

static void open_world(struct world *world)
{
        struct error err = ERROR_INIT;

        *world = (struct world){.play = play_new(), .baseline = play_configuration(4, 8)};
        world->guardrails[0].guardrail = &canary_guardrail;
        world->guardrails[1].guardrail = &saturated_guardrail;
        for (int i = 0; i < 2; i++)
                assert_true(option_new(world->guardrails[i].guardrail->options, NULL,
                                       &world->guardrails[i].options, &err));
}

static struct loop_setup setup_of(struct world *world)
{
        struct play *play = world->play;

        return (struct loop_setup){.pipeline = &play->pipeline,
                                   .constraints = &play->constraints,
                                   .prices = play->prices,
                                   .clock = &play->clock,
                                   .collector = &play->collector,
                                   .collector_state = play,
                                   .actuator = &play->actuator,
                                   .actuator_state = play,
                                   .strategy = &play->strategy,
                                   .strategy_state = play,
                                   .interval_ms = PLAY_WINDOW_MS,
                                   .guardrails = world->guardrails,
                                   .n_guardrails = 2,
                                   .journal = &play->journal,
                                   .mode = SPEC_AUTO,
                                   .baseline = &world->baseline};
}

/* A new process; the old one, if any, is gone with all it knew. */
static void start_process(struct world *world)
{
        struct loop_setup setup = setup_of(world);

        loop_free(world->loop);
        play_restart(world->play);
        world->loop = loop_new(&setup);
}

static void close_world(struct world *world)
{
        loop_free(world->loop);
        for (int i = 0; i < 2; i++)
                option_delete(world->guardrails[i].guardrail->options, world->guardrails[i].options);
        play_free(world->play);
}

/* One turn; false when the process died in it. */
static bool turn(struct world *world)
{
        world->play->now_ms += PLAY_WINDOW_MS;
        loop_turn(world->loop);
        return !world->play->dead;
}

static int unfinished(const struct play *play)
{
        int count = 0;

        for (int i = 0; i < play->n_intents; i++)
                count += !play->intents[i].ended;
        return count;
}

#define CHECK(condition, what)                                                                               \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        fail_msg("%s: %s", name, what);                                                      \
        } while (0)

static void check_always(const struct play *play, const char *name)
{
        CHECK(play->n_intents < PLAY_MAX_INTENTS && play->n_calls < PLAY_MAX_CALLS, "the stage is too small");
        CHECK(play->writes_without_intent == 0, "a write without an intent");
        CHECK(unfinished(play) <= 1, "two actions in flight");
        CHECK(play->intents_on_bad_data == 0, "an action on incomplete data");
        CHECK(play->intents_shrinking_while_behind == 0, "shrunk while falling behind");
        for (int i = 0; i < play->n_intents; i++)
                for (int knob = 0; knob < 2; knob++) {
                        CHECK(play->intents[i].writes_forth[knob] <= 1, "applied twice");
                        CHECK(play->intents[i].writes_back[knob] <= 1, "taken back twice");
                }
}

/* As it was before the last action, as that wanted it, or taken back to one that was confirmed before. */
static bool is_whole(const struct play *play)
{
        const struct play_intent *last = &play->intents[play->n_intents - 1];

        for (int i = 0; i < play->n_intents; i++)
                if (play->intents[i].outcome == OUTCOME_CONFIRMED && last->outcome == OUTCOME_REVERTED &&
                    configuration_equal(&play->target, &play->intents[i].intent.to))
                        return true;
        return configuration_equal(&play->target, &last->intent.from) ||
               configuration_equal(&play->target, &last->intent.to);
}

/* After the last process had time to settle everything, nobody wanting anything new. */
static void check_end(const struct play *play, const char *name)
{
        check_always(play, name);
        CHECK(unfinished(play) == 0, "an action was left unfinished");
        CHECK(play->n_intents == 0 || is_whole(play), "the target was left half-way");
}

/* ---- a crash at every callback ---- */

/* What happens in the story without a crash. */
static void tell_story(struct world *world, bool regresses)
{
        play_want(world->play, regresses ? 1 : 3, regresses ? 3 : 8);
        world->play->rate_of_wanted_ratio = regresses ? 0.6 : 1;
}

static void run_until_dead(struct world *world, int turns)
{
        for (int i = 0; i < turns && turn(world); i++)
                ;
}

/* Number of callbacks of the story when nobody dies. */
static int64_t length_of_story(bool regresses)
{
        struct world world;
        int64_t length;

        open_world(&world);
        tell_story(&world, regresses);
        start_process(&world);
        run_until_dead(&world, 12);
        assert_int_equal(world.play->n_intents, 1);
        assert_int_equal(world.play->intents[0].outcome, regresses ? OUTCOME_REVERTED : OUTCOME_CONFIRMED);
        length = world.play->callbacks;
        close_world(&world);
        return length;
}

/* Dies at callback `first` and, when `second` is not negative, the next process dies at its callback
 * `second`. */
static void crash(bool regresses, int64_t first, bool first_after, int64_t second, bool second_after)
{
        struct world world;
        char name[120];

        snprintf(name, sizeof name, "%s, crash %s callback %lld, then %s %lld",
                 regresses ? "regression" : "change", first_after ? "after" : "before", (long long)first,
                 second_after ? "after" : "before", (long long)second);
        open_world(&world);
        tell_story(&world, regresses);
        start_process(&world);
        world.play->callbacks = 0;
        world.play->crash_at = first;
        world.play->crash_after = first_after;
        run_until_dead(&world, 12);
        check_always(world.play, name);

        world.play->holds = true;
        if (second >= 0) {
                struct loop_setup setup = setup_of(&world);

                loop_free(world.loop);
                play_restart(world.play);
                world.play->callbacks = 0;
                world.play->crash_at = second;
                world.play->crash_after = second_after;
                world.loop = loop_new(&setup);
                run_until_dead(&world, 20);
                check_always(world.play, name);
        }
        start_process(&world);
        run_until_dead(&world, 90);
        check_end(world.play, name);
        close_world(&world);
}

static void test_a_crash_at_any_callback(void **state)
{
        (void)state;
        for (int regresses = 0; regresses < 2; regresses++) {
                int64_t length = length_of_story(regresses);

                assert_true(length > 30);
                for (int64_t at = 0; at < length; at++)
                        for (int after = 0; after < 2; after++)
                                crash(regresses, at, after, -1, false);
        }
}

static void test_two_crashes_at_any_callbacks(void **state)
{
        (void)state;
        for (int regresses = 0; regresses < 2; regresses++) {
                int64_t length = length_of_story(regresses);

                for (int64_t first = 0; first < length; first++)
                        for (int64_t second = 0; second < 16; second++)
                                crash(regresses, first, second % 2, second, first % 2);
        }
}

/* ---- a thousand seeds ---- */

#define SEEDS 1000
#define TURNS 240

static bool happens(gsl_rng *rng, double probability)
{
        return gsl_rng_uniform(rng) < probability;
}

static void stir(struct play *play, gsl_rng *rng)
{
        play->missing = happens(rng, 0.05) ? 1u << gsl_rng_uniform_int(rng, 6) : 0;
        play->nan = happens(rng, 0.02);
        play->restarting = happens(rng, 0.03);
        play->frozen = happens(rng, 0.03);
        play->collect_fails = happens(rng, 0.03);
        play->propose_fails = happens(rng, 0.02);
        play->journal_fails = happens(rng, 0.05);
        play->fail_for_good = happens(rng, 0.1);
        if (happens(rng, 0.02))
                play->knob_to_fail = (int)gsl_rng_uniform_int(rng, 2);
        else if (happens(rng, 0.2))
                play->knob_to_fail = -1;
        if (happens(rng, 0.05))
                play->load_per_second = 100 + 900 * gsl_rng_uniform(rng);
        if (happens(rng, 0.08)) {
                play->rate_of_wanted_ratio = happens(rng, 0.3) ? 0.6 : 1;
                play_want(play, 1 + (double)gsl_rng_uniform_int(rng, 4),
                          1 + (double)gsl_rng_uniform_int(rng, 16));
        }
        if (happens(rng, 0.03)) {
                play->crash_at = play->callbacks + (int64_t)gsl_rng_uniform_int(rng, 12);
                play->crash_after = happens(rng, 0.5);
        }
}

static void calm(struct play *play)
{
        play->missing = 0;
        play->nan = play->restarting = play->frozen = play->collect_fails = play->propose_fails = false;
        play->journal_fails = play->fail_for_good = false;
        play->knob_to_fail = -1;
        play->fault_ratio = 0;
        play->holds = true;
}

struct tally {
        int changes, outcomes[5], crashes;
};

static void live_through(uint64_t seed, struct tally *tally)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(seed, 0, 1);
        struct world world;
        char name[40];

        snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
        open_world(&world);
        world.play->random = random_new(seed, 0, 2);
        world.play->fault_ratio = 0.03;
        start_process(&world);
        for (int i = 0; i < TURNS; i++) {
                stir(world.play, rng);
                if (!turn(&world)) {
                        start_process(&world);
                        tally->crashes++;
                }
                check_always(world.play, name);
        }
        calm(world.play);
        start_process(&world);
        run_until_dead(&world, 150);
        check_end(world.play, name);
        tally->changes += world.play->n_intents;
        for (int i = 0; i < world.play->n_intents; i++)
                tally->outcomes[world.play->intents[i].outcome]++;
        close_world(&world);
}

static void test_a_thousand_seeds_of_faults(void **state)
{
        struct tally tally = {0};

        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                live_through(seed, &tally);
        print_message("%d actions: %d confirmed, %d reverted, %d failed, %d unknown; %d crashes\n",
                      tally.changes, tally.outcomes[OUTCOME_CONFIRMED], tally.outcomes[OUTCOME_REVERTED],
                      tally.outcomes[OUTCOME_FAILED], tally.outcomes[OUTCOME_UNKNOWN], tally.crashes);
        /* The seeds reach every ending. */
        for (int outcome = OUTCOME_CONFIRMED; outcome <= OUTCOME_UNKNOWN; outcome++)
                assert_true(tally.outcomes[outcome] > 10);
}

/* ---- the same on the simulated engine ---- */

#define ENGINE_SECONDS 7200

/* The engine as collector and actuator of the stage, so that the stage's journal sees what takes effect. */
struct engine_world {
        struct world world;
        struct engine *engine;
        struct model model;
        struct operator_model operators[2];
        double rate[ENGINE_SECONDS], cumulative[ENGINE_SECONDS + 1];
        struct load load;
        struct clock clock;
};

static bool engine_world_collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct engine_world *world = state;
        struct play *play = world->world.play;
        bool done = engine_collector.collect(world->engine, ret_observation, err);

        play->last_is_good = done && ret_observation->missing == 0 && !ret_observation->restarting &&
                             !ret_observation->counters_reset;
        if (done)
                play->last = *ret_observation;
        return done;
}

static bool engine_world_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        return engine_actuator.read(((struct engine_world *)state)->engine, ret_configuration, err);
}

static bool engine_world_apply(void *state, const struct configuration *from, const struct configuration *to,
                               bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct engine_world *world = state;
        struct play *play = world->world.play;
        struct configuration before, after;
        bool done;

        if (!engine_world_read(state, &before, err))
                return false;
        done = engine_actuator.apply(world->engine, from, to, dry_run, calls, err);
        if (!engine_world_read(state, &after, err) || configuration_equal(&before, &after))
                return done;
        play->writes++;
        if (play->n_calls == 0 || play->intents[play->call_intent[play->n_calls - 1]].ended)
                play->writes_without_intent++;
        else if (configuration_equal(to, &play->intents[play->call_intent[play->n_calls - 1]].intent.to))
                play->intents[play->call_intent[play->n_calls - 1]].writes_forth[0]++;
        else
                play->intents[play->call_intent[play->n_calls - 1]].writes_back[0]++;
        return done;
}

static void build_model(struct engine_world *world)
{
        struct error err = ERROR_INIT;
        void *model = NULL;

        assert_true(option_new(&model_table, NULL, &model, &err));
        world->model = *(struct model *)model;
        free(model);
        world->operators[0] = (struct operator_model){.rate_per_second = 1000, .skew = 1, .service_cv = 1};
        world->operators[1] =
                (struct operator_model){.rate_per_second = 100, .sigma = 0.02, .skew = 1.1, .service_cv = 1};
        world->model.operators = (struct option_list){.items = world->operators, .count = 2};
        world->model.failures = (struct failure_model){.every_seconds = 2400,
                                                       .jitter_ratio = 1,
                                                       .median_seconds = 60,
                                                       .log_sd = 0.3};
}

static void offer(struct engine_world *world, gsl_rng *rng)
{
        double rate = 250;

        for (int i = 0; i < ENGINE_SECONDS; i++) {
                if (happens(rng, 0.001))
                        rate = 100 + 900 * gsl_rng_uniform(rng);
                world->rate[i] = rate;
                world->cumulative[i + 1] = world->cumulative[i] + rate;
        }
}

static void open_engine_world(struct engine_world *world, uint64_t seed, gsl_rng *rng)
{
        struct engine_setup setup;
        struct play *play;

        open_world(&world->world);
        play = world->world.play;
        build_model(world);
        offer(world, rng);
        world->load = (struct load){ENGINE_SECONDS, world->rate, world->cumulative};
        setup = (struct engine_setup){.pipeline = &play->pipeline,
                                      .model = &world->model,
                                      .prices = play->prices,
                                      .constraints = &play->constraints,
                                      .load = &world->load,
                                      .start_ms = play->now_ms,
                                      .step_ms = 1000,
                                      .initial = play->target,
                                      .seed = seed};
        world->engine = engine_new(&setup);
        engine_set_faults(world->engine,
                          &(struct engine_faults){.failed_apply_ratio = 0.2, .missing_ratio = 0.05});
        world->clock = engine_clock(world->engine);
        play->collector.collect = engine_world_collect;
        play->actuator.apply = engine_world_apply;
        play->actuator.read = engine_world_read;
}

static void start_engine_process(struct engine_world *world)
{
        struct loop_setup setup = setup_of(&world->world);

        setup.clock = &world->clock;
        setup.collector_state = setup.actuator_state = world;
        loop_free(world->world.loop);
        play_restart(world->world.play);
        world->world.loop = loop_new(&setup);
}

static void live_on_the_engine(struct engine_world *world, uint64_t seed, struct tally *tally)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(seed, 0, 3);
        struct error err = ERROR_INIT;
        struct play *play;
        char name[40];
        int minute = 0;

        snprintf(name, sizeof name, "engine, seed %llu", (unsigned long long)seed);
        open_engine_world(world, seed, rng);
        play = world->world.play;
        start_engine_process(world);
        while (clock_sleep_until(&world->clock, clock_now_ms(&world->clock) + PLAY_WINDOW_MS, &err)) {
                if (minute++ < 70)
                        stir(play, rng);
                else
                        calm(play);
                loop_turn(world->world.loop);
                if (play->dead) {
                        start_engine_process(world);
                        tally->crashes++;
                }
                assert_true(engine_world_read(world, &play->target, &err));
                check_always(play, name);
        }
        for (int i = 0; i < play->n_intents; i++)
                tally->outcomes[play->intents[i].outcome]++;
        tally->changes += play->n_intents;
        CHECK(play->n_intents == 0 || is_whole(play), "the target was left half-way");
        engine_free(world->engine);
        close_world(&world->world);
}

static void test_a_thousand_seeds_on_the_simulated_engine(void **state)
{
        struct engine_world *world = memory_new(1, sizeof *world);
        struct tally tally = {0};

        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                live_on_the_engine(world, seed, &tally);
        print_message("%d actions: %d confirmed, %d reverted, %d failed, %d unknown; %d crashes\n",
                      tally.changes, tally.outcomes[OUTCOME_CONFIRMED], tally.outcomes[OUTCOME_REVERTED],
                      tally.outcomes[OUTCOME_FAILED], tally.outcomes[OUTCOME_UNKNOWN], tally.crashes);
        assert_true(tally.changes > SEEDS);
        free(world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_crash_at_any_callback),
                cmocka_unit_test(test_two_crashes_at_any_callbacks),
                cmocka_unit_test(test_a_thousand_seeds_of_faults),
                cmocka_unit_test(test_a_thousand_seeds_on_the_simulated_engine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
