/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many live pipelines in virtual time, on engines as a test wants them. */
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/study/backtest.h"
#include "controller/live/fleet.h"
#include "controller/registry.h"
#include "controller/study/study.h"
#include "core/json.h"
#include "core/ledger/ledger.h"
#include "tests/support/heap.h"
#include "tests/support/fleet_stage.h"

/* ---- plays ---- */

/* DS2: 950 records/s over 100 a subtask are 9.5 subtasks. */
static void test_every_pipeline_is_tuned_and_nobody_waits_for_the_dead(void **state)
{
        struct stage stage = {.ledger = NULL};
        char buffer[32];

        (void)state;
        stage_open(&stage);
        for (int i = 0; i < N_PIPELINES; i++)
                add(&stage, i, i % 10 == 3 ? "spec.engine.play.hangs=true" : NULL);
        run_for(&stage, 600);
        for (int i = 0; i < N_PIPELINES; i++) {
                if (i % 10 == 3)
                        continue;
                assert_true(world[i].parallelism == 10);
                assert_int_equal(world[i].applied, 1);
                assert_in_range(world[i].turns, 58, 62);
                assert_in_range(world[i].longest_gap_ms, 10000, 10000);
        }
        assert_true(world[3].parallelism == 2);
        assert_string_equal(state_of(&stage, "p3", buffer), "Starting");
        assert_string_equal(state_of(&stage, "p4", buffer), "Holding");
        stage_close(&stage);
}

static void test_what_cannot_be_reached_is_asked_again(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        add(&stage, 0, "spec.engine.play.unreachableAtFirst=true");
        run_for(&stage, 300);
        assert_true(world[0].parallelism == 10);
        stage_close(&stage);
}

/* 5,000 are to fit into 200 MB, with what they share, what talks to real engines and the turns under way. */
static void test_a_pipeline_at_rest_takes_little(void **state)
{
        struct stage stage = {.ledger = NULL};
        size_t before = heap_bytes();

        (void)state;
        stage_open(&stage);
        for (int i = 0; i < N_PIPELINES; i++)
                add(&stage, i, "spec.strategy=plan");
        run_for(&stage, 600);
        assert_in_range((heap_bytes() - before) / N_PIPELINES, 1, 26 << 10);
        stage_close(&stage);
}

/* A process dies while its target stands still on the way to another size: the next one can measure nothing,
 * and brings it back all the same. */
static void test_what_stands_still_after_a_crash_is_brought_back(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "ledger.db");
        const struct clock clock = clock_system(); /* for what the ledger itself dates */
        const struct ledger_options options = {.path = path, .clock = &clock};
        struct stage stage = {.ledger = NULL};
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(ledger_open(&options, &stage.ledger, &err));
        stage_open(&stage);
        world[0].stuck = true;
        add(&stage, 0, NULL);
        run_for(&stage, 30);
        assert_true(world[0].parallelism == 0);
        fleet_free(stage.fleet);
        reactor_free(stage.reactor);
        ledger_close(stage.ledger);

        assert_true(ledger_open(&options, &stage.ledger, &err));
        stage_begin(&stage, START + 60 * MS_PER_SECOND, false);
        world[0].stuck = false;
        world[0].load = 150;
        add(&stage, 0, NULL);
        run_for(&stage, 90);
        assert_true(world[0].parallelism == 2);
        stage_close(&stage);
        ledger_close(stage.ledger);
        scratch_close(&scratch);
}

/* Runs that have ended are there to be told of at once, rates once a window has gone by. The second pipeline
 * is opened after 6.2 s. */
static void test_a_job_that_runs_from_time_to_time_has_its_first_turn_at_once(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        world[0].periodic = true;
        for (int i = 0; i < 2; i++)
                add(&stage, i, NULL);
        run_for(&stage, 9);
        assert_int_equal(world[0].turns, 2);
        assert_int_equal(world[1].turns, 1);
        stage_close(&stage);
}

static void test_a_graph_that_is_written_is_not_asked_for(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        add(&stage, 0,
            "spec.pipeline={operators: [{name: source, source: true}, {name: work}], edges: [{from: source, "
            "to: work}]}");
        run_for(&stage, 100);
        assert_true(world[0].parallelism == 10);
        stage_close(&stage);
}

/* A slot that is paid for by itself, on workers with two. */
static void test_slots_that_are_written_stand_beside_the_graph_of_the_engine(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        add(&stage, 0, NULL);
        add(&stage, 1, "spec.pipeline.slotsPerWorker=1");
        run_for(&stage, 100);
        assert_int_equal(world[0].slots, 2);
        assert_int_equal(world[1].slots, 1);
        assert_true(world[1].parallelism == 10);
        stage_close(&stage);
}

static void test_recommend_changes_nothing(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        add(&stage, 0, "spec.mode=Recommend");
        run_for(&stage, 300);
        assert_int_equal(world[0].applied, 0);
        assert_true(world[0].turns > 20);
        stage_close(&stage);
}

static void test_auto_of_a_dry_run_is_recommend(void **state)
{
        autojson *status = NULL;
        struct error err = ERROR_INIT;
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open_as(&stage, true);
        add(&stage, 0, NULL);
        run_for(&stage, 100);
        assert_int_equal(world[0].applied, 0);
        assert_true(fleet_status(stage.fleet, "p0", &status, &err));
        assert_string_equal(json_string_value(json_object_get(json_array_get(status, 0), "mode")),
                            "Recommend");
        stage_close(&stage);
}

static void test_names_are_unique_and_nearly_found(void **state)
{
        const char *const overrides[] = {"metadata.name=p1", NULL};
        struct stage stage = {.ledger = NULL};
        struct error err = ERROR_INIT;
        json_t *status = NULL;

        (void)state;
        stage_open(&stage);
        add(&stage, 1, "metadata.namespace=analytics");
        assert_false(fleet_add(stage.fleet, stage.path, NULL, overrides, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        error_clear(&err);
        assert_true(fleet_status(stage.fleet, "analytics/p1", &status, &err));
        json_decref(status);
        assert_false(fleet_status(stage.fleet, "p11", &status, &err));
        assert_int_equal(err.code, ERROR_NOT_FOUND);
        assert_non_null(strstr(err.message, "did you mean p1?"));
        stage_close(&stage);
}

static void remove_p0(void *argument)
{
        struct stage *stage = argument;

        fleet_remove(stage->fleet, "p0");
}

static void test_what_is_removed_runs_on_as_it_is(void **state)
{
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage_open(&stage);
        add(&stage, 0, NULL);
        reactor_spawn_at(stage.reactor, START + 105000, remove_p0, &stage);
        run_for(&stage, 600);
        assert_true(world[0].parallelism == 10);
        assert_in_range(world[0].turns, 10, 12);
        stage_close(&stage);
}

/* ---- recordings ---- */

static bool is_identified(const json_t *calibration, const char *name)
{
        const json_t *list = json_object_get(json_object_get(calibration, "model"), "parameters"), *one;
        size_t i;

        json_array_foreach(list, i, one)
        {
                if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
                        return json_is_true(json_object_get(one, "identified"));
        }
        return false;
}

/* A recording is taken as it is by calibrate, which learns from it, and by simulate. */
static void assert_can_be_studied(const struct scratch *scratch, const char *name)
{
        autofree char *path = scratch_path(scratch, name);
        char all_static[] = "static";
        char *const strategies[] = {all_static, NULL};
        struct source source;
        const struct backtest_request fit = {.source = &source, .quiet = true};
        const struct study_request study = {.source = &source,
                                            .strategies = strategies,
                                            .runs = 1,
                                            .seed = 1,
                                            .quiet = true};
        autojson *calibration = NULL, *simulation = NULL;
        autofree char *fragment = NULL;
        struct error err = ERROR_INIT;

        if (!source_open(path, NULL, registry_all(), &source, &err) ||
            !backtest_calibrate(&fit, &calibration, &fragment, &err) || !study_run(&study, &simulation, &err))
                fail_msg("%s", err.message);
        assert_true(is_identified(calibration, "operators.work.ratePerSecond"));
        assert_int_equal(json_array_size(json_object_get(simulation, "strategies")), 1);
        source_close(&source);
}

static void fill_disk(void *argument)
{
        const struct rlimit full = {.rlim_cur = 1024, .rlim_max = RLIM_INFINITY};

        (void)argument;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
}

static void free_disk(void *argument)
{
        const struct rlimit any = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
        const struct stage *stage = argument;

        assert_non_null(strstr(fleet_record_trouble(stage->fleet), "samples.csv"));
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &any), 0);
}

/* No file may grow above a kilobyte for a while. */
static void test_what_cannot_be_recorded_is_told(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *folder = scratch_path(&scratch, "recordings");
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage.record = folder;
        signal(SIGXFSZ, SIG_IGN);
        stage_open(&stage);
        add(&stage, 0, NULL);
        reactor_spawn_at(stage.reactor, START + 300000, fill_disk, &stage);
        reactor_spawn_at(stage.reactor, START + 400000, free_disk, &stage);
        run_for(&stage, 500);
        assert_null(fleet_record_trouble(stage.fleet));
        stage_close(&stage);
        scratch_close(&scratch);
}

/* As `optctl run --record DIR` does: a folder for each pipeline, while it is tuned. */
static void test_what_is_measured_is_recorded_beside_the_tuning(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *folder = scratch_path(&scratch, "recordings");
        struct stage stage = {.ledger = NULL};

        (void)state;
        stage.record = folder;
        stage_open(&stage);
        add(&stage, 0, NULL);
        add(&stage, 1, NULL);
        run_for(&stage, 600);
        assert_true(world[0].parallelism == 10);
        stage_close(&stage);
        assert_can_be_studied(&scratch, "recordings/p0/recording.yaml");
        assert_can_be_studied(&scratch, "recordings/p1/recording.yaml");
        scratch_close(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_pipeline_is_tuned_and_nobody_waits_for_the_dead),
                cmocka_unit_test(test_what_cannot_be_reached_is_asked_again),
                cmocka_unit_test(test_a_pipeline_at_rest_takes_little),
                cmocka_unit_test(test_what_stands_still_after_a_crash_is_brought_back),
                cmocka_unit_test(test_a_job_that_runs_from_time_to_time_has_its_first_turn_at_once),
                cmocka_unit_test(test_a_graph_that_is_written_is_not_asked_for),
                cmocka_unit_test(test_slots_that_are_written_stand_beside_the_graph_of_the_engine),
                cmocka_unit_test(test_recommend_changes_nothing),
                cmocka_unit_test(test_auto_of_a_dry_run_is_recommend),
                cmocka_unit_test(test_names_are_unique_and_nearly_found),
                cmocka_unit_test(test_what_is_removed_runs_on_as_it_is),
                cmocka_unit_test(test_what_cannot_be_recorded_is_told),
                cmocka_unit_test(test_what_is_measured_is_recorded_beside_the_tuning),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
