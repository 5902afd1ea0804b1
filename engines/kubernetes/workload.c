/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/workload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/jvm.h"

#define DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"

static void read_replicas(const json_t *object, struct kube_workload_status *status)
{
        status->existing = kube_field_count(object, "status.replicas", 0);
        status->updated = kube_field_count(object, "status.updatedReplicas", 0);
        status->ready = kube_field_count(object, "status.readyReplicas", 0);
        status->observed = kube_field_count(object, "status.observedGeneration", 0) >=
                           kube_field_count(object, "metadata.generation", 0);
        status->paused = json_is_true(kube_field(object, "spec.paused"));
}

#define REPLICATED(plugin, name, plural)                                                                     \
        {                                                                                                    \
                .engine = plugin, .kind = name, .api_version = "apps/v1",                                    \
                .resource = {"apps", "v1", plural}, .home = "spec", .workers = "replicas", .scaled = true,   \
                .following = &kube_workloads_following, .read = read_replicas                                \
        }

const struct kube_workload_kind kube_deployment_kind = REPLICATED("deployment", "Deployment", "deployments");
const struct kube_workload_kind kube_stateful_set_kind =
        REPLICATED("statefulSet", "StatefulSet", "statefulsets");

const struct option kube_workload_option_list[] = {
        KUBE_WORKLOAD_OBJECT,
        KUBE_WORKLOAD_CONTAINER(
                "Container whose requests the knobs `worker.cpu` and `memory` set, and whose CPU use "
                "counts. "
                "Without it all containers of a pod count as one, and the knobs set the one that kubectl "
                "takes (the annotation kubectl.kubernetes.io/default-container, else the first)."),
        KUBE_WORKLOAD_READY,
        {0},
};

/* ---- life ---- */

bool kube_workload_open(const struct source_context *context, const struct kube_workload_kind *kind,
                        const struct kube_workload_options *options, struct kube_workload **ret_workload,
                        struct error *err)
{
        autocall(kube_workload_close) struct kube_workload *workload = memory_new(1, sizeof *workload);

        workload->kind = kind;
        workload->options = options;
        workload->context = *context;
        workload->namespace = memory_copy_text(options->namespace ? options->namespace : context->namespace);
        if (!kube_shared_take(context->shared, &workload->kubernetes, err))
                return error_wrap(err, "spec.engine.%s", kind->engine);
        *ret_workload = TAKE(workload);
        return true;
}

void kube_workload_close(struct kube_workload *workload)
{
        if (!workload)
                return;
        kube_shared_give_back(workload->context.shared, workload->kubernetes);
        free(workload->namespace);
        free(workload);
}

bool kube_workload_reach(struct kube_workload *workload, struct kube_client **ret_client, struct error *err)
{
        if (!kube_shared_client(workload->kubernetes, ret_client, err))
                return false;
        if (!workload->namespace)
                workload->namespace = memory_copy_text(kube_client_namespace(*ret_client));
        return true;
}

const char *kube_workload_words(const struct kube_workload *workload, char *buffer)
{
        snprintf(buffer, KUBE_WORKLOAD_WORDS, "%s %.63s/%.100s", workload->kind->engine,
                 workload->namespace ? workload->namespace : "?", workload->options->name);
        return buffer;
}

/* ---- what is read ---- */

static const char *container_of(const json_t *template, const char *container)
{
        const json_t *list = kube_field(template, "spec.containers");
        const json_t *annotations = kube_field(template, "metadata.annotations");
        const char *wanted =
                container ? container : json_string_value(json_object_get(annotations, DEFAULT_CONTAINER));
        const json_t *found = wanted ? kube_field_named(list, wanted) : NULL;

        if (!found && !container)
                found = json_array_get(list, 0);
        return kube_field_text(found, "name");
}

static struct kube_resources asked_of(const json_t *template, const char *name)
{
        const json_t *list = kube_field(template, "spec.containers");
        const json_t *found = *name ? kube_field_named(list, name) : NULL;

        return kube_resources_default(kube_resources_read(json_object_get(found, "resources")));
}

static double heap_of(const json_t *template, const char *name)
{
        const json_t *list = kube_field(template, "spec.containers");

        return kube_jvm_kept(*name ? kube_field_named(list, name) : NULL);
}

void kube_workload_read(const struct kube_workload_kind *kind, const json_t *object, const char *container,
                        struct kube_workload_status *ret_status)
{
        const json_t *home = kube_field(object, kind->home), *template = json_object_get(home, "template");
        const char *name = container_of(template, container);

        *ret_status = (struct kube_workload_status){
                .replicas = kube_field_count(home, kind->workers, 1),
                .observed = true,
                .asked = asked_of(template, name),
                .heap_bytes = heap_of(template, name),
        };
        ret_status->useful = ret_status->replicas;
        snprintf(ret_status->container, sizeof ret_status->container, "%s", name);
        kind->read(object, ret_status);
}

bool kube_workload_look(const struct kube_workload *workload, const json_t *object,
                        struct kube_workload_status *ret_status, struct error *err)
{
        const char *container = workload->options->container;

        if (!object)
                return error_set(err, ERROR_NOT_FOUND, NULL, "there is none");
        kube_workload_read(workload->kind, object, container, ret_status);
        if (!*ret_status->container)
                return error_set(err, ERROR_INPUT, NULL, "its pods have no container \"%.63s\"",
                                 container ? container : "");
        return !workload->kind->check || workload->kind->check(workload, object, err);
}

double *kube_workload_request(const struct kube_workload_kind *kind, struct kube_resources *resources,
                              const struct knob *knob)
{
        return kind->fixed ? NULL : kube_resources_of_knob(resources, knob);
}

void kube_workload_configure(const struct kube_workload_kind *kind, const struct kube_workload_status *status,
                             const struct pipeline *pipeline, struct configuration *configuration)
{
        struct kube_resources asked = status->asked;

        for (int i = 0; i < pipeline->n_knobs && i < configuration->count; i++) {
                const double *request = kube_workload_request(kind, &asked, &pipeline->knobs[i]);

                if (pipeline->knobs[i].role == KNOB_WORKERS)
                        configuration->value[i] = (double)status->replicas;
                else if (request)
                        configuration->value[i] = *request;
        }
}

/* ---- the cache ---- */

static json_t *cut_container(const json_t *container)
{
        json_t *cut = json_object();

        kube_field_copy(cut, "name", container);
        kube_field_copy(cut, "resources", container);
        kube_jvm_keep(cut, container);
        return cut;
}

json_t *kube_workload_cut_template(const json_t *template)
{
        const json_t *annotations = kube_field(template, "metadata.annotations");
        json_t *containers = json_array(), *kept = json_object();
        size_t i;
        json_t *container;

        kube_field_copy(kept, DEFAULT_CONTAINER, annotations);
        json_array_foreach(kube_field(template, "spec.containers"), i, container)
                json_array_append_new(containers, cut_container(container));
        return json_pack("{s:{s:o}, s:{s:o}}", "metadata", "annotations", kept, "spec", "containers",
                         containers);
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        static const char *const counts[] = {"replicas", "updatedReplicas", "readyReplicas",
                                             "observedGeneration"};
        json_t *status = json_object(), *spec = json_object(), *metadata = json_object();

        (void)context;
        for (size_t i = 0; i < ARRAY_LENGTH(counts); i++)
                kube_field_copy(status, counts[i], json_object_get(object, "status"));
        kube_field_copy(metadata, "generation", json_object_get(object, "metadata"));
        kube_field_copy(spec, "replicas", json_object_get(object, "spec"));
        kube_field_copy(spec, "paused", json_object_get(object, "spec"));
        json_object_set_new(spec, "template",
                            kube_workload_cut_template(kube_field(object, "spec.template")));
        *ret_bytes = KUBE_WORKLOAD_BYTES;
        return json_pack("{s:o, s:o, s:o}", "metadata", metadata, "spec", spec, "status", status);
}

static void release(void *kept)
{
        json_decref(kept);
}

const struct kube_following kube_workloads_following = {.project = project, .release = release};
