/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The actuator before a job that does not come up, or of which nobody can say how it is. */
#include "tests/actuators/flink_scene.h"

static json_t *recorded_body(const char *name)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        json_t *body = NULL;
        char *save = NULL;

        assert_true(text_read_file(RECORDING, 1u << 20, &text, NULL, &err));
        for (char *line = strtok_r(text, "\n", &save); line && !body; line = strtok_r(NULL, "\n", &save)) {
                autojson *answer = json_loads(line, 0, NULL);

                if (strcmp(json_string_value(json_object_get(answer, "name")), name) == 0)
                        body = json_incref(json_object_get(answer, "body"));
        }
        assert_non_null(body);
        return body;
}

static void serve_body(struct scene *scene, const char *request, json_t *take_body, int status, int times)
{
        autofree char *body = json_dumps(take_body, 0);

        json_decref(take_body);
        scripted_peer_answer(scene->stage->script, request,
                             &(struct scripted_answer){.status = status, .body = body, .times = times});
}

/* The recorded job, as if its subtasks were all in another state than RUNNING; or, where `count` is not NULL,
 * as if that were written for how many there are. */
static json_t *job_with(const char *state, const char *task_state, const json_t *count)
{
        json_t *body = recorded_body("job-running"), *vertex;
        size_t i;

        json_object_set_new(body, "state", json_string(state));
        json_array_foreach(json_object_get(body, "vertices"), i, vertex)
        {
                json_t *tasks = json_object_get(vertex, "tasks");
                json_t *all = json_incref(json_object_get(tasks, "RUNNING"));

                json_object_set_new(tasks, "RUNNING", json_integer(0));
                if (count)
                        json_object_set(tasks, "RUNNING", (json_t *)(uintptr_t)count);
                else
                        json_object_set(tasks, task_state, all);
                json_decref(all);
        }
        return body;
}

/* Checkpoints of a job that was started from a savepoint and has completed none. */
static json_t *no_checkpoints(void)
{
        json_t *body = recorded_body("checkpoints-restarted");

        json_object_set_new(json_object_get(body, "counts"), "completed", json_integer(0));
        json_object_set_new(json_object_get(body, "latest"), "completed", json_null());
        return body;
}

static void serve_job_without_slots(struct scene *scene)
{
        scene->options.program = &scene->program;
        serve(scene, "GET /jobs/overview", "overview-running", 0);
        serve(scene, "GET " JOB "/resource-requirements", "requirements-impossible", 0);
        serve(scene, "GET /jars", "jars", 0);
        serve(scene, "GET /config", "config", 0);
        serve_body(scene, "PATCH " JOB "*", json_object(), 202, 0);
}

/* It cannot be saved, so it is cancelled, and started from what it was started from before. */
static void test_a_job_that_never_came_up_is_cancelled_and_started_again(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;
        autojson *body = NULL;
        const char *location = NULL;

        (void)state;
        serve_job_without_slots(scene);
        serve_body(scene, "GET " JOB, job_with("RUNNING", "SCHEDULED", NULL), 200, 2);
        serve_body(scene, "GET " JOB, job_with("CANCELLING", "CANCELING", NULL), 200, 2);
        serve_body(scene, "GET " JOB, job_with("CANCELED", "CANCELED", NULL), 200, 0);
        serve_body(scene, "GET " JOB "/checkpoints", no_checkpoints(), 200, 0);
        serve_start(scene, "run");
        errand = apply(scene, 3, 0, 0);
        if (!errand.applied)
                fail_msg("%s", errand.err.message);
        assert_int_equal(writes(scene), 2);
        assert_int_equal(scene->n_done, 2);
        assert_int_equal(scripted_peer_count(scene->stage->script, "PATCH " JOB "?mode=cancel"), 1);
        body = started_with(scene);
        assert_true(json_find_text(body, "savepointPath", &location));
        assert_string_equal(location, "file:/srv/flink/savepoints/savepoint-7362ec-07a99c49b759");
        scene_close(scene);
}

/* After a crash between the two calls, or when the answer to the first was lost: it is not left for dead.
 * What has completed a checkpoint since was cancelled by somebody else. */
static void test_a_cancelled_job_is_started_once(void **state)
{
        (void)state;
        for (int completed = 0; completed < 2; completed++) {
                struct scene *scene = scene_open(false);
                json_t *checkpoints = no_checkpoints();
                struct errand errand;

                json_object_set_new(json_object_get(checkpoints, "counts"), "completed",
                                    json_integer(completed));
                serve_job_without_slots(scene);
                serve_body(scene, "GET " JOB, job_with("CANCELED", "CANCELED", NULL), 200, 0);
                serve_body(scene, "GET " JOB "/checkpoints", checkpoints, 200, 0);
                serve_start(scene, "run");
                errand = apply(scene, 3, 0, 0);
                if (completed == 0 && !errand.applied)
                        fail_msg("%s", errand.err.message);
                if (completed == 1)
                        expect_error(&errand, ERROR_UNAVAILABLE, "is CANCELED");
                assert_int_equal(scripted_peer_count(scene->stage->script, "PATCH *"), 0);
                assert_int_equal(writes(scene), completed == 0 ? 1 : 0);
                scene_close(scene);
        }
}

/* Whatever the job manager says of how many run, if it is no number the job may well be running. */
static void test_what_cannot_be_understood_stops_nothing(void **state)
{
        json_t *lies[] = {json_string("NaN"), json_null(),   json_real(0.5),
                          json_integer(-2),   json_object(), json_integer(0) /* of two */};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(lies); i++) {
                struct scene *scene = scene_open(false);
                int64_t began_ms = clock_now_ms(&scene->stage->clock);
                struct errand errand;

                serve_job_without_slots(scene);
                serve_body(scene, "GET " JOB, job_with("RUNNING", NULL, lies[i]), 200, 0);
                serve_body(scene, "GET " JOB "/checkpoints", no_checkpoints(), 200, 0);
                serve_start(scene, "run");
                errand = apply(scene, 3, 0, 0);
                expect_error(&errand, ERROR_INCOMPLETE, "it is left as it is");
                assert_int_equal(writes(scene), 0);
                assert_true(clock_now_ms(&scene->stage->clock) - began_ms < 70 * MS_PER_SECOND);
                scene_close(scene);
                json_decref(lies[i]);
        }
}

/* A state that Flink does not have may be that of a job that runs. */
static void test_a_state_that_nobody_knows_stops_nothing(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;

        (void)state;
        serve_job_without_slots(scene);
        serve_body(scene, "GET " JOB, job_with("JOGGING", "SCHEDULED", NULL), 200, 0);
        serve_body(scene, "GET " JOB "/checkpoints", no_checkpoints(), 200, 0);
        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_INCOMPLETE, "it is left as it is");
        assert_int_equal(writes(scene), 0);
        scene_close(scene);
}

/* It may have completed a checkpoint, whose state would be lost. */
static void test_checkpoints_that_cannot_be_understood_cancel_nothing(void **state)
{
        (void)state;
        for (int i = 0; i < 3; i++) {
                struct scene *scene = scene_open(false);
                json_t *checkpoints = no_checkpoints();
                struct errand errand;

                if (i == 0)
                        json_object_set_new(json_object_get(checkpoints, "latest"), "completed",
                                            json_string("NaN"));
                else if (i == 1)
                        json_object_set_new(json_object_get(checkpoints, "counts"), "completed",
                                            json_string("NaN"));
                else
                        json_object_del(checkpoints, "counts");
                serve_job_without_slots(scene);
                serve_body(scene, "GET " JOB, job_with("RUNNING", "SCHEDULED", NULL), 200, 0);
                serve_body(scene, "GET " JOB "/checkpoints", checkpoints, 200, 0);
                errand = apply(scene, 3, 0, 0);
                expect_error(&errand, ERROR_UNAVAILABLE, "is not up");
                assert_int_equal(writes(scene), 0);
                scene_close(scene);
        }
}

/* An answer that was garbled once is asked for again: the job runs, and is saved as any other. */
static void test_a_job_that_is_understood_in_the_end(void **state)
{
        struct scene *scene = scene_open(false);
        autojson *lie = json_string("NaN");
        struct errand errand;

        (void)state;
        serve_body(scene, "GET " JOB, job_with("RUNNING", NULL, lie), 200, 3);
        serve_default_scheduler(scene, 1);
        serve_savepoint(scene);
        serve_stop(scene);
        serve_start(scene, "run");
        errand = apply(scene, 3, 0, 0);
        if (!errand.applied)
                fail_msg("%s", errand.err.message);
        assert_int_equal(scripted_peer_count(scene->stage->script, "PATCH *"), 0);
        assert_int_equal(writes(scene), 3);
        scene_close(scene);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_job_that_never_came_up_is_cancelled_and_started_again),
                cmocka_unit_test(test_a_cancelled_job_is_started_once),
                cmocka_unit_test(test_what_cannot_be_understood_stops_nothing),
                cmocka_unit_test(test_a_state_that_nobody_knows_stops_nothing),
                cmocka_unit_test(test_checkpoints_that_cannot_be_understood_cancel_nothing),
                cmocka_unit_test(test_a_job_that_is_understood_in_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
