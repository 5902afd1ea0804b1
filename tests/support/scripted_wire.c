/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/scripted_wire.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/memory.h"

#define PIECE_BYTES 8192

struct wire_tls {
        SSL_CTX *context;
};

struct wire {
        uv_tcp_t tcp; /* first: closed by its address */
        const struct wire_events *events;
        void *context;
        SSL *ssl;          /* NULL: plain */
        BIO *in, *out;     /* of ssl */
        struct text waits; /* plain text that is sent once both sides agreed on TLS */
        size_t unsent;
        bool closing;
        char piece[PIECE_BYTES];
};

struct sending {
        uv_write_t request; /* first */
        struct wire *wire;
        size_t length;
        char bytes[];
};

/* ---- certificates ---- */

struct wire_tls *wire_tls_new(const char *certificate_file, const char *key_file, const char *client_ca_file)
{
        struct wire_tls *tls = memory_new(1, sizeof *tls);

        tls->context = SSL_CTX_new(TLS_server_method());
        assert_non_null(tls->context);
        assert_int_equal(SSL_CTX_use_certificate_chain_file(tls->context, certificate_file), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(tls->context, key_file, SSL_FILETYPE_PEM), 1);
        if (client_ca_file) {
                assert_int_equal(SSL_CTX_load_verify_locations(tls->context, client_ca_file, NULL), 1);
                SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        }
        return tls;
}

static int select_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_length,
                           const unsigned char *offered, unsigned length, void *context)
{
        static const unsigned char spoken[] = "\x02h2\x08http/1.1";

        unsigned char *name = NULL;
        bool common = SSL_select_next_proto(&name, ret_length, spoken, sizeof spoken - 1, offered, length) ==
                      OPENSSL_NPN_NEGOTIATED;

        (void)ssl;
        (void)context;
        *ret_name = name;
        return common ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void wire_tls_speak_http2(struct wire_tls *tls)
{
        SSL_CTX_set_alpn_select_cb(tls->context, select_protocol, NULL);
}

void wire_tls_free(struct wire_tls *tls)
{
        if (!tls)
                return;
        SSL_CTX_free(tls->context);
        free(tls);
}

/* ---- closing ---- */

static void wire_free(uv_handle_t *handle)
{
        struct wire *wire = (struct wire *)handle;

        SSL_free(wire->ssl);
        text_free(&wire->waits);
        free(wire);
}

static bool begin_to_close(struct wire *wire)
{
        if (wire->closing)
                return false;
        wire->closing = true;
        uv_read_stop((uv_stream_t *)&wire->tcp);
        wire->events->closed(wire->context);
        return true;
}

static void shut_down(uv_shutdown_t *request, int status)
{
        (void)status;
        uv_close((uv_handle_t *)request->handle, wire_free);
        free(request);
}

void wire_close(struct wire *wire)
{
        uv_shutdown_t *request;

        if (!begin_to_close(wire))
                return;
        request = memory_new(1, sizeof *request);
        if (uv_shutdown(request, (uv_stream_t *)&wire->tcp, shut_down) != 0) {
                free(request);
                uv_close((uv_handle_t *)&wire->tcp, wire_free);
        }
}

void wire_reset(struct wire *wire)
{
        if (begin_to_close(wire) && uv_tcp_close_reset(&wire->tcp, wire_free) != 0)
                uv_close((uv_handle_t *)&wire->tcp, wire_free);
}

/* ---- sending ---- */

static void sent(uv_write_t *request, int status)
{
        struct sending *sending = (struct sending *)request;
        struct wire *wire = sending->wire;

        wire->unsent -= sending->length;
        free(sending);
        if (wire->closing)
                return;
        if (status < 0)
                wire_close(wire);
        else if (wire->unsent == 0)
                wire->events->all_sent(wire->context);
}

static void send_raw(struct wire *wire, const char *bytes, size_t length)
{
        struct sending *sending = memory_new(1, sizeof *sending + length);
        uv_buf_t buffer = uv_buf_init(sending->bytes, (unsigned)length);

        sending->wire = wire;
        sending->length = length;
        memcpy(sending->bytes, bytes, length);
        wire->unsent += length;
        if (uv_write(&sending->request, (uv_stream_t *)&wire->tcp, &buffer, 1, sent) != 0) {
                wire->unsent -= length;
                free(sending);
        }
}

/* What TLS made of what was written, and its own messages. */
static void send_encrypted(struct wire *wire)
{
        char piece[8192];
        int length;

        while ((length = BIO_read(wire->out, piece, sizeof piece)) > 0)
                send_raw(wire, piece, (size_t)length);
}

static void send_waiting(struct wire *wire)
{
        if (wire->waits.length == 0 || !SSL_is_init_finished(wire->ssl))
                return;
        SSL_write(wire->ssl, wire->waits.data, (int)wire->waits.length);
        text_free(&wire->waits);
        wire->waits = (struct text){0};
}

void wire_send(struct wire *wire, const char *bytes, size_t length)
{
        if (wire->closing || length == 0)
                return;
        if (!wire->ssl) {
                send_raw(wire, bytes, length);
                return;
        }
        text_add(&wire->waits, bytes, length);
        send_waiting(wire);
        send_encrypted(wire);
}

size_t wire_unsent(const struct wire *wire)
{
        return wire->unsent + wire->waits.length;
}

/* ---- receiving ---- */

static void hand_over_decrypted(struct wire *wire)
{
        char piece[8192];
        int length = 0;

        while (!wire->closing && (length = SSL_read(wire->ssl, piece, sizeof piece)) > 0)
                wire->events->bytes_came(wire->context, piece, (size_t)length);
        if (wire->closing)
                return;
        length = SSL_get_error(wire->ssl, length);
        send_waiting(wire);
        send_encrypted(wire);
        if (length != SSL_ERROR_WANT_READ)
                wire_close(wire);
        ERR_clear_error();
}

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buffer)
{
        struct wire *wire = (struct wire *)handle;

        (void)wanted;
        *ret_buffer = uv_buf_init(wire->piece, PIECE_BYTES);
}

static void came(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
        struct wire *wire = (struct wire *)stream;

        if (length < 0) {
                wire_close(wire);
        } else if (!wire->ssl) {
                wire->events->bytes_came(wire->context, buffer->base, (size_t)length);
        } else {
                BIO_write(wire->in, buffer->base, (int)length);
                hand_over_decrypted(wire);
        }
}

static void begin_tls(struct wire *wire, const struct wire_tls *tls)
{
        wire->ssl = SSL_new(tls->context);
        wire->in = BIO_new(BIO_s_mem());
        wire->out = BIO_new(BIO_s_mem());
        SSL_set_bio(wire->ssl, wire->in, wire->out);
        SSL_set_accept_state(wire->ssl);
}

struct wire *wire_accept(uv_stream_t *listener, struct wire_tls *tls, const struct wire_events *events,
                         void *context)
{
        struct wire *wire = memory_new(1, sizeof *wire);

        wire->events = events;
        wire->context = context;
        if (tls)
                begin_tls(wire, tls);
        uv_tcp_init(listener->loop, &wire->tcp);
        assert_int_equal(uv_accept(listener, (uv_stream_t *)&wire->tcp), 0);
        uv_tcp_nodelay(&wire->tcp, 1);
        uv_read_start((uv_stream_t *)&wire->tcp, give_room, came);
        return wire;
}
