/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"

#define PUT_OFF_TIMES 3 /* that a request is sent again when the server puts it off */
#define PUT_OFF_MS    (30 * MS_PER_SECOND)
#define EARLY_MS      (60 * MS_PER_SECOND) /* before it expires, a token is not used any more */
#define LOOK_MS       50                   /* between two looks whether another fiber has got a token */

static const char *const requests_labels[] = {"code", "method", NULL};
static const struct metric_family requests_family =
        {.name = "optctl_rest_client_requests_total",
         .type = METRIC_COUNTER,
         .help = "Requests to the API server by the status of the answer, 0 where none came, and method.",
         .labels = requests_labels};
METRIC_FAMILY(requests_family);

/* ---- paths ---- */

static void add_part(struct text *path, const char *part)
{
        autofree char *escaped = http_escape(part);

        text_format(path, "/%s", escaped);
}

char *kube_path(const struct kube_target *target, bool collection)
{
        autotext path = {0};

        text_put(&path, *target->resource->group ? "/apis" : "/api");
        if (*target->resource->group)
                add_part(&path, target->resource->group);
        add_part(&path, target->resource->version);
        if (target->namespace) {
                text_put(&path, "/namespaces");
                add_part(&path, target->namespace);
        }
        add_part(&path, target->resource->plural);
        if (target->name && !collection)
                add_part(&path, target->name);
        if (target->subresource)
                add_part(&path, target->subresource);
        return text_take(&path);
}

void kube_query(struct text *path, const char *key, const char *value)
{
        autofree char *escaped = NULL;

        if (!value)
                return;
        escaped = http_escape(value);
        text_format(path, "%c%s=%s", path->data && strchr(path->data, '?') ? '&' : '?', key, escaped);
}

/* ---- Status objects ---- */

static void copy_text(char *to, size_t room, const json_t *object, const char *key)
{
        const char *text = "";

        (void)json_find_text(object, key, &text);
        snprintf(to, room, "%s", text);
}

static void take_causes(const json_t *details, struct kube_refusal *refusal)
{
        const json_t *causes = json_object_get(details, "causes");
        size_t i;
        json_t *item;

        json_array_foreach(causes, i, item)
        {
                struct kube_cause *cause = &refusal->causes[refusal->n_causes];

                if (refusal->n_causes == KUBE_CAUSES)
                        return;
                copy_text(cause->reason, sizeof cause->reason, item, "reason");
                copy_text(cause->field, sizeof cause->field, item, "field");
                copy_text(cause->message, sizeof cause->message, item, "message");
                refusal->n_causes++;
        }
}

static void take_status(const json_t *status, struct kube_refusal *refusal)
{
        const json_t *details = json_object_get(status, "details");
        double number;

        *refusal = (struct kube_refusal){0};
        if (json_find_number(status, "code", &number) && number >= 100 && number < 600)
                refusal->code = (int)number;
        copy_text(refusal->reason, sizeof refusal->reason, status, "reason");
        if (json_find_number(details, "retryAfterSeconds", &number) && number > 0 && number < 86400)
                refusal->retry_after_ms = (int64_t)(number * MS_PER_SECOND);
        take_causes(details, refusal);
}

/* The reason that says most. */
static const char *reason_of(const struct kube_refusal *refusal)
{
        if (refusal->code == 410)
                return "Expired";
        if (refusal->code == 429 && refusal->n_causes > 0 &&
            strcmp(refusal->causes[0].reason, "DisruptionBudget") == 0)
                return refusal->causes[0].reason;
        return *refusal->reason ? refusal->reason : NULL;
}

static bool is_status(const json_t *object)
{
        const char *kind;

        return json_find_text(object, "kind", &kind) && strcmp(kind, "Status") == 0;
}

/* A patch that says which object it is for finds another one: to the server an attempt to change its uid. */
static bool is_another(const struct kube_refusal *refusal)
{
        return refusal->code == 422 && refusal->n_causes > 0 &&
               strcmp(refusal->causes[0].field, "metadata.uid") == 0;
}

static void set_reason(const struct kube_refusal *refusal, struct error *err)
{
        const char *reason = reason_of(refusal);

        if (is_another(refusal)) {
                err->code = ERROR_CONFLICT;
                err->retry = true;
                reason = "Conflict";
        }
        if (reason)
                snprintf(err->reason, sizeof err->reason, "%s", reason);
        /* Without another name it will be there already the next time, too. */
        if (strcmp(err->reason, "AlreadyExists") == 0)
                err->retry = false;
}

/* A path that nobody serves is answered by whoever sorts paths, in plain text. */
static void judge_plain(const struct http_response *response, struct error *err)
{
        if (response->status == 404)
                snprintf(err->reason, sizeof err->reason, "KindNotServed");
        else if (response->status == 410)
                snprintf(err->reason, sizeof err->reason, "Expired");
}

void kube_judge(const struct http_response *response, struct kube_refusal *refusal, struct error *err)
{
        struct kube_refusal unwanted;
        autojson *object = NULL;

        if (!refusal)
                refusal = &unwanted;
        *refusal = (struct kube_refusal){.code = response->status};
        if (response->body && response->body[0] == '{')
                object = json_loadb(response->body, response->length, 0, NULL);
        if (is_status(object)) {
                take_status(object, refusal);
                refusal->code = response->status;
                set_reason(refusal, err);
        } else {
                judge_plain(response, err);
        }
        if (response->retry_after_ms > 0)
                refusal->retry_after_ms = response->retry_after_ms;
}

void kube_judge_status(const json_t *status, struct kube_refusal *refusal, struct error *err)
{
        struct kube_refusal unwanted;
        const char *message = "";

        if (!refusal)
                refusal = &unwanted;
        take_status(status, refusal);
        (void)json_find_text(status, "message", &message);
        error_set(err, refusal->code == 410 ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE, NULL, "%d %s: %.300s",
                  refusal->code, refusal->reason, message);
        set_reason(refusal, err);
}

/* ---- tokens of a plugin ---- */

static bool holds(const struct kube_client *client, int64_t refused)
{
        return client->fetched > 0 && client->fetched != refused &&
               clock_now_ms(&client->clock) < client->expires_ms - EARLY_MS;
}

bool kube_authorize(struct kube_client *client, int64_t refused, struct error *err)
{
        bool good;

        if (!client->plugin)
                return true;
        while (client->fetching)
                if (!clock_sleep_until(&client->clock, clock_now_ms(&client->clock) + LOOK_MS, err))
                        return false;
        if (holds(client, refused))
                return true;
        client->fetching = true;
        good = kube_plugin_run(client->reactor, client->plugin, client->token, &client->expires_ms, err);
        client->fetching = false;
        client->fetched += good;
        return good;
}

/* ---- a request ---- */

/* Nothing was done, and the server says when to come again. */
static bool is_put_off(const struct kube_refusal *refusal, int64_t waited_ms)
{
        return refusal->code == 429 && refusal->retry_after_ms > 0 &&
               waited_ms + refusal->retry_after_ms <= PUT_OFF_MS;
}

/* Once more, when the answer was Unauthorized and the plugin gives another token. */
static bool send_authorized(struct kube_client *client, const struct http_request *request,
                            struct http_response *ret_response, struct error *err)
{
        struct error unfetched = ERROR_INIT;
        int64_t fetched;

        *ret_response = (struct http_response){0};
        error_clear(err);
        if (!kube_authorize(client, -1, err))
                return false;
        fetched = client->fetched;
        if (http_send(client->peer, request, ret_response, err))
                return true;
        if (!client->plugin || ret_response->status != 401 || !kube_authorize(client, fetched, &unfetched))
                return false;
        http_response_free(ret_response);
        error_clear(err);
        return http_send(client->peer, request, ret_response, err);
}

/* Fills how long the answer may take. Asked again before each attempt: time has passed. */
static bool may_send(const struct kube_client *client, const struct kube_ask *ask, int64_t *ret_timeout_ms,
                     struct error *err)
{
        const struct kube_fence *fence = ask->fence.left_ms ? &ask->fence : &client->fence;
        bool free_of_fence = !fence->left_ms || !ask->method || ask->of_lease;
        int64_t left_ms = free_of_fence ? 0 : fence->left_ms(fence->context);

        *ret_timeout_ms = ask->timeout_ms;
        if (free_of_fence)
                return true;
        if (left_ms <= 0)
                return error_set(err, ERROR_UNAVAILABLE, "NotLeading",
                                 "%s %s: not sent, since another replica may be leading", ask->method,
                                 ask->path);
        if (ask->timeout_ms == 0 || left_ms < ask->timeout_ms)
                *ret_timeout_ms = left_ms;
        return true;
}

void kube_count(const struct kube_client *client, const char *method, int status)
{
        char code[16];

        snprintf(code, sizeof code, "%d", status);
        metrics_add(client->metrics, &requests_family, (const char *const[]){code, method ? method : "GET"},
                    1);
}

static bool send_once(struct kube_client *client, const struct kube_ask *ask, const char *body,
                      struct kube_refusal *refusal, struct http_response *ret_response, struct error *err)
{
        struct http_request request = {
                .method = ask->method,
                .path = ask->path,
                .body = body,
                .body_length = body ? strlen(body) : 0,
                .content_type = ask->content_type,
                .accept = ask->accept,
                .repeatable = ask->repeatable,
                .conditional = ask->conditional,
                .urgent = ask->of_lease,
        };

        bool good;

        *refusal = (struct kube_refusal){0};
        if (!may_send(client, ask, &request.timeout_ms, err))
                return false;
        good = send_authorized(client, &request, ret_response, err);
        kube_count(client, ask->method, ret_response->status);
        if (good)
                return true;
        if (ret_response->status != 0)
                kube_judge(ret_response, refusal, err);
        http_response_free(ret_response);
        return false;
}

bool kube_send(struct kube_client *client, const struct kube_ask *ask, struct http_response *ret_response,
               struct error *err)
{
        struct kube_refusal unwanted = {0}, *refusal = ask->refusal ? ask->refusal : &unwanted;
        autofree char *body = ask->body ? json_dumps(ask->body, JSON_COMPACT) : NULL;
        int64_t since_ms = reactor_steady_ms(client->reactor);

        for (int times = 0;; times++) {
                struct error interrupted = ERROR_INIT;
                int64_t now_ms;

                if (send_once(client, ask, body, refusal, ret_response, err))
                        return true;
                /* http_send has waited already for what it repeats by itself. */
                now_ms = reactor_steady_ms(client->reactor);
                if (ask->repeatable || times == PUT_OFF_TIMES || !is_put_off(refusal, now_ms - since_ms) ||
                    !clock_sleep_until(&client->clock, clock_now_ms(&client->clock) + refusal->retry_after_ms,
                                       &interrupted))
                        return false;
        }
}

bool kube_send_json(struct kube_client *client, const struct kube_ask *ask, json_t **ret_object,
                    struct error *err)
{
        struct http_response response;
        bool good;

        if (!kube_send(client, ask, &response, err))
                return false;
        good = !ret_object || http_response_json(client->peer, ask->path, &response, ret_object, err);
        http_response_free(&response);
        return good;
}
