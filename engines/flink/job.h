/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_JOB_H
#define OPTCTL_ENGINES_FLINK_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/pipeline.h"

/* A job as GET /jobs/:id tells it: its state and its graph. Pure: answers in, numbers out. */

#define FLINK_ID_ROOM 33 /* 32 hex digits and the NUL */

struct flink_vertex {
        char id[FLINK_ID_ROOM];
        char *name;             /* one line, whatever Flink says */
        const char *short_name; /* what follows the last ": " of the name, when no other vertex has that:
                                   "source" of "Source: source"; else the name. Where another vertex has the
                                   same one, or it is longer than 200 bytes, the id begins behind it:
                                   "Map@c27dcf7b" */
        char *own_name;         /* holds the latter; NULL: none */
        int parallelism, max_parallelism; /* 0: not known */
        int running;                      /* subtasks that run, or ended well */
        int counted;                      /* subtasks of which it is told how they are; -1: not told */
        int slot_group;                   /* vertices of the same group share slots */
        bool source;
};

struct flink_edge {
        int from, to;
        bool hash, broadcast;
};

struct flink_job {
        char id[FLINK_ID_ROOM];
        char *name;
        char state[16]; /* RUNNING, RESTARTING, ... */
        int n_vertices, n_edges;
        struct flink_vertex *vertices;
        struct flink_edge *edges;
};

/* ERROR_INCOMPLETE when it is not the answer of a job. Caller frees. */
bool flink_job_read(const json_t *answer, struct flink_job **ret_job, struct error *err);
void flink_job_free(struct flink_job *job);
DEFINE_CLEANUP(flink_job_free, struct flink_job);

bool flink_state_is_final(const char *state); /* FINISHED, FAILED, CANCELED */

/* Every subtask runs. */
bool flink_job_is_up(const struct flink_job *job);

/*
 * Whether the answer can be understood well enough to say that a job is not up: its state is one of Flink's,
 * and of each subtask of every vertex it is told how it is. A job that does not run may have none yet.
 */
bool flink_job_is_told(const struct flink_job *job);

/* Slots the job takes: of each group of vertices that share slots, those of its widest. */
int flink_job_slots(const struct flink_job *job);

/* The vertex of each operator of the pipeline, by its name or its short name. ERROR_NOT_FOUND names the
 * operator and the vertices there are, or those it could be ("OperatorAmbiguous"); ERROR_UNAVAILABLE while a
 * live job shows none. */
bool flink_job_match(const struct flink_job *job, const struct pipeline *pipeline,
                     int ret_vertices[PIPELINE_MAX_OPERATORS], struct error *err);

/* The job to look at in the answer of GET /jobs/overview: of those with that name or id (NULL: any) the one
 * that did not end, else the one that was started last. ret_id has room for FLINK_ID_ROOM bytes.
 * ERROR_NOT_FOUND, or ERROR_INPUT ("JobAmbiguous") when several run. */
bool flink_job_choose(const json_t *overview, const char *wanted, char *ret_id, struct error *err);

/* ---- numbers as Flink writes them ---- */

/* A finite number of at least 0, or text that is one ("12" in plain metrics); else NAN: Flink writes "NaN" as
 * text. */
double flink_number(const json_t *value);
int flink_count(const json_t *value, int limit); /* 0 when it is none, or above the limit */

/* 32 hexadecimal digits. */
bool flink_is_id(const char *text);

#endif
