/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/page/page.h"
#include "core/json.h"
#include "core/process_metrics.h"
#include "core/series/series.h"

#define SERIES_LIMIT           240
#define SERIES_LIMIT_MAX       10000
#define HISTORY_LIMIT          50
#define HISTORY_LIMIT_MAX      1000
#define REASON_BYTES           500
#define METRICS_PIECE          ((size_t)128 * 1024) /* of /metrics, between which others get their turn */
#define CONFIDENCE_PERCENT     90
#define CONFIDENCE_PERCENT_MAX 99

struct api {
        struct api_setup setup;
        struct clock clock;
        int64_t started_ms;
        bool ready; /* stays so */
        struct http_server *server;
};

/* ---- documents ---- */

/* {"kind": …, "version": …} */
static json_t *document_of(const char *kind)
{
        return json_pack("{s:s, s:s}", "kind", kind, "version", OPTCTL_VERSION);
}

/* The same with a member, which is taken. */
static void answer_document(struct http_exchange *exchange, const char *kind, const char *key, json_t *value)
{
        autojson *document = document_of(kind);
        const char *name = http_exchange_segment(exchange, "name");

        if (name && strcmp(kind, "status") != 0)
                json_object_set_new(document, "pipeline", json_string(name));
        json_object_set_new(document, key, value);
        http_answer_json(exchange, 200, document);
}

/* ---- parameters ---- */

/* A whole number from `least` to `most`; `fallback` when it was not given. On failure it is answered. */
static bool number_parameter(struct http_exchange *exchange, const char *name, int64_t fallback, int64_t most,
                             int64_t *ret_number)
{
        const char *text = http_exchange_query(exchange, name);
        struct error err = ERROR_INIT;
        long long number = fallback;

        if (text && (!text_to_int64(text, &number) || number < 1 || number > most)) {
                error_set(&err, ERROR_INPUT, NULL, "%s: expected a whole number from 1 to %lld", name,
                          (long long)most);
                http_answer_error(exchange, &err);
                return false;
        }
        *ret_number = number;
        return true;
}

static bool since_parameter(struct http_exchange *exchange, int64_t *ret_ms)
{
        const char *text = http_exchange_query(exchange, "since");
        struct error err = ERROR_INIT;

        *ret_ms = INT64_MIN;
        if (!text || time_parse(text, NULL, ret_ms, &err))
                return true;
        error_wrap(&err, "since");
        http_answer_error(exchange, &err);
        return false;
}

/* Who misspells a member must hear of it: what it was to say would be lost. */
static bool check_members(struct http_exchange *exchange, json_t *body, const char *known)
{
        struct error err = ERROR_INIT;
        const char *name;
        json_t *value;

        json_object_foreach(body, name, value)
        {
                if (known && strcmp(name, known) == 0)
                        continue;
                error_set(&err, ERROR_INPUT, NULL, "body: \"%.60s\" is not known, expected %s%s%s", name,
                          known ? "\"" : "nothing", known ? known : "", known ? "\"" : "");
                http_answer_error(exchange, &err);
                return false;
        }
        return true;
}

/* The body, in which at most the member `known` stands. On failure it is answered. */
static bool read_body(struct http_exchange *exchange, const char *known, json_t **ret_body)
{
        autojson *body = NULL;

        if (!http_exchange_json(exchange, &body) || !check_members(exchange, body, known))
                return false;
        *ret_body = TAKE(body);
        return true;
}

/* ---- health ---- */

static void handle_health(void *context, struct http_exchange *exchange)
{
        (void)context;
        http_answer(exchange, 200, "text/plain; charset=utf-8", "ok\n", 3);
}

static size_t count_unstarted(const json_t *pipelines)
{
        const json_t *pipeline;
        size_t index, count = 0;

        json_array_foreach(pipelines, index, pipeline) count +=
                json_integer_value(json_object_get(pipeline, "turns")) == 0;
        return count;
}

static bool check_ready(struct api *api, struct error *err)
{
        const struct api_source *source = api->setup.source;
        autojson *pipelines = NULL;
        size_t waiting;

        if (reactor_stopped(api->setup.reactor))
                return error_set(err, ERROR_UNAVAILABLE, "Stopping", "optctl is stopping");
        if (api->ready || clock_now_ms(&api->clock) - api->started_ms >= API_READY_PATIENCE_MS)
                return true;
        if (!source->status(source->context, NULL, &pipelines, err))
                return false;
        waiting = count_unstarted(pipelines);
        return waiting == 0 ||
               error_set(err, ERROR_UNAVAILABLE, "Starting", "%zu of %zu pipeline%s had no turn yet", waiting,
                         json_array_size(pipelines), text_plural((double)json_array_size(pipelines)));
}

static void handle_ready(void *context, struct http_exchange *exchange)
{
        struct api *api = context;
        struct error err = ERROR_INIT;

        if (!check_ready(api, &err)) {
                http_answer_error(exchange, &err);
                return;
        }
        api->ready = true;
        http_answer(exchange, 200, "text/plain; charset=utf-8", "ready\n", 6);
}

static void handle_metrics(void *context, struct http_exchange *exchange)
{
        const struct api *api = context;
        struct metrics_place place = {0};
        autotext text = {0};

        process_metrics_read(api->setup.metrics);
        while (metrics_expose_some(api->setup.metrics, &place, METRICS_PIECE, &text))
                reactor_yield(api->setup.reactor);
        http_answer_text(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
}

/* ---- reading ---- */

static void handle_pipelines(void *context, struct http_exchange *exchange)
{
        const struct api_source *source = ((const struct api *)context)->setup.source;
        struct error err = ERROR_INIT;
        json_t *pipelines;

        if (source->status(source->context, http_exchange_segment(exchange, "name"), &pipelines, &err))
                answer_document(exchange, "status", "pipelines", pipelines);
        else
                http_answer_error(exchange, &err);
}

static void handle_series(void *context, struct http_exchange *exchange)
{
        const struct api_source *source = ((const struct api *)context)->setup.source;
        struct error err = ERROR_INIT;
        int64_t limit;
        json_t *series;

        if (!number_parameter(exchange, "limit", SERIES_LIMIT, SERIES_LIMIT_MAX, &limit))
                return;
        if (source->series(source->context, http_exchange_segment(exchange, "name"), (size_t)limit, &series,
                           &err))
                answer_document(exchange, "series", "series", series);
        else
                http_answer_error(exchange, &err);
}

static void handle_savings(void *context, struct http_exchange *exchange)
{
        const struct api_source *source = ((const struct api *)context)->setup.source;
        struct error err = ERROR_INIT;
        json_t *books;

        if (source->savings(source->context, http_exchange_segment(exchange, "name"), &books, &err))
                answer_document(exchange, "savings", "books", books);
        else
                http_answer_error(exchange, &err);
}

static void handle_books(void *context, struct http_exchange *exchange)
{
        const struct api_source *source = ((const struct api *)context)->setup.source;
        struct error err = ERROR_INIT;
        int64_t percent, since_ms;
        json_t *pipelines;

        if (!number_parameter(exchange, "confidence", CONFIDENCE_PERCENT, CONFIDENCE_PERCENT_MAX, &percent) ||
            !since_parameter(exchange, &since_ms))
                return;
        if (source->books(source->context, http_exchange_query(exchange, "pipeline"), since_ms,
                          (double)percent / 100, &pipelines, &err))
                answer_document(exchange, "books", "pipelines", pipelines);
        else
                http_answer_error(exchange, &err);
}

static void handle_history(void *context, struct http_exchange *exchange)
{
        const struct api_source *source = ((const struct api *)context)->setup.source;
        struct error err = ERROR_INIT;
        int64_t limit, since_ms;
        json_t *decisions;

        if (!number_parameter(exchange, "limit", HISTORY_LIMIT, HISTORY_LIMIT_MAX, &limit) ||
            !since_parameter(exchange, &since_ms))
                return;
        if (source->history(source->context, http_exchange_query(exchange, "pipeline"), since_ms, limit,
                            &decisions, &err))
                answer_document(exchange, "history", "decisions", decisions);
        else
                http_answer_error(exchange, &err);
}

static bool read_decision(const struct api_source *source, const char *id, json_t **ret_decision,
                          struct error *err)
{
        long long number;

        if (!text_to_int64(id, &number) || number < 1)
                return error_set(err, ERROR_INPUT, NULL, "\"%.40s\" is no number of a decision", id);
        return source->decision(source->context, number, ret_decision, err);
}

static void handle_decision(void *context, struct http_exchange *exchange)
{
        const struct api_source *source = ((const struct api *)context)->setup.source;
        autojson *document = NULL;
        struct error err = ERROR_INIT;
        json_t *decision;

        if (!read_decision(source, http_exchange_segment(exchange, "id"), &decision, &err)) {
                http_answer_error(exchange, &err);
                return;
        }
        document = document_of("decision");
        json_object_update_new(document, decision);
        http_answer_json(exchange, 200, document);
}

/* ---- orders ---- */

static void log_order(const struct api *api, const char *order, const struct http_exchange *exchange,
                      const char *reason)
{
        log_info(api->setup.log, "order received", LOG_TEXT("order", order),
                 LOG_TEXT("pipeline", http_exchange_segment(exchange, "name")), LOG_TEXT("reason", reason));
}

static bool reason_of(const json_t *body, const char **ret_reason, struct error *err)
{
        const json_t *reason = json_object_get(body, "reason");

        *ret_reason = json_string_value(reason);
        return !reason || json_is_null(reason) ||
               (*ret_reason && json_string_length(reason) <= REASON_BYTES) ||
               error_set(err, ERROR_INPUT, NULL, "reason: expected a text of at most %d bytes", REASON_BYTES);
}

static void handle_pause(void *context, struct http_exchange *exchange)
{
        const struct api *api = context;
        const struct api_source *source = api->setup.source;
        struct error err = ERROR_INIT;
        autojson *body = NULL;
        const char *reason;

        if (!read_body(exchange, "reason", &body))
                return;
        if (!reason_of(body, &reason, &err) ||
            !source->pause(source->context, http_exchange_segment(exchange, "name"), reason, &err)) {
                http_answer_error(exchange, &err);
                return;
        }
        log_order(api, "pause", exchange, reason);
        handle_pipelines(context, exchange);
}

static void handle_resume(void *context, struct http_exchange *exchange)
{
        const struct api *api = context;
        const struct api_source *source = api->setup.source;
        struct error err = ERROR_INIT;
        autojson *body = NULL;

        if (!read_body(exchange, NULL, &body))
                return;
        if (!source->resume(source->context, http_exchange_segment(exchange, "name"), &err)) {
                http_answer_error(exchange, &err);
                return;
        }
        log_order(api, "resume", exchange, NULL);
        handle_pipelines(context, exchange);
}

static bool decision_of(const json_t *body, int64_t *ret_id, struct error *err)
{
        const json_t *decision = json_object_get(body, "decision");

        *ret_id = json_integer_value(decision);
        return !decision || json_is_null(decision) || *ret_id > 0 ||
               error_set(err, ERROR_INPUT, NULL, "decision: expected the number of a decision");
}

static void handle_rollback(void *context, struct http_exchange *exchange)
{
        const struct api *api = context;
        const struct api_source *source = api->setup.source;
        struct error err = ERROR_INIT;
        autojson *body = NULL;
        json_t *result;
        int64_t id;

        if (!read_body(exchange, "decision", &body))
                return;
        log_order(api, "rollback", exchange, NULL);
        if (decision_of(body, &id, &err) &&
            source->rollback(source->context, http_exchange_segment(exchange, "name"), id, &result, &err))
                answer_document(exchange, "rollback", "rollback", result);
        else
                http_answer_error(exchange, &err);
}

/* ---- the page ---- */

static void handle_page(void *context, struct http_exchange *exchange)
{
        const char *name = http_exchange_segment(exchange, "file");
        struct error err = ERROR_INIT;

        (void)context;
        for (const struct page_file *file = page_files; file->name; file++)
                if (strcmp(file->name, name ? name : "index.html") == 0) {
                        http_answer_static(exchange, file->content_type, file->bytes, file->length);
                        return;
                }
        error_set(&err, ERROR_NOT_FOUND, NULL, "there is nothing at this address");
        http_answer_error(exchange, &err);
}

#define PIPELINE "/api/v1/pipelines/{name}"

static const struct http_route routes[] = {
        {.method = "GET", .path = "/healthz", .open = true, .handle = handle_health},
        {.method = "GET", .path = "/readyz", .open = true, .handle = handle_ready},
        {.method = "GET", .path = "/metrics", .handle = handle_metrics},
        {.method = "GET", .path = "/api/v1/pipelines", .handle = handle_pipelines},
        {.method = "GET", .path = PIPELINE, .handle = handle_pipelines},
        {.method = "GET", .path = PIPELINE "/series", .handle = handle_series},
        {.method = "GET", .path = PIPELINE "/savings", .handle = handle_savings},
        {.method = "GET", .path = "/api/v1/savings", .handle = handle_books},
        {.method = "GET", .path = "/api/v1/history", .handle = handle_history},
        {.method = "GET", .path = "/api/v1/decisions/{id}", .handle = handle_decision},
        {.method = "POST", .path = PIPELINE "/pause", .token = true, .handle = handle_pause},
        {.method = "POST", .path = PIPELINE "/resume", .token = true, .handle = handle_resume},
        {.method = "POST", .path = PIPELINE "/rollback", .token = true, .handle = handle_rollback},
        {.method = "GET", .path = "/", .open = true, .handle = handle_page},
        {.method = "GET", .path = "/{file}", .open = true, .handle = handle_page},
        {.method = NULL},
};

/* ---- life ---- */

bool api_new(const struct api_setup *setup, const struct http_server_options *options, struct api **ret_api,
             struct error *err)
{
        autocall(api_free) struct api *api = memory_new(1, sizeof *api);

        api->setup = *setup;
        api->clock = reactor_clock(setup->reactor);
        api->started_ms = clock_now_ms(&api->clock);
        if (!http_server_new(setup->reactor, options, routes, api, setup->metrics, setup->log, &api->server,
                             err))
                return false;
        process_metrics_begin(setup->metrics);
        *ret_api = TAKE(api);
        return true;
}

void api_free(struct api *api)
{
        if (!api)
                return;
        http_server_free(api->server);
        free(api);
}

int api_port(const struct api *api)
{
        return http_server_port(api->server);
}
