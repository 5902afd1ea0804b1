/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The collector against librdkafka's imitation of a cluster: what it sees, and what it makes of faults. */
#include "tests/support/kafka_mock.h"
#include "tests/support/kafka_scene.h"
#include "tests/support/set_clock.h"

#include <math.h>

#include "engines/kafka/kafka_client.h"
#include "core/clock.h"

extern const struct collector kafka_collector;

#define ORDERS "topics: [{name: orders, operator: read, group: readers}]\n"
/* Longer than any machine is busy. Who asks a peer that answers waits no longer for it. */
#define PATIENT ORDERS "timeoutSeconds: 120\n"

struct play {
        struct kafka_mock mock;
        struct kafka_scene scene;
        struct kafka_look look;
};

static void play_open(struct play *play, const char *n_brokers, int partitions, const char *options)
{
        kafka_mock_open(&play->mock, n_brokers);
        if (partitions > 0)
                kafka_mock_topic(&play->mock, "orders", partitions);
        kafka_scene_open(&play->scene, kafka_mock_servers(&play->mock), options);
        play->look = (struct kafka_look){.scene = &play->scene, .collector = &kafka_collector};
        assert_true(kafka_collector.open(&play->scene.context, &play->scene.options, &play->look.state,
                                         &play->look.err));
}

static void play_close(struct play *play)
{
        kafka_collector.close(play->look.state);
        kafka_scene_close(&play->scene);
        kafka_mock_close(&play->mock);
}

/* The loop's clock goes on: within a millisecond no rate is known. */
static void go_on(void)
{
        int64_t now_ms = clock_steady_ms();

        while (clock_steady_ms() <= now_ms)
                ;
}

/* Of three partitions one is read up to 40 of 100 records; of one with 50 nothing was ever committed, and one
 * is empty: 60 + 50 + 0 wait. */
static void what_waits(void **state)
{
        const struct observation *seen;
        struct play play;

        (void)state;
        play_open(&play, "3", 3, PATIENT);
        kafka_produce(play.mock.producer, "orders", 0, 100);
        kafka_produce(play.mock.producer, "orders", 1, 50);
        kafka_mock_commit(kafka_mock_servers(&play.mock), "readers", "orders", 0, 40);
        seen = kafka_look(&play.look);
        assert_float_equal(seen->backlog_records, 110, 0);
        assert_float_equal(seen->operators[0].backlog_records, 110, 0);
        assert_int_equal(seen->operators[0].partitions, 3);
        assert_float_equal(seen->configuration.value[0], 3, 0);
        assert_int_equal(seen->brokers, 3);
        assert_int_equal(seen->missing & (MISSING_ALL | MISSING_BACKLOG), 0);
        /* One reading tells no rate, and of other operators nothing is known. */
        assert_true(isnan(seen->offered_per_second));
        assert_true(isnan(seen->operators[1].backlog_records));
        play_close(&play);
}

/* 90 and 10 records arrive between two readings: nine tenths of them at the busiest partition. Somebody sets
 * the clock meanwhile. */
static void what_arrives(void **state)
{
        const struct observation *seen;
        struct set_clock set = {.ahead_ms = 0};
        struct clock calendar = set_clock(&set);
        struct play play;

        (void)state;
        play_open(&play, "1", 2, PATIENT);
        set.beneath = &play.scene.clock;
        play.scene.context.clock = &calendar;
        kafka_produce(play.mock.producer, "orders", 0, 5);
        kafka_look(&play.look);
        go_on();
        set.ahead_ms = 3600 * MS_PER_SECOND;
        kafka_produce(play.mock.producer, "orders", 0, 90);
        kafka_produce(play.mock.producer, "orders", 1, 10);
        seen = kafka_look(&play.look);
        assert_true(seen->offered_per_second > 0);
        assert_float_equal(seen->operators[0].partition_per_second_max / seen->offered_per_second, 0.9, 1e-9);
        assert_false(seen->counters_reset);
        assert_true(seen->window_ms > 0 && seen->window_ms < set.ahead_ms);
        play_close(&play);
}

static void a_leader_that_is_gone(void **state)
{
        const struct observation *seen;
        struct play play;

        (void)state;
        play_open(&play, "2", 2, PATIENT);
        kafka_produce(play.mock.producer, "orders", 0, 7);
        assert_float_equal(kafka_look(&play.look)->backlog_records, 7, 0);
        rd_kafka_mock_partition_set_leader(play.mock.cluster, "orders", 1, -1);
        seen = kafka_look(&play.look);
        /* Nothing unknown becomes zero. */
        assert_true(isnan(seen->backlog_records));
        assert_true(isnan(seen->offered_per_second));
        assert_true(seen->missing & MISSING_BACKLOG);
        assert_int_equal(seen->operators[0].partitions, 2);
        rd_kafka_mock_partition_set_leader(play.mock.cluster, "orders", 1, 2);
        go_on();
        kafka_produce(play.mock.producer, "orders", 1, 3);
        seen = kafka_look(&play.look);
        assert_float_equal(seen->backlog_records, 10, 0);
        assert_true(seen->offered_per_second > 0);
        play_close(&play);
}

/* The group may not be read: rates are known all the same. */
static void a_group_that_may_not_be_read(void **state)
{
        const struct observation *seen;
        struct play play;

        (void)state;
        play_open(&play, "1", 1, PATIENT);
        kafka_look(&play.look);
        go_on();
        kafka_produce(play.mock.producer, "orders", 0, 3);
        rd_kafka_mock_push_request_errors(play.mock.cluster, KAFKA_OFFSET_FETCH, 1,
                                          RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
        seen = kafka_look(&play.look);
        assert_true(seen->offered_per_second > 0);
        assert_true(isnan(seen->backlog_records));
        assert_true(seen->missing & MISSING_BACKLOG);
        play_close(&play);
}

static void a_topic_that_is_not_there(void **state)
{
        const struct error *err;
        struct play play;

        (void)state;
        play_open(&play, "1", 1, PATIENT);
        rd_kafka_mock_topic_set_error(play.mock.cluster, "orders", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        err = kafka_look_in_vain(&play.look);
        assert_int_equal(err->code, ERROR_NOT_FOUND);
        assert_non_null(strstr(err->message, "orders"));
        play_close(&play);
}

/* Errors that pass, or a peer that hangs up: it is asked again, within the turn. */
static void errors_that_pass(void **state)
{
        static const struct {
                int16_t request;
                rd_kafka_resp_err_t error;
        } passing[] = {
                {KAFKA_OFFSET_FETCH, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS},
                {KAFKA_OFFSET_FETCH, RD_KAFKA_RESP_ERR__TRANSPORT},
                {KAFKA_FIND_COORDINATOR, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE},
                {KAFKA_LIST_OFFSETS, RD_KAFKA_RESP_ERR__TRANSPORT},
                {KAFKA_METADATA, RD_KAFKA_RESP_ERR__TRANSPORT},
        };
        struct play play;

        (void)state;
        play_open(&play, "1", 1, PATIENT);
        kafka_produce(play.mock.producer, "orders", 0, 4);
        for (size_t i = 0; i < ARRAY_LENGTH(passing); i++) {
                rd_kafka_mock_push_request_errors(play.mock.cluster, passing[i].request, 2, passing[i].error,
                                                  passing[i].error);
                assert_float_equal(kafka_look(&play.look)->backlog_records, 4, 0);
        }
        play_close(&play);
}

/* Of two brokers one is gone: what it leads is not known. */
static void a_silent_broker(void **state)
{
        const struct observation *seen;
        struct play play;

        (void)state;
        play_open(&play, "2", 2, ORDERS "timeoutSeconds: 20\n");
        rd_kafka_mock_coordinator_set(play.mock.cluster, "group", "readers", 1);
        rd_kafka_mock_partition_set_leader(play.mock.cluster, "orders", 0, 1);
        rd_kafka_mock_partition_set_leader(play.mock.cluster, "orders", 1, 2);
        kafka_produce(play.mock.producer, "orders", 0, 2);
        kafka_look(&play.look);
        rd_kafka_mock_broker_set_down(play.mock.cluster, 2);
        seen = kafka_look(&play.look);
        assert_true(isnan(seen->backlog_records));
        assert_true(isnan(seen->offered_per_second));
        assert_true(seen->missing & MISSING_BACKLOG);
        assert_int_equal(seen->operators[0].partitions, 2);
        rd_kafka_mock_broker_set_up(play.mock.cluster, 2);
        play_close(&play);
}

/* ---- many clusters ---- */

enum { N_DEAD = 6 };

struct order {
        struct kafka_look *look;
        int *count;
        int place;                      /* in which the answer came */
        rd_kafka_mock_cluster_t *wakes; /* that lives again once the answer is there */
};

static void ask(void *argument)
{
        struct order *order = argument;

        kafka_look_run(order->look);
        order->place = (*order->count)++;
        if (order->wakes)
                rd_kafka_mock_broker_set_up(order->wakes, -1);
}

/* More clusters are dead than libuv's pool has threads. They are asked first; the one that lives answers
 * first, and the others live only after that. */
static void dead_clusters_delay_nobody(void **state)
{
        struct order orders[N_DEAD + 1];
        struct kafka_look looks[N_DEAD];
        struct kafka_options dead[N_DEAD];
        char *servers[N_DEAD];
        struct kafka_mock grave;
        struct play play;
        int count = 0;

        (void)state;
        play_open(&play, "1", 1, PATIENT);
        kafka_mock_open(&grave, "1");
        kafka_mock_topic(&grave, "orders", 1);
        rd_kafka_mock_broker_set_down(grave.cluster, -1);
        for (int i = 0; i < N_DEAD; i++) {
                /* The same broker, named once more each time: another cluster, for all one knows. */
                servers[i] = memory_format("%s,%s", i > 0 ? servers[i - 1] : kafka_mock_servers(&grave),
                                           kafka_mock_servers(&grave));
                dead[i] = play.scene.options;
                dead[i].bootstrap_servers = servers[i];
                looks[i] = (struct kafka_look){.scene = &play.scene, .collector = &kafka_collector};
                assert_true(
                        kafka_collector.open(&play.scene.context, &dead[i], &looks[i].state, &looks[i].err));
                orders[i] = (struct order){.look = &looks[i], .count = &count};
                reactor_spawn(play.scene.reactor, ask, &orders[i]);
        }
        orders[N_DEAD] = (struct order){.look = &play.look, .count = &count, .wakes = grave.cluster};
        reactor_spawn(play.scene.reactor, ask, &orders[N_DEAD]);
        reactor_run(play.scene.reactor);
        assert_true(play.look.done);
        assert_int_equal(orders[N_DEAD].place, 0);
        for (int i = 0; i < N_DEAD; i++) {
                assert_true(looks[i].done);
                kafka_collector.close(looks[i].state);
                free(servers[i]);
        }
        play_close(&play);
        kafka_mock_close(&grave);
}

/* Two pipelines on one dead cluster share its connection; both are told in time. */
static void those_who_wait_for_the_same_dead_cluster(void **state)
{
        struct order orders[2];
        struct kafka_look second;
        struct play play;
        int count = 0;

        (void)state;
        play_open(&play, "1", 1, ORDERS "timeoutSeconds: 1\n");
        rd_kafka_mock_broker_set_down(play.mock.cluster, -1);
        second = (struct kafka_look){.scene = &play.scene, .collector = &kafka_collector};
        assert_true(
                kafka_collector.open(&play.scene.context, &play.scene.options, &second.state, &second.err));
        orders[0] = (struct order){.look = &play.look, .count = &count};
        orders[1] = (struct order){.look = &second, .count = &count};
        reactor_spawn(play.scene.reactor, ask, &orders[0]);
        reactor_spawn(play.scene.reactor, ask, &orders[1]);
        reactor_run(play.scene.reactor);
        assert_int_equal(count, 2);
        assert_false(play.look.done);
        assert_false(second.done);
        rd_kafka_mock_broker_set_up(play.mock.cluster, -1);
        kafka_collector.close(second.state);
        play_close(&play);
}

static void an_operator_that_is_no_source(void **state)
{
        struct error err = ERROR_INIT;
        struct kafka_scene scene;
        void *opened = NULL;

        (void)state;
        kafka_scene_open(&scene, "127.0.0.1:9", "topics: [{name: orders, operator: reed}]\n");
        assert_false(kafka_collector.open(&scene.context, &scene.options, &opened, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "did you mean read?"));
        kafka_scene_close(&scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_waits),
                cmocka_unit_test(what_arrives),
                cmocka_unit_test(a_leader_that_is_gone),
                cmocka_unit_test(a_group_that_may_not_be_read),
                cmocka_unit_test(a_topic_that_is_not_there),
                cmocka_unit_test(errors_that_pass),
                cmocka_unit_test(a_silent_broker),
                cmocka_unit_test(dead_clusters_delay_nobody),
                cmocka_unit_test(those_who_wait_for_the_same_dead_cluster),
                cmocka_unit_test(an_operator_that_is_no_source),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
