/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/scaler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/object_options.h"
#include "engines/kubernetes/pool.h"
#include "engines/kubernetes/scaler_internal.h"

#define AT(member) .offset = offsetof(struct kube_scaler_options, member)

const struct kube_scaler_kind kube_hpa_kind = {
        .engine = "hpa",
        .kind = "HorizontalPodAutoscaler",
        .group = "autoscaling",
        .plural = "horizontalpodautoscalers",
        .min = "minReplicas",
        .max = "maxReplicas",
        .min_default = 1,
        .has_metrics = true,
};

const struct kube_scaler_kind kube_scaled_object_kind = {
        .engine = "scaledObject",
        .kind = "ScaledObject",
        .group = "keda.sh",
        .plural = "scaledobjects",
        .min = "minReplicaCount",
        .max = "maxReplicaCount",
};

const struct option kube_scaler_option_list[] = {
        KUBE_OBJECT_OPTIONS(offsetof(struct kube_scaler_options, name),
                            offsetof(struct kube_scaler_options, namespace)),
        {.name = "readySeconds",
         .type = OPTION_INT,
         AT(ready_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "600",
         .help = "How long it may take until there are as many pods as its minimum. Then the change is taken "
                 "back."},
        {0},
};

/* ---- what it says ---- */

/* The CPU metric of an autoscaling/v2 object that aims at a share of the request. */
static const json_t *cpu_target(const json_t *object)
{
        size_t i;
        json_t *metric;

        json_array_foreach(kube_field(object, "spec.metrics"), i, metric)
        {
                if (strcmp(kube_field_text(metric, "resource.name"), "cpu") == 0 &&
                    strcmp(kube_field_text(metric, "resource.target.type"), "Utilization") == 0)
                        return kube_field(metric, "resource.target");
        }
        return NULL;
}

static double count_of(const json_t *object, const char *field, int64_t otherwise)
{
        int64_t count = kube_field_count(kube_field(object, "spec"), field, otherwise);

        return count >= 0 ? (double)count : NAN;
}

bool kube_scaler_read(const struct kube_scaler_kind *kind, const json_t *object,
                      struct kube_scaler_status *ret_status, struct error *err)
{
        const json_t *target = kube_field(object, "spec.scaleTargetRef");
        const char *target_kind = kube_field_text(target, "kind"), *name = kube_field_text(target, "name");
        int64_t percent =
                kind->has_metrics ? kube_field_count(cpu_target(object), "averageUtilization", -1) : -1;

        if (!*name)
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer", "it does not say what it scales");
        *ret_status = (struct kube_scaler_status){
                .min = count_of(object, kind->min, kind->min_default),
                .max = count_of(object, kind->max, -1),
                .target_cpu_percent = percent >= 0 ? (double)percent : NAN,
        };
        snprintf(ret_status->target, sizeof ret_status->target, "%s", name);
        /* KEDA takes a Deployment where no kind is said. */
        snprintf(ret_status->target_kind, sizeof ret_status->target_kind, "%s",
                 *target_kind ? target_kind : "Deployment");
        return true;
}

double *kube_scaler_of_knob(struct kube_scaler_status *status, const struct knob *knob)
{
        if (knob->role == KNOB_WORKERS)
                return &status->min;
        if (strcmp(knob->name, "autoscaler.max") == 0)
                return &status->max;
        return strcmp(knob->name, "autoscaler.targetCpuPercent") == 0 ? &status->target_cpu_percent : NULL;
}

/* ---- all of a namespace ---- */

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        json_t *spec = json_deep_copy(json_object_get(object, "spec"));

        (void)context;
        /* How it comes to its decisions is long, and its own. */
        json_object_del(spec, "behavior");
        json_object_del(spec, "triggers");
        *ret_bytes = 2048; /* about what jansson needs for it */
        return json_pack("{s:o}", "spec", spec ? spec : json_object());
}

static void release(void *kept)
{
        json_decref(kept);
}

const struct kube_following kube_scalers_following = {.project = project, .release = release};

struct search {
        const struct kube_scaler_kind *kind;
        const char *namespace, *target_kind, *target;
        char found[254];
};

static void visit(void *context, const char *namespace, const char *name, const void *kept)
{
        struct search *search = context;
        struct kube_scaler_status status;
        struct error ignored = ERROR_INIT;

        if (strcmp(namespace, search->namespace) == 0 &&
            kube_scaler_read(search->kind, kept, &status, &ignored) &&
            strcmp(status.target, search->target) == 0 &&
            strcmp(status.target_kind, search->target_kind) == 0)
                snprintf(search->found, sizeof search->found, "%s", name);
}

static bool check(struct kube_shared *kubernetes, const struct kube_resource *resource,
                  const struct kube_scaler_kind *kind, struct search *search, struct error *err)
{
        struct kube_follower follower;

        search->kind = kind;
        if (!kube_shared_follow(kubernetes, resource, &kube_scalers_following, search->namespace, &follower,
                                err))
                return error_wrap(err, "whether something else scales it is not known");
        kube_reflector_each(follower.reflector, visit, search);
        return !*search->found ||
               error_set(err, ERROR_REFUSED, "Conflicted",
                         "its replicas belong to the %s %.253s; tune that one (spec.engine.%s), or remove it",
                         kind->kind, search->found, kind->engine);
}

static const struct kube_resource autoscalers = {"autoscaling", "v2", "horizontalpodautoscalers"};

bool kube_check_scalers(struct kube_shared *kubernetes, const char *namespace, const char *kind,
                        const char *name, struct error *err)
{
        struct search search = {.namespace = namespace, .target_kind = kind, .target = name};
        const struct kube_resource *scaled_objects;

        /* What KEDA scales has an autoscaler that KEDA made, which is not the one to talk to. */
        if (kube_shared_served(kubernetes, "keda.sh", "scaledobjects", &scaled_objects, err)) {
                if (!check(kubernetes, scaled_objects, &kube_scaled_object_kind, &search, err))
                        return false;
        } else if (strcmp(err->reason, "KindNotServed") != 0) {
                return false;
        }
        error_clear(err);
        return check(kubernetes, &autoscalers, &kube_hpa_kind, &search, err);
}

/* ---- life ---- */

void kube_scaler_close(void *opaque)
{
        struct scaler *scaler = opaque;

        if (!scaler)
                return;
        kube_pool_close(scaler->pool);
        kube_shared_give_back(scaler->context.shared, scaler->kubernetes);
        free(scaler->pool_options.name);
        free(scaler->pool_options.namespace);
        free(scaler->namespace);
        free(scaler);
}

bool kube_scaler_open(const struct source_context *context, const struct kube_scaler_kind *kind,
                      const void *opaque, void **ret_state, struct error *err)
{
        const struct kube_scaler_options *options = opaque;
        struct scaler *scaler = memory_new(1, sizeof *scaler);

        scaler->kind = kind;
        scaler->options = options;
        scaler->context = *context;
        scaler->namespace = memory_copy_text(options->namespace ? options->namespace : context->namespace);
        if (!kube_shared_take(context->shared, &scaler->kubernetes, err)) {
                kube_scaler_close(scaler);
                return error_wrap(err, "spec.engine.%s", kind->engine);
        }
        *ret_state = scaler;
        return true;
}

/* Kinds that no cluster is without are not looked for. */
bool scaler_reach(struct scaler *scaler, struct kube_client **ret_client,
                  const struct kube_resource **ret_resource, struct error *err)
{
        if (!kube_shared_client(scaler->kubernetes, ret_client, err))
                return false;
        if (!scaler->namespace)
                scaler->namespace = memory_copy_text(kube_client_namespace(*ret_client));
        *ret_resource = &autoscalers;
        return scaler->kind->has_metrics || kube_shared_served(scaler->kubernetes, scaler->kind->group,
                                                               scaler->kind->plural, ret_resource, err);
}

bool scaler_fail(const struct scaler *scaler, struct error *err)
{
        return error_wrap(err, "%s %.63s/%.100s", scaler->kind->engine,
                          scaler->namespace ? scaler->namespace : "?", scaler->options->name);
}
