/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_KAFKA_BROKER_H
#define OPTCTL_TESTS_SUPPORT_KAFKA_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/kafka_sasl.h"

/*
 * A broker on loopback, in a thread of its own: of Kafka's protocol (https://kafka.apache.org/protocol) it
 * speaks the oldest forms of what a collector and an actuator ask, does what it is told, and misbehaves on
 * demand. It has one topic, "orders", with one replica of each partition and two own settings.
 */
enum kafka_api {
        API_ANY = -1,
        API_LIST_OFFSETS = 2,
        API_METADATA = 3,
        API_OFFSET_FETCH = 9,
        API_FIND_COORDINATOR = 10,
        API_SASL_HANDSHAKE = 17,
        API_VERSIONS = 18,
        API_DESCRIBE_CONFIGS = 32,
        API_ALTER_CONFIGS = 33,
        API_SASL_AUTHENTICATE = 36,
        API_CREATE_PARTITIONS = 37,
};

enum broker_trick {
        BROKER_WELL,
        BROKER_LATE,           /* half a second */
        BROKER_IN_PIECES,      /* seven bytes at a time */
        BROKER_SAYS_NOTHING,   /* and keeps the connection */
        BROKER_DRIPS,          /* a byte each second */
        BROKER_HANGS_UP,       /* before it does anything */
        BROKER_DIES,           /* does it, and hangs up in the middle of the answer */
        BROKER_CUTS,           /* half of the answer, as if it were all of it */
        BROKER_OTHER_QUESTION, /* the number of another question */
        BROKER_GARBAGE,        /* a frame of the right length full of noise */
        BROKER_50_MB,          /* a frame of 50 MB */
        BROKER_2_GB,           /* says that there will be one of 2 GB */
        BROKER_HTTP,           /* answers "HTTP/1.1 400 Bad Request" */
        BROKER_TLS_ALERT,      /* what a port that wants TLS answers */
        BROKER_ERROR,          /* `code`, where the answer has a place for it */
        BROKER_THROTTLES,      /* answers, and asks for two seconds of rest */
        BROKER_NO_ENTRIES,     /* lists without entries */
        BROKER_OTHER_NAMES,    /* of topics and groups */
        BROKER_NEGATIVE,       /* counts, offsets and numbers below zero */
        BROKER_HUGE,           /* ... the greatest there are */
        BROKER_NO_TEXT,        /* a setting that is not UTF-8 */
};

struct broker_fault {
        enum broker_trick trick;
        enum kafka_api api; /* or API_ANY, but the handshake only where `handshake` */
        bool handshake;
        int times; /* 0: always */
        int16_t code;
};

#define BROKER_MAX_PARTITIONS 16

struct kafka_broker;

struct kafka_broker *kafka_broker_open(void);
/* One that speaks TLS (NULL: in the clear) and asks who it is: nothing else is answered before that. What it
 * is told is borrowed. */
struct kafka_broker *kafka_broker_open_secure(const char *certificate_file, const char *key_file,
                                              const struct kafka_account *account);
void kafka_broker_close(struct kafka_broker *broker);
const char *kafka_broker_servers(const struct kafka_broker *broker);

void kafka_broker_set_fault(struct kafka_broker *broker, const struct broker_fault *fault);
/* Records that arrive, and how far the group has read. */
void kafka_broker_move(struct kafka_broker *broker, int partition, int64_t end, int64_t committed);

/* What it was told. Changes are counted that changed something. */
struct broker_state {
        int n_partitions;
        int64_t segment_bytes, retention_ms;
        int n_growths, n_alterations;
        int n_writes, n_unannounced; /* requests to write; while nothing was announced */
};

struct broker_state kafka_broker_state(struct kafka_broker *broker);
/* Whether a write is announced now. */
void kafka_broker_announce(struct kafka_broker *broker, bool announced);

#endif
