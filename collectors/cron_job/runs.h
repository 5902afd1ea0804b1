/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_CRON_JOB_RUNS_H
#define OPTCTL_COLLECTORS_CRON_JOB_RUNS_H

#include "engines/kubernetes/periodic.h"
#include "engines/kubernetes/pods.h"
#include "engines/kubernetes/workload.h"

/* A Job that a CronJob made, or somebody from its template, as far as it matters here. */
struct job_run {
        struct kube_run run; /* first */
        char *name;
        json_t *object; /* what kube_workload_read looks at */
};

extern const struct kube_following job_runs_following;

/* Adds to `gathered` the pods of all Jobs of the CronJob of that uid that have not ended, and of `newest`
 * (may be NULL). Caller frees that list; what it points to lives until the next wait. */
void job_runs_pods(const struct kube_follower *runs, const struct kube_follower *pods, const char *owner_uid,
                   const struct job_run *newest, struct kube_pods_of *gathered);

/*
 * With what configuration it ran, and what it held: each of its pods, as far as they are still there, for as
 * long as it had a node. Without any of them as many as could run, from its beginning to its end, and no more
 * of it.
 *
 * pods  of this run; NULL: there are none
 */
void job_run_observe(const struct job_run *run, const struct kube_pods_of *pods,
                     const struct kube_workload *workload, struct run_observation *ret_run);

/* Why it failed: who was killed for want of memory, else what its controller says. Caller frees. */
char *job_run_trouble(const struct job_run *run, const struct kube_pods_of *pods);

#endif
