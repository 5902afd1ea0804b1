/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/observation.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

void observation_clear(struct observation *ret_observation, int64_t time_ms, int64_t window_ms,
                       int n_operators)
{
        const struct memory_use unknown = {.used_bytes = NAN, .max_bytes = NAN};

        /* Room for operators that the pipeline has not got is never touched, hence takes no memory. */
        memset(ret_observation, 0, offsetof(struct observation, operators));
        ret_observation->time_ms = time_ms;
        ret_observation->window_ms = window_ms;
        ret_observation->missing = MISSING_ALL;
        ret_observation->restarts = -1;
        ret_observation->workers = -1;
        ret_observation->workers_ready = -1;
        ret_observation->offered_per_second = NAN;
        ret_observation->throughput_per_second = NAN;
        ret_observation->backlog_records = NAN;
        ret_observation->latency_p50_seconds = NAN;
        ret_observation->latency_p95_seconds = NAN;
        ret_observation->latency_p99_seconds = NAN;
        ret_observation->error_ratio = NAN;
        ret_observation->cpu_ratio = NAN;
        ret_observation->memory =
                (struct memory_observation){unknown, unknown, unknown, unknown, NAN, unknown, NAN, NAN};
        ret_observation->cpu_advice = (struct request_advice){NAN, NAN, NAN};
        ret_observation->memory_advice = ret_observation->cpu_advice;
        ret_observation->checkpoints = (struct checkpoint_observation){NAN, NAN, NAN};
        ret_observation->start_seconds = NAN;
        ret_observation->brokers = -1;
        ret_observation->run.worker_seconds = NAN;
        ret_observation->run.core_seconds = NAN;
        ret_observation->run.byte_seconds = NAN;
        ret_observation->run.peak_bytes = NAN;
        ret_observation->run.input_bytes = NAN;
        ret_observation->n_operators = n_operators;
        for (int i = 0; i < n_operators; i++)
                ret_observation->operators[i] = (struct operator_observation){
                        .in_per_second = NAN,
                        .out_per_second = NAN,
                        .busy_ratio = NAN,
                        .busy_ratio_max = NAN,
                        .backpressure_ratio = NAN,
                        .true_rate_per_second = NAN,
                        .sustained_per_second = NAN,
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

unsigned observation_lacks(const struct observation *observation)
{
        return observation->run.periodic ? observation->missing & (MISSING_ALL | MISSING_CONFIGURATION)
                                         : observation->missing;
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
