/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/batch.h"

#include <string.h>

#include "core/json.h"
#include "engines/kubernetes/fields.h"
#include "engines/kubernetes/periodic.h"

const struct kube_resource kube_jobs_resource = {"batch", "v1", "jobs"};

const char *const kube_completions_choices[] = {"Fixed", "Elastic", NULL};

/* ---- what is said of it ---- */

struct kube_job_size kube_job_size_read(const json_t *spec)
{
        struct kube_job_size size = {
                .parallelism = kube_field_count(spec, "parallelism", 1),
                .completions = kube_field_count(spec, "completions", -1),
                .indexed = strcmp(kube_field_text(spec, "completionMode"), "Indexed") == 0,
        };

        size.single = size.completions < 0 && !json_is_integer(json_object_get(spec, "parallelism"));
        return size;
}

static const json_t *condition_of(const json_t *job, const char *type)
{
        size_t i;
        json_t *condition;

        json_array_foreach(kube_field(job, "status.conditions"), i, condition)
        {
                if (strcmp(kube_field_text(condition, "type"), type) == 0 &&
                    strcmp(kube_field_text(condition, "status"), "True") == 0)
                        return condition;
        }
        return NULL;
}

struct kube_job_end kube_job_end_read(const json_t *job)
{
        const json_t *failed = condition_of(job, "Failed"), *complete = condition_of(job, "Complete");
        const json_t *condition = failed ? failed : complete;
        int64_t time_ms = failed ? INT64_MIN : kube_field_time(job, "status.completionTime");

        return (struct kube_job_end){
                .ended = condition != NULL,
                .failed = failed != NULL,
                .time_ms = time_ms != INT64_MIN ? time_ms : kube_field_time(condition, "lastTransitionTime"),
                .reason = kube_field_text(failed, "reason"),
                .message = kube_field_text(failed, "message"),
        };
}

/* Pods for which there is work. Of a queue that a pod has found empty nobody begins anew. */
static int64_t count_useful(const json_t *job, int64_t parallelism)
{
        const struct kube_job_size size = kube_job_size_read(json_object_get(job, "spec"));
        int64_t succeeded = kube_field_count(job, "status.succeeded", 0), left = parallelism;

        if (size.completions >= 0)
                left = size.completions > succeeded ? size.completions - succeeded : 0;
        else if (succeeded > 0)
                left = kube_field_count(job, "status.active", 0);
        return left < parallelism ? left : parallelism;
}

static void read_job(const json_t *object, struct kube_workload_status *status)
{
        status->existing = kube_field_count(object, "status.active", 0);
        status->updated = status->existing;
        status->ready = kube_field_count(object, "status.ready", 0);
        status->useful = count_useful(object, status->replicas);
}

/* It has no pods of its own. */
static void read_cron_job(const json_t *object, struct kube_workload_status *status)
{
        (void)object;
        (void)status;
}

/* ---- which can be tuned ---- */

/* One pod that is made two does everything twice: without completions the second is no share of the first. */
static bool check_size(const struct kube_workload *workload, const json_t *object, struct error *err)
{
        const struct kube_job_size size = kube_job_size_read(kube_field(object, workload->kind->home));

        if (pipeline_workers_knob(workload->context.pipeline) < 0)
                return true;
        if (size.single)
                return error_set(err, ERROR_REFUSED, "SinglePod",
                                 "it says neither parallelism nor completions, so its work is that of one "
                                 "pod; expected either of them, or no knob workers");
        if (workload->options->completions == KUBE_COMPLETIONS_ELASTIC &&
            (!size.indexed || size.completions != size.parallelism))
                return error_set(err, ERROR_REFUSED, "NotElastic",
                                 "it is not elastic; expected completionMode Indexed and as many completions "
                                 "as parallelism, or engine.%s.completions Fixed",
                                 workload->kind->engine);
        return true;
}

/* Whoever made it may make it another one. A CronJob leaves its Jobs alone. */
static bool check_maker(const json_t *object, struct error *err)
{
        size_t i;
        json_t *owner;

        json_array_foreach(kube_field(object, "metadata.ownerReferences"), i, owner)
        {
                if (json_is_true(json_object_get(owner, "controller")) &&
                    strcmp(kube_field_text(owner, "kind"), KUBE_CRON_JOB_KIND) != 0)
                        return error_set(
                                err, ERROR_REFUSED, "Conflicted",
                                "it belongs to the %.60s %.100s; tune there, or leave it to that one",
                                kube_field_text(owner, "kind"), kube_field_text(owner, "name"));
        }
        return true;
}

static bool check_suspended(const json_t *object, struct error *err)
{
        return kube_check_suspended(json_is_true(kube_field(object, "spec.suspend")), err);
}

static bool check_job(const struct kube_workload *workload, const json_t *object, struct error *err)
{
        const struct kube_job_end end = kube_job_end_read(object);

        if (end.ended)
                return error_set(err, ERROR_REFUSED, "Finished", "it is over: it %s%s%.60s",
                                 end.failed ? "failed" : "completed", *end.reason ? ", " : "", end.reason);
        return check_suspended(object, err) && check_maker(object, err) && check_size(workload, object, err);
}

static bool check_cron_job(const struct kube_workload *workload, const json_t *object, struct error *err)
{
        return check_suspended(object, err) && check_size(workload, object, err);
}

/* ---- the cache ---- */

static json_t *cut(const json_t *object, const char *const *keys)
{
        json_t *kept = json_object();

        for (; *keys; keys++)
                kube_field_copy(kept, *keys, object);
        return kept;
}

static json_t *cut_spec(const json_t *spec)
{
        static const char *const keys[] = {"suspend", "parallelism", "completions", "completionMode", NULL};
        json_t *kept = cut(spec, keys);

        if (json_object_get(spec, "template"))
                json_object_set_new(kept, "template",
                                    kube_workload_cut_template(json_object_get(spec, "template")));
        return kept;
}

json_t *kube_job_cut(const json_t *object)
{
        static const char *const metadata[] = {"ownerReferences", NULL};
        static const char *const status[] = {"active",     "ready",          "succeeded",
                                             "conditions", "completionTime", NULL};
        const json_t *jobs = kube_field(object, "spec.jobTemplate.spec");
        json_t *spec = cut_spec(json_object_get(object, "spec"));

        if (jobs)
                json_object_set_new(spec, "jobTemplate", json_pack("{s:o}", "spec", cut_spec(jobs)));
        return json_pack("{s:o, s:o, s:o}", "metadata", cut(json_object_get(object, "metadata"), metadata),
                         "spec", spec, "status", cut(json_object_get(object, "status"), status));
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        (void)context;
        *ret_bytes = 2 * KUBE_WORKLOAD_BYTES; /* conditions are long */
        return kube_job_cut(object);
}

static void release(void *kept)
{
        json_decref(kept);
}

static const struct kube_following following = {.project = project, .release = release};

/* ---- the kinds ---- */

const struct kube_workload_kind kube_job_kind = {
        .engine = "job",
        .kind = "Job",
        .api_version = "batch/v1",
        .resource = {"batch", "v1", "jobs"},
        .home = "spec",
        .workers = "parallelism",
        .fixed = true,
        .following = &following,
        .read = read_job,
        .check = check_job,
};

#define OF_CRON_JOB(place)                                                                                   \
        {                                                                                                    \
                .engine = "cronJob", .kind = KUBE_CRON_JOB_KIND, .api_version = "batch/v1",                  \
                .resource = {"batch", "v1", "cronjobs"}, .home = (place), .workers = "parallelism",          \
                .following = &following, .read = read_cron_job, .check = check_cron_job                      \
        }

const struct kube_workload_kind kube_cron_job_kind = OF_CRON_JOB("spec.jobTemplate.spec");
const struct kube_workload_kind kube_job_run_kind = OF_CRON_JOB("spec");
