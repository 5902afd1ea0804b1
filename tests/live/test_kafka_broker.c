/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Collector and actuator against a real broker: OPTCTL_KAFKA is its host:port; without it all is skipped.
 * With OPTCTL_KAFKA_PID, too, that process is stopped, continued and at last killed.
 */
#include "tests/support/kafka_mock.h"
#include "tests/support/kafka_scene.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "engines/kafka/kafka_cluster.h"
#include "engines/kafka/kafka_read.h"
#include "engines/kafka/kafka_write.h"
#include "core/clock.h"

extern const struct collector kafka_collector;
extern const struct actuator kafka_actuator;

struct play {
        struct kafka_scene scene;
        struct kafka_look look;
        rd_kafka_t *client;
        char topic[64];
        void *actuator;
        /* What the actuator announced and was told. */
        int n_begun, n_done;
        char call[400];
        struct configuration read;
        struct error err;
};

static const char *servers(void)
{
        const char *found = getenv("OPTCTL_KAFKA");

        if (!found)
                skip();
        return found;
}

/* ---- the broker's own administration ---- */

/* A broker has made a topic before it tells of it. */
static bool is_there(rd_kafka_t *client, const char *topic)
{
        rd_kafka_topic_t *object = rd_kafka_topic_new(client, topic, NULL);
        const struct rd_kafka_metadata *metadata;
        bool found;

        assert_int_equal(rd_kafka_metadata(client, 0, object, &metadata, 20000), 0);
        found = metadata->topics[0].err == 0 && metadata->topics[0].partitions[0].leader >= 0;
        rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(object);
        return found;
}

static void create_topic(rd_kafka_t *client, const char *topic, int partitions, const char *setting,
                         const char *value)
{
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_NewTopic_t *wanted = rd_kafka_NewTopic_new(topic, partitions, 1, NULL, 0);
        rd_kafka_event_t *event;
        size_t count;

        if (setting)
                rd_kafka_NewTopic_set_config(wanted, setting, value);
        rd_kafka_CreateTopics(client, &wanted, 1, NULL, queue);
        event = rd_kafka_queue_poll(queue, 20000);
        assert_non_null(event);
        assert_int_equal(rd_kafka_topic_result_error(rd_kafka_CreateTopics_result_topics(
                                 rd_kafka_event_CreateTopics_result(event), &count)[0]),
                         0);
        rd_kafka_event_destroy(event);
        rd_kafka_NewTopic_destroy(wanted);
        rd_kafka_queue_destroy(queue);
        while (!is_there(client, topic))
                ;
}

static void delete_topic(rd_kafka_t *client, char *topic)
{
        rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
        rd_kafka_DeleteTopic_t *wanted = rd_kafka_DeleteTopic_new(topic);
        rd_kafka_event_t *event;

        rd_kafka_DeleteTopics(client, &wanted, 1, NULL, queue);
        event = rd_kafka_queue_poll(queue, 20000);
        assert_non_null(event);
        rd_kafka_event_destroy(event);
        rd_kafka_DeleteTopic_destroy(wanted);
        rd_kafka_queue_destroy(queue);
}

/* ---- the play ---- */

static void play_open(struct play *play, const char *name, int partitions, const char *setting,
                      const char *value, bool keyed, const char *more)
{
        const char *const settings[] = {"bootstrap.servers", servers(), "log_level", "0", NULL};
        autofree char *options = NULL;

        memset(play, 0, sizeof *play);
        play->client = kafka_mock_client(RD_KAFKA_PRODUCER, settings);
        snprintf(play->topic, sizeof play->topic, "%s-%d-%lld", name, getpid(), (long long)clock_steady_ms());
        if (partitions > 0)
                create_topic(play->client, play->topic, partitions, setting, value);
        options =
                memory_format("topicSettings: [segment.bytes]\ntopics: [{name: %s, operator: read, %s}]\n%s",
                              play->topic, keyed ? "group: readers" : "group: readers, keyed: false", more);
        kafka_scene_open(&play->scene, servers(), options);
        play->look = (struct kafka_look){.scene = &play->scene, .collector = &kafka_collector};
        assert_true(kafka_collector.open(&play->scene.context, &play->scene.options, &play->look.state,
                                         &play->err));
        assert_true(
                kafka_actuator.open(&play->scene.context, &play->scene.options, &play->actuator, &play->err));
}

static void play_close(struct play *play)
{
        kafka_actuator.close(play->actuator);
        kafka_collector.close(play->look.state);
        kafka_scene_close(&play->scene);
        rd_kafka_destroy(play->client);
}

static bool begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct play *play = context;

        (void)err;
        *ret_id = ++play->n_begun;
        snprintf(play->call, sizeof play->call, "%s", call);
        return true;
}

static bool end(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        struct play *play = context;

        (void)id;
        (void)answer;
        (void)err;
        play->n_done += done;
        return true;
}

struct application {
        struct play *play;
        struct configuration from, to;
        bool dry_run, done;
};

static void run_application(void *argument)
{
        struct application *application = argument;
        struct play *play = application->play;
        const struct call_recorder calls = {begin, end, play};

        error_clear(&play->err);
        play->n_begun = play->n_done = 0;
        application->done = kafka_actuator.apply(play->actuator, &application->from, &application->to,
                                                 application->dry_run, &calls, &play->err);
}

static bool apply(struct play *play, int knob, double from, double to, bool dry_run)
{
        struct application application = {.play = play, .dry_run = dry_run};

        application.from = (struct configuration){.count = 3, .value = {3, 1e6, 1}};
        application.from.value[knob] = from;
        application.to = application.from;
        application.to.value[knob] = to;
        reactor_call(play->scene.reactor, run_application, &application);
        if (!application.done)
                print_message("               %s\n", play->err.message);
        return application.done;
}

static void run_read(void *argument)
{
        struct play *play = argument;

        play->read = (struct configuration){.count = 3, .value = {-1, -1, -1}};
        error_clear(&play->err);
        if (!kafka_actuator.read(play->actuator, &play->read, &play->err))
                play->read.count = 0;
}

static const struct configuration *read_target(struct play *play)
{
        reactor_call(play->scene.reactor, run_read, play);
        return &play->read;
}

/* ---- scenes ---- */

static void lag_and_rates(void **state)
{
        const struct observation *seen;
        struct play play;

        (void)state;
        play_open(&play, "lag", 3, NULL, NULL, false, "");
        kafka_produce(play.client, play.topic, 0, 1000);
        kafka_produce(play.client, play.topic, 1, 500);
        kafka_mock_commit(servers(), "readers", play.topic, 0, 400);
        seen = kafka_look(&play.look);
        assert_float_equal(seen->backlog_records, 600 + 500, 0);
        assert_int_equal(seen->operators[0].partitions, 3);
        assert_int_equal(seen->brokers, 1);
        kafka_produce(play.client, play.topic, 2, 300);
        kafka_produce(play.client, play.topic, 0, 100);
        seen = kafka_look(&play.look);
        assert_float_equal(seen->backlog_records, 1500, 0);
        assert_float_equal(seen->operators[0].partition_per_second_max / seen->offered_per_second, 0.75,
                           1e-9);
        play_close(&play);
}

static void growth(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, "grow", 3, NULL, NULL, false, "");
        assert_true(kafka_actuator.controls(play.actuator, &play.scene.knobs[0]));
        assert_false(kafka_actuator.controls(play.actuator, &play.scene.knobs[2]));
        assert_true(apply(&play, 0, 3, 6, true));
        assert_int_equal(play.n_begun, 1);
        assert_non_null(strstr(play.call, "3 -> 6"));
        assert_float_equal(read_target(&play)->value[0], 3, 0);
        assert_true(apply(&play, 0, 3, 6, false));
        assert_int_equal(play.n_done, 1);
        assert_float_equal(read_target(&play)->value[0], 6, 0);
        assert_float_equal(play.read.value[2], -1, 0); /* not its own */
        /* Repeated, as after a crash: nothing is written again. */
        assert_true(apply(&play, 0, 3, 6, false));
        assert_int_equal(play.n_begun, 0);
        assert_float_equal(kafka_look(&play.look)->operators[0].partitions, 6, 0);
        play_close(&play);
}

struct shrinking {
        const char *topic;
        struct kafka_cluster *cluster;
        struct error err;
        bool done;
};

static bool shrink(struct kafka_client *client, int64_t deadline_ms, void *argument, struct error *err)
{
        const struct shrinking *shrinking = argument;

        return kafka_write_partitions(client, shrinking->topic, 2, deadline_ms, err);
}

static void run_shrink(void *argument)
{
        struct shrinking *shrinking = argument;

        shrinking->done = kafka_cluster_call(shrinking->cluster, 10000, shrink, shrinking, &shrinking->err);
}

static void shrinking_is_refused(void **state)
{
        struct shrinking shrinking = {.err = ERROR_INIT};
        struct play play;

        (void)state;
        play_open(&play, "shrink", 3, NULL, NULL, false, "");
        assert_false(apply(&play, 0, 3, 2, false));
        assert_string_equal(play.err.reason, "PartitionsOnlyGrow");
        assert_int_equal(play.n_begun, 0);
        /* The broker says the same. */
        shrinking.topic = play.topic;
        shrinking.cluster = kafka_cluster_take(&play.scene.context, &play.scene.options);
        reactor_call(play.scene.reactor, run_shrink, &shrinking);
        assert_false(shrinking.done);
        assert_string_equal(shrinking.err.reason, "InvalidPartitions");
        assert_false(shrinking.err.retry);
        kafka_cluster_give_back(shrinking.cluster);
        play_close(&play);
}

/* Nor does asking create it, though the broker would do so for a producer. */
static void a_topic_that_is_not_there(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, "absent", 0, NULL, NULL, false, "");
        for (int i = 0; i < 2; i++) {
                assert_int_equal(kafka_look_in_vain(&play.look)->code, ERROR_NOT_FOUND);
                assert_false(apply(&play, 0, 3, 6, false));
                assert_int_equal(play.err.code, ERROR_NOT_FOUND);
        }
        play_close(&play);
}

static void keys_that_would_move(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, "compacted", 3, "cleanup.policy", "compact", false, "");
        assert_false(apply(&play, 0, 3, 6, false));
        assert_string_equal(play.err.reason, "KeysWouldMove");
        assert_int_equal(play.n_begun, 0);
        /* From now on it is recommended only. */
        assert_false(kafka_actuator.controls(play.actuator, &play.scene.knobs[0]));
        play_close(&play);
        play_open(&play, "keyed", 3, NULL, NULL, true, "");
        assert_false(kafka_actuator.controls(play.actuator, &play.scene.knobs[0]));
        play_close(&play);
        play_open(&play, "said", 3, "cleanup.policy", "compact", true,
                  "allowPartitionGrowthOfKeyedTopics: true\n");
        assert_true(apply(&play, 0, 3, 4, false));
        play_close(&play);
}

static void settings(void **state)
{
        struct play play;

        (void)state;
        play_open(&play, "settings", 1, "retention.ms", "123456789", false, "");
        assert_true(apply(&play, 1, 1e6, 2097152, true));
        assert_non_null(strstr(play.call, "segment.bytes=2097152"));
        assert_true(apply(&play, 1, 1e6, 2097152, false));
        assert_float_equal(read_target(&play)->value[1], 2097152, 0);
        assert_true(apply(&play, 1, 1e6, 2097152, false));
        assert_int_equal(play.n_begun, 0);
        /* Set once more, the topic's own retention is still there: the read-back would say otherwise. */
        assert_true(apply(&play, 1, 1e6, 4194304, false));
        assert_int_equal(play.n_done, 1);
        assert_false(apply(&play, 1, 1e6, 1, false)); /* below the broker's minimum */
        assert_int_equal(play.err.code, ERROR_REFUSED);
        assert_float_equal(read_target(&play)->value[1], 4194304, 0);
        play_close(&play);
}

static void a_topic_made_anew(void **state)
{
        const struct observation *seen;
        struct play play;

        (void)state;
        play_open(&play, "anew", 2, NULL, NULL, false, "");
        kafka_produce(play.client, play.topic, 0, 100);
        kafka_look(&play.look);
        delete_topic(play.client, play.topic);
        do
                reactor_call(play.scene.reactor, kafka_look_run, &play.look);
        while (play.look.done);
        create_topic(play.client, play.topic, 2, NULL, NULL);
        do
                reactor_call(play.scene.reactor, kafka_look_run, &play.look);
        while (!play.look.done ||
               (isnan(play.look.observation.backlog_records) && !play.look.observation.counters_reset));
        seen = &play.look.observation;
        assert_true(seen->counters_reset);
        assert_true(isnan(seen->offered_per_second));
        play_close(&play);
}

/* A broker that is silent, comes back, and dies. */
static void a_broker_that_dies(void **state)
{
        const char *number = getenv("OPTCTL_KAFKA_PID");
        struct play play;
        pid_t broker;

        (void)state;
        (void)servers();
        if (!number)
                skip();
        broker = (pid_t)strtol(number, NULL, 10);
        play_open(&play, "dies", 1, NULL, NULL, false, "timeoutSeconds: 2\n");
        kafka_produce(play.client, play.topic, 0, 10);
        kafka_look(&play.look);
        assert_int_equal(kill(broker, SIGSTOP), 0);
        assert_true(kafka_look_in_vain(&play.look)->retry);
        assert_false(apply(&play, 0, 1, 2, false));
        assert_true(play.err.retry);
        assert_int_equal(kill(broker, SIGCONT), 0);
        assert_float_equal(kafka_look(&play.look)->backlog_records, 10, 0);
        assert_int_equal(play.look.observation.operators[0].partitions, 1);
        assert_int_equal(kill(broker, SIGKILL), 0);
        assert_true(kafka_look_in_vain(&play.look)->retry);
        print_message("%s\n", play.look.err.message);
        play_close(&play);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lag_and_rates),        cmocka_unit_test(growth),
                cmocka_unit_test(shrinking_is_refused), cmocka_unit_test(a_topic_that_is_not_there),
                cmocka_unit_test(keys_that_would_move), cmocka_unit_test(settings),
                cmocka_unit_test(a_topic_made_anew),    cmocka_unit_test(a_broker_that_dies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
