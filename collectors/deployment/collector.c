/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/pool.h"

static const struct option_table options = {
        .name = "deployment",
        .help = "A Deployment of Kubernetes: a pool of equal workers.",
        .size = sizeof(struct kube_workload_options),
        .options = kube_workload_option_list,
};

static bool deployment_open(const struct source_context *context, const void *opaque, void **ret_state,
                            struct error *err)
{
        return kube_pool_open(context, &kube_deployment_kind, opaque, ret_state, err);
}

const struct collector deployment_collector = {
        .name = "deployment",
        .summary = "A Deployment of Kubernetes, read from the API server.",
        .section = SECTION_ENGINE,
        .options = &options,
        .open = deployment_open,
        .collect = kube_pool_collect,
        .close = kube_pool_close,
};
