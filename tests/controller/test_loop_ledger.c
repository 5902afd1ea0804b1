/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

#include "core/json.h"
#include "tests/support/ledger_scene.h"
#include "tests/support/schema.h"

/* Twelve turns are a whole story: a change is wanted, applied, watched, and confirmed or taken back. */
#define TURNS 12

static json_t *read_history(const struct world *world)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;
        json_t *decisions = NULL;

        must(ledger_reader_open(world->path, &reader, &err), &err);
        must(ledger_history(reader, INT64_MIN, 1000, &decisions, &err), &err);
        return decisions;
}

/* The only decision that was acted upon. */
static json_t *read_action(const struct world *world)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *decisions = read_history(world);
        struct error err = ERROR_INIT;
        json_t *row, *decision = NULL;
        int64_t id = 0;
        size_t index;

        json_array_foreach(decisions, index, row)
        {
                if (json_is_null(json_object_get(row, "outcome")))
                        continue;
                assert_int_equal(id, 0);
                id = json_integer_value(json_object_get(row, "id"));
        }
        must(ledger_reader_open(world->path, &reader, &err), &err);
        must(ledger_decision(reader, id, &decision, &err), &err);
        return decision;
}

static void check_explained(const struct world *world, const char *outcome)
{
        autojson *decision = read_action(world);
        const json_t *action = json_array_get(json_object_get(decision, "actions"), 0);
        struct error err = ERROR_INIT;

        json_object_set_new(decision, "kind", json_string("decision"));
        json_object_set_new(decision, "version", json_string("0.1.0"));
        must(schema_check("docs/schema", "decision.schema.json", decision, &err), &err);
        assert_string_equal(json_string_value(json_object_get(decision, "currency")), "USD");
        assert_true(json_number_value(
                            json_object_get(json_object_get(decision, "price"), "per_worker_hour")) == 1);
        assert_true(json_is_object(json_object_get(decision, "observation")));
        assert_true(json_is_object(json_object_get(action, "prediction")));
        assert_int_equal(json_array_size(json_object_get(decision, "actions")), 1);
        assert_string_equal(json_string_value(json_object_get(json_object_get(action, "outcome"), "outcome")),
                            outcome);
        /* A write for each of the two knobs, and for each of them one back. */
        assert_int_equal(json_array_size(json_object_get(action, "calls")),
                         strcmp(outcome, "Reverted") == 0 ? 4 : 2);
        assert_true(json_integer_value(json_object_get(json_object_get(action, "measured"), "windows")) > 0);
}

static void test_a_change_is_explained(void **state)
{
        struct world world;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        run(&world, 2);
        world.play->holds = true;
        run(&world, TURNS);
        check_explained(&world, "Confirmed");
        close_world(&world);
}

static void test_a_regression_is_explained(void **state)
{
        struct world world;

        (void)state;
        open_world(&world, true);
        start_process(&world);
        run(&world, 2);
        world.play->holds = true;
        run(&world, TURNS);
        check_explained(&world, "Reverted");
        close_world(&world);
}

/* The process ends after any turn: the next one takes up what is in the file, and ends it once. */
static void test_the_next_process_goes_on(void **state)
{
        (void)state;
        for (int regresses = 0; regresses < 2; regresses++)
                for (int turns = 1; turns <= TURNS; turns++) {
                        struct world world;
                        struct intent intent;
                        struct error err = ERROR_INIT;
                        bool found = true;

                        open_world(&world, regresses);
                        start_process(&world);
                        run(&world, turns);
                        stop_process(&world);
                        world.play->holds = turns > TURNS / 2;
                        start_process(&world);
                        run(&world, 3 * TURNS);
                        world.play->holds = true;
                        run(&world, 3 * TURNS);
                        must(world.journal.unfinished(world.journal.context, &intent, &found, &err), &err);
                        assert_false(found);
                        close_world(&world);
                }
}

/* I3: how the newest change ended was written down, and told to nobody yet. */
static void test_the_next_process_tells_of_the_newest_change(void **state)
{
        struct world world;
        struct loop_change change;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        run(&world, TURNS);
        stop_process(&world);
        start_process(&world);
        assert_true(loop_newest_change(world.loop, &change));
        assert_string_equal(outcome_name(change.outcome), outcome_name(OUTCOME_CONFIRMED));
        assert_non_null(strstr(change.why, "as predicted"));
        close_world(&world);
}

static double wall_seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Somebody has it open in sqlite3 and writes: the first write waits (a second), the many that follow do not,
 * or all pipelines would stand still. It is all as before once they are gone. */
static void test_a_ledger_that_another_program_writes_to_is_waited_for_once(void **state)
{
        struct world world;
        sqlite3 *other = NULL;
        int64_t failures;
        double start;
        int writes;

        (void)state;
        open_world(&world, false);
        start_process(&world);
        run(&world, 1);
        failures = loop_status(world.loop)->journal_failures;
        writes = world.play->writes;
        assert_int_equal(sqlite3_open(world.path, &other), SQLITE_OK);
        assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        start = wall_seconds();
        run(&world, 20);
        assert_true(wall_seconds() - start < 10); /* 20 s and more, if each waited */
        assert_true(loop_status(world.loop)->journal_failures >= failures + 20);
        assert_int_equal(world.play->writes, writes);
        sqlite3_close(other);
        failures = loop_status(world.loop)->journal_failures;
        run(&world, TURNS);
        assert_int_equal(loop_status(world.loop)->journal_failures, failures);
        assert_int_equal(loop_status(world.loop)->confirmed, 1);
        close_world(&world);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_change_is_explained),
                cmocka_unit_test(test_a_regression_is_explained),
                cmocka_unit_test(test_a_ledger_that_another_program_writes_to_is_waited_for_once),
                cmocka_unit_test(test_the_next_process_goes_on),
                cmocka_unit_test(test_the_next_process_tells_of_the_newest_change),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
