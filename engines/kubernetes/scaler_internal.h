/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_SCALER_INTERNAL_H
#define OPTCTL_ENGINES_KUBERNETES_SCALER_INTERNAL_H

#include "engines/kubernetes/scaler.h"

/*
 * scaler.c        what an autoscaler is, and who has one
 * scaler_pool.c   collecting from it and from what it scales
 * scaler_write.c  writing to it
 */
struct scaler {
        const struct kube_scaler_kind *kind;
        const struct kube_scaler_options *options;
        struct source_context context;
        struct kube_shared *kubernetes;
        char *namespace; /* NULL: not known yet, scaler_reach tells */
        struct kube_workload_options pool_options;
        void *pool; /* a collector's, of what it scales (pool.h); NULL: not known yet */
        struct kube_scaler_status seen;
};

bool scaler_reach(struct scaler *scaler, struct kube_client **ret_client,
                  const struct kube_resource **ret_resource, struct error *err);
/* "hpa n/web: ..." in front of an error; returns false. */
bool scaler_fail(const struct scaler *scaler, struct error *err);

#endif
