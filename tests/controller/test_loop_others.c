/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody else sets what optctl sets, too; on the stage, with the ledger on the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/option.h"
#include "tests/support/ledger_scene.h"

#define HOLD_TURNS 30 /* half an hour, a minute each */

extern const struct guardrail foreign_change_guardrail;

static void assert_target(const struct world *world, double source, double work)
{
        assert_true(world->play->target.value[0] == source);
        assert_true(world->play->target.value[1] == work);
}

static void somebody_else_sets(struct world *world, double source, double work)
{
        world->play->target = play_configuration(source, work);
}

/* From (2, 4) to (3, 8), confirmed; with the rule. */
static void open_confirmed(struct world *world)
{
        struct error err = ERROR_INIT;

        open_world(world, false);
        world->guardrail.guardrail = &foreign_change_guardrail;
        must(option_new(foreign_change_guardrail.options, NULL, &world->guardrail.options, &err), &err);
        start_process(world);
        run(world, 12);
        assert_target(world, 3, 8);
        assert_int_equal(loop_status(world->loop)->confirmed, 1);
}

static void close_all(struct world *world)
{
        close_world(world);
        option_delete(foreign_change_guardrail.options, world->guardrail.options);
}

/* The newest change of this name in the ledger; NULL: there is none. */
static json_t *newest_of(const struct world *world, const char *strategy)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *decisions = NULL;
        struct error err = ERROR_INIT;
        json_t *row;
        size_t index;

        must(ledger_reader_open(world->path, &reader, &err), &err);
        must(ledger_history(reader, INT64_MIN, 1000, &decisions, &err), &err);
        json_array_foreach(decisions, index, row)
        {
                if (strcmp(json_string_value(json_object_get(row, "strategy")), strategy) == 0 &&
                    strcmp(json_string_value(json_object_get(row, "proposal")), "Change") == 0)
                        return json_incref(row);
        }
        return NULL;
}

static void assert_text(const json_t *row, const char *key, const char *expected)
{
        assert_string_equal(json_string_value(json_object_get(row, key)), expected);
}

static void test_what_somebody_else_set_stays_for_half_an_hour(void **state)
{
        autojson *row = NULL;
        struct world world;

        (void)state;
        open_confirmed(&world);
        somebody_else_sets(&world, 2, 5);
        run(&world, HOLD_TURNS);
        assert_target(&world, 2, 5);
        assert_non_null(strstr(loop_status(world.loop)->why, "somebody else changed it"));
        assert_false(loop_status(world.loop)->paused);
        row = newest_of(&world, "somebody else");
        assert_text(row, "from", "source 3, work 8 (8 workers)");
        assert_text(row, "to", "source 2, work 5 (5 workers)");
        assert_text(row, "outcome", "Unknown");
        assert_text(row, "reason", "done by somebody else: not verified");
        run(&world, 2);
        assert_target(&world, 3, 8);
        close_all(&world);
}

/* At every turn of the half hour. */
static void test_a_restart_does_not_end_the_half_hour(void **state)
{
        struct world world;

        (void)state;
        open_confirmed(&world);
        somebody_else_sets(&world, 2, 5);
        for (int i = 0; i < HOLD_TURNS; i++) {
                run(&world, 1);
                assert_target(&world, 2, 5);
                stop_process(&world);
                start_process(&world);
        }
        run(&world, 2);
        assert_target(&world, 3, 8);
        close_all(&world);
}

static void test_what_was_set_while_optctl_was_away_is_noticed(void **state)
{
        autojson *row = NULL;
        struct world world;

        (void)state;
        open_confirmed(&world);
        stop_process(&world);
        somebody_else_sets(&world, 2, 5);
        start_process(&world);
        run(&world, HOLD_TURNS);
        assert_target(&world, 2, 5);
        row = newest_of(&world, "somebody else");
        assert_non_null(row);
        close_all(&world);
}

/* It is no longer what was predicted that runs. */
static void test_a_change_that_is_overwritten_is_not_verified(void **state)
{
        autojson *row = NULL;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        run(&world, 2);
        assert_true(loop_status(world.loop)->verifying);
        world.play->holds = true;
        somebody_else_sets(&world, 2, 5);
        run(&world, 1);
        assert_false(loop_status(world.loop)->verifying);
        row = newest_of(&world, "script");
        assert_text(row, "outcome", "Unknown");
        assert_text(row, "reason", "somebody else changed the target meanwhile");
        assert_target(&world, 2, 5);
        close_world(&world);
}

/* Another optctl, or another autoscaler, answers every change with its own. */
static void test_of_two_who_steer_one_yields(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;
        int writes;

        (void)state;
        open_confirmed(&world);
        somebody_else_sets(&world, 2, 5);
        run(&world, HOLD_TURNS + 2);
        assert_target(&world, 3, 8);
        somebody_else_sets(&world, 2, 5);
        run(&world, 1);
        assert_true(loop_status(world.loop)->paused);
        assert_non_null(strstr(loop_status(world.loop)->pause_reason, "somebody else steers it, too"));
        writes = world.play->writes;
        stop_process(&world);
        start_process(&world);
        run(&world, 24 * 60);
        assert_int_equal(world.play->writes, writes);
        assert_target(&world, 2, 5);

        /* Who resumes it has seen to it that only one steers. */
        assert_true(loop_resume(world.loop, &err));
        run(&world, 2);
        assert_target(&world, 3, 8);
        close_all(&world);
}

/* A person who sets it by hand every morning is none who answers. */
static void test_changes_that_lie_far_apart_are_no_fight(void **state)
{
        struct world world;

        (void)state;
        open_confirmed(&world);
        for (int day = 0; day < 3; day++) {
                somebody_else_sets(&world, 2, 5);
                run(&world, HOLD_TURNS + 2);
                assert_target(&world, 3, 8);
                run(&world, 24 * 60);
                assert_false(loop_status(world.loop)->paused);
        }
        close_all(&world);
}

/* An engine without room for all of it, a job that was started anew, partitions that were added, a person who
 * paused it and sets it by hand. */
static void test_what_is_no_change_by_somebody_else(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        world.play->slots = 3;
        run(&world, 5);
        world.play->slots = 0;
        run(&world, 2);

        world.play->holds = true;
        world.play->knobs[0].role = KNOB_PARTITIONS;
        somebody_else_sets(&world, 6, 8);
        run(&world, 2);

        somebody_else_sets(&world, 6, 5);
        world.play->counters_reset = true;
        run(&world, 1);
        world.play->counters_reset = false;
        run(&world, 2);

        must(loop_pause(world.loop, NULL, &err), &err);
        run(&world, 1);
        somebody_else_sets(&world, 6, 7);
        run(&world, 1);
        must(loop_resume(world.loop, &err), &err);
        run(&world, 2);
        assert_null(newest_of(&world, "somebody else"));
        close_all(&world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_somebody_else_set_stays_for_half_an_hour),
                cmocka_unit_test(test_a_restart_does_not_end_the_half_hour),
                cmocka_unit_test(test_what_was_set_while_optctl_was_away_is_noticed),
                cmocka_unit_test(test_a_change_that_is_overwritten_is_not_verified),
                cmocka_unit_test(test_of_two_who_steer_one_yields),
                cmocka_unit_test(test_changes_that_lie_far_apart_are_no_fight),
                cmocka_unit_test(test_what_is_no_change_by_somebody_else),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
