/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SERVER_STAGE_H
#define OPTCTL_TESTS_SUPPORT_SERVER_STAGE_H

#include "core/http/server.h"
#include "tests/support/raw_client.h"
#include "tests/support/scratch.h"

#define MEGABYTE (1 << 20)
#define CSRF     "X-Requested-With: optctl\r\n"

/*
 * An HTTP server on a free port, with routes that answer, echo, fail, wait for one another and send much:
 * GET / (the page), /items/{name}?colour=, POST /items/{name} (echoes its body; token), DELETE (answers
 * nothing), /error, /wait (until /wake), /large (64 MiB).
 */
struct server_stage {
        struct reactor *reactor;
        struct metrics *metrics;
        struct http_server *server;
        struct fiber *waiter;
        struct scratch scratch;
        int port;
        bool waited;
};

extern const char server_stage_page[];

/* Files are named from stage->scratch, which may be open already. `options` is completed. */
void server_stage_open(struct server_stage *stage, struct http_server_options options);
void server_stage_close(struct server_stage *stage);

/* Caller frees. */
char *server_stage_ask(struct server_stage *stage, const char *method, const char *path, const char *headers,
                       const char *body);
/* Asks, and fails unless the answer has this status and contains this text. */
void assert_asked(struct server_stage *stage, const char *method, const char *path, const char *headers,
                  const char *body, int status, const char *contains);

#endif
