/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_REQUIREMENTS_H
#define OPTCTL_ENGINES_FLINK_REQUIREMENTS_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "engines/flink/job.h"

/*
 * Subtasks of every vertex of a job: what is wanted, and as Flink is told it. Pure.
 *
 * wanted  length job->n_vertices
 */

/* What the knobs of a configuration make of the job: vertices that no parallelism knob sets keep `wanted`. */
void flink_wanted_set(const struct pipeline *pipeline, const struct configuration *configuration,
                      const int *vertices, int *wanted);

/* The other way: sets the parallelism knobs. A knob for the whole pipeline is the widest of the operators
 * that have no knob of their own. */
void flink_wanted_get(const struct pipeline *pipeline, const int *vertices, const int *wanted,
                      struct configuration *configuration);

/* "source 2, work 5", for people. Caller frees. */
char *flink_wanted_words(const struct flink_job *job, const int *wanted);

/* Upper bounds in the answer of GET /jobs/:id/resource-requirements. ERROR_INCOMPLETE when a vertex is
 * missing. */
bool flink_requirements_read(const struct flink_job *job, const json_t *answer, int *ret_wanted,
                             struct error *err);

/* Body of the PUT: every vertex, lower bound 1. Caller frees. */
char *flink_requirements_body(const struct flink_job *job, const int *wanted);

/* The same as a job is told at its start, or by who keeps it running: a setting, and its value as Flink
 * writes a map: "ID:2,ID:5". */
#define FLINK_OVERRIDES "pipeline.jobvertex-parallelism-overrides"

char *flink_overrides_text(const struct flink_job *job, const int *wanted); /* caller frees */
/* Sets those of vertices that stand in it; what is none is not looked at. */
void flink_overrides_read(const struct flink_job *job, const char *text, int *wanted);

#endif
