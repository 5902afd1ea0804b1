/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actuators/kafka/topic_change.h"
#include "actuators/kafka/topic_object.h"
#include "core/json.h"
#include "core/plugin.h"
#include "core/text.h"
#include "engines/kafka/kafka_cluster.h"
#include "engines/kafka/kafka_write.h"

#define LOOK_AGAIN_MS 50 /* between looks whether a change has come through */

struct target {
        const struct source_context *context;
        const struct kafka_options *options;
        struct kafka_cluster *cluster;
        struct topic_objects *objects; /* NULL: brokers are told themselves */
        bool *compacted;               /* by topic, as of the last look; false before the first */
};

/* One topic's turn: handed to the cluster's thread and back. */
struct turn {
        struct target *target;
        int index;
        const struct kafka_topic_options *topic;
        struct topic_facts facts;
        struct topic_object object; /* where there are such */
        int partitions;             /* wanted */
        json_t *own;                /* settings to send; owned */
};

static void turn_fini(struct turn *turn)
{
        topic_facts_fini(&turn->facts);
        topic_object_fini(&turn->object);
        json_decref(TAKE(turn->own));
}

/* ---- life ---- */

static void kafka_close(void *state)
{
        struct target *target = state;

        if (!target)
                return;
        kafka_cluster_give_back(target->cluster);
        topic_objects_close(target->objects);
        free(target->compacted);
        free(target);
}

static bool kafka_open(const struct source_context *context, const void *given, void **ret_state,
                       struct error *err)
{
        const struct kafka_options *options = given;
        struct topic_objects *objects = NULL;
        struct target *target;

        if (options->topic_objects && !topic_objects_open(context, options->topic_objects, &objects, err))
                return false;
        target = memory_new(1, sizeof *target);
        target->objects = objects;
        target->context = context;
        target->options = options;
        target->compacted = memory_new(target->options->topics.count, sizeof *target->compacted);
        target->cluster = kafka_cluster_take(context, given);
        *ret_state = target;
        return true;
}

static bool call(struct turn *turn, kafka_work work, struct error *err)
{
        const struct target *target = turn->target;

        return kafka_cluster_call(target->cluster, target->options->timeout_seconds * MS_PER_SECOND, work,
                                  turn, err);
}

static bool kafka_controls(void *state, const struct knob *knob)
{
        const struct target *target = state;
        const struct kafka_topic_options *topics = target->options->topics.items;
        int index = kafka_knob_topic(target->options, target->context->pipeline, knob);

        /* The settings of an object are those of its spec. */
        if (index < 0 || (target->objects && knob->role != KNOB_PARTITIONS))
                return false;
        return knob->role != KNOB_PARTITIONS ||
               topic_may_grow(target->options, &topics[index], target->compacted[index]);
}

/* ---- in the cluster's thread ---- */

static bool look(struct kafka_client *client, int64_t deadline_ms, void *argument, struct error *err)
{
        struct turn *turn = argument;
        struct kafka_reading layout;

        topic_facts_fini(&turn->facts);
        if (!kafka_read_layout(client, turn->topic->name, deadline_ms, &layout, err))
                return false;
        turn->facts.partitions = layout.n_partitions;
        turn->facts.replicas = layout.partitions[0].replicas;
        turn->facts.brokers = layout.brokers;
        kafka_reading_clear(&layout);
        return kafka_read_settings(client, turn->topic->name, deadline_ms, &turn->facts.settings, err);
}

static bool look_at_all(struct kafka_client *client, int64_t deadline_ms, void *argument, struct error *err)
{
        struct turn *turn = argument;

        return look(client, deadline_ms, turn, err) &&
               kafka_read_size(client, deadline_ms, &turn->facts.brokers, &turn->facts.all_replicas, err);
}

static bool grow(struct kafka_client *client, int64_t deadline_ms, void *argument, struct error *err)
{
        const struct turn *turn = argument;

        return kafka_write_partitions(client, turn->topic->name, turn->partitions, deadline_ms, err);
}

static void pause_briefly(void)
{
        const struct timespec pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};

        nanosleep(&pause, NULL);
}

/* Every broker learns of new partitions by and by. */
static bool await_growth(struct kafka_client *client, int64_t deadline_ms, void *argument, struct error *err)
{
        struct turn *turn = argument;

        for (;;) {
                if (!look(client, deadline_ms, turn, err))
                        return false;
                if (turn->facts.partitions >= turn->partitions)
                        return true;
                if (kafka_left_ms(deadline_ms) <= LOOK_AGAIN_MS)
                        return error_set(err, ERROR_CONFLICT, "ReadBackDiffers",
                                         "topic %s was given %d partitions and reads back %d",
                                         turn->topic->name, turn->partitions, turn->facts.partitions);
                pause_briefly();
        }
}

static bool alter(struct kafka_client *client, int64_t deadline_ms, void *argument, struct error *err)
{
        const struct turn *turn = argument;

        return kafka_write_settings(client, turn->topic->name, turn->own, deadline_ms, err);
}

static bool await_settings(struct kafka_client *client, int64_t deadline_ms, void *argument,
                           struct error *err)
{
        struct turn *turn = argument;

        for (;;) {
                if (!look(client, deadline_ms, turn, err))
                        return false;
                if (topic_check_settings(turn->topic, turn->facts.settings, turn->own, err))
                        return true;
                if (kafka_left_ms(deadline_ms) <= LOOK_AGAIN_MS)
                        return false;
                error_clear(err);
                pause_briefly();
        }
}

/* ---- reading ---- */

/* What a topic is told is what its object says; its brokers follow. */
static bool take_object(struct turn *turn, struct error *err)
{
        if (!topic_object_get(turn->target->objects, turn->topic->name, &turn->object, err)) {
                turn_fini(turn);
                return false;
        }
        turn->facts.partitions = turn->object.partitions;
        return true;
}

static bool turn_begin(struct target *target, int index, struct turn *turn, kafka_work how, struct error *err)
{
        const struct kafka_topic_options *topics = target->options->topics.items;

        *turn = (struct turn){.target = target, .index = index, .topic = &topics[index]};
        if (!call(turn, how, err)) {
                turn_fini(turn);
                return false;
        }
        target->compacted[index] = topic_is_compacted(turn->facts.settings);
        return !target->objects || take_object(turn, err);
}

static void read_knobs(const struct turn *turn, struct configuration *configuration)
{
        const struct target *target = turn->target;
        const struct pipeline *pipeline = target->context->pipeline;

        for (int i = 0; i < pipeline->n_knobs && i < configuration->count; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                const char *setting = kafka_knob_setting(target->options, knob), *text;
                double value = NAN;

                if (kafka_knob_topic(target->options, pipeline, knob) != turn->index ||
                    !kafka_controls((void *)(uintptr_t)target, knob))
                        continue;
                text = json_string_value(
                        json_object_get(json_object_get(turn->facts.settings, setting ? setting : ""),
                                        "value"));
                if (knob->role == KNOB_PARTITIONS)
                        value = turn->facts.partitions;
                else if (!text || !text_to_double(text, &value))
                        value = NAN;
                configuration->value[i] = value;
        }
}

/* Whether any knob of the pipeline is about the topic. */
static bool concerns(const struct target *target, int index)
{
        const struct pipeline *pipeline = target->context->pipeline;

        for (int i = 0; i < pipeline->n_knobs; i++)
                if (kafka_knob_topic(target->options, pipeline, &pipeline->knobs[i]) == index)
                        return true;
        return false;
}

static bool kafka_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        struct target *target = state;
        struct turn turn;

        for (int i = 0; i < (int)target->options->topics.count; i++) {
                if (!concerns(target, i))
                        continue;
                if (!turn_begin(target, i, &turn, look, err))
                        return false;
                read_knobs(&turn, ret_configuration);
                turn_fini(&turn);
        }
        return true;
}

/* ---- writing ---- */

/* Announces the call, makes it, tells its answer, and looks what came of it. */
static bool make_call(struct turn *turn, const char *words, kafka_work write, kafka_work read_back,
                      bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct error failed = ERROR_INIT;
        int64_t id = 0;
        bool done;

        if (calls && !calls->begin(calls->context, words, &id, err))
                return false;
        if (dry_run)
                return true;
        done = call(turn, write, &failed);
        if (calls && !calls->end(calls->context, id, done, done ? "ok" : failed.message, err))
                return false;
        if (!done) {
                *err = failed;
                return false;
        }
        return call(turn, read_back, err);
}

static bool apply_growth(struct turn *turn, int wanted, bool dry_run, const struct call_recorder *calls,
                         struct error *err)
{
        char words[400];
        bool needed;

        if (!topic_check_growth(turn->target->options, turn->topic, &turn->facts, wanted, &needed, err))
                return false;
        if (!needed)
                return true;
        if (turn->target->objects)
                return topic_object_grow(turn->target->objects, turn->topic->name, &turn->object, wanted,
                                         dry_run, calls, err);
        turn->partitions = wanted;
        snprintf(words, sizeof words, "CreatePartitions %s: %d -> %d", turn->topic->name,
                 turn->facts.partitions, wanted);
        return make_call(turn, words, grow, await_growth, dry_run, calls, err);
}

static bool apply_settings(struct turn *turn, const json_t *wanted, bool dry_run,
                           const struct call_recorder *calls, struct error *err)
{
        autotext words = {0};
        const char *name;
        json_t *text;
        bool needed;

        if (!topic_merge_settings(turn->topic, turn->facts.settings, wanted, &turn->own, &needed, err))
                return false;
        if (!needed)
                return true;
        text_format(&words, "AlterConfigs %s:", turn->topic->name);
        json_object_foreach((json_t *)(uintptr_t)wanted, name, text)
                text_format(&words, " %s=%s", name, json_string_value(text));
        return make_call(turn, words.data, alter, await_settings, dry_run, calls, err);
}

static json_t *setting_text(double value)
{
        char text[40];

        snprintf(text, sizeof text, value == floor(value) && fabs(value) < 1e15 ? "%.0f" : "%.15g", value);
        return json_string(text);
}

/* What is asked of one topic: partitions (0: nothing) and settings. */
static int collect_changes(const struct target *target, int index, const struct configuration *from,
                           const struct configuration *to, json_t *settings)
{
        const struct pipeline *pipeline = target->context->pipeline;
        int partitions = 0;

        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];

                if (from->value[i] == to->value[i] || (target->objects && knob->role != KNOB_PARTITIONS) ||
                    kafka_knob_topic(target->options, pipeline, knob) != index)
                        continue;
                if (knob->role == KNOB_PARTITIONS)
                        partitions = (int)lround(to->value[i]);
                else
                        json_object_set_new(settings, kafka_knob_setting(target->options, knob),
                                            setting_text(to->value[i]));
        }
        return partitions;
}

static bool apply_topic(struct target *target, int index, const struct configuration *from,
                        const struct configuration *to, bool dry_run, const struct call_recorder *calls,
                        struct error *err)
{
        autojson *settings = json_object();
        int partitions = collect_changes(target, index, from, to, settings);
        struct turn turn;
        bool done;

        if (partitions == 0 && json_object_size(settings) == 0)
                return true;
        if (!turn_begin(target, index, &turn, look_at_all, err))
                return false;
        done = (partitions == 0 || apply_growth(&turn, partitions, dry_run, calls, err)) &&
               (json_object_size(settings) == 0 || apply_settings(&turn, settings, dry_run, calls, err));
        turn_fini(&turn);
        return done;
}

static bool kafka_apply(void *state, const struct configuration *from, const struct configuration *to,
                        bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct target *target = state;

        for (int i = 0; i < (int)target->options->topics.count; i++)
                if (!apply_topic(target, i, from, to, dry_run, calls, err))
                        return kafka_name_peer(target->options->bootstrap_servers, err);
        return true;
}

static int64_t kafka_call_seconds(const void *given)
{
        const struct kafka_options *options = given;

        return options->timeout_seconds;
}

const struct actuator kafka_actuator = {
        .name = "kafka",
        .summary = "Kafka: partitions and settings of topics",
        .open = kafka_open,
        .controls = kafka_controls,
        .apply = kafka_apply,
        .read = kafka_read,
        .call_seconds = kafka_call_seconds,
        .close = kafka_close,
};
