/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/kafka/arrivals.h"
#include "core/log.h"
#include "core/plugin.h"
#include "core/reactor.h"
#include "core/text.h"
#include "engines/kafka/kafka_cluster.h"
#include "engines/kafka/kafka_read.h"
#include "core/clock.h"

#define STILL_TURNS 10 /* without a commit, after which it is asked whether anybody reads */

struct topic {
        const struct kafka_topic_options *options;
        int operator_index;
        bool wants_settings; /* a knob of the pipeline is one of them */
        struct arrivals arrivals;
        struct arrivals_news news;
        /* Of this turn. */
        struct kafka_reading reading;
        json_t *settings;
        struct kafka_group group; /* state "": was not asked */
        int64_t committed;        /* sum of the commits of the last turn */
        int still;                /* turns for which they stand still, while records wait */
        char told[sizeof(((struct error *)0)->message)]; /* what was logged last; "": nothing */
};

struct collection {
        const struct source_context *context;
        const struct kafka_options *options;
        struct kafka_cluster *cluster;
        int64_t last_ms; /* when the last window ended, by the reactor's clock, which nobody sets */
        size_t n_topics;
        struct topic *topics;
};

/* ---- life ---- */

static void kafka_close(void *state)
{
        struct collection *collection = state;

        if (!collection)
                return;
        for (size_t i = 0; i < collection->n_topics; i++)
                arrivals_fini(&collection->topics[i].arrivals);
        kafka_cluster_give_back(collection->cluster);
        free(collection->topics);
        free(collection);
}

static bool find_operator(const struct pipeline *pipeline, const struct kafka_topic_options *options,
                          int *ret_index, struct error *err)
{
        const char *names[PIPELINE_MAX_OPERATORS + 1] = {NULL};
        const char *nearest;
        int n_sources = 0;

        for (int i = 0; i < pipeline->n_operators; i++) {
                if (!pipeline->operators[i].source)
                        continue;
                if (strcmp(pipeline->operators[i].name, options->operator_name) == 0) {
                        *ret_index = i;
                        return true;
                }
                names[n_sources++] = pipeline->operators[i].name;
        }
        nearest = text_nearest(options->operator_name, names);
        return error_set(err, ERROR_INPUT, NULL,
                         "spec.broker.kafka.topics: %s is read by \"%.60s\", which is no source of the "
                         "pipeline; %s %s%s",
                         options->name, options->operator_name,
                         nearest ? "did you mean" : "expected one such as",
                         nearest    ? nearest
                         : names[0] ? names[0]
                                    : "none: it has none",
                         nearest ? "?" : "");
}

static bool wants_settings(const struct collection *collection, int topic)
{
        const struct pipeline *pipeline = collection->context->pipeline;

        for (int i = 0; i < pipeline->n_knobs; i++)
                if (kafka_knob_setting(collection->options, &pipeline->knobs[i]) &&
                    kafka_knob_topic(collection->options, pipeline, &pipeline->knobs[i]) == topic)
                        return true;
        return false;
}

static bool kafka_open(const struct source_context *context, const void *given, void **ret_state,
                       struct error *err)
{
        const struct kafka_options *options = given;
        const struct kafka_topic_options *topics = options->topics.items;
        struct collection *collection = memory_new(1, sizeof *collection);

        collection->context = context;
        collection->options = options;
        collection->last_ms = reactor_steady_ms(context->reactor);
        collection->topics = memory_new(options->topics.count, sizeof *collection->topics);
        for (size_t i = 0; context->pipeline && i < options->topics.count; i++) {
                struct topic *topic = &collection->topics[i];

                topic->options = &topics[i];
                if (!find_operator(context->pipeline, &topics[i], &topic->operator_index, err)) {
                        kafka_close(collection);
                        return false;
                }
                topic->wants_settings = wants_settings(collection, (int)i);
                collection->n_topics++;
        }
        collection->cluster = kafka_cluster_take(context, options);
        *ret_state = collection;
        return true;
}

/* ---- reading ---- */

/* A group that commits nothing while records wait is looked at, now and then: people will want to know. */
static void look_at_group(struct kafka_client *client, struct topic *topic, int64_t deadline_ms)
{
        struct error ignored = ERROR_INIT;
        int64_t committed = 0, lag = 0;

        for (int i = 0; i < topic->reading.n_partitions; i++) {
                int64_t waiting = kafka_partition_lag(&topic->reading.partitions[i]);

                committed += topic->reading.partitions[i].committed;
                lag += waiting > 0 ? waiting : 0;
        }
        topic->still = lag > 0 && committed == topic->committed ? topic->still + 1 : 0;
        topic->committed = committed;
        topic->group.state[0] = '\0';
        if (topic->still > 0 && topic->still % STILL_TURNS == 0)
                (void)kafka_read_group(client, topic->options->group, deadline_ms, &topic->group, &ignored);
}

static bool read_topic(struct kafka_client *client, struct topic *topic, int64_t deadline_ms,
                       struct error *err)
{
        int64_t offsets_ms = deadline_ms - (topic->wants_settings ? kafka_left_ms(deadline_ms) / 4 : 0);

        if (!kafka_read_topic(client, topic->options->name, topic->options->group, offsets_ms,
                              &topic->reading, err) ||
            (topic->wants_settings &&
             !kafka_read_settings(client, topic->options->name, deadline_ms, &topic->settings, err)))
                return false;
        if (topic->reading.has_commits)
                look_at_group(client, topic, deadline_ms);
        return true;
}

/* In the cluster's thread. A topic that waits for a dead broker leaves the others their share of the time. */
static bool read_topics(struct kafka_client *client, int64_t deadline_ms, void *argument, struct error *err)
{
        struct collection *collection = argument;
        int left = (int)collection->n_topics;

        for (size_t i = 0; i < collection->n_topics; i++, left--)
                if (!read_topic(client, &collection->topics[i],
                                clock_steady_ms() + kafka_left_ms(deadline_ms) / left, err))
                        return false;
        return true;
}

static void forget_turn(struct collection *collection)
{
        for (size_t i = 0; i < collection->n_topics; i++) {
                kafka_reading_clear(&collection->topics[i].reading);
                json_decref(TAKE(collection->topics[i].settings));
        }
}

/* What keeps a topic's backlog from being known, once, and not every turn. */
static void tell(const struct collection *collection, struct topic *topic)
{
        bool unknown = topic->options->group && !topic->reading.has_commits;
        const char *why = unknown ? topic->reading.why_no_commits.message : "";

        if (topic->group.state[0])
                log_warning(collection->context->log, "records wait and nobody commits",
                            LOG_TEXT("pipeline", collection->context->name),
                            LOG_TEXT("topic", topic->options->name), LOG_TEXT("group", topic->options->group),
                            LOG_TEXT("state", topic->group.state),
                            LOG_INTEGER("members", topic->group.members));
        if (strcmp(why, topic->told) == 0)
                return;
        if (unknown)
                log_warning(collection->context->log, "backlog of a topic is not known",
                            LOG_TEXT("pipeline", collection->context->name),
                            LOG_TEXT("topic", topic->options->name), LOG_TEXT("why", why));
        memcpy(topic->told, why, strlen(why) + 1);
}

/* ---- filling ---- */

static void fill_operators(const struct collection *collection, struct observation *observation)
{
        bool seen[PIPELINE_MAX_OPERATORS] = {false};

        for (size_t i = 0; i < collection->n_topics; i++) {
                const struct topic *topic = &collection->topics[i];
                struct operator_observation *operator= & observation->operators[topic->operator_index];

                operator->partitions += topic->reading.n_partitions;
                operator->backlog_records = seen[topic->operator_index] ? operator->backlog_records +
                                                                          topic->news.backlog
                    : topic->news.backlog;
                operator->partition_per_second_max =
                        fmax(operator->partition_per_second_max, topic->news.per_second_max);
                seen[topic->operator_index] = true;
        }
}

/* Every source of the pipeline reads from here: only then are sums those of the pipeline. */
static bool is_whole(const struct collection *collection)
{
        const struct pipeline *pipeline = collection->context->pipeline;

        for (int i = 0; i < pipeline->n_operators; i++) {
                bool found = !pipeline->operators[i].source;

                for (size_t j = 0; j < collection->n_topics && !found; j++)
                        found = collection->topics[j].operator_index == i;
                if (!found)
                        return false;
        }
        return true;
}

static void fill_sums(const struct collection *collection, struct observation *observation)
{
        double offered = 0, backlog = 0;

        for (size_t i = 0; i < collection->n_topics; i++) {
                offered += collection->topics[i].news.per_second;
                backlog += collection->topics[i].news.backlog;
                observation->counters_reset |= collection->topics[i].news.recreated;
        }
        if (!is_whole(collection))
                return;
        observation->offered_per_second = offered;
        observation->backlog_records = backlog;
        if (!isnan(backlog))
                observation->missing &= ~(unsigned)MISSING_BACKLOG;
}

static double setting_value(const struct topic *topic, const char *name)
{
        const json_t *entry = json_object_get(topic->settings, name);
        const char *text = json_string_value(json_object_get(entry, "value"));
        double value;

        return text && text_to_double(text, &value) ? value : NAN;
}

static void fill_configuration(const struct collection *collection, struct configuration *configuration)
{
        const struct pipeline *pipeline = collection->context->pipeline;

        for (int i = 0; i < pipeline->n_knobs && i < configuration->count; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                int index = kafka_knob_topic(collection->options, pipeline, knob);

                if (index < 0)
                        continue;
                configuration->value[i] =
                        knob->role == KNOB_PARTITIONS
                                ? collection->topics[index].reading.n_partitions
                                : setting_value(&collection->topics[index],
                                                kafka_knob_setting(collection->options, knob));
        }
}

static bool kafka_collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct collection *collection = state;
        const struct source_context *context = collection->context;
        int64_t now_ms;

        if (!kafka_cluster_call(collection->cluster, collection->options->timeout_seconds * MS_PER_SECOND,
                                read_topics, collection, err)) {
                forget_turn(collection);
                return false;
        }
        now_ms = reactor_steady_ms(context->reactor);
        ret_observation->time_ms = clock_now_ms(context->clock);
        ret_observation->window_ms = now_ms > collection->last_ms ? now_ms - collection->last_ms : 1;
        ret_observation->missing =
                MISSING_RATES | MISSING_BACKLOG | MISSING_LATENCY | MISSING_CPU | MISSING_CONFIGURATION;
        collection->last_ms = now_ms;
        for (size_t i = 0; i < collection->n_topics; i++) {
                struct topic *topic = &collection->topics[i];

                arrivals_add(&topic->arrivals, &topic->reading, &topic->news);
                tell(collection, topic);
                ret_observation->brokers = topic->reading.brokers;
        }
        fill_operators(collection, ret_observation);
        fill_sums(collection, ret_observation);
        fill_configuration(collection, &ret_observation->configuration);
        forget_turn(collection);
        return true;
}

const struct collector kafka_collector = {
        .name = "kafka",
        .summary = "Kafka: what arrives, what waits, partitions of the topics that the sources read",
        .section = SECTION_BROKER,
        .options = &kafka_options_table,
        .open = kafka_open,
        .collect = kafka_collect,
        .close = kafka_close,
};
