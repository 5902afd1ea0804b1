/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The collector before a scripted job manager that answers what a real one did (tests/fixtures/flink). */
#include <math.h>
#include <stdio.h>

#include "engines/flink/options.h"
#include "tests/support/flink.h"
#include "tests/support/http_stage.h"
#include "tests/support/peer.h"

extern const struct collector flink_collector;

#define RECORDING "tests/fixtures/flink/2.2.1-load-and-rescale.jsonl"
#define JOB       "/jobs/b4cf755675fb61ffa9c6e76da43065b5"

struct scene {
        struct http_stage *stage;
        struct peer_pipeline chain;
        struct flink_options options;
        struct source_context context;
        struct flink_recording recording;
        void *collector;
};

/* The job manager answers as it did then; lists of names are those of the first moment. */
static void serve(struct scene *scene, int moment)
{
        const char *path;
        json_t *answer;

        scripted_peer_forget_answers(scene->stage->script);
        /* Answers to queries first: where no query is said, any fits. */
        json_object_foreach(scene->recording.moments[moment].answers, path, answer)
        {
                autofree char *body = json_dumps(answer, 0);
                autofree char *request = memory_format("GET %s*", path);

                if (strchr(path, '?'))
                        scripted_peer_json(scene->stage->script, request, body);
        }
        for (int from = moment; from >= 0; from -= moment > 0 ? moment : 1) {
                json_object_foreach(scene->recording.moments[from].answers, path, answer)
                {
                        autofree char *body = json_dumps(answer, 0);
                        autofree char *request = memory_format("GET %s", path);

                        if (!strchr(path, '?'))
                                scripted_peer_json(scene->stage->script, request, body);
                }
        }
}

static struct scene *scene_open(void)
{
        static char latency[] = "work.arrivalLagMs";
        struct scene *scene = memory_new(1, sizeof *scene);
        struct error err = ERROR_INIT;

        scene->stage = http_stage_open(NULL);
        peer_operators(&scene->chain, 3, 64);
        scene->chain.operators[2].name = "Writer";
        scene->recording = flink_recording_read(RECORDING);
        scene->options =
                (struct flink_options){.url = memory_copy_text(scripted_peer_url(scene->stage->script)),
                                       .warm_up_seconds = 5,
                                       .latency_metric = latency,
                                       .latency_scale = 0.001};
        assert_true(option_parse(&http_options_table, NULL, &scene->options.connection, &err));
        scene->context = (struct source_context){.pipeline = &scene->chain.pipeline,
                                                 .name = "live",
                                                 .base = ".",
                                                 .clock = &scene->stage->clock,
                                                 .reactor = scene->stage->reactor,
                                                 .http = scene->stage->client};
        assert_true(flink_collector.open(&scene->context, &scene->options, &scene->collector, &err));
        return scene;
}

static void scene_close(struct scene *scene)
{
        flink_collector.close(scene->collector);
        free(scene->options.url);
        flink_recording_free(&scene->recording);
        http_stage_close(scene->stage);
        free(scene);
}

struct errand {
        struct scene *scene;
        bool done;
        struct observation seen;
        json_t *found;
        struct error err;
};

static void run_collect(void *argument)
{
        struct errand *errand = argument;

        observation_clear(&errand->seen, 0, 1, 3);
        errand->seen.configuration.count = 3;
        for (int i = 0; i < 3; i++)
                errand->seen.configuration.value[i] = NAN;
        errand->done = flink_collector.collect(errand->scene->collector, &errand->seen, &errand->err);
}

static struct errand collect(struct scene *scene)
{
        struct errand errand = {.scene = scene};

        reactor_call(scene->stage->reactor, run_collect, &errand);
        return errand;
}

static void run_discover(void *argument)
{
        struct errand *errand = argument;

        errand->done = flink_collector.discover(errand->scene->collector, &errand->found, &errand->err);
}

static struct errand discover(struct scene *scene)
{
        struct errand errand = {.scene = scene};

        reactor_call(scene->stage->reactor, run_discover, &errand);
        return errand;
}

static void expect_error(const struct errand *errand, enum error_code code, const char *words)
{
        assert_false(errand->done);
        assert_int_equal(errand->err.code, code);
        if (!strstr(errand->err.message, words))
                fail_msg("\"%s\" lacks \"%s\"", errand->err.message, words);
}

static void test_the_graph_is_laid_out_as_in_a_spec(void **state)
{
        struct scene *scene = scene_open();
        struct errand errand;
        autojson *expected = json_loads(
                "{\"slotsPerWorker\":4,\"operators\":[{\"name\":\"source\",\"source\":true,"
                "\"maxParallelism\":128},"
                "{\"name\":\"work\",\"maxParallelism\":128},{\"name\":\"Writer\",\"maxParallelism\":128}],"
                "\"edges\":[{\"from\":\"source\",\"to\":\"work\",\"hash\":true},{\"from\":\"work\",\"to\":"
                "\"Writer\"}]}",
                0, NULL);

        (void)state;
        serve(scene, 0);
        errand = discover(scene);
        if (!errand.done)
                fail_msg("%s", errand.err.message);
        assert_true(json_equal(errand.found, expected));
        json_decref(errand.found);
        scene_close(scene);
}

static void test_two_turns(void **state)
{
        struct scene *scene = scene_open();
        struct errand errand;

        (void)state;
        serve(scene, 0);
        errand = collect(scene);
        if (!errand.done)
                fail_msg("%s", errand.err.message);
        assert_int_equal(errand.seen.missing, MISSING_RATES);
        assert_true(errand.seen.backlog_records == 0);
        serve(scene, 1);
        errand = collect(scene);
        assert_true(errand.done);
        assert_int_equal(errand.seen.missing, 0);
        assert_true(fabs(errand.seen.offered_per_second - 600) < 2);
        assert_true(errand.seen.latency_p99_seconds > 0.02 && errand.seen.latency_p99_seconds < 1);
        scene_close(scene);
}

/* Flink answers what it fetched for the question before: the counters are asked for after a pause. */
static void test_flink_is_given_time_to_fetch(void **state)
{
        struct scene *scene = scene_open();
        const struct scripted_request *first, *vertex;

        (void)state;
        serve(scene, 0);
        (void)collect(scene);
        first = scripted_peer_request(scene->stage->script, "GET " JOB, 0);
        vertex = scripted_peer_request(scene->stage->script,
                                       "GET " JOB "/vertices/674df9b0384c0348e0b9d1034a44c46c", 0);
        assert_true(vertex->at_ms - first->at_ms >= 300);
        scene_close(scene);
}

/* Names are listed once a job; a turn is a few requests. */
static void test_requests_of_a_turn(void **state)
{
        struct scene *scene = scene_open();

        (void)state;
        serve(scene, 0);
        (void)collect(scene);
        scripted_peer_forget_requests(scene->stage->script);
        serve(scene, 1);
        (void)collect(scene);
        /* The job, its metrics, three vertices, metrics of two of them, workers and their metrics. */
        assert_int_equal(scripted_peer_count(scene->stage->script, "GET *"), 9);
        scene_close(scene);
}

/* Met on a real cluster: a list made while subtasks came up had no gauge of the operator's own yet. */
static void test_names_that_came_late(void **state)
{
        static const char path[] = JOB "/vertices/674df9b0384c0348e0b9d1034a44c46c/subtasks/metrics";
        struct scene *scene = scene_open();
        json_t *first = scene->recording.moments[0].answers;
        autojson *whole = json_incref(json_object_get(first, path));
        struct errand errand;

        (void)state;
        assert_non_null(whole);
        json_object_set_new(first, path, json_pack("[{s:s}]", "id", "numRecordsIn"));
        serve(scene, 0);
        errand = collect(scene);
        assert_true(errand.seen.missing & MISSING_LATENCY);
        json_object_set(first, path, whole);
        serve(scene, 1);
        errand = collect(scene);
        assert_false(errand.seen.missing & MISSING_LATENCY);
        scene_close(scene);
}

/* Counters that have not moved are asked for twice more, then the turn goes without rates. */
static void test_patience_with_a_busy_cluster(void **state)
{
        struct scene *scene = scene_open();
        struct errand errand;
        int64_t began_ms;

        (void)state;
        serve(scene, 0);
        (void)collect(scene);
        scripted_peer_forget_requests(scene->stage->script);
        began_ms = clock_now_ms(&scene->stage->clock);
        errand = collect(scene);
        assert_int_equal(errand.seen.missing, MISSING_RATES);
        assert_int_equal(scripted_peer_count(scene->stage->script, "GET *"), 1 + 3 * 8);
        assert_true(clock_now_ms(&scene->stage->clock) - began_ms < 2000);
        scene_close(scene);
}

static void test_several_jobs(void **state)
{
        struct scene *scene = scene_open();
        struct errand errand;

        (void)state;
        scripted_peer_json(
                scene->stage->script, "GET /jobs/overview",
                "{\"jobs\":[{\"jid\":\"00000000000000000000000000000001\",\"name\":\"a\",\"state\":"
                "\"RUNNING\"},"
                "{\"jid\":\"00000000000000000000000000000002\",\"name\":\"b\",\"state\":\"RUNNING\"}]}");
        errand = collect(scene);
        expect_error(&errand, ERROR_INPUT,
                     "2 jobs run there: \"a\" (00000000000000000000000000000001), \"b\"");
        scene_close(scene);
}

static void test_no_job(void **state)
{
        struct scene *scene = scene_open();
        struct errand errand;

        (void)state;
        scripted_peer_json(scene->stage->script, "GET /jobs/overview", "{\"jobs\":[]}");
        errand = collect(scene);
        expect_error(&errand, ERROR_NOT_FOUND, "no job there");
        scene_close(scene);
}

/* The job is gone, and comes back under its name with another id. */
static void test_a_job_that_failed_and_came_back(void **state)
{
        struct scene *scene = scene_open();
        struct errand errand;
        autofree char *body = NULL;

        (void)state;
        serve(scene, 0);
        assert_true(collect(scene).done);
        scripted_peer_forget_answers(scene->stage->script);
        scripted_peer_json(
                scene->stage->script, "GET " JOB,
                "{\"jid\":\"b4cf755675fb61ffa9c6e76da43065b5\",\"name\":\"rate-job\",\"state\":\"FAILED\","
                "\"vertices\":[]}");
        scripted_peer_json(scene->stage->script, "GET /jobs/overview",
                           "{\"jobs\":[{\"jid\":\"b4cf755675fb61ffa9c6e76da43065b5\",\"name\":\"rate-job\","
                           "\"state\":\"FAILED\",\"start-time\":1}]}");
        errand = collect(scene);
        expect_error(&errand, ERROR_UNAVAILABLE,
                     "the job \"rate-job\" (b4cf755675fb61ffa9c6e76da43065b5) is FAILED");

        serve(scene, 1);
        json_object_set_new(json_object_get(scene->recording.moments[1].answers, JOB), "jid",
                            json_string("00000000000000000000000000000007"));
        body = json_dumps(json_object_get(scene->recording.moments[1].answers, JOB), 0);
        scripted_peer_forget_answers(scene->stage->script);
        scripted_peer_json(
                scene->stage->script, "GET /jobs/overview",
                "{\"jobs\":[{\"jid\":\"b4cf755675fb61ffa9c6e76da43065b5\",\"name\":\"rate-job\","
                "\"state\":\"FAILED\",\"start-time\":1},{\"jid\":\"00000000000000000000000000000007\","
                "\"name\":\"rate-job\",\"state\":\"RUNNING\",\"start-time\":2}]}");
        scripted_peer_json(scene->stage->script, "GET /jobs/00000000000000000000000000000007", body);
        scripted_peer_json(scene->stage->script, "GET /taskmanagers", "{}");
        errand = collect(scene);
        assert_true(errand.done);
        assert_true(errand.seen.counters_reset);
        assert_int_equal(errand.seen.missing & MISSING_RATES, MISSING_RATES);
        scene_close(scene);
}

/* A job whose operator threw, three times, is asked for the reason once. */
static void test_why_a_job_failed_and_what_it_restarts_from(void **state)
{
        struct scene *scene = scene_open();
        autojson *answers = json_load_file("tests/fixtures/flink/2.2.1-failed.json", 0, NULL);
        json_t *moment = scene->recording.moments[0].answers;
        struct errand errand;

        (void)state;
        assert_non_null(answers);
        json_object_set(moment, JOB "/checkpoints/config", json_object_get(answers, "checkpoints/config"));
        json_object_set(moment, JOB "/metrics?", json_object_get(answers, "metrics before"));
        json_object_set(moment, JOB "/exceptions?", json_object_get(answers, "exceptions"));
        serve(scene, 0);
        errand = collect(scene);
        assert_true(errand.seen.checkpoints.interval_seconds == 2);
        assert_true(isnan(errand.seen.checkpoints.duration_seconds));
        assert_true(errand.seen.checkpoints.failed == 0);
        assert_string_equal(errand.seen.failure, "");
        assert_int_equal(scripted_peer_count(scene->stage->script, "GET " JOB "/exceptions*"), 0);
        json_object_set(moment, JOB "/metrics?", json_object_get(answers, "metrics after"));
        serve(scene, 0);
        errand = collect(scene);
        assert_int_equal(errand.seen.restarts, 3);
        assert_true(fabs(errand.seen.checkpoints.duration_seconds - 2.279) < 1e-9);
        assert_true(errand.seen.checkpoints.failed == 1);
        assert_string_equal(errand.seen.failure, "the schedule fails parallelism 3");
        errand = collect(scene);
        assert_string_equal(errand.seen.failure, "");
        assert_int_equal(scripted_peer_count(scene->stage->script, "GET " JOB "/exceptions*"), 1);
        scene_close(scene);
}

static void test_an_operator_that_is_not_there(void **state)
{
        struct scene *scene = scene_open();
        struct errand errand;

        (void)state;
        scene->chain.operators[2].name = "sink";
        serve(scene, 0);
        errand = collect(scene);
        expect_error(&errand, ERROR_NOT_FOUND,
                     "no vertex for operator \"sink\"; it has \"source\", \"work\", \"Writer\"");
        scene_close(scene);
}

/* Faults over every answer: an error that says what, or an observation that says what is missing; never
 * numbers out of nothing. */
static void test_answers_that_are_none(void **state)
{
        static const struct scripted_answer faults[] = {
                {.body = "[]"},
                {.body = "{}"},
                {.body = "null"},
                {.body = "{\"jobs\":7,\"vertices\":\"x\",\"taskmanagers\":[1,null]}"},
                {.body = "<html>busy</html>", .content_type = "text/html"},
                {.status = 401, .body = "{}"},
                {.status = 404, .body = "{}"},
                {.status = 500, .body = "{\"errors\":[\"Internal server error.\"]}"},
                {.how = SCRIPTED_TRUNCATE},
                {.how = SCRIPTED_GARBAGE},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
                for (int after = 0; after < 8; after++) {
                        struct scene *scene = scene_open();
                        struct scripted_answer fault = faults[i];
                        struct errand errand;

                        serve(scene, 0);
                        assert_true(collect(scene).done);
                        serve(scene, 1);
                        fault.after = after;
                        scripted_peer_fault(scene->stage->script, &fault);
                        errand = collect(scene);
                        if (errand.done && !errand.seen.missing)
                                assert_true(fabs(errand.seen.offered_per_second - 600) < 2);
                        if (!errand.done)
                                assert_true(errand.err.message[0]);
                        scene_close(scene);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_graph_is_laid_out_as_in_a_spec),
                cmocka_unit_test(test_two_turns),
                cmocka_unit_test(test_flink_is_given_time_to_fetch),
                cmocka_unit_test(test_requests_of_a_turn),
                cmocka_unit_test(test_names_that_came_late),
                cmocka_unit_test(test_patience_with_a_busy_cluster),
                cmocka_unit_test(test_several_jobs),
                cmocka_unit_test(test_no_job),
                cmocka_unit_test(test_a_job_that_failed_and_came_back),
                cmocka_unit_test(test_why_a_job_failed_and_what_it_restarts_from),
                cmocka_unit_test(test_an_operator_that_is_not_there),
                cmocka_unit_test(test_answers_that_are_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
