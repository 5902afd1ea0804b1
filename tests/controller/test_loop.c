/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop in scenes: what the engine shows, what the strategy wants, what must be done and said. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scene.h"

extern const struct guardrail step_limit_guardrail;

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

static void test_nothing_is_known_before_the_first_look(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        assert_true(isnan(loop_observation(scene.loop)->offered_per_second));
        assert_true(isnan(loop_observation(scene.loop)->latency_p99_seconds));
        assert_int_equal(loop_observation(scene.loop)->workers, -1);
        turns(&scene, 1);
        assert_false(isnan(loop_observation(scene.loop)->offered_per_second));
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

/* Turns after 60 s, then 15 s apart until 30 s before the next regular one (turns.h). A pause ends that. */
static void test_a_strategy_that_is_unsure_is_asked_again_soon(void **state)
{
        struct error err = ERROR_INIT;
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->unsure = true;
        turns(&scene, 2);
        assert_int_equal(scene.play->observations, 4);
        assert_true(loop_status(scene.loop)->unsure);
        turns(&scene, 2);
        assert_int_equal(scene.play->observations, 8);
        assert_true(loop_pause(scene.loop, "release", &err));
        turns(&scene, 3);
        assert_int_equal(scene.play->observations, 11);
        assert_false(loop_status(scene.loop)->unsure);
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

/* 16 subtasks were predicted to carry 1,600 records/s; the rule allows twice as many as there are, 8. Of
 * those is asked that they carry the 400 of the 4 before. */
static void test_what_a_rule_clipped_is_not_held_to_the_whole_prediction(void **state)
{
        struct scene scene = {.play = play_new()};
        static const char text[] = "{maxStepUpPercent: 100}";
        struct spec_guardrail rule = {.guardrail = &step_limit_guardrail};
        struct yaml_document *document = NULL;
        struct loop_setup setup = setup_of(&scene, SPEC_AUTO);
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(yaml_parse(text, sizeof text - 1, "rule", &document, &err));
        assert_true(option_new(step_limit_guardrail.options, yaml_root(document), &rule.options, &err));
        setup.guardrails = &rule;
        setup.n_guardrails = 1;
        scene.play->load_per_second = 600;
        scene.loop = loop_new(&setup);
        play_want(scene.play, 4, 16);
        turns(&scene, 1);
        assert_target(&scene, 4, 8);
        assert_float_equal(last_intent(&scene)->intent.prediction.capacity_mean, 400, 1e-6);
        play_want(scene.play, 4, 8);
        turns(&scene, 20);
        assert_target(&scene, 4, 8);
        assert_ended(&scene, OUTCOME_CONFIRMED, "as predicted");
        option_delete(step_limit_guardrail.options, rule.options);
        yaml_document_free(document);
        close_scene(&scene);
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
/* H13, A7: what refuses for good is asked again after 5, 10, ... seconds, 5 minutes at most. With a turn a
 * minute the first five pauses are none; then 80, 160 and from there on 300 s. */
static void test_a_comparator_that_is_refused_asks_ever_more_rarely(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->strategy.comparator = true;
        scene.play->keeps_proposing = scene.play->fail_for_good = true;
        scene.play->applies_to_fail = 1000;
        play_want(scene.play, 3, 8);
        turns(&scene, 60);
        assert_in_range(scene.play->n_intents, 60 / 6, 7 + 60 / 5);
        assert_target(&scene, 2, 4);
        scene.play->applies_to_fail = 0;
        turns(&scene, 6);
        assert_target(&scene, 3, 8);
        close_scene(&scene);
}

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
        scene.play->reads_to_lie = 2; /* the first is for what it is told when the loop begins */
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

static int64_t two_minutes(void *state)
{
        (void)state;
        return 120 * MS_PER_SECOND;
}

/* The engine takes the order and runs what fits: the order is taken back to that, when going back all the way
 * would shrink a pipeline that is at its limit, else all the way. */
static void test_what_does_not_fit_is_taken_back_to_what_does(void **state)
{
        static const double work_after[] = {4, 6};

        (void)state;
        for (int behind = 0; behind < 2; behind++) {
                struct scene scene;

                open_scene(&scene, SPEC_AUTO);
                scene.play->actuator.patience_ms = two_minutes;
                scene.play->slots = 6;
                play_want(scene.play, 2, 8);
                turns(&scene, 1);
                assert_target(&scene, 2, 8);
                scene.play->holds = true;
                if (behind)
                        scene.play->load_per_second = 10 * scene.play->rate_per_second;
                turns(&scene, 5);
                assert_ended(&scene, OUTCOME_REVERTED, "did not come up with it within 120 s");
                assert_target(&scene, 2, work_after[behind]);
                close_scene(&scene);
        }
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
                cmocka_unit_test(test_nothing_is_known_before_the_first_look),
                cmocka_unit_test(test_the_same_reason_to_hold_is_written_once),
                cmocka_unit_test(test_a_strategy_that_is_unsure_is_asked_again_soon),
                cmocka_unit_test(test_observe_and_recommend_write_nothing),
                cmocka_unit_test(test_a_comparator_is_neither_verified_nor_taken_back),
                cmocka_unit_test(test_a_comparator_that_is_refused_asks_ever_more_rarely),
                cmocka_unit_test(test_a_comparator_acts_on_what_is_incomplete_but_not_on_nothing),
                cmocka_unit_test(test_a_comparator_may_change_its_mind_before_it_runs),
                cmocka_unit_test(test_no_action_without_a_fresh_complete_observation),
                cmocka_unit_test(test_a_strategy_that_fails_holds_in_its_own_words),
                cmocka_unit_test(test_a_target_that_is_told_something_else_is_left_alone),
                cmocka_unit_test(test_a_failed_write_is_tried_again),
                cmocka_unit_test(test_writes_that_keep_failing_are_given_up),
                cmocka_unit_test(test_half_a_change_is_taken_back),
                cmocka_unit_test(test_what_does_not_fit_is_taken_back_to_what_does),
                cmocka_unit_test(test_a_write_that_was_lost_reads_back_and_is_repeated),
                cmocka_unit_test(test_a_target_that_never_reads_back_fails),
                cmocka_unit_test(test_a_write_whose_answer_was_lost_is_not_repeated),
                cmocka_unit_test(test_every_rule_judges_what_the_others_left),
                cmocka_unit_test(test_rules_that_contradict_each_other_refuse),
                cmocka_unit_test(test_only_physical_rules_judge_a_comparator),
                cmocka_unit_test(test_what_a_rule_clipped_is_not_held_to_the_whole_prediction),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
