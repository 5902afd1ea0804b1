/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "engines/spark/log_archive.h"

#define API            "/api/v1/applications"
#define PAGE           "/history"
#define BEGIN_MS       120000 /* until it has found the log */
#define IDLE_MS        60000
#define LOOK_MS        1000
#define LEAST_PER_MS   1 /* byte: what comes more slowly than that for a minute is given up */
#define MAX_DOWNLOADED ((int64_t)16 << 30)
#define MAX_UNPACKED   ((int64_t)64 << 30)

/* ---- where ---- */

bool spark_history_is(const char *url)
{
        return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

/* The next part of a path, and steps over it. NULL: there is none. */
static char *part_of(const char **path)
{
        size_t length;
        char *part;

        *path += strspn(*path, "/");
        length = strcspn(*path, "/?#");
        part = length ? memory_format("%.*s", (int)length, *path) : NULL;
        *path += length;
        return part;
}

struct spark_history_place spark_history_place_of(const char *url)
{
        const char *host = strstr(url, "://") + 3, *rest = strstr(host, API "/");
        struct spark_history_place place = {0};
        size_t length = strlen(url);

        if (rest) {
                length = (size_t)(rest - url);
                rest += strlen(API);
        } else if ((rest = strstr(host, PAGE "/")) != NULL) {
                length = (size_t)(rest - url);
                rest += strlen(PAGE);
        }
        while (length > 0 && url[length - 1] == '/')
                length--;
        place.server = memory_format("%.*s", (int)length, url);
        if (!rest)
                return place;
        place.application = part_of(&rest);
        place.attempt = part_of(&rest);
        /* What stands behind an application without attempts is a page: jobs, logs. */
        if (place.attempt && strspn(place.attempt, "0123456789") != strlen(place.attempt)) {
                free(place.attempt);
                place.attempt = NULL;
        }
        return place;
}

void spark_history_place_clear(struct spark_history_place *place)
{
        free(place->server);
        free(place->application);
        free(place->attempt);
        *place = (struct spark_history_place){0};
}

/* ---- asking ---- */

static bool fail_unnamed(struct http_peer *peer, struct error *err)
{
        static const char path[] = API "?status=completed&limit=1";
        autojson *list = NULL;
        const json_t *newest;
        const char *id, *name = "";

        if (!http_get_json(peer, path, &list, err))
                return false;
        newest = json_array_get(list, 0);
        if (!json_find_text(newest, "id", &id))
                return error_set(err, ERROR_INPUT, NULL, "%s: knows of no application that has ended",
                                 http_peer_url(peer));
        (void)json_find_text(newest, "name", &name);
        return error_set(err, ERROR_INPUT, NULL,
                         "%s: expected an application of it, such as %s" PAGE "/%.200s, \"%.200s\", which "
                         "ended last",
                         http_peer_url(peer), http_peer_url(peer), id, name);
}

/* The newest attempt stands first. */
static bool has_ended(const json_t *application)
{
        return json_is_true(
                json_object_get(json_array_get(json_object_get(application, "attempts"), 0), "completed"));
}

/* What is known of it in the end, when that is not how it ended: what is there. */
static bool ask_for(struct http_peer *peer, const char *path, int64_t patience_ms, json_t **ret_answer,
                    struct error *err)
{
        struct reactor *reactor = http_peer_reactor(peer);
        int64_t until_ms = reactor_steady_ms(reactor) + patience_ms;

        for (;;) {
                const struct clock clock = reactor_clock(reactor);
                autojson *answer = NULL;
                struct error failed = ERROR_INIT;
                bool asked = http_get_json(peer, path, &answer, &failed);
                bool over = reactor_steady_ms(reactor) >= until_ms || clock_stopped();

                if (asked && (over || has_ended(answer))) {
                        *ret_answer = TAKE(answer);
                        return true;
                }
                if (!asked && (over || failed.code != ERROR_NOT_FOUND)) {
                        *err = failed;
                        return false;
                }
                (void)reactor_suspend_until(reactor, clock_now_ms(&clock) + LOOK_MS);
        }
}

/* Of the attempt that is wanted. The caller frees it. */
static bool logs_path(struct http_peer *peer, const struct spark_history_place *place, int64_t patience_ms,
                      char **ret_path, struct error *err)
{
        autofree char *application = http_escape(place->application);
        autofree char *path = memory_format(API "/%s", application);
        autofree char *attempt = NULL;
        autojson *answer = NULL;
        const char *newest = place->attempt;

        if (!ask_for(peer, path, patience_ms, &answer, err))
                return false;
        if (!newest)
                (void)json_find_text(json_array_get(json_object_get(answer, "attempts"), 0), "attemptId",
                                     &newest);
        attempt = newest ? http_escape(newest) : NULL;
        *ret_path = memory_format("%s%s%s/logs", path, attempt ? "/" : "", attempt ? attempt : "");
        return true;
}

/* ---- downloading ---- */

static bool write_piece(int descriptor, const struct text *piece, struct error *err)
{
        for (size_t done = 0; done < piece->length;) {
                ssize_t put = write(descriptor, piece->data + done, piece->length - done);

                if (put < 0 && errno != EINTR)
                        return error_errno(err, errno, "temporary file");
                done += put > 0 ? (size_t)put : 0;
        }
        return true;
}

/* A peer that sends a byte now and then would keep us for ever. */
static bool is_fast_enough(int64_t bytes, int64_t took_ms, struct error *err)
{
        return took_ms < IDLE_MS || bytes >= took_ms * LEAST_PER_MS ||
               error_set(err, ERROR_TIMEOUT, NULL, "the answer comes too slowly: %lld bytes in %lld s",
                         (long long)bytes, (long long)took_ms / 1000);
}

static bool save(struct http_peer *peer, struct http_stream *stream, int descriptor, struct error *err)
{
        struct reactor *reactor = http_peer_reactor(peer);
        int64_t begun_ms = reactor_steady_ms(reactor), left = MAX_DOWNLOADED;
        bool ended = false;

        while (!ended) {
                autotext piece = {0};

                if (clock_stopped())
                        return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
                if (!http_stream_read(stream, IDLE_MS, &piece, &ended, err) ||
                    !write_piece(descriptor, &piece, err))
                        return false;
                left -= (int64_t)piece.length;
                if (left < 0)
                        return error_set(err, ERROR_LIMIT, NULL, "the answer is larger than is accepted");
                if (!ended &&
                    !is_fast_enough(MAX_DOWNLOADED - left, reactor_steady_ms(reactor) - begun_ms, err))
                        return error_wrap(err, "%s", http_peer_url(peer));
        }
        return true;
}

static bool download(struct http_peer *peer, const char *path, const char *file, struct error *err)
{
        const struct http_request request = {.path = path,
                                             .accept = "application/octet-stream",
                                             .timeout_ms = BEGIN_MS};
        autocall(http_stream_close) struct http_stream *stream = NULL;
        struct http_response response = {0};
        int descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        bool done;

        if (descriptor < 0)
                return error_errno(err, errno, "%s", file);
        done = http_stream_open(peer, &request, &stream, &response, err) &&
               save(peer, stream, descriptor, err);
        http_response_free(&response);
        if (close(descriptor) != 0 && done)
                done = error_errno(err, errno, "%s", file);
        return done;
}

bool spark_history_fetch(struct http_peer *peer, const struct spark_history_place *place, int64_t patience_ms,
                         const char *folder, char **ret_log, struct error *err)
{
        autofree char *path = NULL, *file = memory_format("%s/.zip", folder);
        bool done;

        if (!place->application)
                return fail_unnamed(peer, err);
        if (!logs_path(peer, place, patience_ms, &path, err))
                return false;
        done = download(peer, path, file, err) &&
               (spark_log_archive_unpack(file, folder, MAX_UNPACKED, ret_log, err) ||
                error_wrap(err, "%s%s", http_peer_url(peer), path));
        unlink(file);
        return done;
}
