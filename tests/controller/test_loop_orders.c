/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person orders: pause, resume, roll back; on the stage, with the ledger on the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/json.h"
#include "tests/support/ledger_scene.h"

static void assert_target(const struct world *world, double source, double work)
{
        assert_true(world->play->target.value[0] == source);
        assert_true(world->play->target.value[1] == work);
}

static void assert_refused(const struct error *err, enum error_code code, const char *words)
{
        assert_int_equal(err->code, code);
        if (!strstr(err->message, words))
                fail_msg("said \"%s\", expected \"%s\"", err->message, words);
}

static void restart(struct world *world)
{
        stop_process(world);
        start_process(world);
}

/* The newest decision that is no hold: {strategy, from, to, outcome, reason, ...}. */
static json_t *newest_change(const struct world *world)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *decisions = NULL;
        struct error err = ERROR_INIT;
        json_t *row;
        size_t index;

        must(ledger_reader_open(world->path, &reader, &err), &err);
        must(ledger_history(reader, INT64_MIN, 1000, &decisions, &err), &err);
        json_array_foreach(decisions, index,
                           row) if (strcmp(json_string_value(json_object_get(row, "proposal")), "Change") ==
                                    0) return json_incref(row);
        fail_msg("no decision changed anything");
        return NULL;
}

static void assert_text(const json_t *row, const char *key, const char *expected)
{
        assert_string_equal(json_string_value(json_object_get(row, key)), expected);
}

/* From (2, 4) to (3, 8), confirmed. */
static void open_confirmed(struct world *world)
{
        open_world(world, false);
        start_process(world);
        run(world, 12);
        assert_target(world, 3, 8);
        assert_int_equal(loop_status(world->loop)->confirmed, 1);
}

/* ---- pause ---- */

static void test_a_paused_loop_watches_and_changes_nothing(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        assert_true(loop_pause(world.loop, "maintenance of the cluster", &err));
        run(&world, 5);
        assert_int_equal(world.play->writes, 0);
        assert_true(loop_status(world.loop)->paused);
        assert_int_equal(loop_status(world.loop)->doing, LOOP_HOLDING);
        assert_string_equal(loop_status(world.loop)->why, "paused: maintenance of the cluster");
        assert_true(loop_observation(world.loop)->time_ms == world.play->now_ms);
        assert_true(loop_resume(world.loop, &err));
        run(&world, 2);
        assert_target(&world, 3, 8);
        close_world(&world);
}

/* The books go on: 8 workers of the baseline and the 4 that run, at 1 USD an hour. */
static void test_a_paused_loop_keeps_its_books(void **state)
{
        struct error err = ERROR_INIT;
        struct saving saving;
        struct world world;

        (void)state;
        open_world(&world, false);
        world.play->holds = true;
        start_process(&world);
        run(&world, 1);
        assert_true(loop_pause(world.loop, NULL, &err));
        run(&world, 60);
        loop_saving(world.loop, 0.9, &saving);
        assert_true(saving.baseline_cost - 8 < 1e-9 && saving.baseline_cost - 8 > -1e-9);
        assert_true(saving.cost - 4 < 1e-9 && saving.cost - 4 > -1e-9);
        assert_string_equal(loop_status(world.loop)->why, "paused");
        close_world(&world);
}

static void test_a_pause_survives_the_process_until_it_is_resumed(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        assert_true(loop_pause(world.loop, "freeze", &err));
        restart(&world);
        assert_true(loop_status(world.loop)->paused);
        run(&world, 3);
        assert_int_equal(world.play->writes, 0);
        assert_string_equal(loop_status(world.loop)->why, "paused: freeze");
        assert_true(loop_resume(world.loop, &err));
        restart(&world);
        assert_false(loop_status(world.loop)->paused);
        run(&world, 3);
        assert_target(&world, 3, 8);
        close_world(&world);
}

/* A regression is taken back although nobody may propose anything. */
static void test_what_is_in_flight_is_verified_while_paused(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, true);
        start_process(&world);
        run(&world, 2);
        assert_target(&world, 1, 3);
        assert_true(loop_pause(world.loop, NULL, &err));
        run(&world, 12);
        assert_target(&world, 2, 4);
        assert_int_equal(loop_status(world.loop)->reverted, 1);
        close_world(&world);
}

/* ---- rollback ---- */

static void test_a_rollback_goes_back_before_the_newest_change_and_pauses(void **state)
{
        struct error err = ERROR_INIT;
        autojson *row = NULL;
        struct world world;

        (void)state;
        open_confirmed(&world);
        must(loop_rollback(world.loop, 0, &err), &err);
        assert_target(&world, 2, 4);
        row = newest_change(&world);
        assert_text(row, "strategy", "operator");
        assert_text(row, "from", "source 3, work 8 (8 workers)");
        assert_text(row, "to", "source 2, work 4 (4 workers)");
        assert_text(row, "outcome", "Unknown");
        assert_text(row, "reason", "ordered by a person: not verified");
        assert_int_equal(json_integer_value(json_object_get(row, "id")),
                         loop_status(world.loop)->rollback_decision);
        run(&world, 5);
        assert_target(&world, 2, 4);
        assert_true(strncmp(loop_status(world.loop)->why, "paused: rolled back", 19) == 0);
        close_world(&world);
}

/* Who asks twice, because the answer was lost, must not bring back what was bad. */
static void test_a_second_rollback_changes_nothing(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;
        int writes;

        (void)state;
        open_confirmed(&world);
        must(loop_rollback(world.loop, 0, &err), &err);
        run(&world, 2);
        writes = world.play->writes;
        assert_false(loop_rollback(world.loop, 0, &err));
        assert_refused(&err, ERROR_INPUT, "already runs what ran before decision");
        restart(&world);
        assert_false(loop_rollback(world.loop, 0, &err));
        assert_int_equal(world.play->writes, writes);
        close_world(&world);
}

static void test_a_rollback_takes_the_place_of_what_is_being_verified(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        run(&world, 2);
        assert_true(loop_status(world.loop)->verifying);
        must(loop_rollback(world.loop, 0, &err), &err);
        assert_target(&world, 2, 4);
        assert_false(loop_status(world.loop)->verifying || loop_status(world.loop)->applying);
        close_world(&world);
}

static void test_a_rollback_reaches_back_before_any_decision(void **state)
{
        struct error err = ERROR_INIT;
        autojson *first = NULL;
        struct world world;
        int64_t id;

        (void)state;
        open_confirmed(&world);
        first = newest_change(&world);
        id = json_integer_value(json_object_get(first, "id"));
        play_want(world.play, 4, 9);
        run(&world, 12);
        assert_target(&world, 4, 9);
        assert_false(loop_rollback(world.loop, 4711, &err));
        assert_refused(&err, ERROR_INPUT, "play: there is no decision 4711");
        assert_false(loop_status(world.loop)->paused);
        must(loop_rollback(world.loop, id, &err), &err);
        assert_target(&world, 2, 4);
        close_world(&world);
}

static void test_there_is_nothing_to_roll_back(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_world(&world, false);
        world.play->holds = true;
        start_process(&world);
        run(&world, 3);
        assert_false(loop_rollback(world.loop, 0, &err));
        assert_refused(&err, ERROR_INPUT, "play: optctl has changed nothing that could be taken back");
        assert_false(loop_rollback(world.loop, 1, &err));
        assert_refused(&err, ERROR_INPUT, "play: decision 1 changed nothing");
        assert_false(loop_status(world.loop)->paused);
        close_world(&world);
}

static void test_only_what_optctl_applied_is_rolled_back(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        stop_process(&world);
        world.mode = SPEC_RECOMMEND;
        start_process(&world);
        assert_false(loop_rollback(world.loop, 0, &err));
        assert_refused(&err, ERROR_CONFLICT, "is not in mode Auto");
        assert_target(&world, 3, 8);
        close_world(&world);
}

/* In the meantime the spec says that at least 6 subtasks of work are to run. */
static void test_a_rollback_keeps_to_the_spec(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        stop_process(&world);
        world.play->knobs[1].min = 6;
        start_process(&world);
        assert_false(loop_rollback(world.loop, 0, &err));
        assert_refused(&err, ERROR_INPUT,
                       "parallelism.work was 4 before, which the spec no longer allows (6 to 64 by 1)");
        assert_target(&world, 3, 8);
        close_world(&world);
}

/* What only grows stays: here the source's knob is one of partitions. */
static void test_partitions_are_not_taken_back(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        world.play->knobs[0].role = KNOB_PARTITIONS;
        must(loop_rollback(world.loop, 0, &err), &err);
        assert_target(&world, 3, 4);
        close_world(&world);
}

static void test_a_rollback_that_fails_is_tried_again(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        world.play->applies_to_fail = 2;
        must(loop_rollback(world.loop, 0, &err), &err);
        assert_true(loop_status(world.loop)->applying);
        assert_false(loop_rollback(world.loop, 0, &err));
        assert_refused(&err, ERROR_CONFLICT, "a change is just being applied or taken back; try again");
        assert_true(err.retry);
        run(&world, 3);
        assert_target(&world, 2, 4);
        assert_false(loop_status(world.loop)->applying);
        close_world(&world);
}

/* An engine reads back at once what it was told, starts the job anew for it, and may have room for less. */
static void test_what_is_told_does_not_run_yet(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        assert_int_equal(loop_status(world.loop)->way_back, LOOP_NO_WAY_BACK);
        world.play->restarting = true;
        must(loop_rollback(world.loop, 0, &err), &err);
        assert_int_equal(loop_status(world.loop)->way_back, LOOP_BACK_TOLD);
        assert_true(loop_rollback_target(world.loop)->value[1] == 4);
        run(&world, 2);
        assert_int_equal(loop_status(world.loop)->way_back, LOOP_BACK_TOLD);
        world.play->restarting = false;
        world.play->slots = 3;
        run(&world, 2);
        assert_int_equal(loop_status(world.loop)->way_back, LOOP_BACK_TOLD);
        world.play->slots = 4;
        run(&world, 1);
        assert_int_equal(loop_status(world.loop)->way_back, LOOP_BACK_RUNNING);
        close_world(&world);
}

static void test_a_rollback_is_over_when_something_else_is_changed(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        must(loop_rollback(world.loop, 0, &err), &err);
        play_want(world.play, 4, 9);
        assert_true(loop_resume(world.loop, &err));
        run(&world, 3);
        assert_target(&world, 4, 9);
        assert_int_equal(loop_status(world.loop)->way_back, LOOP_NO_WAY_BACK);
        close_world(&world);
}

static void test_a_rollback_that_cannot_be_told_says_why(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        world.play->applies_to_fail = 1;
        world.play->fail_for_good = true;
        must(loop_rollback(world.loop, 0, &err), &err);
        run(&world, 1);
        assert_int_equal(loop_status(world.loop)->way_back, LOOP_BACK_FAILED);
        assert_string_not_equal(loop_rollback_trouble(world.loop), "");
        assert_target(&world, 3, 8);
        close_world(&world);
}

/* The process dies at every callback of a rollback; the next one finds the target whole, and paused. */
static void test_a_crash_at_any_point_of_a_rollback(void **state)
{
        (void)state;
        for (int64_t after = 0; after < 40; after++) {
                struct error err = ERROR_INIT;
                struct world world;

                open_confirmed(&world);
                world.play->crash_at = world.play->callbacks + after / 2;
                world.play->crash_after = after % 2;
                (void)loop_rollback(world.loop, 0, &err);
                restart(&world);
                run(&world, 5);
                if (loop_status(world.loop)->paused && world.play->target.value[0] == 2)
                        assert_target(&world, 2, 4);
                else
                        assert_target(&world, 3, 8);
                close_world(&world);
        }
}

/* What a person rolled back is kept away from as what did badly is. */
static void test_what_was_rolled_back_is_remembered(void **state)
{
        struct error err = ERROR_INIT;
        struct world world;

        (void)state;
        open_confirmed(&world);
        must(loop_rollback(world.loop, 0, &err), &err);
        run(&world, 1);
        assert_true(loop_last_change_ms(world.loop) == world.play->now_ms - PLAY_WINDOW_MS);
        restart(&world);
        assert_true(loop_last_change_ms(world.loop) == world.play->now_ms - PLAY_WINDOW_MS);
        close_world(&world);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_paused_loop_watches_and_changes_nothing),
                cmocka_unit_test(test_a_paused_loop_keeps_its_books),
                cmocka_unit_test(test_a_pause_survives_the_process_until_it_is_resumed),
                cmocka_unit_test(test_what_is_in_flight_is_verified_while_paused),
                cmocka_unit_test(test_a_rollback_goes_back_before_the_newest_change_and_pauses),
                cmocka_unit_test(test_a_second_rollback_changes_nothing),
                cmocka_unit_test(test_a_rollback_takes_the_place_of_what_is_being_verified),
                cmocka_unit_test(test_a_rollback_reaches_back_before_any_decision),
                cmocka_unit_test(test_there_is_nothing_to_roll_back),
                cmocka_unit_test(test_only_what_optctl_applied_is_rolled_back),
                cmocka_unit_test(test_a_rollback_keeps_to_the_spec),
                cmocka_unit_test(test_partitions_are_not_taken_back),
                cmocka_unit_test(test_a_rollback_that_fails_is_tried_again),
                cmocka_unit_test(test_what_is_told_does_not_run_yet),
                cmocka_unit_test(test_a_rollback_is_over_when_something_else_is_changed),
                cmocka_unit_test(test_a_rollback_that_cannot_be_told_says_why),
                cmocka_unit_test(test_a_crash_at_any_point_of_a_rollback),
                cmocka_unit_test(test_what_was_rolled_back_is_remembered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
