/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kafka's actuator on a KafkaTopic of a real API server and on a real broker, which
 * tests/e2e/kube/cases/kafka_topic.py started: KUBECONFIG names the one, KAFKA the other. Topic "orders" has
 * three partitions. */
#include "core/http/client.h"
#include "core/kubernetes/shared.h"
#include "tests/support/kafka_scene.h"

extern const struct actuator kafka_actuator;

struct stage {
        struct kafka_scene kafka;
        struct http_client *http;
        struct kube_shared *kubernetes;
        void *actuator;
        int n_calls;
};

static bool begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct stage *stage = context;

        (void)err;
        printf("begin %s\n", call);
        *ret_id = ++stage->n_calls;
        return true;
}

static bool end(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        (void)context;
        (void)err;
        printf("end %lld %d %s\n", (long long)id, done, answer);
        return true;
}

static bool apply(struct stage *stage, int from, int to, struct error *err)
{
        const struct call_recorder calls = {begin, end, stage};
        const struct configuration before = {.count = 3, .value = {from, 1000000, 1}};
        struct configuration after = before;

        after.value[0] = to;
        return kafka_actuator.apply(stage->actuator, &before, &after, false, &calls, err);
}

static void expect_told(struct stage *stage, int partitions)
{
        struct configuration told = {.count = 3};
        struct error err = ERROR_INIT;

        if (!kafka_actuator.read(stage->actuator, &told, &err))
                fail_msg("%s: %s", err.reason, err.message);
        assert_true(told.value[0] == partitions);
}

static void play(void *argument)
{
        struct stage *stage = argument;
        struct error err = ERROR_INIT;

        expect_told(stage, 3);
        if (!apply(stage, 3, 6, &err))
                fail_msg("%s: %s", err.reason, err.message);
        expect_told(stage, 6);
        assert_true(apply(stage, 3, 6, &err));
        assert_int_equal(stage->n_calls, 1);
        assert_false(apply(stage, 6, 4, &err));
        assert_string_equal(err.reason, "PartitionsOnlyGrow");
        assert_int_equal(stage->n_calls, 1);
        reactor_stop(stage->kafka.reactor);
}

static void test_a_topic_grows_by_its_object(void **state)
{
        struct stage stage = {.n_calls = 0};
        struct kube_access access = {0};
        struct error err = ERROR_INIT;

        (void)state;
        kafka_scene_open(&stage.kafka, getenv("KAFKA"),
                         "topicObjects: {cluster: kafka}\ntimeoutSeconds: 60\n"
                         "topics: [{name: orders, operator: read, keyed: false}]\n");
        stage.kafka.context.namespace = "default";
        assert_true(http_client_new(stage.kafka.reactor, NULL, NULL, &stage.http, &err));
        stage.kafka.context.http = stage.http;
        access = (struct kube_access){.reactor = stage.kafka.reactor, .http = stage.http};
        stage.kubernetes = kube_shared_provide(stage.kafka.shared, &access);
        assert_true(kafka_actuator.open(&stage.kafka.context, &stage.kafka.options, &stage.actuator, &err));
        reactor_spawn(stage.kafka.reactor, play, &stage);
        reactor_run(stage.kafka.reactor);
        kafka_actuator.close(stage.actuator);
        kube_shared_withdraw(stage.kafka.shared, stage.kubernetes);
        http_client_free(stage.http);
        kafka_scene_close(&stage.kafka);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_topic_grows_by_its_object)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
