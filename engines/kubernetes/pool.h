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

/* ---- a collector of any such kind ---- */

bool kube_pool_open(const struct source_context *context, const struct kube_workload_kind *kind,
                    const void *options, void **ret_state, struct error *err);
bool kube_pool_collect(void *opaque, struct observation *ret_observation, struct error *err);
void kube_pool_close(void *opaque);

#endif
