/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_TRIALS_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_TRIALS_H

#include "controller/operator/study_job.h"
#include "controller/operator/study_round.h"

/*
 * Trials of a TuningStudy, without a request: each is an Indexed Job of one pod, made of the PodTemplate that
 * the study names, with the trial's settings as environment variables. What is known of a trial is in its
 * Job (settings), in the Job's pod (what came out), and once it is over in the study's status.
 */
struct study_trial {
        struct study_job_object *job; /* NULL: there is none */
        json_t *settings;             /* that the Job was made with; NULL: it does not say */
        char *container;              /* that was given them */
        json_t *measures;             /* of a pod that succeeded or was stopped; NULL: none did */
        char *words;                  /* of a pod that failed; NULL: none did */
        bool stopped;                 /* that pod was, by the time limit */
        json_t *row;                  /* of the status; NULL: it was not begun */
};

struct study_trials {
        const struct study_plan *plan; /* borrowed, as is the next */
        const struct study_owner *owner;
        const struct price_book *prices; /* borrowed; NULL: nothing is counted by them */
        char *prefix;                    /* of the Jobs' names: "NAME-HASH-" */
        size_t count;                    /* that may be made */
        struct study_trial *trials;
        bool foreign;  /* a Job of one of its names is somebody else's */
        char *waiting; /* why a pod does not begin; NULL: all do */
};

void study_trials_open(struct study_trials *trials, const struct study_plan *plan,
                       const struct study_owner *owner, const struct price_book *prices);
void study_trials_close(struct study_trials *trials);
void study_trials_forget(struct study_trials *trials); /* what was shown so far */

/* Jobs first, then pods; those of others are passed over. */
void study_trials_job(struct study_trials *trials, const json_t *job);
void study_trials_pod(struct study_trials *trials, const json_t *pod);

/* Then the rows; `before`: those of the status, which hold where a trial is over. May be NULL. */
void study_trials_settle(struct study_trials *trials, const json_t *before);
bool study_trials_is_over(const struct study_trials *trials, size_t trial);

/* Trials are made in batches of spec.parallelism: the first one that is not over as a whole. False: all are.
 */
bool study_trials_batch(const struct study_trials *trials, size_t *ret_first, size_t *ret_count);

/* Puts points, done, failed, trials and the best of them into a status. */
void study_trials_put(const struct study_trials *trials, json_t *status);

/* `template` is a PodTemplate. NULL: it has no container. The caller owns it. */
json_t *study_trial_job(const struct study_trials *trials, size_t trial, const json_t *settings,
                        const json_t *template);

#endif
