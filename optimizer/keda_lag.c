/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/keda_lag.h"

/* The fewest consumers that share the partitions evenly and keep the lag of each within the threshold. */
static int64_t even_consumers(int64_t lag, int64_t partitions, int64_t threshold)
{
        for (int64_t factor = 1; factor < partitions; factor++)
                if (partitions % factor == 0 && factor * threshold >= lag)
                        return factor;
        return partitions;
}

int64_t keda_kafka_lag(const struct keda_lag_options *options, int64_t lag, int64_t partitions,
                       int64_t with_lag)
{
        int64_t most = options->limit_to_partitions_with_lag ? with_lag : partitions;

        if (partitions <= 0)
                return lag;
        if (options->allow_idle_consumers && !options->limit_to_partitions_with_lag &&
            !options->ensure_even_distribution)
                return lag;
        if (options->ensure_even_distribution)
                lag = even_consumers(lag, partitions, options->lag_threshold) * options->lag_threshold;
        return lag / options->lag_threshold > most ? most * options->lag_threshold : lag;
}
