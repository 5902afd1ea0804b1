/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/server_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/json.h"

/* ---- what is served ---- */

const char server_stage_page[] = "<!DOCTYPE html><title>page</title>";

static void handle_page(void *context, struct http_exchange *exchange)
{
        (void)context;
        http_answer_static(exchange, "text/html; charset=utf-8", server_stage_page,
                           strlen(server_stage_page));
}

static void handle_item(void *context, struct http_exchange *exchange)
{
        const char *colour = http_exchange_query(exchange, "colour");
        autojson *json =
                json_pack("{s:s, s:s?}", "name", http_exchange_segment(exchange, "name"), "colour", colour);

        (void)context;
        http_answer_json(exchange, 200, json);
}

static void handle_echo(void *context, struct http_exchange *exchange)
{
        autojson *json = NULL;

        (void)context;
        if (http_exchange_json(exchange, &json))
                http_answer_json(exchange, 200, json);
}

static void handle_nothing(void *context, struct http_exchange *exchange)
{
        (void)context;
        (void)exchange;
}

static void handle_error(void *context, struct http_exchange *exchange)
{
        struct error err = ERROR_INIT;

        (void)context;
        error_set(&err, ERROR_NOT_FOUND, NULL, "there is no pipeline x at https://me:hunter2@flink");
        http_answer_error(exchange, &err);
}

static void handle_wait(void *context, struct http_exchange *exchange)
{
        struct server_stage *stage = context;

        stage->waiter = reactor_current(stage->reactor);
        reactor_suspend(stage->reactor);
        stage->waited = true;
        http_answer(exchange, 200, "text/plain", "waited", 6);
}

static void handle_wake(void *context, struct http_exchange *exchange)
{
        struct server_stage *stage = context;

        reactor_wake(stage->reactor, stage->waiter);
        http_answer(exchange, 200, "text/plain", "woke", 4);
}

static void handle_large(void *context, struct http_exchange *exchange)
{
        autofree char *bytes = memory_new(64, MEGABYTE);

        (void)context;
        http_answer(exchange, 200, "text/plain", bytes, (size_t)64 * MEGABYTE);
}

static const struct http_route routes[] = {
        {.method = "GET", .path = "/", .open = true, .handle = handle_page},
        {.method = "GET", .path = "/items/{name}", .handle = handle_item},
        {.method = "POST", .path = "/items/{name}", .token = true, .handle = handle_echo},
        {.method = "DELETE", .path = "/items/{name}", .token = true, .handle = handle_nothing},
        {.method = "GET", .path = "/error", .handle = handle_error},
        {.method = "GET", .path = "/wait", .handle = handle_wait},
        {.method = "GET", .path = "/wake", .handle = handle_wake},
        {.method = "GET", .path = "/large", .handle = handle_large},
        {.method = NULL},
};

/* ---- stage ---- */

void server_stage_open(struct server_stage *stage, struct http_server_options options)
{
        struct error err = ERROR_INIT;

        options.address = options.address ? options.address : "127.0.0.1";
        options.base = stage->scratch.folder;
        if (!stage->reactor)
                assert_true(reactor_new(NULL, &stage->reactor, &err));
        stage->metrics = metrics_new();
        if (!http_server_new(stage->reactor, &options, routes, stage, stage->metrics, NULL, &stage->server,
                             &err))
                fail_msg("%s", err.message);
        stage->port = http_server_port(stage->server);
}

void server_stage_close(struct server_stage *stage)
{
        http_server_free(stage->server);
        reactor_free(stage->reactor);
        metrics_free(stage->metrics);
        if (*stage->scratch.folder)
                scratch_close(&stage->scratch);
}

char *server_stage_ask(struct server_stage *stage, const char *method, const char *path, const char *headers,
                       const char *body)
{
        return raw_ask(stage->reactor, stage->port, method, path, headers, body);
}

void assert_asked(struct server_stage *stage, const char *method, const char *path, const char *headers,
                  const char *body, int status, const char *contains)
{
        autofree char *answer = server_stage_ask(stage, method, path, headers, body);

        if (raw_status(answer) != status || !strstr(answer, contains))
                fail_msg("%s %.80s: expected %d and \"%s\", got:\n%.2000s", method, path, status, contains,
                         answer);
}
