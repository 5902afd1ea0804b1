/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/batch.h"
#include "engines/kubernetes/pool.h"

static const struct option list[] = {
        KUBE_WORKLOAD_OBJECT,
        KUBE_WORKLOAD_CONTAINER("Container whose CPU and memory use count. Without it all containers of a "
                                "pod count as one."),
        KUBE_WORKLOAD_READY,
        KUBE_BATCH_COMPLETIONS,
        {0},
};

static const struct option_table options = {
        .name = "job",
        .help = "A Job of Kubernetes that runs: pods that work off something together, until it is over.",
        .size = sizeof(struct kube_workload_options),
        .options = list,
};

static bool job_open(const struct source_context *context, const void *opaque, void **ret_state,
                     struct error *err)
{
        return kube_pool_open(context, &kube_job_kind, opaque, ret_state, err);
}

const struct collector job_collector = {
        .name = "job",
        .summary = "A Job of Kubernetes while it runs, read from the API server.",
        .section = SECTION_ENGINE,
        .options = &options,
        .open = job_open,
        .collect = kube_pool_collect,
        .close = kube_pool_close,
};
