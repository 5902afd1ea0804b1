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

#include "controller/backtest.h"
#include "controller/fleet.h"
#include "controller/registry.h"
#include "controller/study.h"
#include "core/json.h"
#include "core/ledger.h"
#include "tests/support/heap.h"
#include "tests/support/scratch.h"

#define START         1700000000000
#define N_PIPELINES   40
#define HANG_SECONDS  25
#define RATE_PER_TASK 100.0

/* ---- an engine whose subtasks take 100 records/s each ---- */

struct engine_options {
        int64_t id;
        bool hangs, unreachable_at_first;
};

struct engine {
        const struct source_context *context;
        const struct engine_options *options;
};

/* What really runs, by id: both plugins look here. */
static struct {
        double parallelism, load;
        int turns, applied;
        bool stuck;     /* what is applied stops it, and goes no further */
        bool hangs;     /* answers nothing for now */
        bool slow_read; /* takes its time to say what it is told to run */
        int slots;      /* per worker, as the actuator was told */
        int64_t last_turn_ms, longest_gap_ms;
} world[N_PIPELINES];

static const struct option engine_option_list[] = {
        {.name = "id", .type = OPTION_INT, .offset = offsetof(struct engine_options, id), .help = "Which."},
        {.name = "hangs",
         .type = OPTION_BOOL,
         .offset = offsetof(struct engine_options, hangs),
         .fallback = "false",
         .help = "Never answers."},
        {.name = "unreachableAtFirst",
         .type = OPTION_BOOL,
         .offset = offsetof(struct engine_options, unreachable_at_first),
         .fallback = "false",
         .help = "Answers from the second minute on."},
        {0},
};

static const struct option_table engine_table = {.name = "play",
                                                 .help = "Played.",
                                                 .size = sizeof(struct engine_options),
                                                 .options = engine_option_list};

static bool engine_open(const struct source_context *context, const void *options, void **ret_state,
                        struct error *err)
{
        struct engine *engine = memory_new(1, sizeof *engine);

        (void)err;
        engine->context = context;
        engine->options = options;
        if (context->pipeline)
                world[engine->options->id].slots = context->pipeline->slots_per_worker;
        *ret_state = engine;
        return true;
}

static bool engine_answers(const struct engine *engine, struct error *err)
{
        const struct clock *clock = engine->context->clock;
        struct error interrupted = ERROR_INIT;

        if (engine->options->unreachable_at_first && clock_now_ms(clock) < START + 60000)
                return error_set(err, ERROR_UNAVAILABLE, NULL, "connection refused");
        if (!engine->options->hangs && !world[engine->options->id].hangs)
                return true;
        (void)clock_sleep_until(clock, clock_now_ms(clock) + HANG_SECONDS * MS_PER_SECOND, &interrupted);
        return error_set(err, ERROR_TIMEOUT, NULL, "did not answer within %d s", HANG_SECONDS);
}

static bool engine_discover(void *state, json_t **ret_pipeline, struct error *err)
{
        if (!engine_answers(state, err))
                return false;
        *ret_pipeline = json_pack("{s:i, s:[{s:s, s:b}, {s:s}], s:[{s:s, s:s}]}", "slotsPerWorker", 2,
                                  "operators", "name", "source", "source", true, "name", "work", "edges",
                                  "from", "source", "to", "work");
        return true;
}

static bool engine_collect(void *state, struct observation *ret_observation, struct error *err)
{
        const struct engine *engine = state;
        int64_t id = engine->options->id, now_ms = clock_now_ms(engine->context->clock);
        double parallelism = world[id].parallelism, load = world[id].load;
        double taken = fmin(load, parallelism * RATE_PER_TASK);
        struct operator_observation *source = &ret_observation->operators[0];
        struct operator_observation *work = &ret_observation->operators[1];

        if (world[id].turns++ > 0)
                world[id].longest_gap_ms = (int64_t)fmax((double)world[id].longest_gap_ms,
                                                         (double)(now_ms - world[id].last_turn_ms));
        world[id].last_turn_ms = now_ms;
        if (!engine_answers(engine, err))
                return false;
        if (parallelism == 0)
                return error_set(err, ERROR_UNAVAILABLE, NULL, "the job is stopped");
        ret_observation->missing = 0;
        ret_observation->time_ms = now_ms;
        ret_observation->window_ms = 10000;
        ret_observation->workers = ret_observation->workers_ready = (int)parallelism;
        ret_observation->offered_per_second = load;
        ret_observation->throughput_per_second = taken;
        ret_observation->backlog_records = load > taken ? 1000 : 0;
        ret_observation->latency_p99_seconds = 0.1;
        ret_observation->cpu_ratio = 0.5;
        ret_observation->configuration.value[0] = parallelism;
        work->parallelism = (int)parallelism;
        work->in_per_second = work->out_per_second = taken;
        work->busy_ratio = work->busy_ratio_max = taken / (parallelism * RATE_PER_TASK);
        work->true_rate_per_second = parallelism * RATE_PER_TASK;
        source->parallelism = 1;
        source->in_per_second = source->out_per_second = taken;
        source->busy_ratio = source->busy_ratio_max = 0.1;
        source->true_rate_per_second = taken / 0.1;
        source->backlog_records = ret_observation->backlog_records;
        return true;
}

static bool engine_apply(void *state, const struct configuration *from, const struct configuration *to,
                         bool dry_run, const struct call_recorder *calls, struct error *err)
{
        const struct engine *engine = state;

        (void)from;
        (void)calls;
        if (dry_run || !engine_answers(engine, err))
                return dry_run;
        world[engine->options->id].parallelism = world[engine->options->id].stuck ? 0 : to->value[0];
        world[engine->options->id].applied++;
        return !world[engine->options->id].stuck || error_set(err, ERROR_UNAVAILABLE, NULL, "no answer");
}

static bool engine_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        const struct engine *engine = state;
        const struct clock *clock = engine->context->clock;
        int64_t seconds = world[engine->options->id].slow_read ? HANG_SECONDS : 0;

        if (!engine_answers(engine, err) ||
            !clock_sleep_until(clock, clock_now_ms(clock) + seconds * MS_PER_SECOND, err))
                return false;
        ret_configuration->value[0] = world[engine->options->id].parallelism;
        return true;
}

static void engine_close(void *state)
{
        free(state);
}

static const struct collector played_collector = {
        .name = "play",
        .summary = "Played",
        .section = SECTION_ENGINE,
        .options = &engine_table,
        .open = engine_open,
        .discover = engine_discover,
        .collect = engine_collect,
        .close = engine_close,
};

static const struct actuator played_actuator = {
        .name = "play",
        .summary = "Played",
        .open = engine_open,
        .apply = engine_apply,
        .read = engine_read,
        .close = engine_close,
};

/* ---- the stage ---- */

struct stage {
        struct reactor *reactor;
        struct fleet *fleet;
        struct ledger *ledger; /* NULL: none */
        const char *record;    /* a folder; NULL: none */
        struct registry registry;
        char path[64];
};

/* A process with a clock of its own. */
static void stage_begin(struct stage *stage, int64_t start_ms, bool dry_run)
{
        const struct reactor_options options = {.virtual_start_ms = start_ms};
        struct fleet_setup setup = {.registry = &stage->registry,
                                    .dry_run = dry_run,
                                    .ledger = stage->ledger,
                                    .record = stage->record,
                                    .record_by_name = true};
        struct error err = ERROR_INIT;

        assert_true(reactor_new(&options, &stage->reactor, &err));
        setup.reactor = stage->reactor;
        stage->fleet = fleet_new(&setup);
}

static void stage_open_as(struct stage *stage, bool dry_run)
{
        static const struct collector *const collectors[] = {&played_collector, NULL};
        static const struct actuator *const actuators[] = {&played_actuator, NULL};
        static const char text[] =
                "apiVersion: optctl.dev/v1alpha1\n"
                "kind: TunedPipeline\n"
                "metadata: {name: p}\n"
                "spec:\n"
                "  mode: Auto\n"
                "  strategy: ds2\n"
                "  strategies: {ds2: {policyIntervalSeconds: 10, warmUpIntervals: 0}}\n"
                "  engine: {play: {id: 0}}\n"
                "  knobs:\n"
                "    - {name: parallelism, scope: Operator, operator: work, min: 1, max: 64}\n";
        FILE *file;

        memset(world, 0, sizeof world);
        for (int i = 0; i < N_PIPELINES; i++) {
                world[i].parallelism = 2;
                world[i].load = 950;
        }
        stage->registry = *registry_all();
        stage->registry.collectors = collectors;
        stage->registry.actuators = actuators;
        snprintf(stage->path, sizeof stage->path, "fleet-test-%d.yaml.tmp", (int)getpid());
        file = fopen(stage->path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        stage_begin(stage, START, dry_run);
}

static void stage_open(struct stage *stage)
{
        stage_open_as(stage, false);
}

static void stage_close(struct stage *stage)
{
        fleet_free(stage->fleet);
        reactor_free(stage->reactor);
        unlink(stage->path);
}

static void add(struct stage *stage, int id, const char *more)
{
        autofree char *name = memory_format("metadata.name=p%d", id);
        autofree char *engine = memory_format("spec.engine.play.id=%d", id);
        const char *const overrides[] = {name, engine, more, NULL};
        struct error err = ERROR_INIT;

        if (!fleet_add(stage->fleet, stage->path, NULL, overrides, &err))
                fail_msg("%s", err.message);
}

static void stop(void *argument)
{
        struct stage *stage = argument;

        reactor_stop(stage->reactor);
}

static void run_for(struct stage *stage, int64_t seconds)
{
        reactor_spawn_at(stage->reactor, START + seconds * MS_PER_SECOND, stop, stage);
        reactor_run(stage->reactor);
}

static const char *state_of(struct stage *stage, const char *name, char buffer[32])
{
        autojson *status = NULL;
        struct error err = ERROR_INIT;

        if (!fleet_status(stage->fleet, name, &status, &err))
                fail_msg("%s", err.message);
        snprintf(buffer, 32, "%s", json_string_value(json_object_get(json_array_get(status, 0), "state")));
        return buffer;
}

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

/* ---- orders ---- */

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
                cmocka_unit_test(test_a_graph_that_is_written_is_not_asked_for),
                cmocka_unit_test(test_slots_that_are_written_stand_beside_the_graph_of_the_engine),
                cmocka_unit_test(test_recommend_changes_nothing),
                cmocka_unit_test(test_auto_of_a_dry_run_is_recommend),
                cmocka_unit_test(test_names_are_unique_and_nearly_found),
                cmocka_unit_test(test_what_is_removed_runs_on_as_it_is),
                cmocka_unit_test(test_a_pause_before_the_engine_was_reached_holds_until_it_is_resumed),
                cmocka_unit_test(test_who_resumes_before_the_engine_was_reached_is_heard),
                cmocka_unit_test(test_a_pause_does_not_wait_for_an_engine_that_hangs),
                cmocka_unit_test(test_a_turn_that_was_paused_in_its_middle_begins_nothing),
                cmocka_unit_test(test_a_rollback_that_is_not_possible_yet_pauses_at_least),
                cmocka_unit_test(test_of_two_optctl_on_one_job_one_yields),
                cmocka_unit_test(test_what_cannot_be_recorded_is_told),
                cmocka_unit_test(test_what_is_measured_is_recorded_beside_the_tuning),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
