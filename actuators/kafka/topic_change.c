/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "actuators/kafka/topic_change.h"

#include <string.h>

#include "core/json.h"

void topic_facts_fini(struct topic_facts *facts)
{
        json_decref(facts->settings);
        *facts = (struct topic_facts){0};
}

static const char *value_of(const json_t *settings, const char *name)
{
        return json_string_value(json_object_get(json_object_get(settings, name), "value"));
}

bool topic_is_compacted(const json_t *settings)
{
        const char *policy = value_of(settings, "cleanup.policy");

        return policy && strstr(policy, "compact");
}

bool topic_may_grow(const struct kafka_options *options, const struct kafka_topic_options *topic,
                    bool compacted)
{
        return options->allow_keyed_growth || (!topic->keyed && !compacted);
}

static bool check_room(const struct kafka_options *options, const struct kafka_topic_options *topic,
                       const struct topic_facts *facts, int wanted, struct error *err)
{
        int64_t after = facts->all_replicas + (int64_t)(wanted - facts->partitions) * facts->replicas;
        int64_t most = options->max_partitions_per_broker * facts->brokers;

        if (facts->brokers < facts->replicas)
                return error_set(err, ERROR_UNAVAILABLE, "BrokersDown",
                                 "topic %s: new partitions need %d replicas, and %d broker%s up", topic->name,
                                 facts->replicas, facts->brokers, facts->brokers == 1 ? " is" : "s are");
        return after <= most ||
               error_set(err, ERROR_REFUSED, "TooManyPartitions",
                         "topic %s: %d partitions would make %lld replicas on %d broker%s, and "
                         "maxPartitionsPerBroker allows %lld",
                         topic->name, wanted, (long long)after, facts->brokers,
                         facts->brokers == 1 ? "" : "s", (long long)most);
}

bool topic_check_growth(const struct kafka_options *options, const struct kafka_topic_options *topic,
                        const struct topic_facts *facts, int wanted, bool *ret_needed, struct error *err)
{
        bool compacted = topic_is_compacted(facts->settings);

        if (wanted < facts->partitions)
                return error_set(err, ERROR_REFUSED, "PartitionsOnlyGrow",
                                 "topic %s has %d partitions and cannot have %d: partitions only grow",
                                 topic->name, facts->partitions, wanted);
        *ret_needed = wanted > facts->partitions;
        if (!*ret_needed)
                return true;
        if (!topic_may_grow(options, topic, compacted))
                return error_set(err, ERROR_REFUSED, "KeysWouldMove",
                                 "topic %s is %s: its keys would move to other partitions, which needs "
                                 "allowPartitionGrowthOfKeyedTopics",
                                 topic->name, compacted ? "compacted" : "keyed");
        return check_room(options, topic, facts, wanted, err);
}

bool topic_merge_settings(const struct kafka_topic_options *topic, const json_t *settings,
                          const json_t *wanted, json_t **ret_own, bool *ret_needed, struct error *err)
{
        autojson *own = json_object();
        const char *name;
        json_t *entry, *text;

        *ret_needed = false;
        json_object_foreach((json_t *)(uintptr_t)settings, name, entry)
        {
                json_t *value = json_object_get(entry, "value");

                if (!json_is_true(json_object_get(entry, "own")) || json_object_get(wanted, name))
                        continue;
                if (!json_is_string(value))
                        return error_set(err, ERROR_REFUSED, "SecretSetting",
                                         "topic %s: %s is secret, and would be lost when another setting is "
                                         "changed",
                                         topic->name, name);
                json_object_set(own, name, value);
        }
        json_object_foreach((json_t *)(uintptr_t)wanted, name, text)
        {
                const char *now = value_of(settings, name);

                *ret_needed |= !now || strcmp(now, json_string_value(text)) != 0;
                json_object_set(own, name, text);
        }
        *ret_own = TAKE(own);
        return true;
}

bool topic_check_settings(const struct kafka_topic_options *topic, const json_t *settings, const json_t *own,
                          struct error *err)
{
        const char *name;
        json_t *entry, *text;

        json_object_foreach((json_t *)(uintptr_t)own, name, text)
        {
                const char *now = value_of(settings, name);

                if (!now || strcmp(now, json_string_value(text)) != 0)
                        return error_set(err, ERROR_CONFLICT, "ReadBackDiffers",
                                         "topic %s: %s was set to %s and reads back %s", topic->name, name,
                                         json_string_value(text), now ? now : "nothing");
        }
        json_object_foreach(
                (json_t *)(uintptr_t)settings, name,
                entry) if (json_is_true(json_object_get(entry, "own")) &&
                           !json_object_get(
                                   own,
                                   name)) return error_set(err, ERROR_CONFLICT, "ReadBackDiffers",
                                                           "topic %s: somebody else has set %s meanwhile",
                                                           topic->name, name);
        return true;
}
