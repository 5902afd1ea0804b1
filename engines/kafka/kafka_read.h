/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KAFKA_READ_H
#define OPTCTL_ENGINES_KAFKA_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "engines/kafka/kafka_client.h"

#define KAFKA_MAX_PARTITIONS 100000 /* of a topic; more is taken for a lie */
#define KAFKA_MAX_OFFSET     (INT64_C(1) << 53)
#define KAFKA_NOT_KNOWN      (-1)

struct kafka_partition {
        int leader;   /* broker; KAFKA_NOT_KNOWN: none now */
        int replicas; /* of them `in_sync` keep up */
        int in_sync;
        int64_t begin, end; /* offsets of the oldest record, and after the newest; or KAFKA_NOT_KNOWN */
        int64_t committed;  /* by the group: next offset it reads; KAFKA_NOT_KNOWN: it has committed none */
};

/* A topic as its brokers, and the group that reads it, tell. */
struct kafka_reading {
        int64_t time_ms; /* of clock_steady_ms, when the ends were asked for */
        int brokers;     /* that are up */
        int n_partitions;
        struct kafka_partition *partitions;
        bool has_commits; /* the group told how far it is; else why_no_commits says why not */
        struct error why_no_commits;
};

void kafka_reading_clear(struct kafka_reading *reading);

/*
 * `group` may be NULL. Commits are read before the ends, so that no partition seems to be read farther than
 * it was written. Fails when the topic is not known; a partition without a leader, or whose leader does not
 * answer, has offsets that are not known. One dead broker of several takes away no more than that: what any
 * broker may answer is asked again while there is time. Caller clears *ret_reading.
 */
bool kafka_read_topic(struct kafka_client *client, const char *topic, const char *group, int64_t deadline_ms,
                      struct kafka_reading *ret_reading, struct error *err);

/* The same without offsets and commits. */
bool kafka_read_layout(struct kafka_client *client, const char *topic, int64_t deadline_ms,
                       struct kafka_reading *ret_reading, struct error *err);

/* Who reads in a group now. Readers that commit without being members (as Flink's do) leave it "Empty". */
struct kafka_group {
        char state[24]; /* "Stable", "Empty", "PreparingRebalance", ... */
        int members;
};

bool kafka_read_group(struct kafka_client *client, const char *group, int64_t deadline_ms,
                      struct kafka_group *ret_group, struct error *err);

/* Records that wait in a partition. Where the group has not committed, or to what is no longer there, it has
 * all of it to read. KAFKA_NOT_KNOWN without offsets. */
int64_t kafka_partition_lag(const struct kafka_partition *partition);

/* All of a cluster: brokers that are up, replicas of partitions of all topics. */
bool kafka_read_size(struct kafka_client *client, int64_t deadline_ms, int *ret_brokers,
                     int64_t *ret_replicas, struct error *err);

/*
 * Settings of a topic, {"NAME": {"value": "TEXT" or null, "own": true}}: `own` ones were set for this topic,
 * the others are defaults. Secret values are null. Caller owns the answer.
 */
bool kafka_read_settings(struct kafka_client *client, const char *topic, int64_t deadline_ms,
                         json_t **ret_settings, struct error *err);

#endif
