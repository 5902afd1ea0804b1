/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person orders of a fleet, at any time; and two fleets on one job. */
#include "tests/support/fleet_stage.h"

static void pause_p0(void *argument)
{
        struct stage *stage = argument;
        struct clock clock = reactor_clock(stage->reactor);
        int64_t before_ms = clock_now_ms(&clock);
        struct error err = ERROR_INIT;

        if (!fleet_pause(stage->fleet, "p0", "freeze", &err))
                fail_msg("%s", err.message);
        assert_int_equal(clock_now_ms(&clock), before_ms);
}

static void resume_p0(void *argument)
{
        struct error err = ERROR_INIT;

        if (!fleet_resume(((struct stage *)argument)->fleet, "p0", &err))
                fail_msg("%s", err.message);
}

static void open_ledger(struct stage *stage, const char *path)
{
        static struct clock clock;
        const struct ledger_options options = {.path = path, .clock = &clock};
        struct error err = ERROR_INIT;

        clock = clock_system(); /* for what the ledger itself dates */
        if (!ledger_open(&options, &stage->ledger, &err))
                fail_msg("%s", err.message);
}

/* Another process, `seconds` after the start. */
static void restart(struct stage *stage, const char *ledger, int64_t seconds)
{
        fleet_free(stage->fleet);
        reactor_free(stage->reactor);
        ledger_close(stage->ledger);
        open_ledger(stage, ledger);
        stage_begin(stage, START + seconds * MS_PER_SECOND, false);
}

static void test_a_pause_before_the_engine_was_reached_holds_until_it_is_resumed(void **state)
{
        const char *unreachable = "spec.engine.play.unreachableAtFirst=true";
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "ledger.db");
        struct stage stage = {.ledger = NULL};
        char buffer[32];

        (void)state;
        open_ledger(&stage, path);
        stage_open(&stage);
        add(&stage, 0, unreachable);
        reactor_spawn_at(stage.reactor, START + 15000, pause_p0, &stage);
        run_for(&stage, 30);
        assert_string_equal(state_of(&stage, "p0", buffer), "Paused");

        restart(&stage, path, 30);
        add(&stage, 0, unreachable);
        assert_string_equal(state_of(&stage, "p0", buffer), "Paused");
        run_for(&stage, 300); /* reached after 60 s */
        assert_string_equal(state_of(&stage, "p0", buffer), "Paused");
        assert_int_equal(world[0].applied, 0);

        restart(&stage, path, 300);
        add(&stage, 0, unreachable);
        reactor_spawn_at(stage.reactor, START + 350000, resume_p0, &stage);
        run_for(&stage, 500);
        assert_true(world[0].parallelism == 10);
        stage_close(&stage);
        ledger_close(stage.ledger);
        scratch_close(&scratch);
}

static void test_who_resumes_before_the_engine_was_reached_is_heard(void **state)
{
        const char *unreachable = "spec.engine.play.unreachableAtFirst=true";
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "ledger.db");
        struct stage stage = {.ledger = NULL};
        char buffer[32];

        (void)state;
        open_ledger(&stage, path);
        stage_open(&stage);
        add(&stage, 0, unreachable);
        reactor_spawn_at(stage.reactor, START + 15000, pause_p0, &stage);
        reactor_spawn_at(stage.reactor, START + 25000, resume_p0, &stage);
        run_for(&stage, 30);
        assert_string_equal(state_of(&stage, "p0", buffer), "Starting");
        restart(&stage, path, 30);
        add(&stage, 0, unreachable);
        run_for(&stage, 300);
        assert_true(world[0].parallelism == 10);
        stage_close(&stage);
        ledger_close(stage.ledger);
        scratch_close(&scratch);
}

static void more_load(void *argument)
{
        (void)argument;
        world[0].load = 950;
}

static void hang(void *argument)
{
        more_load(argument);
        world[0].hangs = true;
}

static void answer(void *argument)
{
        (void)argument;
        world[0].hangs = world[0].slow_read = false;
}

/* 150 records/s fit on 2 subtasks; then there are 950, and nobody answers. */
static void test_a_pause_does_not_wait_for_an_engine_that_hangs(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        world[0].load = 150;
        add(&stage, 0, NULL);
        reactor_spawn_at(stage.reactor, START + 62000, hang, &stage);
        reactor_spawn_at(stage.reactor, START + 81000, pause_p0, &stage);
        reactor_spawn_at(stage.reactor, START + 82000, answer, &stage);
        run_for(&stage, 300);
        assert_in_range(world[0].turns, 20, 30);
        assert_int_equal(world[0].applied, 0);
        stage_close(&stage);
}

/* The last thing before a change: the target is asked what it runs, and takes 25 s to say it. */
static void test_a_turn_that_was_paused_in_its_middle_begins_nothing(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        world[0].load = 150;
        world[0].slow_read = true;
        add(&stage, 0, NULL);
        reactor_spawn_at(stage.reactor, START + 62000, more_load, &stage);
        reactor_spawn_at(stage.reactor, START + 81000, pause_p0, &stage);
        run_for(&stage, 300);
        assert_int_equal(world[0].applied, 0);
        stage_close(&stage);
}

static void roll_back_p0(void *argument)
{
        struct error err = ERROR_INIT;
        json_t *result;

        assert_false(fleet_rollback(((struct stage *)argument)->fleet, "p0", 0, &result, &err));
        assert_non_null(strstr(err.message, "p0: is paused, and nothing was rolled back"));
}

static void test_a_rollback_that_is_not_possible_yet_pauses_at_least(void **state)
{
        struct stage stage = {.ledger = NULL};
        char buffer[32];

        (void)state;
        stage_open(&stage);
        add(&stage, 0, "spec.engine.play.unreachableAtFirst=true");
        reactor_spawn_at(stage.reactor, START + 15000, roll_back_p0, &stage);
        run_for(&stage, 300);
        assert_string_equal(state_of(&stage, "p0", buffer), "Paused");
        assert_int_equal(world[0].applied, 0);
        stage_close(&stage);
}

static bool is_paused(struct fleet *fleet)
{
        autojson *status = NULL;
        struct error err = ERROR_INIT;

        if (!fleet_status(fleet, "p0", &status, &err))
                fail_msg("%s", err.message);
        return json_is_string(json_object_get(json_array_get(status, 0), "pause_reason"));
}

/* Each keeps a ledger of its own; one wants the 10 that are needed, the other twice as many. */
static void test_of_two_optctl_on_one_job_one_yields(void **state)
{
        const char *const others[] = {"metadata.name=p0", "spec.strategies.ds2.scalingFactor=1", NULL};
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "ledger.db"),
                      *other_path = scratch_path(&scratch, "other.db");
        struct stage stage = {.ledger = NULL}, other = {.ledger = NULL};
        struct error err = ERROR_INIT;

        (void)state;
        open_ledger(&stage, path);
        stage_open(&stage);
        add(&stage, 0, NULL);
        open_ledger(&other, other_path);
        other.fleet = fleet_new(&(struct fleet_setup){.registry = &stage.registry,
                                                      .reactor = stage.reactor,
                                                      .ledger = other.ledger});
        if (!fleet_add(other.fleet, stage.path, NULL, others, &err))
                fail_msg("%s", err.message);
        run_for(&stage, 24 * 3600);
        assert_in_range(world[0].applied, 2, 5);
        assert_int_equal(is_paused(stage.fleet) + is_paused(other.fleet), 1);
        assert_true((world[0].parallelism == 10) == is_paused(other.fleet));
        fleet_free(other.fleet);
        ledger_close(other.ledger);
        stage_close(&stage);
        ledger_close(stage.ledger);
        scratch_close(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_pause_before_the_engine_was_reached_holds_until_it_is_resumed),
                cmocka_unit_test(test_who_resumes_before_the_engine_was_reached_is_heard),
                cmocka_unit_test(test_a_pause_does_not_wait_for_an_engine_that_hangs),
                cmocka_unit_test(test_a_turn_that_was_paused_in_its_middle_begins_nothing),
                cmocka_unit_test(test_a_rollback_that_is_not_possible_yet_pauses_at_least),
                cmocka_unit_test(test_of_two_optctl_on_one_job_one_yields),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
