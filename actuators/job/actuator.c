/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/batch.h"
#include "engines/kubernetes/pool_write.h"

static bool job_open(const struct source_context *context, const void *options, void **ret_state,
                     struct error *err)
{
        return kube_pool_write_open(context, &kube_job_kind, options, ret_state, err);
}

const struct actuator job_actuator =
        KUBE_POOL_ACTUATOR("job", "How many pods of a Job run at the same time.", job_open);
