/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/scheduled_spark_application/runs.h"
#include "core/reactor.h"
#include "engines/spark/event_log.h"
#include "engines/spark/log_folder.h"
#include "engines/spark_application/schedule.h"
#include "engines/spark_application/template.h"

/* For so long a run whose event log is not there yet is not told of. */
#define LOG_PATIENCE_MS (5 * 60 * MS_PER_SECOND)

/* What the event log of a run says, read in a thread of its own. */
struct log_reading {
        char *folder, *application;
        bool found;
        struct batch_held held;
};

struct state {
        struct spark_schedule *schedule;
        struct kube_run_memory memory;
        struct log_reading reading; /* the newest */
};

/* ---- life ---- */

static void close_state(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        spark_schedule_close(state->schedule);
        free(state->reading.application);
        free(state->reading.folder);
        kube_run_memory_clear(&state->memory);
        free(state);
}

static bool open_state(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        const struct spark_schedule_options *told = options;
        struct state *state = memory_new(1, sizeof *state);

        if (!spark_schedule_open(context, told, &state->schedule, err)) {
                free(state);
                return false;
        }
        if (told->event_logs)
                state->reading.folder = *told->event_logs == '/' || !context->base
                                                ? memory_copy_text(told->event_logs)
                                                : memory_format("%s/%s", context->base, told->event_logs);
        *ret_state = state;
        return true;
}

/* ---- event logs ---- */

static void read_log(void *argument)
{
        struct log_reading *reading = argument;
        autofree char *path = spark_event_log_find(reading->folder, reading->application);
        auto_spark_event_log log = {0};
        struct error ignored = ERROR_INIT;

        if (!path || !spark_event_log_read(path, &log, &ignored))
                return;
        reading->held = batch_run_held(log.run);
        reading->found = true;
}

/* That of a run is read once. */
static void look_into_log(struct state *state, const char *application)
{
        struct log_reading *reading = &state->reading;

        if (reading->application && strcmp(reading->application, application) != 0) {
                reading->found = false;
                free(reading->application);
                reading->application = NULL;
        }
        if (!reading->application)
                reading->application = memory_copy_text(application);
        if (!reading->found)
                reactor_offload(state->schedule->context.reactor, read_log, reading);
}

/* The log knows executors that come and go; of the driver, and of memory, the spec tells. */
static void take_log(const struct log_reading *reading, const struct spark_allocation *asked,
                     struct run_observation *run)
{
        double seconds = (double)(run->ended_ms - run->begun_ms) / 1e3;

        run->worker_seconds = reading->held.executor_seconds;
        run->core_seconds = reading->held.core_seconds + asked->driver_cores * seconds;
        run->byte_seconds =
                reading->held.executor_seconds * asked->executor_bytes + asked->driver_bytes * seconds;
}

/* ---- looking ---- */

struct caches {
        struct kube_follower schedules, runs;
};

static bool reach(struct spark_schedule *schedule, struct caches *ret_caches, struct error *err)
{
        const struct kube_resource *kind, *run_kind;
        struct kube_client *client;

        return spark_schedule_reach(schedule, &client, &kind, err) &&
               kube_shared_served(schedule->kubernetes, SPARK_GROUP, "sparkapplications", &run_kind, err) &&
               kube_shared_follow(schedule->kubernetes, kind, &spark_schedules_following, schedule->namespace,
                                  &ret_caches->schedules, err) &&
               kube_shared_follow(schedule->kubernetes, run_kind, &spark_runs_following, schedule->namespace,
                                  &ret_caches->runs, err);
}

/* What it is set to at the next run. What makes no sense is asked for again. */
static bool look(const struct spark_schedule *schedule, const struct caches *caches,
                 struct configuration *configuration, struct error *err)
{
        const struct spark_schedule_seen *seen =
                kube_reflector_get(caches->schedules.reflector, schedule->namespace, schedule->options->name);

        if (!seen)
                return error_set(err, ERROR_NOT_FOUND, NULL, "there is none");
        if (seen->trouble)
                return error_set(err, ERROR_UNAVAILABLE, "FailedValidation",
                                 "its operator cannot run it: %.150s", seen->trouble);
        if (!kube_check_suspended(seen->suspended, err))
                return false;
        if (spark_template_read(seen->template, schedule->context.pipeline, configuration, err))
                return true;
        kube_reflector_relist(caches->schedules.reflector);
        return false;
}

static const struct spark_run *find_run(const struct state *state, const struct caches *caches)
{
        const struct spark_schedule *schedule = state->schedule;

        return kube_runs_newest(&caches->runs,
                                kube_reflector_uid(caches->schedules.reflector, schedule->namespace,
                                                   schedule->options->name),
                                &state->memory);
}

/* Reading a log waits: the run it belongs to is looked for again. False: it is too early to tell of it. */
static bool consult_log(struct state *state, struct caches *caches, const struct spark_run **run)
{
        const struct spark_schedule *schedule = state->schedule;
        bool patient = clock_now_ms(schedule->context.clock) < (*run)->run.ended_ms + LOG_PATIENCE_MS;

        if (!state->reading.folder || !*(*run)->application)
                return true;
        look_into_log(state, (*run)->application);
        *run = find_run(state, caches);
        return *run && (state->reading.found || !patient);
}

static void observe_run(struct state *state, struct caches *caches, struct observation *observation)
{
        const struct spark_run *run = find_run(state, caches);

        if (run && consult_log(state, caches, &run)) {
                const struct log_reading *reading = &state->reading;
                struct spark_allocation asked = spark_template_allocation(run->spec);

                kube_run_observe(&state->memory, &run->run, run->run.trouble, observation);
                spark_run_observe(run, state->schedule->context.pipeline, &observation->run);
                if (reading->found && strcmp(reading->application, run->application) == 0)
                        take_log(reading, &asked, &observation->run);
        }
}

static bool collect(void *opaque, struct observation *ret_observation, struct error *err)
{
        struct state *state = opaque;
        int64_t now_ms = clock_now_ms(state->schedule->context.clock);
        struct caches caches;

        if (!reach(state->schedule, &caches, err) ||
            !look(state->schedule, &caches, &ret_observation->configuration, err))
                return spark_schedule_fail(state->schedule, err);
        kube_periodic_observe(&state->memory, now_ms, ret_observation);
        observe_run(state, &caches, ret_observation);
        return true;
}

const struct collector scheduled_spark_application_collector = {
        .name = "scheduledSparkApplication",
        .summary =
                "A ScheduledSparkApplication and its runs, read from the API server, and their event logs.",
        .section = SECTION_ENGINE,
        .options = &spark_schedule_table,
        .open = open_state,
        .collect = collect,
        .close = close_state,
};
