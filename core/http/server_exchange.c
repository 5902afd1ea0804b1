/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>
#include <zlib.h>

#include "core/http/server_internal.h"
#include "core/json.h"
#include "core/redact.h"

struct http_exchange {
        struct http_server *server;
        struct MHD_Connection *connection;
        struct url url;
        struct error bad_url;
        bool begun;         /* the header was looked at */
        bool ambiguous;     /* where the request ends others may see elsewhere */
        const char *method; /* of the route, or what was asked for */
        const struct http_route *route;
        struct text body;
        struct MHD_Response *response;
        int status;
        int64_t begun_ms;
};

static const char *const request_labels[] = {"route", "status", NULL};
static const char *const duration_labels[] = {"route", NULL};
static const double duration_bounds[] = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10};

static const struct metric_family requests_family = {.name = "optctl_http_server_requests_total",
                                                     .type = METRIC_COUNTER,
                                                     .help = "Requests answered, by route and status.",
                                                     .labels = request_labels};
METRIC_FAMILY(requests_family);
static const struct metric_family duration_family =
        {.name = "optctl_http_server_request_duration_seconds",
         .type = METRIC_HISTOGRAM,
         .help = "From a request's first line to the last byte of "
                 "its answer.",
         .labels = duration_labels,
         .upper_bounds = duration_bounds,
         .n_upper_bounds = ARRAY_LENGTH(duration_bounds)};
METRIC_FAMILY(duration_family);

static struct http_peer_socket *socket_of(struct MHD_Connection *connection)
{
        return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static const char *header_of(const struct http_exchange *exchange, const char *name)
{
        return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

/* ---- answers ---- */

/* Nothing of ours runs in somebody else's frame, sends its address elsewhere, or loads from there. */
static const struct {
        const char *name, *value;
} security_headers[] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
         "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
};

/* The first answer counts. */
static void answer(struct http_exchange *exchange, int status, const char *content_type,
                   const char *cache_control, struct MHD_Response *response)
{
        if (exchange->response) {
                MHD_destroy_response(response);
                return;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(security_headers); i++)
                MHD_add_response_header(response, security_headers[i].name, security_headers[i].value);
        if (content_type)
                MHD_add_response_header(response, "Content-Type", content_type);
        MHD_add_response_header(response, "Cache-Control", cache_control);
        exchange->response = response;
        exchange->status = status;
}

static struct MHD_Response *response_of(const void *bytes, size_t length, enum MHD_ResponseMemoryMode mode)
{
        return MHD_create_response_from_buffer(length, (void *)(uintptr_t)bytes, mode);
}

void http_answer(struct http_exchange *exchange, int status, const char *content_type, const void *bytes,
                 size_t length)
{
        answer(exchange, status, content_type, "no-store", response_of(bytes, length, MHD_RESPMEM_MUST_COPY));
}

void http_answer_text(struct http_exchange *exchange, int status, const char *content_type,
                      struct text *take_text)
{
        size_t length = take_text->length;

        answer(exchange, status, content_type, "no-store",
               response_of(text_take(take_text), length, MHD_RESPMEM_MUST_FREE));
}

void http_answer_static(struct http_exchange *exchange, const char *content_type, const void *bytes,
                        size_t length)
{
        const char *known = header_of(exchange, "If-None-Match");
        struct MHD_Response *response;
        char tag[40];
        bool same;

        snprintf(tag, sizeof tag, "\"%08lx-%zx\"", crc32_z(0, bytes, length), length);
        same = known && strcmp(known, tag) == 0;
        response = response_of(bytes, same ? 0 : length, MHD_RESPMEM_PERSISTENT);
        MHD_add_response_header(response, "ETag", tag);
        answer(exchange, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, same ? NULL : content_type, "no-cache",
               response);
}

void http_answer_json(struct http_exchange *exchange, int status, const json_t *json)
{
        struct text text = {0};

        json_put(json, 0, &text);
        text_put(&text, "\n");
        http_answer_text(exchange, status, "application/json", &text);
}

static int status_of(enum error_code code)
{
        switch (code) {
        case ERROR_INPUT:
                return MHD_HTTP_BAD_REQUEST;
        case ERROR_NOT_FOUND:
                return MHD_HTTP_NOT_FOUND;
        case ERROR_CONFLICT:
        case ERROR_INCOMPLETE:
                return MHD_HTTP_CONFLICT;
        case ERROR_REFUSED:
                return MHD_HTTP_UNPROCESSABLE_CONTENT;
        case ERROR_LIMIT:
                return MHD_HTTP_CONTENT_TOO_LARGE;
        case ERROR_TIMEOUT:
                return MHD_HTTP_GATEWAY_TIMEOUT;
        case ERROR_UNAVAILABLE:
        case ERROR_INTERRUPTED:
                return MHD_HTTP_SERVICE_UNAVAILABLE;
        default:
                return MHD_HTTP_INTERNAL_SERVER_ERROR;
        }
}

static void answer_problem(struct http_exchange *exchange, int status, const char *code, const char *message)
{
        autofree char *clean = redact_text(message);
        autojson *json = json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", clean);

        http_answer_json(exchange, status, json);
}

void http_answer_error(struct http_exchange *exchange, const struct error *err)
{
        answer_problem(exchange, status_of(err->code), err->reason, err->message);
}

/* ---- what handlers ask ---- */

const char *http_exchange_segment(const struct http_exchange *exchange, const char *name)
{
        int at = url_segment_of(exchange->route->path, name);

        return at < 0 ? NULL : exchange->url.segments[at];
}

const char *http_exchange_query(const struct http_exchange *exchange, const char *name)
{
        for (size_t i = 0; i < exchange->url.n_parameters; i++)
                if (strcmp(exchange->url.names[i], name) == 0)
                        return exchange->url.values[i];
        return NULL;
}

bool http_exchange_json(struct http_exchange *exchange, json_t **ret_json)
{
        autojson *json = NULL;
        struct error err = ERROR_INIT;

        if (exchange->body.length == 0) {
                *ret_json = json_object();
                return true;
        }
        if (!json_parse_text(exchange->body.data, exchange->body.length, "body", &json, &err)) {
                http_answer_error(exchange, &err);
                return false;
        }
        if (!json_is_object(json)) {
                answer_problem(exchange, MHD_HTTP_BAD_REQUEST, "InvalidInput", "body: expected an object");
                return false;
        }
        *ret_json = TAKE(json);
        return true;
}

/* ---- who may ---- */

/* In a time that does not tell how much of it was right. */
static bool equals_secret(const char *given, const char *secret)
{
        size_t length = strlen(secret);
        volatile unsigned char differs = 0;

        if (strlen(given) != length)
                return false;
        for (size_t i = 0; i < length; i++)
                differs |= (unsigned char)(given[i] ^ secret[i]);
        return differs == 0;
}

static bool token_is_right(const struct http_exchange *exchange, struct error *err)
{
        const char *given = header_of(exchange, "Authorization");
        const char *token;

        if (!secret_text(exchange->server->token, &token, err))
                return false;
        return (given && strncasecmp(given, "Bearer ", 7) == 0 && equals_secret(given + 7, token)) ||
               error_set(err, ERROR_REFUSED, "Unauthorized",
                         "this takes the token: send it as Authorization: Bearer TOKEN");
}

static void check_token(struct http_exchange *exchange)
{
        const struct http_server *server = exchange->server;
        struct error err = ERROR_INIT;

        if (!server->token || exchange->route->open || (!exchange->route->token && server->loopback))
                return;
        if (token_is_right(exchange, &err))
                return;
        if (err.code != ERROR_REFUSED) {
                log_error(server->log, "token cannot be read, nobody is let in",
                          LOG_TEXT("reason", err.message));
                answer_problem(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "TokenUnreadable",
                               "the token cannot be read; the log says why");
                return;
        }
        answer_problem(exchange, MHD_HTTP_UNAUTHORIZED, err.reason, err.message);
        MHD_add_response_header(exchange->response, "WWW-Authenticate", "Bearer realm=\"optctl\"");
}

/* A page of another origin may send the browser here under a name of its own, and may post forms. */
static void check_origin(struct http_exchange *exchange)
{
        const char *host = header_of(exchange, "Host");
        const char *sent_by = header_of(exchange, "X-Requested-With");

        if (exchange->server->loopback && host && !url_host_is_local(host))
                answer_problem(exchange, MHD_HTTP_MISDIRECTED_REQUEST, "WrongHost",
                               "this server answers to localhost and addresses of this machine only");
        else if (strcmp(exchange->method, "GET") != 0 && (!sent_by || strcmp(sent_by, "optctl") != 0))
                answer_problem(exchange, MHD_HTTP_FORBIDDEN, "MissingHeader",
                               "what changes something takes the header X-Requested-With: optctl");
}

/* ---- routes ---- */

static void answer_no_route(struct http_exchange *exchange, const struct text *allowed)
{
        if (!allowed->length) {
                answer_problem(exchange, MHD_HTTP_NOT_FOUND, "NotFound", "there is nothing at this address");
                return;
        }
        answer_problem(exchange, MHD_HTTP_METHOD_NOT_ALLOWED, "MethodNotAllowed",
                       "this address does not take this method");
        MHD_add_response_header(exchange->response, "Allow", allowed->data);
}

static void find_route(struct http_exchange *exchange, const char *method)
{
        autotext allowed = {0};

        for (const struct http_route *route = exchange->server->routes; route->method; route++) {
                bool get = strcmp(route->method, "GET") == 0;

                if (!url_matches(&exchange->url, route->path))
                        continue;
                if (strcmp(route->method, method) == 0 || (get && strcmp(method, "HEAD") == 0)) {
                        exchange->route = route;
                        exchange->method = route->method;
                        return;
                }
                text_format(&allowed, "%s%s", allowed.length ? ", " : "", get ? "GET, HEAD" : route->method);
        }
        answer_no_route(exchange, &allowed);
}

static void check_length(struct http_exchange *exchange)
{
        const char *length = header_of(exchange, "Content-Length");
        long long bytes;

        if (length && (!text_to_int64(length, &bytes) || bytes > (long long)HTTP_SERVER_BODY_BYTES))
                answer_problem(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "TooLarge", "a body has at most 1 MiB");
}

/* What of a header says where a request ends, and for whom it is. */
struct framing {
        int n_lengths, n_encodings, n_hosts;
        bool odd;
};

static enum MHD_Result add_framing(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
        struct framing *framing = context;
        const char *text = value ? value : "";

        (void)kind;
        framing->odd |= name[strcspn(name, " \t")] != '\0';
        if (strcasecmp(name, "Content-Length") == 0) {
                framing->n_lengths++;
                framing->odd |= !*text || text[strspn(text, "0123456789")] != '\0';
        } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
                framing->n_encodings++;
                framing->odd |= strcasecmp(text, "chunked") != 0;
        } else if (strcasecmp(name, "Host") == 0) {
                framing->n_hosts++;
        }
        return MHD_YES;
}

/* A proxy before us that reads it otherwise would take the rest of it for somebody else's request (RFC 9112,
 * 11.2). libmicrohttpd takes the first of several lengths, and a length beside an encoding. */
static void check_framing(struct http_exchange *exchange)
{
        struct framing framing = {.odd = false};

        MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, add_framing, &framing);
        exchange->ambiguous =
                framing.odd || framing.n_lengths + framing.n_encodings > 1 || framing.n_hosts > 1;
        if (!exchange->ambiguous)
                return;
        answer_problem(exchange, MHD_HTTP_BAD_REQUEST, "AmbiguousRequest",
                       "the header can be read in more than one way");
        MHD_add_response_header(exchange->response, "Connection", "close");
}

/* Everything that can be said once the header is there; an answer then means no. */
static void look_at_header(struct http_exchange *exchange, const char *method)
{
        check_framing(exchange);
        if (exchange->ambiguous)
                return;
        if (exchange->bad_url.code != ERROR_NONE) {
                answer_problem(exchange, MHD_HTTP_BAD_REQUEST, exchange->bad_url.reason,
                               exchange->bad_url.message);
                return;
        }
        find_route(exchange, method);
        if (!exchange->response)
                check_origin(exchange);
        if (!exchange->response)
                check_token(exchange);
        if (!exchange->response)
                check_length(exchange);
}

/* ---- the course of an exchange ---- */

void *exchange_begin(void *server, const char *target, struct MHD_Connection *connection)
{
        struct http_exchange *exchange = memory_new(1, sizeof *exchange);

        exchange->server = server;
        exchange->connection = connection;
        exchange->begun_ms = server_now_ms(server);
        url_parse(target, &exchange->url, &exchange->bad_url);
        return exchange;
}

static void run_handler(void *argument)
{
        struct http_exchange *exchange = argument;
        struct http_server *server = exchange->server;

        exchange->route->handle(server->context, exchange);
        if (!exchange->response)
                answer_problem(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR, "NoAnswer",
                               "optctl has no answer to this; please report it");
        server->n_handlers--;
        if (server->n_handlers == 0 && server->closer)
                reactor_wake(server->reactor, server->closer);
        server_resume(server, exchange->connection);
}

static enum MHD_Result start_handler(struct http_exchange *exchange)
{
        socket_of(exchange->connection)->deadline_ms = INT64_MAX;
        MHD_suspend_connection(exchange->connection);
        exchange->server->n_handlers++;
        reactor_spawn(exchange->server->reactor, run_handler, exchange);
        return MHD_YES;
}

static enum MHD_Result send_answer(struct http_exchange *exchange)
{
        const struct http_server *server = exchange->server;
        const struct MHD_Daemon *daemon =
                MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_DAEMON)->daemon;

        if (!server_accepts(server, daemon))
                MHD_add_response_header(exchange->response, "Connection", "close");
        socket_of(exchange->connection)->deadline_ms = server_now_ms(server) + server->send_ms;
        return MHD_queue_response(exchange->connection, (unsigned)exchange->status, exchange->response);
}

/* MHD cannot answer in the middle of a body: who sends more than was announced is cut off. */
static enum MHD_Result take_body(struct http_exchange *exchange, const char *data, size_t *length)
{
        if (exchange->body.length + *length > HTTP_SERVER_BODY_BYTES)
                return MHD_NO;
        text_add(&exchange->body, data, *length);
        *length = 0;
        return MHD_YES;
}

static bool announces_body(const struct http_exchange *exchange)
{
        const char *length = header_of(exchange, "Content-Length");

        return (length && strcmp(length, "0") != 0) || header_of(exchange, "Transfer-Encoding");
}

/* MHD closes the connection after an answer before the end of the request: that saves reading a body nobody
 * wants, and is a pity without one. */
static enum MHD_Result begin_answer(struct http_exchange *exchange, const char *method)
{
        exchange->begun = true;
        look_at_header(exchange, method);
        return exchange->response && (exchange->ambiguous || announces_body(exchange)) ? send_answer(exchange)
                                                                                       : MHD_YES;
}

enum MHD_Result exchange_continue(void *server, struct MHD_Connection *connection, const char *target,
                                  const char *method, const char *version, const char *data, size_t *length,
                                  void **context)
{
        struct http_exchange *exchange = *context;

        (void)server;
        (void)connection;
        (void)target;
        (void)version;
        if (!exchange->begun)
                return begin_answer(exchange, method);
        if (exchange->response)
                return send_answer(exchange);
        return *length > 0 ? take_body(exchange, data, length) : start_handler(exchange);
}

static void count(const struct http_exchange *exchange, bool complete)
{
        const struct http_server *server = exchange->server;
        const char *route = exchange->route ? exchange->route->path : "none";
        int64_t took_ms = server_now_ms(server) - exchange->begun_ms;
        char status[16];

        snprintf(status, sizeof status, "%d", exchange->status);
        metrics_add(server->metrics, &requests_family, (const char *const[]){route, status}, 1);
        metrics_observe(server->metrics, &duration_family, (const char *const[]){route},
                        (double)took_ms / 1000);
        log_debug(server->log, "request answered", LOG_TEXT("route", route),
                  LOG_TEXT("method", exchange->method), LOG_INTEGER("status", exchange->status),
                  LOG_INTEGER("milliseconds", took_ms), LOG_BOOL("complete", complete));
}

void exchange_end(void *server, struct MHD_Connection *connection, void **context,
                  enum MHD_RequestTerminationCode code)
{
        struct http_exchange *exchange = *context;

        if (!exchange)
                return;
        socket_of(connection)->deadline_ms = server_now_ms(server) + exchange->server->receive_ms;
        if (exchange->status)
                count(exchange, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        if (exchange->response)
                MHD_destroy_response(exchange->response);
        text_free(&exchange->body);
        url_free(&exchange->url);
        free(exchange);
        *context = NULL;
}
