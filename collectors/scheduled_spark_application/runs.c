/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/scheduled_spark_application/runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "engines/kubernetes/fields.h"
#include "engines/spark_application/schedule.h"
#include "engines/spark_application/template.h"

#define SETTING_BYTES 200 /* of a tree of JSON, for the cache's bounds */

static void release(void *kept)
{
        struct spark_run *run = kept;

        kube_run_clear(&run->run);
        free(run->application);
        json_decref(run->spec);
        free(run);
}

/* What came before its last attempt belongs to it: who waits for it waited for that, too, and paid. */
static int64_t read_begin(const json_t *object)
{
        bool again = kube_field_count(object, "status.executionAttempts", 1) > 1 ||
                     kube_field_count(object, "status.submissionAttempts", 1) > 1;
        int64_t submitted = kube_field_time(object, "status.lastSubmissionAttemptTime");

        return again || submitted == INT64_MIN ? kube_field_time(object, "metadata.creationTimestamp")
                                               : submitted;
}

static void read_end(const json_t *object, struct kube_run *run)
{
        const char *state = kube_field_text(object, "status.applicationState.state");

        run->failed = strcmp(state, "FAILED") == 0;
        run->begun_ms = read_begin(object);
        run->ended_ms = kube_field_time(object, "status.terminationTime");
        if (run->failed && run->ended_ms == INT64_MIN) /* it was never submitted */
                run->ended_ms = run->begun_ms;
        run->ended = (run->failed || strcmp(state, "COMPLETED") == 0) && run->begun_ms > 0 &&
                     run->ended_ms >= run->begun_ms;
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        const json_t *schedule = kube_run_owner(object, SPARK_SCHEDULE_KIND);
        struct spark_run *run;

        (void)context;
        if (!schedule)
                return NULL;
        run = memory_new(1, sizeof *run);
        run->run.uid = memory_copy_text(kube_field_text(object, "metadata.uid"));
        run->run.owner_uid = memory_copy_text(kube_field_text(schedule, "uid"));
        run->application = memory_copy_text(kube_field_text(object, "status.sparkApplicationId"));
        run->run.trouble = memory_copy_text(kube_field_text(object, "status.applicationState.errorMessage"));
        text_to_line(run->run.trouble);
        read_end(object, &run->run);
        run->spec = spark_template_essence(kube_field(object, "spec"));
        *ret_bytes =
                sizeof *run + strlen(run->run.trouble) + SETTING_BYTES * spark_template_settings(run->spec);
        return run;
}

const struct kube_following spark_runs_following = {.project = project, .release = release};

/* ---- what it was ---- */

void spark_run_observe(const struct spark_run *run, const struct pipeline *pipeline,
                       struct run_observation *ret_run)
{
        struct spark_allocation held = spark_template_allocation(run->spec);
        double seconds = (double)(run->run.ended_ms - run->run.begun_ms) / 1e3;
        struct configuration seen = {.count = pipeline->n_knobs};
        struct error ignored = ERROR_INIT;

        ret_run->worker_seconds = held.executors * seconds;
        ret_run->core_seconds = (held.executors * held.executor_cores + held.driver_cores) * seconds;
        ret_run->byte_seconds = (held.executors * held.executor_bytes + held.driver_bytes) * seconds;
        for (int i = 0; i < seen.count; i++)
                seen.value[i] = NAN;
        if (spark_template_read(run->spec, pipeline, &seen, &ignored))
                kube_run_configuration(&seen, ret_run);
}
