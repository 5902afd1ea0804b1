/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of a topic while one of two brokers is dead, hangs, or comes back: librdkafka's imitation of a
 * cluster. Partition 0 is led by broker 1, partition 1 by broker 2, which also has the group. */
#include "tests/support/kafka_mock.h"

#include "engines/kafka/kafka_read.h"
#include "core/clock.h"

/* Longer than any machine is busy, and never waited for. */
#define PATIENT_MS 120000

struct play {
        struct kafka_mock mock;
        struct kafka_options options;
        struct kafka_client *client;
        struct kafka_reading reading;
        struct error err;
};

/* `seconds`: what the spec allows a turn; a fifth of it is the patience with one connection. */
static void play_open(struct play *play, int seconds)
{
        *play = (struct play){0};
        kafka_mock_open(&play->mock, "2");
        kafka_mock_topic(&play->mock, "orders", 2);
        rd_kafka_mock_partition_set_leader(play->mock.cluster, "orders", 0, 1);
        rd_kafka_mock_partition_set_leader(play->mock.cluster, "orders", 1, 2);
        rd_kafka_mock_coordinator_set(play->mock.cluster, "group", "readers", 1);
        kafka_produce(play->mock.producer, "orders", 0, 5);
        kafka_produce(play->mock.producer, "orders", 1, 7);
        play->options.bootstrap_servers = (char *)(uintptr_t)kafka_mock_servers(&play->mock);
        play->options.timeout_seconds = seconds;
        play->client = kafka_client_new(&play->options, NULL);
}

static void play_close(struct play *play)
{
        kafka_reading_clear(&play->reading);
        kafka_client_free(play->client);
        kafka_mock_close(&play->mock);
}

static const struct kafka_partition *read_all(struct play *play, const char *group, int64_t limit_ms)
{
        kafka_reading_clear(&play->reading);
        if (!kafka_read_topic(play->client, "orders", group, clock_steady_ms() + limit_ms, &play->reading,
                              &play->err))
                fail_msg("%s", play->err.message);
        return play->reading.partitions;
}

/* Reads until that partition is known: on a busy machine one that lives may seem dead for a while. */
static const struct kafka_partition *read_until(struct play *play, const char *group, int partition,
                                                int64_t limit_ms)
{
        do {
                kafka_reading_clear(&play->reading);
                error_clear(&play->err);
        } while (!kafka_read_topic(play->client, "orders", group, clock_steady_ms() + limit_ms,
                                   &play->reading, &play->err) ||
                 kafka_partition_lag(&play->reading.partitions[partition]) == KAFKA_NOT_KNOWN);
        return play->reading.partitions;
}

static void both_live(void **state)
{
        const struct kafka_partition *partitions;
        struct play play;

        (void)state;
        play_open(&play, 20);
        partitions = read_all(&play, "readers", PATIENT_MS);
        assert_int_equal(kafka_partition_lag(&partitions[0]), 5);
        assert_int_equal(kafka_partition_lag(&partitions[1]), 7);
        play_close(&play);
}

/* Its partition is not known, the other one is, and so are the commits. Once it is back it is heard. */
static void one_is_dead(void **state)
{
        const struct kafka_partition *partitions;
        struct play play;

        (void)state;
        play_open(&play, 20);
        read_all(&play, "readers", PATIENT_MS);
        rd_kafka_mock_broker_set_down(play.mock.cluster, 2);
        partitions = read_until(&play, "readers", 0, 12000);
        assert_int_equal(partitions[0].end, 5);
        assert_int_equal(kafka_partition_lag(&partitions[0]), 5);
        assert_int_equal(partitions[1].end, KAFKA_NOT_KNOWN);
        assert_int_equal(kafka_partition_lag(&partitions[1]), KAFKA_NOT_KNOWN);
        rd_kafka_mock_broker_set_up(play.mock.cluster, 2);
        partitions = read_until(&play, "readers", 1, 12000);
        assert_int_equal(kafka_partition_lag(&partitions[1]), 7);
        play_close(&play);
}

/* A broker that was silent a moment ago does not use up the time of every reading: four readings with a
 * deadline of two minutes end within the first minute. */
static void who_was_silent_is_not_waited_for(void **state)
{
        const struct kafka_partition *partitions;
        int64_t began_ms;
        struct play play;

        (void)state;
        play_open(&play, 20);
        rd_kafka_mock_broker_set_down(play.mock.cluster, 2);
        read_until(&play, NULL, 0, 3000);
        began_ms = clock_steady_ms();
        for (int i = 0; i < 4; i++) {
                partitions = read_all(&play, NULL, PATIENT_MS);
                assert_int_equal(partitions[0].end, 5);
                assert_int_equal(partitions[1].end, KAFKA_NOT_KNOWN);
        }
        assert_true(clock_steady_ms() - began_ms < PATIENT_MS / 2);
        play_close(&play);
}

/* The one that was asked last says nothing more: its connection stays, and librdkafka would ask it again. */
static void one_hangs(void **state)
{
        struct play play;

        (void)state;
        for (int broker = 1; broker <= 2; broker++) {
                const struct kafka_partition *partitions;

                play_open(&play, 5);
                read_all(&play, "readers", PATIENT_MS);
                rd_kafka_mock_broker_set_rtt(play.mock.cluster, broker, PATIENT_MS);
                partitions = read_until(&play, NULL, 2 - broker, 16000);
                assert_int_equal(partitions[2 - broker].end, broker == 1 ? 7 : 5);
                assert_int_equal(partitions[broker - 1].end, KAFKA_NOT_KNOWN);
                play_close(&play);
        }
}

/* A commit that is refused for one partition is not taken for none at all, which would be all of it waiting.
 */
static void a_commit_that_is_not_told(void **state)
{
        const struct kafka_partition *partitions;
        struct play play;

        (void)state;
        play_open(&play, 20);
        kafka_mock_commit(kafka_mock_servers(&play.mock), "readers", "orders", 0, 3);
        kafka_mock_commit(kafka_mock_servers(&play.mock), "readers", "orders", 1, 7);
        rd_kafka_mock_push_request_errors(play.mock.cluster, KAFKA_OFFSET_FETCH, 1,
                                          RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
        read_all(&play, "readers", PATIENT_MS);
        assert_false(play.reading.has_commits);
        assert_int_equal(play.reading.why_no_commits.code, ERROR_REFUSED);
        partitions = read_all(&play, "readers", PATIENT_MS);
        assert_int_equal(kafka_partition_lag(&partitions[0]), 2);
        assert_int_equal(kafka_partition_lag(&partitions[1]), 0);
        play_close(&play);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_live),
                cmocka_unit_test(one_is_dead),
                cmocka_unit_test(who_was_silent_is_not_waited_for),
                cmocka_unit_test(one_hangs),
                cmocka_unit_test(a_commit_that_is_not_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
