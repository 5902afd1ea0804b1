/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs on an MLflow server, by answers that MLflow 3.17.2 gave (tests/e2e/mlflow/e2e record). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/tune/mlflow_export.h"
#include "core/json.h"
#include "tests/support/http_stage.h"

#define RECORDED "tests/fixtures/mlflow/"
#define API      "/api/2.0/mlflow/"
#define STUDY    "0123456789abcdef0123456789abcdef"

/* What the recording was made of. */
#define BEGUN_MS 1767600000000
#define ENDED_MS 1767600001500

struct scene {
        struct http_stage *http;
        struct mlflow *mlflow;
        struct mlflow_run run;
};

static void answer(struct scene *scene, const char *request, int status, const char *file)
{
        autofree char *path = memory_format(RECORDED "%s.json", file), *text = NULL;
        struct error err = ERROR_INIT;

        if (!text_read_file(path, 1 << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        scripted_peer_answer(scene->http->script, request,
                             &(struct scripted_answer){.status = status, .body = text});
}

/* A server with the experiment, and what it says of the study's runs. */
static void serve(struct scene *scene, const char *runs)
{
        answer(scene, "GET " API "experiments/get-by-name", 200, "experiment");
        answer(scene, "POST " API "runs/search", 200, runs);
        answer(scene, "POST " API "runs/create", 200, "run-created");
        answer(scene, "POST " API "runs/log-batch", 200, "batch-logged");
        answer(scene, "POST " API "runs/update", 200, "run-updated");
}

static int asked(const struct scene *scene, const char *what)
{
        autofree char *request = memory_format("* " API "%s", what);

        return scripted_peer_count(scene->http->script, request);
}

static void expect_asked(const struct scene *scene, int experiments, int creations, int batches, int updates)
{
        assert_int_equal(asked(scene, "experiments/create"), experiments);
        assert_int_equal(asked(scene, "runs/create"), creations);
        assert_int_equal(asked(scene, "runs/log-batch"), batches);
        assert_int_equal(asked(scene, "runs/update"), updates);
}

/* The last request's body. */
static json_t *body_of(const struct scene *scene, const char *what)
{
        autofree char *request = memory_format("POST " API "%s", what);
        const struct scripted_request *last = scripted_peer_request(scene->http->script, request, -1);
        json_t *body;

        assert_non_null(last);
        body = json_loads(last->body, 0, NULL);
        assert_non_null(body);
        return body;
}

static void expect_body(const struct scene *scene, const char *what, const char *expected)
{
        autojson *body = body_of(scene, what), *wanted = json_loads(expected, 0, NULL);

        assert_non_null(wanted);
        if (!json_equal(body, wanted)) {
                autofree char *said = json_dumps(body, 0);

                fail_msg("%s: %s instead of %s", what, said, expected);
        }
}

struct errand {
        struct scene *scene;
        struct error err;
        bool put;
};

static void run_errand(void *argument)
{
        struct errand *errand = argument;
        struct scene *scene = errand->scene;

        errand->put = mlflow_put(scene->mlflow, scene->http->peer, &scene->run, &errand->err);
}

static struct errand try_put(struct scene *scene)
{
        struct errand errand = {.scene = scene, .err = ERROR_INIT};

        reactor_call(scene->http->reactor, run_errand, &errand);
        return errand;
}

static void put(struct scene *scene)
{
        struct errand errand = try_put(scene);

        if (!errand.put)
                fail_msg("%s", errand.err.message);
}

static int set_up(void **state)
{
        static const struct http_options options = {.timeout_seconds = 10, .max_response_bytes = 1 << 20};
        struct scene *scene = memory_new(1, sizeof *scene);

        scene->http = http_stage_open(&options);
        scene->mlflow = mlflow_new("nightly orders", STUDY);
        scene->run = (struct mlflow_run){.trial = 7,
                                         .name = memory_copy_text("trial 7"),
                                         .params = json_pack("{s:s}", "threads", "4"),
                                         .metrics = json_pack("{s:f, s:i}", "seconds", 1.5, "attempts", 1),
                                         .tags = json_pack("{s:s}", "optctl.status", "ok"),
                                         .status = "FINISHED",
                                         .begun_ms = BEGUN_MS,
                                         .ended_ms = ENDED_MS};
        *state = scene;
        return 0;
}

static int tear_down(void **state)
{
        struct scene *scene = *state;

        tune_mlflow_run_clear(&scene->run);
        mlflow_free(scene->mlflow);
        http_stage_close(scene->http);
        free(scene);
        return 0;
}

static void test_a_run_is_made_with_its_experiment(void **state)
{
        struct scene *scene = *state;

        answer(scene, "GET " API "experiments/get-by-name", 404, "experiment-missing");
        answer(scene, "POST " API "experiments/create", 200, "experiment-created");
        serve(scene, "runs-none");
        put(scene);
        expect_asked(scene, 1, 1, 1, 1);
        expect_body(scene, "experiments/create", "{\"name\": \"nightly orders\"}");
        expect_body(scene, "runs/create",
                    "{\"experiment_id\": \"1\", \"run_name\": \"trial 7\", \"start_time\": 1767600000000, "
                    "\"tags\": [{\"key\": \"optctl.study\", \"value\": \"" STUDY "\"}, "
                    "{\"key\": \"optctl.trial\", \"value\": \"7\"}]}");
        assert_string_equal(scripted_peer_request(scene->http->script, "GET *", 0)->path,
                            API "experiments/get-by-name?experiment_name=nightly%20orders");
}

/* A file's name may be any bytes, JSON's texts are UTF-8 (RFC 8259, section 8.1). */
static void test_an_experiment_of_any_bytes(void **state)
{
        struct scene *scene = *state;

        mlflow_free(scene->mlflow);
        scene->mlflow = mlflow_new("night\xff.yaml", STUDY);
        answer(scene, "GET " API "experiments/get-by-name", 404, "experiment-missing");
        answer(scene, "POST " API "experiments/create", 200, "experiment-created");
        serve(scene, "runs-none");
        put(scene);
        expect_body(scene, "experiments/create", "{\"name\": \"night?.yaml\"}");
        assert_string_equal(scripted_peer_request(scene->http->script, "GET *", 0)->path,
                            API "experiments/get-by-name?experiment_name=night%3F.yaml");
}

/* Names, values, times: as MLflow wants them. */
static void test_what_is_logged(void **state)
{
        struct scene *scene = *state;
        autojson *batch = NULL, *update = NULL;

        serve(scene, "runs-none");
        put(scene);
        batch = body_of(scene, "runs/log-batch");
        json_object_del(batch, "run_id");
        json_object_del(batch, "tags");
        update = json_pack("{s:[{s:s, s:s}], s:[{s:s, s:f, s:I, s:i}, {s:s, s:i, s:I, s:i}]}", "params",
                           "key", "threads", "value", "4", "metrics", "key", "seconds", "value", 1.5,
                           "timestamp", (json_int_t)ENDED_MS, "step", 0, "key", "attempts", "value", 1,
                           "timestamp", (json_int_t)ENDED_MS, "step", 0);
        assert_true(json_equal(batch, update));
        json_decref(update);
        update = body_of(scene, "runs/update");
        assert_string_equal(json_string_value(json_object_get(update, "status")), "FINISHED");
        assert_true(json_integer_value(json_object_get(update, "end_time")) == ENDED_MS);
}

static void test_what_is_there_is_left_alone(void **state)
{
        struct scene *scene = *state;

        serve(scene, "runs-whole");
        put(scene);
        put(scene);
        expect_asked(scene, 0, 0, 0, 0);
        assert_int_equal(asked(scene, "runs/search"), 1);
        expect_body(scene, "runs/search",
                    "{\"experiment_ids\": [\"1\"], \"max_results\": 1000, "
                    "\"filter\": \"tags.`optctl.study` = '" STUDY "'\"}");
}

static void test_half_of_a_run_is_completed(void **state)
{
        struct scene *scene = *state;

        serve(scene, "runs-half");
        put(scene);
        expect_asked(scene, 0, 0, 1, 1);
}

static void test_an_answer_that_is_lost_doubles_nothing(void **state)
{
        struct scene *scene = *state;
        struct errand errand;

        scripted_peer_answer(scene->http->script, "POST " API "runs/create",
                             &(struct scripted_answer){.how = SCRIPTED_CLOSE, .times = 1});
        answer(scene, "GET " API "experiments/get-by-name", 200, "experiment");
        scripted_peer_answer(scene->http->script, "POST " API "runs/search",
                             &(struct scripted_answer){.body = "{}", .times = 1});
        serve(scene, "runs-half");
        errand = try_put(scene);
        assert_false(errand.put);
        assert_int_equal(errand.err.code, ERROR_UNAVAILABLE);
        put(scene);
        expect_asked(scene, 0, 1, 1, 1);
}

static void test_runs_come_in_pages(void **state)
{
        struct scene *scene = *state;
        autojson *body = NULL;

        scripted_peer_answer(scene->http->script, "POST " API "runs/search",
                             &(struct scripted_answer){.body = "{\"next_page_token\": \"onwards\"}",
                                                       .times = 1});
        serve(scene, "runs-whole");
        put(scene);
        expect_asked(scene, 0, 0, 0, 0);
        body = body_of(scene, "runs/search");
        assert_string_equal(json_string_value(json_object_get(body, "page_token")), "onwards");
}

static void test_another_server_gets_nothing(void **state)
{
        struct scene *scene = *state;
        struct errand errand = try_put(scene);

        assert_false(errand.put);
        assert_int_equal(errand.err.code, ERROR_NOT_FOUND);
        scripted_peer_json(scene->http->script, "GET *", "[]");
        errand = try_put(scene);
        assert_false(errand.put);
        assert_string_equal(errand.err.reason, "NotMlflow");
        assert_int_equal(scripted_peer_count(scene->http->script, "POST *"), 0);
}

static void test_the_server_says_why_not(void **state)
{
        struct scene *scene = *state;
        struct errand errand;

        answer(scene, "POST " API "runs/log-batch", 400, "param-changed");
        serve(scene, "runs-none");
        errand = try_put(scene);
        assert_false(errand.put);
        assert_int_equal(errand.err.code, ERROR_REFUSED);
        assert_non_null(strstr(errand.err.message, "Changing param values is not allowed"));
}

static void test_names_become_those_that_mlflow_takes(void **state)
{
        autojson *object = json_object();

        (void)state;
        mlflow_set(object, "spark.sql.shuffle-partitions", json_integer(1));
        mlflow_set(object, "a=b", json_integer(2));
        mlflow_set(object, "a/b", json_integer(3));
        mlflow_set(object, "", json_integer(4));
        mlflow_set(object, "..", json_integer(5));
        mlflow_set(object, "\xc3\xa9", json_integer(6));
        assert_int_equal(json_integer_value(json_object_get(object, "spark.sql.shuffle-partitions")), 1);
        assert_int_equal(json_integer_value(json_object_get(object, "a_b")), 2);
        assert_int_equal(json_integer_value(json_object_get(object, "a_b_")), 3);
        assert_int_equal(json_integer_value(json_object_get(object, "_")), 4);
        assert_int_equal(json_integer_value(json_object_get(object, "_.")), 5);
        assert_int_equal(json_integer_value(json_object_get(object, "__")), 6);
}

/* A trial by what its folder holds. */
static void expect_run(const char *result, const char *status, const char *metrics, const char *good)
{
        struct tune_study study = {.options = {.minimize = (char[]){"cost"}}};
        struct tune_trial trial = {.id = 3,
                                   .x = json_pack("{s:i, s:f, s:s, s:b}", "n", 4, "share", 0.25, "mode",
                                                  "fast", "on", 1),
                                   .result = json_loads(result, 0, NULL)};
        struct mlflow_run run = tune_mlflow_run(&study, &trial);
        autojson *params = json_pack("{s:s, s:s, s:s, s:s}", "n", "4", "share", "0.25", "mode", "fast", "on",
                                     "true"),
                 *wanted = json_loads(metrics, 0, NULL);

        assert_string_equal(run.status, status);
        assert_string_equal(run.name, "trial 3");
        assert_true(json_equal(run.params, params));
        assert_true(json_equal(run.metrics, wanted));
        assert_string_equal(json_string_value(json_object_get(run.tags, "optctl.good")), good);
        assert_true(run.begun_ms == 1000 && run.ended_ms == 3500);
        tune_mlflow_run_clear(&run);
        json_decref(trial.x);
        json_decref(trial.result);
}

static void test_how_a_trial_ended(void **state)
{
        (void)state;
        expect_run(
                "{\"status\": \"ok\", \"why\": \"\", \"attempts\": 2, \"begunMs\": 1000, \"endedMs\": 3500, "
                "\"seconds\": 2.5, \"cost\": 0.5, \"values\": {\"rows\": 110}, \"y\": 0.5, "
                "\"constraints\": {\"rows\": 10}}",
                "FINISHED",
                "{\"seconds\": 2.5, \"cost\": 0.5, \"attempts\": 2, \"rows\": 110, \"constraint.rows\": 10}",
                "false");
        expect_run("{\"status\": \"ok\", \"begunMs\": 1000, \"endedMs\": 3500, \"seconds\": 2.5, \"y\": 2.5}",
                   "FINISHED", "{\"seconds\": 2.5}", "true");
        expect_run("{\"status\": \"censored\", \"why\": \"stopped after 2.5 s\", \"begunMs\": 1000, "
                   "\"endedMs\": 3500, \"seconds\": 2.5, \"y\": 2.5}",
                   "KILLED", "{\"seconds\": 2.5}", "false");
        expect_run(
                "{\"status\": \"failed\", \"why\": \"exit status 7\", \"begunMs\": 1000, \"endedMs\": 3500, "
                "\"cost\": null, \"y\": null}",
                "FAILED", "{}", "false");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_a_run_is_made_with_its_experiment),
                TEST(test_an_experiment_of_any_bytes),
                TEST(test_what_is_logged),
                TEST(test_what_is_there_is_left_alone),
                TEST(test_half_of_a_run_is_completed),
                TEST(test_an_answer_that_is_lost_doubles_nothing),
                TEST(test_runs_come_in_pages),
                TEST(test_another_server_gets_nothing),
                TEST(test_the_server_says_why_not),
                cmocka_unit_test(test_names_become_those_that_mlflow_takes),
                cmocka_unit_test(test_how_a_trial_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
