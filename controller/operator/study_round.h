/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_ROUND_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_ROUND_H

#include "controller/operator/internal.h"
#include "controller/operator/study_job.h"

/* One look at a study: what the cluster has of it against what its spec asks for, and what its status is to
 * say. */

#define STUDY_KIND "TuningStudy"

/* How often pods of a Job that runs are looked at, besides at each change of the Job. */
#define STUDY_LOOK_MS (30 * INT64_C(1000))

extern const struct kube_resource study_job_resource, study_pod_resource;

enum study_job_state { STUDY_JOB_RUNS, STUDY_JOB_COMPLETE, STUDY_JOB_FAILED };

/* What is kept of a Job that has our label: the projection of a reflector. */
struct study_job_object {
        char *study;     /* its name: the label */
        char *owner_uid; /* of the study that it is of; "" of none */
        char *uid;
        bool deleted;
        enum study_job_state state;
        char *reason, *message; /* FAILED: why */
};

void *study_job_project(void *context, const json_t *object, size_t *ret_bytes);
void study_job_release(void *object); /* NULL-safe */

/* The condition of that type, if its status is True; NULL: it is not. Borrowed. */
const json_t *study_true_condition(const json_t *status, const char *type);

struct study_round {
        struct cluster_operator *op;
        int shard; /* that it is of */
        const struct kube_reflector *jobs;
        struct study_owner owner; /* its texts are those below */
        char *namespace, *name, *uid, *version, *job_name;
        json_t *spec, *before, *status; /* as it was read; as it ought to be */
        bool same_generation;           /* that `before` is of */
        struct study_plan *plan;
        struct study_job_object *job; /* NULL: there is none */
        struct condition accepted, complete, failed;
        char words[1024]; /* of a condition */
        int64_t again_ms; /* 0: something else will call */
        bool begun;       /* trials were */
        bool more;        /* something was made: the next round goes on from there, and the status waits */
};

/* Whether the Job of this generation is known to have been made. */
bool study_round_was_started(const struct study_round *round);

/* Verdicts, both true. Not now, and again soon: what it lacks may come. */
bool study_round_refuse(struct study_round *round, const char *reason, const char *words);
/* Not any more in this generation. */
bool study_round_give_up(struct study_round *round, const char *reason, const char *words);

/* A round is several requests, each of which may be sent twice: a server that stumbles now and then would
 * otherwise never let one through. */
bool study_may_repeat(struct error *err);

/* Makes what is missing, or collects what there is: at most one write, and none to the study. Waits. */
bool study_round_go_on(struct study_round *round, struct error *err);

#endif
