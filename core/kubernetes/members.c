/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"

#define COUNT_MS   (3 * MS_PER_SECOND)
#define THERE_MS   (10 * MS_PER_SECOND)
#define FORGET_MS  (60 * MS_PER_SECOND)
#define REQUEST_MS (5 * MS_PER_SECOND)
#define MOST       256 /* others beyond are not looked at */

/* An annotation. */
struct member {
        char *identity, *count;
        int64_t counted_ms; /* steady: when it was seen to count */
        bool seen;          /* in the newest answer */
};

struct kube_members {
        struct kube_client *client;
        struct kube_members_options options;
        char *namespace, *name, *identity;
        char *prefix; /* of annotations */
        struct member all[MOST];
        size_t count;
        int64_t own; /* our count */
        char trouble[256];
};

static const struct kube_resource leases = {"coordination.k8s.io", "v1", "leases"};

struct kube_members *kube_members_new(struct kube_client *client, const struct kube_members_options *options)
{
        struct kube_members *members = memory_new(1, sizeof *members);

        members->client = client;
        members->options = *options;
        members->namespace = memory_copy_text(options->namespace);
        members->name = memory_copy_text(options->name);
        members->identity = memory_copy_text(options->identity);
        members->prefix = memory_format("%s.optctl.dev/", options->group);
        return members;
}

static void member_clear(struct member *member)
{
        free(member->identity);
        free(member->count);
}

void kube_members_free(struct kube_members *members)
{
        if (!members)
                return;
        for (size_t i = 0; i < members->count; i++)
                member_clear(&members->all[i]);
        free(members->namespace);
        free(members->name);
        free(members->identity);
        free(members->prefix);
        free(members);
}

/* ---- who is there ---- */

static int64_t age_ms(const struct kube_members *members, const struct member *member)
{
        return reactor_steady_ms(members->client->reactor) - member->counted_ms;
}

static const struct member *find(const struct kube_members *members, const char *identity)
{
        for (size_t i = 0; i < members->count; i++)
                if (strcmp(members->all[i].identity, identity) == 0)
                        return &members->all[i];
        return NULL;
}

bool kube_members_has(const struct kube_members *members, const char *identity)
{
        const struct member *member = find(members, identity);

        return member && age_ms(members, member) < THERE_MS;
}

bool kube_members_place(const struct kube_members *members, size_t *ret_place, size_t *ret_count)
{
        size_t place = 0, count = 0;

        if (!kube_members_has(members, members->identity))
                return false;
        for (size_t i = 0; i < members->count; i++) {
                const struct member *member = &members->all[i];

                if (age_ms(members, member) >= THERE_MS)
                        continue;
                count++;
                place += strcmp(member->identity, members->identity) < 0;
        }
        *ret_place = place;
        *ret_count = count;
        return true;
}

/* ---- what the Lease says ---- */

static void take_one(struct kube_members *members, const char *identity, const char *count)
{
        struct member *member = (struct member *)(uintptr_t)find(members, identity);

        if (!member && members->count == MOST)
                return;
        if (!member) {
                member = &members->all[members->count++];
                *member = (struct member){.identity = memory_copy_text(identity)};
        }
        member->seen = true;
        if (member->count && strcmp(member->count, count) == 0)
                return;
        free(member->count);
        member->count = memory_copy_text(count);
        member->counted_ms = reactor_steady_ms(members->client->reactor);
}

static void take_all(struct kube_members *members, const json_t *lease)
{
        json_t *annotations = json_object_get(json_object_get(lease, "metadata"), "annotations"), *value;
        size_t length = strlen(members->prefix);
        const char *key;

        for (size_t i = 0; i < members->count; i++)
                members->all[i].seen = false;
        json_object_foreach(annotations, key,
                            value) if (strncmp(key, members->prefix, length) == 0 && json_is_string(value))
                take_one(members, key + length, json_string_value(value));
        for (size_t i = members->count; i-- > 0;) {
                if (members->all[i].seen)
                        continue;
                member_clear(&members->all[i]);
                members->all[i] = members->all[--members->count];
        }
}

/* ---- what we say ---- */

static void put(const struct kube_members *members, json_t *annotations, const char *identity,
                json_t *take_value)
{
        autofree char *key = memory_format("%s%.200s", members->prefix, identity);

        json_object_set_new(annotations, key, take_value);
}

/* `stays` false: that we are gone. With it go those who have not counted for long. */
static json_t *annotations_of(const struct kube_members *members, bool stays)
{
        json_t *annotations = json_object();

        put(members, annotations, members->identity,
            stays ? json_sprintf("%lld", (long long)members->own) : json_null());
        for (size_t i = 0; i < members->count && stays; i++)
                if (age_ms(members, &members->all[i]) >= FORGET_MS)
                        put(members, annotations, members->all[i].identity, json_null());
        return annotations;
}

static bool create(struct kube_members *members, json_t **ret_lease, struct error *err)
{
        const struct kube_target target = {&leases, members->namespace, members->name, NULL};
        autofree char *path = kube_path(&target, true);
        autojson *body =
                json_pack("{s:s, s:s, s:{s:s, s:s, s:o}, s:{}}", "apiVersion", "coordination.k8s.io/v1",
                          "kind", "Lease", "metadata", "name", members->name, "namespace", members->namespace,
                          "annotations", annotations_of(members, true), "spec");
        const struct kube_ask asked = {.method = "POST",
                                       .path = path,
                                       .body = body,
                                       .of_lease = true,
                                       .timeout_ms = REQUEST_MS};

        return kube_send_json(members->client, &asked, ret_lease, err);
}

/* A merge of our own annotation: nobody else's is touched, whoever writes at the same time. */
static bool merge(struct kube_members *members, bool stays, json_t **ret_lease, struct error *err)
{
        const struct kube_target target = {&leases, members->namespace, members->name, NULL};
        autofree char *path = kube_path(&target, false);
        autojson *body = json_pack("{s:{s:o}}", "metadata", "annotations", annotations_of(members, stays));
        const struct kube_ask asked = {.method = "PATCH",
                                       .path = path,
                                       .body = body,
                                       .content_type = "application/merge-patch+json",
                                       .of_lease = true,
                                       .timeout_ms = REQUEST_MS};

        return kube_send_json(members->client, &asked, ret_lease, err);
}

static bool count_on(struct kube_members *members, struct error *err)
{
        autojson *lease = NULL;

        members->own++;
        if (!merge(members, true, &lease, err)) {
                if (err->code != ERROR_NOT_FOUND)
                        return false;
                error_clear(err);
                if (!create(members, &lease, err))
                        return false;
        }
        take_all(members, lease);
        return true;
}

static void note_trouble(struct kube_members *members, const struct error *err)
{
        if (err->code != ERROR_NONE && strcmp(members->trouble, err->message) != 0)
                log_warning(members->options.log, "replicas do not see each other",
                            LOG_TEXT("lease", members->name), LOG_TEXT("error", err->message));
        snprintf(members->trouble, sizeof members->trouble, "%s", err->message);
}

void kube_members_run(void *argument)
{
        struct kube_members *members = argument;
        const struct clock *clock = &members->client->clock;
        struct error interrupted = ERROR_INIT;

        do {
                struct error err = ERROR_INIT;

                (void)count_on(members, &err);
                note_trouble(members, &err);
        } while (clock_sleep_until(clock, clock_now_ms(clock) + COUNT_MS, &interrupted));
}

bool kube_members_leave(struct kube_members *members, struct error *err)
{
        autojson *lease = NULL;

        return merge(members, false, &lease, err) || err->code == ERROR_NOT_FOUND ||
               error_wrap(err, "leaving lease %s", members->name);
}
