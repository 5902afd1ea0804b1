/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "actuators/flink/savepoint.h"
#include "core/json.h"
#include "engines/flink/engine.h"
#include "engines/flink/requirements.h"

/*
 * Sets parallelism. In place the adaptive scheduler is told how much each vertex may have at most: what is
 * read back is that wish, and whether the job runs so is for the observations to say. Other jobs are started
 * again from a savepoint: what is read back is what was started; a job that is stopped on the way reads 0,
 * and while it is being stopped it cannot be read.
 */
struct state {
        struct flink_engine *engine;
        const struct pipeline *pipeline;
};

static void flink_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        flink_engine_close(state->engine);
        free(state);
}

static bool flink_open(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        state->pipeline = context->pipeline;
        if (!flink_engine_open(context, options, &state->engine, err)) {
                free(state);
                return false;
        }
        *ret_state = state;
        return true;
}

static bool flink_controls(void *opaque, const struct knob *knob)
{
        (void)opaque;
        return knob->role == KNOB_PARALLELISM;
}

/* ---- what the job is told ---- */

struct target {
        struct flink_job *job;
        int vertices[PIPELINE_MAX_OPERATORS]; /* of the operators */
        int *told;                            /* subtasks of each vertex of the job; 0: it is stopped */
        bool in_place;
};

static void target_free(struct target *target)
{
        flink_job_free(target->job);
        free(target->told);
}

#define autotarget __attribute__((cleanup(target_free))) struct target

/* Only the adaptive scheduler, since Flink 1.18, can be told. */
static bool is_impossible(const struct error *err)
{
        return (err->code == ERROR_NOT_FOUND && strcmp(err->reason, "JobNotFound") != 0) ||
               strstr(err->message, "does not support changing the parallelism");
}

static bool get_requirements(struct state *state, struct target *target, struct error *err)
{
        const struct flink_options *options = state->engine->options;
        autofree char *path = memory_format("/jobs/%s/resource-requirements", target->job->id);
        autojson *answer = NULL;

        if (flink_get(state->engine, path, &answer, err)) {
                target->in_place = true;
                return flink_requirements_read(target->job, answer, target->told, err);
        }
        if (!is_impossible(err))
                return false;
        if (options->rescale == FLINK_RESCALE_AUTO && options->program)
                return true;
        return error_set(
                err, ERROR_REFUSED, "InPlaceImpossible",
                "the job \"%.60s\" cannot be rescaled in place (its scheduler is not adaptive, or Flink is "
                "older than 1.18)%s",
                target->job->name,
                options->program ? "" : "; expected spec.engine.flink.program, to start it again");
}

/* Of a job that is just being stopped nobody knows yet what it will run. */
static bool check_not_stopping(struct state *state, const struct target *target, struct error *err)
{
        bool stopping = false;

        if (!flink_is_stopping(state->engine, target->job, &stopping, err))
                return false;
        if (!stopping)
                return true;
        return error_set(err, ERROR_UNAVAILABLE, "JobStopping",
                         "the job \"%.100s\" (%s) is being stopped with a savepoint", target->job->name,
                         target->job->id);
}

static bool read_running(struct state *state, struct target *target, struct error *err)
{
        bool stopped = false;

        for (int i = 0; i < target->job->n_vertices; i++)
                target->told[i] = target->job->vertices[i].parallelism;
        if (!flink_state_is_final(target->job->state))
                return check_not_stopping(state, target, err);
        if (!flink_was_stopped(state->engine, target->job, &stopped, err))
                return false;
        if (!stopped)
                return error_set(err, ERROR_UNAVAILABLE, "JobEnded", "the job \"%.100s\" (%s) is %s",
                                 target->job->name, target->job->id, target->job->state);
        memset(target->told, 0, (size_t)target->job->n_vertices * sizeof *target->told);
        return true;
}

static bool get_target(struct state *state, struct target *target, struct error *err)
{
        const struct flink_options *options = state->engine->options;
        bool may_restart = options->program && options->rescale != FLINK_RESCALE_IN_PLACE;

        if (!(may_restart ? flink_engine_find : flink_engine_job)(state->engine, &target->job, err) ||
            !flink_job_match(target->job, state->pipeline, target->vertices, err))
                return false;
        target->told = memory_new((size_t)target->job->n_vertices + 1, sizeof *target->told);
        if (options->rescale != FLINK_RESCALE_SAVEPOINT && !flink_state_is_final(target->job->state) &&
            !get_requirements(state, target, err))
                return false;
        return target->in_place || read_running(state, target, err);
}

static bool flink_read(void *opaque, struct configuration *ret_configuration, struct error *err)
{
        struct state *state = opaque;
        autotarget target = {.job = NULL};

        if (!get_target(state, &target, err))
                return false;
        flink_wanted_get(state->pipeline, target.vertices, target.told, ret_configuration);
        return true;
}

/* ---- applying ---- */

static bool put_requirements(const struct flink_caller *caller, const struct flink_job *job,
                             const int *wanted, struct error *err)
{
        autofree char *path = memory_format("/jobs/%s/resource-requirements", job->id);
        autofree char *body = flink_requirements_body(job, wanted);
        autofree char *what = flink_wanted_words(job, wanted);
        autojson *answer = NULL;
        const struct flink_call call = {.method = "PUT",
                                        .path = path,
                                        .body = body,
                                        .what = what,
                                        .repeatable = true};

        return flink_call(caller, &call, &answer, err);
}

static bool restart(const struct state *state, const struct flink_caller *caller, const struct target *target,
                    const int *wanted, struct error *err)
{
        autofree bool *tuned = memory_new((size_t)target->job->n_vertices + 1, sizeof *tuned);

        for (int i = 0; i < state->pipeline->n_operators; i++)
                tuned[target->vertices[i]] = pipeline_parallelism_knob(state->pipeline, i) >= 0;
        return flink_restart(caller, target->job, wanted, tuned, err);
}

static bool flink_apply(void *opaque, const struct configuration *from, const struct configuration *to,
                        bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct state *state = opaque;
        const struct flink_caller caller = {.engine = state->engine, .calls = calls, .dry_run = dry_run};
        autotarget target = {.job = NULL};
        autofree int *wanted = NULL;
        bool same = true;

        (void)from;
        if (!get_target(state, &target, err))
                return false;
        wanted = memory_new((size_t)target.job->n_vertices + 1, sizeof *wanted);
        for (int i = 0; i < target.job->n_vertices; i++)
                wanted[i] = target.told[i] > 0 ? target.told[i] : target.job->vertices[i].parallelism;
        flink_wanted_set(state->pipeline, to, target.vertices, wanted);
        for (int i = 0; i < target.job->n_vertices; i++)
                same &= wanted[i] == target.told[i];
        if (same)
                return true;
        return target.in_place ? put_requirements(&caller, target.job, wanted, err)
                               : restart(state, &caller, &target, wanted, err);
}

static int64_t flink_patience_ms(void *opaque)
{
        const struct state *state = opaque;

        return state->engine->options->rescale_timeout_seconds * MS_PER_SECOND;
}

static int64_t flink_call_seconds(const void *opaque)
{
        const struct flink_options *options = opaque;

        return options->connection.timeout_seconds;
}

const struct actuator flink_actuator = {
        .name = "flink",
        .summary = "Parallelism of a job of Apache Flink.",
        .open = flink_open,
        .controls = flink_controls,
        .apply = flink_apply,
        .read = flink_read,
        .call_seconds = flink_call_seconds,
        .patience_ms = flink_patience_ms,
        .close = flink_close,
};
