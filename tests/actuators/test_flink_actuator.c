/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The actuator before a scripted job manager, whose answers are those of a real one
 * (tests/fixtures/flink/2.2.1-writes.jsonl): what is written, in which order, and what is not.
 */
#include <stdio.h>

#include "actuators/flink/savepoint.h"
#include "tests/support/flink.h"
#include "tests/support/http_stage.h"
#include "tests/support/peer.h"
#include "tests/support/set_clock.h"

extern const struct actuator flink_actuator;

#define RECORDING "tests/fixtures/flink/2.2.1-writes.jsonl"
#define JOB       "/jobs/7362ec6e12caf043012f67e9a55e63f8" /* on the default scheduler */
#define ADAPTIVE  "/jobs/b4cf755675fb61ffa9c6e76da43065b5"
#define JAR       "7a44b161-e685-4aa8-9108-02d7033c3d09_rate-job.jar"

struct scene {
        struct http_stage *stage;
        struct peer_pipeline chain;
        struct flink_options options;
        struct flink_program program;
        struct source_context context;
        char *arguments[2];
        void *actuator;
        int n_begun, n_ended, n_done;
        int seen_by_begin; /* writes that the job manager had seen when the last call was announced */
        char call[500], answer[500];
};

/* ---- what the job manager answers ---- */

/* The recorded answer of that name; `id` of a job in it is what the paths are of. */
static void serve(struct scene *scene, const char *request, const char *name, int times)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        char *save = NULL;

        if (!text_read_file(RECORDING, 1u << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                autojson *answer = json_loads(line, 0, NULL);
                autofree char *body = json_dumps(json_object_get(answer, "body"), 0);

                if (strcmp(json_string_value(json_object_get(answer, "name")), name) != 0)
                        continue;
                scripted_peer_answer(scene->stage->script, request,
                                     &(struct scripted_answer){.status = (int)json_integer_value(
                                                                       json_object_get(answer, "status")),
                                                               .body = body,
                                                               .times = times});
                return;
        }
        fail_msg("no answer %s was recorded", name);
}

static int writes(const struct scene *scene)
{
        return scripted_peer_count(scene->stage->script, "PUT *") +
               scripted_peer_count(scene->stage->script, "POST *") +
               scripted_peer_count(scene->stage->script, "PATCH *") +
               scripted_peer_count(scene->stage->script, "DELETE *");
}

/* ---- the scene ---- */

static struct scene *scene_open(bool per_operator)
{
        static char mode[] = "--mode", sleep[] = "sleep", jar[] = "rate-job.jar", job[] = "rate-job";
        struct scene *scene = memory_new(1, sizeof *scene);
        struct error err = ERROR_INIT;

        scene->stage = http_stage_open(NULL);
        peer_operators(&scene->chain, 3, 64);
        scene->chain.operators[2].name = "Writer";
        if (!per_operator) {
                scene->chain.knobs[0].operator_index = -1;
                scene->chain.pipeline.n_knobs = 1;
        }
        scene->arguments[0] = mode;
        scene->arguments[1] = sleep;
        scene->program =
                (struct flink_program){.jar = jar, .arguments = {.items = scene->arguments, .count = 2}};
        scene->options =
                (struct flink_options){.url = memory_copy_text(scripted_peer_url(scene->stage->script)),
                                       .job = job,
                                       .rescale_timeout_seconds = 60};
        assert_true(option_parse(&http_options_table, NULL, &scene->options.connection, &err));
        scene->context = (struct source_context){.pipeline = &scene->chain.pipeline,
                                                 .name = "live",
                                                 .base = ".",
                                                 .clock = &scene->stage->clock,
                                                 .reactor = scene->stage->reactor,
                                                 .http = scene->stage->client};
        return scene;
}

static void scene_close(struct scene *scene)
{
        free(scene->options.url);
        http_stage_close(scene->stage);
        free(scene);
}

static bool call_begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct scene *scene = context;

        (void)err;
        snprintf(scene->call, sizeof scene->call, "%s", call);
        *ret_id = ++scene->n_begun;
        scene->seen_by_begin = writes(scene);
        assert_int_equal(scene->seen_by_begin, scene->n_ended);
        return true;
}

static bool call_end(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        struct scene *scene = context;

        (void)err;
        assert_int_equal(id, scene->n_begun);
        scene->n_ended++;
        scene->n_done += done;
        snprintf(scene->answer, sizeof scene->answer, "%s", answer);
        return true;
}

/* What a fiber is to do, and what came of it. */
struct errand {
        struct scene *scene;
        struct configuration to, told;
        bool dry_run, read_only;
        bool applied, was_read;
        struct error err;
};

static void run_errand(void *argument)
{
        struct errand *errand = argument;
        struct scene *scene = errand->scene;
        const struct call_recorder calls = {.begin = call_begin, .end = call_end, .context = scene};

        assert_true(flink_actuator.open(&scene->context, &scene->options, &scene->actuator, &errand->err));
        errand->told.count = scene->chain.pipeline.n_knobs;
        if (!errand->read_only)
                errand->applied = flink_actuator.apply(scene->actuator, &errand->to, &errand->to,
                                                       errand->dry_run, &calls, &errand->err);
        if (errand->read_only || errand->applied)
                errand->was_read = flink_actuator.read(scene->actuator, &errand->told, &errand->err);
        flink_actuator.close(scene->actuator);
}

static struct errand apply(struct scene *scene, double source, double work, double sink)
{
        struct errand errand = {.scene = scene,
                                .to = {.count = scene->chain.pipeline.n_knobs,
                                       .value = {source, work, sink}}};

        reactor_call(scene->stage->reactor, run_errand, &errand);
        return errand;
}

static struct errand read_told(struct scene *scene)
{
        struct errand errand = {.scene = scene, .read_only = true};

        reactor_call(scene->stage->reactor, run_errand, &errand);
        return errand;
}

static void expect_error(const struct errand *errand, enum error_code code, const char *words)
{
        assert_false(errand->applied);
        assert_int_equal(errand->err.code, code);
        if (!strstr(errand->err.message, words))
                fail_msg("\"%s\" lacks \"%s\"", errand->err.message, words);
}

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

/* The job runs for so many looks at it, then it has stopped. */
static void serve_default_scheduler(struct scene *scene, int looks)
{
        scene->options.program = &scene->program;
        if (looks > 0) {
                serve(scene, "GET /jobs/overview", "overview-running", 1);
                serve(scene, "GET " JOB, "job-running", looks);
                serve(scene, "GET " JOB "/checkpoints", "checkpoints-running", 1);
        }
        serve(scene, "GET /jobs/overview", "overview-stopped", 0);
        serve(scene, "GET " JOB, "job-stopped", 0);
        serve(scene, "GET " JOB "/resource-requirements", "requirements-impossible", 0);
        serve(scene, "GET /jars", "jars", 0);
        serve(scene, "GET /config", "config", 0);
}

static void serve_savepoint(struct scene *scene)
{
        serve(scene, "POST " JOB "/savepoints", "savepoint-trigger", 0);
        serve(scene, "GET " JOB "/savepoints/301c988290a48c521561475a2aed1e20", "savepoint-in-progress", 2);
        serve(scene, "GET " JOB "/savepoints/301c988290a48c521561475a2aed1e20", "savepoint-completed", 0);
}

static void serve_stop(struct scene *scene)
{
        serve(scene, "POST " JOB "/stop", "stop-trigger", 0);
        serve(scene, "GET " JOB "/savepoints/b47732377933c8445b102abde291a95d", "stop-completed", 0);
        serve(scene, "GET " JOB "/checkpoints", "checkpoints-stopped", 0);
}

static void serve_start(struct scene *scene, const char *answer)
{
        serve(scene, "POST /jars/" JAR "/run", answer, 0);
        serve(scene, "GET /jobs/00112233445566778899aabbccddeeff/resource-requirements",
              "requirements-impossible", 0);
        serve(scene, "GET /jobs/*", "job-restarted", 0);
}

/* The body with which the program was started. */
static json_t *started_with(const struct scene *scene)
{
        json_t *body =
                json_loads(scripted_peer_request(scene->stage->script, "POST /jars/*", 0)->body, 0, NULL);

        assert_non_null(body);
        return body;
}

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

        /* Who does not know that it was started says the same, and Flink knows the id. */
        scripted_peer_forget_requests(scene->stage->script);
        scripted_peer_forget_answers(scene->stage->script);
        scene->n_begun = scene->n_ended = 0;
        serve_default_scheduler(scene, 0);
        serve_stop(scene);
        serve_start(scene, "run-again");
        errand = apply(scene, 3, 0, 0);
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

/* ---- a job that does not come up ---- */

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
                cmocka_unit_test(test_a_job_that_never_came_up_is_cancelled_and_started_again),
                cmocka_unit_test(test_what_cannot_be_understood_stops_nothing),
                cmocka_unit_test(test_a_state_that_nobody_knows_stops_nothing),
                cmocka_unit_test(test_checkpoints_that_cannot_be_understood_cancel_nothing),
                cmocka_unit_test(test_a_job_that_is_understood_in_the_end),
                cmocka_unit_test(test_different_parallelisms_are_refused_before_anything_is_written),
                cmocka_unit_test(test_in_place_is_impossible_and_nothing_else_is_allowed),
                cmocka_unit_test(test_a_jar_that_is_not_there_stops_nothing),
                cmocka_unit_test(test_the_dry_run_of_a_restart),
                cmocka_unit_test(test_versions_that_take_overrides),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
