/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/quantity.h"
#include "engines/flink/engine.h"
#include "engines/flink/requirements.h"
#include "engines/flink_deployment/deployment.h"
#include "engines/kubernetes/call.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/owners.h"
#include "engines/kubernetes/scaler.h"

/*
 * Sets parallelism and memory where Flink's operator reads them, in one patch: the operator rescales the job
 * in place where it can, else it stops it and starts it again. What is read back is what the object says;
 * whether the job runs so is for the observations to say.
 */
#define ATTEMPTS 3 /* its status changes all the time, and with it its version */
#define KIND     "FlinkDeployment"

/* The first that takes overrides. */
static const struct flink_release overrides_since = {1, 17};

struct state {
        struct flink_deployment *deployment;
        struct flink_engine *engine; /* NULL: not opened yet */
};

static void close_state(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        flink_engine_close(state->engine);
        flink_deployment_close(state->deployment);
        free(state);
}

static bool open_state(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        if (!flink_deployment_open(context, options, &state->deployment, err)) {
                free(state);
                return false;
        }
        *ret_state = state;
        return true;
}

static bool is_memory(const struct knob *knob)
{
        return strcmp(knob->name, "memory") == 0;
}

static bool controls(void *opaque, const struct knob *knob)
{
        (void)opaque;
        return knob->role == KNOB_PARALLELISM || is_memory(knob);
}

static int64_t patience_ms(void *opaque)
{
        const struct state *state = opaque;

        return state->deployment->options->flink.rescale_timeout_seconds * MS_PER_SECOND;
}

/* ---- what it is told ---- */

struct told {
        struct kube_client *client;
        const struct kube_resource *resource;
        json_t *object;
        struct flink_job *job;
        int vertices[PIPELINE_MAX_OPERATORS]; /* of the operators */
        int *subtasks;                        /* of each vertex of the job */
        bool overrides;                       /* each vertex by itself, or all of them together */
        bool standalone;                      /* it says how many TaskManagers there are */
        double memory;                        /* bytes of a TaskManager; NAN: it does not say */
};

static void told_free(struct told *told)
{
        json_decref(told->object);
        flink_job_free(told->job);
        free(told->subtasks);
}

#define autotold __attribute__((cleanup(told_free))) struct told

static bool has_knob(const struct state *state, bool memory)
{
        const struct pipeline *pipeline = state->deployment->context.pipeline;

        for (int i = 0; i < pipeline->n_knobs; i++)
                if (memory ? is_memory(&pipeline->knobs[i]) : pipeline->knobs[i].role == KNOB_PARALLELISM)
                        return true;
        return false;
}

static bool check_owner(const struct told *told, const char *path, const char *what, struct error *err)
{
        const char *owner = kube_field_owner(told->object, path);

        return !owner || error_set(err, ERROR_REFUSED, "Conflicted",
                                   "its %s is kept by %.100s; take it out of what that one applies, or tune "
                                   "there",
                                   what, owner);
}

/* They are written flat; who keeps them may have nested them. */
static bool check_overrides(const struct told *told, struct error *err)
{
        return check_owner(told, "f:spec|f:flinkConfiguration|f:" FLINK_OVERRIDES, FLINK_OVERRIDES, err) &&
               check_owner(told, "f:spec|f:flinkConfiguration|f:pipeline|f:jobvertex-parallelism-overrides",
                           FLINK_OVERRIDES, err);
}

/* The operator's own autoscaler, which sets parallelism, and memory if it is told to. */
static bool check_autoscaler(const struct told *told, struct error *err)
{
        static const char *const prefixes[] = {"", "kubernetes.operator."};

        for (size_t i = 0; i < ARRAY_LENGTH(prefixes); i++) {
                autofree char *enabled = memory_format("%sjob.autoscaler.enabled", prefixes[i]);
                autofree char *scaling = memory_format("%sjob.autoscaler.scaling.enabled", prefixes[i]);

                if (flink_deployment_has_setting(told->object, enabled, "true") &&
                    !flink_deployment_has_setting(told->object, scaling, "false"))
                        return error_set(err, ERROR_REFUSED, "Conflicted",
                                         "the autoscaler of Flink's operator sets its parallelism (%s); "
                                         "switch that off, or leave the job to it",
                                         enabled);
        }
        return true;
}

static bool check_maker(const struct told *told, struct error *err)
{
        const json_t *maker = json_array_get(kube_field(told->object, "metadata.ownerReferences"), 0);

        return !json_is_true(json_object_get(maker, "controller")) ||
               error_set(err, ERROR_REFUSED, "Conflicted",
                         "it belongs to the %.60s %.200s, which makes it anew as it says",
                         kube_field_text(maker, "kind"), kube_field_text(maker, "name"));
}

/* The job can be told, and the fields that knobs set belong to nobody else. */
static bool check_free(const struct state *state, const struct told *told, struct error *err)
{
        const struct flink_deployment *deployment = state->deployment;
        bool parallelism = has_knob(state, false);

        if (flink_deployment_has_setting(told->object, "scheduler-mode", "reactive"))
                return error_set(err, ERROR_REFUSED, "ReactiveMode",
                                 "its job takes all slots there are (scheduler-mode: reactive), so it has no "
                                 "parallelism to be set");
        if (!check_maker(told, err) || !check_autoscaler(told, err))
                return false;
        if (parallelism &&
            !(told->overrides ? check_overrides(told, err)
                              : check_owner(told, "f:spec|f:job|f:parallelism", "job.parallelism", err)))
                return false;
        if (parallelism && told->standalone &&
            (!check_owner(told, "f:spec|f:taskManager|f:replicas", "taskManager.replicas", err) ||
             !kube_check_scalers(deployment->kubernetes, deployment->namespace, KIND,
                                 deployment->options->name, err)))
                return false;
        return !has_knob(state, true) || check_owner(told, "f:spec|f:taskManager|f:resource|f:memory",
                                                     "taskManager.resource.memory", err);
}

static bool takes_overrides(const json_t *object)
{
        struct flink_release release = flink_deployment_release(object);

        return release.major == 0 || release.major > overrides_since.major ||
               (release.major == overrides_since.major && release.minor >= overrides_since.minor);
}

static bool read_object(struct told *told, struct error *err)
{
        const char *job_state = kube_field_text(told->object, "spec.job.state");

        if (strcmp(kube_field_text(told->object, "kind"), KIND) != 0 || !*kube_meta(told->object, "uid") ||
            !json_is_object(kube_field(told->object, "spec.job")))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer",
                                 "the answer is no " KIND " with a job");
        if (strcmp(job_state, "suspended") == 0)
                return error_set(err, ERROR_UNAVAILABLE, "JobSuspended", "it is suspended (spec.job.state)");
        told->overrides = takes_overrides(told->object);
        told->standalone = strcmp(kube_field_text(told->object, "spec.mode"), "standalone") == 0;
        told->memory = flink_memory_read(kube_field_text(told->object, "spec.taskManager.resource.memory"));
        return true;
}

/* Vertices of which the object says nothing run as the program has it. */
static void read_subtasks(struct told *told)
{
        const json_t *text = flink_deployment_setting(told->object, FLINK_OVERRIDES);
        int64_t all = kube_field_count(told->object, "spec.job.parallelism", 0);

        told->subtasks = memory_new((size_t)told->job->n_vertices + 1, sizeof *told->subtasks);
        for (int i = 0; i < told->job->n_vertices; i++)
                told->subtasks[i] =
                        !told->overrides && all >= 1 ? (int)all : told->job->vertices[i].parallelism;
        if (told->overrides && json_is_string(text))
                flink_overrides_read(told->job, json_string_value(text), told->subtasks);
}

static bool get_job(struct state *state, struct told *told, struct error *err)
{
        struct flink_deployment *deployment = state->deployment;

        if (!state->engine &&
            !flink_engine_open(&deployment->context, &deployment->flink, &state->engine, err))
                return false;
        if (!flink_engine_job(state->engine, &told->job, err) ||
            !flink_job_match(told->job, deployment->context.pipeline, told->vertices, err))
                return false;
        read_subtasks(told);
        return true;
}

static struct kube_target target_of(const struct state *state, const struct told *told)
{
        return (struct kube_target){told->resource, state->deployment->namespace,
                                    state->deployment->options->name, NULL};
}

static bool get_told(struct state *state, struct told *told, struct error *err)
{
        struct kube_target target;

        if (!flink_deployment_reach(state->deployment, &told->client, &told->resource, err))
                return false;
        target = target_of(state, told);
        return kube_get(told->client, &target, &told->object, err) && read_object(told, err) &&
               check_free(state, told, err) && get_job(state, told, err);
}

static bool read_told(void *opaque, struct configuration *ret_configuration, struct error *err)
{
        struct state *state = opaque;
        const struct pipeline *pipeline = state->deployment->context.pipeline;
        autotold told = {.object = NULL};

        if (!get_told(state, &told, err))
                return flink_deployment_fail(state->deployment, err);
        flink_wanted_get(pipeline, told.vertices, told.subtasks, ret_configuration);
        for (int i = 0; i < pipeline->n_knobs && i < ret_configuration->count; i++) {
                if (!is_memory(&pipeline->knobs[i]))
                        continue;
                if (isnan(told.memory))
                        return error_set(err, ERROR_REFUSED, "NoSuchField",
                                         "it says no taskManager.resource.memory") ||
                               flink_deployment_fail(state->deployment, err);
                ret_configuration->value[i] = told.memory;
        }
        return true;
}

/* ---- applying ---- */

/* A change of its spec, and in words. */
struct change {
        json_t *spec;
        struct text what;
};

static void change_free(struct change *change)
{
        json_decref(change->spec);
        text_free(&change->what);
}

#define autochange __attribute__((cleanup(change_free))) struct change

static json_t *section(json_t *spec, const char *name)
{
        json_t *found = json_object_get(spec, name);

        if (found)
                return found;
        json_object_set_new(spec, name, json_object());
        return json_object_get(spec, name);
}

static void say(struct change *change, const char *words)
{
        text_format(&change->what, "%s%s", change->what.length > 0 ? "; " : "", words);
}

/* TaskManagers that the operator does not count itself are as many as the slots take. */
static void change_task_managers(struct told *told, const int *wanted, struct change *change)
{
        const json_t *setting = flink_deployment_setting(told->object, "taskmanager.numberOfTaskSlots");
        int per_worker = flink_count(setting, 1024), workers;
        int64_t now = kube_field_count(told->object, "spec.taskManager.replicas", -1);
        autofree char *words = NULL;

        for (int i = 0; i < told->job->n_vertices; i++)
                told->job->vertices[i].parallelism = wanted[i];
        per_worker = per_worker > 0 ? per_worker : 1;
        workers = (flink_job_slots(told->job) + per_worker - 1) / per_worker;
        if (workers == now)
                return;
        words = memory_format("TaskManagers -> %d", workers);
        json_object_set_new(section(change->spec, "taskManager"), "replicas", json_integer(workers));
        say(change, words);
}

/* One for all vertices: those that are tuned have to agree. */
static bool change_job(const struct state *state, const struct told *told, const int *wanted,
                       struct change *change, struct error *err)
{
        const struct pipeline *pipeline = state->deployment->context.pipeline;
        int width = 0;

        for (int i = 0; i < pipeline->n_operators; i++) {
                int each = wanted[told->vertices[i]];

                if (pipeline_parallelism_knob(pipeline, i) < 0)
                        continue;
                if (width > 0 && each != width)
                        return error_set(err, ERROR_REFUSED, "OneParallelism",
                                         "Flink %s has one parallelism for all operators; expected a "
                                         "parallelism knob of scope Pipeline",
                                         kube_field_text(told->object, "spec.flinkVersion"));
                width = each;
        }
        json_object_set_new(section(change->spec, "job"), "parallelism", json_integer(width));
        return true;
}

static bool change_parallelism(const struct state *state, struct told *told, const struct configuration *to,
                               struct change *change, struct error *err)
{
        int n_vertices = told->job->n_vertices;
        autofree int *wanted = memory_new((size_t)n_vertices + 1, sizeof *wanted);
        autofree char *words = NULL, *text = NULL;

        memcpy(wanted, told->subtasks, (size_t)n_vertices * sizeof *wanted);
        flink_wanted_set(state->deployment->context.pipeline, to, told->vertices, wanted);
        if (memcmp(wanted, told->subtasks, (size_t)n_vertices * sizeof *wanted) == 0)
                return true;
        words = flink_wanted_words(told->job, wanted);
        say(change, words);
        if (!told->overrides && !change_job(state, told, wanted, change, err))
                return false;
        text = flink_overrides_text(told->job, wanted);
        if (told->overrides)
                json_object_set_new(section(change->spec, "flinkConfiguration"), FLINK_OVERRIDES,
                                    json_string(text));
        if (told->standalone)
                change_task_managers(told, wanted, change);
        return true;
}

static void change_memory(const struct state *state, const struct told *told, const struct configuration *to,
                          struct change *change)
{
        const struct pipeline *pipeline = state->deployment->context.pipeline;

        for (int i = 0; i < pipeline->n_knobs && i < to->count; i++) {
                json_t *resource;
                autofree char *text = NULL, *words = NULL;

                if (!is_memory(&pipeline->knobs[i]) || !(to->value[i] > 0) || to->value[i] == told->memory)
                        continue;
                text = flink_memory_text(to->value[i]);
                words = memory_format("memory %s -> %s",
                                      kube_field_text(told->object, "spec.taskManager.resource.memory"),
                                      text);
                resource = section(section(change->spec, "taskManager"), "resource");
                json_object_set_new(resource, "memory", json_string(text));
                say(change, words);
        }
}

static bool try_to_apply(struct state *state, const struct configuration *to, struct kube_caller *caller,
                         struct error *err)
{
        autotold told = {.object = NULL};
        autochange change = {.spec = json_object()};
        autojson *body = NULL;
        struct kube_target target;

        if (!get_told(state, &told, err) || !change_parallelism(state, &told, to, &change, err))
                return false;
        change_memory(state, &told, to, &change);
        if (json_object_size(change.spec) == 0)
                return true;
        target = target_of(state, &told);
        body = json_pack("{s:O}", "spec", change.spec);
        caller->client = told.client;
        return kube_call(caller,
                         &(struct kube_call){.target = &target,
                                             .read = told.object,
                                             .body = body,
                                             .what = change.what.data},
                         NULL, err);
}

static bool apply(void *opaque, const struct configuration *from, const struct configuration *to,
                  bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct state *state = opaque;
        struct kube_caller caller = {.calls = calls, .dry_run = dry_run};

        (void)from;
        for (int i = 1; !try_to_apply(state, to, &caller, err); i++) {
                if (err->code != ERROR_CONFLICT || i == ATTEMPTS)
                        return flink_deployment_fail(state->deployment, err);
                error_clear(err);
        }
        return true;
}

const struct actuator flink_deployment_actuator = {
        .name = "flinkDeployment",
        .summary = "Parallelism of the job, and memory of the TaskManagers, of a FlinkDeployment.",
        .open = open_state,
        .controls = controls,
        .apply = apply,
        .read = read_told,
        .patience_ms = patience_ms,
        .close = close_state,
};
