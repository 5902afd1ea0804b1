/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_BATCH_H
#define OPTCTL_ENGINES_KUBERNETES_BATCH_H

#include "engines/kubernetes/workload.h"

/*
 * Jobs, and CronJobs, which make them from a template (batch/v1). Workers are pods that run at the same time
 * (parallelism). How much there is to do is said beside it: so many pods that end well (completions), each of
 * which may be a part of the work with a number (Indexed); or, without completions, a queue that pods work
 * off.
 *
 * Of a Job that runs Kubernetes lets nobody change the template, and completions only of an Indexed one, to
 * what parallelism becomes in the same write. A CronJob's template may become anything; it holds from the
 * next Job on.
 */
extern const struct kube_workload_kind kube_job_kind, kube_cron_job_kind;
/* A Job as a run of a CronJob, which is told to be what the CronJob is told. */
extern const struct kube_workload_kind kube_job_run_kind;

#define KUBE_CRON_JOB_KIND "CronJob"
extern const struct kube_resource kube_jobs_resource;

/* Of both kinds. */
enum kube_completions { KUBE_COMPLETIONS_FIXED, KUBE_COMPLETIONS_ELASTIC };
extern const char *const kube_completions_choices[];

#define KUBE_BATCH_COMPLETIONS                                                                               \
        {                                                                                                    \
                .name = "completions", .type = OPTION_CHOICE, KUBE_WORKLOAD_AT(completions),                 \
                .choices = kube_completions_choices, .fallback = "Fixed",                                    \
                .help = "Fixed: completions say how much there is to do, and are left alone. Elastic: pods " \
                        "divide the work by how many of them there are, so the knob `workers` sets "         \
                        "completions and parallelism to the same number; only where completionMode is "      \
                        "Indexed and the two are equal."                                                     \
        }

struct kube_job_size {
        int64_t parallelism; /* 1 where it does not say */
        int64_t completions; /* -1: it does not say */
        bool indexed;
        bool single; /* it says neither, and so is one pod */
};
/* Of a Job's spec, or that of a CronJob's jobTemplate. Pure. */
struct kube_job_size kube_job_size_read(const json_t *spec);

/* How a Job ended. Pure. */
struct kube_job_end {
        bool ended, failed;
        int64_t time_ms;              /* INT64_MIN: not said */
        const char *reason, *message; /* of a failure: "BackoffLimitExceeded"; "" when not said; borrowed */
};
struct kube_job_end kube_job_end_read(const json_t *job);

/* What of a Job, or of a CronJob, is looked at here. Caller frees. */
json_t *kube_job_cut(const json_t *object);

#endif
