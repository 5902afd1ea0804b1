/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_PODS_H
#define OPTCTL_ENGINES_KUBERNETES_PODS_H

#include "core/kubernetes/shared.h"
#include "engines/kubernetes/resources.h"

/* A container of a pod, as far as it matters here. */
struct kube_container {
        char *name;
        struct kube_resources asked; /* that the pod's spec says, requests defaulted */
        int64_t restarts;
        int64_t killed_ms; /* last time for want of memory; INT64_MIN: it was not */
};

struct kube_pod {
        char *name;
        char *owner_kind, *owner; /* "Deployment", "web"; "" for a pod that nobody owns */
        char *node;               /* that it is bound to; "": none yet */
        double cores, memory;     /* that it takes of a node's, bytes: what the scheduler counts */
        bool ready, bound, ended; /* takes part; has a node; it or its deletion has come to an end or begun */
        int64_t begun_ms;         /* its node took it; INT64_MIN: not said */
        int64_t ended_ms;         /* its last container ended, of a pod that is not to go on; INT64_MIN */
        size_t n_containers;
        struct kube_container *containers;
};

/*
 * The pods of a namespace by whom they belong to. A ReplicaSet's pod belongs to the Deployment that made the
 * ReplicaSet, which is known by the hash that ends its name.
 */
extern const struct kube_following kube_pods_following;
extern const struct kube_resource kube_pods_resource;

/* What a pod takes of its node by its spec, as the scheduler counts it: cores and bytes; 0: it asks for none.
 */
void kube_pod_takes(const json_t *pod, double *ret_cores, double *ret_memory);

/* Pods that belong to an object; NULL: there are none. Lives until the next wait. */
struct kube_pods_of {
        size_t count;
        const struct kube_pod **pods;
};
const struct kube_pods_of *kube_pods_find(const struct kube_follower *pods, const char *namespace,
                                          const char *kind, const char *name);

#endif
