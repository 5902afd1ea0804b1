/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"

#define LEAST_SECONDS   300 /* that a watch is asked to last; the rest is different for each of many */
#define SPREAD_SECONDS  300
#define IDLE_MS         (90 * MS_PER_SECOND)
#define MAX_EVENT_BYTES ((size_t)16 << 20)

struct kube_watch {
        struct kube_client *client;
        const struct kube_resource *resource;
        struct http_stream *stream;
        struct text text; /* what has come and is not read yet: from `read` on */
        size_t read, searched;
};

static char *watch_path(struct kube_client *client, const struct kube_resource *resource,
                        const struct kube_selection *selection, const char *version)
{
        const struct kube_target target = {.resource = resource, .namespace = selection->namespace};
        autofree char *plain = kube_path(&target, true);
        int64_t seconds = LEAST_SECONDS + reactor_steady_ms(client->reactor) % SPREAD_SECONDS;
        autotext path = {0};
        char timeout[24];

        snprintf(timeout, sizeof timeout, "%lld", (long long)seconds);
        text_put(&path, plain);
        kube_query(&path, "watch", "true");
        kube_query(&path, "allowWatchBookmarks", "true");
        kube_query(&path, "timeoutSeconds", timeout);
        kube_query(&path, "resourceVersion", version);
        kube_query(&path, "labelSelector", selection->labels);
        kube_query(&path, "fieldSelector", selection->fields);
        return text_take(&path);
}

bool kube_watch_open(struct kube_client *client, const struct kube_resource *resource,
                     const struct kube_selection *selection, const char *version,
                     struct kube_watch **ret_watch, struct error *err)
{
        static const struct kube_selection all;
        autofree char *path = watch_path(client, resource, selection ? selection : &all, version);
        const struct http_request request = {.path = path};
        struct http_response response;
        struct http_stream *stream;
        struct kube_watch *watch;
        bool opened;

        if (!kube_authorize(client, -1, err))
                return false;
        opened = http_stream_open(client->peer, &request, &stream, &response, err);
        kube_count(client, NULL, response.status);
        if (!opened) {
                if (response.status != 0)
                        kube_judge(&response, NULL, err);
                http_response_free(&response);
                return false;
        }
        watch = memory_new(1, sizeof *watch);
        watch->client = client;
        watch->resource = resource;
        watch->stream = stream;
        *ret_watch = watch;
        return true;
}

void kube_watch_close(struct kube_watch *watch)
{
        if (!watch)
                return;
        http_stream_close(watch->stream);
        text_free(&watch->text);
        free(watch);
}

/* ---- lines ---- */

/* What has been read makes room. */
static void forget_read(struct kube_watch *watch)
{
        if (watch->read == 0)
                return;
        memmove(watch->text.data, watch->text.data + watch->read, watch->text.length - watch->read + 1);
        watch->text.length -= watch->read;
        watch->searched -= watch->read;
        watch->read = 0;
}

/* A whole line is there. */
static bool find_line(struct kube_watch *watch, const char **ret_line, size_t *ret_length)
{
        const char *end = watch->text.length > watch->searched
                                  ? memchr(watch->text.data + watch->searched, '\n',
                                           watch->text.length - watch->searched)
                                  : NULL;

        if (!end) {
                watch->searched = watch->text.length;
                return false;
        }
        *ret_line = watch->text.data + watch->read;
        *ret_length = (size_t)(end - *ret_line);
        watch->read = watch->searched = (size_t)(end - watch->text.data) + 1;
        return true;
}

static bool next_line(struct kube_watch *watch, const char **ret_line, size_t *ret_length, struct error *err)
{
        bool ended = false;

        while (!find_line(watch, ret_line, ret_length)) {
                forget_read(watch);
                if (watch->text.length > MAX_EVENT_BYTES)
                        return error_set(err, ERROR_LIMIT, NULL, "%s: an event is larger than %zu MiB",
                                         watch->resource->plural, MAX_EVENT_BYTES >> 20);
                if (!http_stream_read(watch->stream, IDLE_MS, &watch->text, &ended, err))
                        return false;
                if (ended)
                        return error_set(err, ERROR_UNAVAILABLE, "WatchEnded", "%s: the watch ended",
                                         watch->resource->plural);
        }
        return true;
}

/* ---- events ---- */

static bool type_of(const json_t *event, enum kube_event_type *ret_type)
{
        static const char *const names[] = {
                [KUBE_ADDED] = "ADDED",
                [KUBE_MODIFIED] = "MODIFIED",
                [KUBE_DELETED] = "DELETED",
                [KUBE_BOOKMARK] = "BOOKMARK",
        };
        const char *type;

        if (!json_find_text(event, "type", &type))
                return false;
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                if (strcmp(type, names[i]) == 0) {
                        *ret_type = (enum kube_event_type)i;
                        return true;
                }
        }
        return false;
}

static bool is_error(const json_t *event)
{
        const char *type;

        return json_find_text(event, "type", &type) && strcmp(type, "ERROR") == 0;
}

bool kube_watch_next(struct kube_watch *watch, enum kube_event_type *ret_type, json_t **ret_object,
                     struct error *err)
{
        autojson *event = NULL;
        json_t *object;
        const char *line = "";
        size_t length = 0;

        if (!next_line(watch, &line, &length, err))
                return false;
        event = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
        object = json_object_get(event, "object");
        if (is_error(event)) {
                kube_judge_status(object, NULL, err);
                return error_wrap(err, "%s: watch", watch->resource->plural);
        }
        if (!type_of(event, ret_type) || !json_is_object(object) || !*kube_meta(object, "resourceVersion"))
                return error_set(err, ERROR_INCOMPLETE, "NotAnEvent", "%s: what came is no event of a watch",
                                 watch->resource->plural);
        *ret_object = json_incref(object);
        return true;
}
