/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/scaler.h"

static const struct option_table options = {
        .name = "scaledObject",
        .help = "A ScaledObject of KEDA: its bounds, and the pool that it scales.",
        .size = sizeof(struct kube_scaler_options),
        .options = kube_scaler_option_list,
};

static bool scaled_object_open(const struct source_context *context, const void *opaque, void **ret_state,
                               struct error *err)
{
        return kube_scaler_open(context, &kube_scaled_object_kind, opaque, ret_state, err);
}

const struct collector scaled_object_collector = {
        .name = "scaledObject",
        .summary = "A ScaledObject of KEDA and the pool that it scales, read from the API server.",
        .section = SECTION_ENGINE,
        .options = &options,
        .open = scaled_object_open,
        .collect = kube_scaler_collect,
        .close = kube_scaler_close,
};
