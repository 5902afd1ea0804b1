/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_OBSERVATION_H
#define OPTCTL_CORE_OBSERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/pipeline.h"

/* Records that are on their way to the next operator for no longer than so do not wait: no backlog has them.
 */
#define OBSERVATION_UNDER_WAY_SECONDS 0.5

/*
 * What was measured over one window. NAN is "not known"; nothing unknown ever becomes 0. A value that a
 * strategy cannot do without and that is missing is also named in `missing`.
 */
struct operator_observation {
        int parallelism;             /* subtasks that run; 0 when the job is not running */
        double in_per_second;        /* records/s taken in, all subtasks; sources: records/s read */
        double out_per_second;       /* records/s sent, all subtasks */
        double busy_ratio;           /* share of time the mean subtask worked, 0..1 */
        double busy_ratio_max;       /* the busiest subtask's */
        double backpressure_ratio;   /* share of time the mean subtask waited for room downstream, 0..1 */
        double true_rate_per_second; /* in / busy, all subtasks together: what it could take; INFINITY when
                                        idle */
        double sustained_per_second; /* in at which its busiest subtask would just keep up, with records
                                        spread over subtasks as they are; NAN: not known better than in /
                                        busiest */
        double backlog_records;      /* sources: records waiting in the broker; NAN for others */
        int partitions; /* of the topic a source reads, as the broker or engine says; 0: not known */
        double partition_per_second_max; /* sources: records/s that arrive at the busiest partition */
};

/* How full the fullest worker is, of one kind of memory. */
struct memory_use {
        double used_bytes, max_bytes;
};

struct memory_observation {
        struct memory_use heap, managed, network, metaspace; /* of an engine with managed memory (Flink) */
        double gc_ratio; /* share of time the worst worker spent collecting garbage, 0..1 */
        /* Of a worker as a whole, as who runs it counts (Kubernetes: its limit is the most). */
        struct memory_use worker;
        /* That the JVM of a worker may take for its heap, as it was told; INFINITY: a share of what the
         * worker has. */
        double heap_told_bytes;
        double killed; /* times that a worker was killed for want of memory, within the window */
};

/* What somebody else recommends that a worker requests: cores, or bytes. NAN: nobody does. */
struct request_advice {
        double lower, target, upper;
};

/* What a job that starts again reads on from. */
struct checkpoint_observation {
        double interval_seconds; /* as configured */
        double duration_seconds; /* of the newest that was completed, from its trigger to its end */
        double failed;           /* so far */
};

/*
 * Of a job that runs from time to time: the newest run that has ended, or one before it that was not told of
 * yet. What it was set to may be another configuration than the next one will be.
 */
struct run_observation {
        bool periodic; /* it is such a job; else nothing of this is set. Rates and backlog are then of no use
                        */
        /* ended_ms 0: none has ended that is known of. A later run has a later end: of runs that end at the
         * same time by the source's clock each is told a millisecond after the one before. */
        int64_t begun_ms, ended_ms;
        bool failed;
        bool more; /* it is not the newest yet: the next look tells of a run that ended after it */
        /* What it held of machines, the longer the more: workers alone, then all of its pods. NAN: not known.
         */
        double worker_seconds, core_seconds, byte_seconds;
        double peak_bytes;                  /* that its fullest worker used; NAN: not known */
        double input_bytes;                 /* that it read from outside; NAN: not known */
        struct configuration configuration; /* count 0: not known */
};

/* An end that is further ahead of our own clock is not believed: who wrote it has a wrong one, and no later
 * run would ever be the newest. */
#define RUN_AHEAD_MS (5 * 60 * 1000)

#define OBSERVATION_FAILURE_ROOM 120

enum missing {
        MISSING_RATES = 1 << 0,
        MISSING_BACKLOG = 1 << 1,
        MISSING_LATENCY = 1 << 2,
        MISSING_CPU = 1 << 3,
        MISSING_CONFIGURATION = 1 << 4,
        MISSING_ALL = 1 << 5, /* the source did not answer */
};

struct observation {
        int64_t time_ms;     /* end of the window */
        int64_t window_ms;   /* > 0 */
        unsigned missing;    /* of enum missing */
        bool restarting;     /* the job was (re)starting or warming up at the end of the window */
        bool counters_reset; /* the engine's counters began anew within the window */
        int restarts;        /* since the engine counts, ours included; -1 when not known */

        struct configuration configuration; /* what runs, read from the engine */
        int workers;                        /* there are, and paid for */
        int workers_ready;                  /* take part */

        double offered_per_second; /* records/s that arrived for the pipeline (throughput + growth of backlog)
                                    */
        double throughput_per_second; /* records/s read by the sources */
        double backlog_records; /* of all sources, and what waits between operators where that can be told */
        double latency_p50_seconds, latency_p95_seconds, latency_p99_seconds;
        double error_ratio; /* failed / all records */
        double cpu_ratio;   /* mean over ready workers of CPU used / CPU requested */
        int cpu_workers; /* that it is the mean of, where some were not measured yet; 0: all that are ready */
        struct memory_observation memory;
        struct request_advice cpu_advice, memory_advice;
        struct checkpoint_observation checkpoints;
        double start_seconds; /* that the job's start took, from the deployment of a task until it ran; NAN:
                                 not known */
        char failure[OBSERVATION_FAILURE_ROOM]; /* why the job failed within the window, in the engine's
                                                   words; empty: it did not, or they are not known */
        int brokers;                            /* that are up; -1 when not known */
        struct run_observation run;

        int n_operators;
        struct operator_observation operators[PIPELINE_MAX_OPERATORS];
};

/* Everything not known: NAN, -1 or 0 as the fields say, the configuration empty, missing all. */
void observation_clear(struct observation *ret_observation, int64_t time_ms, int64_t window_ms,
                       int n_operators);

/* Name of the lowest bit set, for messages: "backlog"; "nothing" when none. */
const char *observation_missing_name(unsigned missing);

/* What is missing of what a decision rests on: a job that runs from time to time has no rates, no backlog and
 * no use of CPU between its runs. */
unsigned observation_lacks(const struct observation *observation);

/* Estimated time a record waits in the broker: backlog / throughput; 0 without backlog, NAN when not known.
 */
double observation_backlog_seconds(const struct observation *observation);

/* Share of time the busiest subtask of any operator worked, 0..1; NAN when none is known. */
double observation_busiest_ratio(const struct observation *observation);

/* Records wait, and noticeably more arrive than are read: the backlog grows. False when that is not known. */
#define FALLING_BEHIND_RATIO 1.02 /* offered over throughput from which on it is more than scatter */
bool observation_falls_behind(const struct observation *observation);

#endif
