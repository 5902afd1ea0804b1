/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"
#include "core/redact.h"

#define MAX_KEPT   256
#define SERIES_MS  (6 * 60 * MS_PER_SECOND) /* without news, and the next is an Event of its own */
#define REFRESH_MS (60 * MS_PER_SECOND)     /* between two writes of one series */
#define LOOK_MS    1000
#define TRIES      3
#define MAX_WORD   128
#define MAX_NOTE   1024
#define NAME_ROOM  300
#define REQUEST_MS 5000

/* One kind of news about one object. */
struct entry {
        char *api_version, *kind, *namespace, *name, *uid, *reason, *action, *note;
        bool warning;
        struct kube_fence fence;
        char event[NAME_ROOM];        /* what its Event is called, however often that is sent */
        bool created;                 /* as far as we know; its answer may be lost */
        int64_t told_ms, last_ms;     /* calendar: first and last time */
        int64_t heard_ms, written_ms; /* steady: last time, last write */
        int64_t count, written_count;
        int64_t tried_count; /* as of the first try */
        int tries;
        bool busy; /* it is being sent, and stays */
};

struct kube_events {
        struct kube_client *client;
        struct log *log;
        char *controller, *instance;
        struct entry *entries[MAX_KEPT];
        size_t count;
        int64_t named, dropped;
};

struct kube_events *kube_events_new(struct kube_client *client, const char *controller, const char *instance,
                                    struct log *log)
{
        struct kube_events *events = memory_new(1, sizeof *events);

        events->client = client;
        events->log = log;
        events->controller = memory_copy_text(controller);
        events->instance = memory_copy_text(instance);
        return events;
}

static void entry_free(struct entry *entry)
{
        free(entry->api_version);
        free(entry->kind);
        free(entry->namespace);
        free(entry->name);
        free(entry->uid);
        free(entry->reason);
        free(entry->action);
        free(entry->note);
        free(entry);
}

void kube_events_free(struct kube_events *events)
{
        if (!events)
                return;
        for (size_t i = 0; i < events->count; i++)
                entry_free(events->entries[i]);
        free(events->controller);
        free(events->instance);
        free(events);
}

int64_t kube_events_dropped(const struct kube_events *events)
{
        return events->dropped;
}

static int64_t steady_ms(const struct kube_events *events)
{
        return reactor_steady_ms(events->client->reactor);
}

/* ---- what is told ---- */

static char *cut(const char *text, size_t most)
{
        char *clean = redact_text(text);
        size_t length;

        redact_known(clean);
        length = strlen(clean);
        if (length > most) {
                length = most;
                while (length > 0 && ((unsigned char)clean[length] & 0xc0) == 0x80)
                        length--;
                clean[length] = '\0';
        }
        return clean;
}

static bool is_about(const struct entry *entry, const struct kube_news *news)
{
        return entry->warning == news->warning && strcmp(entry->reason, news->reason) == 0 &&
               strcmp(entry->action, news->action) == 0 && strcmp(entry->name, news->name) == 0 &&
               strcmp(entry->namespace, news->namespace) == 0 && strcmp(entry->kind, news->kind) == 0 &&
               strcmp(entry->uid, news->uid) == 0;
}

static void take_out(struct kube_events *events, size_t index)
{
        entry_free(events->entries[index]);
        events->entries[index] = events->entries[--events->count];
}

static bool is_written(const struct entry *entry)
{
        return entry->count == entry->written_count;
}

static void drop(struct kube_events *events, size_t index)
{
        events->dropped += !is_written(events->entries[index]);
        take_out(events, index);
}

static void make_room(struct kube_events *events)
{
        size_t quietest = MAX_KEPT;

        if (events->count < MAX_KEPT)
                return;
        for (size_t i = 0; i < events->count; i++)
                if (!events->entries[i]->busy &&
                    (quietest == MAX_KEPT ||
                     events->entries[i]->heard_ms < events->entries[quietest]->heard_ms))
                        quietest = i;
        drop(events, quietest);
}

static struct entry *entry_new(struct kube_events *events, const struct kube_news *news)
{
        struct entry *entry = memory_new(1, sizeof *entry);

        entry->api_version = memory_copy_text(news->api_version);
        entry->kind = memory_copy_text(news->kind);
        entry->namespace = memory_copy_text(news->namespace);
        entry->name = memory_copy_text(news->name);
        entry->uid = memory_copy_text(news->uid);
        entry->reason = cut(news->reason, MAX_WORD);
        entry->action = cut(news->action, MAX_WORD);
        entry->warning = news->warning;
        entry->fence = news->fence;
        entry->told_ms = clock_now_ms(&events->client->clock);
        /* Time and a number make it unique, as those of other recorders are. */
        snprintf(entry->event, sizeof entry->event, "%.200s.%llx%04llx", entry->name,
                 (unsigned long long)entry->told_ms, (unsigned long long)(events->named++ & 0xffff));
        make_room(events);
        events->entries[events->count++] = entry;
        return entry;
}

void kube_events_tell(struct kube_events *events, const struct kube_news *news)
{
        struct entry *entry = NULL;

        for (size_t i = 0; i < events->count && !entry; i++)
                if (is_about(events->entries[i], news))
                        entry = events->entries[i];
        if (!entry)
                entry = entry_new(events, news);
        free(entry->note);
        entry->note = cut(news->note, MAX_NOTE);
        entry->count++;
        entry->last_ms = clock_now_ms(&events->client->clock);
        entry->heard_ms = steady_ms(events);
}

/* ---- what is sent ---- */

static json_t *micro_time(int64_t time_ms)
{
        time_t seconds = (time_t)(time_ms / MS_PER_SECOND);
        char plain[24], text[48];
        struct tm parts;

        gmtime_r(&seconds, &parts);
        strftime(plain, sizeof plain, "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(text, sizeof text, "%s.%06dZ", plain, (int)(time_ms % MS_PER_SECOND) * 1000);
        return json_string(text);
}

static const char *namespace_of(const struct entry *entry)
{
        return *entry->namespace ? entry->namespace : "default";
}

static json_t *series_of(const struct entry *entry)
{
        return json_pack("{s:I, s:o}", "count", (json_int_t)entry->count, "lastObservedTime",
                         micro_time(entry->last_ms));
}

static json_t *regarding_of(const struct entry *entry)
{
        json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "apiVersion", entry->api_version, "kind",
                                   entry->kind, "name", entry->name, "uid", entry->uid);

        if (*entry->namespace)
                json_object_set_new(object, "namespace", json_string(entry->namespace));
        return object;
}

static json_t *event_of(const struct kube_events *events, const struct entry *entry)
{
        json_t *event =
                json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "apiVersion",
                          "events.k8s.io/v1", "kind", "Event", "metadata", "name", entry->event, "namespace",
                          namespace_of(entry), "eventTime", micro_time(entry->told_ms), "reportingController",
                          events->controller, "reportingInstance", events->instance, "reason", entry->reason,
                          "action", entry->action, "type", entry->warning ? "Warning" : "Normal", "note",
                          entry->note, "regarding", regarding_of(entry));

        if (entry->count > 1)
                json_object_set_new(event, "series", series_of(entry));
        return event;
}

static bool send_entry(const struct kube_events *events, const struct entry *entry, struct error *err)
{
        static const struct kube_resource kind = {"events.k8s.io", "v1", "events"};
        const struct kube_target target = {&kind, namespace_of(entry), entry->event, NULL};
        bool is_new = !entry->created;
        autofree char *path = kube_path(&target, is_new);
        autojson *body = is_new ? event_of(events, entry) : json_pack("{s:o}", "series", series_of(entry));
        const struct kube_ask ask = {.method = is_new ? "POST" : "PATCH",
                                     .path = path,
                                     .body = body,
                                     .content_type = is_new ? NULL : "application/merge-patch+json",
                                     .repeatable = !is_new,
                                     .fence = entry->fence,
                                     .timeout_ms = REQUEST_MS};

        return kube_send_json(events->client, &ask, NULL, err);
}

static struct entry *first_unwritten(const struct kube_events *events, bool last_chance)
{
        for (size_t i = 0; i < events->count; i++) {
                struct entry *entry = events->entries[i];
                bool rests = entry->created && steady_ms(events) - entry->written_ms < REFRESH_MS;

                if (!is_written(entry) && (!rests || last_chance))
                        return entry;
        }
        return NULL;
}

static size_t index_of(const struct kube_events *events, const struct entry *entry)
{
        size_t index = 0;

        while (events->entries[index] != entry)
                index++;
        return index;
}

static void note_failure(struct kube_events *events, struct entry *entry, const struct error *err)
{
        if (err->retry && ++entry->tries < TRIES)
                return;
        log_warning(events->log, "event cannot be sent", LOG_TEXT("reason", entry->reason),
                    LOG_TEXT("error", err->message));
        drop(events, index_of(events, entry));
}

/* An earlier try was carried out, and its answer was lost. */
static bool was_created(const struct entry *entry, const struct error *err)
{
        return !entry->created && entry->tries > 0 && strcmp(err->reason, "AlreadyExists") == 0;
}

/* While it is sent more may be told. */
static bool write_one(struct kube_events *events, struct entry *entry)
{
        struct error err = ERROR_INIT;
        int64_t count = entry->count;
        bool good;

        if (entry->tries == 0)
                entry->tried_count = count;
        entry->busy = true;
        good = send_entry(events, entry, &err);
        entry->busy = false;
        if (!good && !was_created(entry, &err)) {
                note_failure(events, entry, &err);
                return false;
        }
        entry->created = true;
        entry->written_count = good ? count : entry->tried_count;
        entry->written_ms = steady_ms(events);
        entry->tries = 0;
        return true;
}

static void forget_old(struct kube_events *events)
{
        for (size_t i = events->count; i-- > 0;)
                if (is_written(events->entries[i]) &&
                    steady_ms(events) - events->entries[i]->heard_ms >= SERIES_MS)
                        take_out(events, i);
}

static void write_all(struct kube_events *events, bool last_chance)
{
        struct entry *entry;

        while ((entry = first_unwritten(events, last_chance)))
                if (!write_one(events, entry))
                        return;
}

void kube_events_run(void *argument)
{
        struct kube_events *events = argument;
        const struct clock *clock = &events->client->clock;
        struct error interrupted = ERROR_INIT;

        while (clock_sleep_until(clock, clock_now_ms(clock) + LOOK_MS, &interrupted)) {
                forget_old(events);
                write_all(events, false);
        }
        write_all(events, true);
}
