/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_PROMETHEUS_OPTIONS_H
#define OPTCTL_COLLECTORS_PROMETHEUS_OPTIONS_H

#include <stdint.h>

#include "core/http/client.h"
#include "core/option.h"

/* spec.metrics.prometheus */
enum prometheus_engine { PROMETHEUS_FLINK, PROMETHEUS_NO_ENGINE };

/* What a query of the user's own gives; the names are those of `queries.value`. */
enum prometheus_value {
        VALUE_RECORDS_IN,
        VALUE_RECORDS_OUT,
        VALUE_BUSY_RATIO,
        VALUE_BUSY_RATIO_MAX,
        VALUE_BACKPRESSURE_RATIO,
        VALUE_BACKLOG,
        VALUE_PARTITIONS,
        VALUE_PARTITION_RATE_MAX,
        VALUE_PARALLELISM,
        VALUE_OFFERED, /* the first value of the whole pipeline */
        VALUE_THROUGHPUT,
        VALUE_LATENCY_P50,
        VALUE_LATENCY_P95,
        VALUE_LATENCY_P99,
        VALUE_ERROR_RATIO,
        VALUE_CPU_RATIO,
        VALUE_WORKERS,
        VALUE_WORKERS_READY,
        VALUE_BROKERS,
        VALUE_RESTARTS,
};

struct prometheus_query {
        int value; /* enum prometheus_value */
        char *operator;
        char *query;
};

struct prometheus_label {
        char *name, *value;
};

struct prometheus_options {
        char *url;
        struct option_list scrape; /* char * */
        struct http_options connection;
        int engine; /* enum prometheus_engine */
        char *job;
        struct option_list labels;  /* struct prometheus_label */
        struct option_list queries; /* struct prometheus_query */
        int64_t stale_seconds, window_seconds;
        int64_t max_samples;
        double worker_cpus; /* NAN: not known */
};

extern const struct option_table prometheus_options_table;

#endif
