/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What runs outside of the bounds of the spec, while the strategy has nothing to say; on the stage, where (2,
 * 4) runs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/option.h"
#include "tests/support/ledger_scene.h"
#include "tests/support/scene.h"

extern const struct guardrail foreign_change_guardrail;

/* The bounds of `work`, with a strategy that holds. */
static void open_bounded(struct scene *scene, enum spec_mode mode, double min, double max)
{
        open_scene(scene, mode);
        scene->play->holds = true;
        scene->play->knobs[1].min = min;
        scene->play->knobs[1].max = max;
}

static void assert_brought_to(struct scene *scene, double work)
{
        assert_target(scene, 2, work);
        assert_int_equal(scene->play->n_intents, 1);
        assert_int_equal(scene->play->writes, 1);
        assert_int_equal(scene->play->told[OUTCOME_PENDING], 1);
        assert_ended(scene, OUTCOME_UNKNOWN, "nothing was predicted");
}

static void test_a_raised_minimum_is_kept(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_AUTO, 6, 64);
        turns(&scene, 10);
        assert_brought_to(&scene, 6);
        assert_int_equal(scene.play->told[OUTCOME_UNKNOWN], 1);
        close_scene(&scene);
}

static void test_a_lowered_maximum_is_kept(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_AUTO, 1, 3);
        turns(&scene, 10);
        assert_brought_to(&scene, 3);
        close_scene(&scene);
}

static void test_a_comparator_is_kept_within_them(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_AUTO, 6, 64);
        scene.play->strategy.comparator = true;
        turns(&scene, 10);
        assert_brought_to(&scene, 6);
        assert_int_equal(scene.play->told[OUTCOME_UNKNOWN], 0);
        close_scene(&scene);
}

/* What runs is known though its load is not. */
static void test_no_measurement_but_of_what_runs_is_needed(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_AUTO, 6, 64);
        scene.play->missing = MISSING_RATES | MISSING_BACKLOG;
        turns(&scene, 10);
        assert_brought_to(&scene, 6);
        close_scene(&scene);
}

static void assert_untouched(struct scene *scene, double work)
{
        turns(scene, 10);
        assert_target(scene, 2, work);
        assert_int_equal(scene->play->n_intents, 0);
        assert_int_equal(scene->play->writes, 0);
}

static void test_without_what_runs_nothing_is_done(void **state)
{
        static const unsigned missing[] = {MISSING_ALL, MISSING_CONFIGURATION};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(missing); i++) {
                struct scene scene;

                open_bounded(&scene, SPEC_AUTO, 6, 64);
                scene.play->missing = missing[i];
                assert_untouched(&scene, 4);
                close_scene(&scene);
        }
}

static void test_nothing_is_done_while_it_starts(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_AUTO, 6, 64);
        scene.play->restarting = true;
        assert_untouched(&scene, 4);
        close_scene(&scene);
}

static void test_what_is_stopped_is_not_started(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_AUTO, 6, 64);
        scene.play->target.value[1] = 0;
        assert_untouched(&scene, 0);
        close_scene(&scene);
}

/* It was told four, of which two fit. */
static void test_what_lacks_room_is_told_what_it_should_be(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_AUTO, 3, 64);
        scene.play->slots = 2;
        assert_untouched(&scene, 4);
        assert_int_equal(scene.play->refusals, 0);
        close_scene(&scene);
}

static void test_mode_recommend_recommends_it(void **state)
{
        struct scene scene;

        (void)state;
        open_bounded(&scene, SPEC_RECOMMEND, 6, 64);
        assert_untouched(&scene, 4);
        assert_int_equal(loop_status(scene.loop)->doing, LOOP_RECOMMENDING);
        assert_why(&scene, "parallelism.work 4 is outside of 6 to 64, the bounds that the spec gives it");
        close_scene(&scene);
}

/* Eight do worse than was said, and the four of before are too few. */
static void test_nothing_is_taken_back_to_what_is_outside(void **state)
{
        struct scene scene;

        (void)state;
        open_scene(&scene, SPEC_AUTO);
        scene.play->knobs[1].min = 6;
        play_want(scene.play, 2, 8);
        scene.play->rate_of_wanted_ratio = 0.25;
        scene.play->keeps_proposing = false;
        turns(&scene, 30);
        assert_target(&scene, 2, 8);
        assert_ended(&scene, OUTCOME_UNKNOWN, "what ran before is outside of the spec's bounds");
        close_scene(&scene);
}

/* Its half hour is kept, a restart at every turn or not. */
static void test_what_somebody_else_set_is_left_for_a_while(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, false);
        world.guardrail.guardrail = &foreign_change_guardrail;
        must(option_new(foreign_change_guardrail.options, NULL, &world.guardrail.options, &err), &err);
        start_process(&world);
        run(&world, 12);
        world.play->knobs[1].min = 6;
        world.play->holds = true;
        world.play->target = play_configuration(3, 5);
        for (int i = 0; i < 30; i++) {
                run(&world, 1);
                assert_true(world.play->target.value[1] == 5);
                stop_process(&world);
                start_process(&world);
        }
        run(&world, 2);
        assert_true(world.play->target.value[0] == 3 && world.play->target.value[1] == 6);
        close_world(&world);
        option_delete(foreign_change_guardrail.options, world.guardrail.options);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_raised_minimum_is_kept),
                cmocka_unit_test(test_a_lowered_maximum_is_kept),
                cmocka_unit_test(test_a_comparator_is_kept_within_them),
                cmocka_unit_test(test_no_measurement_but_of_what_runs_is_needed),
                cmocka_unit_test(test_without_what_runs_nothing_is_done),
                cmocka_unit_test(test_nothing_is_done_while_it_starts),
                cmocka_unit_test(test_what_is_stopped_is_not_started),
                cmocka_unit_test(test_what_lacks_room_is_told_what_it_should_be),
                cmocka_unit_test(test_mode_recommend_recommends_it),
                cmocka_unit_test(test_nothing_is_taken_back_to_what_is_outside),
                cmocka_unit_test(test_what_somebody_else_set_is_left_for_a_while),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
