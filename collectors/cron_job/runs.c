/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/cron_job/runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "engines/kubernetes/batch.h"
#include "engines/kubernetes/fields.h"

static void release(void *kept)
{
        struct job_run *run = kept;

        kube_run_clear(&run->run);
        free(run->name);
        json_decref(run->object);
        free(run);
}

static char *trouble_of(const struct kube_job_end *end)
{
        char *trouble = end->failed ? memory_format("%.60s: %.200s", *end->reason ? end->reason : "Failed",
                                                    end->message)
                                    : memory_copy_text("");

        text_to_line(trouble);
        return trouble;
}

static void *project(void *context, const json_t *object, size_t *ret_bytes)
{
        const json_t *owner = kube_run_owner(object, KUBE_CRON_JOB_KIND);
        const struct kube_job_end end = kube_job_end_read(object);
        int64_t begun_ms = kube_field_time(object, "status.startTime");
        struct job_run *run;

        (void)context;
        if (!owner)
                return NULL;
        run = memory_new(1, sizeof *run);
        if (begun_ms == INT64_MIN)
                begun_ms = kube_field_time(object, "metadata.creationTimestamp");
        run->run = (struct kube_run){
                .uid = memory_copy_text(kube_field_text(object, "metadata.uid")),
                .owner_uid = memory_copy_text(kube_field_text(owner, "uid")),
                .trouble = trouble_of(&end),
                .failed = end.failed,
                .begun_ms = begun_ms,
                .ended_ms = end.time_ms,
                .ended = end.ended && begun_ms > 0 && end.time_ms >= begun_ms,
        };
        run->name = memory_copy_text(kube_field_text(object, "metadata.name"));
        run->object = kube_job_cut(object);
        *ret_bytes = sizeof *run + 2 * KUBE_WORKLOAD_BYTES;
        return run;
}

const struct kube_following job_runs_following = {.project = project, .release = release};

/* ---- their pods ---- */

struct gathering {
        const struct kube_follower *pods;
        const char *owner_uid;
        const struct job_run *newest;
        struct kube_pods_of *found;
};

static void visit(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct gathering *gathering = context;
        const struct job_run *run = kept;
        const struct kube_pods_of *pods;
        struct kube_pods_of *found = gathering->found;

        if (strcmp(run->run.owner_uid, gathering->owner_uid) != 0 ||
            (run->run.ended && run != gathering->newest))
                return;
        pods = kube_pods_find(gathering->pods, namespace, "Job", name);
        if (!pods)
                return;
        found->pods = memory_resize(found->pods, found->count + pods->count, sizeof *found->pods);
        memcpy(found->pods + found->count, pods->pods, pods->count * sizeof *pods->pods);
        found->count += pods->count;
}

void job_runs_pods(const struct kube_follower *runs, const struct kube_follower *pods, const char *owner_uid,
                   const struct job_run *newest, struct kube_pods_of *gathered)
{
        struct gathering gathering = {pods, owner_uid, newest, gathered};

        if (*owner_uid)
                kube_reflector_each(runs->reflector, visit, &gathering);
}

/* ---- what it was ---- */

static double seconds_of(const struct kube_pod *pod, const struct kube_run *run)
{
        int64_t ended_ms = pod->ended_ms == INT64_MIN ? run->ended_ms : pod->ended_ms;

        return pod->begun_ms == INT64_MIN || ended_ms < pod->begun_ms
                       ? 0
                       : (double)(ended_ms - pod->begun_ms) / 1e3;
}

static double known(double held)
{
        return held > 0 ? held : NAN;
}

static void hold(const struct job_run *run, const struct kube_pods_of *pods, struct run_observation *ret_run)
{
        const struct kube_job_size size = kube_job_size_read(json_object_get(run->object, "spec"));
        double workers = 0, cores = 0, bytes = 0;
        int64_t most = size.parallelism;

        for (size_t i = 0; pods && i < pods->count; i++) {
                double seconds = seconds_of(pods->pods[i], &run->run);

                workers += seconds;
                cores += pods->pods[i]->cores * seconds;
                bytes += pods->pods[i]->memory * seconds;
        }
        if (size.completions >= 0 && size.completions < most)
                most = size.completions;
        if (!(workers > 0))
                workers = (double)most * (double)(run->run.ended_ms - run->run.begun_ms) / 1e3;
        ret_run->worker_seconds = workers;
        ret_run->core_seconds = known(cores);
        ret_run->byte_seconds = known(bytes);
}

void job_run_observe(const struct job_run *run, const struct kube_pods_of *pods,
                     const struct kube_workload *workload, struct run_observation *ret_run)
{
        const struct pipeline *pipeline = workload->context.pipeline;
        struct configuration seen = {.count = pipeline->n_knobs};
        struct kube_workload_status status;

        for (int i = 0; i < seen.count; i++)
                seen.value[i] = NAN;
        kube_workload_read(&kube_job_run_kind, run->object, workload->options->container, &status);
        kube_workload_configure(&kube_job_run_kind, &status, pipeline, &seen);
        kube_run_configuration(&seen, ret_run);
        hold(run, pods, ret_run);
}

char *job_run_trouble(const struct job_run *run, const struct kube_pods_of *pods)
{
        const struct kube_container *killed = NULL;
        const char *pod = "";

        for (size_t i = 0; pods && i < pods->count; i++)
                for (size_t j = 0; j < pods->pods[i]->n_containers; j++) {
                        const struct kube_container *each = &pods->pods[i]->containers[j];

                        if (each->killed_ms == INT64_MIN || (killed && killed->killed_ms >= each->killed_ms))
                                continue;
                        killed = each;
                        pod = pods->pods[i]->name;
                }
        return killed ? memory_format("OOMKilled: container %.40s of pod %.50s", killed->name, pod)
                      : memory_copy_text(run->run.trouble);
}
