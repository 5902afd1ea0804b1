/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_HTTP_SERVER_H
#define OPTCTL_CORE_HTTP_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/metrics.h"
#include "core/reactor.h"
#include "core/secret.h"
#include "core/text.h"

/*
 * The one HTTP server (libmicrohttpd, driven by the reactor): metrics, health, the JSON API and the page.
 * Listens on loopback unless told otherwise; wider only with a token and TLS. Slow and greedy clients are cut
 * off: caps on connections, header, body and time.
 *
 * What web pages of other origins might try through somebody's browser fails: on loopback the Host must name
 * this machine (DNS rebinding), and what is no GET asks for the header "X-Requested-With: optctl", which such
 * a page cannot send.
 */
struct http_server;
struct http_exchange;

struct http_route {
        const char *method; /* "GET", which answers HEAD, too */
        const char *path;   /* "/api/v1/pipelines/{name}/pause": {name} matches one segment */
        bool token;         /* asks for the token, when the server has one, also on loopback */
        bool open;          /* never asks for it, not even when listening wider */
        /* Runs in a fiber: it may wait. Answers by one of the calls below; without one the answer is 500. */
        void (*handle)(void *context, struct http_exchange *exchange);
};

struct http_server_options {
        const char *address;                     /* "127.0.0.1", "::1", "0.0.0.0" */
        int port;                                /* 0: any free one */
        const char *token_file;                  /* NULL: none */
        const char *certificate_file, *key_file; /* NULL: plain HTTP */
        const char *base;                        /* folder that file names start from */
        int64_t receive_ms;                      /* for a request, from the end of the one before; 0: 15 s */
        int64_t send_ms;                         /* for an answer; 0: 60 s */
};

/* ERROR_INPUT: wider than loopback without token and TLS, or files that cannot be read; ERROR_CONFLICT: the
 * port is taken. Routes end with a NULL method and are borrowed, as everything else is. */
bool http_server_new(struct reactor *reactor, const struct http_server_options *options,
                     const struct http_route *routes, void *context, struct metrics *metrics, struct log *log,
                     struct http_server **ret_server, struct error *err);
/* Lets the handlers that run come to their end first. */
void http_server_free(struct http_server *server);
DEFINE_CLEANUP(http_server_free, struct http_server);
int http_server_port(const struct http_server *server);

/* ---- for handlers ---- */

const char *http_exchange_segment(const struct http_exchange *exchange, const char *name); /* decoded */
const char *http_exchange_query(const struct http_exchange *exchange, const char *name);   /* or NULL */
/* The body as a JSON object; an empty one is an empty object. On failure the exchange is already answered
 * (400). */
bool http_exchange_json(struct http_exchange *exchange, json_t **ret_json);

void http_answer(struct http_exchange *exchange, int status, const char *content_type, const void *bytes,
                 size_t length); /* bytes are copied */
void http_answer_text(struct http_exchange *exchange, int status, const char *content_type,
                      struct text *take_text); /* for a large one: not copied, and empty afterwards */
void http_answer_static(struct http_exchange *exchange, const char *content_type, const void *bytes,
                        size_t length); /* bytes live on; cacheable */
void http_answer_json(struct http_exchange *exchange, int status, const json_t *json);
/* {"error": {"code": ..., "message": ...}}; the status follows from the error's code. */
void http_answer_error(struct http_exchange *exchange, const struct error *err);

#endif
