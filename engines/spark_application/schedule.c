/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark_application/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/object_options.h"
#include "engines/spark_application/template.h"

/* For the caches' bounds: a tree of JSON holds about so much for each setting. */
#define SETTING_BYTES 200

static const struct option options[] = {
        KUBE_OBJECT_OPTIONS(offsetof(struct spark_schedule_options, name),
                            offsetof(struct spark_schedule_options, namespace)),
        {.name = "eventLogs",
         .type = OPTION_TEXT,
         .offset = offsetof(struct spark_schedule_options, event_logs),
         .min = 1,
         .max = 4096,
         .help = "Folder with the event logs of its runs (spark.eventLog.dir), where optctl can read it. "
                 "They "
                 "tell for how long each executor was there; without them that is reckoned from the spec, "
                 "which "
                 "does not tell it of dynamic allocation."},
        {0},
};

const struct option_table spark_schedule_table = {
        .name = "scheduledSparkApplication",
        .help = "A ScheduledSparkApplication of the Spark operator. What is set holds from its next run on.",
        .size = sizeof(struct spark_schedule_options),
        .options = options,
};

bool spark_schedule_open(const struct source_context *context, const struct spark_schedule_options *told,
                         struct spark_schedule **ret_schedule, struct error *err)
{
        autocall(spark_schedule_close) struct spark_schedule *schedule = memory_new(1, sizeof *schedule);

        schedule->options = told;
        schedule->context = *context;
        schedule->namespace = memory_copy_text(told->namespace ? told->namespace : context->namespace);
        if (!kube_shared_take(context->shared, &schedule->kubernetes, err))
                return error_wrap(err, "spec.engine.scheduledSparkApplication");
        *ret_schedule = TAKE(schedule);
        return true;
}

void spark_schedule_close(struct spark_schedule *schedule)
{
        if (!schedule)
                return;
        kube_shared_give_back(schedule->context.shared, schedule->kubernetes);
        free(schedule->namespace);
        free(schedule);
}

bool spark_schedule_reach(struct spark_schedule *schedule, struct kube_client **ret_client,
                          const struct kube_resource **ret_resource, struct error *err)
{
        if (!kube_shared_client(schedule->kubernetes, ret_client, err))
                return false;
        if (!schedule->namespace)
                schedule->namespace = memory_copy_text(kube_client_namespace(*ret_client));
        return kube_shared_served(schedule->kubernetes, SPARK_GROUP, "scheduledsparkapplications",
                                  ret_resource, err);
}

/* ---- what matters of all of a namespace ---- */

static void release(void *kept)
{
        struct spark_schedule_seen *seen = kept;

        json_decref(seen->template);
        free(seen->trouble);
        free(seen);
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        struct spark_schedule_seen *seen = memory_new(1, sizeof *seen);

        (void)context;
        seen->suspended = json_is_true(kube_field(object, "spec.suspend"));
        seen->template = spark_template_essence(kube_field(object, "spec.template"));
        if (strcmp(kube_field_text(object, "status.scheduleState"), "FailedValidation") == 0) {
                seen->trouble = memory_copy_text(kube_field_text(object, "status.reason"));
                text_to_line(seen->trouble);
        }
        *ret_bytes = sizeof *seen + SETTING_BYTES * spark_template_settings(seen->template);
        return seen;
}

const struct kube_following spark_schedules_following = {.project = project, .release = release};

bool spark_schedule_fail(const struct spark_schedule *schedule, struct error *err)
{
        return error_wrap(err, "scheduledSparkApplication %.63s/%.100s",
                          schedule->namespace ? schedule->namespace : "?", schedule->options->name);
}
