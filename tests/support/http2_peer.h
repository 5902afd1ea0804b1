/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_HTTP2_PEER_H
#define OPTCTL_TESTS_SUPPORT_HTTP2_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/reactor.h"
#include "tests/support/scripted_peer.h"

/*
 * A server on a free port of 127.0.0.1 that speaks HTTP/2 over TLS (RFC 9113), in the reactor of those who
 * ask it. It puts frames together and says what it is told to, whether a server may or not. What is asked it
 * does not read: it knows requests by their order. Who offers HTTP/1.1 alone gets {} for an answer, and is
 * counted.
 *
 *     static void answer(struct http2_peer *peer, const struct http2_stream *stream) { http2_answer(peer,
 * stream, "{}"); } struct http2_peer *peer = http2_peer_new(reactor, &tls, answer, NULL);
 *
 * What cannot be set up fails the test.
 */
struct http2_peer;

struct http2_stream {
        int connection; /* the how many-th, from 1 */
        int request;    /* the how many-th over HTTP/2, from 1 */
        uint32_t id;
};

/* Called once all headers of a request have come. */
typedef void http2_asked(struct http2_peer *peer, const struct http2_stream *stream);

struct http2_peer *http2_peer_new(struct reactor *reactor, const struct scripted_tls *tls, http2_asked *asked,
                                  void *context);
void http2_peer_free(struct http2_peer *peer); /* before the reactor */
void *http2_peer_context(const struct http2_peer *peer);
const char *http2_peer_url(const struct http2_peer *peer);

/* ---- what it says ---- */

#define HTTP2_NO_ERROR       0u
#define HTTP2_INTERNAL_ERROR 2u
#define HTTP2_REFUSED_STREAM 7u

enum http2_frame {
        HTTP2_DATA,
        HTTP2_HEADERS,
        HTTP2_RST_STREAM = 3,
        HTTP2_SETTINGS,
        HTTP2_PING = 6,
        HTTP2_GOAWAY
};

/* Any frame; `id` 0: of the connection. */
void http2_say(struct http2_peer *peer, int connection, enum http2_frame type, unsigned flags, uint32_t id,
               const void *payload, size_t length);

/* 200 with JSON, and this body; a part of it; the end of it. */
void http2_answer(struct http2_peer *peer, const struct http2_stream *stream, const char *body);
void http2_begin(struct http2_peer *peer, const struct http2_stream *stream);
void http2_piece(struct http2_peer *peer, const struct http2_stream *stream, const char *bytes,
                 size_t length);
void http2_end(struct http2_peer *peer, const struct http2_stream *stream);
void http2_reset(struct http2_peer *peer, const struct http2_stream *stream, uint32_t code);
/* Requests up to this stream are answered, later ones were not looked at. */
void http2_go_away(struct http2_peer *peer, int connection, uint32_t last);
void http2_hang_up(struct http2_peer *peer, int connection); /* not while it is asked */

/* The connection stays, and nothing that comes is read any more: what a path does that went away. */
void http2_fall_silent(struct http2_peer *peer, int connection);

/* ---- what it saw ---- */

int http2_connections(const struct http2_peer *peer); /* of HTTP/2, so far */
int http2_connections_open(const struct http2_peer *peer);
int http2_requests(const struct http2_peer *peer); /* over HTTP/2 */
int http2_plain_connections(const struct http2_peer *peer);
int http2_plain_requests(const struct http2_peer *peer);

#endif
