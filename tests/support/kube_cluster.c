/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/kube_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"

#define PIPELINES "/apis/optctl.dev/v1alpha1/namespaces/n/tunedpipelines"
#define BOOKS     "/apis/optctl.dev/v1alpha1/pricebooks"
#define LEASES    "/apis/coordination.k8s.io/v1/namespaces/n/leases"
#define EVENTS    "/apis/events.k8s.io/v1/namespaces/n/events"
#define TUNED     "TunedPipeline"
#define BOOK      "PriceBook"
#define STUDY     "TuningStudy"
#define WATCH_MS  4000 /* that a watch lasts: what came until it was asked for is in it */

/* Where the objects of a kind are, and all of them whatever their namespace. */
struct served_kind {
        const char *name, *objects, *all;
};

static const struct served_kind kinds[] = {
        {TUNED, PIPELINES, "/apis/optctl.dev/v1alpha1/tunedpipelines"},
        {BOOK, BOOKS, BOOKS},
        {STUDY, "/apis/optctl.dev/v1alpha1/namespaces/n/tuningstudies",
         "/apis/optctl.dev/v1alpha1/tuningstudies"},
        {"Job", "/apis/batch/v1/namespaces/n/jobs", "/apis/batch/v1/jobs"},
        {"ConfigMap", "/api/v1/namespaces/n/configmaps", "/api/v1/configmaps"},
        {"PodTemplate", "/api/v1/namespaces/n/podtemplates", "/api/v1/podtemplates"},
        {"Pod", "/api/v1/namespaces/n/pods", "/api/v1/pods"},
};

struct kube_cluster {
        struct reactor *reactor;
        struct scripted_peer *peer;
        /* {version, uids, status_writes, changes: [{type, object}], leases, events}; the i-th change made
         * version i + 1. */
        json_t *all;
        enum cluster_fault fault;
        int fault_at, asked;
        void (*written)(bool done);
};

static json_t *changes_of(const struct kube_cluster *cluster)
{
        return json_object_get(cluster->all, "changes");
}

static int count_of(const struct kube_cluster *cluster, const char *key)
{
        return (int)json_integer_value(json_object_get(cluster->all, key));
}

static int count_up(struct kube_cluster *cluster, const char *key)
{
        int next = count_of(cluster, key) + 1;

        json_object_set_new(cluster->all, key, json_integer(next));
        return next;
}

/* ---- objects ---- */

static const char *name_of(const json_t *object)
{
        return kube_meta(object, "name");
}

static bool is_of_kind(const json_t *object, const char *kind)
{
        return strcmp(json_string_value(json_object_get(object, "kind")), kind) == 0;
}

/* As of a version; NULL: it was not there. */
static json_t *at_version(const struct kube_cluster *cluster, const char *kind, const char *name, int version)
{
        for (int i = version; i-- > 0;) {
                json_t *change = json_array_get(changes_of(cluster), (size_t)i);
                json_t *object = json_object_get(change, "object");

                if (is_of_kind(object, kind) && strcmp(name_of(object), name) == 0)
                        return strcmp(json_string_value(json_object_get(change, "type")), "DELETED") == 0
                                       ? NULL
                                       : object;
        }
        return NULL;
}

static void change(struct kube_cluster *cluster, const char *type, json_t *take_object)
{
        char version[16];

        snprintf(version, sizeof version, "%zu", json_array_size(changes_of(cluster)) + 1);
        json_object_set_new(json_object_get(take_object, "metadata"), "resourceVersion",
                            json_string(version));
        json_array_append_new(changes_of(cluster),
                              json_pack("{s:s, s:o}", "type", type, "object", take_object));
}

int kube_cluster_version(const struct kube_cluster *cluster)
{
        return (int)json_array_size(changes_of(cluster));
}

static const json_t *get(const struct kube_cluster *cluster, const char *kind, const char *name)
{
        return at_version(cluster, kind, name, kube_cluster_version(cluster));
}

const json_t *kube_cluster_get(const struct kube_cluster *cluster, const char *name)
{
        return get(cluster, TUNED, name);
}

const json_t *kube_cluster_get_book(const struct kube_cluster *cluster, const char *name)
{
        return get(cluster, BOOK, name);
}

static json_t *new_object(struct kube_cluster *cluster, const char *kind, const char *name)
{
        char uid[16];
        json_t *object;

        snprintf(uid, sizeof uid, "u%d", count_up(cluster, "uids"));
        object = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:i}}", "apiVersion", "optctl.dev/v1alpha1", "kind",
                           kind, "metadata", "name", name, "uid", uid, "creationTimestamp",
                           "2026-01-05T08:00:00Z", "generation", 0);
        if (strcmp(kind, BOOK) != 0)
                json_object_set_new(json_object_get(object, "metadata"), "namespace", json_string("n"));
        return object;
}

static void apply(struct kube_cluster *cluster, const char *kind, const char *name, const char *spec)
{
        const json_t *before = get(cluster, kind, name);
        json_t *object = before ? json_deep_copy(before) : new_object(cluster, kind, name);
        json_t *metadata = json_object_get(object, "metadata");

        json_object_set_new(metadata, "generation",
                            json_integer(json_integer_value(json_object_get(metadata, "generation")) + 1));
        json_object_set_new(object, "spec", json_loads(spec, JSON_DECODE_ANY, NULL));
        assert_non_null(json_object_get(object, "spec"));
        change(cluster, before ? "MODIFIED" : "ADDED", object);
}

void kube_cluster_apply(struct kube_cluster *cluster, const char *name, const char *spec)
{
        apply(cluster, TUNED, name, spec);
}

void kube_cluster_apply_book(struct kube_cluster *cluster, const char *name, const char *spec)
{
        apply(cluster, BOOK, name, spec);
}

void kube_cluster_annotate(struct kube_cluster *cluster, const char *name, const char *key, const char *value)
{
        json_t *object = json_deep_copy(kube_cluster_get(cluster, name));
        json_t *annotations = json_object();

        if (value)
                json_object_set_new(annotations, key, json_string(value));
        json_object_set_new(json_object_get(object, "metadata"), "annotations", annotations);
        change(cluster, "MODIFIED", object);
}

void kube_cluster_delete(struct kube_cluster *cluster, const char *name)
{
        change(cluster, "DELETED", json_deep_copy(kube_cluster_get(cluster, name)));
}

void kube_cluster_delete_book(struct kube_cluster *cluster, const char *name)
{
        change(cluster, "DELETED", json_deep_copy(kube_cluster_get_book(cluster, name)));
}

void kube_cluster_apply_study(struct kube_cluster *cluster, const char *name, const char *spec)
{
        apply(cluster, STUDY, name, spec);
}

const json_t *kube_cluster_find(const struct kube_cluster *cluster, const char *kind, const char *name)
{
        return get(cluster, kind, name);
}

void kube_cluster_put(struct kube_cluster *cluster, const char *kind, const char *name, const char *part,
                      const char *value)
{
        const json_t *before = get(cluster, kind, name);
        json_t *object = before ? json_deep_copy(before) : new_object(cluster, kind, name);

        json_object_set_new(object, part, json_loads(value, 0, NULL));
        assert_non_null(json_object_get(object, part));
        change(cluster, before ? "MODIFIED" : "ADDED", object);
}

void kube_cluster_remove(struct kube_cluster *cluster, const char *kind, const char *name)
{
        change(cluster, "DELETED", json_deep_copy(get(cluster, kind, name)));
}

int kube_cluster_created(const struct kube_cluster *cluster, const char *kind)
{
        return count_of(cluster, kind);
}

static int by_text(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *conditions_of(const json_t *object)
{
        const json_t *conditions = json_object_get(json_object_get(object, "status"), "conditions");
        size_t count = json_array_size(conditions);
        autofree char **lines = memory_new(count + 1, sizeof *lines);
        autotext text = {0};

        for (size_t i = 0; i < count; i++) {
                const json_t *one = json_array_get(conditions, i);

                lines[i] = memory_format("%s=%s/%s", json_string_value(json_object_get(one, "type")),
                                         json_string_value(json_object_get(one, "status")),
                                         json_string_value(json_object_get(one, "reason")));
        }
        qsort(lines, count, sizeof *lines, by_text);
        for (size_t i = 0; i < count; i++) {
                text_format(&text, "%s%s", i > 0 ? " " : "", lines[i]);
                free(lines[i]);
        }
        return text.data ? text_take(&text) : memory_copy_text("");
}

char *kube_cluster_conditions(const struct kube_cluster *cluster, const char *name)
{
        return conditions_of(kube_cluster_get(cluster, name));
}

char *kube_cluster_study_conditions(const struct kube_cluster *cluster, const char *name)
{
        return conditions_of(get(cluster, STUDY, name));
}

/* ---- answers ---- */

static char *refuse(struct scripted_answer *answer, int status, const char *reason)
{
        answer->status = status;
        return memory_format("{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"%s\",\"code\":%d}",
                             reason, status);
}

static char *say(const json_t *object)
{
        return json_dumps(object, JSON_COMPACT);
}

static int number_after(const char *path, const char *key)
{
        const char *at = strstr(path, key);

        return at ? (int)strtol(at + strlen(key), NULL, 10) : 0;
}

static char *list(const struct kube_cluster *cluster, const char *kind, int version)
{
        autofree char *list_kind = memory_format("%sList", kind);
        char text[16];
        autojson *all = NULL;
        json_t *items = json_array();

        snprintf(text, sizeof text, "%d", version);
        for (int i = 0; i < version; i++) {
                json_t *object = json_object_get(json_array_get(changes_of(cluster), (size_t)i), "object");

                if (at_version(cluster, kind, name_of(object), version) == object)
                        json_array_append(items, object);
        }
        all = json_pack("{s:s, s:s, s:{s:s}, s:o}", "kind", list_kind, "apiVersion", "optctl.dev/v1alpha1",
                        "metadata", "resourceVersion", text, "items", items);
        return say(all);
}

static void put_event(struct text *text, const json_t *event)
{
        autofree char *line = say(event);

        text_format(text, "%s\n", line);
}

/* NULL: that change was of another kind. */
static const json_t *event_of(const struct kube_cluster *cluster, const char *kind, int version)
{
        const json_t *event = json_array_get(changes_of(cluster), (size_t)version);

        return is_of_kind(json_object_get(event, "object"), kind) ? event : NULL;
}

static char *events_since(const struct kube_cluster *cluster, const char *kind, int since)
{
        int version = kube_cluster_version(cluster), last = version - 1;
        autotext text = {0};

        while (last >= since && !event_of(cluster, kind, last))
                last--;
        for (int i = since; i <= last && cluster->fault != CLUSTER_BOOKMARKS; i++) {
                const json_t *event = event_of(cluster, kind, i);

                if (!event || (cluster->fault == CLUSTER_DROPPED && i < last))
                        continue;
                put_event(&text, event);
                if (cluster->fault == CLUSTER_DOUBLED)
                        put_event(&text, event);
        }
        text_format(&text,
                    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"metadata\":{"
                    "\"resourceVersion\":\"%d\"}}}\n",
                    kind, version);
        return text_take(&text);
}

static char *serve_kind(struct kube_cluster *cluster, const char *kind,
                        const struct scripted_request *request, struct scripted_answer *answer)
{
        int version = kube_cluster_version(cluster);

        if (strstr(request->path, "watch=true")) {
                if (cluster->fault == CLUSTER_GONE)
                        return refuse(answer, 410, "Expired");
                answer->delay_ms = WATCH_MS;
                if (cluster->fault == CLUSTER_FROZEN || cluster->fault == CLUSTER_OLD_LIST)
                        answer->delay_ms = 200 * MS_PER_SECOND;
                return events_since(cluster, kind, number_after(request->path, "resourceVersion="));
        }
        if (cluster->fault == CLUSTER_OLD_LIST && cluster->fault_at < version)
                version = cluster->fault_at;
        return list(cluster, kind, version);
}

/* NULL: of no object but of all. Caller frees. */
static char *named_in(const struct served_kind *kind, const char *path)
{
        size_t length = strlen(kind->objects);
        const char *at = path + length + 1;

        if (strncmp(path, kind->objects, length) != 0 || path[length] != '/')
                return NULL;
        return memory_format("%.*s", (int)strcspn(at, "/?"), at);
}

/* As a merge patch has it (RFC 7386): null takes a member away. */
static json_t *without_nulls(const json_t *members)
{
        json_t *kept = json_object(), *value;
        const char *key;

        json_object_foreach((json_t *)(uintptr_t)members, key, value)
        {
                if (!json_is_null(value))
                        json_object_set(kept, key, value);
        }
        return kept;
}

/* A merge patch of a status, on the object that it was meant for. */
static char *patch_status(struct kube_cluster *cluster, const struct served_kind *served,
                          const struct scripted_request *request, struct scripted_answer *answer)
{
        const char *kind = served->name;
        autofree char *name = named_in(served, request->path);
        autojson *sent = json_loads(request->body, 0, NULL);
        const json_t *before = get(cluster, kind, name);
        json_t *after;

        if (!before)
                return refuse(answer, 404, "NotFound");
        if (strcmp(kube_meta(sent, "uid"), kube_meta(before, "uid")) != 0 ||
            strcmp(kube_meta(sent, "resourceVersion"), kube_meta(before, "resourceVersion")) != 0)
                return refuse(answer, 409, "Conflict");
        after = json_deep_copy(before);
        json_object_set_new(after, "status", without_nulls(json_object_get(sent, "status")));
        if (json_equal(after, before)) {
                json_decref(after);
                return say(before);
        }
        change(cluster, "MODIFIED", after);
        (void)count_up(cluster, "status_writes");
        return say(after);
}

/* By the name in a request; NULL: it is not there. */
static json_t *lease_of(const struct kube_cluster *cluster, const struct scripted_request *request)
{
        autojson *sent = request->length > 0 ? json_loads(request->body, 0, NULL) : NULL;
        const char *slash = request->path + strlen(LEASES);

        return json_object_get(json_object_get(cluster->all, "leases"),
                               *slash == '/' ? slash + 1 : kube_meta(sent, "name"));
}

/* A merge patch of metadata; null takes away. */
static json_t *merged_lease(const json_t *lease, const json_t *patch)
{
        json_t *after = json_deep_copy(lease), *annotations = json_object(), *metadata, *value;
        const char *key;

        metadata = json_object_get(after, "metadata");
        json_object_update(annotations, json_object_get(metadata, "annotations"));
        json_object_update(annotations, json_object_get(json_object_get(patch, "metadata"), "annotations"));
        json_object_set_new(metadata, "annotations", json_object());
        json_object_foreach(annotations, key, value) if (!json_is_null(value))
                json_object_set(json_object_get(metadata, "annotations"), key, value);
        json_decref(annotations);
        return after;
}

static char *store_lease(struct kube_cluster *cluster, json_t *take_lease)
{
        json_t *leases = json_object_get(cluster->all, "leases");
        char version[16];

        if (!leases) {
                leases = json_object();
                json_object_set_new(cluster->all, "leases", leases);
        }
        snprintf(version, sizeof version, "%d", count_up(cluster, "lease_version"));
        json_object_set_new(json_object_get(take_lease, "metadata"), "resourceVersion", json_string(version));
        json_object_set_new(leases, name_of(take_lease), take_lease);
        return say(take_lease);
}

static char *serve_lease(struct kube_cluster *cluster, const struct scripted_request *request,
                         struct scripted_answer *answer)
{
        json_t *lease = lease_of(cluster, request);
        autojson *sent = request->length > 0 ? json_loads(request->body, 0, NULL) : NULL;

        if (!lease && strcmp(request->method, "POST") != 0)
                return refuse(answer, 404, "NotFound");
        if (strcmp(request->method, "GET") == 0)
                return say(lease);
        if (lease && strcmp(request->method, "POST") == 0)
                return refuse(answer, 409, "AlreadyExists");
        if (strcmp(request->method, "PATCH") == 0)
                return store_lease(cluster, merged_lease(lease, sent));
        if (lease && strcmp(kube_meta(sent, "resourceVersion"), kube_meta(lease, "resourceVersion")) != 0)
                return refuse(answer, 409, "Conflict");
        return store_lease(cluster, json_incref(sent));
}

/* POST. */
static char *create(struct kube_cluster *cluster, const struct served_kind *kind,
                    const struct scripted_request *request, struct scripted_answer *answer)
{
        json_t *object = json_loads(request->body, 0, NULL);
        char uid[16];

        if (get(cluster, kind->name, kube_meta(object, "name"))) {
                json_decref(object);
                return refuse(answer, 409, "AlreadyExists");
        }
        snprintf(uid, sizeof uid, "u%d", count_up(cluster, "uids"));
        json_object_set_new(json_object_get(object, "metadata"), "uid", json_string(uid));
        change(cluster, "ADDED", object);
        (void)count_up(cluster, kind->name);
        answer->status = 201;
        return say(object);
}

static char *remove_object(struct kube_cluster *cluster, const struct served_kind *kind,
                           const struct scripted_request *request, struct scripted_answer *answer)
{
        autofree char *name = named_in(kind, request->path);

        if (!get(cluster, kind->name, name))
                return refuse(answer, 404, "NotFound");
        kube_cluster_remove(cluster, kind->name, name);
        return memory_copy_text("{\"kind\": \"Status\", \"status\": \"Success\"}");
}

static char *serve_event(struct kube_cluster *cluster, const struct scripted_request *request)
{
        (void)count_up(cluster, "events");
        return memory_copy_text(request->body);
}

/* Whatever is nothing else is of TunedPipelines. */
static const struct served_kind *kind_of(const char *path)
{
        for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
                if (strncmp(path, kinds[i].objects, strlen(kinds[i].objects)) == 0 ||
                    strncmp(path, kinds[i].all, strlen(kinds[i].all)) == 0)
                        return &kinds[i];
        return &kinds[0];
}

static char *serve(struct kube_cluster *cluster, const struct scripted_request *request,
                   struct scripted_answer *answer)
{
        const struct served_kind *kind = kind_of(request->path);
        autofree char *name = named_in(kind, request->path);

        if (strncmp(request->path, LEASES, strlen(LEASES)) == 0)
                return serve_lease(cluster, request, answer);
        if (strncmp(request->path, EVENTS, strlen(EVENTS)) == 0)
                return serve_event(cluster, request);
        if (strcmp(request->method, "PATCH") == 0)
                return patch_status(cluster, kind, request, answer);
        if (strcmp(request->method, "POST") == 0)
                return create(cluster, kind, request, answer);
        if (strcmp(request->method, "DELETE") == 0)
                return remove_object(cluster, kind, request, answer);
        if (name && !get(cluster, kind->name, name))
                return refuse(answer, 404, "NotFound");
        return name ? say(get(cluster, kind->name, name)) : serve_kind(cluster, kind->name, request, answer);
}

/* Every other request but those for leases. */
static char *stumble(struct kube_cluster *cluster, struct scripted_answer *answer)
{
        if (cluster->asked++ % 2 != 0)
                return NULL;
        switch (cluster->fault) {
        case CLUSTER_BUSY:
                answer->headers = "Retry-After: 1\r\n";
                return refuse(answer, 429, "TooManyRequests");
        case CLUSTER_FAILS:
                return refuse(answer, 500, "InternalError");
        case CLUSTER_UNAVAILABLE:
                return refuse(answer, 503, "ServiceUnavailable");
        case CLUSTER_RESET:
                answer->how = SCRIPTED_RESET_HALF_WAY;
                return NULL;
        case CLUSTER_SLOW:
                answer->drip_ms = 10 * MS_PER_SECOND;
                answer->drip_bytes = 1;
                return NULL;
        default:
                return NULL;
        }
}

static bool is_forbidden_creation(const struct kube_cluster *cluster, const struct scripted_request *request)
{
        const char *plural = cluster->fault == CLUSTER_JOBS_FORBIDDEN   ? "/jobs"
                             : cluster->fault == CLUSTER_MAPS_FORBIDDEN ? "/configmaps"
                                                                        : NULL;

        return plural && strcmp(request->method, "POST") == 0 && strstr(request->path, plural);
}

/* What refuses or loses a request whatever it is for. */
static char *fail_any(struct kube_cluster *cluster, const struct scripted_request *request,
                      struct scripted_answer *answer)
{
        bool of_lease = strncmp(request->path, LEASES, strlen(LEASES)) == 0;
        bool of_status = strncmp(request->path, PIPELINES, strlen(PIPELINES)) == 0 &&
                         strcmp(request->method, "PATCH") == 0;

        if (cluster->fault == CLUSTER_DOWN) {
                answer->how = SCRIPTED_HANG;
                return memory_copy_text("");
        }
        if (cluster->fault == CLUSTER_UNAUTHORIZED)
                return refuse(answer, 401, "Unauthorized");
        if (cluster->fault == CLUSTER_FORBIDDEN && of_status)
                return refuse(answer, 403, "Forbidden");
        if (cluster->fault == CLUSTER_UNSERVED && strncmp(request->path, PIPELINES, strlen(PIPELINES)) == 0) {
                answer->status = 404;
                answer->content_type = "text/plain";
                return memory_copy_text("404 page not found\n");
        }
        if (cluster->fault == CLUSTER_BOOKS_FORBIDDEN && strncmp(request->path, BOOKS, strlen(BOOKS)) == 0)
                return refuse(answer, 403, "Forbidden");
        if (is_forbidden_creation(cluster, request))
                return refuse(answer, 403, "Forbidden");
        if (cluster->fault == CLUSTER_CONFLICTS && of_status && cluster->asked++ % 2 == 0)
                return refuse(answer, 409, "Conflict");
        return of_lease ? NULL : stumble(cluster, answer);
}

/* Of the lease only that it changes hands: a renewal is like the one before. */
static bool counts(const struct kube_cluster *cluster, const struct scripted_request *request)
{
        bool of_lease = strncmp(request->path, LEASES, strlen(LEASES)) == 0;
        const json_t *spec = of_lease ? json_object_get(lease_of(cluster, request), "spec") : NULL;
        const char *holder = json_string_value(json_object_get(spec, "holderIdentity"));

        if (!cluster->written || strcmp(request->method, "GET") == 0)
                return false;
        return !of_lease || !holder || !*holder || !strstr(request->body, holder);
}

static char *answer_any(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        struct kube_cluster *cluster = context;
        bool writes = counts(cluster, request);
        char *body = fail_any(cluster, request, answer);

        if (body)
                return body;
        if (writes)
                cluster->written(false);
        body = serve(cluster, request, answer);
        if (writes)
                cluster->written(true);
        return body;
}

/* ---- life ---- */

struct kube_cluster *kube_cluster_new(struct reactor *reactor, const json_t *kept)
{
        struct kube_cluster *cluster = memory_new(1, sizeof *cluster);

        cluster->reactor = reactor;
        cluster->all = kept ? json_deep_copy(kept) : json_pack("{s:[]}", "changes");
        cluster->peer = scripted_peer_new(reactor);
        kube_cluster_open_door(cluster, cluster->peer);
        return cluster;
}

void kube_cluster_free(struct kube_cluster *cluster)
{
        scripted_peer_free(cluster->peer);
        json_decref(cluster->all);
        free(cluster);
}

json_t *kube_cluster_keep(const struct kube_cluster *cluster)
{
        return json_incref(cluster->all);
}

void kube_cluster_open_door(struct kube_cluster *cluster, struct scripted_peer *door)
{
        scripted_peer_forget_answers(door);
        scripted_peer_answer(door, "* *", &(struct scripted_answer){.by = answer_any, .context = cluster});
}

struct kube_client *kube_cluster_client(struct kube_cluster *cluster, struct http_client *http)
{
        return kube_cluster_client_by(cluster, http, cluster->peer);
}

struct kube_client *kube_cluster_client_by(struct kube_cluster *cluster, struct http_client *http,
                                           const struct scripted_peer *door)
{
        struct kube_config config = {.server = (char *)(uintptr_t)scripted_peer_url(door),
                                     .namespace = (char *)(uintptr_t) "n",
                                     .shown = (char *)(uintptr_t) "script"};
        struct kube_client *client = NULL;
        struct error err = ERROR_INIT;

        if (!kube_client_new(cluster->reactor, http, &config, &client, &err))
                fail_msg("%s", err.message);
        return client;
}

void kube_cluster_fault(struct kube_cluster *cluster, enum cluster_fault fault, int at)
{
        cluster->fault = fault;
        cluster->fault_at = at;
}

void kube_cluster_on_write(struct kube_cluster *cluster, void (*written)(bool done))
{
        cluster->written = written;
}

int kube_cluster_status_writes(const struct kube_cluster *cluster)
{
        return count_of(cluster, "status_writes");
}
