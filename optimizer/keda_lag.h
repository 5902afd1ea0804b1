/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_KEDA_LAG_H
#define OPTCTL_OPTIMIZER_KEDA_LAG_H

#include <stdbool.h>
#include <stdint.h>

/* What KEDA's Kafka scaler hands to the HorizontalPodAutoscaler (pkg/scalers/kafka_scaler.go, getTotalLag).
 */
struct keda_lag_options {
        int64_t lag_threshold; /* records a replica */
        bool allow_idle_consumers;
        bool limit_to_partitions_with_lag;
        bool ensure_even_distribution;
};

/*
 * The lag as KEDA reports it: capped so that the HPA asks for no more replicas than can be of use.
 *
 * partitions  of all topics; 0 when not known, then nothing is capped
 * with_lag    partitions on which records wait
 */
int64_t keda_kafka_lag(const struct keda_lag_options *options, int64_t lag, int64_t partitions,
                       int64_t with_lag);

#endif
