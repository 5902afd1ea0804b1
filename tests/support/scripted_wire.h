/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SCRIPTED_WIRE_H
#define OPTCTL_TESTS_SUPPORT_SCRIPTED_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "core/text.h"

/* The sockets under a scripted peer: bytes come and go, through TLS or not. */
struct wire;
struct wire_tls; /* certificates of a server */

struct wire_events {
        void (*bytes_came)(void *context, const char *bytes, size_t length);
        void (*all_sent)(void *context);
        void (*closed)(void *context); /* once, whoever closed it; the wire is gone afterwards */
};

struct wire_tls *wire_tls_new(const char *certificate_file, const char *key_file, const char *client_ca_file);
/* Who offers HTTP/2 gets it, who offers HTTP/1.1 alone gets that (ALPN). */
void wire_tls_speak_http2(struct wire_tls *tls);
void wire_tls_free(struct wire_tls *tls);

/* Accepts what waits at `listener`. `tls` NULL: plain. */
struct wire *wire_accept(uv_stream_t *listener, struct wire_tls *tls, const struct wire_events *events,
                         void *context);
void wire_send(struct wire *wire, const char *bytes, size_t length);
size_t wire_unsent(const struct wire *wire);
/* `closed` is called before these return. What is not sent yet is sent first, unless it is a reset. */
void wire_close(struct wire *wire);
void wire_reset(struct wire *wire);

#endif
