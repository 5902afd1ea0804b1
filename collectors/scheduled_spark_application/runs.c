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

        free(run->schedule_uid);
        free(run->application);
        free(run->trouble);
        json_decref(run->spec);
        free(run);
}

static const json_t *schedule_of(const json_t *object)
{
        size_t i;
        json_t *owner;

        json_array_foreach(kube_field(object, "metadata.ownerReferences"), i, owner)
        {
                if (strcmp(kube_field_text(owner, "kind"), SPARK_SCHEDULE_KIND) == 0)
                        return owner;
        }
        return NULL;
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

static void read_end(const json_t *object, struct spark_run *run)
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
        const json_t *schedule = schedule_of(object);
        struct spark_run *run;

        (void)context;
        if (!schedule)
                return NULL;
        run = memory_new(1, sizeof *run);
        run->schedule_uid = memory_copy_text(kube_field_text(schedule, "uid"));
        run->application = memory_copy_text(kube_field_text(object, "status.sparkApplicationId"));
        run->trouble = memory_copy_text(kube_field_text(object, "status.applicationState.errorMessage"));
        text_to_line(run->trouble);
        read_end(object, run);
        run->spec = spark_template_essence(kube_field(object, "spec"));
        *ret_bytes = sizeof *run + strlen(run->trouble) + SETTING_BYTES * spark_template_settings(run->spec);
        return run;
}

const struct kube_following spark_runs_following = {.project = project, .release = release};

/* ---- the newest ---- */

struct search {
        const char *schedule_uid;
        const struct spark_run *newest;
};

static void visit(void *context, const char *namespace, const char *name, const void *kept)
{
        struct search *search = context;
        const struct spark_run *run = kept;

        (void)namespace;
        (void)name;
        if (run->ended && strcmp(run->schedule_uid, search->schedule_uid) == 0 &&
            (!search->newest || run->ended_ms > search->newest->ended_ms))
                search->newest = run;
}

const struct spark_run *spark_runs_newest(const struct kube_follower *runs, const char *schedule_uid)
{
        struct search search = {.schedule_uid = schedule_uid};

        if (*schedule_uid)
                kube_reflector_each(runs->reflector, visit, &search);
        return search.newest;
}

/* ---- what it was ---- */

/* A setting that it does not say is not known of the run, unless it is not tuned. */
static void read_configuration(const struct spark_run *run, const struct pipeline *pipeline,
                               struct configuration *ret_configuration)
{
        struct configuration seen = {.count = pipeline->n_knobs};
        struct error ignored = ERROR_INIT;

        for (int i = 0; i < seen.count; i++)
                seen.value[i] = NAN;
        if (!spark_template_read(run->spec, pipeline, &seen, &ignored))
                return;
        for (int i = 0; i < seen.count; i++)
                if (isnan(seen.value[i]))
                        return;
        *ret_configuration = seen;
}

void spark_run_observe(const struct spark_run *run, const struct pipeline *pipeline,
                       struct run_observation *ret_run)
{
        struct spark_allocation held = spark_template_allocation(run->spec);
        double seconds = (double)(run->ended_ms - run->begun_ms) / 1e3;

        ret_run->begun_ms = run->begun_ms;
        ret_run->ended_ms = run->ended_ms;
        ret_run->failed = run->failed;
        ret_run->worker_seconds = held.executors * seconds;
        ret_run->core_seconds = (held.executors * held.executor_cores + held.driver_cores) * seconds;
        ret_run->byte_seconds = (held.executors * held.executor_bytes + held.driver_bytes) * seconds;
        read_configuration(run, pipeline, &ret_run->configuration);
}
