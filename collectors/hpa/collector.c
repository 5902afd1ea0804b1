/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/scaler.h"

static const struct option_table options = {
        .name = "hpa",
        .help = "A HorizontalPodAutoscaler of Kubernetes: its bounds, and the pool that it scales.",
        .size = sizeof(struct kube_scaler_options),
        .options = kube_scaler_option_list,
};

static bool hpa_open(const struct source_context *context, const void *opaque, void **ret_state,
                     struct error *err)
{
        return kube_scaler_open(context, &kube_hpa_kind, opaque, ret_state, err);
}

const struct collector hpa_collector = {
        .name = "hpa",
        .summary = "A HorizontalPodAutoscaler and the pool that it scales, read from the API server.",
        .section = SECTION_ENGINE,
        .options = &options,
        .open = hpa_open,
        .collect = kube_scaler_collect,
        .close = kube_scaler_close,
};
