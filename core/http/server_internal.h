/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_HTTP_SERVER_INTERNAL_H
#define OPTCTL_CORE_HTTP_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http/server.h"
#include "core/text.h"

/* Between the files of the HTTP server: sockets and time (http_server.c), one request and its answer
 * (http_server_exchange.c), addresses (http_server_url.c). */

#define HTTP_SERVER_BODY_BYTES ((size_t)1 << 20)

/* ---- addresses ---- */

#define URL_MAX_PARTS 16 /* segments of a path, parameters of a query */

/* A request's target, taken apart and decoded. */
struct url {
        size_t n_segments, n_parameters;
        char *segments[URL_MAX_PARTS];
        char *names[URL_MAX_PARTS], *values[URL_MAX_PARTS];
};

/* ERROR_INPUT: not "/path?query", wrong percent-encoding, control characters, not UTF-8; ERROR_LIMIT: more
 * than URL_MAX_PARTS. *ret_url is to be freed either way. */
bool url_parse(const char *target, struct url *ret_url, struct error *err);
void url_free(struct url *url); /* what it points to */

/* Whether the path is of the pattern "/a/{b}/c". */
bool url_matches(const struct url *url, const char *pattern);
/* Place of "{name}" among the pattern's segments, or -1. */
int url_segment_of(const char *pattern, const char *name);

/* "localhost:7780", "127.0.0.1", "[::1]:80": names for this machine that no name server can give away. */
bool url_host_is_local(const char *host);
/* "127.0.0.1", "::1" */
bool url_address_is_loopback(const char *address);

/* ---- server ---- */

/* A connection, as long as there is one. */
struct http_peer_socket {
        struct http_peer_socket *previous, *next;
        int fd;
        int64_t deadline_ms; /* by server_now_ms; INT64_MAX while a handler works */
};

struct http_server {
        struct reactor *reactor;
        const struct http_route *routes;
        void *context;
        struct metrics *metrics;
        struct log *log;
        struct secret *token; /* NULL: none */
        bool loopback;
        int64_t receive_ms, send_ms;
        int listen_fd, port;
        char *certificate_path, *key_path; /* NULL: plain HTTP */
        uint64_t certificate_stamp;        /* of the files that the newest listener was made from */
        struct listener *listeners;        /* the first one accepts, the others finish what they have */
        struct http_peer_socket *sockets;
        struct ticker *ticker;
        size_t n_handlers; /* that run */
        struct fiber *closer;
};

int64_t server_now_ms(const struct http_server *server);
/* Whether this daemon is the one that takes new connections. */
bool server_accepts(const struct http_server *server, const struct MHD_Daemon *daemon);
/* MHD's loop goes on with what was resumed. */
void server_resume(struct http_server *server, struct MHD_Connection *connection);

/* Of MHD: a request's first line was read; its header, its body, and then its answer is wanted; it is over.
 */
void *exchange_begin(void *server, const char *target, struct MHD_Connection *connection);
enum MHD_Result exchange_continue(void *server, struct MHD_Connection *connection, const char *target,
                                  const char *method, const char *version, const char *data, size_t *length,
                                  void **context);
void exchange_end(void *server, struct MHD_Connection *connection, void **context,
                  enum MHD_RequestTerminationCode code);

#endif
