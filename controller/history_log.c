/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/history_log.h"

#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/http_client.h"
#include "engines/spark/history.h"

#define CONNECT_SECONDS 5
#define TIMEOUT_SECONDS 30
#define MAX_BYTES       (16 << 20) /* of an answer that is no log */
#define OPEN_FOLDERS    4

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
        const struct http_options options = {.timeout_seconds = TIMEOUT_SECONDS,
                                             .connect_timeout_seconds = CONNECT_SECONDS,
                                             .max_response_bytes = MAX_BYTES,
                                             .token_file = (char *)(uintptr_t)request->token_file,
                                             .ca_file = (char *)(uintptr_t)request->ca_file};
        autocall(reactor_free) struct reactor *reactor = NULL;
        autocall(http_client_free) struct http_client *client = NULL;
        autocall(http_peer_free) struct http_peer *peer = NULL;
        struct errand errand = {.place = place, .patience_ms = request->patience_ms, .log = log, .err = err};

        if (!reactor_new(NULL, &reactor, err) || !http_client_new(reactor, NULL, NULL, &client, err) ||
            !http_peer_new(client, place->server, &options, NULL, &peer, err))
                return false;
        errand.peer = peer;
        reactor_call(reactor, run_errand, &errand);
        return errand.done;
}

static bool make_folder(struct history_log *log, struct error *err)
{
        const char *root = getenv("TMPDIR");
        char *folder = memory_format("%s/optctl-log-XXXXXX", root && *root ? root : P_tmpdir);

        if (!mkdtemp(folder)) {
                error_errno(err, errno, "%s", folder);
                free(folder);
                return false;
        }
        log->folder = folder;
        return true;
}

bool history_log_open(const struct history_request *request, struct history_log *ret_log, struct error *err)
{
        struct spark_history_place place = spark_history_place_of(request->url);
        auto_history_log log = {0};
        bool done = make_folder(&log, err) && fetch(&place, request, &log, err);

        spark_history_place_clear(&place);
        if (!done)
                return false;
        *ret_log = log;
        log = (struct history_log){0};
        return true;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
        (void)status;
        (void)type;
        (void)at;
        (void)remove(path);
        return 0;
}

void history_log_close(struct history_log *log)
{
        if (log->folder)
                (void)nftw(log->folder, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
        free(log->folder);
        free(log->path);
        *log = (struct history_log){0};
}
