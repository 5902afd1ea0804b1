/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/history_log.h"

#include <stdint.h>
#include <stdlib.h>

#include "engines/spark/history.h"
#include "engines/spark/temporary.h"

#define CONNECT_SECONDS 5
#define TIMEOUT_SECONDS 30
#define MAX_BYTES       (16 << 20) /* of an answer that is no log */

const struct http_options history_log_connection = {.timeout_seconds = TIMEOUT_SECONDS,
                                                    .connect_timeout_seconds = CONNECT_SECONDS,
                                                    .max_response_bytes = MAX_BYTES};

struct errand {
        struct http_peer *peer;
        const struct spark_history_place *place;
        int64_t patience_ms;
        struct history_log *log;
        bool done;
        struct error *err;
};

static void run_errand(void *argument)
{
        struct errand *errand = argument;

        errand->done = spark_history_fetch(errand->peer, errand->place, errand->patience_ms,
                                           errand->log->folder, &errand->log->path, errand->err);
}

static bool fetch(const struct spark_history_place *place, const struct history_request *request,
                  struct history_log *log, struct error *err)
{
        const struct http_options *connection =
                request->connection ? request->connection : &history_log_connection;
        autocall(reactor_free) struct reactor *reactor = NULL;
        autocall(http_client_free) struct http_client *client = NULL;
        autocall(http_peer_free) struct http_peer *peer = NULL;
        struct errand errand = {.place = place, .patience_ms = request->patience_ms, .log = log, .err = err};

        if (!reactor_new(NULL, &reactor, err) || !http_client_new(reactor, NULL, NULL, &client, err) ||
            !http_peer_new(client, place->server, connection, request->base, &peer, err))
                return false;
        errand.peer = peer;
        reactor_call(reactor, run_errand, &errand);
        return errand.done;
}

bool history_log_open(const struct history_request *request, struct history_log *ret_log, struct error *err)
{
        struct spark_history_place place = spark_history_place_of(request->url);
        auto_history_log log = {0};
        bool done = spark_temporary_make(&log.folder, err) && fetch(&place, request, &log, err);

        spark_history_place_clear(&place);
        if (!done)
                return false;
        *ret_log = log;
        log = (struct history_log){0};
        return true;
}

void history_log_close(struct history_log *log)
{
        spark_temporary_remove(log->folder);
        free(log->folder);
        free(log->path);
        *log = (struct history_log){0};
}
