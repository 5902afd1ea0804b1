/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/pool_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/quantity.h"
#include "engines/kubernetes/batch.h"
#include "engines/kubernetes/call.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/owners.h"
#include "engines/kubernetes/pods.h"
#include "engines/kubernetes/scaler.h"
#include "engines/kubernetes/vertical.h"

#define MAX_REPLICAS 100000
#define ATTEMPTS     3 /* an object's status changes all the time, and with it its version */
#define PATH_ROOM    400

struct state {
        struct kube_workload *workload;
};

void kube_pool_write_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        kube_workload_close(state->workload);
        free(state);
}

bool kube_pool_write_open(const struct source_context *context, const struct kube_workload_kind *kind,
                          const void *options, void **ret_state, struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        if (!kube_workload_open(context, kind, options, &state->workload, err)) {
                free(state);
                return false;
        }
        *ret_state = state;
        return true;
}

bool kube_pool_controls(void *opaque, const struct knob *knob)
{
        const struct state *state = opaque;
        struct kube_resources none = {0};

        return knob->role == KNOB_WORKERS ||
               kube_workload_request(state->workload->kind, &none, knob) != NULL;
}

int64_t kube_pool_patience_ms(void *opaque)
{
        const struct state *state = opaque;

        return state->workload->options->ready_seconds * MS_PER_SECOND;
}

/* ---- what it is told ---- */

/* The object as the server has it now: what is written next, or was just written, no cache knows. */
struct told {
        struct kube_client *client;
        json_t *object;
        struct kube_workload_status status;
};

static void told_free(struct told *told)
{
        json_decref(told->object);
}

#define autotold __attribute__((cleanup(told_free))) struct told

static struct kube_target target_of(const struct kube_workload *workload)
{
        return (struct kube_target){&workload->kind->resource, workload->namespace, workload->options->name,
                                    NULL};
}

static bool has_knob(const struct kube_workload *workload, bool replicas)
{
        const struct pipeline *pipeline = workload->context.pipeline;
        struct kube_resources none = {0};

        for (int i = 0; i < pipeline->n_knobs; i++)
                if (replicas ? pipeline->knobs[i].role == KNOB_WORKERS
                             : kube_workload_request(workload->kind, &none, &pipeline->knobs[i]) != NULL)
                        return true;
        return false;
}

/* "f:spec|f:replicas", as managedFields have it. */
static void field_path(char *buffer, const struct kube_workload *workload, const char *field)
{
        const char *at = workload->kind->home;
        size_t length = 0;

        for (; *at; at += strcspn(at, "."), at += *at == '.')
                length += (size_t)snprintf(buffer + length, PATH_ROOM - length, "f:%.*s|",
                                           (int)strcspn(at, "."), at);
        snprintf(buffer + length, PATH_ROOM - length, "f:%s", field);
}

/* "f:spec|f:template|...|f:requests|f:cpu" */
static void resource_path(char *buffer, const struct kube_workload *workload, const struct told *told,
                          const char *which, const char *resource)
{
        autofree char *field =
                memory_format("template|f:spec|f:containers|k:{\"name\":\"%s\"}|f:resources|f:%s|f:%s",
                              told->status.container, which, resource);

        field_path(buffer, workload, field);
}

static bool refuse_owner(const char *what, const char *owner, struct error *err)
{
        return error_set(err, ERROR_REFUSED, "Conflicted",
                         "its %s kept by %.100s; take %s out of what that one applies, or tune there", what,
                         owner, strstr(what, " are") ? "them" : "it");
}

/* Who keeps some request or limit of the container; NULL: nobody else. */
static const char *owner_of_resources(const struct kube_workload *workload, const struct told *told)
{
        static const char *const which[] = {"requests", "limits"};
        static const char *const resources[] = {"cpu", "memory"};

        for (size_t i = 0; i < ARRAY_LENGTH(which); i++) {
                for (size_t j = 0; j < ARRAY_LENGTH(resources); j++) {
                        char path[PATH_ROOM];
                        const char *owner;

                        resource_path(path, workload, told, which[i], resources[j]);
                        owner = kube_field_owner(told->object, path);
                        if (owner)
                                return owner;
                }
        }
        return NULL;
}

/* No VerticalPodAutoscaler sets a request that a knob sets, too. */
static bool check_vertical(const struct kube_workload *workload, const struct told *told, struct error *err)
{
        struct kube_sized sized;

        return !kube_sized_by(workload, told->status.container, &sized) ||
               kube_check_vertical(workload->kubernetes, &sized, err);
}

/* Fields that knobs set belong to nobody else. */
static bool check_owners(const struct kube_workload *workload, const struct told *told, struct error *err)
{
        bool replicas = has_knob(workload, true), scaled = workload->kind->scaled;
        char path[PATH_ROOM];
        const char *owner;

        field_path(path, workload, workload->kind->workers);
        owner = replicas ? kube_field_owner(told->object, path) : NULL;
        if (owner)
                return refuse_owner(scaled ? "replicas are" : "parallelism is", owner, err);
        owner = has_knob(workload, false) ? owner_of_resources(workload, told) : NULL;
        if (owner)
                return refuse_owner("requests are", owner, err);
        if (!check_vertical(workload, told, err))
                return false;
        return !replicas || !scaled ||
               kube_check_scalers(workload->kubernetes, workload->namespace, workload->kind->kind,
                                  workload->options->name, err);
}

static bool get_told(struct kube_workload *workload, struct told *told, struct error *err)
{
        struct kube_target target;

        if (!kube_workload_reach(workload, &told->client, err))
                return false;
        target = target_of(workload);
        if (!kube_get(told->client, &target, &told->object, err))
                return false;
        if (strcmp(kube_field_text(told->object, "kind"), workload->kind->kind) != 0 ||
            !*kube_meta(told->object, "uid"))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer", "the answer is no %s",
                                 workload->kind->kind);
        if (!kube_field(told->object, workload->kind->home) ||
            (workload->kind->scaled && kube_field_count(told->object, "spec.replicas", -1) < 0))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer", "it has no spec, or no replicas");
        return kube_workload_look(workload, told->object, &told->status, err) &&
               check_owners(workload, told, err);
}

static bool fail(const struct kube_workload *workload, struct error *err)
{
        char words[KUBE_WORKLOAD_WORDS];

        return error_wrap(err, "%s", kube_workload_words(workload, words));
}

bool kube_pool_read(void *opaque, struct configuration *ret_configuration, struct error *err)
{
        struct state *state = opaque;
        autotold told = {.object = NULL};

        if (!get_told(state->workload, &told, err))
                return fail(state->workload, err);
        kube_workload_configure(state->workload->kind, &told.status, state->workload->context.pipeline,
                                ret_configuration);
        return true;
}

/* ---- applying ---- */

/* Only what a knob sets, and what was ours before: what is not applied again would be taken away. */
static void keep_ours(const struct kube_workload *workload, const struct told *told, json_t *resources)
{
        const struct pipeline *pipeline = workload->context.pipeline;
        static const char *const names[] = {"cpu", "memory"};
        static const char *const which[] = {"requests", "limits"};

        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                bool wanted = false;

                for (int k = 0; k < pipeline->n_knobs; k++)
                        wanted |= strcmp(pipeline->knobs[k].name, i == 0 ? "worker.cpu" : "memory") == 0;
                for (size_t j = 0; j < ARRAY_LENGTH(which) && !wanted; j++) {
                        char path[PATH_ROOM];

                        resource_path(path, workload, told, which[j], names[i]);
                        if (!kube_field_is_ours(told->object, path))
                                json_object_del(json_object_get(resources, which[j]), names[i]);
                }
        }
}

/* Resources as they should be; false: they are. */
static bool resources_differ(const struct kube_workload *workload, const struct told *told,
                             const struct configuration *to, struct kube_resources *ret_wanted,
                             struct text *what)
{
        const struct pipeline *pipeline = workload->context.pipeline;
        struct kube_resources now = told->status.asked;
        bool differ = false;

        *ret_wanted = now;
        for (int i = 0; i < pipeline->n_knobs && i < to->count; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                const double *request = kube_workload_request(workload->kind, &now, knob);

                if (!request || !(to->value[i] > 0) || *request == to->value[i])
                        continue;
                kube_resources_set(ret_wanted, knob, to->value[i]);
                text_format(what, "%s%s ", differ ? ", " : "", knob->name);
                if (!isnan(*request))
                        quantity_put(what, *request);
                text_put(what, " -> ");
                quantity_put(what, to->value[i]);
                differ = true;
        }
        return differ;
}

/* What is applied to a container, in the object's template or in one of its pods. */
static json_t *with_resources(const struct told *told, const json_t *resources)
{
        return json_pack("{s:[{s:s, s:O}]}", "containers", "name", told->status.container, "resources",
                         resources);
}

static bool resize_pod(const struct kube_caller *caller, const struct kube_follower *pods,
                       const char *namespace, const char *name, const struct told *told,
                       const json_t *resources, struct error *err)
{
        const struct kube_target target = {&kube_pods_resource, namespace, name, "resize"};
        autojson *read = json_pack("{s:{s:s, s:s}}", "metadata", "uid",
                                   kube_reflector_uid(pods->reflector, namespace, name), "resourceVersion",
                                   kube_reflector_version(pods->reflector, namespace, name));
        autojson *body = json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", "v1", "kind", "Pod", "metadata",
                                   "name", name, "spec", with_resources(told, resources));

        return kube_call(caller,
                         &(struct kube_call){.target = &target,
                                             .read = read,
                                             .body = body,
                                             .apply = true,
                                             .what = "as its template"},
                         NULL, err);
}

/* Pods whose controller waits until somebody deletes them are resized where they are. */
static bool resize_in_place(const struct kube_workload *workload, const struct kube_caller *caller,
                            const struct told *told, const json_t *resources, struct error *err)
{
        const char *strategy = kube_field_text(told->object, "spec.updateStrategy.type");
        const struct kube_pods_of *found;
        struct kube_follower pods;
        autojson *names = json_array();
        size_t i;
        json_t *name;

        if (strcmp(strategy, "OnDelete") != 0)
                return true;
        if (!kube_shared_follow(workload->kubernetes, &kube_pods_resource, &kube_pods_following,
                                workload->namespace, &pods, err))
                return false;
        found = kube_pods_find(&pods, workload->namespace, workload->kind->kind, workload->options->name);
        for (size_t p = 0; found && p < found->count; p++)
                if (!found->pods[p]->ended)
                        json_array_append_new(names, json_string(found->pods[p]->name));
        json_array_foreach(names, i, name)
        {
                if (!resize_pod(caller, &pods, workload->namespace, json_string_value(name), told, resources,
                                err))
                        return false;
        }
        return true;
}

static bool write_resources(const struct kube_workload *workload, const struct kube_caller *caller,
                            const struct configuration *to, struct told *told, struct error *err)
{
        const struct kube_target target = target_of(workload);
        struct kube_resources wanted;
        autotext what = {0};
        autojson *body = NULL;
        autojson *resources = NULL;
        json_t *after = NULL;

        if (!resources_differ(workload, told, to, &wanted, &what))
                return true;
        resources = kube_resources_json(&wanted);
        keep_ours(workload, told, resources);
        if (!resize_in_place(workload, caller, told, resources, err))
                return false;
        body = json_pack("{s:s, s:s, s:{s:s}, s:{s:{s:o}}}", "apiVersion", workload->kind->api_version,
                         "kind", workload->kind->kind, "metadata", "name", workload->options->name, "spec",
                         "template", "spec", with_resources(told, resources));
        if (!kube_call(caller,
                       &(struct kube_call){.target = &target,
                                           .read = told->object,
                                           .body = body,
                                           .apply = true,
                                           .what = what.data},
                       &after, err))
                return false;
        /* It has another version now, which the next write must meet. */
        json_decref(told->object);
        told->object = after;
        return true;
}

/* As many as there are, where that is not to be set. */
static int64_t wanted_workers(const struct kube_workload *workload, const struct configuration *to,
                              const struct told *told)
{
        int knob = pipeline_workers_knob(workload->context.pipeline);

        if (knob < 0 || knob >= to->count || !(to->value[knob] >= 0))
                return told->status.replicas;
        return (int64_t)lround(fmin(to->value[knob], MAX_REPLICAS));
}

static bool write_replicas(const struct kube_workload *workload, const struct kube_caller *caller,
                           const struct configuration *to, const struct told *told, struct error *err)
{
        struct kube_target target = target_of(workload);
        autofree char *what = NULL;
        autojson *body = NULL;
        int64_t wanted = wanted_workers(workload, to, told);

        if (wanted == told->status.replicas)
                return true;
        target.subresource = "scale";
        what = memory_format("replicas %lld -> %lld", (long long)told->status.replicas, (long long)wanted);
        body = json_pack("{s:{s:I}}", "spec", "replicas", (json_int_t)wanted);
        return kube_call(caller,
                         &(struct kube_call){.target = &target,
                                             .read = told->object,
                                             .body = body,
                                             .what = what},
                         NULL, err);
}

/* ---- where all of it stands in one spec ---- */

/* {"spec": {"jobTemplate": {"spec": what is in home}}} */
static json_t *wrap(const char *home, json_t *take_inner)
{
        const char *end = home + strlen(home);

        while (end > home) {
                const char *begin = end;

                while (begin > home && begin[-1] != '.')
                        begin--;
                take_inner = json_pack("{s%:o}", begin, (size_t)(end - begin), take_inner);
                end = begin > home ? begin - 1 : home;
        }
        return take_inner;
}

/* What is ours and is not applied again would be taken away. */
static void keep_number(const struct kube_workload *workload, const struct told *told, const char *field,
                        json_t *home)
{
        char path[PATH_ROOM];

        field_path(path, workload, field);
        if (kube_field_is_ours(told->object, path))
                kube_field_copy(home, field, kube_field(told->object, workload->kind->home));
}

static json_t *whole_body(const struct kube_workload *workload, const struct told *told,
                          const struct kube_resources *wanted, int64_t workers)
{
        const struct kube_workload_kind *kind = workload->kind;
        json_t *home = json_object(), *body;
        autojson *resources = kube_resources_json(wanted);

        keep_number(workload, told, kind->workers, home);
        keep_number(workload, told, "completions", home);
        if (has_knob(workload, true)) {
                json_object_set_new(home, kind->workers, json_integer((json_int_t)workers));
                if (workload->options->completions == KUBE_COMPLETIONS_ELASTIC)
                        json_object_set_new(home, "completions", json_integer((json_int_t)workers));
        }
        keep_ours(workload, told, resources);
        if (!kind->fixed && json_object_size(json_object_get(resources, "requests")) > 0)
                json_object_set_new(home, "template",
                                    json_pack("{s:o}", "spec", with_resources(told, resources)));
        body = wrap(kind->home, home);
        json_object_set_new(body, "apiVersion", json_string(kind->api_version));
        json_object_set_new(body, "kind", json_string(kind->kind));
        json_object_set_new(body, "metadata", json_pack("{s:s}", "name", workload->options->name));
        return body;
}

/* In one write, so that what begins meanwhile begins with all of it or with nothing. */
static bool write_whole(const struct kube_workload *workload, const struct kube_caller *caller,
                        const struct configuration *to, const struct told *told, struct error *err)
{
        const struct kube_target target = target_of(workload);
        int64_t workers = wanted_workers(workload, to, told);
        struct kube_resources wanted;
        autotext what = {0};
        autojson *body = NULL;
        bool differ = resources_differ(workload, told, to, &wanted, &what);

        if (workers != told->status.replicas)
                text_format(&what, "%s%s%s %lld -> %lld", differ ? ", " : "", workload->kind->workers,
                            workload->options->completions == KUBE_COMPLETIONS_ELASTIC ? " and completions"
                                                                                       : "",
                            (long long)told->status.replicas, (long long)workers);
        else if (!differ)
                return true;
        body = whole_body(workload, told, &wanted, workers);
        return kube_call(caller,
                         &(struct kube_call){.target = &target,
                                             .read = told->object,
                                             .body = body,
                                             .apply = true,
                                             .what = what.data},
                         NULL, err);
}

static bool try_to_apply(struct kube_workload *workload, const struct configuration *to,
                         struct kube_caller *caller, struct error *err)
{
        autotold told = {.object = NULL};
        struct kube_follower looked_at;

        if (!get_told(workload, &told, err) ||
            !kube_shared_follow(workload->kubernetes, &workload->kind->resource, workload->kind->following,
                                workload->namespace, &looked_at, err) ||
            !kube_call_fits(looked_at.reflector, told.object, err))
                return false;
        caller->client = told.client;
        if (!workload->kind->scaled)
                return write_whole(workload, caller, to, &told, err);
        return write_resources(workload, caller, to, &told, err) &&
               write_replicas(workload, caller, to, &told, err);
}

/* That it changed between being read and being written is outlived by reading it again: who did that, and
 * whether it may still be written, is looked at anew. */
bool kube_pool_apply(void *opaque, const struct configuration *from, const struct configuration *to,
                     bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct state *state = opaque;
        struct kube_caller caller = {.calls = calls, .dry_run = dry_run};

        (void)from;
        for (int i = 1; !try_to_apply(state->workload, to, &caller, err); i++) {
                if (err->code != ERROR_CONFLICT || i == ATTEMPTS)
                        return fail(state->workload, err);
                error_clear(err);
        }
        return true;
}
