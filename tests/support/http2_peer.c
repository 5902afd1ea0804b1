/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/http2_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "tests/support/scripted_wire.h"

#define HEAD_BYTES      9 /* of a frame */
#define END_STREAM      1u
#define ACK             1u
#define END_HEADERS     4u
#define FRAME_MAX_BYTES 16384

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum protocol { NOT_KNOWN, PLAIN, HTTP2 };

struct visitor {
        struct http2_peer *peer;
        struct wire *wire;
        struct visitor *next;
        struct text in;
        enum protocol protocol;
        int number; /* of those that speak HTTP/2, from 1 */
        bool silent;
};

struct http2_peer {
        struct reactor *reactor;
        struct wire_tls *tls;
        http2_asked *asked;
        void *context;
        char url[40];
        uv_tcp_t *listener;
        struct visitor *visitors;
        int connections, open, requests, plain_connections, plain_requests;
};

/* ---- what it says ---- */

static struct visitor *find(const struct http2_peer *peer, int connection)
{
        struct visitor *visitor = peer->visitors;

        while (visitor && visitor->number != connection)
                visitor = visitor->next;
        return visitor;
}

static void put_number(unsigned char *out, uint32_t number, int bytes)
{
        for (int i = 0; i < bytes; i++)
                out[i] = (unsigned char)(number >> 8 * (bytes - 1 - i));
}

static uint32_t get_number(const char *at, int bytes)
{
        uint32_t number = 0;

        for (int i = 0; i < bytes; i++)
                number = number << 8 | (unsigned char)at[i];
        return number;
}

void http2_say(struct http2_peer *peer, int connection, enum http2_frame type, unsigned flags, uint32_t id,
               const void *payload, size_t length)
{
        const struct visitor *visitor = find(peer, connection);
        unsigned char head[HEAD_BYTES];

        if (!visitor)
                return;
        put_number(head, (uint32_t)length, 3);
        head[3] = (unsigned char)type;
        head[4] = (unsigned char)flags;
        put_number(head + 5, id, 4);
        wire_send(visitor->wire, (const char *)head, sizeof head);
        wire_send(visitor->wire, payload, length);
}

void http2_begin(struct http2_peer *peer, const struct http2_stream *stream)
{
        /* HPACK (RFC 7541, appendix A): ":status: 200" is entry 8, "content-type" is 31, its value a literal.
         */
        static const char headers[] = "\x88\x0f\x10\x10"
                                      "application/json";

        http2_say(peer, stream->connection, HTTP2_HEADERS, END_HEADERS, stream->id, headers,
                  sizeof headers - 1);
}

void http2_piece(struct http2_peer *peer, const struct http2_stream *stream, const char *bytes, size_t length)
{
        while (length > 0) {
                size_t piece = length < FRAME_MAX_BYTES ? length : FRAME_MAX_BYTES;

                http2_say(peer, stream->connection, HTTP2_DATA, 0, stream->id, bytes, piece);
                bytes += piece;
                length -= piece;
        }
}

void http2_end(struct http2_peer *peer, const struct http2_stream *stream)
{
        http2_say(peer, stream->connection, HTTP2_DATA, END_STREAM, stream->id, "", 0);
}

void http2_answer(struct http2_peer *peer, const struct http2_stream *stream, const char *body)
{
        http2_begin(peer, stream);
        http2_piece(peer, stream, body, strlen(body));
        http2_end(peer, stream);
}

void http2_reset(struct http2_peer *peer, const struct http2_stream *stream, uint32_t code)
{
        unsigned char payload[4];

        put_number(payload, code, 4);
        http2_say(peer, stream->connection, HTTP2_RST_STREAM, 0, stream->id, payload, sizeof payload);
}

void http2_go_away(struct http2_peer *peer, int connection, uint32_t last)
{
        unsigned char payload[8] = {0};

        put_number(payload, last, 4);
        http2_say(peer, connection, HTTP2_GOAWAY, 0, 0, payload, sizeof payload);
}

void http2_hang_up(struct http2_peer *peer, int connection)
{
        const struct visitor *visitor = find(peer, connection);

        if (visitor)
                wire_close(visitor->wire);
}

void http2_fall_silent(struct http2_peer *peer, int connection)
{
        struct visitor *visitor = find(peer, connection);

        if (visitor)
                visitor->silent = true;
}

/* ---- what comes ---- */

static void take_request(struct visitor *visitor, uint32_t id)
{
        struct http2_peer *peer = visitor->peer;
        const struct http2_stream stream = {visitor->number, ++peer->requests, id};

        peer->asked(peer, &stream);
}

static void take_frame(struct visitor *visitor, unsigned type, unsigned flags, uint32_t id,
                       const char *payload, size_t length)
{
        struct http2_peer *peer = visitor->peer;

        if (type == HTTP2_HEADERS)
                take_request(visitor, id);
        else if ((type == HTTP2_SETTINGS || type == HTTP2_PING) && !(flags & ACK))
                http2_say(peer, visitor->number, type, ACK, 0, payload, type == HTTP2_PING ? length : 0);
}

static void begin_http2(struct visitor *visitor)
{
        visitor->protocol = HTTP2;
        visitor->number = ++visitor->peer->connections;
        visitor->peer->open++;
        http2_say(visitor->peer, visitor->number, HTTP2_SETTINGS, 0, 0, "", 0);
}

/* How much of what is there has been dealt with. The peer may close the connection meanwhile. */
static size_t take_http2(struct visitor *visitor)
{
        size_t length;

        if (visitor->in.length < HEAD_BYTES)
                return 0;
        length = get_number(visitor->in.data, 3);
        if (visitor->in.length < HEAD_BYTES + length)
                return 0;
        take_frame(visitor, (unsigned char)visitor->in.data[3], (unsigned char)visitor->in.data[4],
                   get_number(visitor->in.data + 5, 4), visitor->in.data + HEAD_BYTES, length);
        return HEAD_BYTES + length;
}

static size_t take_plain(struct visitor *visitor)
{
        static const char answer[] =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        const char *end = strstr(visitor->in.data, "\r\n\r\n");

        if (!end)
                return 0;
        visitor->peer->plain_requests++;
        wire_send(visitor->wire, answer, sizeof answer - 1);
        return (size_t)(end - visitor->in.data) + 4;
}

static size_t take_first(struct visitor *visitor)
{
        if (visitor->in.length < sizeof preface - 1)
                return 0;
        if (memcmp(visitor->in.data, preface, sizeof preface - 1) == 0) {
                begin_http2(visitor);
                return sizeof preface - 1;
        }
        visitor->protocol = PLAIN;
        visitor->peer->plain_connections++;
        return take_plain(visitor);
}

static void bytes_came(void *context, const char *bytes, size_t length)
{
        struct visitor *visitor = context;
        size_t taken = 1;

        text_add(&visitor->in, bytes, length);
        while (taken > 0 && visitor->in.length > 0 && !visitor->silent) {
                taken = visitor->protocol == NOT_KNOWN ? take_first(visitor)
                        : visitor->protocol == PLAIN   ? take_plain(visitor)
                                                       : take_http2(visitor);
                memmove(visitor->in.data, visitor->in.data + taken, visitor->in.length - taken + 1);
                visitor->in.length -= taken;
        }
}

static void all_sent(void *context)
{
        (void)context;
}

static void closed(void *context)
{
        struct visitor *visitor = context, **link = &visitor->peer->visitors;

        while (*link != visitor)
                link = &(*link)->next;
        *link = visitor->next;
        visitor->peer->open -= visitor->protocol == HTTP2;
        text_free(&visitor->in);
        free(visitor);
}

/* ---- life ---- */

static void visit(uv_stream_t *listener, int status)
{
        static const struct wire_events events = {bytes_came, all_sent, closed};
        struct http2_peer *peer = listener->data;
        struct visitor *visitor = memory_new(1, sizeof *visitor);

        assert_int_equal(status, 0);
        visitor->peer = peer;
        visitor->next = peer->visitors;
        peer->visitors = visitor;
        visitor->wire = wire_accept(listener, peer->tls, &events, visitor);
}

static void listen_somewhere(struct http2_peer *peer)
{
        struct sockaddr_storage address;
        int room = sizeof address;

        peer->listener = memory_new(1, sizeof *peer->listener);
        peer->listener->data = peer;
        uv_tcp_init(reactor_loop(peer->reactor), peer->listener);
        assert_int_equal(uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&address), 0);
        assert_int_equal(uv_tcp_bind(peer->listener, (struct sockaddr *)&address, 0), 0);
        assert_int_equal(uv_listen((uv_stream_t *)peer->listener, 1024, visit), 0);
        assert_int_equal(uv_tcp_getsockname(peer->listener, (struct sockaddr *)&address, &room), 0);
        snprintf(peer->url, sizeof peer->url, "https://127.0.0.1:%d",
                 ntohs(((struct sockaddr_in *)&address)->sin_port));
}

struct http2_peer *http2_peer_new(struct reactor *reactor, const struct scripted_tls *tls, http2_asked *asked,
                                  void *context)
{
        struct http2_peer *peer = memory_new(1, sizeof *peer);

        peer->reactor = reactor;
        peer->tls = wire_tls_new(tls->certificate_file, tls->key_file, tls->client_ca_file);
        wire_tls_speak_http2(peer->tls);
        peer->asked = asked;
        peer->context = context;
        listen_somewhere(peer);
        return peer;
}

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

void http2_peer_free(struct http2_peer *peer)
{
        uv_close((uv_handle_t *)peer->listener, free_handle);
        while (peer->visitors)
                wire_reset(peer->visitors->wire);
        wire_tls_free(peer->tls);
        free(peer);
}

void *http2_peer_context(const struct http2_peer *peer)
{
        return peer->context;
}

const char *http2_peer_url(const struct http2_peer *peer)
{
        return peer->url;
}

int http2_connections(const struct http2_peer *peer)
{
        return peer->connections;
}

int http2_connections_open(const struct http2_peer *peer)
{
        return peer->open;
}

int http2_requests(const struct http2_peer *peer)
{
        return peer->requests;
}

int http2_plain_connections(const struct http2_peer *peer)
{
        return peer->plain_connections;
}

int http2_plain_requests(const struct http2_peer *peer)
{
        return peer->plain_requests;
}
