/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_ACTUATORS_FLINK_SCENE_H
#define OPTCTL_TESTS_ACTUATORS_FLINK_SCENE_H

#include <stdio.h>

#include "actuators/flink/savepoint.h"
#include "tests/support/flink.h"
#include "tests/support/http_stage.h"
#include "tests/support/peer.h"

extern const struct actuator flink_actuator;

/*
 * The actuator before a scripted job manager, whose answers are those of a real one
 * (tests/fixtures/flink/2.2.1-writes.jsonl). Header only: each test links just its room.
 */
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
static inline void serve(struct scene *scene, const char *request, const char *name, int times)
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

static inline int writes(const struct scene *scene)
{
        return scripted_peer_count(scene->stage->script, "PUT *") +
               scripted_peer_count(scene->stage->script, "POST *") +
               scripted_peer_count(scene->stage->script, "PATCH *") +
               scripted_peer_count(scene->stage->script, "DELETE *");
}

/* ---- the scene ---- */

static inline struct scene *scene_open(bool per_operator)
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

static inline void scene_close(struct scene *scene)
{
        free(scene->options.url);
        http_stage_close(scene->stage);
        free(scene);
}

static inline bool call_begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct scene *scene = context;

        (void)err;
        snprintf(scene->call, sizeof scene->call, "%s", call);
        *ret_id = ++scene->n_begun;
        scene->seen_by_begin = writes(scene);
        assert_int_equal(scene->seen_by_begin, scene->n_ended);
        return true;
}

static inline bool call_end(void *context, int64_t id, bool done, const char *answer, struct error *err)
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

static inline void run_errand(void *argument)
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

static inline struct errand apply(struct scene *scene, double source, double work, double sink)
{
        struct errand errand = {.scene = scene,
                                .to = {.count = scene->chain.pipeline.n_knobs,
                                       .value = {source, work, sink}}};

        reactor_call(scene->stage->reactor, run_errand, &errand);
        return errand;
}

static inline struct errand read_told(struct scene *scene)
{
        struct errand errand = {.scene = scene, .read_only = true};

        reactor_call(scene->stage->reactor, run_errand, &errand);
        return errand;
}

static inline void expect_error(const struct errand *errand, enum error_code code, const char *words)
{
        assert_false(errand->applied);
        assert_int_equal(errand->err.code, code);
        if (!strstr(errand->err.message, words))
                fail_msg("\"%s\" lacks \"%s\"", errand->err.message, words);
}

/* ---- by a savepoint ---- */

/* The job runs for so many looks at it, then it has stopped. */
static inline void serve_default_scheduler(struct scene *scene, int looks)
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

static inline void serve_savepoint(struct scene *scene)
{
        serve(scene, "POST " JOB "/savepoints", "savepoint-trigger", 0);
        serve(scene, "GET " JOB "/savepoints/301c988290a48c521561475a2aed1e20", "savepoint-in-progress", 2);
        serve(scene, "GET " JOB "/savepoints/301c988290a48c521561475a2aed1e20", "savepoint-completed", 0);
}

static inline void serve_stop(struct scene *scene)
{
        serve(scene, "POST " JOB "/stop", "stop-trigger", 0);
        serve(scene, "GET " JOB "/savepoints/b47732377933c8445b102abde291a95d", "stop-completed", 0);
        serve(scene, "GET " JOB "/checkpoints", "checkpoints-stopped", 0);
}

static inline void serve_start(struct scene *scene, const char *answer)
{
        serve(scene, "POST /jars/" JAR "/run", answer, 0);
        serve(scene, "GET /jobs/00112233445566778899aabbccddeeff/resource-requirements",
              "requirements-impossible", 0);
        serve(scene, "GET /jobs/*", "job-restarted", 0);
}

/* The body with which the program was started. */
static inline json_t *started_with(const struct scene *scene)
{
        json_t *body =
                json_loads(scripted_peer_request(scene->stage->script, "POST /jars/*", 0)->body, 0, NULL);

        assert_non_null(body);
        return body;
}

#endif
