/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observation.h"

#include <math.h>

void observation_clear(struct observation *ret_observation, int64_t time_ms, int64_t window_ms,
                       int n_operators)
{
        const struct memory_use unknown = {.used_bytes = NAN, .max_bytes = NAN};

        *ret_observation = (struct observation){
                .time_ms = time_ms,
                .window_ms = window_ms,
                .missing = MISSING_ALL,
                .restarts = -1,
                .workers = -1,
                .workers_ready = -1,
                .offered_per_second = NAN,
                .throughput_per_second = NAN,
                .backlog_records = NAN,
                .latency_p50_seconds = NAN,
                .latency_p95_seconds = NAN,
                .latency_p99_seconds = NAN,
                .error_ratio = NAN,
                .cpu_ratio = NAN,
                .memory = {unknown, unknown, unknown, unknown, NAN},
                .checkpoints = {NAN, NAN, NAN},
                .brokers = -1,
                .n_operators = n_operators,
        };
        for (int i = 0; i < n_operators; i++)
                ret_observation->operators[i] = (struct operator_observation){
                        .in_per_second = NAN,
                        .out_per_second = NAN,
                        .busy_ratio = NAN,
                        .busy_ratio_max = NAN,
                        .backpressure_ratio = NAN,
                        .true_rate_per_second = NAN,
                        .backlog_records = NAN,
                        .partition_per_second_max = NAN,
                };
}

const char *observation_missing_name(unsigned missing)
{
        if (missing & MISSING_ALL)
                return "every metric";
        if (missing & MISSING_RATES)
                return "rates";
        if (missing & MISSING_BACKLOG)
                return "backlog";
        if (missing & MISSING_LATENCY)
                return "latency";
        if (missing & MISSING_CPU)
                return "cpu";
        if (missing & MISSING_CONFIGURATION)
                return "configuration";
        return "nothing";
}

double observation_backlog_seconds(const struct observation *observation)
{
        if (observation->backlog_records <= 0)
                return 0;
        return observation->backlog_records / observation->throughput_per_second;
}

double observation_busiest_ratio(const struct observation *observation)
{
        double busiest = NAN;

        for (int i = 0; i < observation->n_operators; i++)
                busiest = fmax(busiest, fmax(observation->operators[i].busy_ratio,
                                             observation->operators[i].busy_ratio_max));
        return busiest;
}

bool observation_falls_behind(const struct observation *observation)
{
        return observation->backlog_records > 0 &&
               observation->offered_per_second > FALLING_BEHIND_RATIO * observation->throughput_per_second;
}
