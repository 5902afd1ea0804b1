/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KAFKA_CLUSTER_H
#define OPTCTL_ENGINES_KAFKA_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "engines/kafka/kafka_client.h"

/*
 * A cluster as pipelines see it: fibers hand it work and wait.
 *
 * librdkafka blocks where it asks for metadata and offsets, for as long as a broker is silent. So each
 * cluster has one thread of its own, which does one piece of work after the other: a dead cluster delays
 * nobody but those who wait for it, and takes no thread of the pool that others share. Pipelines with the
 * same servers and credentials share the cluster, its thread and its connections (source_context.shared).
 */
struct kafka_cluster;

/* Nothing is connected yet. */
struct kafka_cluster *kafka_cluster_take(const struct source_context *context,
                                         const struct kafka_options *options);
/* Takes NULL. Connections end in the background, at the latest in reactor_free. */
void kafka_cluster_give_back(struct kafka_cluster *cluster);

/* What is done in the cluster's thread; ends by the deadline (of clock_steady_ms). */
typedef bool (*kafka_work)(struct kafka_client *client, int64_t deadline_ms, void *argument,
                           struct error *err);

/* In a fiber: has `work` done, and returns what it did. ERROR_TIMEOUT when its turn did not come in time. */
bool kafka_cluster_call(struct kafka_cluster *cluster, int64_t timeout_ms, kafka_work work, void *argument,
                        struct error *err);

#endif
