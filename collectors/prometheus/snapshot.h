/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_PROMETHEUS_SNAPSHOT_H
#define OPTCTL_COLLECTORS_PROMETHEUS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/prometheus/measures.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/pipeline.h"

/*
 * What one look at the metrics showed: the newest sample of every series of one job, sorted into tasks and
 * their subtasks. Values are NAN where there was no sample, or none that can be true (NaN, infinite,
 * negative, beyond what a counter reaches). Of two series that tell the same (two servers, two reporters) the
 * newer counts.
 */
struct subtask {
        int index;
        uint64_t attempt; /* a hash: another one after each restart, with counters that begin anew */
        uint64_t chained; /* of an operator chained into the task, which has a row of its own; 0: the task */
        uint64_t worker;  /* a hash; 0: not known */
        int64_t time_ms;  /* of its samples; INT64_MIN: not known */
        double value[SUBTASK_QUANTITIES];
};

#define TASK_NAME_BYTES 256

struct task {
        char name[TASK_NAME_BYTES]; /* mangled, cut */
        uint64_t hash;              /* of the whole name */
        int operator_index;         /* -1: none of the pipeline's */
        int score;                  /* how well the name fits: see snapshot.c */
        struct subtask *subtasks;
        size_t n_subtasks, room, next;
};

struct worker {
        uint64_t hash;
        int64_t time_ms;
        double value[WORKER_QUANTITIES];
};

struct snapshot {
        int64_t now_ms;    /* when the look was taken, by the clock that the samples' times are of */
        int64_t newest_ms; /* newest sample of a subtask; INT64_MIN: there is none */
        size_t n_samples;  /* that were of use */
        size_t max_samples;
        const struct pipeline *pipeline;
        const char *job_wanted;         /* mangled; NULL: any, but one */
        char job_name[TASK_NAME_BYTES]; /* mangled; empty: no sample of a job was seen */
        uint64_t job_id;
        size_t n_tasks, task_room, n_workers, worker_room;
        struct task *tasks;
        struct worker *workers;
        double job[JOB_QUANTITIES];
        int64_t job_time_ms; /* of the samples in `job` */
        double latency_ms[LATENCY_QUANTILES];
        double registered_workers;
};

/* `pipeline` and `job_wanted` are borrowed. */
struct snapshot *snapshot_new(const struct pipeline *pipeline, const char *job_wanted, int64_t now_ms,
                              int64_t max_samples);
void snapshot_free(struct snapshot *snapshot);
DEFINE_CLEANUP(snapshot_free, struct snapshot);

/* One sample. Bytes of labels that it has not are NULL. */
struct snapshot_sample {
        struct exposition_text metric; /* may be empty, as for the times of others */
        struct exposition_text label[KNOWN_LABELS];
        double value;
        int64_t time_ms; /* INT64_MIN: told by another sample (LABEL_SAMPLE) */
};

/* Takes what is of use. Fails when there are too many samples (ERROR_LIMIT) or they are of several jobs
 * (ERROR_INCOMPLETE, "SeveralJobs"). */
bool snapshot_add(struct snapshot *snapshot, const struct snapshot_sample *sample, struct error *err);

/* Once everything was added: finds each operator's task. False (ERROR_INCOMPLETE, "UnknownOperator") when an
 * operator has none or several that fit, and had none in an `earlier` snapshot (may be NULL). Nothing is
 * wrong with a job that has no series at all, or is starting. */
bool snapshot_finish(struct snapshot *snapshot, const struct snapshot *earlier, struct error *err);

/* NULL when it has no samples. */
const struct task *snapshot_task(const struct snapshot *snapshot, int operator_index);

/* The same subtask, attempt and operator in an earlier snapshot; the same task; the same worker. NULL: it has
 * none. `earlier` and `task` may be NULL. */
const struct subtask *snapshot_same(const struct snapshot *earlier, const struct task *task,
                                    const struct subtask *subtask);
const struct task *snapshot_same_task(const struct snapshot *earlier, const struct task *task);
const struct worker *snapshot_same_worker(const struct snapshot *earlier, const struct worker *worker);

#endif
