/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <string.h>

#include "collectors/prometheus/fill.h"
#include "core/clock.h"

/* ---- queries ---- */

static int whole_number(double value)
{
        return value >= 0 && value <= 1e6 ? (int)lround(value) : -1;
}

static void fill_operator_value(enum prometheus_value what, double value,
                                struct operator_observation *operator)
{
        int whole = whole_number(value) > 0 ? whole_number(value) : 0;

        switch (what) {
        case VALUE_RECORDS_IN:
                operator->in_per_second = value;
                break;
        case VALUE_RECORDS_OUT:
                operator->out_per_second = value;
                break;
        case VALUE_BUSY_RATIO:
                operator->busy_ratio = value;
                break;
        case VALUE_BUSY_RATIO_MAX:
                operator->busy_ratio_max = value;
                break;
        case VALUE_BACKPRESSURE_RATIO:
                operator->backpressure_ratio = value;
                break;
        case VALUE_BACKLOG:
                operator->backlog_records = value;
                break;
        case VALUE_PARTITIONS:
                operator->partitions = whole;
                break;
        case VALUE_PARTITION_RATE_MAX:
                operator->partition_per_second_max = value;
                break;
        default:
                operator->parallelism = whole;
        }
}

static void fill_pipeline_value(enum prometheus_value what, double value, struct observation *observation)
{
        switch (what) {
        case VALUE_OFFERED:
                observation->offered_per_second = value;
                break;
        case VALUE_THROUGHPUT:
                observation->throughput_per_second = value;
                break;
        case VALUE_LATENCY_P50:
                observation->latency_p50_seconds = value;
                break;
        case VALUE_LATENCY_P95:
                observation->latency_p95_seconds = value;
                break;
        case VALUE_LATENCY_P99:
                observation->latency_p99_seconds = value;
                break;
        case VALUE_ERROR_RATIO:
                observation->error_ratio = value;
                break;
        case VALUE_CPU_RATIO:
                observation->cpu_ratio = value;
                break;
        case VALUE_WORKERS:
                observation->workers = whole_number(value);
                break;
        case VALUE_WORKERS_READY:
                observation->workers_ready = whole_number(value);
                break;
        case VALUE_BROKERS:
                observation->brokers = whole_number(value);
                break;
        default:
                observation->restarts = whole_number(value);
        }
}

static bool is_ratio(enum prometheus_value what)
{
        return what == VALUE_BUSY_RATIO || what == VALUE_BUSY_RATIO_MAX || what == VALUE_BACKPRESSURE_RATIO ||
               what == VALUE_ERROR_RATIO;
}

void fill_queried(const struct prometheus_query *query, const struct pipeline *pipeline, double value,
                  struct observation *observation)
{
        enum prometheus_value what = (enum prometheus_value)query->value;

        if (!isfinite(value) || value < 0)
                value = NAN;
        if (is_ratio(what) && value > 1)
                value = 1;
        if (!query->operator)
                fill_pipeline_value(what, value, observation);
        for (int i = 0; query->operator&& i<pipeline->n_operators; i++)
                if (strcmp(pipeline->operators[i].name, query->operator) == 0)
                        fill_operator_value(what, value, &observation->operators[i]);
}

/* ---- what follows ---- */

static double true_rate(const struct operator_observation *operator)
{
        if (isnan(operator->in_per_second) || isnan(operator->busy_ratio))
                return NAN;
        return operator->busy_ratio> 0 ? operator->in_per_second / operator->busy_ratio : INFINITY;
}

static double knob_value(const struct knob *knob, const struct observation *observation)
{
        const struct operator_observation *operators = observation->operators;
        int value = 0, at = knob->operator_index;

        if (knob->role == KNOB_PARALLELISM && at >= 0)
                value = operators[at].parallelism;
        for (int i = 0; knob->role == KNOB_PARALLELISM && at < 0 && i < observation->n_operators; i++)
                value = operators[i].parallelism > value ? operators[i].parallelism : value;
        if (knob->role == KNOB_PARTITIONS && at >= 0)
                value = operators[at].partitions;
        if (knob->role == KNOB_WORKERS)
                value = observation->workers;
        return value > 0 ? value : NAN;
}

static void fill_configuration(const struct pipeline *pipeline, struct observation *observation)
{
        observation->configuration.count = pipeline->n_knobs;
        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                double value = knob_value(knob, observation);

                observation->configuration.value[i] = value;
                if (isnan(value) && (knob->role == KNOB_PARALLELISM || knob->role == KNOB_WORKERS))
                        observation->missing |= MISSING_CONFIGURATION;
        }
}

void fill_derived(const struct pipeline *pipeline, bool by_operator, double backlog_before,
                  struct observation *observation)
{
        double taken = 0, backlog = 0, growth;

        observation->missing = 0;
        for (int i = 0; i < pipeline->n_operators; i++) {
                struct operator_observation *operator= & observation->operators[i];

                operator->true_rate_per_second = true_rate(operator);
                if (by_operator && isnan(operator->true_rate_per_second))
                        observation->missing |= MISSING_RATES;
                if (pipeline->operators[i].source) {
                        taken += operator->in_per_second;
                        backlog += operator->backlog_records;
                }
        }
        if (isnan(observation->throughput_per_second))
                observation->throughput_per_second = taken;
        observation->backlog_records = backlog;
        growth = (backlog - backlog_before) * MS_PER_SECOND / (double)observation->window_ms;
        if (isnan(observation->offered_per_second)) {
                observation->offered_per_second = observation->throughput_per_second + growth;
                if (observation->offered_per_second < 0)
                        observation->offered_per_second = 0;
        }
        if (isnan(observation->throughput_per_second))
                observation->missing |= MISSING_RATES;
        if (isnan(backlog))
                observation->missing |= MISSING_BACKLOG;
        /* What arrives is what is taken and what waits more than before, which only a second look tells. */
        if (isnan(observation->offered_per_second) && !(observation->missing & MISSING_RATES))
                observation->missing |= MISSING_BACKLOG;
        fill_configuration(pipeline, observation);
}
