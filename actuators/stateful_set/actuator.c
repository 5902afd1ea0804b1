/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/pool_write.h"

static bool stateful_set_open(const struct source_context *context, const void *options, void **ret_state,
                              struct error *err)
{
        return kube_pool_write_open(context, &kube_stateful_set_kind, options, ret_state, err);
}

const struct actuator stateful_set_actuator =
        KUBE_POOL_ACTUATOR("statefulSet", "Replicas, and requests and limits of the pods, of a StatefulSet.",
                           stateful_set_open);
