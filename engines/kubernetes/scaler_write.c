/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "engines/kubernetes/call.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/owners.h"
#include "engines/kubernetes/scaler_internal.h"

#define ATTEMPTS 3 /* an autoscaler's status changes all the time, and with it its version */

bool kube_scaler_controls(void *opaque, const struct knob *knob)
{
        const struct scaler *scaler = opaque;
        struct kube_scaler_status any;
        const double *value = kube_scaler_of_knob(&any, knob);

        return value && (scaler->kind->has_metrics || value != &any.target_cpu_percent);
}

int64_t kube_scaler_patience_ms(void *opaque)
{
        const struct scaler *scaler = opaque;

        return scaler->options->ready_seconds * MS_PER_SECOND;
}

/* ---- what it is told ---- */

struct told {
        struct kube_client *client;
        const struct kube_resource *resource;
        json_t *object;
        struct kube_scaler_status status;
};

static void told_free(struct told *told)
{
        json_decref(told->object);
}

#define autotold __attribute__((cleanup(told_free))) struct told

/* An autoscaler that another one made, or that somebody has stopped, is not to be written to. */
static bool check_free(const struct scaler *scaler, const struct told *told, struct error *err)
{
        static const char *const pauses[] = {"autoscaling.keda.sh/paused",
                                             "autoscaling.keda.sh/paused-replicas"};
        const json_t *maker = json_array_get(kube_field(told->object, "metadata.ownerReferences"), 0);
        const json_t *annotations = kube_field(told->object, "metadata.annotations");
        const char *const fields[] = {scaler->kind->min, scaler->kind->max, "metrics"};

        if (strcmp(kube_field_text(maker, "kind"), "ScaledObject") == 0)
                return error_set(err, ERROR_REFUSED, "Conflicted",
                                 "it belongs to the ScaledObject %.200s; tune that one "
                                 "(spec.engine.scaledObject)",
                                 kube_field_text(maker, "name"));
        for (size_t i = 0; i < ARRAY_LENGTH(pauses); i++) {
                const char *value = json_string_value(json_object_get(annotations, pauses[i]));

                if (value && strcmp(value, "false") != 0)
                        return error_set(err, ERROR_REFUSED, "Paused", "it is paused (annotation %s: %.40s)",
                                         pauses[i], value);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
                autofree char *path = memory_format("f:spec|f:%s", fields[i]);
                const char *owner = kube_field_owner(told->object, path);

                if (owner)
                        return error_set(err, ERROR_REFUSED, "Conflicted",
                                         "its %s is kept by %.100s; take it out of what that one applies, or "
                                         "tune there",
                                         fields[i], owner);
        }
        return true;
}

static struct kube_target target_of(const struct scaler *scaler, const struct told *told)
{
        return (struct kube_target){told->resource, scaler->namespace, scaler->options->name, NULL};
}

static bool get_told(struct scaler *scaler, struct told *told, struct error *err)
{
        struct kube_target target;

        if (!scaler_reach(scaler, &told->client, &told->resource, err))
                return false;
        target = target_of(scaler, told);
        if (!kube_get(told->client, &target, &told->object, err))
                return false;
        if (strcmp(kube_field_text(told->object, "kind"), scaler->kind->kind) != 0 ||
            !*kube_meta(told->object, "uid"))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer", "the answer is no %s",
                                 scaler->kind->kind);
        if (!kube_scaler_read(scaler->kind, told->object, &told->status, err))
                return false;
        return check_free(scaler, told, err);
}

bool kube_scaler_tell(void *opaque, struct configuration *ret_configuration, struct error *err)
{
        struct scaler *scaler = opaque;
        const struct pipeline *pipeline = scaler->context.pipeline;
        autotold told = {.object = NULL};

        if (!get_told(scaler, &told, err))
                return scaler_fail(scaler, err);
        for (int i = 0; i < pipeline->n_knobs && i < ret_configuration->count; i++) {
                const double *said = kube_scaler_of_knob(&told.status, &pipeline->knobs[i]);

                if (said && isnan(*said))
                        return error_set(err, ERROR_REFUSED, "NoSuchField", "it says nothing of %s",
                                         pipeline->knobs[i].name) ||
                               scaler_fail(scaler, err);
                if (said)
                        ret_configuration->value[i] = *said;
        }
        return true;
}

/* ---- applying ---- */

/* The metrics as they are, with another CPU target: a list of metrics is replaced as a whole. */
static json_t *with_cpu_target(const json_t *object, double percent)
{
        json_t *metrics = json_deep_copy(kube_field(object, "spec.metrics")), *metric;
        size_t i;

        json_array_foreach(metrics, i, metric)
        {
                if (strcmp(kube_field_text(metric, "resource.name"), "cpu") == 0 &&
                    strcmp(kube_field_text(metric, "resource.target.type"), "Utilization") == 0)
                        json_object_set_new(json_object_get(json_object_get(metric, "resource"), "target"),
                                            "averageUtilization", json_integer((json_int_t)percent));
        }
        return metrics;
}

static void put(const struct scaler *scaler, const struct told *told, const double *said,
                const struct kube_scaler_status *status, double value, json_t *spec)
{
        if (said == &status->target_cpu_percent)
                json_object_set_new(spec, "metrics", with_cpu_target(told->object, value));
        else
                json_object_set_new(spec, said == &status->min ? scaler->kind->min : scaler->kind->max,
                                    json_integer((json_int_t)value));
}

/* What differs, as a patch of its spec; empty: nothing does. */
static json_t *difference(const struct scaler *scaler, struct told *told, const struct configuration *to,
                          struct text *what)
{
        const struct pipeline *pipeline = scaler->context.pipeline;
        struct kube_scaler_status *status = &told->status;
        json_t *spec = json_object();

        for (int i = 0; i < pipeline->n_knobs && i < to->count; i++) {
                double *said = kube_scaler_of_knob(status, &pipeline->knobs[i]);
                double wanted = round(to->value[i]);

                if (!said || isnan(*said) || !(wanted >= 0 && wanted <= INT32_MAX) || wanted == *said)
                        continue;
                put(scaler, told, said, status, wanted, spec);
                text_format(what, "%s%s %.0f -> %.0f", what->length > 0 ? ", " : "", pipeline->knobs[i].name,
                            *said, wanted);
                *said = wanted;
        }
        return spec;
}

static bool try_to_apply(struct scaler *scaler, const struct configuration *to, struct kube_caller *caller,
                         struct error *err)
{
        autotold told = {.object = NULL};
        struct kube_target target;
        struct kube_follower looked_at;
        autotext what = {0};
        autojson *body = NULL;
        json_t *spec;

        if (!get_told(scaler, &told, err) ||
            !kube_shared_follow(scaler->kubernetes, told.resource, &kube_scalers_following, scaler->namespace,
                                &looked_at, err) ||
            !kube_call_fits(looked_at.reflector, told.object, err))
                return false;
        target = target_of(scaler, &told);
        spec = difference(scaler, &told, to, &what);
        body = json_pack("{s:o}", "spec", spec);
        if (json_object_size(spec) == 0)
                return true;
        if (told.status.min > told.status.max)
                return error_set(
                        err, ERROR_REFUSED, "AboveMaximum",
                        "%.0f workers are more than its %s, %.0f; raise that, or lower the knob's max",
                        told.status.min, scaler->kind->max, told.status.max);
        caller->client = told.client;
        return kube_call(caller,
                         &(struct kube_call){.target = &target,
                                             .read = told.object,
                                             .body = body,
                                             .what = what.data},
                         NULL, err);
}

bool kube_scaler_apply(void *opaque, const struct configuration *from, const struct configuration *to,
                       bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct scaler *scaler = opaque;
        struct kube_caller caller = {.calls = calls, .dry_run = dry_run};

        (void)from;
        for (int i = 1; !try_to_apply(scaler, to, &caller, err); i++) {
                if (err->code != ERROR_CONFLICT || i == ATTEMPTS)
                        return scaler_fail(scaler, err);
                error_clear(err);
        }
        return true;
}
