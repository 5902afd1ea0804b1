/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_PROMETHEUS_MEASURES_H
#define OPTCTL_COLLECTORS_PROMETHEUS_MEASURES_H

#include "collectors/prometheus/options.h"
#include "core/exposition.h"
#include "core/text.h"

/*
 * The names under which Flink's Prometheus reporter tells what we want to know, and the one query that asks a
 * server for all of it.
 */
enum scope { SCOPE_SUBTASK, SCOPE_OPERATOR, SCOPE_JOB, SCOPE_WORKER, SCOPE_CLUSTER, SCOPE_LATENCY };

/* SCOPE_SUBTASK and SCOPE_OPERATOR; counters, gauges over 60 s, gauges. */
enum subtask_quantity {
        SUBTASK_IN,
        SUBTASK_OUT,
        SUBTASK_BUSY_MS,
        SUBTASK_BACKPRESSURED_MS,
        SUBTASK_ERRORS,
        SUBTASK_COUNTERS, /* so many of them are counters */
        SUBTASK_IN_PER_SECOND = SUBTASK_COUNTERS,
        SUBTASK_OUT_PER_SECOND,
        SUBTASK_BUSY_MS_PER_SECOND,
        SUBTASK_BACKPRESSURED_MS_PER_SECOND,
        SUBTASK_PENDING,
        SUBTASK_QUANTITIES,
};

enum job_quantity { JOB_RUNNING_MS, JOB_RESTARTING_MS, JOB_INITIALIZING_MS, JOB_RESTARTS, JOB_QUANTITIES };

enum worker_quantity {
        WORKER_HEAP_USED,
        WORKER_HEAP_MAX,
        WORKER_MANAGED_USED,
        WORKER_MANAGED_MAX,
        WORKER_NETWORK_USED,
        WORKER_NETWORK_MAX,
        WORKER_METASPACE_USED,
        WORKER_METASPACE_MAX,
        WORKER_GC_MS,  /* counter */
        WORKER_CPU_NS, /* counter */
        WORKER_QUANTITIES,
};

enum latency_quantile { LATENCY_P50, LATENCY_P95, LATENCY_P99, LATENCY_QUANTILES };

struct measure {
        const char *metric;
        enum scope scope;
        int quantity; /* of the scope's enum */
};

/* NULL for a metric that is not asked for. */
const struct measure *measure_find(struct exposition_text metric);

/* Labels that matter; the others are of the server or of no use. */
enum known_label {
        LABEL_JOB_NAME,
        LABEL_JOB_ID,
        LABEL_TASK_NAME,
        LABEL_OPERATOR_NAME,
        LABEL_SUBTASK,
        LABEL_ATTEMPT,
        LABEL_WORKER,
        LABEL_QUANTILE,
        LABEL_SAMPLE, /* set by our query: the sample is the time of another one */
        KNOWN_LABELS,
};

const char *label_name(enum known_label label);

/* What the reporter makes of a name: everything but letters, digits, _ and : becomes _. Cut at `room` - 1. */
void measure_mangle(struct exposition_text name, char *buffer, size_t room);

/* PromQL for the whole job: each series once whatever scraped it, without the labels that do not matter, and
 * beside the counters the times at which they were scraped (`sample="time"`). */
char *measure_query(const struct prometheus_options *options);

#endif
