/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_CONFORMANCE_MANAGERS_H
#define OPTCTL_TESTS_CONFORMANCE_MANAGERS_H

#include "core/json.h"
#include "tests/conformance/kube_recording.h"
#include "tests/conformance/subject.h"

/* ---- a job manager that does what it is told; its words are recorded (tests/e2e/record_flink) ---- */

#define RECORDING "tests/fixtures/flink/2.2.1-writes.jsonl"
#define ADAPTIVE  "/jobs/b4cf755675fb61ffa9c6e76da43065b5"
#define DEFAULT   "/jobs/7362ec6e12caf043012f67e9a55e63f8"
#define WANTED    3
#define FIRST     4 /* of the adaptive job; the other one has 2 */

struct manager;

/* What a peer of an actuator is: how it answers, and what it is when all is as it should be. */
struct play {
        int first; /* what it is told before */
        void (*open)(struct manager *manager);
        void (*close)(struct manager *manager);
        /* The answer of one that is well, to what it does. */
        char *(*answer)(struct manager *manager, const struct scripted_request *request,
                        struct scripted_answer *answer);
        bool (*is_right)(const struct manager *manager); /* did it, once */
};

struct manager {
        const struct play *play;
        struct kube_recording *kubernetes;
        int replicas, version, n_scales; /* of an API server's object: what its actuator sets */
        json_t *lines[64];               /* the recording */
        int n_lines;
        bool adaptive;
        int wish;                        /* of the adaptive job */
        bool stopped;                    /* the first job of the default scheduler */
        char started[40];                /* id of the second; "": none */
        int n_wishes, n_stops, n_starts; /* that changed something */
        int n_writes, n_unannounced;
        int n_cancels; /* of a job that runs */
        /* The fault: of the answers after so many, for so many (0: all). */
        const struct fault *fault;
        int after, times, n_answers;
        /* What was announced. */
        int n_begun, n_ended, n_done;
        int begin_fails_at; /* the how many-th begin fails; 0: none */
        char call[600];
};

static inline const json_t *recorded(const struct manager *manager, const char *name)
{
        for (int i = 0; i < manager->n_lines; i++)
                if (strcmp(json_string_value(json_object_get(manager->lines[i], "name")), name) == 0)
                        return manager->lines[i];
        fail_msg("no answer %s was recorded", name);
        return NULL;
}

static inline char *say(const struct manager *manager, const char *name, struct scripted_answer *answer)
{
        const json_t *line = recorded(manager, name);

        answer->status = (int)json_integer_value(json_object_get(line, "status"));
        return json_dumps(json_object_get(line, "body"), 0);
}

static inline char *say_wish(const struct manager *manager)
{
        json_t *body = json_deep_copy(json_object_get(recorded(manager, "requirements"), "body"));
        const char *id;
        json_t *vertex;
        char *text;

        json_object_foreach(body, id, vertex) json_object_set_new(json_object_get(vertex, "parallelism"),
                                                                  "upperBound", json_integer(manager->wish));
        text = json_dumps(body, 0);
        json_decref(body);
        return text;
}

static inline char *take_wish(struct manager *manager, const struct scripted_request *request,
                              struct scripted_answer *answer)
{
        autojson *body = json_loads(request->body, 0, NULL);
        const char *id;
        json_t *vertex;
        int wish = manager->wish;

        json_object_foreach(body, id, vertex) wish = (int)json_integer_value(
                json_object_get(json_object_get(vertex, "parallelism"), "upperBound"));
        assert_int_equal(json_object_size(body), PIPELINE_OPERATORS);
        manager->n_wishes += wish != manager->wish;
        manager->wish = wish;
        return say(manager, "put", answer);
}

static inline char *start(struct manager *manager, const struct scripted_request *request,
                          struct scripted_answer *answer)
{
        autojson *body = json_loads(request->body, 0, NULL);
        const char *id = json_string_value(json_object_get(body, "jobId"));

        assert_non_null(id);
        assert_true(manager->stopped);
        assert_int_equal(json_integer_value(json_object_get(body, "parallelism")), WANTED);
        if (strcmp(manager->started, id) == 0)
                return say(manager, "run-again", answer);
        manager->n_starts++;
        snprintf(manager->started, sizeof manager->started, "%s", id);
        return say(manager, "run", answer);
}

static inline char *say_with_id(const struct manager *manager, const char *name,
                                struct scripted_answer *answer)
{
        json_t *body = json_deep_copy(json_object_get(recorded(manager, name), "body"));
        json_t *jobs = json_object_get(body, "jobs"), *job;
        char *text;

        answer->status = 200;
        if (jobs) {
                job = json_deep_copy(
                        json_array_get(json_object_get(json_object_get(recorded(manager, "overview-running"),
                                                                       "body"),
                                                       "jobs"),
                                       0));
                json_object_set_new(job, "jid", json_string(manager->started));
                json_array_append_new(jobs, job);
        } else {
                json_object_set_new(body, "jid", json_string(manager->started));
        }
        text = json_dumps(body, 0);
        json_decref(body);
        return text;
}

static inline bool is_about(const struct scripted_request *request, const char *method, const char *path)
{
        return strcmp(request->method, method) == 0 && strcmp(request->path, path) == 0;
}

static inline bool is_write(const struct scripted_request *request)
{
        return strcmp(request->method, "GET") != 0;
}

static inline char *answer_adaptive(struct manager *manager, const struct scripted_request *request,
                                    struct scripted_answer *answer)
{
        if (is_about(request, "GET", "/jobs/overview"))
                return say(manager, "overview-adaptive", answer);
        if (is_about(request, "GET", ADAPTIVE))
                return say(manager, "job-adaptive", answer);
        if (is_about(request, "GET", ADAPTIVE "/resource-requirements"))
                return say_wish(manager);
        if (is_about(request, "PUT", ADAPTIVE "/resource-requirements"))
                return take_wish(manager, request, answer);
        return say(manager, "unknown-path", answer);
}

/* A question about the job that was started in place of the first. */
static inline bool is_about_started(const struct manager *manager, const struct scripted_request *request,
                                    const char *what)
{
        autofree char *path = memory_format("/jobs/%s%s", manager->started, what);

        return *manager->started && is_about(request, "GET", path);
}

static inline char *answer_default(struct manager *manager, const struct scripted_request *request,
                                   struct scripted_answer *answer)
{
        const char *job = manager->stopped ? "job-stopped" : "job-running";

        if (is_about(request, "GET", "/jobs/overview"))
                return *manager->started
                               ? say_with_id(manager, "overview-stopped", answer)
                               : say(manager, manager->stopped ? "overview-stopped" : "overview-running",
                                     answer);
        if (is_about(request, "GET", DEFAULT))
                return say(manager, job, answer);
        if (is_about_started(manager, request, ""))
                return say_with_id(manager, "job-restarted", answer);
        if (is_about_started(manager, request, "/checkpoints"))
                return say(manager, "checkpoints-running", answer);
        if (strstr(request->path, "/resource-requirements"))
                return say(manager, "requirements-impossible", answer);
        if (is_about(request, "GET", "/jars"))
                return say(manager, "jars", answer);
        if (is_about(request, "GET", "/config"))
                return say(manager, "config", answer);
        if (is_about(request, "POST", DEFAULT "/savepoints"))
                return say(manager, "savepoint-trigger", answer);
        if (is_about(request, "GET", DEFAULT "/savepoints/301c988290a48c521561475a2aed1e20"))
                return say(manager, "savepoint-completed", answer);
        if (is_about(request, "POST", DEFAULT "/stop")) {
                manager->n_stops += !manager->stopped;
                manager->stopped = true;
                return say(manager, "stop-trigger", answer);
        }
        if (is_about(request, "GET", DEFAULT "/savepoints/b47732377933c8445b102abde291a95d"))
                return say(manager, "stop-completed", answer);
        if (is_about(request, "GET", DEFAULT "/checkpoints"))
                return say(manager, manager->stopped ? "checkpoints-stopped" : "checkpoints-running", answer);
        if (strcmp(request->method, "POST") == 0 && strncmp(request->path, "/jars/", 6) == 0)
                return start(manager, request, answer);
        return say(manager, "unknown-path", answer);
}

static inline void flink_open_with(struct manager *manager, bool adaptive)
{
        autofree char *text = NULL;
        struct error err = ERROR_INIT;
        char *save = NULL;

        manager->adaptive = adaptive;
        manager->wish = FIRST;
        if (!text_read_file(RECORDING, 1u << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                manager->lines[manager->n_lines++] = json_loads(line, 0, NULL);
}

static inline void adaptive_open(struct manager *manager)
{
        flink_open_with(manager, true);
}

static inline void default_open(struct manager *manager)
{
        flink_open_with(manager, false);
}

static inline void flink_manager_close(struct manager *manager)
{
        for (int i = 0; i < manager->n_lines; i++)
                json_decref(manager->lines[i]);
}

static inline bool adaptive_is_right(const struct manager *manager)
{
        return manager->wish == WANTED && manager->n_wishes == 1;
}

static inline bool default_is_right(const struct manager *manager)
{
        return manager->stopped && *manager->started && manager->n_stops == 1 && manager->n_starts == 1;
}

static const struct play adaptive_play = {FIRST, adaptive_open, flink_manager_close, answer_adaptive,
                                          adaptive_is_right};
static const struct play default_play = {2, default_open, flink_manager_close, answer_default,
                                         default_is_right};

/* ---- an API server that does what it is told; its words are recorded (tests/e2e/kube/record_targets) ----
 */

static inline void kubernetes_open(struct manager *manager)
{
        manager->kubernetes = kube_recording_read();
        manager->replicas = FIRST;
        manager->version = 1000;
}

static inline void kubernetes_close(struct manager *manager)
{
        kube_recording_forget(manager->kubernetes);
}

/* Where it stands how many workers there are to be, and by which name. */
static inline json_t *home_of_workers(const json_t *object, const char **ret_field)
{
        static const char *const fields[] = {"minReplicas", "minReplicaCount", "parallelism"};
        json_t *spec = json_object_get(object, "spec"),
               *executor = json_object_get(json_object_get(spec, "template"), "executor"),
               *jobs = json_object_get(json_object_get(spec, "jobTemplate"), "spec");

        if (jobs)
                spec = jobs;
        *ret_field = executor ? "instances" : "replicas";
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
                if (json_object_get(spec, fields[i]))
                        *ret_field = fields[i];
        return executor ? executor : spec;
}

/* The recorded object or scale, as it is now. */
static inline char *say_scaled(const struct manager *manager, const json_t *recorded_object)
{
        json_t *object = json_deep_copy(recorded_object);
        const char *field;
        json_t *home = home_of_workers(object, &field);
        char *text;

        json_object_set_new(home, field, json_integer(manager->replicas));
        json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                            json_sprintf("%d", manager->version));
        text = json_dumps(object, 0);
        json_decref(object);
        return text;
}

static inline bool is_newest(const struct manager *manager, const json_t *patch)
{
        autofree char *version = memory_format("%d", manager->version);
        const char *expected;

        assert_true(json_find_text(json_object_get(patch, "metadata"), "resourceVersion", &expected));
        return strcmp(expected, version) == 0;
}

/* A patch of another version than there is, is a conflict, in the server's own words. */
static inline char *say_conflict(struct scripted_answer *answer)
{
        struct error err = ERROR_INIT;
        char *text;

        if (!text_read_file("tests/fixtures/kubernetes/conflict.json", 1u << 20, &text, NULL, &err))
                fail_msg("%s", err.message);
        answer->status = 409;
        return text;
}

static inline char *take_scale(struct manager *manager, const struct scripted_request *request,
                               struct scripted_answer *answer)
{
        autojson *body = json_loads(request->body, 0, NULL);
        const char *field;
        const json_t *home = home_of_workers(body, &field), *replicas = json_object_get(home, field);

        assert_true(json_is_integer(replicas));
        if (!is_newest(manager, body))
                return say_conflict(answer);
        manager->n_scales += json_integer_value(replicas) != manager->replicas;
        manager->replicas = (int)json_integer_value(replicas);
        manager->version++;
        return say_scaled(manager, kube_recording_find(manager->kubernetes, "PATCH", request->path));
}

static inline char *answer_kubernetes(struct manager *manager, const struct scripted_request *request,
                                      struct scripted_answer *answer)
{
        const json_t *body = kube_recording_find(manager->kubernetes, request->method, request->path);

        if (strstr(request->path, "watch=true"))
                return memory_copy_text("");
        if (!body)
                fail_msg("no answer to %s %s was recorded", request->method, request->path);
        if (is_write(request))
                return take_scale(manager, request, answer);
        return json_object_get(body, "spec") ? say_scaled(manager, body) : json_dumps(body, 0);
}

static inline bool kubernetes_is_right(const struct manager *manager)
{
        return manager->replicas == WANTED && manager->n_scales == 1;
}

static const struct play kubernetes_play = {FIRST, kubernetes_open, kubernetes_close, answer_kubernetes,
                                            kubernetes_is_right};

/* ---- an API server with a FlinkDeployment, beside the job manager of its job ---- */

#define OVERRIDES "pipeline.jobvertex-parallelism-overrides"

static inline void deployment_open(struct manager *manager)
{
        flink_open_with(manager, true);
        kubernetes_open(manager);
}

static inline void deployment_close(struct manager *manager)
{
        flink_manager_close(manager);
        kubernetes_close(manager);
}

/* The recorded object, which says as many subtasks of each vertex as it was told last. */
static inline char *say_deployment(const struct manager *manager, const json_t *recorded_object)
{
        json_t *object = json_deep_copy(recorded_object);
        const json_t *vertices = json_object_get(recorded(manager, "requirements"), "body");
        json_t *settings = json_object_get(json_object_get(object, "spec"), "flinkConfiguration");
        autotext overrides = {0};
        const char *id;
        json_t *vertex;
        char *text;

        json_object_foreach((json_t *)(uintptr_t)vertices, id, vertex)
                text_format(&overrides, "%s%s:%d", overrides.length > 0 ? "," : "", id, manager->replicas);
        json_object_set_new(settings, OVERRIDES, json_string(overrides.data));
        json_object_set_new(json_object_get(object, "metadata"), "resourceVersion",
                            json_sprintf("%d", manager->version));
        text = json_dumps(object, 0);
        json_decref(object);
        return text;
}

/* Each vertex by its id, and all of them the same. */
static inline int read_overrides(const char *text)
{
        int width = 0, count = 0;

        for (const char *at = text; at && *at;) {
                const char *colon = strchr(at, ':'), *comma = strchr(at, ',');
                int each;

                assert_non_null(colon);
                assert_int_equal(colon - at, 32);
                each = (int)strtol(colon + 1, NULL, 10);
                assert_true(count++ == 0 || each == width);
                width = each;
                at = comma ? comma + 1 : NULL;
        }
        assert_int_equal(count, PIPELINE_OPERATORS);
        return width;
}

static inline char *take_overrides(struct manager *manager, const struct scripted_request *request,
                                   struct scripted_answer *answer)
{
        autojson *body = json_loads(request->body, 0, NULL);
        const json_t *settings = json_object_get(json_object_get(body, "spec"), "flinkConfiguration");
        const char *overrides;
        int width;

        assert_true(json_find_text(settings, OVERRIDES, &overrides));
        if (!is_newest(manager, body))
                return say_conflict(answer);
        width = read_overrides(overrides);
        manager->n_scales += width != manager->replicas;
        manager->replicas = width;
        manager->version++;
        return say_deployment(manager, kube_recording_find(manager->kubernetes, "PATCH", request->path));
}

static inline char *answer_deployment(struct manager *manager, const struct scripted_request *request,
                                      struct scripted_answer *answer)
{
        const json_t *body;

        if (strncmp(request->path, "/api", 4) != 0) {
                assert_false(is_write(request));
                return answer_adaptive(manager, request, answer);
        }
        if (is_write(request))
                return take_overrides(manager, request, answer);
        body = kube_recording_find(manager->kubernetes, request->method, request->path);
        return body && json_object_get(body, "spec") ? say_deployment(manager, body)
                                                     : answer_kubernetes(manager, request, answer);
}

static const struct play deployment_play = {FIRST, deployment_open, deployment_close, answer_deployment,
                                            kubernetes_is_right};

#endif
