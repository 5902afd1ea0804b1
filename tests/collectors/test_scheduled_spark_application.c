/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is told of runs. Objects are as a real API server delivers them (tests/e2e/kube/record_targets): four
 * executors of a core and 1 GiB, a driver likewise, changed where a play says so. The log is a real Spark's
 * (tests/fixtures/spark). */
#include <limits.h>
#include <stdlib.h>

#include "engines/spark_application/schedule.h"
#include "tests/conformance/kube_recording.h"
#include "tests/support/scratch.h"

extern const struct collector scheduled_spark_application_collector;

#define RUNS    "/apis/sparkoperator.k8s.io/v1beta2/namespaces/default/sparkapplications"
#define RUN     "spark-work-scheduledsparkapplication-1"
#define SECONDS 600.0
#define POD     (1408 * 0x1p20) /* 1 GiB, and the least that Spark adds: 384 MiB */

struct scene {
        struct stand stand;
        struct kube_recording *recording;
        json_t *edit; /* laid over the run */
        int version;  /* of the run and of the list, above what was recorded */
        void *collector;
        struct observation *seen;
        bool done;
        struct error err;
};

/* The run took ten minutes, and ended two minutes before the scene begins. */
static json_t *edited(const struct scene *scene, const json_t *recorded)
{
        json_t *list = json_deep_copy(recorded);
        json_t *run = json_array_get(json_object_get(list, "items"), 0),
               *status = json_object_get(run, "status");

        json_object_set_new(status, "lastSubmissionAttemptTime", json_string("2026-01-05T07:48:00Z"));
        json_object_set_new(status, "terminationTime", json_string("2026-01-05T07:58:00Z"));
        json_object_set_new(json_object_get(run, "metadata"), "creationTimestamp",
                            json_string("2026-01-05T07:40:00Z"));
        json_object_set_new(json_object_get(run, "metadata"), "resourceVersion",
                            json_sprintf("%d", 1000000 + scene->version));
        json_object_set_new(json_object_get(list, "metadata"), "resourceVersion",
                            json_sprintf("%d", 1000000 + scene->version));
        json_object_update_recursive(run, scene->edit);
        return list;
}

static char *answer(void *context, const struct scripted_request *request, struct scripted_answer *how)
{
        const struct scene *scene = context;
        const json_t *body = kube_recording_find(scene->recording, "GET", request->path);
        autojson *runs = NULL;

        (void)how;
        if (strstr(request->path, "watch=true"))
                return memory_copy_text("");
        assert_non_null(body);
        if (strncmp(request->path, RUNS, strlen(RUNS)) != 0)
                return json_dumps(body, 0);
        runs = edited(scene, body);
        return json_dumps(runs, 0);
}

static struct scene *scene_open(const char *edit, const char *logs)
{
        autofree char *options = memory_format("name: work-scheduledsparkapplication\n%s%s\n",
                                               logs ? "eventLogs: " : "", logs ? logs : "");
        const struct subject subject = {.name = "runs", .options = options, .kubernetes = true, .pool = true};
        struct scene *scene = memory_new(1, sizeof *scene);
        struct error err = ERROR_INIT;

        stand_open(&scene->stand, &subject, &spark_schedule_table, NULL, NULL);
        scene->recording = kube_recording_read();
        scene->edit = json_loads(edit, 0, NULL);
        assert_non_null(scene->edit);
        scene->seen = memory_new(1, sizeof *scene->seen);
        scripted_peer_answer(scene->stand.http->script, "GET *",
                             &(struct scripted_answer){.by = answer, .context = scene});
        assert_true(scheduled_spark_application_collector.open(&scene->stand.context, scene->stand.options,
                                                               &scene->collector, &err));
        return scene;
}

static void scene_close(struct scene *scene)
{
        scheduled_spark_application_collector.close(scene->collector);
        stand_close(&scene->stand, &spark_schedule_table);
        kube_recording_forget(scene->recording);
        json_decref(scene->edit);
        free(scene->seen);
        free(scene);
}

static void run_collect(void *argument)
{
        struct scene *scene = argument;

        observation_clear(scene->seen, clock_now_ms(&scene->stand.http->clock), 1, PIPELINE_OPERATORS);
        scene->seen->configuration.count = 1;
        scene->seen->configuration.value[0] = NAN;
        scene->done =
                scheduled_spark_application_collector.collect(scene->collector, scene->seen, &scene->err);
}

static const struct run_observation *look(struct scene *scene)
{
        reactor_call(scene->stand.http->reactor, run_collect, scene);
        if (!scene->done)
                fail_msg("%s", scene->err.message);
        assert_true(scene->seen->run.periodic && scene->seen->configuration.value[0] == 4);
        return &scene->seen->run;
}

/* ---- plays ---- */

static void test_a_run_and_what_it_held_by_its_spec(void **state)
{
        struct scene *scene = scene_open("{}", NULL);
        const struct run_observation *run = look(scene);

        (void)state;
        assert_true(run->ended_ms == STAGE_START - 120000 && run->begun_ms == STAGE_START - 720000);
        assert_true(!run->failed && run->configuration.count == 1 && run->configuration.value[0] == 4);
        assert_true(run->worker_seconds == 4 * SECONDS && run->core_seconds == 5 * SECONDS);
        assert_true(run->byte_seconds == 5 * SECONDS * POD);
        scene_close(scene);
}

/* From its creation on. */
static void test_a_run_that_was_tried_again_took_all_of_that(void **state)
{
        struct scene *scene = scene_open("{\"status\": {\"executionAttempts\": 2}}", NULL);

        (void)state;
        assert_true(look(scene)->begun_ms == STAGE_START - 1200000);
        scene_close(scene);
}

static void expect_none(const char *edit)
{
        struct scene *scene = scene_open(edit, NULL);

        assert_true(look(scene)->ended_ms == 0);
        scene_close(scene);
}

static void test_what_is_no_run_of_it_that_has_ended(void **state)
{
        (void)state;
        expect_none("{\"status\": {\"applicationState\": {\"state\": \"RUNNING\"}}}");
        expect_none("{\"status\": {\"applicationState\": {\"state\": \"FAILING\"}}}");
        expect_none("{\"metadata\": {\"ownerReferences\": []}}");
        expect_none(
                "{\"metadata\": {\"ownerReferences\": [{\"kind\": \"ScheduledSparkApplication\", \"name\": "
                "\"work-scheduledsparkapplication\", \"uid\": \"of-one-before-it\"}]}}");
        expect_none("{\"status\": {\"terminationTime\": null}}");
}

#define DYNAMIC "{\"spec\": {\"dynamicAllocation\": {\"enabled\": true}}}"

/* In the log executors were there for 98.114 and 96.317 s, with two cores each. */
static void test_executors_that_come_and_go_are_in_the_log(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *log = realpath("tests/fixtures/spark/waiting", NULL);
        autofree char *folder = scratch_path(&scratch, ".");
        struct scene *scene;
        const struct run_observation *run;

        (void)state;
        assert_non_null(log);
        scratch_link(&scratch, log, "eventlog_v2_" RUN "0"); /* another application's */
        scene = scene_open(DYNAMIC, folder);
        assert_true(look(scene)->ended_ms == 0); /* the log may still come */
        scratch_link(&scratch, log, RUN "_1");
        run = look(scene);
        assert_float_equal(run->worker_seconds, 194.431, 1e-9);
        assert_float_equal(run->core_seconds, 388.862 + SECONDS, 1e-9);
        assert_float_equal(run->byte_seconds / POD, 194.431 + SECONDS, 1e-6);
        scene_close(scene);
        scratch_close(&scratch);
}

static void test_a_log_that_does_not_come_is_not_waited_for_for_ever(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *folder = scratch_path(&scratch, ".");
        struct scene *scene = scene_open(DYNAMIC, folder);
        const struct run_observation *run;

        (void)state;
        assert_true(look(scene)->ended_ms == 0);
        stand_pass(&scene->stand, 240000);
        run = look(scene);
        assert_true(run->ended_ms == STAGE_START - 120000 && isnan(run->worker_seconds));
        scene_close(scene);
        scratch_close(&scratch);
}

/* Not that of a run that had ended before anybody looked. */
static void test_why_a_run_failed_is_told_once(void **state)
{
        struct scene *scene =
                scene_open("{\"status\": {\"applicationState\": {\"state\": \"RUNNING\"}}}", NULL);
        const char *failed = "{\"status\": {\"applicationState\": {\"state\": \"FAILED\", \"errorMessage\": "
                             "\"driver container failed with ExitCode: 137, Reason: OOMKilled\"}}}";

        (void)state;
        assert_string_equal((look(scene), scene->seen->failure), "");
        json_decref(scene->edit);
        scene->edit = json_loads(failed, 0, NULL);
        scene->version++;
        stand_pass(&scene->stand, 660000); /* listed again by then */
        assert_true(look(scene)->failed);
        assert_string_equal(scene->seen->failure,
                            "driver container failed with ExitCode: 137, Reason: OOMKilled");
        assert_string_equal((look(scene), scene->seen->failure), "");
        scene_close(scene);
        scene = scene_open(failed, NULL);
        assert_true(look(scene)->failed);
        assert_string_equal(scene->seen->failure, "");
        scene_close(scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run_and_what_it_held_by_its_spec),
                cmocka_unit_test(test_a_run_that_was_tried_again_took_all_of_that),
                cmocka_unit_test(test_what_is_no_run_of_it_that_has_ended),
                cmocka_unit_test(test_executors_that_come_and_go_are_in_the_log),
                cmocka_unit_test(test_a_log_that_does_not_come_is_not_waited_for_for_ever),
                cmocka_unit_test(test_why_a_run_failed_is_told_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
