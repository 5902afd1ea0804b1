/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_KAFKA_MOCK_H
#define OPTCTL_TESTS_SUPPORT_KAFKA_MOCK_H

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* librdkafka's own imitation of a cluster, on loopback: a peer that can be told to misbehave. Header only:
 * each test links just its room. */
struct kafka_mock {
        rd_kafka_t *producer;
        rd_kafka_mock_cluster_t *cluster;
};

/* What requests are called in the protocol, for rd_kafka_mock_push_request_errors. */
enum { KAFKA_LIST_OFFSETS = 2, KAFKA_METADATA = 3, KAFKA_OFFSET_FETCH = 9, KAFKA_FIND_COORDINATOR = 10 };

static inline rd_kafka_t *kafka_mock_client(rd_kafka_type_t type, const char *const *settings)
{
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char words[256];
        rd_kafka_t *client;

        for (; *settings; settings += 2)
                assert_int_equal(rd_kafka_conf_set(conf, settings[0], settings[1], words, sizeof words),
                                 RD_KAFKA_CONF_OK);
        client = rd_kafka_new(type, conf, words, sizeof words);
        assert_non_null(client);
        return client;
}

static inline void kafka_mock_open(struct kafka_mock *mock, const char *n_brokers)
{
        const char *const settings[] =
                {"test.mock.num.brokers", n_brokers, "linger.ms", "0", "log_level", "0", NULL};

        mock->producer = kafka_mock_client(RD_KAFKA_PRODUCER, settings);
        mock->cluster = rd_kafka_handle_mock_cluster(mock->producer);
        assert_non_null(mock->cluster);
}

static inline void kafka_mock_close(struct kafka_mock *mock)
{
        rd_kafka_destroy(mock->producer);
}

static inline const char *kafka_mock_servers(const struct kafka_mock *mock)
{
        return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

static inline void kafka_mock_topic(const struct kafka_mock *mock, const char *topic, int partitions)
{
        assert_int_equal(rd_kafka_mock_topic_create(mock->cluster, topic, partitions, 1), 0);
}

static inline void kafka_produce(rd_kafka_t *producer, const char *topic, int partition, int records)
{
        rd_kafka_topic_t *object = rd_kafka_topic_new(producer, topic, NULL);

        for (int i = 0; i < records; i++)
                assert_int_equal(rd_kafka_produce(object, partition, RD_KAFKA_MSG_F_COPY, (char[]){'x'}, 1,
                                                  NULL, 0, NULL),
                                 0);
        assert_int_equal(rd_kafka_flush(producer, 120000), 0);
        rd_kafka_topic_destroy(object);
}

static inline void kafka_mock_commit(const char *servers, const char *group, const char *topic, int partition,
                                     int64_t offset)
{
        const char *const settings[] = {"bootstrap.servers", servers, "group.id", group,
                                        "log_level",         "0",     NULL};
        rd_kafka_t *consumer = kafka_mock_client(RD_KAFKA_CONSUMER, settings);
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
        assert_int_equal(rd_kafka_commit(consumer, list, 0), 0);
        rd_kafka_topic_partition_list_destroy(list);
        rd_kafka_destroy(consumer);
}

#endif
