/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kafka/kafka_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/clock.h"

#define METADATA_TRIES 4

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

/* Of one topic, or of all (NULL). What was sent to one broker librdkafka sends to no other, so that one waits
 * for the answer only for a part of the time, and asks anew. */
static bool ask_metadata(struct kafka_client *client, rd_kafka_t *handle, rd_kafka_topic_t *topic,
                         int64_t deadline_ms, const struct rd_kafka_metadata **ret_metadata,
                         struct error *err)
{
        int try_ms = kafka_left_ms(deadline_ms) / METADATA_TRIES + 1;

        for (;;) {
                int left = kafka_left_ms(deadline_ms);
                rd_kafka_resp_err_t code =
                        rd_kafka_metadata(handle, !topic, topic, ret_metadata, left < try_ms ? left : try_ms);

                if (!code)
                        return true;
                error_clear(err);
                (void)kafka_client_fail(client, code, NULL, err, "%s%s", topic ? "topic " : "list of topics",
                                        topic ? rd_kafka_topic_name(topic) : "");
                if (!kafka_client_again(err, deadline_ms))
                        return false;
        }
}

static bool read_metadata(struct kafka_client *client, rd_kafka_t *handle, const char *topic,
                          int64_t deadline_ms, struct kafka_reading *reading, struct error *err)
{
        rd_kafka_topic_t *object = rd_kafka_topic_new(handle, topic, NULL);
        const struct rd_kafka_metadata *metadata;
        bool done;

        if (!object)
                return kafka_client_fail(client, rd_kafka_last_error(), NULL, err, "topic %s", topic);
        done = ask_metadata(client, handle, object, deadline_ms, &metadata, err);
        rd_kafka_topic_destroy(object);
        if (!done)
                return false;
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
        reading.time_ms = clock_steady_ms();
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
        rd_kafka_t *handle;

        if (!kafka_client_handle(client, &handle, err) ||
            !ask_metadata(client, handle, NULL, deadline_ms, &metadata, err))
                return false;
        *ret_brokers = metadata->broker_cnt;
        *ret_replicas = 0;
        for (int i = 0; i < metadata->topic_cnt; i++)
                for (int j = 0; j < metadata->topics[i].partition_cnt; j++)
                        *ret_replicas += metadata->topics[i].partitions[j].replica_cnt;
        rd_kafka_metadata_destroy(metadata);
        return true;
}

/* ---- offsets ---- */

/* What is asked about a topic, and what was learnt so far. */
struct question {
        struct kafka_client *client;
        rd_kafka_t *handle;
        const char *topic, *group;
        struct kafka_reading *reading;
};

/* Returns the error of the last partition that has one: leaders move. */
static rd_kafka_resp_err_t take_offsets(const rd_kafka_topic_partition_list_t *list, int64_t when,
                                        struct kafka_reading *reading)
{
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

        for (int i = 0; i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *answer = &list->elems[i];
                struct kafka_partition *partition;

                code = answer->err ? answer->err : code;
                if (answer->err || answer->offset < 0 || answer->offset > KAFKA_MAX_OFFSET ||
                    answer->partition < 0 || answer->partition >= reading->n_partitions)
                        continue;
                partition = &reading->partitions[answer->partition];
                if (when == RD_KAFKA_OFFSET_END)
                        partition->end = answer->offset;
                else
                        partition->begin = answer->offset;
        }
        return code;
}

static bool ask_leader_once(const struct question *question, int leader, int64_t when, int64_t deadline_ms,
                            struct error *err)
{
        struct kafka_reading *reading = question->reading;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(reading->n_partitions);
        rd_kafka_resp_err_t code;

        for (int i = 0; i < reading->n_partitions; i++)
                if (reading->partitions[i].leader == leader)
                        rd_kafka_topic_partition_list_add(list, question->topic, i)->offset = when;
        code = rd_kafka_offsets_for_times(question->handle, list, kafka_left_ms(deadline_ms));
        if (!code)
                code = take_offsets(list, when, reading);
        rd_kafka_topic_partition_list_destroy(list);
        return !code ||
               kafka_client_fail(question->client, code, NULL, err, "offsets of topic %s", question->topic);
}

/* Asks one broker for the offsets at `when` (RD_KAFKA_OFFSET_BEGINNING or _END) of the partitions it leads.
 * librdkafka fails the whole question when one broker is silent, so each is asked apart. */
static void ask_leader(const struct question *question, int leader, int64_t when, int64_t deadline_ms)
{
        int64_t until_ms = kafka_client_patience(question->client, leader, deadline_ms);
        struct error err = ERROR_INIT;
        bool answered = false;

        while (kafka_left_ms(until_ms) > 0) {
                answered = ask_leader_once(question, leader, when, until_ms, &err);
                if (answered || !kafka_client_again(&err, until_ms))
                        break;
                error_clear(&err);
        }
        kafka_client_heard(question->client, leader, answered || !err.retry);
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
static void read_offsets(const struct question *question, int64_t when, int64_t deadline_ms)
{
        const struct kafka_reading *reading = question->reading;
        autofree bool *first = memory_new((size_t)reading->n_partitions, sizeof *first);
        int left = count_leaders(reading, first);

        for (int i = 0; i < reading->n_partitions && left > 0; i++) {
                if (!first[i])
                        continue;
                ask_leader(question, reading->partitions[i].leader, when,
                           clock_steady_ms() + kafka_left_ms(deadline_ms) / left);
                left--;
        }
}

/* ---- the group ---- */

/* Of every partition it must be said how far it was read, or that it was not: what is not told would count as
 * not read at all. */
static bool take_commits(const struct question *question, const rd_kafka_topic_partition_list_t *list,
                         struct error *err)
{
        struct kafka_reading *reading = question->reading;
        autofree bool *told = memory_new((size_t)reading->n_partitions, sizeof *told);
        int n_told = 0;

        for (int i = 0; list && i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *from = &list->elems[i];

                if (strcmp(from->topic, question->topic) != 0 || from->partition < 0 ||
                    from->partition >= reading->n_partitions)
                        continue;
                if (from->err)
                        return kafka_client_fail(question->client, from->err, NULL, err,
                                                 "commits of group %s for topic %s", question->group,
                                                 question->topic);
                if (from->offset > KAFKA_MAX_OFFSET)
                        continue;
                n_told += !told[from->partition];
                told[from->partition] = true;
                reading->partitions[from->partition].committed =
                        from->offset >= 0 ? from->offset : KAFKA_NOT_KNOWN;
        }
        return n_told == reading->n_partitions ||
               error_set(err, ERROR_REFUSED, "KafkaAnswer",
                         "commits of group %s for topic %s: %d of %d partitions are named", question->group,
                         question->topic, n_told, reading->n_partitions);
}

static bool ask_commits(const struct question *question, int64_t deadline_ms, struct error *err)
{
        int n_partitions = question->reading->n_partitions;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n_partitions);
        rd_kafka_resp_err_t code;
        rd_kafka_t *handle;
        bool done = false;

        rd_kafka_topic_partition_list_add_range(list, question->topic, 0, n_partitions - 1);
        if (kafka_client_group(question->client, question->group, &handle, err)) {
                code = rd_kafka_committed(handle, list, kafka_left_ms(deadline_ms));
                done = code ? kafka_client_fail(question->client, code, NULL, err, "commits of group %s",
                                                question->group)
                            : take_commits(question, list, err);
        }
        rd_kafka_topic_partition_list_destroy(list);
        return done;
}

static void read_commits(const struct question *question, int64_t deadline_ms)
{
        struct kafka_reading *reading = question->reading;

        do {
                error_clear(&reading->why_no_commits);
                reading->has_commits = ask_commits(question, deadline_ms, &reading->why_no_commits);
        } while (!reading->has_commits && kafka_client_again(&reading->why_no_commits, deadline_ms));
}

bool kafka_read_topic(struct kafka_client *client, const char *topic, const char *group, int64_t deadline_ms,
                      struct kafka_reading *ret_reading, struct error *err)
{
        struct kafka_reading reading;
        struct question question = {.client = client, .topic = topic, .group = group, .reading = &reading};

        if (!kafka_client_handle(client, &question.handle, err) ||
            !kafka_read_layout(client, topic, deadline_ms, &reading, err))
                return false;
        if (group)
                read_commits(&question, clock_steady_ms() + kafka_left_ms(deadline_ms) / 3);
        read_offsets(&question, RD_KAFKA_OFFSET_BEGINNING,
                     clock_steady_ms() + kafka_left_ms(deadline_ms) / 2);
        reading.time_ms = clock_steady_ms();
        read_offsets(&question, RD_KAFKA_OFFSET_END, deadline_ms);
        *ret_reading = reading;
        return true;
}

/* ---- how a group is ---- */

static bool take_description(const struct rd_kafka_group_list *list, const char *group,
                             struct kafka_group *ret_group, struct error *err)
{
        if (list->group_cnt != 1 || list->groups[0].err)
                return error_set(err, ERROR_UNAVAILABLE, "KafkaAnswer", "group %s: nobody tells how it is",
                                 group);
        snprintf(ret_group->state, sizeof ret_group->state, "%s", list->groups[0].state);
        ret_group->members = list->groups[0].member_cnt;
        return true;
}

bool kafka_read_group(struct kafka_client *client, const char *group, int64_t deadline_ms,
                      struct kafka_group *ret_group, struct error *err)
{
        const struct rd_kafka_group_list *list;
        rd_kafka_resp_err_t code;
        rd_kafka_t *handle;
        bool done;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        code = rd_kafka_list_groups(handle, group, &list, kafka_left_ms(deadline_ms));
        if (code && code != RD_KAFKA_RESP_ERR__PARTIAL)
                return kafka_client_fail(client, code, NULL, err, "group %s", group);
        done = take_description(list, group, ret_group, err);
        rd_kafka_group_list_destroy(list);
        return done;
}

/* ---- settings ---- */

/* NULL when one of them is no text: what is not known would be lost when another one is changed. */
static json_t *settings_of(const rd_kafka_ConfigResource_t *resource)
{
        autojson *settings = json_object();
        size_t count;
        const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);

        for (size_t i = 0; i < count; i++) {
                const char *value = rd_kafka_ConfigEntry_value(entries[i]);
                bool own = rd_kafka_ConfigEntry_source(entries[i]) ==
                           RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
                bool secret = rd_kafka_ConfigEntry_is_sensitive(entries[i]);

                if (json_object_set_new(settings, rd_kafka_ConfigEntry_name(entries[i]),
                                        json_pack("{s:s?, s:b}", "value", secret ? NULL : value, "own",
                                                  own)) != 0)
                        return NULL;
        }
        return TAKE(settings);
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
        return *ret_settings || error_set(err, ERROR_REFUSED, "KafkaAnswer",
                                          "settings of topic %s: one of them is not UTF-8", topic);
}

static bool read_settings_once(struct kafka_client *client, rd_kafka_t *handle, const char *topic,
                               int64_t deadline_ms, json_t **ret_settings, struct error *err)
{
        autocall(rd_kafka_event_destroy) rd_kafka_event_t *event = NULL;
        rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
        rd_kafka_AdminOptions_t *options;
        bool done;

        options = kafka_client_admin(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, deadline_ms);
        rd_kafka_DescribeConfigs(handle, &resource, 1, options, queue);
        rd_kafka_AdminOptions_destroy(options);
        rd_kafka_ConfigResource_destroy(resource);
        done = kafka_client_answer(client, queue, deadline_ms, "settings", &event, err) &&
               take_settings(client, event, topic, ret_settings, err);
        rd_kafka_queue_destroy(queue);
        return done;
}

bool kafka_read_settings(struct kafka_client *client, const char *topic, int64_t deadline_ms,
                         json_t **ret_settings, struct error *err)
{
        rd_kafka_t *handle;

        if (!kafka_client_handle(client, &handle, err))
                return false;
        while (!read_settings_once(client, handle, topic, deadline_ms, ret_settings, err)) {
                if (!kafka_client_again(err, deadline_ms))
                        return false;
                error_clear(err);
        }
        return true;
}
