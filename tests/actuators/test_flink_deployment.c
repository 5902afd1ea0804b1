/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written into a FlinkDeployment, and what is not: the object is as a real API server delivers it
 * (tests/e2e/kube/record_targets), changed where a play says so; its job is a real one's
 * (tests/e2e/record_flink). */
#include "engines/flink_deployment/deployment.h"
#include "tests/conformance/managers.h"

extern const struct actuator flink_deployment_actuator;

#define PLACE "/apis/flink.apache.org/v1beta1/namespaces/default/flinkdeployments/work-flinkdeployment"

struct scene {
        struct stand stand;
        struct manager manager;
        json_t *edit; /* laid over the object */
        void *actuator;
        struct configuration to, told;
        bool done;
        struct error err;
        char *written; /* spec of the newest patch; NULL: there was none */
};

static char *answer(void *context, const struct scripted_request *request, struct scripted_answer *how)
{
        struct scene *scene = context;
        autofree char *plain = NULL;
        autojson *object = NULL;

        if (is_write(request)) {
                autojson *body = json_loads(request->body, 0, NULL);

                free(scene->written);
                scene->written = json_dumps(json_object_get(body, "spec"), JSON_SORT_KEYS | JSON_COMPACT);
                object = json_deep_copy(
                        kube_recording_find(scene->manager.kubernetes, "PATCH", request->path));
        } else {
                plain = answer_deployment(&scene->manager, request, how);
                object = json_loads(plain, 0, NULL);
        }
        if (object && strcmp(request->path, PLACE) == 0)
                json_object_update_recursive(object, scene->edit);
        return object ? json_dumps(object, 0) : TAKE(plain);
}

static const struct subject subject = {.name = "flinkDeployment",
                                       .plugin = "flinkDeployment",
                                       .options = "name: work-flinkdeployment\nurl: %s\njob: rate-job\n",
                                       .per_operator = true,
                                       .kubernetes = true};

/* `edit`: of the object, as JSON. The last knob is that of memory. */
static struct scene *scene_open(const char *edit)
{
        struct scene *scene = memory_new(1, sizeof *scene);
        struct knob *memory = &scene->stand.chain.knobs[PIPELINE_OPERATORS];
        struct error err = ERROR_INIT;

        stand_open(&scene->stand, &subject, &flink_deployment_table, NULL, NULL);
        *memory = (struct knob){.name = "memory", .role = KNOB_MEMORY, .operator_index = -1};
        scene->stand.chain.pipeline.n_knobs = PIPELINE_OPERATORS + 1;
        scene->edit = json_loads(edit, 0, NULL);
        assert_non_null(scene->edit);
        deployment_open(&scene->manager);
        scripted_peer_answer(scene->stand.http->script, "*",
                             &(struct scripted_answer){.by = answer, .context = scene});
        assert_true(flink_deployment_actuator.open(&scene->stand.context, scene->stand.options,
                                                   &scene->actuator, &err));
        return scene;
}

static void scene_close(struct scene *scene)
{
        flink_deployment_actuator.close(scene->actuator);
        stand_close(&scene->stand, &flink_deployment_table);
        deployment_close(&scene->manager);
        json_decref(scene->edit);
        free(scene->written);
        free(scene);
}

static void run_apply(void *argument)
{
        struct scene *scene = argument;

        scene->done =
                flink_deployment_actuator.apply(scene->actuator, NULL, &scene->to, false, NULL, &scene->err);
}

static void run_read(void *argument)
{
        struct scene *scene = argument;

        scene->told.count = PIPELINE_OPERATORS + 1;
        scene->done = flink_deployment_actuator.read(scene->actuator, &scene->told, &scene->err);
}

static void apply(struct scene *scene, int source, int work, int writer, double memory)
{
        scene->to = (struct configuration){.count = PIPELINE_OPERATORS + 1,
                                           .value = {source, work, writer, memory}};
        reactor_call(scene->stand.http->reactor, run_apply, scene);
}

/* Nothing is written, and the error says so. */
static void expect_refused(const char *edit, const char *reason, const char *words)
{
        struct scene *scene = scene_open(edit);

        apply(scene, 4, 5, 4, 520093696);
        assert_false(scene->done);
        if (!strstr(scene->err.message, words))
                fail_msg("\"%s\" instead of \"%s\"", scene->err.message, words);
        assert_string_equal(scene->err.reason, reason);
        assert_null(scene->written);
        scene_close(scene);
}

/* ---- plays ---- */

#define FOUR                                                                                                 \
        "e5a72f353fc1e6bbf3bd96a41384998c:4,674df9b0384c0348e0b9d1034a44c46c:%s,"                            \
        "2e588ce1c86a9d46e2e85186773ce4fd:4"

static void expect_written(const struct scene *scene, const char *before, const char *work, const char *after)
{
        autofree char *vertices = memory_format(FOUR, work);
        autofree char *wanted = memory_format("{%s\"flinkConfiguration\":{\"" OVERRIDES "\":\"%s\"}%s}",
                                              before, vertices, after);

        if (!scene->done)
                fail_msg("%s", scene->err.message);
        assert_non_null(scene->written);
        assert_string_equal(scene->written, wanted);
}

static void test_a_vertex_is_widened_among_all_of_them(void **state)
{
        struct scene *scene = scene_open("{}");

        (void)state;
        apply(scene, 4, 7, 4, 520093696);
        expect_written(scene, "", "7", "");
        scene_close(scene);
}

static void test_what_it_says_already_is_not_written(void **state)
{
        struct scene *scene = scene_open("{}");

        (void)state;
        apply(scene, 4, 4, 4, 520093696);
        assert_true(scene->done);
        assert_null(scene->written);
        scene_close(scene);
}

/* 7 slots, 4 of them a TaskManager. */
static void test_task_managers_follow_where_the_operator_does_not_count_them(void **state)
{
        struct scene *scene =
                scene_open("{\"spec\": {\"mode\": \"standalone\", \"taskManager\": {\"replicas\": 1}}}");

        (void)state;
        apply(scene, 4, 7, 4, 520093696);
        expect_written(scene, "", "7", ",\"taskManager\":{\"replicas\":2}");
        scene_close(scene);
}

/* 496m by Flink's own counting, in powers of 1024. */
static void test_memory_is_read_and_written_as_flink_writes_it(void **state)
{
        struct scene *scene = scene_open("{}");

        (void)state;
        reactor_call(scene->stand.http->reactor, run_read, scene);
        assert_true(scene->done);
        assert_true(scene->told.value[1] == 4 && scene->told.value[3] == 496.0 * 1024 * 1024);
        apply(scene, 4, 4, 4, 0x1p30);
        assert_string_equal(scene->written, "{\"taskManager\":{\"resource\":{\"memory\":\"1024m\"}}}");
        scene_close(scene);
}

static void test_before_flink_1_17_there_is_one_parallelism(void **state)
{
        const char *old = "{\"spec\": {\"flinkVersion\": \"v1_16\", \"job\": {\"parallelism\": 4}}}";
        struct scene *scene = scene_open(old);

        (void)state;
        apply(scene, 5, 5, 5, 520093696);
        assert_true(scene->done);
        assert_string_equal(scene->written, "{\"job\":{\"parallelism\":5}}");
        scene_close(scene);
        expect_refused(old, "OneParallelism", "Flink v1_16 has one parallelism for all operators");
}

static void test_one_writer_a_field(void **state)
{
#define SETTING(setting) "{\"spec\": {\"flinkConfiguration\": {" setting "}}}"
#define MANAGER(name, field)                                                                                 \
        "{\"metadata\": {\"managedFields\": [{\"manager\": \"" name                                          \
        "\", \"operation\": \"Apply\", \"fieldsV1\": {\"f:spec\": {" field "}}}]}}"
        (void)state;
        expect_refused(SETTING("\"job.autoscaler.enabled\": \"true\""), "Conflicted",
                       "the autoscaler of Flink's operator sets its parallelism (job.autoscaler.enabled)");
        expect_refused(SETTING("\"job\": {\"autoscaler\": {\"enabled\": true}}"), "Conflicted",
                       "the autoscaler of Flink's operator");
        expect_refused(SETTING("\"kubernetes.operator.job.autoscaler.enabled\": \"true\""), "Conflicted",
                       "(kubernetes.operator.job.autoscaler.enabled)");
        expect_refused(SETTING("\"scheduler-mode\": \"REACTIVE\""), "ReactiveMode",
                       "takes all slots there are");
        expect_refused(MANAGER("flux", "\"f:flinkConfiguration\": {\"f:" OVERRIDES "\": {}}"), "Conflicted",
                       "its " OVERRIDES " is kept by flux");
        expect_refused(MANAGER("flux", "\"f:flinkConfiguration\": {\"f:pipeline\": "
                                       "{\"f:jobvertex-parallelism-overrides\": {}}}"),
                       "Conflicted", "its " OVERRIDES " is kept by flux");
        expect_refused(MANAGER("flux", "\"f:taskManager\": {\"f:resource\": {\"f:memory\": {}}}"),
                       "Conflicted", "its taskManager.resource.memory is kept by flux");
        expect_refused(
                "{\"metadata\": {\"ownerReferences\": [{\"kind\": \"FlinkBlueGreenDeployment\", \"name\": "
                "\"orders\", \"controller\": true}]}}",
                "Conflicted", "it belongs to the FlinkBlueGreenDeployment orders");
        expect_refused("{\"spec\": {\"job\": {\"state\": \"suspended\"}}}", "JobSuspended",
                       "flinkDeployment default/work-flinkdeployment: it is suspended (spec.job.state)");
}

static void test_an_autoscaler_that_only_watches_is_no_writer(void **state)
{
        struct scene *scene = scene_open(SETTING(
                "\"job.autoscaler.enabled\": \"true\", \"job.autoscaler.scaling.enabled\": \"false\""));

        (void)state;
        apply(scene, 4, 5, 4, 520093696);
        expect_written(scene, "", "5", "");
        scene_close(scene);
}

/* Units as Flink's documentation lists them ("Setting Flink configuration options", memory sizes), and the
 * binary ones of Kubernetes, which its operator takes, too. */
static void test_memory_sizes(void **state)
{
        static const struct {
                const char *text;
                double bytes;
        } sizes[] = {{"4096", 4096},     {"1024 kb", 0x1p20}, {"2048m", 0x1p31}, {"2 g", 0x1p31},
                     {"2Gi", 0x1p31},    {"1T", 0x1p40},      {"", NAN},         {"-1m", NAN},
                     {"2 parsecs", NAN}, {"inf", NAN}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
                double read = flink_memory_read(sizes[i].text);

                assert_true(read == sizes[i].bytes || (isnan(read) && isnan(sizes[i].bytes)));
        }
        for (double bytes = 0x1p20 + 1; bytes < 0x1p40; bytes *= 3) {
                autofree char *text = flink_memory_text(bytes);

                assert_true(flink_memory_read(text) == ceil(bytes - 1e-6));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_vertex_is_widened_among_all_of_them),
                cmocka_unit_test(test_what_it_says_already_is_not_written),
                cmocka_unit_test(test_task_managers_follow_where_the_operator_does_not_count_them),
                cmocka_unit_test(test_memory_is_read_and_written_as_flink_writes_it),
                cmocka_unit_test(test_before_flink_1_17_there_is_one_parallelism),
                cmocka_unit_test(test_one_writer_a_field),
                cmocka_unit_test(test_an_autoscaler_that_only_watches_is_no_writer),
                cmocka_unit_test(test_memory_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
