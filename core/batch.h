/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_BATCH_H
#define OPTCTL_CORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"

/*
 * One run of a batch application as it was measured: jobs of stages of tasks, on executors. Who reads an
 * engine's records fills it; replay, advice and prices read it. Instants are milliseconds since 1970, and
 * BATCH_UNKNOWN where the records do not tell. A task takes 20 bytes, since runs have millions of them.
 */
#define BATCH_UNKNOWN       INT64_MIN
#define BATCH_MAX_TASKS     30000000
#define BATCH_MAX_STAGES    1000000
#define BATCH_MAX_EXECUTORS 100000
#define BATCH_MAX_JOBS      1000000
#define BATCH_MAX_QUERIES   1000000
#define BATCH_MAX_TIME_MS   (INT64_C(1) << 52)

enum batch_outcome { BATCH_SUCCEEDED, BATCH_FAILED, BATCH_KILLED };

/* How near the task ran to its data. */
enum batch_locality { BATCH_NO_PREFERENCE, BATCH_PROCESS, BATCH_NODE, BATCH_RACK, BATCH_ANYWHERE };

struct batch_task {
        uint32_t index;       /* which part of the stage; attempts at the same part share it */
        uint32_t launched_ms; /* since the run's origin */
        uint32_t took_ms;     /* from launch to finish, as the driver saw it */
        uint32_t run_ms;      /* of these the executor worked on it: the rest is what a task costs beside */
        uint32_t executor : 20;
        uint32_t outcome : 2;
        uint32_t locality : 3;
        uint32_t speculative : 1;
        uint32_t unused : 6;
};

#define BATCH_MAX_TOTAL (INT64_C(1) << 60) /* what a sum of them stays at: 36 years of a CPU, 1 EiB */

/* What the tasks of a stage used, all attempts. */
struct batch_totals {
        int64_t run_ms, cpu_ns, gc_ms, deserialize_ms, result_ms, fetch_wait_ms, shuffle_write_ns;
        int64_t input_bytes, output_bytes, shuffle_read_bytes, shuffle_written_bytes, result_bytes;
        int64_t spilled_memory_bytes, spilled_disk_bytes,
                peak_memory_bytes; /* the last: of the largest task */
};

/* One attempt at a stage. */
struct batch_stage {
        int64_t id, attempt;
        char *name;
        int64_t declared_tasks; /* how many the engine announced */
        int64_t submitted_ms, completed_ms;
        bool failed;
        int64_t *parents; /* ids */
        size_t n_parents;
        struct batch_task *tasks; /* in the order in which they ended */
        size_t n_tasks, room;
        struct batch_totals totals;
};

struct batch_job {
        int64_t id;
        int64_t submitted_ms, ended_ms;
        bool failed;
        int64_t query;   /* id of the query it belongs to; -1: none */
        int64_t *stages; /* ids, those included that did not have to run */
        size_t n_stages;
};

struct batch_executor {
        char *name;
        int64_t cores; /* 0: not told */
        int64_t added_ms, removed_ms;
};

struct batch_query {
        int64_t id;
        char *name;
        int64_t started_ms, ended_ms;
};

struct batch_setting {
        char *name, *value;
};

struct batch_run {
        char *id, *name, *version; /* of the application; of the engine; NULL when not told */
        int64_t origin_ms;         /* tasks count from here: the start, or the first instant seen */
        int64_t started_ms, ended_ms;
        int64_t exit_code;          /* of the application; BATCH_UNKNOWN when not told */
        int64_t peak_bytes;         /* of the fullest executor, as far as it was measured; 0: it was not */
        struct batch_stage *stages; /* in the order in which they were first heard of */
        struct batch_job *jobs;
        struct batch_executor *executors;
        struct batch_query *queries;
        struct batch_setting *settings;
        size_t n_stages, n_jobs, n_executors, n_queries, n_settings, n_tasks;
        struct batch_index *stage_index, *executor_index, *job_index, *query_index;
};

struct batch_run *batch_run_new(void);
void batch_run_free(struct batch_run *run);
DEFINE_CLEANUP(batch_run_free, struct batch_run);

/* The one of that name, made when there is none. The pointer holds until the next call for another one;
 * ERROR_LIMIT when there are too many. */
bool batch_run_stage(struct batch_run *run, int64_t id, int64_t attempt, struct batch_stage **ret_stage,
                     struct error *err);
bool batch_run_executor(struct batch_run *run, const char *name, uint32_t *ret_executor, struct error *err);
bool batch_run_job(struct batch_run *run, int64_t id, struct batch_job **ret_job, struct error *err);
bool batch_run_query(struct batch_run *run, int64_t id, struct batch_query **ret_query, struct error *err);
bool batch_run_add_task(struct batch_run *run, struct batch_stage *stage, const struct batch_task *task,
                        struct error *err);
bool batch_run_set(struct batch_run *run, const char *name, const char *value, struct error *err);

/* NULL when there is none. */
const char *batch_run_setting(const struct batch_run *run, const char *name);
const struct batch_stage *batch_run_find_stage(const struct batch_run *run, int64_t id, int64_t attempt);

/* The first and last instants that anything is known of: start and end, or what stands in for them in records
 * that miss their beginning or end. */
int64_t batch_run_first_ms(const struct batch_run *run);
int64_t batch_run_last_ms(const struct batch_run *run);

/* Whether it ended badly: by its exit code, or by how its last job ended, since a Python program that dies of
 * a job leaves the exit code 0 of the JVM beside it; a job that never ended has failed, too. False while the
 * end is not known. */
bool batch_run_failed(const struct batch_run *run);

/* What its executors were there for: each from its arrival to its removal or the end. */
struct batch_held {
        double executor_seconds, core_seconds;
};
struct batch_held batch_run_held(const struct batch_run *run);

#endif
