/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_FLINK_SAMPLE_H
#define OPTCTL_ENGINES_FLINK_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/observation.h"

/*
 * What Flink's counters read at one time. Pure: answers in, numbers out. NAN is what was not said.
 *
 * Flink's answers carry no time: they are what was fetched some time ago (the fetcher is lazy). But the
 * times a subtask was busy, idle and blocked add up to its age (Flink makes busy time so), at the instant at
 * which its counters were read. So rates are exact whenever the counters are from.
 */
struct flink_subtask {
        bool ended;        /* well: its counters stand still */
        int64_t start_ms;  /* of this attempt; 0: not known */
        double running_ms; /* since it runs, by the job manager's clock when it answered */
        double began_ms;   /* when it began to run, by that clock */
        double read_records, written_records, written_bytes;
        double busy_ms, idle_ms, blocked_ms;
};

struct flink_vertex_sample {
        int n_subtasks;
        struct flink_subtask *subtasks;
        double pending_records; /* sources: that wait in the broker */
        double failed_records;
        double latency_mean, latency_max; /* of the latency metric, as it is */
};

#define FLINK_SIZES 5

struct flink_sample {
        int64_t received_ms; /* by our clock */
        int64_t steady_ms;   /* likewise, by one that nobody sets */
        int n_vertices;      /* those of the pipeline's operators, in their order */
        struct flink_vertex_sample *vertices;
        double restarts, rescales; /* counted since the job was submitted */
        double checkpoint_seconds; /* the newest that was completed took */
        double failed_checkpoints; /* since the job was submitted */
        int slots_per_worker;      /* of the smallest TaskManager; 0: not known */
        double sizes[FLINK_SIZES]; /* bytes a TaskManager was given, in the order of flink_size_knobs */
        double cpu_ratio;
        double network_bytes; /* that the buffers between operators can hold, of all TaskManagers */
        struct memory_observation memory;
};

/* Names of the knobs that set them. */
extern const char *const flink_size_knobs[FLINK_SIZES];

struct flink_sample *flink_sample_new(int n_vertices); /* nothing known */
void flink_sample_free(struct flink_sample *sample);
DEFINE_CLEANUP(flink_sample_free, struct flink_sample);

/* GET /jobs/:id/vertices/:vid. Leaves the vertex without subtasks when the answer is not whole. */
void flink_sample_vertex(const json_t *answer, struct flink_vertex_sample *vertex);

/* GET /jobs/:id/metrics?get=... */
void flink_sample_job(const json_t *answer, struct flink_sample *sample);

/* GET /jobs/:id/checkpoints/config: seconds; NAN where there are none, or they come only by hand. */
double flink_checkpoint_interval(const json_t *answer);

/* GET /jobs/:id/exceptions: why the job failed last, in its own words; empty when the answer does not say.
 * Returns when that was, in ms by the job manager's clock; NAN: not known. */
double flink_last_failure(const json_t *answer, char *words, size_t room);

/* GET /taskmanagers, GET /taskmanagers/metrics?get=...&agg=... */
void flink_sample_workers(const json_t *taskmanagers, const json_t *metrics, struct flink_sample *sample);

/* ---- metrics of operators ---- */

/* Which of the names that GET .../subtasks/metrics lists we ask for. */
struct flink_names {
        char *query;    /* "?get=A,B&agg=sum,avg,max", escaped; NULL: nothing to ask for */
        int partitions; /* that the subtasks of a source read, of Kafka and Pulsar; 0: not known */
};

void flink_names_read(const json_t *list, bool source, const char *latency_metric,
                      struct flink_names *ret_names);
void flink_names_free(struct flink_names *names);

/* The answer to that query. */
void flink_sample_metrics(const json_t *answer, const char *latency_metric,
                          struct flink_vertex_sample *vertex);

/* Names of GET /taskmanagers/metrics that flink_sample_workers reads; NULL when none is listed. */
char *flink_worker_query(const json_t *list);

#endif
