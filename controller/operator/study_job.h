/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_JOB_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/tuning_study.h"
#include "core/yaml.h"

/*
 * What runs a TuningStudy of candidates: an Indexed Job whose pod number i is `optctl simulate i.json`, and a
 * ConfigMap of the same name with these documents, each a whole TunedPipeline. Point i is candidate i / loads
 * under load i % loads.
 */

/* A study as it was read. Owns everything it points to; study_plan_free is NULL-safe. */
struct study_plan {
        struct yaml_document *document;
        struct tuning_study options;
        json_t *spec; /* the same as it was written */
};

/* `spec` is that of the object. ERROR_INPUT: what the API server cannot check. */
bool study_plan_new(const json_t *spec, const char *shown, struct study_plan **ret_plan, struct error *err);
void study_plan_free(struct study_plan *plan);
DEFINE_CLEANUP(study_plan_free, struct study_plan);

size_t study_plan_loads(const struct study_plan *plan); /* at least 1 */
size_t study_plan_points(const struct study_plan *plan);
const struct study_candidate *study_plan_candidate(const struct study_plan *plan, size_t point);
const char *study_plan_load(const struct study_plan *plan, size_t point); /* its name */

/* The documents by "INDEX.json". `pipeline` is the TunedPipeline with its prices in it. ERROR_INPUT: one of
 * them is no valid spec; the message names the candidate. ERROR_LIMIT: no ConfigMap holds them. */
bool study_documents(const struct study_plan *plan, const json_t *pipeline, json_t **ret_data,
                     struct error *err);

/* Whose it is. */
struct study_owner {
        const char *namespace, *name, *uid;
        int64_t generation;
};

#define STUDY_LABEL     "optctl.dev/study"
#define STUDY_CONTAINER "study" /* of its pods */
#define STUDY_SELECTOR  "app.kubernetes.io/managed-by=optctl,app.kubernetes.io/component=study"

/* Of Job and ConfigMap: the same for one state of one study, another one for every other. Caller frees. */
char *study_job_name(const struct study_owner *owner);

/* The object of that name in another one, made where there is none. Borrowed. */
json_t *study_section(json_t *object, const char *name);

/* Name, labels and owner of what is the study's. Caller owns. */
json_t *study_metadata(const struct study_owner *owner, const char *name);

/* Both go with the study: the Job is its, the ConfigMap the Job's. Caller owns. */
json_t *study_job(const struct study_plan *plan, const struct study_owner *owner, const char *image);
json_t *study_config_map(const struct study_owner *owner, const char *job_uid, json_t *take_data);

#endif
