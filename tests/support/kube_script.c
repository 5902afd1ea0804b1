/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/kube_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"

#define MAX_CHANGES 4096
#define COLLECTION  "/api/v1/namespaces/n/configmaps"

const struct kube_resource kube_script_resource = {"", "v1", "configmaps"};

struct change {
        const char *type; /* "ADDED" etc. */
        char name[32], value[32];
        int uid;
};

struct kube_script {
        struct change changes[MAX_CHANGES]; /* the i-th made version i + 1 */
        int version;
        int uids;
        enum kube_script_fault next_list, next_watch;
        int out_of;
        gsl_rng *random;
};

/* ---- what is there ---- */

/* The last change to a name up to a version, or NULL when it is not there then. */
static const struct change *at_version(const struct kube_script *script, const char *name, int version)
{
        for (int i = version - 1; i >= 0; i--)
                if (strcmp(script->changes[i].name, name) == 0)
                        return strcmp(script->changes[i].type, "DELETED") == 0 ? NULL : &script->changes[i];
        return NULL;
}

static int by_name(const void *a, const void *b)
{
        return strcmp((*(const struct change *const *)a)->name, (*(const struct change *const *)b)->name);
}

/* All that is there at a version, sorted; returns how many. */
static size_t snapshot(const struct kube_script *script, int version, const struct change **ret_changes)
{
        size_t count = 0;

        for (int i = 0; i < version; i++)
                if (at_version(script, script->changes[i].name, version) == &script->changes[i])
                        ret_changes[count++] = &script->changes[i];
        qsort(ret_changes, count, sizeof(ret_changes[0]), by_name);
        return count;
}

static void add_change(struct kube_script *script, const char *type, const char *name, const char *value,
                       int uid)
{
        struct change *change = &script->changes[script->version++];

        assert_true(script->version <= MAX_CHANGES);
        change->type = type;
        change->uid = uid;
        snprintf(change->name, sizeof change->name, "%s", name);
        snprintf(change->value, sizeof change->value, "%s", value);
}

void kube_script_put(struct kube_script *script, const char *name, const char *value)
{
        const struct change *before = at_version(script, name, script->version);

        add_change(script, before ? "MODIFIED" : "ADDED", name, value, before ? before->uid : ++script->uids);
}

void kube_script_delete(struct kube_script *script, const char *name)
{
        const struct change *before = at_version(script, name, script->version);

        assert_non_null(before);
        add_change(script, "DELETED", name, "", before->uid);
}

char *kube_script_state(const struct kube_script *script)
{
        autofree const struct change **all = memory_new(MAX_CHANGES, sizeof *all);
        size_t count = snapshot(script, script->version, all);
        autotext text = {0};

        for (size_t i = 0; i < count; i++)
                text_format(&text, "%s%s=%s", i > 0 ? " " : "", all[i]->name, all[i]->value);
        return text_take(&text);
}

void kube_script_set_back(struct kube_script *script)
{
        autofree const struct change **all = memory_new(MAX_CHANGES, sizeof *all);
        size_t count = snapshot(script, script->version, all);
        autofree struct change *kept = memory_new(count + 1, sizeof *kept);

        for (size_t i = 0; i < count; i++)
                kept[i] = *all[i];
        script->version = 0;
        for (size_t i = 0; i < count; i++)
                add_change(script, "ADDED", kept[i].name, kept[i].value, kept[i].uid);
}

/* ---- faults ---- */

void kube_script_fault_next(struct kube_script *script, enum kube_script_fault fault, bool of_watch)
{
        if (of_watch)
                script->next_watch = fault;
        else
                script->next_list = fault;
}

void kube_script_fault_some(struct kube_script *script, int out_of, unsigned seed)
{
        script->out_of = out_of;
        gsl_rng_free(script->random);
        script->random = random_new(seed, 0, 0);
}

static enum kube_script_fault draw_fault(struct kube_script *script, enum kube_script_fault *next)
{
        enum kube_script_fault fault = *next;

        *next = KUBE_FAULT_NONE;
        if (fault == KUBE_FAULT_NONE && script->out_of > 0 &&
            gsl_rng_uniform_int(script->random, (unsigned long)script->out_of) == 0)
                fault = (enum kube_script_fault)gsl_rng_uniform_int(script->random, KUBE_FAULTS);
        return fault;
}

#define STATUS(code, reason, message)                                                                        \
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":"     \
        "\"" message "\",\"reason\":\"" reason "\",\"code\":" #code "}"
#define GONE STATUS(410, "Expired", "The resourceVersion for the provided watch is too old.")

/* Answers that are the same for lists and watches. True: *ret_body is one. */
static bool fail_alike(enum kube_script_fault fault, struct scripted_answer *answer, char **ret_body)
{
        switch (fault) {
        case KUBE_FAULT_FAILED:
                answer->status = 500;
                *ret_body = memory_copy_text(STATUS(500, "InternalError", "etcdserver: request timed out"));
                return true;
        case KUBE_FAULT_BUSY:
                answer->status = 429;
                answer->headers = "Retry-After: 1\r\n";
                answer->content_type = "text/plain; charset=utf-8";
                *ret_body = memory_copy_text("Too many requests, please try again later.\n");
                return true;
        case KUBE_FAULT_GARBAGE:
                *ret_body = memory_copy_text("{\"items\": 3, \"type\": [\"ADDED\"]}\n");
                return true;
        case KUBE_FAULT_FROZEN: /* behind the headers */
                answer->drip_ms = 10 * 60 * MS_PER_SECOND;
                answer->drip_bytes = 512;
                return false;
        case KUBE_FAULT_RESET:
                answer->how = SCRIPTED_RESET_HALF_WAY;
                return false;
        default:
                return false;
        }
}

static char *cut_in_half(char *body)
{
        body[strlen(body) / 2] = '\0';
        return body;
}

/* ---- answers ---- */

static void put_object(struct text *text, const struct kube_script *script, const struct change *change)
{
        text_format(text,
                    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
                    "\"namespace\":\"n\","
                    "\"uid\":\"u%d\",\"resourceVersion\":\"%d\"},\"data\":{\"value\":\"%s\"}}",
                    change->name, change->uid, (int)(change - script->changes) + 1, change->value);
}

static int number_after(const char *path, const char *key)
{
        const char *at = strstr(path, key);

        return at ? (int)strtol(at + strlen(key), NULL, 10) : 0;
}

/* A list's continue says "VERSION.PLACE". */
static char *put_list(const struct kube_script *script, const char *path, int version)
{
        autofree const struct change **all = memory_new(MAX_CHANGES, sizeof *all);
        int limit = number_after(path, "limit="), from = 0;
        const char *proceed = strstr(path, "continue=");
        size_t count;
        autotext text = {0};

        if (proceed) {
                version = number_after(path, "continue=");
                from = number_after(strchr(proceed, '.'), ".");
        }
        count = snapshot(script, version, all);
        text_format(
                &text,
                "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%d\"",
                version);
        if (limit > 0 && (size_t)(from + limit) < count)
                text_format(&text, ",\"continue\":\"%d.%d\"", version, from + limit);
        text_put(&text, "},\"items\":[");
        for (size_t i = (size_t)from; i < count && (limit == 0 || i < (size_t)(from + limit)); i++) {
                if (i > (size_t)from)
                        text_put(&text, ",");
                put_object(&text, script, all[i]);
        }
        text_put(&text, "]}");
        return text_take(&text);
}

static char *answer_list(struct kube_script *script, const char *path, struct scripted_answer *answer)
{
        enum kube_script_fault fault = draw_fault(script, &script->next_list);
        int version = script->version;
        char *body;

        if (fail_alike(fault, answer, &body))
                return body;
        if (fault == KUBE_FAULT_GONE && strstr(path, "continue=")) {
                answer->status = 410;
                return memory_copy_text(GONE);
        }
        if (fault == KUBE_FAULT_OLD_LIST && version > 1)
                version = version > 10 ? version - 9 : 1;
        body = put_list(script, path, version);
        return fault == KUBE_FAULT_CUT ? cut_in_half(body) : body;
}

static void put_event(struct text *text, const struct kube_script *script, int index)
{
        const struct change *change = &script->changes[index];

        text_format(text, "{\"type\":\"%s\",\"object\":", change->type);
        put_object(text, script, change);
        text_put(text, "}\n");
}

static char *put_events(const struct kube_script *script, int since, enum kube_script_fault fault)
{
        autotext text = {0};

        for (int i = since; i < script->version; i++) {
                bool last = i + 1 == script->version;

                if (fault == KUBE_FAULT_DROPPED && i == since)
                        continue;
                if (fault == KUBE_FAULT_SWAPPED && !last) {
                        put_event(&text, script, i + 1);
                        put_event(&text, script, i++);
                        continue;
                }
                put_event(&text, script, i);
                if (fault == KUBE_FAULT_DOUBLED)
                        put_event(&text, script, i);
        }
        text_format(&text,
                    "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\",\"metadata\":{"
                    "\"resourceVersion\":\"%d\"}}}\n",
                    script->version);
        return text_take(&text);
}

static char *answer_watch(struct kube_script *script, const char *path, struct scripted_answer *answer)
{
        enum kube_script_fault fault = draw_fault(script, &script->next_watch);
        int since = number_after(path, "resourceVersion=");
        char *body;

        if (fail_alike(fault, answer, &body))
                return body;
        if (fault == KUBE_FAULT_GONE) {
                answer->status = 410;
                return memory_copy_text(GONE);
        }
        if (fault == KUBE_FAULT_ERROR_EVENT || since > script->version)
                return memory_copy_text("{\"type\":\"ERROR\",\"object\":" GONE "}\n");
        body = put_events(script, since, fault);
        return fault == KUBE_FAULT_CUT ? cut_in_half(body) : body;
}

static char *answer_any(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        struct kube_script *script = context;

        return strstr(request->path, "watch=true") ? answer_watch(script, request->path, answer)
                                                   : answer_list(script, request->path, answer);
}

struct kube_script *kube_script_new(struct http_stage *stage)
{
        struct kube_script *script = memory_new(1, sizeof *script);

        scripted_peer_answer(stage->script, "GET " COLLECTION,
                             &(struct scripted_answer){.by = answer_any, .context = script});
        return script;
}

void kube_script_free(struct kube_script *script)
{
        gsl_rng_free(script->random);
        free(script);
}

struct kube_client *kube_script_client(struct http_stage *stage)
{
        struct kube_config config = {.server = (char *)(uintptr_t)scripted_peer_url(stage->script),
                                     .namespace = (char *)(uintptr_t) "n",
                                     .shown = (char *)(uintptr_t) "script"};
        struct kube_client *client = NULL;
        struct error err = ERROR_INIT;

        if (!kube_client_new(stage->reactor, stage->client, &config, &client, &err))
                fail_msg("%s", err.message);
        return client;
}
