/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/pool.h"

static const struct option_table options = {
        .name = "statefulSet",
        .help = "A StatefulSet of Kubernetes: a pool of equal workers.",
        .size = sizeof(struct kube_workload_options),
        .options = kube_workload_option_list,
};

static bool stateful_set_open(const struct source_context *context, const void *opaque, void **ret_state,
                              struct error *err)
{
        return kube_pool_open(context, &kube_stateful_set_kind, opaque, ret_state, err);
}

const struct collector stateful_set_collector = {
        .name = "statefulSet",
        .summary = "A StatefulSet of Kubernetes, read from the API server.",
        .section = SECTION_ENGINE,
        .options = &options,
        .open = stateful_set_open,
        .collect = kube_pool_collect,
        .close = kube_pool_close,
};
