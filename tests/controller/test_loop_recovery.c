/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop in scenes after something went wrong: a crash, a regression, a journal that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"
#include "tests/support/scene.h"

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
                                                         .applied_ms = applied ? scene->play->now_ms : 0,
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

/* Stopped with a savepoint, not yet started from it. */
static void test_what_stands_still_after_a_crash_is_brought_back_once(void **state)
{
        struct scene scene;

        (void)state;
        open_after_crash(&scene, 0, 0, false);
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

static bool failing_outcome(void *context, const struct ending *ending, struct error *err)
{
        (void)context, (void)ending;
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_was_applied_before_a_crash_is_verified),
                cmocka_unit_test(test_what_was_not_begun_before_a_crash_has_failed),
                cmocka_unit_test(test_what_was_left_half_way_by_a_crash_is_taken_back_once),
                cmocka_unit_test(test_what_stands_still_after_a_crash_is_brought_back_once),
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
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
