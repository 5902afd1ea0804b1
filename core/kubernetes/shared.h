/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_SHARED_H
#define OPTCTL_CORE_KUBERNETES_SHARED_H

#include "core/kubernetes/discovery.h"
#include "core/kubernetes/reflector.h"
#include "core/shared.h"

/*
 * The API server as all pipelines of a process share it: one client, one answer to what is served, and one
 * cache a kind and namespace, whoever asks for it. So a turn of a pipeline asks the server for nothing that
 * another one has just asked.
 */
struct kube_shared;

/* How a process gets there. Everything is borrowed until kube_shared_withdraw. */
struct kube_access {
        struct reactor *reactor;
        struct http_client *http;
        struct log *log;                  /* may be NULL */
        struct kube_client *client;       /* of a process that has one; NULL: made from what follows */
        const char *kubeconfig, *context; /* as kube_config_find takes them; read when first needed */
        bool whole_cluster;               /* caches are of all namespaces, one watch a kind */
};

/* Once for a process, before its pipelines; they find it in `shared`. */
struct kube_shared *kube_shared_provide(struct shared *shared, const struct kube_access *access);
/* When the reactor was stopped and has no fiber left. NULL-safe. */
void kube_shared_withdraw(struct shared *shared, struct kube_shared *kubernetes);

/* What was provided. ERROR_INPUT: nothing was (`shared` may be NULL). Give it back. */
bool kube_shared_take(struct shared *shared, struct kube_shared **ret_kubernetes, struct error *err);
void kube_shared_give_back(struct shared *shared, struct kube_shared *kubernetes);

/* Reads the configuration when it is asked for first. ERROR_INPUT: there is none, or it is wrong. */
bool kube_shared_client(struct kube_shared *kubernetes, struct kube_client **ret_client, struct error *err);

/* In which version a kind is served. ERROR_NOT_FOUND (KindNotServed) says so in one line; it is looked at
 * again after a minute. ret_resource lives as long as the process has access. In a fiber. */
bool kube_shared_served(struct kube_shared *kubernetes, const char *group, const char *plural,
                        const struct kube_resource **ret_resource, struct error *err);

/* What is kept of a kind, as in struct kube_reflector_options. */
struct kube_following {
        void *(*project)(void *context, const json_t *object, size_t *ret_bytes);
        void (*release)(void *kept);
        void (*changed)(void *context, const char *namespace, const char *name, const void *before,
                        const void *now);
        void *(*context_new)(void); /* NULL: there is no context */
        void (*context_free)(void *context);
};

struct kube_follower {
        struct kube_reflector *reflector;
        void *context;
};

/*
 * The cache of a kind in a namespace, made when it is asked for first and followed from then on. Waits until
 * it holds a whole list; fails with what the server said when that does not come, or when nothing was heard
 * of the server for so long that the cache may be wrong. In a fiber.
 */
bool kube_shared_follow(struct kube_shared *kubernetes, const struct kube_resource *resource,
                        const struct kube_following *following, const char *namespace,
                        struct kube_follower *ret_follower, struct error *err);

/* Something else of which the process needs one, by name: made once, freed with the access. */
void *kube_shared_keep(struct kube_shared *kubernetes, const char *name, void *(*make)(void),
                       void (*destroy)(void *thing));

const struct kube_access *kube_shared_access(const struct kube_shared *kubernetes);

#endif
