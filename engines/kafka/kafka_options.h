/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KAFKA_OPTIONS_H
#define OPTCTL_ENGINES_KAFKA_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"
#include "core/pipeline.h"

/* spec.broker.kafka: one cluster, and the topics that the pipeline's sources read. */
struct kafka_topic_options {
        char *name;
        char *operator_name; /* the source that reads it */
        char *group;         /* whose commits say how far it was read; NULL: not known */
        bool keyed;          /* readers may rely on a key staying in its partition */
};

enum kafka_mechanism { KAFKA_PLAIN, KAFKA_SCRAM_SHA_256, KAFKA_SCRAM_SHA_512 };

struct kafka_sasl_options {
        int mechanism; /* enum kafka_mechanism */
        char *username, *password_file;
};

struct kafka_tls_options {
        char *ca_file;          /* NULL: the system's */
        char *certificate_file; /* of the client; with key_file */
        char *key_file;         /* without a passphrase */
        bool skip_host_verification;
};

/* Where Strimzi's KafkaTopics say how many partitions topics have. */
struct kafka_object_options {
        char *namespace; /* NULL: that of the pipeline */
        char *cluster;   /* whose objects count; NULL: all of the namespace */
};

struct kafka_options {
        char *bootstrap_servers;
        struct option_list topics;     /* of struct kafka_topic_options */
        struct kafka_tls_options *tls; /* NULL: in the clear */
        struct kafka_sasl_options *sasl;
        int64_t timeout_seconds; /* of everything that is asked in one turn */
        bool allow_keyed_growth;
        int64_t max_partitions_per_broker;          /* replicas on a broker, of all topics */
        struct kafka_object_options *topic_objects; /* NULL: brokers are told themselves */
        struct option_list topic_settings; /* of char *: settings that knobs "topic.NAME" may change */
};

extern const struct option_table kafka_options_table;

/*
 * Index of the topic that a knob of the pipeline is about: that of its operator, when that reads only one
 * (or the only one there is, for a knob of the whole pipeline). -1: none, or no knob of a topic. A knob is
 * about a topic's partitions (KNOB_PARTITIONS) or about one of topicSettings.
 */
int kafka_knob_topic(const struct kafka_options *options, const struct pipeline *pipeline,
                     const struct knob *knob);

/* "segment.bytes" of knob "topic.segment.bytes", when it is among topicSettings; else NULL. */
const char *kafka_knob_setting(const struct kafka_options *options, const struct knob *knob);

#endif
