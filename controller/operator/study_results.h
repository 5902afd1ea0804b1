/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_RESULTS_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_RESULTS_H

#include "controller/operator/study_job.h"

/*
 * What came of a study's points, from the pods of its Job: each leaves the document of `optctl simulate`
 * (docs/schema/simulate.schema.json) as its termination message, which the API server keeps with the pod.
 */
struct study_tally {
        const struct study_plan *plan; /* borrowed, as is the next */
        const char *job_uid;           /* whose pods count */
        struct study_point {
                json_t *document; /* NULL: none yet */
                char *wrong;      /* why a pod of it failed; NULL: none did */
        } * points;
        char *waiting; /* why a pod does not begin; NULL: all do */
};

/* Of a pod: what a container is at ("terminated", "waiting"; borrowed, NULL: not that), since others may have
 * been put beside it; the first of what it said; why it does not begin, if it has said so. */
const json_t *study_pod_state(const json_t *pod, const char *container, const char *state);
void study_take_words(char **words, const char *text);
void study_take_waiting(char **words, const json_t *waiting);

void study_tally_open(struct study_tally *tally, const struct study_plan *plan, const char *job_uid);
void study_tally_close(struct study_tally *tally);

/* A pod that has the Job's label; one that is not the Job's is passed over. What it says is not trusted: a
 * pod that says nothing of use has failed. */
void study_tally_pod(struct study_tally *tally, const json_t *pod);

/* Puts points, done, failed, currency, best and results into a status. `before`: results that are known
 * already, of pods that may be gone; may be NULL. `finished`: what has no figures by now will have none. */
void study_tally_put(const struct study_tally *tally, const json_t *before, bool finished, json_t *status);

#endif
