/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_KUBE_CLUSTER_H
#define OPTCTL_TESTS_SUPPORT_KUBE_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/kubernetes/client.h"
#include "tests/support/scripted_peer.h"

/*
 * What the operator needs of a cluster, played by a scripted peer: TunedPipelines of the namespace "n" and
 * PriceBooks, with versions, generations, uids, lists, watches and a status; TuningStudies and what is made
 * for them, of which nothing happens by itself; Leases; Events. Preconditions are checked as the API
 * server does it. All of it can be put into a JSON value and taken out again, so that a process may die and
 * another one find the cluster as it was left.
 */
struct kube_cluster;

enum cluster_fault {
        CLUSTER_HEALTHY,
        CLUSTER_OLD_LIST,        /* lists are as of the version `at`, and watches say nothing */
        CLUSTER_FROZEN,          /* watches say nothing */
        CLUSTER_DROPPED,         /* of several events that a watch has only the last one comes */
        CLUSTER_DOUBLED,         /* each comes twice */
        CLUSTER_BOOKMARKS,       /* only bookmarks come */
        CLUSTER_GONE,            /* watches: 410 */
        CLUSTER_CONFLICTS,       /* every other write of a status: 409, though nothing stands against it */
        CLUSTER_BUSY,            /* every other request but those for leases: 429 with Retry-After */
        CLUSTER_FAILS,           /* the same: 500 */
        CLUSTER_UNAVAILABLE,     /* the same: 503 */
        CLUSTER_RESET,           /* the same: half an answer and a reset */
        CLUSTER_SLOW,            /* the same: a byte every ten seconds */
        CLUSTER_UNAUTHORIZED,    /* everything: 401 */
        CLUSTER_FORBIDDEN,       /* writes of a status: 403 */
        CLUSTER_UNSERVED,        /* TunedPipelines: 404, as where their definition was deleted */
        CLUSTER_DOWN,            /* everything: no answer */
        CLUSTER_BOOKS_FORBIDDEN, /* PriceBooks: 403 */
        CLUSTER_JOBS_FORBIDDEN,  /* creations of Jobs: 403 */
        CLUSTER_MAPS_FORBIDDEN,  /* creations of ConfigMaps: 403 */
};

/* `kept` NULL: nothing is there yet. */
struct kube_cluster *kube_cluster_new(struct reactor *reactor, const json_t *kept);
void kube_cluster_free(struct kube_cluster *cluster);
json_t *kube_cluster_keep(const struct kube_cluster *cluster); /* caller owns */

struct kube_client *kube_cluster_client(struct kube_cluster *cluster, struct http_client *http);

/* Another way in, for one of several clients: a test may shut it. From now on it answers as the cluster. */
void kube_cluster_open_door(struct kube_cluster *cluster, struct scripted_peer *door);
struct kube_client *kube_cluster_client_by(struct kube_cluster *cluster, struct http_client *http,
                                           const struct scripted_peer *door);

/* As kubectl would: `spec` is JSON. A change of the spec is a new generation. */
void kube_cluster_apply(struct kube_cluster *cluster, const char *name, const char *spec);
void kube_cluster_annotate(struct kube_cluster *cluster, const char *name, const char *key,
                           const char *value);
void kube_cluster_delete(struct kube_cluster *cluster, const char *name);
/* Borrowed; NULL: it is not there. */
const json_t *kube_cluster_get(const struct kube_cluster *cluster, const char *name);
void kube_cluster_apply_book(struct kube_cluster *cluster, const char *name, const char *spec);
void kube_cluster_delete_book(struct kube_cluster *cluster, const char *name);
const json_t *kube_cluster_get_book(const struct kube_cluster *cluster, const char *name);
void kube_cluster_apply_study(struct kube_cluster *cluster, const char *name, const char *spec);

/* Of all kinds: TunedPipeline, PriceBook, TuningStudy, Job, ConfigMap, Pod, PodTemplate. What is written is
 * one part of an object ("status"), which is made where it is not there. */
const json_t *kube_cluster_find(const struct kube_cluster *cluster, const char *kind, const char *name);
void kube_cluster_put(struct kube_cluster *cluster, const char *kind, const char *name, const char *part,
                      const char *value);
void kube_cluster_remove(struct kube_cluster *cluster, const char *kind, const char *name);
int kube_cluster_created(const struct kube_cluster *cluster, const char *kind); /* by requests */

/* "Ready=True/Tuned Accepted=True/Valid ...", sorted by type. Caller frees. */
char *kube_cluster_conditions(const struct kube_cluster *cluster, const char *name);
char *kube_cluster_study_conditions(const struct kube_cluster *cluster, const char *name);
int kube_cluster_version(const struct kube_cluster *cluster);

void kube_cluster_fault(struct kube_cluster *cluster, enum cluster_fault fault, int at);

/* Told of every write, before it is carried out and afterwards: of statuses and Events, and of the lease when
 * it changes hands. */
void kube_cluster_on_write(struct kube_cluster *cluster, void (*written)(bool done));
/* Status writes that changed something. */
int kube_cluster_status_writes(const struct kube_cluster *cluster);

#endif
