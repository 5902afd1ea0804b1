/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/text.h"

#define MAX_ANSWER_BYTES (32u << 20)
#define WORDS_ROOM       300

/* ---- life ---- */

/* The service that the Flink Kubernetes operator makes for a deployment. */
static char *url_of(const struct source_context *context, const struct flink_options *options)
{
        const char *namespace = options->namespace ? options->namespace : context->namespace;

        if (options->url)
                return memory_copy_text(options->url);
        return memory_format("http://%s-rest%s%s:8081", options->deployment, namespace ? "." : "",
                             namespace ? namespace : "");
}

bool flink_engine_open(const struct source_context *context, const struct flink_options *options,
                       struct flink_engine **ret_engine, struct error *err)
{
        autocall(flink_engine_close) struct flink_engine *engine = memory_new(1, sizeof *engine);
        autofree char *url = NULL;

        if (!options->url && !options->deployment)
                return error_set(err, ERROR_INPUT, NULL,
                                 "spec.engine.flink names no job manager; expected either deployment or url");
        engine->options = options;
        engine->context = *context;
        url = url_of(context, options);
        if (!http_peer_new(context->http, url, &options->connection, context->base, &engine->peer, err))
                return error_wrap(err, "spec.engine.flink");
        *ret_engine = TAKE(engine);
        return true;
}

void flink_engine_close(struct flink_engine *engine)
{
        if (!engine)
                return;
        http_peer_free(engine->peer);
        free(engine);
}

/* ---- what Flink says went wrong ---- */

/* "a.b.SomeException: words" -> "words", for each prefix of that kind. */
static const char *skip_class_names(const char *line)
{
        const char *colon;

        while ((colon = strstr(line, ": ")) && strcspn(line, " ") == (size_t)(colon - line) + 1 &&
               memchr(line, '.', (size_t)(colon - line)))
                line = colon + 2;
        return line;
}

/* The line of the last "Caused by: ", or the first one. */
static const char *find_cause(const char *trace)
{
        static const char mark[] = "Caused by: ";
        const char *line = trace;

        if (strncmp(line, "<Exception on server side:\n", 27) == 0)
                line += 27;
        for (const char *next = trace; (next = strstr(next, mark)); line = next)
                next += sizeof mark - 1;
        return skip_class_names(line);
}

void flink_cause_words(const char *trace, char *words, size_t room)
{
        const char *cause = find_cause(trace);

        snprintf(words, room, "%.*s", (int)strcspn(cause, "\r\n"), cause);
        text_to_line(words);
}

void flink_error_words(const char *body, size_t length, char *words, size_t room)
{
        struct error ignored = ERROR_INIT;
        autojson *answer = NULL;
        const json_t *errors;
        const char *text;

        words[0] = '\0';
        if (!body || !json_parse_text(body, length, "answer", &answer, &ignored))
                return;
        errors = json_object_get(answer, "errors");
        text = json_string_value(json_array_get(errors, json_array_size(errors) - 1));
        if (!text)
                return;
        flink_cause_words(text, words, room);
}

static void say_why(const struct http_request *request, const struct http_response *response,
                    struct error *err)
{
        char words[WORDS_ROOM];

        flink_error_words(response->body, response->length, words, sizeof words);
        if (!words[0])
                return;
        /* Flink answers 500 for a job that ended. */
        if (strstr(words, "Could not find Flink job"))
                error_set(err, ERROR_NOT_FOUND, "JobNotFound", "%s", words);
        else
                snprintf(err->message, sizeof err->message, "%s", words);
        error_wrap(err, "Flink answers %s %.200s with %d", request->method ? request->method : "GET",
                   request->path, response->status);
}

/* ---- asking ---- */

static bool read_answer(const struct http_request *request, const struct http_response *response,
                        json_t **ret_answer, struct error *err)
{
        if (response->length == 0) {
                *ret_answer = json_object();
                return true;
        }
        if (json_parse_text(response->body, response->length, "answer", ret_answer, err))
                return true;
        err->code = ERROR_INCOMPLETE;
        snprintf(err->reason, sizeof err->reason, "NotJson");
        return error_wrap(err, "Flink's answer to %.200s", request->path);
}

static bool ask(struct flink_engine *engine, const struct http_request *request, json_t **ret_answer,
                struct error *err)
{
        struct http_response response = {0};
        bool done = http_send(engine->peer, request, &response, err);

        if (done)
                done = read_answer(request, &response, ret_answer, err);
        else
                say_why(request, &response, err);
        http_response_free(&response);
        return done;
}

bool flink_get(struct flink_engine *engine, const char *path, json_t **ret_answer, struct error *err)
{
        const struct http_request request = {.path = path, .max_bytes = MAX_ANSWER_BYTES};

        return ask(engine, &request, ret_answer, err);
}

bool flink_send(struct flink_engine *engine, const char *method, const char *path, const char *body,
                bool repeatable, json_t **ret_answer, struct error *err)
{
        const struct http_request request = {.method = method,
                                             .path = path,
                                             .body = body,
                                             .body_length = strlen(body),
                                             .repeatable = repeatable,
                                             .max_bytes = MAX_ANSWER_BYTES};

        return ask(engine, &request, ret_answer, err);
}

size_t flink_get_all(struct flink_engine *engine, char *const *paths, size_t count, json_t **ret_answers,
                     struct error *ret_first)
{
        autofree struct http_request *requests = memory_new(count, sizeof *requests);
        autofree struct http_response *responses = memory_new(count, sizeof *responses);
        autofree struct error *errors = memory_new(count, sizeof *errors);
        size_t came = 0;

        for (size_t i = 0; i < count; i++)
                requests[i] = (struct http_request){.path = paths[i], .max_bytes = MAX_ANSWER_BYTES};
        (void)http_send_all(engine->peer, requests, count, responses, errors);
        for (size_t i = 0; i < count; i++) {
                ret_answers[i] = NULL;
                if (errors[i].code != ERROR_NONE)
                        say_why(&requests[i], &responses[i], &errors[i]);
                else if (read_answer(&requests[i], &responses[i], &ret_answers[i], &errors[i]))
                        came++;
                if (errors[i].code != ERROR_NONE && ret_first->code == ERROR_NONE)
                        *ret_first = errors[i];
                http_response_free(&responses[i]);
        }
        return came;
}

/* ---- the job ---- */

static bool look_for_job(struct flink_engine *engine, struct error *err)
{
        autojson *overview = NULL;

        engine->job_id[0] = '\0';
        return flink_get(engine, "/jobs/overview", &overview, err) &&
               (flink_job_choose(overview, engine->options->job, engine->job_id, err) ||
                error_wrap(err, "Flink at %s", http_peer_url(engine->peer)));
}

static bool get_job(struct flink_engine *engine, struct flink_job **ret_job, struct error *err)
{
        autofree char *path = memory_format("/jobs/%s", engine->job_id);
        autojson *answer = NULL;

        return flink_get(engine, path, &answer, err) && flink_job_read(answer, ret_job, err);
}

bool flink_engine_find(struct flink_engine *engine, struct flink_job **ret_job, struct error *err)
{
        autocall(flink_job_free) struct flink_job *job = NULL;

        if (engine->job_id[0]) {
                if (get_job(engine, &job, err) && !flink_state_is_final(job->state)) {
                        *ret_job = TAKE(job);
                        return true;
                }
                if (!job && err->code != ERROR_NOT_FOUND)
                        return false;
                error_clear(err);
        }
        return look_for_job(engine, err) && get_job(engine, ret_job, err);
}

bool flink_engine_job(struct flink_engine *engine, struct flink_job **ret_job, struct error *err)
{
        autocall(flink_job_free) struct flink_job *job = NULL;

        if (!flink_engine_find(engine, &job, err))
                return false;
        if (flink_state_is_final(job->state))
                return error_set(err, ERROR_UNAVAILABLE, "JobEnded", "the job \"%.100s\" (%s) is %s",
                                 job->name, job->id, job->state);
        *ret_job = TAKE(job);
        return true;
}
