/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_HTTP_STAGE_H
#define OPTCTL_TESTS_SUPPORT_HTTP_STAGE_H

#include "core/http/client.h"
#include "tests/support/scripted_peer.h"

/* A client, a scripted peer and the way between them, in one reactor with virtual time. */
struct http_stage {
        struct reactor *reactor;
        struct clock clock;
        struct metrics *metrics;
        struct log *log;
        FILE *log_file;
        char *logged;
        size_t logged_length;
        struct http_client *client;
        struct scripted_peer *script;
        struct http_peer *peer;
};

#define STAGE_START INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */

/* `options` NULL: defaults. */
struct http_stage *http_stage_open(const struct http_options *options);
/* The same with TLS, or on the machine's clock. */
struct http_stage *http_stage_open_with(const struct http_options *options, const struct scripted_tls *tls,
                                        bool virtual_time);
void http_stage_close(struct http_stage *stage);

const char *http_stage_logged(struct http_stage *stage);  /* so far */
char *http_stage_metrics(const struct http_stage *stage); /* caller frees */
int64_t http_stage_now(const struct http_stage *stage);   /* ms since it was opened, in virtual time */

/* A GET in a fiber, and the reactor until it has ended. Free the response. */
bool http_stage_get(struct http_stage *stage, const char *path, struct http_response *ret_response,
                    struct error *err);
bool http_stage_send(struct http_stage *stage, const struct http_request *request,
                     struct http_response *ret_response, struct error *err);

#endif
