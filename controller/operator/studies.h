/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDIES_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDIES_H

#include <jansson.h>

#include "core/work_queue.h"

struct cluster_operator;

/*
 * TuningStudies: each generation of one is run by one Job, or one a trial, whose name follows from both. What
 * its pods leave becomes the status; once that says Complete or Failed the generation is over, whatever
 * happens to Job and pods. All that is known of a study is in the cluster.
 */
struct operator_studies;

struct operator_studies *operator_studies_new(struct cluster_operator *op);
void operator_studies_free(struct operator_studies *studies); /* NULL-safe */
void operator_studies_start(struct operator_studies *studies);

/* Keys of TuningStudies in the work queue: "//NAMESPACE/NAME". */
enum work_result operator_sync_study(struct cluster_operator *op, const char *key);
void operator_want_studies(struct cluster_operator *op);

/* A study as it was read last: its spec, and its status where that is of this spec, else {}. False: there is
 * none. The caller owns both. */
bool operator_study_find(const struct cluster_operator *op, const char *namespace, const char *name,
                         json_t **ret_spec, json_t **ret_status);

#endif
