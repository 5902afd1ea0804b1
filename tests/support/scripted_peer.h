/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SCRIPTED_PEER_H
#define OPTCTL_TESTS_SUPPORT_SCRIPTED_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/reactor.h"

/*
 * An HTTP/1.1 server on a free port of 127.0.0.1 that plays an engine, or one that misbehaves. It lives in
 * the reactor of those who ask it, so that its pauses pass in virtual time and nothing has to be waited for:
 *
 *     struct scripted_peer *peer = scripted_peer_new(reactor);
 *
 *     scripted_peer_json(peer, "GET /jobs", "{\"jobs\": []}");
 *     scripted_peer_answer(peer, "GET /jobs/1", &(struct scripted_answer){.status = 503, .times = 2});
 *     scripted_peer_json(peer, "GET /jobs/1", "{\"state\": \"RUNNING\"}");
 *     ... http_peer_new(client, scripted_peer_url(peer), ...); http_get_json(...) in a fiber ...
 *     assert_int_equal(scripted_peer_count(peer, "GET /jobs/1"), 3);
 *
 * The first answer that fits a request and is not used up is given; without one it is 404. A suite that puts
 * every fault in front of every plugin writes the healthy answers once and lays one fault over all of them:
 *
 *     scripted_peer_fault(peer, &(struct scripted_answer){.how = SCRIPTED_TRUNCATE});
 *     scripted_peer_fault(peer, &(struct scripted_answer){.how = SCRIPTED_RESET, .after = 3});
 *     scripted_peer_fault(peer, &(struct scripted_answer){.status = 429, .headers = "Retry-After: 5\r\n"});
 *     scripted_peer_fault(peer, NULL);
 *
 * What cannot be set up fails the test.
 */
struct scripted_peer;

enum scripted_how {
        SCRIPTED_ANSWER,
        SCRIPTED_HANG,            /* takes the request and says nothing */
        SCRIPTED_CLOSE,           /* hangs up instead of an answer */
        SCRIPTED_RESET,           /* the same, with a reset */
        SCRIPTED_TRUNCATE,        /* promises the whole body, sends half of it and hangs up */
        SCRIPTED_RESET_HALF_WAY,  /* sends half of the body, then a reset */
        SCRIPTED_GARBAGE,         /* bytes that are no HTTP */
        SCRIPTED_ENDLESS,         /* a chunked body without an end */
        SCRIPTED_ENDLESS_HEADERS, /* a status, then headers without an end */
};

struct scripted_request {
        int connection; /* the how many-th, from 1 */
        int64_t at_ms;  /* by the reactor's clock */
        char *method;
        char *path;    /* with its query */
        char *headers; /* as they came, each ended by \r\n */
        char *body;    /* NUL-ended */
        size_t length;
};

struct scripted_answer {
        int status;               /* 0: 200 */
        const char *headers;      /* more of them, each ended by \r\n */
        const char *content_type; /* NULL: application/json; "": none */
        const char *body;
        size_t length;       /* of the body; 0: up to its NUL */
        size_t filler_bytes; /* instead of a body: so many blanks */
        enum scripted_how how;
        int64_t delay_ms; /* from the request to the first byte */
        int64_t drip_ms;  /* pause between pieces of drip_bytes (0: of one byte), from the first header on */
        size_t drip_bytes;
        const char *authorization; /* the request's header must say this; else the answer is 401 */
        int after;                 /* does not apply to the first so many requests that fit */
        int times;                 /* applies to so many; 0: to all */

        /* Called when a request has come, with a copy of this answer to change (of a fault: of the answer it
         * is laid over, with the fault's fields in it). What it returns is the body and is freed; NULL leaves
         * the body as it is. */
        char *(*by)(void *context, const struct scripted_request *request, struct scripted_answer *answer);
        void *context;
};

/* Certificates are PEM files (tests/support/certificates.h). client_ca_file: a client must show a certificate
 * that this authority signed; NULL: none is asked for. */
struct scripted_tls {
        const char *certificate_file, *key_file, *client_ca_file;
};

/* `tls` NULL: plain HTTP. */
struct scripted_peer *scripted_peer_new(struct reactor *reactor);
struct scripted_peer *scripted_peer_new_tls(struct reactor *reactor, const struct scripted_tls *tls);
/* Before the reactor. Its connections are closed, what it was about to send is not sent. */
void scripted_peer_free(struct scripted_peer *peer);
DEFINE_CLEANUP(scripted_peer_free, struct scripted_peer);

const char *scripted_peer_url(const struct scripted_peer *peer); /* "http://127.0.0.1:40123" */
int scripted_peer_port(const struct scripted_peer *peer);

/* `request`: "GET /jobs": the query is only looked at where there is one here. Either may end in or be *.
 * Everything is copied. */
void scripted_peer_answer(struct scripted_peer *peer, const char *request,
                          const struct scripted_answer *answer);
void scripted_peer_json(struct scripted_peer *peer, const char *request, const char *body);
void scripted_peer_forget_answers(struct scripted_peer *peer);

/* Laid over every answer from now on: fields that are set replace those of the answer. NULL: no more. */
void scripted_peer_fault(struct scripted_peer *peer, const struct scripted_answer *fault);

/* Nobody listens on the port any more, and connections are closed; then somebody does again. */
void scripted_peer_leave(struct scripted_peer *peer);
void scripted_peer_return(struct scripted_peer *peer);

/* ---- what it saw ---- */

#define SCRIPTED_KEPT 1024 /* requests that are remembered */

/* Of the requests that are remembered: how many fit, and the i-th that does, from 0; negative: from the last
 * (-1). NULL: there is none. `request` as above. */
int scripted_peer_count(const struct scripted_peer *peer, const char *request);
const struct scripted_request *scripted_peer_request(const struct scripted_peer *peer, const char *request,
                                                     int index);
void scripted_peer_forget_requests(struct scripted_peer *peer);

int scripted_peer_connections(const struct scripted_peer *peer);         /* so far */
int scripted_peer_connections_at_once(const struct scripted_peer *peer); /* at most, so far */
int scripted_peer_connections_open(const struct scripted_peer *peer);

/* Caller frees; NULL: the request has no such header. */
char *scripted_request_header(const struct scripted_request *request, const char *name);

#endif
