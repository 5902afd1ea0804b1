/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_HTTP_CLIENT_H
#define OPTCTL_CORE_HTTP_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/metrics.h"
#include "core/option.h"
#include "core/reactor.h"
#include "core/secret.h"
#include "core/text.h"

/*
 * All HTTP that optctl speaks as a client (libcurl, driven by the reactor): deadlines, retries with backoff
 * and jitter, Retry-After, connections that are kept, TLS, credentials, proxies, caps on size, metrics for
 * each peer. Requests wait in fibers; a peer that hangs holds up nobody but who asked it.
 */
struct http_client;
struct http_peer;

/* spec.*.*.connection of every plugin that speaks HTTP. */
struct http_options {
        int64_t timeout_seconds; /* of a whole request, retries included; 10 */
        int64_t connect_timeout_seconds;
        int64_t retries; /* of a request that may be repeated */
        double max_response_bytes;
        char *proxy;
        char *token_file;               /* Authorization: Bearer */
        char *username, *password_file; /* Authorization: Basic */
        char *ca_file, *certificate_file, *key_file;
        char *server_name; /* expected in the peer's certificate, when it is not the URL's */
};

extern const struct option_table http_options_table;

/* The section's option for a plugin's table: spec.engine.flink.connection etc. */
#define HTTP_CONNECTION_OPTION(object, member)                                                               \
        {                                                                                                    \
                .name = "connection", .type = OPTION_SECTION, .offset = offsetof(object, member),            \
                .table = &http_options_table,                                                                \
                .help = "How the peer is reached: deadlines, TLS, credentials."                              \
        }

/* metrics and log may be NULL. One client for the whole program. */
bool http_client_new(struct reactor *reactor, struct metrics *metrics, struct log *log,
                     struct http_client **ret_client, struct error *err);
/* Once no request is under way. */
void http_client_free(struct http_client *client);
DEFINE_CLEANUP(http_client_free, struct http_client);

struct metrics *http_client_metrics(const struct http_client *client); /* as it was given */

/* A peer is a base URL and how to reach it. Not connected until asked; never fails for what the network does.
 * `options` NULL: defaults; they are copied. ERROR_INPUT: the URL is none, or has credentials in it. */
bool http_peer_new(struct http_client *client, const char *base_url, const struct http_options *options,
                   const char *base_folder, struct http_peer **ret_peer, struct error *err);
void http_peer_free(struct http_peer *peer); /* once no request to it is under way */
DEFINE_CLEANUP(http_peer_free, struct http_peer);
const char *http_peer_url(const struct http_peer *peer);         /* for messages */
struct reactor *http_peer_reactor(const struct http_peer *peer); /* of its client */

/* What is known already and stands in no file of its own, in place of the options for it. PEM texts are
 * copied; the token is borrowed and outlives the peer. Each may be NULL. Before the first request. */
struct http_credentials {
        const char *ca_pem, *certificate_pem, *key_pem;
        struct secret *token; /* Authorization: Bearer */
};
void http_peer_trust(struct http_peer *peer, const struct http_credentials *credentials);

/*
 * From now on what is read (GET, HEAD; not what is urgent) goes over HTTP/2 where peer and libcurl speak it
 * (over TLS, agreed on by ALPN), and shares connections. Writes and what is urgent never do: each has an
 * HTTP/1.1 connection to itself while it is under way. After five minutes, or when a request was not answered
 * in time or lost its connection, what comes next goes over a new connection. Before the first request.
 */
void http_peer_share(struct http_peer *peer);

struct http_request {
        const char *method; /* NULL: GET */
        const char *path;   /* appended to the base URL, with its query */
        const char *body;   /* NULL: none */
        size_t body_length;
        const char *content_type; /* NULL: application/json when there is a body */
        const char *accept;       /* NULL: application/json */
        bool repeatable;          /* besides GET: sending it twice does what sending it once does */
        bool conditional;         /* done once, it is refused the second time (409, 412) */
        bool urgent;              /* goes before those that wait for a connection */
        int64_t timeout_ms;       /* 0: the peer's */
        size_t max_bytes;         /* of the answer; 0: the peer's */
};

struct http_response {
        int status; /* 0: no answer came */
        char *body; /* NUL-ended; owned; NULL without an answer */
        size_t length;
        char content_type[64];
        int64_t received_ms;    /* by the reactor's clock */
        int64_t retry_after_ms; /* the peer asks not to be asked for so long; 0: it does not */
};

void http_response_free(struct http_response *response); /* what it points to, not itself */

/*
 * Sends one request and waits, in a fiber. True for an answer with status 2xx. Else false, and the error's
 * code says of what kind it is (its reason in brackets, where it is not the code's own):
 *
 * ERROR_REFUSED      400 (BadRequest), 401 (Unauthorized), 403 (Forbidden), 405, 413, 422 and other 4xx;
 *                    redirects (Redirected), which are not followed: credentials stay with the peer they are
 *                    for; a certificate that is not trusted (PeerNotTrusted)
 * ERROR_NOT_FOUND    404, 410 (Gone)
 * ERROR_CONFLICT     409, 412 (PreconditionFailed)
 * ERROR_TIMEOUT      408; no answer, or not all of it, until the time-out
 * ERROR_UNAVAILABLE  429 (TooManyRequests), 500 (PeerFailed) and other 5xx; nobody there (UnknownHost,
 *                    NotReachable); an answer that is cut short (ConnectionLost, AnswerCutShort) or is none
 *                    (NotHttp); not asked, because the peer leaves everything unanswered (PeerSilent)
 * ERROR_LIMIT        an answer above the cap (AnswerTooLarge), counted unpacked
 * ERROR_INPUT        files with credentials or certificates that cannot be read; a path that is none
 *
 * The message names peer and path, and says what the peer said: first line, redacted. *ret_response is filled
 * whenever an answer came; free it either way.
 *
 * GETs and repeatable requests are repeated on 408, 429, 502, 503, 504 and lost connections, after
 * Retry-After and an exponentially growing pause with full jitter, as long as the time-out allows. Others are
 * sent once, each over a connection of its own: on one that was kept libcurl would send again what got no
 * answer. Conditional ones go over kept connections, too, and read as ERROR_CONFLICT where that happened.
 * Only after 401 is any request sent again, when its token or password has been replaced meanwhile.
 *
 * A peer that left three requests in a row unanswered is asked by one short one first, and the others wait
 * for what becomes of it: a dead engine costs a second, not a time-out each.
 */
bool http_send(struct http_peer *peer, const struct http_request *request, struct http_response *ret_response,
               struct error *err);

/* All at once, but at most 8 at a time of one host and port, whichever peers ask there; waits for the
 * last. errors[i].code is ERROR_NONE for those that succeeded. Returns how many did. */
size_t http_send_all(struct http_peer *peer, const struct http_request *requests, size_t count,
                     struct http_response *ret_responses, struct error *errors);

/*
 * An answer that is read while it comes, for as long as it lasts. It is not one of the 8 that are asked at
 * once, is never repeated, and has no cap on its size: at most a megabyte of it waits to be read, then the
 * peer waits, too. On a connection that is shared all others would wait with it: there it ends once 16 MB
 * wait (ERROR_LIMIT, "NotReadInTime").
 */
struct http_stream;

/* Waits for an answer with status 2xx, at most for the request's time-out. Errors and *ret_response as of
 * http_send; a good answer's body is left to http_stream_read. */
bool http_stream_open(struct http_peer *peer, const struct http_request *request,
                      struct http_stream **ret_stream, struct http_response *ret_response, struct error *err);

/* Adds what has come to `out`, and waits for at least a byte. With *ret_ended it was all, and nothing was
 * added. ERROR_TIMEOUT: nothing came for idle_ms; ERROR_INTERRUPTED: the reactor stops; else what ended it
 * half-way. After a failure there is nothing more to be read. */
bool http_stream_read(struct http_stream *stream, int64_t idle_ms, struct text *out, bool *ret_ended,
                      struct error *err);
void http_stream_close(struct http_stream *stream);
DEFINE_CLEANUP(http_stream_close, struct http_stream);

/* The answer as JSON. ERROR_INCOMPLETE ("NotJson") names peer, path and place. */
bool http_response_json(const struct http_peer *peer, const char *path, const struct http_response *response,
                        json_t **ret_json, struct error *err);

/* GET, and the answer as JSON. */
bool http_get_json(struct http_peer *peer, const char *path, json_t **ret_json, struct error *err);

/* Percent-encodes what goes into a path or query. Caller frees. */
char *http_escape(const char *text);

#endif
