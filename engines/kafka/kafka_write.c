/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kafka/kafka_write.h"

static bool take_growth(struct kafka_client *client, rd_kafka_event_t *event, const char *topic,
                        struct error *err)
{
        const rd_kafka_topic_result_t **topics;
        rd_kafka_resp_err_t code;
        size_t count;

        topics = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event),
                                                         &count);
        if (count != 1)
                return error_set(err, ERROR_REFUSED, "KafkaAnswer", "partitions of topic %s: %zu answers",
                                 topic, count);
        code = rd_kafka_topic_result_error(topics[0]);
        return !code || kafka_client_fail(client, code, rd_kafka_topic_result_error_string(topics[0]), err,
                                          "partitions of topic %s", topic);
}

bool kafka_write_partitions(struct kafka_client *client, const char *topic, int partitions,
                            int64_t deadline_ms, struct error *err)
{
        autocall(rd_kafka_event_destroy) rd_kafka_event_t *event = NULL;
        rd_kafka_AdminOptions_t *options;
        rd_kafka_NewPartitions_t *wanted;
        rd_kafka_queue_t *queue;
        rd_kafka_t *handle;
        char words[256];
        bool done;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        wanted = rd_kafka_NewPartitions_new(topic, (size_t)partitions, words, sizeof words);
        if (!wanted)
                return error_set(err, ERROR_INPUT, NULL, "partitions of topic %s: %s", topic, words);
        queue = rd_kafka_queue_new(handle);
        options = kafka_client_admin(handle, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, deadline_ms);
        rd_kafka_AdminOptions_set_operation_timeout(options, kafka_left_ms(deadline_ms), words, sizeof words);
        rd_kafka_CreatePartitions(handle, &wanted, 1, options, queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_NewPartitions_destroy(wanted);
        done = kafka_client_answer(client, queue, deadline_ms, "partitions", &event, err) &&
               take_growth(client, event, topic, err);
        rd_kafka_queue_destroy(queue);
        return done;
}

static bool take_alteration(struct kafka_client *client, rd_kafka_event_t *event, const char *topic,
                            struct error *err)
{
        const rd_kafka_ConfigResource_t **resources;
        rd_kafka_resp_err_t code;
        size_t count;

        resources = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
        if (count != 1)
                return error_set(err, ERROR_REFUSED, "KafkaAnswer", "settings of topic %s: %zu answers",
                                 topic, count);
        code = rd_kafka_ConfigResource_error(resources[0]);
        return !code || kafka_client_fail(client, code, rd_kafka_ConfigResource_error_string(resources[0]),
                                          err, "settings of topic %s", topic);
}

bool kafka_write_settings(struct kafka_client *client, const char *topic, const json_t *own,
                          int64_t deadline_ms, struct error *err)
{
        autocall(rd_kafka_event_destroy) rd_kafka_event_t *event = NULL;
        rd_kafka_ConfigResource_t *resource;
        rd_kafka_AdminOptions_t *options;
        rd_kafka_queue_t *queue;
        rd_kafka_t *handle;
        const char *name;
        json_t *value;
        bool done;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
        json_object_foreach((json_t *)(uintptr_t)own, name, value)
                rd_kafka_ConfigResource_set_config(resource, name, json_string_value(value));
        queue = rd_kafka_queue_new(handle);
        options = kafka_client_admin(handle, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, deadline_ms);
        rd_kafka_AlterConfigs(handle, &resource, 1, options, queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_ConfigResource_destroy(resource);
        done = kafka_client_answer(client, queue, deadline_ms, "settings", &event, err) &&
               take_alteration(client, event, topic, err);
        rd_kafka_queue_destroy(queue);
        return done;
}
