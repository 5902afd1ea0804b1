/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/scaler.h"

static bool hpa_open(const struct source_context *context, const void *options, void **ret_state,
                     struct error *err)
{
        return kube_scaler_open(context, &kube_hpa_kind, options, ret_state, err);
}

const struct actuator hpa_actuator = {
        .name = "hpa",
        .summary = "Bounds and CPU target of a HorizontalPodAutoscaler.",
        .open = hpa_open,
        .controls = kube_scaler_controls,
        .apply = kube_scaler_apply,
        .read = kube_scaler_tell,
        .patience_ms = kube_scaler_patience_ms,
        .close = kube_scaler_close,
};
