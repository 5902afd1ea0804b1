/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The actuator before a job manager: what is written, in which order, and what is not. */
#include "tests/actuators/flink_scene.h"
#include "tests/support/set_clock.h"

/* ---- in place ---- */

static void serve_adaptive(struct scene *scene)
{
        serve(scene, "GET /jobs/overview", "overview-adaptive", 0);
        serve(scene, "GET " ADAPTIVE, "job-adaptive", 0);
        serve(scene, "GET " ADAPTIVE "/resource-requirements", "requirements", 0);
}

static void test_every_vertex_is_named_with_a_lower_bound_of_one(void **state)
{
        struct scene *scene = scene_open(true);
        const struct scripted_request *put;
        struct errand errand;

        (void)state;
        serve_adaptive(scene);
        serve(scene, "PUT " ADAPTIVE "/resource-requirements", "put", 0);
        errand = apply(scene, 2, 7, 3);
        assert_true(errand.applied);
        put = scripted_peer_request(scene->stage->script, "PUT *", 0);
        assert_string_equal(
                put->body,
                "{\"e5a72f353fc1e6bbf3bd96a41384998c\":{\"parallelism\":{\"lowerBound\":1,\"upperBound\":2}},"
                "\"674df9b0384c0348e0b9d1034a44c46c\":{\"parallelism\":{\"lowerBound\":1,\"upperBound\":7}},"
                "\"2e588ce1c86a9d46e2e85186773ce4fd\":{\"parallelism\":{\"lowerBound\":1,\"upperBound\":3}}"
                "}");
        assert_int_equal(writes(scene), 1);
        assert_int_equal(scene->n_done, 1);
        assert_string_equal(scene->call,
                            "PUT " ADAPTIVE "/resource-requirements: source 2, work 7, Writer 3");
        scene_close(scene);
}

/* The recorded wish is 4 of each. */
static void test_the_wish_is_read_back(void **state)
{
        struct scene *scene = scene_open(true);
        struct errand errand;

        (void)state;
        serve_adaptive(scene);
        errand = read_told(scene);
        assert_true(errand.was_read);
        for (int i = 0; i < 3; i++)
                assert_true(errand.told.value[i] == 4);
        scene_close(scene);
}

static void test_what_is_wished_already_is_not_written(void **state)
{
        struct scene *scene = scene_open(true);
        struct errand errand;

        (void)state;
        serve_adaptive(scene);
        errand = apply(scene, 4, 4, 4);
        assert_true(errand.applied);
        assert_int_equal(writes(scene), 0);
        assert_int_equal(scene->n_begun, 0);
        scene_close(scene);
}

static void test_a_dry_run_writes_nothing(void **state)
{
        struct scene *scene = scene_open(true);
        struct errand errand = {.scene = scene, .to = {.count = 3, .value = {2, 7, 3}}, .dry_run = true};

        (void)state;
        serve_adaptive(scene);
        reactor_call(scene->stage->reactor, run_errand, &errand);
        assert_true(errand.applied);
        assert_int_equal(scene->n_begun, 1);
        assert_int_equal(writes(scene), 0);
        scene_close(scene);
}

static void test_what_flink_refuses_is_said_in_its_words(void **state)
{
        struct scene *scene = scene_open(true);
        struct errand errand;

        (void)state;
        serve_adaptive(scene);
        serve(scene, "PUT " ADAPTIVE "/resource-requirements", "put-above-max", 0);
        errand = apply(scene, 2, 1000, 3);
        expect_error(&errand, ERROR_REFUSED, "exceeds its maximum parallelism 128");
        assert_false(errand.err.retry);
        assert_int_equal(scene->n_ended, 1);
        assert_int_equal(scene->n_done, 0);
        assert_non_null(strstr(scene->answer, "exceeds its maximum parallelism 128"));
        scene_close(scene);
}

static void test_one_knob_for_all(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;

        (void)state;
        serve_adaptive(scene);
        serve(scene, "PUT " ADAPTIVE "/resource-requirements", "put", 0);
        scene->chain.operators[0].max_parallelism = 6;
        errand = apply(scene, 9, 0, 0);
        assert_true(errand.applied);
        assert_string_equal(scene->call,
                            "PUT " ADAPTIVE "/resource-requirements: source 6, work 9, Writer 9");
        scene_close(scene);
}

static void test_a_job_that_ended_meanwhile(void **state)
{
        struct scene *scene = scene_open(true);
        struct errand errand;

        (void)state;
        serve_adaptive(scene);
        serve(scene, "PUT " ADAPTIVE "/resource-requirements", "put-unknown-job", 0);
        errand = apply(scene, 2, 7, 3);
        expect_error(&errand, ERROR_NOT_FOUND, "Could not find Flink job");
        scene_close(scene);
}

/* ---- by a savepoint ---- */

static void test_the_savepoint_is_confirmed_before_the_stop(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;
        autojson *body = NULL;
        const char *location = NULL;

        (void)state;
        serve_default_scheduler(scene, 2);
        serve_savepoint(scene);
        serve_stop(scene);
        serve_start(scene, "run");
        errand = apply(scene, 3, 0, 0);
        if (!errand.applied || !errand.was_read)
                fail_msg("%s", errand.err.message);
        assert_int_equal(writes(scene), 3);
        assert_int_equal(scene->n_done, 3);
        assert_true(scripted_peer_request(scene->stage->script, "POST " JOB "/stop", 0)->at_ms >
                    scripted_peer_request(scene->stage->script, "GET " JOB "/savepoints/301c*", 2)->at_ms -
                            1);
        assert_int_equal(scripted_peer_count(scene->stage->script, "GET " JOB "/savepoints/301c*"), 3);
        body = started_with(scene);
        assert_true(json_find_text(body, "savepointPath", &location));
        assert_string_equal(location, "file:/srv/flink/savepoints/savepoint-7362ec-07a99c49b759");
        assert_int_equal(json_integer_value(json_object_get(body, "parallelism")), 3);
        assert_int_equal(json_array_size(json_object_get(body, "programArgsList")), 2);
        assert_null(json_object_get(body, "entryClass"));
        assert_true(errand.told.value[0] == 3);
        scene_close(scene);
}

static void test_a_savepoint_that_fails_stops_nothing(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;

        (void)state;
        serve_default_scheduler(scene, 9);
        serve(scene, "POST " JOB "/savepoints", "savepoint-trigger", 0);
        serve(scene, "GET " JOB "/savepoints/301c988290a48c521561475a2aed1e20", "savepoint-failed", 0);
        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_REFUSED, "the savepoint failed: Failed to create savepoint directory");
        assert_int_equal(writes(scene), 1);
        scene_close(scene);
}

static void test_a_savepoint_that_never_ends_times_out(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;
        int64_t began_ms;

        (void)state;
        serve_default_scheduler(scene, 9);
        serve(scene, "POST " JOB "/savepoints", "savepoint-trigger", 0);
        serve(scene, "GET " JOB "/savepoints/301c988290a48c521561475a2aed1e20", "savepoint-in-progress", 0);
        began_ms = clock_now_ms(&scene->stage->clock);
        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_TIMEOUT, "the savepoint took too long");
        assert_true(clock_now_ms(&scene->stage->clock) - began_ms < 70 * MS_PER_SECOND);
        assert_int_equal(writes(scene), 1);
        scene_close(scene);
}

static void test_a_clock_that_is_set_back_prolongs_no_wait(void **state)
{
        struct scene *scene = scene_open(false);
        struct set_clock set = {.beneath = &scene->stage->clock, .looks_until_back = 4};
        const struct clock calendar = set_clock(&set);
        struct errand errand;
        int64_t began_ms;

        (void)state;
        serve_default_scheduler(scene, 9);
        serve(scene, "POST " JOB "/savepoints", "savepoint-trigger", 0);
        serve(scene, "GET " JOB "/savepoints/301c988290a48c521561475a2aed1e20", "savepoint-in-progress", 0);
        scene->context.clock = &calendar;
        began_ms = clock_now_ms(&scene->stage->clock);
        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_TIMEOUT, "the savepoint took too long");
        assert_int_equal(set.looks_until_back, 0);
        assert_true(clock_now_ms(&scene->stage->clock) - began_ms < 70 * MS_PER_SECOND);
        scene_close(scene);
}

/* After a crash between stop and start: the job stands still, and is started from what it was stopped with.
 */
static void test_a_stopped_job_is_started_once(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;
        const char *id = NULL, *again = NULL;
        autojson *body = NULL, *second = NULL;

        (void)state;
        serve_default_scheduler(scene, 0);
        serve_stop(scene);
        errand = read_told(scene);
        assert_true(errand.was_read);
        assert_true(errand.told.value[0] == 0);

        serve_start(scene, "run");
        errand = apply(scene, 3, 0, 0);
        assert_true(errand.applied);
        assert_int_equal(writes(scene), 1);
        body = started_with(scene);
        assert_true(json_find_text(body, "jobId", &id) && flink_is_id(id));

        /* Who does not know that it was started asks for the same job, whatever it is to run now: Flink knows
         * the id, and no second job writes where the first one does. */
        scripted_peer_forget_requests(scene->stage->script);
        scripted_peer_forget_answers(scene->stage->script);
        scene->n_begun = scene->n_ended = 0;
        serve_default_scheduler(scene, 0);
        serve_stop(scene);
        serve_start(scene, "run-again");
        errand = apply(scene, 2, 0, 0);
        assert_true(errand.applied);
        second = started_with(scene);
        assert_true(json_find_text(second, "jobId", &again));
        assert_string_equal(id, again);
        scene_close(scene);
}

/* After a crash between the order to stop and the end of the job: it still runs what it ran, but not for
 * long. */
static void test_a_job_that_is_being_stopped_is_let_be(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;

        (void)state;
        scene->options.program = &scene->program;
        serve(scene, "GET /jobs/overview", "overview-running", 0);
        serve(scene, "GET " JOB, "job-running", 0);
        serve(scene, "GET " JOB "/resource-requirements", "requirements-impossible", 0);
        serve(scene, "GET " JOB "/checkpoints", "checkpoints-stopping", 0);
        errand = read_told(scene);
        assert_false(errand.was_read);
        expect_error(&errand, ERROR_UNAVAILABLE, "is being stopped with a savepoint");
        assert_true(errand.err.retry);

        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_UNAVAILABLE, "is being stopped with a savepoint");
        assert_int_equal(writes(scene), 0);
        scene_close(scene);
}

static void test_different_parallelisms_are_refused_before_anything_is_written(void **state)
{
        struct scene *scene = scene_open(true);
        struct errand errand;

        (void)state;
        serve_default_scheduler(scene, 9);
        errand = apply(scene, 2, 7, 3);
        expect_error(&errand, ERROR_REFUSED,
                     "Flink 2.2.1 starts a job with one parallelism for all operators");
        assert_int_equal(writes(scene), 0);
        scene_close(scene);
}

static void test_in_place_is_impossible_and_nothing_else_is_allowed(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand;

        (void)state;
        serve_default_scheduler(scene, 9);
        scene->options.program = NULL;
        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_REFUSED, "expected spec.engine.flink.program");
        scene->options.program = &scene->program;
        scene->options.rescale = FLINK_RESCALE_IN_PLACE;
        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_REFUSED, "cannot be rescaled in place");
        assert_int_equal(writes(scene), 0);
        scene_close(scene);
}

static void test_a_jar_that_is_not_there_stops_nothing(void **state)
{
        static char other[] = "other.jar";
        struct scene *scene = scene_open(false);
        struct errand errand;

        (void)state;
        scene->program.jar = other;
        serve_default_scheduler(scene, 9);
        errand = apply(scene, 3, 0, 0);
        expect_error(&errand, ERROR_NOT_FOUND, "no jar \"other.jar\"");
        assert_int_equal(writes(scene), 0);
        scene_close(scene);
}

static void test_the_dry_run_of_a_restart(void **state)
{
        struct scene *scene = scene_open(false);
        struct errand errand = {.scene = scene, .to = {.count = 1, .value = {3}}, .dry_run = true};

        (void)state;
        serve_default_scheduler(scene, 9);
        /* Announced, not closed: nothing was sent. */
        reactor_call(scene->stage->reactor, run_errand, &errand);
        assert_true(errand.applied);
        assert_int_equal(scene->n_begun, 3);
        assert_int_equal(writes(scene), 0);
        scene_close(scene);
}

/* ---- pure ---- */

static void test_versions_that_take_overrides(void **state)
{
        (void)state;
        assert_true(flink_takes_overrides("1.18.1"));
        assert_true(flink_takes_overrides("1.20.3"));
        assert_false(flink_takes_overrides("2.0.2"));
        assert_false(flink_takes_overrides("2.2.1"));
        assert_false(flink_takes_overrides("2.3.0"));
        assert_false(flink_takes_overrides("unknown"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_vertex_is_named_with_a_lower_bound_of_one),
                cmocka_unit_test(test_the_wish_is_read_back),
                cmocka_unit_test(test_what_is_wished_already_is_not_written),
                cmocka_unit_test(test_a_dry_run_writes_nothing),
                cmocka_unit_test(test_what_flink_refuses_is_said_in_its_words),
                cmocka_unit_test(test_one_knob_for_all),
                cmocka_unit_test(test_a_job_that_ended_meanwhile),
                cmocka_unit_test(test_the_savepoint_is_confirmed_before_the_stop),
                cmocka_unit_test(test_a_savepoint_that_fails_stops_nothing),
                cmocka_unit_test(test_a_savepoint_that_never_ends_times_out),
                cmocka_unit_test(test_a_clock_that_is_set_back_prolongs_no_wait),
                cmocka_unit_test(test_a_stopped_job_is_started_once),
                cmocka_unit_test(test_a_job_that_is_being_stopped_is_let_be),
                cmocka_unit_test(test_different_parallelisms_are_refused_before_anything_is_written),
                cmocka_unit_test(test_in_place_is_impossible_and_nothing_else_is_allowed),
                cmocka_unit_test(test_a_jar_that_is_not_there_stops_nothing),
                cmocka_unit_test(test_the_dry_run_of_a_restart),
                cmocka_unit_test(test_versions_that_take_overrides),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
