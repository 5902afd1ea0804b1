/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/client.h"

#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/kubernetes/client_internal.h"

#define TIMEOUT_SECONDS         30
#define CONNECT_TIMEOUT_SECONDS 5
#define RETRIES                 3
#define MAX_RESPONSE_BYTES      (64 << 20)
#define FIELD_MANAGER           "optctl"

/* ---- clients ---- */

bool kube_client_new(struct reactor *reactor, struct http_client *http, struct kube_config *config,
                     struct kube_client **ret_client, struct error *err)
{
        const struct http_options options = {
                .timeout_seconds = TIMEOUT_SECONDS,
                .connect_timeout_seconds = CONNECT_TIMEOUT_SECONDS,
                .retries = RETRIES,
                .max_response_bytes = MAX_RESPONSE_BYTES,
                .proxy = config->proxy,
                .token_file = config->token_file,
                .ca_file = config->ca_file,
                .certificate_file = config->certificate_file,
                .key_file = config->key_file,
                .server_name = config->server_name,
        };
        struct http_credentials credentials = {
                .ca_pem = config->ca_pem,
                .certificate_pem = config->certificate_pem,
                .key_pem = config->key_pem,
        };
        struct http_peer *peer;
        struct kube_client *client;

        if (config->plugin && !config->token)
                config->token = secret_new_in_memory("token of a credential plugin");
        credentials.token = config->token;
        if (!http_peer_new(http, config->server, &options, NULL, &peer, err))
                return error_wrap(err, "%s", config->shown);
        http_peer_trust(peer, &credentials);
        http_peer_share(peer);
        client = memory_new(1, sizeof *client);
        client->reactor = reactor;
        client->clock = reactor_clock(reactor);
        client->peer = peer;
        client->metrics = http_client_metrics(http);
        client->token = TAKE(config->token);
        client->plugin = TAKE(config->plugin);
        client->namespace = memory_copy_text(config->namespace);
        *ret_client = client;
        return true;
}

void kube_client_free(struct kube_client *client)
{
        if (!client)
                return;
        http_peer_free(client->peer);
        secret_free(client->token);
        kube_plugin_free(client->plugin);
        free(client->namespace);
        free(client);
}

const char *kube_client_namespace(const struct kube_client *client)
{
        return client->namespace;
}

void kube_client_fence(struct kube_client *client, int64_t (*left_ms)(void *context), void *context)
{
        client->fence = (struct kube_fence){left_ms, context};
}

const char *kube_meta(const json_t *object, const char *key)
{
        const char *text = "";

        (void)json_find_text(json_object_get(object, "metadata"), key, &text);
        return text;
}

/* ---- verbs ---- */

bool kube_get(struct kube_client *client, const struct kube_target *target, json_t **ret_object,
              struct error *err)
{
        autofree char *path = kube_path(target, false);

        return kube_send_json(client, &(struct kube_ask){.path = path}, ret_object, err);
}

/* The path with the parameters that all writes share. */
static char *write_path(const struct kube_target *target, bool collection, const struct kube_write *write)
{
        autofree char *plain = kube_path(target, collection);
        autotext path = {0};

        text_put(&path, plain);
        kube_query(&path, "fieldManager", write->manager ? write->manager : FIELD_MANAGER);
        kube_query(&path, "dryRun", write->dry_run ? "All" : NULL);
        return text_take(&path);
}

/* A patch that only fits the object that was meant, in the state in which it was read. */
static json_t *with_preconditions(const json_t *patch, const struct kube_write *write)
{
        json_t *copy = json_deep_copy(patch), *meta = json_object_get(copy, "metadata");

        if (!write->uid && !write->resource_version)
                return copy;
        if (!meta) {
                meta = json_object();
                json_object_set_new(copy, "metadata", meta);
        }
        if (write->uid)
                json_object_set_new(meta, "uid", json_string(write->uid));
        if (write->resource_version)
                json_object_set_new(meta, "resourceVersion", json_string(write->resource_version));
        return copy;
}

/* DeleteOptions. */
static json_t *delete_options(const struct kube_write *write)
{
        json_t *options = json_pack("{s:s, s:s, s:s}", "apiVersion", "v1", "kind", "DeleteOptions",
                                    "propagationPolicy", "Background");
        json_t *conditions = json_object();

        if (write->uid)
                json_object_set_new(conditions, "uid", json_string(write->uid));
        if (write->resource_version)
                json_object_set_new(conditions, "resourceVersion", json_string(write->resource_version));
        json_object_set_new(options, "preconditions", conditions);
        if (write->dry_run)
                json_object_set_new(options, "dryRun", json_pack("[s]", "All"));
        return options;
}

static const struct kube_write plain_write;

bool kube_create(struct kube_client *client, const struct kube_target *target, const json_t *object,
                 const struct kube_write *write, json_t **ret_object, struct error *err)
{
        const struct kube_write *how = write ? write : &plain_write;
        autofree char *path = write_path(target, target->subresource == NULL, how);
        const struct kube_ask ask = {.method = "POST", .path = path, .body = object, .refusal = how->refusal};

        return kube_send_json(client, &ask, ret_object, err);
}

bool kube_update(struct kube_client *client, const struct kube_target *target, const json_t *object,
                 const struct kube_write *write, json_t **ret_object, struct error *err)
{
        const struct kube_write *how = write ? write : &plain_write;
        autofree char *path = write_path(target, false, how);
        const struct kube_ask ask = {.method = "PUT",
                                     .path = path,
                                     .body = object,
                                     .conditional = *kube_meta(object, "resourceVersion") != '\0',
                                     .refusal = how->refusal};

        return kube_send_json(client, &ask, ret_object, err);
}

bool kube_merge(struct kube_client *client, const struct kube_target *target, const json_t *patch,
                const struct kube_write *write, json_t **ret_object, struct error *err)
{
        const struct kube_write *how = write ? write : &plain_write;
        autofree char *path = write_path(target, false, how);
        autojson *body = with_preconditions(patch, how);
        /* Once it has been carried out, a version that had to be met is met no more. */
        const struct kube_ask ask = {.method = "PATCH",
                                     .path = path,
                                     .body = body,
                                     .content_type = "application/merge-patch+json",
                                     .repeatable = !how->resource_version,
                                     .conditional = how->resource_version != NULL,
                                     .refusal = how->refusal};

        return kube_send_json(client, &ask, ret_object, err);
}

bool kube_apply(struct kube_client *client, const struct kube_target *target, const json_t *object,
                const struct kube_write *write, json_t **ret_object, struct error *err)
{
        const struct kube_write *how = write ? write : &plain_write;
        autofree char *plain = write_path(target, false, how);
        autotext path = {0};
        autojson *body = with_preconditions(object, how);
        struct kube_ask ask = {.method = "PATCH",
                               .body = body,
                               .content_type = "application/apply-patch+yaml",
                               .repeatable = !how->resource_version,
                               .conditional = how->resource_version != NULL,
                               .refusal = how->refusal};

        text_put(&path, plain);
        kube_query(&path, "force", how->force ? "true" : "false");
        ask.path = path.data;
        return kube_send_json(client, &ask, ret_object, err);
}

bool kube_delete(struct kube_client *client, const struct kube_target *target, const struct kube_write *write,
                 struct error *err)
{
        const struct kube_write *how = write ? write : &plain_write;
        autofree char *path = kube_path(target, false);
        autojson *options = delete_options(how);
        const struct kube_ask ask = {.method = "DELETE",
                                     .path = path,
                                     .body = options,
                                     .refusal = how->refusal};

        return kube_send_json(client, &ask, NULL, err);
}

bool kube_scale(struct kube_client *client, const struct kube_target *target, int64_t replicas,
                const struct kube_write *write, struct error *err)
{
        const struct kube_target scale = {target->resource, target->namespace, target->name, "scale"};
        autojson *patch = json_pack("{s:{s:I}}", "spec", "replicas", (json_int_t)replicas);

        return kube_merge(client, &scale, patch, write, NULL, err);
}

bool kube_evict(struct kube_client *client, const char *namespace, const char *pod,
                const struct kube_write *write, struct error *err)
{
        static const struct kube_resource pods = {"", "v1", "pods"};
        const struct kube_write *how = write ? write : &plain_write;
        const struct kube_target target = {&pods, namespace, pod, "eviction"};
        autojson *options = delete_options(how);
        autojson *eviction =
                json_pack("{s:s, s:s, s:{s:s, s:s}, s:O}", "apiVersion", "policy/v1", "kind", "Eviction",
                          "metadata", "name", pod, "namespace", namespace, "deleteOptions", options);

        return kube_create(client, &target, eviction, write, NULL, err);
}
