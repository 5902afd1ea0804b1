/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ACTUATORS_KAFKA_TOPIC_CHANGE_H
#define OPTCTL_ACTUATORS_KAFKA_TOPIC_CHANGE_H

#include <jansson.h>
#include <stdbool.h>

#include "engines/kafka/kafka_options.h"
#include "engines/kafka/kafka_read.h"

/* What may be done to a topic, from what its brokers say. No call is made here. */

struct topic_facts {
        int partitions, replicas; /* replicas of each partition */
        int brokers;              /* that are up */
        int64_t all_replicas;     /* of all topics of the cluster */
        json_t *settings;         /* as kafka_read_settings lays them out; owned */
};

void topic_facts_fini(struct topic_facts *facts);

bool topic_is_compacted(const json_t *settings);

/* Whether the topic may have more partitions: not where keys would move, unless the user said so. */
bool topic_may_grow(const struct kafka_options *options, const struct kafka_topic_options *topic,
                    bool compacted);

/*
 * Whether it may have `wanted` partitions now; *ret_needed is false when it has them already. ERROR_REFUSED
 * when that is fewer, when keys would move, or when brokers would hold too many; ERROR_UNAVAILABLE when no
 * broker is up for new replicas.
 */
bool topic_check_growth(const struct kafka_options *options, const struct kafka_topic_options *topic,
                        const struct topic_facts *facts, int wanted, bool *ret_needed, struct error *err);

/*
 * The settings to send so that those in `wanted` ({"NAME": "TEXT"}) hold and the topic's other own ones stay.
 * *ret_needed is false when all hold already. ERROR_REFUSED when an own setting is secret: it could not be
 * sent again. Caller owns *ret_own.
 */
bool topic_merge_settings(const struct kafka_topic_options *topic, const json_t *settings,
                          const json_t *wanted, json_t **ret_own, bool *ret_needed, struct error *err);

/* Whether every setting of `own` holds, and no other own one; names the first that does not. */
bool topic_check_settings(const struct kafka_topic_options *topic, const json_t *settings, const json_t *own,
                          struct error *err);

#endif
