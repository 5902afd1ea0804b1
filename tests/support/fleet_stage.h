/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_FLEET_STAGE_H
#define OPTCTL_TESTS_SUPPORT_FLEET_STAGE_H

/* Live pipelines in virtual time, on engines as a test wants them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/live/fleet.h"
#include "controller/registry.h"
#include "core/json.h"
#include "core/ledger/ledger.h"
#include "tests/support/scratch.h"

#define START         1700000000000
#define N_PIPELINES   40
#define HANG_SECONDS  25
#define RATE_PER_TASK 100.0

/* ---- an engine whose subtasks take 100 records/s each ---- */

struct engine_options {
        int64_t id;
        const char *job;
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
        bool stuck;      /* what is applied stops it, and goes no further */
        bool hangs;      /* answers nothing for now */
        bool periodic;   /* runs from time to time */
        bool slow_read;  /* takes its time to say what it is told to run */
        int64_t seen_ms; /* what is measured is of then; 0: of now */
        int slots;       /* per worker, as the actuator was told */
        int64_t last_turn_ms, longest_gap_ms;
} world[N_PIPELINES];

/* Told right before and after each change of an engine; NULL: nobody is. */
static void (*engine_written)(bool done);

static const struct option engine_option_list[] = {
        {.name = "id", .type = OPTION_INT, .offset = offsetof(struct engine_options, id), .help = "Which."},
        {.name = "job",
         .type = OPTION_TEXT,
         .offset = offsetof(struct engine_options, job),
         .help = "What pipelines go by that may want the same."},
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

static inline bool engine_open(const struct source_context *context, const void *options, void **ret_state,
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

static inline bool engine_answers(const struct engine *engine, struct error *err)
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

static inline bool engine_discover(void *state, json_t **ret_pipeline, struct error *err)
{
        if (!engine_answers(state, err))
                return false;
        *ret_pipeline = json_pack("{s:i, s:[{s:s, s:b}, {s:s}], s:[{s:s, s:s}]}", "slotsPerWorker", 2,
                                  "operators", "name", "source", "source", true, "name", "work", "edges",
                                  "from", "source", "to", "work");
        return true;
}

static inline bool engine_collect(void *state, struct observation *ret_observation, struct error *err)
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
        ret_observation->run.periodic = world[id].periodic;
        ret_observation->time_ms = world[id].seen_ms ? world[id].seen_ms : now_ms;
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

static inline bool engine_apply(void *state, const struct configuration *from, const struct configuration *to,
                                bool dry_run, const struct call_recorder *calls, struct error *err)
{
        const struct engine *engine = state;
        struct error ignored = ERROR_INIT;
        int64_t call;

        (void)from;
        if (dry_run || !engine_answers(engine, err))
                return dry_run;
        if (!calls->begin(calls->context, "set parallelism", &call, err))
                return false;
        if (engine_written)
                engine_written(false);
        world[engine->options->id].parallelism = world[engine->options->id].stuck ? 0 : to->value[0];
        world[engine->options->id].applied++;
        if (engine_written)
                engine_written(true);
        (void)calls->end(calls->context, call, true, "200", &ignored);
        return !world[engine->options->id].stuck || error_set(err, ERROR_UNAVAILABLE, NULL, "no answer");
}

static inline bool engine_read(void *state, struct configuration *ret_configuration, struct error *err)
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

static inline void engine_close(void *state)
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
static inline void stage_begin(struct stage *stage, int64_t start_ms, bool dry_run)
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

static inline void stage_open_as(struct stage *stage, bool dry_run)
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

static inline void stage_open(struct stage *stage)
{
        stage_open_as(stage, false);
}

static inline void stage_close(struct stage *stage)
{
        fleet_free(stage->fleet);
        reactor_free(stage->reactor);
        unlink(stage->path);
}

static inline void add(struct stage *stage, int id, const char *more)
{
        autofree char *name = memory_format("metadata.name=p%d", id);
        autofree char *engine = memory_format("spec.engine.play.id=%d", id);
        const char *const overrides[] = {name, engine, more, NULL};
        struct error err = ERROR_INIT;

        if (!fleet_add(stage->fleet, stage->path, NULL, overrides, &err))
                fail_msg("%s", err.message);
}

static inline void stop(void *argument)
{
        struct stage *stage = argument;

        reactor_stop(stage->reactor);
}

static inline void run_for(struct stage *stage, int64_t seconds)
{
        reactor_spawn_at(stage->reactor, START + seconds * MS_PER_SECOND, stop, stage);
        reactor_run(stage->reactor);
}

static inline const char *state_of(struct stage *stage, const char *name, char buffer[32])
{
        autojson *status = NULL;
        struct error err = ERROR_INIT;

        if (!fleet_status(stage->fleet, name, &status, &err))
                fail_msg("%s", err.message);
        snprintf(buffer, 32, "%s", json_string_value(json_object_get(json_array_get(status, 0), "state")));
        return buffer;
}

#endif
