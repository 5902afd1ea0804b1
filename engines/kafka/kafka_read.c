/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kafka/kafka_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

void kafka_reading_clear(struct kafka_reading *reading)
{
        free(reading->partitions);
        *reading = (struct kafka_reading){0};
}

int64_t kafka_partition_lag(const struct kafka_partition *partition)
{
        if (partition->end < 0)
                return KAFKA_NOT_KNOWN;
        if (partition->committed >= 0 && partition->committed >= partition->begin &&
            partition->committed <= partition->end)
                return partition->end - partition->committed;
        if (partition->begin < 0 || partition->begin > partition->end)
                return KAFKA_NOT_KNOWN;
        return partition->end - partition->begin;
}

/* ---- metadata ---- */

static bool copy_partitions(const struct rd_kafka_metadata_topic *topic, struct kafka_reading *reading,
                            struct error *err)
{
        if (topic->partition_cnt < 1 || topic->partition_cnt > KAFKA_MAX_PARTITIONS)
                return error_set(err, ERROR_REFUSED, "KafkaAnswer", "topic %s: answer names %d partitions",
                                 topic->topic, topic->partition_cnt);
        reading->n_partitions = topic->partition_cnt;
        reading->partitions = memory_new((size_t)topic->partition_cnt, sizeof *reading->partitions);
        for (int i = 0; i < topic->partition_cnt; i++) {
                const struct rd_kafka_metadata_partition *from = &topic->partitions[i];

                if (from->id < 0 || from->id >= topic->partition_cnt)
                        return error_set(err, ERROR_REFUSED, "KafkaAnswer",
                                         "topic %s: answer names partition %d of %d", topic->topic, from->id,
                                         topic->partition_cnt);
                reading->partitions[from->id] = (struct kafka_partition){
                        .leader = from->leader < 0 ? KAFKA_NOT_KNOWN : from->leader,
                        .replicas = from->replica_cnt,
                        .in_sync = from->isr_cnt,
                        .begin = KAFKA_NOT_KNOWN,
                        .end = KAFKA_NOT_KNOWN,
                        .committed = KAFKA_NOT_KNOWN,
                };
        }
        return true;
}

static bool take_metadata(struct kafka_client *client, const struct rd_kafka_metadata *metadata,
                          const char *topic, struct kafka_reading *reading, struct error *err)
{
        rd_kafka_resp_err_t code =
                metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;

        if (code)
                return kafka_client_fail(client, code, NULL, err, "topic %s", topic);
        reading->brokers = metadata->broker_cnt;
        return copy_partitions(&metadata->topics[0], reading, err);
}

static bool read_metadata(struct kafka_client *client, rd_kafka_t *handle, const char *topic,
                          int64_t deadline_ms, struct kafka_reading *reading, struct error *err)
{
        rd_kafka_topic_t *object = rd_kafka_topic_new(handle, topic, NULL);
        const struct rd_kafka_metadata *metadata;
        rd_kafka_resp_err_t code;
        bool done;

        if (!object)
                return kafka_client_fail(client, rd_kafka_last_error(), NULL, err, "topic %s", topic);
        code = rd_kafka_metadata(handle, 0, object, &metadata, kafka_left_ms(deadline_ms));
        rd_kafka_topic_destroy(object);
        if (code)
                return kafka_client_fail(client, code, NULL, err, "topic %s", topic);
        done = take_metadata(client, metadata, topic, reading, err);
        rd_kafka_metadata_destroy(metadata);
        return done;
}

bool kafka_read_layout(struct kafka_client *client, const char *topic, int64_t deadline_ms,
                       struct kafka_reading *ret_reading, struct error *err)
{
        struct kafka_reading reading = {0};
        rd_kafka_t *handle;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        reading.time_ms = kafka_now_ms();
        if (!read_metadata(client, handle, topic, deadline_ms, &reading, err)) {
                kafka_reading_clear(&reading);
                return false;
        }
        *ret_reading = reading;
        return true;
}

bool kafka_read_size(struct kafka_client *client, int64_t deadline_ms, int *ret_brokers,
                     int64_t *ret_replicas, struct error *err)
{
        const struct rd_kafka_metadata *metadata;
        rd_kafka_resp_err_t code;
        rd_kafka_t *handle;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        code = rd_kafka_metadata(handle, 1, NULL, &metadata, kafka_left_ms(deadline_ms));
        if (code)
                return kafka_client_fail(client, code, NULL, err, "list of topics");
        *ret_brokers = metadata->broker_cnt;
        *ret_replicas = 0;
        for (int i = 0; i < metadata->topic_cnt; i++)
                for (int j = 0; j < metadata->topics[i].partition_cnt; j++)
                        *ret_replicas += metadata->topics[i].partitions[j].replica_cnt;
        rd_kafka_metadata_destroy(metadata);
        return true;
}

/* ---- offsets ---- */

/* Asks one broker for the offsets at `when` (RD_KAFKA_OFFSET_BEGINNING or _END) of the partitions it leads.
 * librdkafka fails the whole question when one broker is silent, so each is asked apart. */
static void ask_leader(rd_kafka_t *handle, const char *topic, int leader, int64_t when, int64_t deadline_ms,
                       struct kafka_reading *reading)
{
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reading->n_partitions);
        int left = kafka_left_ms(deadline_ms);

        for (int i = 0; i < reading->n_partitions; i++)
                if (reading->partitions[i].leader == leader)
                        rd_kafka_topic_partition_list_add(list, topic, i)->offset = when;
        if (left > 0 && rd_kafka_offsets_for_times(handle, list, left) == RD_KAFKA_RESP_ERR_NO_ERROR)
                for (int i = 0; i < list->cnt; i++) {
                        const rd_kafka_topic_partition_t *answer = &list->elems[i];
                        struct kafka_partition *partition = &reading->partitions[answer->partition];

                        if (answer->err || answer->offset < 0)
                                continue;
                        if (when == RD_KAFKA_OFFSET_END)
                                partition->end = answer->offset;
                        else
                                partition->begin = answer->offset;
                }
        rd_kafka_topic_partition_list_destroy(list);
}

/* The first partition of each leader; marks them in `first` and returns how many there are. */
static int count_leaders(const struct kafka_reading *reading, bool *first)
{
        int count = 0;

        for (int i = 0; i < reading->n_partitions; i++) {
                first[i] = reading->partitions[i].leader != KAFKA_NOT_KNOWN;
                for (int j = 0; j < i && first[i]; j++)
                        first[i] = reading->partitions[i].leader != reading->partitions[j].leader;
                count += first[i];
        }
        return count;
}

/* Each leader once, with an equal share of what time is left: a silent one leaves time for the others. */
static void read_offsets(rd_kafka_t *handle, const char *topic, int64_t when, int64_t deadline_ms,
                         struct kafka_reading *reading)
{
        autofree bool *first = memory_new((size_t)reading->n_partitions, sizeof *first);
        int left = count_leaders(reading, first);

        for (int i = 0; i < reading->n_partitions && left > 0; i++) {
                if (!first[i])
                        continue;
                ask_leader(handle, topic, reading->partitions[i].leader, when,
                           kafka_now_ms() + kafka_left_ms(deadline_ms) / left, reading);
                left--;
        }
}

/* ---- the group ---- */

static void take_commits(const rd_kafka_group_result_t *group, const char *topic,
                         struct kafka_reading *reading)
{
        const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(group);

        for (int i = 0; list && i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *from = &list->elems[i];

                if (strcmp(from->topic, topic) == 0 && !from->err && from->offset >= 0 &&
                    from->partition >= 0 && from->partition < reading->n_partitions)
                        reading->partitions[from->partition].committed = from->offset;
        }
}

static bool take_group_result(struct kafka_client *client, const rd_kafka_event_t *event, const char *topic,
                              const char *group, struct kafka_reading *reading, struct error *err)
{
        const rd_kafka_group_result_t **groups;
        const rd_kafka_error_t *failed;
        size_t count;

        groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
                rd_kafka_event_ListConsumerGroupOffsets_result((rd_kafka_event_t *)(uintptr_t)event), &count);
        if (count != 1)
                return error_set(err, ERROR_REFUSED, "KafkaAnswer", "group %s: answer names %zu groups",
                                 group, count);
        failed = rd_kafka_group_result_error(groups[0]);
        if (failed)
                return kafka_client_fail(client, rd_kafka_error_code(failed), rd_kafka_error_string(failed),
                                         err, "commits of group %s", group);
        take_commits(groups[0], topic, reading);
        return true;
}

static rd_kafka_queue_t *ask_commits(rd_kafka_t *handle, const char *topic, const char *group,
                                     const struct kafka_reading *reading, int64_t deadline_ms)
{
        rd_kafka_topic_partition_list_t *partitions =
                rd_kafka_topic_partition_list_new(reading->n_partitions);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
        rd_kafka_ListConsumerGroupOffsets_t *list;
        rd_kafka_AdminOptions_t *options;

        rd_kafka_topic_partition_list_add_range(partitions, topic, 0, reading->n_partitions - 1);
        list = rd_kafka_ListConsumerGroupOffsets_new(group, partitions);
        options = kafka_client_admin(handle, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, deadline_ms);
        rd_kafka_ListConsumerGroupOffsets(handle, &list, 1, options, queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_ListConsumerGroupOffsets_destroy(list);
        rd_kafka_topic_partition_list_destroy(partitions);
        return queue;
}

static void await_commits(struct kafka_client *client, rd_kafka_queue_t *queue, const char *topic,
                          const char *group, int64_t deadline_ms, struct kafka_reading *reading)
{
        autocall(rd_kafka_event_destroy) rd_kafka_event_t *event = NULL;

        error_clear(&reading->why_no_commits);
        reading->has_commits =
                kafka_client_answer(client, queue, deadline_ms, group, &event, &reading->why_no_commits) &&
                take_group_result(client, event, topic, group, reading, &reading->why_no_commits);
}

bool kafka_read_topic(struct kafka_client *client, const char *topic, const char *group, int64_t deadline_ms,
                      struct kafka_reading *ret_reading, struct error *err)
{
        int64_t half_ms = kafka_now_ms() + kafka_left_ms(deadline_ms) / 2;
        rd_kafka_queue_t *commits = NULL;
        struct kafka_reading reading;
        rd_kafka_t *handle;

        if (!kafka_client_handle(client, &handle, err) ||
            !kafka_read_layout(client, topic, deadline_ms, &reading, err))
                return false;
        if (group)
                commits = ask_commits(handle, topic, group, &reading, half_ms);
        read_offsets(handle, topic, RD_KAFKA_OFFSET_BEGINNING, half_ms, &reading);
        if (group) {
                await_commits(client, commits, topic, group, half_ms, &reading);
                rd_kafka_queue_destroy(commits);
        }
        reading.time_ms = kafka_now_ms();
        read_offsets(handle, topic, RD_KAFKA_OFFSET_END, deadline_ms, &reading);
        *ret_reading = reading;
        return true;
}

/* ---- how a group is ---- */

static bool take_description(struct kafka_client *client, rd_kafka_event_t *event, const char *group,
                             struct kafka_group *ret_group, struct error *err)
{
        const rd_kafka_ConsumerGroupDescription_t **groups;
        const rd_kafka_error_t *failed;
        size_t count;

        groups = rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(
                                                                       event),
                                                               &count);
        if (count != 1)
                return error_set(err, ERROR_REFUSED, "KafkaAnswer", "group %s: %zu answers", group, count);
        failed = rd_kafka_ConsumerGroupDescription_error(groups[0]);
        if (failed)
                return kafka_client_fail(client, rd_kafka_error_code(failed), rd_kafka_error_string(failed),
                                         err, "group %s", group);
        snprintf(ret_group->state, sizeof ret_group->state, "%s",
                 rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(groups[0])));
        ret_group->members = (int)rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
        return true;
}

bool kafka_read_group(struct kafka_client *client, const char *group, int64_t deadline_ms,
                      struct kafka_group *ret_group, struct error *err)
{
        autocall(rd_kafka_event_destroy) rd_kafka_event_t *event = NULL;
        rd_kafka_AdminOptions_t *options;
        rd_kafka_queue_t *queue;
        rd_kafka_t *handle;
        bool done;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        queue = rd_kafka_queue_new(handle);
        options = kafka_client_admin(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, deadline_ms);
        rd_kafka_DescribeConsumerGroups(handle, &group, 1, options, queue);
        rd_kafka_AdminOptions_destroy(options);
        done = kafka_client_answer(client, queue, deadline_ms, group, &event, err) &&
               take_description(client, event, group, ret_group, err);
        rd_kafka_queue_destroy(queue);
        return done;
}

/* ---- settings ---- */

static json_t *settings_of(const rd_kafka_ConfigResource_t *resource)
{
        json_t *settings = json_object();
        size_t count;
        const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

        for (size_t i = 0; i < count; i++) {
                const char *value = rd_kafka_ConfigEntry_value(entries[i]);
                bool own = rd_kafka_ConfigEntry_source(entries[i]) ==
                           RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
                bool secret = rd_kafka_ConfigEntry_is_sensitive(entries[i]);

                json_object_set_new(settings, rd_kafka_ConfigEntry_name(entries[i]),
                                    json_pack("{s:s?, s:b}", "value", secret ? NULL : value, "own", own));
        }
        return settings;
}

static bool take_settings(struct kafka_client *client, rd_kafka_event_t *event, const char *topic,
                          json_t **ret_settings, struct error *err)
{
        const rd_kafka_ConfigResource_t **resources;
        rd_kafka_resp_err_t code;
        size_t count;

        resources = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event),
                                                              &count);
        if (count != 1)
                return error_set(err, ERROR_REFUSED, "KafkaAnswer", "settings of topic %s: %zu answers",
                                 topic, count);
        code = rd_kafka_ConfigResource_error(resources[0]);
        if (code)
                return kafka_client_fail(client, code, rd_kafka_ConfigResource_error_string(resources[0]),
                                         err, "settings of topic %s", topic);
        *ret_settings = settings_of(resources[0]);
        return true;
}

bool kafka_read_settings(struct kafka_client *client, const char *topic, int64_t deadline_ms,
                         json_t **ret_settings, struct error *err)
{
        autocall(rd_kafka_event_destroy) rd_kafka_event_t *event = NULL;
        rd_kafka_ConfigResource_t *resource;
        rd_kafka_AdminOptions_t *options;
        rd_kafka_queue_t *queue;
        rd_kafka_t *handle;
        bool done;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
        queue = rd_kafka_queue_new(handle);
        options = kafka_client_admin(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline_ms);
        rd_kafka_DescribeConfigs(handle, &resource, 1, options, queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_ConfigResource_destroy(resource);
        done = kafka_client_answer(client, queue, deadline_ms, "settings", &event, err) &&
               take_settings(client, event, topic, ret_settings, err);
        rd_kafka_queue_destroy(queue);
        return done;
}
