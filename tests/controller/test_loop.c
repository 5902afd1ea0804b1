/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop in scenes: what the engine shows, what the strategy wants, what must be done and said. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controller/loop.h"
#include "core/random.h"
#include "tests/support/play.h"

struct scene {
        struct play *play;
        struct loop *loop;
        struct configuration baseline;
};

static struct loop_setup setup_of(struct scene *scene, enum spec_mode mode)
{
        struct play *play = scene->play;

        scene->baseline = play_configuration(4, 8);
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
                                   .journal = &play->journal,
                                   .mode = mode,
                                   .baseline = &scene->baseline};
}

static void open_scene(struct scene *scene, enum spec_mode mode)
{
        struct loop_setup setup;

        scene->play = play_new();
        setup = setup_of(scene, mode);
        scene->loop = loop_new(&setup);
}

static void close_scene(struct scene *scene)
{
        loop_free(scene->loop);
        play_free(scene->play);
}

static void turns(struct scene *scene, int count)
{
        struct error err = ERROR_INIT;

        assert_true(loop_run(scene->loop, scene->play->now_ms + (int64_t)count * PLAY_WINDOW_MS, &err));
}

static void assert_target(const struct scene *scene, double source, double work)
{
        assert_true(scene->play->target.value[0] == source);
        assert_true(scene->play->target.value[1] == work);
}

static const struct play_intent *last_intent(const struct scene *scene)
{
        assert_true(scene->play->n_intents > 0);
        return &scene->play->intents[scene->play->n_intents - 1];
}

static void assert_ended(const struct scene *scene, enum outcome outcome, const char *reason)
{
        const struct play_intent *intent = last_intent(scene);

        assert_true(intent->ended);
        assert_string_equal(outcome_name(intent->outcome), outcome_name(outcome));
        if (!strstr(intent->reason, reason))
                fail_msg("said \"%s\", expected \"%s\"", intent->reason, reason);
        assert_int_equal(intent->calls_begun, intent->calls_ended);
}

static void assert_why(const struct scene *scene, const char *why)
{
        const struct loop_status *status = loop_status(scene->loop);

        if (!strstr(status->why, why))
                fail_msg("said \"%s\", expected \"%s\"", status->why, why);
}

/* ---- healthy ---- */

static void test_a_change_is_made_once_verified_and_confirmed(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        turns(&scene, 3);
        assert_int_equal(scene.play->writes, 0);
        play_want(scene.play, 2, 3);
        turns(&scene, 20);
        assert_target(&scene, 2, 3);
        assert_int_equal(scene.play->n_intents, 1);
        assert_int_equal(scene.play->writes, 1);
        assert_int_equal(scene.play->writes_without_intent, 0);
        assert_true(last_intent(&scene)->intent.applied);
        assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted over 5 windows, at up to 250 records/s");
        assert_int_equal(scene.play->told[OUTCOME_PENDING], 1);
        assert_int_equal(scene.play->told[OUTCOME_CONFIRMED], 1);
        assert_int_equal(loop_status(scene.loop)->confirmed, 1);
        close_scene(&scene);
}

static void test_the_same_reason_to_hold_is_written_once(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        turns(&scene, 30);
        assert_int_equal(scene.play->holds_written, 1);
        assert_string_equal(scene.play->last_hold, "as wanted");
        assert_int_equal(scene.play->observations, 30);
        close_scene(&scene);
}

static void test_observe_and_recommend_write_nothing(void **state)
{
        static const enum spec_mode modes[] = {SPEC_OBSERVE, SPEC_RECOMMEND};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
                struct scene scene;

                open_scene(&scene, modes[i]);
                play_want(scene.play, 2, 8);
                turns(&scene, 10);
                assert_int_equal(scene.play->writes, 0);
                assert_int_equal(scene.play->n_intents, 0);
                assert_int_equal(scene.play->n_calls, 0);
                assert_int_equal(scene.play->decisions, modes[i] == SPEC_RECOMMEND ? 10 : 0);
                close_scene(&scene);
        }
}

/* ---- comparators ---- */

static void test_a_comparator_is_neither_verified_nor_taken_back(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->strategy.comparator = true;
        scene.play->rate_of_wanted_ratio = 0.5;
        play_want(scene.play, 2, 3);
        turns(&scene, 90);
        assert_target(&scene, 2, 3);
        assert_int_equal(scene.play->n_intents, 1);
        assert_ended(&scene, OUTCOME_UNKNOWN, "nothing was predicted that could be verified");
        assert_int_equal(scene.play->told[OUTCOME_PENDING], 1);
        close_scene(&scene);
}

static void test_a_comparator_acts_on_what_is_incomplete_but_not_on_nothing(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->strategy.comparator = true;
        scene.play->missing = MISSING_ALL;
        play_want(scene.play, 2, 8);
        turns(&scene, 3);
        assert_int_equal(scene.play->writes, 0);
        assert_why(&scene, "nothing was measured");
        scene.play->missing = MISSING_LATENCY;
        turns(&scene, 1);
        assert_target(&scene, 2, 8);
        close_scene(&scene);
}

/* It asked for 8, which does not run yet, and now wants the 4 that still run. */
static void test_a_comparator_may_change_its_mind_before_it_runs(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->strategy.comparator = true;
        scene.play->keeps_proposing = true;
        turns(&scene, 1);
        scene.play->target = play_configuration(2, 8);
        scene.play->frozen = true; /* the engine still shows what ran before */
        turns(&scene, 1);
        assert_target(&scene, 2, 4);
        close_scene(&scene);
}

/* ---- what was measured is no ground for a change ---- */

static void test_no_action_without_a_fresh_complete_observation(void **state)
{
        static const struct {
                unsigned missing;
                bool nan, restarting, frozen, collect_fails;
                const char *why;
        } cases[] = {
                {.missing = MISSING_BACKLOG, .why = "backlog missing"},
                {.missing = MISSING_RATES | MISSING_CPU, .why = "rates missing"},
                {.missing = MISSING_ALL, .why = "nothing was measured"},
                {.nan = true, .why = "throughput is not a number"},
                {.restarting = true, .why = "the job is restarting or warming up"},
                {.frozen = true, .why = "nothing newer than"},
                {.collect_fails = true, .why = "nothing was measured"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct scene scene;

                open_scene(&scene, SPEC_AUTO);
                turns(&scene, 2);
                scene.play->missing = cases[i].missing;
                scene.play->nan = cases[i].nan;
                scene.play->restarting = cases[i].restarting;
                scene.play->frozen = cases[i].frozen;
                scene.play->collect_fails = cases[i].collect_fails;
                play_want(scene.play, 2, 8);
                turns(&scene, 5);
                assert_int_equal(scene.play->writes, 0);
                assert_int_equal(scene.play->n_intents, 0);
                assert_why(&scene, cases[i].why);
                scene.play->missing = 0;
                scene.play->nan = scene.play->restarting = scene.play->frozen = scene.play->collect_fails =
                        false;
                turns(&scene, 1);
                assert_target(&scene, 2, 8);
                close_scene(&scene);
        }
}

static void test_a_strategy_that_fails_holds_in_its_own_words(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->propose_fails = true;
        turns(&scene, 5);
        assert_why(&scene, "the fit did not converge");
        assert_string_equal(scene.play->last_hold, "the fit did not converge");
        assert_int_equal(scene.play->holds_written, 1);
        close_scene(&scene);
}

static void test_a_target_that_is_told_something_else_is_left_alone(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 8);
        scene.play->reads_to_lie = 1;
        turns(&scene, 1);
        assert_int_equal(scene.play->writes, 0);
        assert_string_equal(
                scene.play->last_finding,
                "the target is told to run source 2, work 5 (5 workers) while source 2, work 4 (4 "
                "workers) was seen");
        close_scene(&scene);
}

/* ---- a target that misbehaves ---- */

static void test_a_failed_write_is_tried_again(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 8);
        scene.play->applies_to_fail = 2;
        turns(&scene, 1);
        assert_target(&scene, 2, 4);
        turns(&scene, 2);
        assert_target(&scene, 2, 8);
        turns(&scene, 20);
        assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted");
        assert_int_equal(scene.play->n_intents, 1);
        assert_int_equal(scene.play->writes, 1);
        close_scene(&scene);
}

/* Delays of 5, 10, 20, … s, each rounded up to the next turn by the minute: at 0, 1, 2, 3, 4, 6 and 9 min;
 * the next delay would pass the ten minutes. */
static void test_writes_that_keep_failing_are_given_up(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 8);
        scene.play->applies_to_fail = 1000;
        turns(&scene, 12);
        assert_target(&scene, 2, 4);
        assert_int_equal(scene.play->intents[0].calls_begun, 7);
        assert_true(scene.play->intents[0].ended);
        assert_int_equal(scene.play->intents[0].outcome, OUTCOME_FAILED);
        assert_int_equal(scene.play->told[OUTCOME_FAILED], 1);
        close_scene(&scene);
}

static void test_half_a_change_is_taken_back(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 3, 8);
        scene.play->knob_to_fail = 1;
        scene.play->fail_for_good = true;
        turns(&scene, 1);
        assert_target(&scene, 3, 4);
        scene.play->holds = true;
        turns(&scene, 1);
        assert_target(&scene, 2, 4);
        assert_ended(&scene, OUTCOME_FAILED, "it does not answer");
        assert_int_equal(last_intent(&scene)->writes_forth[0], 1);
        assert_int_equal(last_intent(&scene)->writes_back[0], 1);
        close_scene(&scene);
}

static void test_a_write_that_was_lost_reads_back_and_is_repeated(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 8);
        scene.play->writes_to_lose = 1;
        turns(&scene, 1);
        assert_target(&scene, 2, 4);
        assert_false(last_intent(&scene)->intent.applied);
        turns(&scene, 1);
        assert_target(&scene, 2, 8);
        assert_true(last_intent(&scene)->intent.applied);
        close_scene(&scene);
}

static void test_a_target_that_never_reads_back_fails(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 8);
        scene.play->writes_to_lose = 1000;
        turns(&scene, 12);
        assert_true(scene.play->intents[0].ended);
        assert_int_equal(scene.play->intents[0].outcome, OUTCOME_FAILED);
        assert_string_equal(
                scene.play->intents[0].reason,
                "play was told to run source 2, work 8 (8 workers) and reads back source 2, work 4 (4 "
                "workers)");
        close_scene(&scene);
}

static void test_a_write_whose_answer_was_lost_is_not_repeated(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 8);
        scene.play->answers_to_lose = 1;
        turns(&scene, 1);
        assert_target(&scene, 2, 8);
        assert_false(last_intent(&scene)->intent.applied);
        turns(&scene, 10);
        assert_int_equal(scene.play->applies, 1);
        assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted");
        close_scene(&scene);
}

/* ---- after a crash ---- */

/* The journal of a process that died: an intent from (2, 4) to (3, 8), and the target as it was found. */
static void open_after_crash(struct scene *scene, double source, double work, bool applied)
{
        struct loop_setup setup;

        open_scene(scene, SPEC_AUTO);
        loop_free(scene->loop);
        play_want(scene->play, 3, 8);
        scene->play->holds = true;
        scene->play->intents[0].intent = (struct intent){.id = 1,
                                                         .time_ms = scene->play->now_ms - 5000,
                                                         .from = play_configuration(2, 4),
                                                         .to = play_configuration(3, 8),
                                                         .applied = applied,
                                                         .prediction = scene->play->prediction};
        scene->play->n_intents = 1;
        scene->play->target = play_configuration(source, work);
        setup = setup_of(scene, SPEC_AUTO);
        scene->loop = loop_new(&setup);
}

static void test_what_was_applied_before_a_crash_is_verified(void **state)
{
        (void)state;
        for (int applied = 0; applied < 2; applied++) {
                struct scene scene;

                open_after_crash(&scene, 3, 8, applied);
                assert_true(last_intent(&scene)->intent.applied);
                turns(&scene, 8);
                assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted");
                assert_int_equal(scene.play->applies, 0);
                close_scene(&scene);

                open_after_crash(&scene, 3, 8, applied);
                scene.play->rate_of_wanted_ratio = 0.5;
                scene.play->load_per_second = 600;
                turns(&scene, 8);
                assert_ended(&scene, OUTCOME_UNKNOWN, "going back would shrink a saturated pipeline");
                close_scene(&scene);
        }
}

static void test_what_was_not_begun_before_a_crash_has_failed(void **state)
{
        struct scene scene;

        (void)state;
        open_after_crash(&scene, 2, 4, false);
        assert_ended(&scene, OUTCOME_FAILED, "crashed before anything was written");
        turns(&scene, 5);
        assert_int_equal(scene.play->applies, 0);
        close_scene(&scene);
}

static void test_what_was_left_half_way_by_a_crash_is_taken_back_once(void **state)
{
        struct scene scene;

        (void)state;
        open_after_crash(&scene, 3, 4, false);
        assert_target(&scene, 2, 4);
        assert_ended(&scene, OUTCOME_FAILED, "crashed half-way: taken back");
        turns(&scene, 5);
        assert_int_equal(scene.play->applies, 1);
        close_scene(&scene);
}

static void test_what_somebody_else_set_during_a_crash_stays(void **state)
{
        struct scene scene;

        (void)state;
        open_after_crash(&scene, 5, 8, true);
        assert_target(&scene, 5, 8);
        assert_ended(&scene, OUTCOME_UNKNOWN, "somebody else changed the target before the restart");
        turns(&scene, 5);
        assert_int_equal(scene.play->applies, 0);
        close_scene(&scene);
}

static void test_what_was_taken_back_before_a_crash_is_reverted(void **state)
{
        struct scene scene;

        (void)state;
        open_after_crash(&scene, 2, 4, true);
        assert_ended(&scene, OUTCOME_REVERTED, "found taken back after a restart");
        close_scene(&scene);
}

static void test_a_target_that_cannot_be_read_after_a_crash_is_asked_again(void **state)
{
        struct loop_setup setup;
        struct scene scene;

        (void)state;
        open_after_crash(&scene, 3, 8, false);
        loop_free(scene.loop);
        scene.play->intents[0].intent.applied = false;
        scene.play->fault_ratio = 1;
        scene.play->random = random_new(1, 0, 0);
        setup = setup_of(&scene, SPEC_AUTO);
        scene.loop = loop_new(&setup);
        turns(&scene, 3);
        assert_false(last_intent(&scene)->intent.applied);
        scene.play->fault_ratio = 0;
        turns(&scene, 10);
        assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted");
        close_scene(&scene);
}

/* ---- regressions ---- */

extern const struct guardrail canary_guardrail;

static void test_a_regression_is_taken_back_and_kept_away_from_longer_each_time(void **state)
{
        struct spec_guardrail guardrails[1] = {{&canary_guardrail, NULL}};
        struct loop_setup setup;
        struct error err = ERROR_INIT;
        struct scene scene;
        int64_t first_end_ms;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        assert_true(option_new(canary_guardrail.options, NULL, &guardrails[0].options, &err));
        loop_free(scene.loop);
        setup = setup_of(&scene, SPEC_AUTO);
        setup.guardrails = guardrails;
        setup.n_guardrails = 1;
        scene.loop = loop_new(&setup);

        play_want(scene.play, 2, 3);
        scene.play->rate_of_wanted_ratio = 0.6; /* 180 records/s of the 300 predicted, at a load of 250 */
        turns(&scene, 10);
        assert_target(&scene, 2, 4);
        assert_ended(&scene, OUTCOME_REVERTED,
                     "capacity is 180 records/s over 5 windows, 300 +- 6 were predicted");
        assert_int_equal(scene.play->told[OUTCOME_REVERTED], 1);
        first_end_ms = scene.play->now_ms;
        turns(&scene, 55);
        assert_int_equal(scene.play->n_intents, 1);
        assert_non_null(strstr(scene.play->last_finding, "source 2, work 3 (3 workers) did badly"));
        /* An hour later it gets another chance, and then not for nearly two hours. */
        turns(&scene, 15);
        assert_int_equal(scene.play->n_intents, 2);
        assert_ended(&scene, OUTCOME_REVERTED, "capacity is 180");
        turns(&scene, 110);
        assert_int_equal(scene.play->n_intents, 2);
        turns(&scene, 15);
        assert_int_equal(scene.play->n_intents, 3);
        assert_true(scene.play->now_ms - first_end_ms < 4 * (int64_t)MS_PER_HOUR);
        option_delete(canary_guardrail.options, guardrails[0].options);
        close_scene(&scene);
}

static void test_it_goes_back_to_the_last_configuration_known_to_be_good(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 5);
        turns(&scene, 12);
        assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted");
        /* Not verified, hence not known to be good. */
        play_want(scene.play, 2, 6);
        scene.play->prediction.present = false;
        turns(&scene, 3);
        assert_ended(&scene, OUTCOME_UNKNOWN, "nothing was predicted");
        play_want(scene.play, 2, 3);
        scene.play->rate_of_wanted_ratio = 0.6;
        turns(&scene, 8);
        assert_ended(&scene, OUTCOME_REVERTED, "capacity is 180");
        assert_target(&scene, 2, 5);
        close_scene(&scene);
}

/* What was good at 250 records/s is not known to be good at 450. */
static void test_what_was_good_for_less_load_is_not_gone_back_to(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 5);
        turns(&scene, 12);
        assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted");
        scene.play->load_per_second = 450;
        play_want(scene.play, 2, 8);
        scene.play->prediction.present = false;
        turns(&scene, 3);
        play_want(scene.play, 2, 7);
        scene.play->rate_of_wanted_ratio = 0.6; /* 420 records/s of 700 */
        turns(&scene, 8);
        assert_ended(&scene, OUTCOME_REVERTED, "capacity is 420");
        assert_target(&scene, 2, 8);
        close_scene(&scene);
}

/* 390 records/s ran on 4 subtasks. With 8 the pipeline falls behind; going back helps only if 4 carried more.
 */
static void test_a_saturated_pipeline_is_not_shrunk_by_taking_back(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->load_per_second = 390;
        play_want(scene.play, 2, 8);
        scene.play->rate_of_wanted_ratio = 0.45; /* 360 records/s */
        turns(&scene, 8);
        assert_ended(&scene, OUTCOME_UNKNOWN,
                     "going back would shrink a saturated pipeline: capacity is 360");
        assert_target(&scene, 2, 8);
        close_scene(&scene);

        open_scene(&scene, SPEC_AUTO);
        scene.play->load_per_second = 390;
        play_want(scene.play, 2, 8);
        scene.play->rate_of_wanted_ratio = 0.4; /* 320 records/s */
        turns(&scene, 8);
        assert_ended(&scene, OUTCOME_REVERTED, "capacity is 320");
        assert_target(&scene, 2, 4);
        close_scene(&scene);
}

static void test_a_surge_during_verification_is_not_blamed(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 3);
        turns(&scene, 3);
        scene.play->load_per_second = 600;
        turns(&scene, 30);
        assert_false(last_intent(&scene)->ended);
        scene.play->load_per_second = 100;
        turns(&scene, 35);
        assert_target(&scene, 2, 3);
        assert_false(scene.play->told[OUTCOME_REVERTED]);
        close_scene(&scene);
}

static void test_only_growing_takes_the_place_of_what_is_being_verified(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        play_want(scene.play, 2, 6);
        turns(&scene, 2);
        assert_target(&scene, 2, 6);
        play_want(scene.play, 2, 5);
        turns(&scene, 2);
        assert_target(&scene, 2, 6);
        assert_string_equal(scene.play->last_finding,
                            "the change before is not finished or not verified yet");
        play_want(scene.play, 2, 9);
        turns(&scene, 1);
        assert_target(&scene, 2, 9);
        assert_int_equal(scene.play->n_intents, 2);
        assert_int_equal(scene.play->intents[0].outcome, OUTCOME_UNKNOWN);
        assert_string_equal(scene.play->intents[0].reason, "superseded by a change that grows the pipeline");
        close_scene(&scene);
}

static void test_what_somebody_else_changed_is_not_taken_back(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->load_per_second = 150;
        play_want(scene.play, 2, 2);
        scene.play->rate_of_wanted_ratio = 0.6;
        turns(&scene, 7);
        assert_target(&scene, 2, 2);
        scene.play->holds = true;
        scene.play->reads_to_lie = 1; /* between the last window and the read */
        turns(&scene, 5);
        assert_ended(&scene, OUTCOME_UNKNOWN, "somebody else changed the target meanwhile");
        assert_target(&scene, 2, 2);
        close_scene(&scene);
}

/* ---- a journal that misbehaves ---- */

static void test_nothing_is_written_before_the_intent_is_durable(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        turns(&scene, 1);
        scene.play->journal_fails = true;
        play_want(scene.play, 2, 8);
        turns(&scene, 5);
        assert_int_equal(scene.play->writes, 0);
        assert_why(&scene, "nothing is written to the target");
        assert_true(loop_status(scene.loop)->journal_failures > 0);
        scene.play->journal_fails = false;
        turns(&scene, 1);
        assert_target(&scene, 2, 8);
        close_scene(&scene);
}

static bool failing_decision(void *context, const struct decision *decision, int64_t *ret_id,
                             struct error *err)
{
        (void)context, (void)decision, (void)ret_id;
        return error_set(err, ERROR_IO, NULL, "no space left on device");
}

/* What could not be explained afterwards is not done. */
static void test_nothing_is_done_whose_decision_is_not_written_down(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->journal.decision = failing_decision;
        play_want(scene.play, 2, 8);
        turns(&scene, 3);
        assert_int_equal(scene.play->n_intents, 0);
        assert_why(&scene, "nothing is written to the target: no space left on device");
        close_scene(&scene);
}

static bool failing_call_end(void *context, int64_t call_id, int64_t time_ms, bool done, const char *answer,
                             struct error *err)
{
        (void)context, (void)call_id, (void)time_ms, (void)done, (void)answer;
        return error_set(err, ERROR_IO, NULL, "no space left on device");
}

static bool failing_outcome(void *context, int64_t intent_id, int64_t time_ms, enum outcome outcome,
                            const char *reason, struct error *err)
{
        (void)context, (void)intent_id, (void)time_ms, (void)outcome, (void)reason;
        return error_set(err, ERROR_IO, NULL, "no space left on device");
}

static void test_what_the_journal_could_not_take_is_offered_again(void **state)
{
        struct journal healthy;
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        healthy = scene.play->journal;
        scene.play->journal.call_end = failing_call_end;
        play_want(scene.play, 3, 8);
        turns(&scene, 1);
        /* The first write was made and its answer is owed: the second one waits for that. */
        assert_target(&scene, 3, 4);
        scene.play->journal = healthy;
        scene.play->journal.outcome = failing_outcome;
        turns(&scene, 10);
        assert_target(&scene, 3, 8);
        assert_int_equal(last_intent(&scene)->calls_begun, 2);
        assert_int_equal(last_intent(&scene)->calls_ended, 2);
        /* It was confirmed, which is owed, too: nothing new until it is written. */
        assert_int_equal(scene.play->told[OUTCOME_CONFIRMED], 1);
        assert_false(last_intent(&scene)->ended);
        play_want(scene.play, 3, 9);
        turns(&scene, 3);
        assert_int_equal(scene.play->n_intents, 1);
        scene.play->journal = healthy;
        turns(&scene, 1);
        assert_int_equal(scene.play->n_intents, 2);
        assert_int_equal(scene.play->intents[0].outcome, OUTCOME_CONFIRMED);
        assert_target(&scene, 3, 9);
        close_scene(&scene);
}

static void test_it_runs_without_a_journal(void **state)
{
        struct loop_setup setup;
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        loop_free(scene.loop);
        setup = setup_of(&scene, SPEC_AUTO);
        setup.journal = NULL;
        scene.loop = loop_new(&setup);
        play_want(scene.play, 2, 3);
        turns(&scene, 12);
        assert_target(&scene, 2, 3);
        assert_int_equal(loop_status(scene.loop)->confirmed, 1);
        close_scene(&scene);
}

/* ---- judging ---- */

static enum judgement six_at_most(const void *options, const struct judgement_context *context,
                                  const struct proposal *proposal, struct configuration *configuration,
                                  char *reason)
{
        (void)options, (void)context, (void)proposal;
        if (configuration->value[1] <= 6)
                return JUDGEMENT_ALLOWED;
        configuration->value[1] = 6;
        return finding_clip(reason, "six at most");
}

static enum judgement refuse_above_six(const void *options, const struct judgement_context *context,
                                       const struct proposal *proposal, struct configuration *configuration,
                                       char *reason)
{
        (void)options, (void)context, (void)proposal;
        return configuration->value[1] > 6 ? finding_refuse(reason, "above six") : JUDGEMENT_ALLOWED;
}

static enum judgement seven_at_least(const void *options, const struct judgement_context *context,
                                     const struct proposal *proposal, struct configuration *configuration,
                                     char *reason)
{
        (void)options, (void)context, (void)proposal;
        if (configuration->value[1] >= 7)
                return JUDGEMENT_ALLOWED;
        configuration->value[1] = 7;
        return finding_clip(reason, "seven at least");
}

static const struct guardrail refuser = {.name = "refuser", .judge = refuse_above_six};
static const struct guardrail clipper = {.name = "clipper", .judge = six_at_most, .physical = true};
static const struct guardrail contrary = {.name = "contrary", .judge = seven_at_least};

static void open_judged_scene(struct scene *scene, const struct spec_guardrail *guardrails, size_t count)
{
        struct loop_setup setup;

        open_scene(scene, SPEC_AUTO);
        loop_free(scene->loop);
        setup = setup_of(scene, SPEC_AUTO);
        setup.guardrails = guardrails;
        setup.n_guardrails = count;
        scene->loop = loop_new(&setup);
        play_want(scene->play, 2, 8);
}

static void test_every_rule_judges_what_the_others_left(void **state)
{
        const struct spec_guardrail guardrails[] = {{&refuser, NULL}, {&clipper, NULL}};
        struct scene scene;

        (void)state;
        open_judged_scene(&scene, guardrails, 2);
        turns(&scene, 1);
        assert_target(&scene, 2, 6);
        assert_int_equal(scene.play->refusals, 0);
        close_scene(&scene);
}

static void test_rules_that_contradict_each_other_refuse(void **state)
{
        const struct spec_guardrail guardrails[] = {{&clipper, NULL}, {&contrary, NULL}};
        struct scene scene;

        (void)state;
        open_judged_scene(&scene, guardrails, 2);
        turns(&scene, 1);
        assert_target(&scene, 2, 4);
        assert_why(&scene, "the guardrails contradict each other");
        close_scene(&scene);
}

static void test_only_physical_rules_judge_a_comparator(void **state)
{
        const struct spec_guardrail guardrails[] = {{&contrary, NULL}, {&clipper, NULL}};
        struct scene scene;

        (void)state;
        open_judged_scene(&scene, guardrails, 2);
        scene.play->strategy.comparator = true;
        turns(&scene, 1);
        assert_target(&scene, 2, 6);
        close_scene(&scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_change_is_made_once_verified_and_confirmed),
                cmocka_unit_test(test_the_same_reason_to_hold_is_written_once),
                cmocka_unit_test(test_observe_and_recommend_write_nothing),
                cmocka_unit_test(test_a_comparator_is_neither_verified_nor_taken_back),
                cmocka_unit_test(test_a_comparator_acts_on_what_is_incomplete_but_not_on_nothing),
                cmocka_unit_test(test_a_comparator_may_change_its_mind_before_it_runs),
                cmocka_unit_test(test_no_action_without_a_fresh_complete_observation),
                cmocka_unit_test(test_a_strategy_that_fails_holds_in_its_own_words),
                cmocka_unit_test(test_a_target_that_is_told_something_else_is_left_alone),
                cmocka_unit_test(test_a_failed_write_is_tried_again),
                cmocka_unit_test(test_writes_that_keep_failing_are_given_up),
                cmocka_unit_test(test_half_a_change_is_taken_back),
                cmocka_unit_test(test_a_write_that_was_lost_reads_back_and_is_repeated),
                cmocka_unit_test(test_a_target_that_never_reads_back_fails),
                cmocka_unit_test(test_a_write_whose_answer_was_lost_is_not_repeated),
                cmocka_unit_test(test_what_was_applied_before_a_crash_is_verified),
                cmocka_unit_test(test_what_was_not_begun_before_a_crash_has_failed),
                cmocka_unit_test(test_what_was_left_half_way_by_a_crash_is_taken_back_once),
                cmocka_unit_test(test_what_somebody_else_set_during_a_crash_stays),
                cmocka_unit_test(test_what_was_taken_back_before_a_crash_is_reverted),
                cmocka_unit_test(test_a_target_that_cannot_be_read_after_a_crash_is_asked_again),
                cmocka_unit_test(test_a_regression_is_taken_back_and_kept_away_from_longer_each_time),
                cmocka_unit_test(test_it_goes_back_to_the_last_configuration_known_to_be_good),
                cmocka_unit_test(test_what_was_good_for_less_load_is_not_gone_back_to),
                cmocka_unit_test(test_a_saturated_pipeline_is_not_shrunk_by_taking_back),
                cmocka_unit_test(test_a_surge_during_verification_is_not_blamed),
                cmocka_unit_test(test_only_growing_takes_the_place_of_what_is_being_verified),
                cmocka_unit_test(test_what_somebody_else_changed_is_not_taken_back),
                cmocka_unit_test(test_nothing_is_written_before_the_intent_is_durable),
                cmocka_unit_test(test_nothing_is_done_whose_decision_is_not_written_down),
                cmocka_unit_test(test_what_the_journal_could_not_take_is_offered_again),
                cmocka_unit_test(test_it_runs_without_a_journal),
                cmocka_unit_test(test_every_rule_judges_what_the_others_left),
                cmocka_unit_test(test_rules_that_contradict_each_other_refuse),
                cmocka_unit_test(test_only_physical_rules_judge_a_comparator),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
