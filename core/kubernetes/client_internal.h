/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_CLIENT_INTERNAL_H
#define OPTCTL_CORE_KUBERNETES_CLIENT_INTERNAL_H

#include "core/clock.h"
#include "core/kubernetes/client.h"
#include "core/text.h"

/*
 * client.c    clients, and the verbs
 * request.c   paths, one request with its answer, what a Status means
 * plugin.c    a program that fetches a token
 */
struct kube_client {
        struct reactor *reactor;
        struct clock clock;
        struct http_peer *peer;
        struct secret *token; /* inline in a kubeconfig, or the plugin's; NULL: there is none */
        struct kube_plugin *plugin;
        bool fetching;           /* a fiber runs the plugin */
        int64_t fetched;         /* times */
        int64_t expires_ms;      /* calendar: the plugin's token */
        struct metrics *metrics; /* may be NULL */
        char *namespace;
        struct kube_fence fence; /* left_ms NULL: it may always write */
};

/* One request: what of http_request is the caller's to say. */
struct kube_ask {
        const char *method, *path;
        const json_t *body; /* NULL: none */
        const char *content_type, *accept;
        bool repeatable;
        bool conditional;             /* it says which version it is for: as of http_request */
        bool of_lease;                /* settles who may write: goes before all others */
        struct kube_fence fence;      /* all zero: the client's */
        int64_t timeout_ms;           /* 0: the client's */
        struct kube_refusal *refusal; /* NULL: not wanted */
};

/* Appends "?key=value" or "&key=value", encoded; nothing for a NULL value. */
void kube_query(struct text *path, const char *key, const char *value);

/* Sends and waits. The response is a good one, and the caller's to free. */
bool kube_send(struct kube_client *client, const struct kube_ask *ask, struct http_response *ret_response,
               struct error *err);
bool kube_send_json(struct kube_client *client, const struct kube_ask *ask, json_t **ret_object,
                    struct error *err);

/* Sees to it that the plugin, if there is one, has given a token that holds. `refused`: how many it had given
 * when the last one was refused; -1: it was not. */
bool kube_authorize(struct kube_client *client, int64_t refused, struct error *err);

/* A request, by its method (NULL: GET) and the status of its answer (0: none came). */
void kube_count(const struct kube_client *client, const char *method, int status);

/* Gives an error of http_send the words of the Status in its answer. */
void kube_judge(const struct http_response *response, struct kube_refusal *refusal, struct error *err);
/* The same for a Status that came in another way. `status`: an object of kind Status. */
void kube_judge_status(const json_t *status, struct kube_refusal *refusal, struct error *err);

#endif
