/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"
#include "engines/kubernetes/call.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/owners.h"
#include "engines/spark_application/schedule.h"
#include "engines/spark_application/template.h"

/*
 * Sets what the next run is to run with, in the template, in one patch. What is read back is what the object
 * says; with what a run ran is for the observations to say.
 */
#define ATTEMPTS 3 /* its status changes with every run, and with it its version */

static void close_state(void *state)
{
        spark_schedule_close(state);
}

static bool open_state(const struct source_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        struct spark_schedule *schedule;

        if (!spark_schedule_open(context, options, &schedule, err))
                return false;
        *ret_state = schedule;
        return true;
}

static bool controls(void *state, const struct knob *knob)
{
        (void)state;
        return spark_template_controls(knob);
}

struct told {
        struct kube_client *client;
        const struct kube_resource *resource;
        json_t *object;
};

static void told_free(struct told *told)
{
        json_decref(told->object);
}

#define autotold __attribute__((cleanup(told_free))) struct told

static const json_t *template_of(const struct told *told)
{
        return kube_field(told->object, "spec.template");
}

static struct kube_target target_of(const struct spark_schedule *schedule, const struct told *told)
{
        return (struct kube_target){told->resource, schedule->namespace, schedule->options->name, NULL};
}

/* Fields that knobs set belong to nobody else. */
static bool check_owners(const struct spark_schedule *schedule, const struct told *told, struct error *err)
{
        const struct pipeline *pipeline = schedule->context.pipeline;

        for (int i = 0; i < pipeline->n_knobs; i++) {
                autofree char *field = NULL, *path = NULL;
                const char *owner;

                if (!spark_template_controls(&pipeline->knobs[i]))
                        continue;
                field = spark_template_path(template_of(told), &pipeline->knobs[i]);
                path = memory_format("f:spec|f:template|%s", field);
                owner = kube_field_owner(told->object, path);
                if (owner)
                        return error_set(
                                err, ERROR_REFUSED, "Conflicted",
                                "what knob %s sets in its template is kept by %.100s; take it out of "
                                "what that one applies, or tune there",
                                pipeline->knobs[i].name, owner);
        }
        return true;
}

static bool get_told(struct spark_schedule *schedule, struct told *told, struct error *err)
{
        struct kube_target target;

        if (!spark_schedule_reach(schedule, &told->client, &told->resource, err))
                return false;
        target = target_of(schedule, told);
        if (!kube_get(told->client, &target, &told->object, err))
                return false;
        if (strcmp(kube_field_text(told->object, "kind"), SPARK_SCHEDULE_KIND) != 0 ||
            !*kube_meta(told->object, "uid") || !json_is_object(template_of(told)))
                return error_set(err, ERROR_INCOMPLETE, "UnexpectedAnswer",
                                 "the answer is no " SPARK_SCHEDULE_KIND " with a template");
        return check_owners(schedule, told, err);
}

static bool read_told(void *state, struct configuration *ret_configuration, struct error *err)
{
        struct spark_schedule *schedule = state;
        autotold told = {.object = NULL};

        return (get_told(schedule, &told, err) &&
                spark_template_read(template_of(&told), schedule->context.pipeline, ret_configuration,
                                    err)) ||
               spark_schedule_fail(schedule, err);
}

/* Written is to the one that was looked at when it was decided. */
static bool check_same(struct spark_schedule *schedule, const struct told *told, struct error *err)
{
        struct kube_follower looked_at;

        return kube_shared_follow(schedule->kubernetes, told->resource, &spark_schedules_following,
                                  schedule->namespace, &looked_at, err) &&
               kube_call_fits(looked_at.reflector, told->object, err);
}

static bool try_to_apply(struct spark_schedule *schedule, const struct configuration *to,
                         struct kube_caller *caller, struct error *err)
{
        autotold told = {.object = NULL};
        struct configuration now = *to;
        autojson *change = NULL, *body = NULL;
        autotext what = {0};
        struct kube_target target;

        /* What cannot be read cannot be set, either. */
        if (!get_told(schedule, &told, err) || !check_same(schedule, &told, err) ||
            !spark_template_read(template_of(&told), schedule->context.pipeline, &now, err))
                return false;
        change = spark_template_change(template_of(&told), schedule->context.pipeline, to, &what);
        if (json_object_size(change) == 0)
                return true;
        target = target_of(schedule, &told);
        body = json_pack("{s:{s:O}}", "spec", "template", change);
        caller->client = told.client;
        return kube_call(caller,
                         &(struct kube_call){.target = &target,
                                             .read = told.object,
                                             .body = body,
                                             .what = what.data},
                         NULL, err);
}

static bool apply(void *state, const struct configuration *from, const struct configuration *to, bool dry_run,
                  const struct call_recorder *calls, struct error *err)
{
        struct kube_caller caller = {.calls = calls, .dry_run = dry_run};

        (void)from;
        for (int i = 1; !try_to_apply(state, to, &caller, err); i++) {
                if (err->code != ERROR_CONFLICT || i == ATTEMPTS)
                        return spark_schedule_fail(state, err);
                error_clear(err);
        }
        return true;
}

const struct actuator scheduled_spark_application_actuator = {
        .name = "scheduledSparkApplication",
        .summary = "Executors, memory and settings of the next run of a ScheduledSparkApplication.",
        .open = open_state,
        .controls = controls,
        .apply = apply,
        .read = read_told,
        .close = close_state,
};
