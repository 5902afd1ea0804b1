/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_POOL_H
#define OPTCTL_ENGINES_KUBERNETES_POOL_H

#include "core/plugin.h"
#include "engines/kubernetes/pods.h"
#include "engines/kubernetes/usage.h"
#include "engines/kubernetes/workload.h"

/*
 * What a pool of workers does, as an observation. It has no graph: it is one operator, whose busy share is
 * the CPU that the workers use over what they ask for. So its capacity is learnt right where work is CPU; a
 * worker that waits for something else all the time looks idle, and its pool is then known by what it carried
 * when records waited. Records, backlog and latency the API server does not know: Prometheus does.
 */
struct kube_pool_memory {
        int64_t looked_ms; /* when it was looked at last; 0: never */
        int64_t restarts;  /* of all containers together, at that time; -1: not known */
        int64_t counted;   /* restarts that were seen since then */
        int64_t killed_ms; /* newest kill for want of memory that was told of */
};

struct kube_pool_sight {
        const struct kube_workload *workload;
        const struct kube_workload_status *status;
        const struct kube_pods_of *pods; /* NULL: there are none */
        const struct kube_usage *usage;  /* NULL: it is not known */
        int64_t now_ms;
};

/* Fills what the API server knows; `memory` remembers from look to look. Pure but for that. */
void kube_pool_observe(const struct kube_pool_sight *sight, const struct pipeline *pipeline,
                       struct kube_pool_memory *memory, struct observation *ret_observation);

/* What pods use over what they ask for, how full the fullest is, and who was killed for want of memory. */
void kube_pool_observe_use(const struct kube_pool_sight *sight, struct kube_pool_memory *memory,
                           struct observation *ret_observation);

/* ---- what is asked for it ---- */

struct kube_pool {
        struct kube_workload *workload;
        struct kube_pool_memory memory;
        /* Why it is not known what pods use, or should ask for, as it was said; NULL: it is known. */
        char *no_usage, *no_advice;
};

struct kube_pool_caches {
        struct kube_follower objects, pods;
};

bool kube_pool_init(struct kube_pool *pool, const struct source_context *context,
                    const struct kube_workload_kind *kind, const void *options, struct error *err);
void kube_pool_clear(struct kube_pool *pool);
bool kube_pool_reach(struct kube_pool *pool, struct kube_pool_caches *ret_caches, struct error *err);

/* What its pods use (NULL: it is not known), and what somebody recommends that they ask for. What cannot be
 * had is said once in the log, and everything else goes on without it. Waits. */
const struct kube_usage *kube_pool_ask(struct kube_pool *pool, const struct kube_pool_caches *caches,
                                       struct observation *observation);

/* kube_workload_look of what the cache has. */
bool kube_pool_look(const struct kube_pool *pool, const struct kube_pool_caches *caches,
                    struct kube_workload_status *ret_status, struct error *err);

/* "deployment n/web: ..." in front of an error; returns false. */
bool kube_pool_fail(const struct kube_pool *pool, struct error *err);

/* ---- a collector of any such kind ---- */

bool kube_pool_open(const struct source_context *context, const struct kube_workload_kind *kind,
                    const void *options, void **ret_state, struct error *err);
bool kube_pool_collect(void *opaque, struct observation *ret_observation, struct error *err);
void kube_pool_close(void *opaque);

#endif
