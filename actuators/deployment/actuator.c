/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/pool_write.h"

static bool deployment_open(const struct source_context *context, const void *options, void **ret_state,
                            struct error *err)
{
        return kube_pool_write_open(context, &kube_deployment_kind, options, ret_state, err);
}

const struct actuator deployment_actuator =
        KUBE_POOL_ACTUATOR("deployment", "Replicas, and requests and limits of the pods, of a Deployment.",
                           deployment_open);
