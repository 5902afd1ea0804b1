/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_CLIENT_H
#define OPTCTL_CORE_KUBERNETES_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/http/client.h"
#include "core/kubernetes/config.h"
#include "core/memory.h"

/*
 * The API server, asked in straight-line code (core/reactor.h): one object at a time here, many in list.h,
 * changes in watch.h, a cache of both in reflector.h.
 */
struct kube_client;

/* The configuration is copied, and its secrets and its plugin are taken out of it. Not connected until asked:
 * a plugin is run for the first request, for one that is refused as Unauthorized, and a minute before its
 * token expires. */
bool kube_client_new(struct reactor *reactor, struct http_client *http, struct kube_config *config,
                     struct kube_client **ret_client, struct error *err);
void kube_client_free(struct kube_client *client); /* once no request is under way */
DEFINE_CLEANUP(kube_client_free, struct kube_client);
const char *kube_client_namespace(const struct kube_client *client); /* of the configuration */

/*
 * From now on nothing is written but while `left_ms` says more than 0, and no write is waited for longer than
 * that: for one of several replicas. What is held back fails as ERROR_UNAVAILABLE (NotLeading). Leases are
 * exempt, since with them it is settled who may write.
 */
void kube_client_fence(struct kube_client *client, int64_t (*left_ms)(void *context), void *context);

/* Of one request, instead of the client's. */
struct kube_fence {
        int64_t (*left_ms)(void *context);
        void *context;
};

/* A kind of object, as URLs name it: {"apps", "v1", "deployments"}; the core group is "". */
struct kube_resource {
        const char *group, *version, *plural;
};

/* One object; without a name all of a namespace; without a namespace, too, all there are (or, with a name, an
 * object that stands in none). Everything is borrowed. */
struct kube_target {
        const struct kube_resource *resource;
        const char *namespace, *name;
        const char *subresource; /* "status", "scale", "resize"; NULL: the object itself */
};

#define KUBE_REASON_ROOM 64
#define KUBE_CAUSES      8

/* What the server's Status says when it refuses (k8s.io/api meta/v1). Texts are cut to their room. */
struct kube_cause {
        char reason[KUBE_REASON_ROOM]; /* "FieldValueInvalid", "FieldManagerConflict", "DisruptionBudget" */
        char field[128];               /* "spec.min", ".spec.replicas" */
        char message[256];
};

struct kube_refusal {
        int code;                      /* HTTP status; 0: the server did not refuse */
        char reason[KUBE_REASON_ROOM]; /* "Conflict", "Invalid", ...; "" when the answer was no Status */
        int64_t retry_after_ms;        /* 0: it does not say */
        size_t n_causes;
        struct kube_cause causes[KUBE_CAUSES];
};

/* How something is written; all zero is good. */
struct kube_write {
        const char *manager; /* of the fields; NULL: optctl */
        bool force;          /* kube_apply: takes fields from other managers */
        bool dry_run;        /* the server checks everything and keeps nothing */
        /* The object must be this one (uid), unchanged since it was read (resource_version): else Conflict.
         * Not for kube_create; kube_update has them in its object. */
        const char *uid, *resource_version;
        struct kube_refusal *refusal; /* filled when the server refuses; NULL: not wanted */
};

/*
 * Errors are those of http_send, with the Status' own reason in err->reason:
 *
 * ERROR_CONFLICT     Conflict (changed meanwhile, another uid, fields of another manager), AlreadyExists
 * ERROR_NOT_FOUND    NotFound; KindNotServed (the server knows no such kind); Expired (a version too old)
 * ERROR_REFUSED      Invalid, BadRequest, Forbidden, Unauthorized, ...
 * ERROR_UNAVAILABLE  TooManyRequests, DisruptionBudget (an eviction that would take too much), ...
 *
 * What the server puts off with a Retry-After (429) was not done and is sent again, whatever it is, as long
 * as the time-out of 30 s allows. Objects are new references; ret_object may be NULL. `write` may be NULL.
 */
bool kube_get(struct kube_client *client, const struct kube_target *target, json_t **ret_object,
              struct error *err);

/* POST to the target's collection; the name is the object's. */
bool kube_create(struct kube_client *client, const struct kube_target *target, const json_t *object,
                 const struct kube_write *write, json_t **ret_object, struct error *err);

/* PUT: the whole object, with the resourceVersion that was read. */
bool kube_update(struct kube_client *client, const struct kube_target *target, const json_t *object,
                 const struct kube_write *write, json_t **ret_object, struct error *err);

/* A merge patch (RFC 7386). */
bool kube_merge(struct kube_client *client, const struct kube_target *target, const json_t *patch,
                const struct kube_write *write, json_t **ret_object, struct error *err);

/* Server-side apply: `object` holds apiVersion, kind and the fields that are to be ours, and no others. */
bool kube_apply(struct kube_client *client, const struct kube_target *target, const json_t *object,
                const struct kube_write *write, json_t **ret_object, struct error *err);

/* Its dependents go after it, in the background. */
bool kube_delete(struct kube_client *client, const struct kube_target *target, const struct kube_write *write,
                 struct error *err);

/* spec.replicas through /scale. */
bool kube_scale(struct kube_client *client, const struct kube_target *target, int64_t replicas,
                const struct kube_write *write, struct error *err);

/* A pod, by the eviction API: disruption budgets are kept. */
bool kube_evict(struct kube_client *client, const char *namespace, const char *pod,
                const struct kube_write *write, struct error *err);

/* "/apis/apps/v1/namespaces/n/deployments/d/scale"; percent-encoded. With `collection` without the name.
 * Caller frees. */
char *kube_path(const struct kube_target *target, bool collection);

/* metadata.resourceVersion etc. of an object: borrowed, "" when it has none. */
const char *kube_meta(const json_t *object, const char *key);

#endif
