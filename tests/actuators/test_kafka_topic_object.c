/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Topics that Strimzi keeps: what is written goes into the object and never to the brokers. The object is as
 * a real API server delivers it (tests/e2e/kube/record_targets), changed where a play says so; the broker has
 * the topic "orders" with three partitions. */
#include "tests/conformance/kube_recording.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/kafka_scene.h"

extern const struct actuator kafka_actuator;

#define PLACE "/apis/kafka.strimzi.io/v1beta2/namespaces/default/kafkatopics/work-topic"

struct scene {
        struct kafka_broker *broker;
        struct kafka_scene kafka;
        struct http_client *http;
        struct scripted_peer *server;
        struct kube_client *client;
        struct kube_shared *kubernetes;
        struct kube_recording *recording;
        json_t *edit;  /* laid over the object */
        int conflicts; /* to come */
        void *actuator;
        struct configuration from, to, told;
        bool done;
        struct error err;
        char *written; /* spec of the newest patch; NULL: there was none */
        int n_patches;
};

/* ---- the API server ---- */

static char *refuse(struct scene *scene, struct scripted_answer *how)
{
        struct error err = ERROR_INIT;
        char *text;

        scene->conflicts--;
        how->status = 409;
        assert_true(text_read_file("tests/fixtures/kubernetes/conflict.json", 1u << 20, &text, NULL, &err));
        return text;
}

static char *take_patch(struct scene *scene, const struct scripted_request *request,
                        struct scripted_answer *how)
{
        autojson *body = json_loads(request->body, 0, NULL);

        assert_true(json_is_string(json_object_get(json_object_get(body, "metadata"), "uid")));
        assert_true(json_is_string(json_object_get(json_object_get(body, "metadata"), "resourceVersion")));
        scene->n_patches++;
        if (scene->conflicts > 0)
                return refuse(scene, how);
        free(scene->written);
        scene->written = json_dumps(json_object_get(body, "spec"), JSON_COMPACT);
        return kube_recording_answer(scene->recording, "PATCH", request->path);
}

/* The list holds the object as it is. */
static void lay_over(json_t *answer, const json_t *edit)
{
        json_t *items = json_object_get(answer, "items");

        json_object_update_recursive(items ? json_array_get(items, 0) : answer, (json_t *)(uintptr_t)edit);
}

static char *answer(void *context, const struct scripted_request *request, struct scripted_answer *how)
{
        struct scene *scene = context;
        autojson *told = NULL;

        if (strcmp(request->method, "PATCH") == 0)
                return take_patch(scene, request, how);
        if (strstr(request->path, "watch=true"))
                return memory_copy_text("");
        told = json_deep_copy(kube_recording_find(scene->recording, "GET", request->path));
        assert_non_null(told);
        if (strstr(request->path, "kafkatopics"))
                lay_over(told, scene->edit);
        return json_dumps(told, 0);
}

/* ---- a scene ---- */

static void reach(struct scene *scene)
{
        struct kube_config config = {.server = (char *)(uintptr_t)scripted_peer_url(scene->server),
                                     .namespace = (char *)(uintptr_t) "default",
                                     .shown = (char *)(uintptr_t) "a test"};
        struct kube_access access = {.reactor = scene->kafka.reactor, .http = scene->http};

        assert_true(kube_client_new(access.reactor, access.http, &config, &scene->client, &scene->err));
        access.client = scene->client;
        scene->kubernetes = kube_shared_provide(scene->kafka.shared, &access);
}

/* `edit`: of the object, as JSON; `more`: options. */
static struct scene *scene_open(const char *edit, const char *more)
{
        struct scene *scene = memory_new(1, sizeof *scene);
        autofree char *options =
                memory_format("topicSettings: [segment.bytes]\ntimeoutSeconds: 60\ntopicObjects: {%s}\n"
                              "topics: [{name: orders, operator: read, group: readers, keyed: false}]\n",
                              more);

        scene->broker = kafka_broker_open();
        kafka_scene_open(&scene->kafka, kafka_broker_servers(scene->broker), options);
        scene->edit = json_loads(edit, 0, NULL);
        scene->recording = kube_recording_read();
        scene->server = scripted_peer_new(scene->kafka.reactor);
        scripted_peer_answer(scene->server, "*", &(struct scripted_answer){.by = answer, .context = scene});
        assert_true(http_client_new(scene->kafka.reactor, NULL, NULL, &scene->http, &scene->err));
        scene->kafka.context.http = scene->http;
        reach(scene);
        scene->from = (struct configuration){.count = 3, .value = {3, 1000000, 1}};
        scene->to = scene->from;
        assert_true(kafka_actuator.open(&scene->kafka.context, &scene->kafka.options, &scene->actuator,
                                        &scene->err));
        return scene;
}

static void scene_close(struct scene *scene)
{
        kafka_actuator.close(scene->actuator);
        reactor_stop(scene->kafka.reactor);
        reactor_run(scene->kafka.reactor);
        kube_shared_withdraw(scene->kafka.shared, scene->kubernetes);
        kube_client_free(scene->client);
        http_client_free(scene->http);
        scripted_peer_free(scene->server);
        kafka_scene_close(&scene->kafka);
        kafka_broker_close(scene->broker);
        kube_recording_forget(scene->recording);
        json_decref(scene->edit);
        free(scene->written);
        free(scene);
}

static void run_apply(void *argument)
{
        struct scene *scene = argument;

        scene->done =
                kafka_actuator.apply(scene->actuator, &scene->from, &scene->to, false, NULL, &scene->err);
}

static void run_read(void *argument)
{
        struct scene *scene = argument;

        scene->told = (struct configuration){.count = 3, .value = {-1, -1, -1}};
        scene->done = kafka_actuator.read(scene->actuator, &scene->told, &scene->err);
}

static void apply(struct scene *scene, int partitions)
{
        scene->to.value[0] = partitions;
        reactor_call(scene->kafka.reactor, run_apply, scene);
}

static void expect_brokers_untouched(const struct scene *scene)
{
        struct broker_state state = kafka_broker_state(scene->broker);

        assert_int_equal(state.n_partitions, 3);
        assert_int_equal(state.n_growths + state.n_alterations, 0);
}

static void expect_refused(const char *edit, const char *more, int partitions, const char *reason,
                           const char *words)
{
        struct scene *scene = scene_open(edit, more);

        apply(scene, partitions);
        assert_false(scene->done);
        if (!strstr(scene->err.message, words))
                fail_msg("\"%s\" instead of \"%s\"", scene->err.message, words);
        assert_string_equal(scene->err.reason, reason);
        assert_int_equal(scene->n_patches, 0);
        expect_brokers_untouched(scene);
        scene_close(scene);
}

/* ---- plays ---- */

static void test_it_grows_where_its_operator_reads(void **state)
{
        struct scene *scene = scene_open("{}", "cluster: kafka");

        (void)state;
        apply(scene, 6);
        if (!scene->done)
                fail_msg("%s", scene->err.message);
        assert_string_equal(scene->written, "{\"partitions\":6}");
        assert_int_equal(scene->n_patches, 1);
        expect_brokers_untouched(scene);
        scene_close(scene);
}

/* The brokers have three, and its operator is about to make five of them. */
static void test_what_it_is_told_is_what_the_object_says(void **state)
{
        struct scene *scene = scene_open("{\"spec\": {\"partitions\": 5}}", "namespace: default");

        (void)state;
        reactor_call(scene->kafka.reactor, run_read, scene);
        assert_true(scene->done);
        assert_true(scene->told.value[0] == 5);
        /* Its settings are those of its spec. */
        assert_true(scene->told.value[1] == -1);
        assert_false(kafka_actuator.controls(scene->actuator, &scene->kafka.knobs[1]));
        apply(scene, 5);
        assert_true(scene->done);
        assert_int_equal(scene->n_patches, 0);
        scene_close(scene);
}

static void test_one_that_changed_meanwhile_is_read_again(void **state)
{
        struct scene *scene = scene_open("{}", "");

        (void)state;
        scene->conflicts = 1;
        apply(scene, 6);
        assert_true(scene->done);
        assert_string_equal(scene->written, "{\"partitions\":6}");
        assert_int_equal(scene->n_patches, 2);
        scene_close(scene);
}

static void test_what_is_not_written(void **state)
{
        (void)state;
        expect_refused("{\"spec\": {\"partitions\": 5}}", "", 4, "PartitionsOnlyGrow",
                       "topic orders has 5 partitions and cannot have 4");
        expect_refused("{\"metadata\": {\"annotations\": {\"strimzi.io/managed\": \"false\"}}}", "", 6,
                       "NotManaged", "KafkaTopic default/work-topic: its operator leaves it alone");
        expect_refused("{\"metadata\": {\"annotations\": {\"strimzi.io/pause-reconciliation\": \"true\"}}}",
                       "", 6, "Paused", "it is paused");
        expect_refused(
                "{\"metadata\": {\"managedFields\": [{\"manager\": \"flux\", \"operation\": \"Apply\", "
                "\"fieldsV1\": {\"f:spec\": {\"f:partitions\": {}}}}]}}",
                "", 6, "Conflicted", "its partitions are kept by flux");
        expect_refused("{}", "cluster: other", 6, "NotFound",
                       "topic orders: no KafkaTopic is of it in namespace default");
        expect_refused("{\"spec\": {\"topicName\": \"payments\"}}", "", 6, "NotFound",
                       "no KafkaTopic is of it");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_grows_where_its_operator_reads),
                cmocka_unit_test(test_what_it_is_told_is_what_the_object_says),
                cmocka_unit_test(test_one_that_changed_meanwhile_is_read_again),
                cmocka_unit_test(test_what_is_not_written),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
