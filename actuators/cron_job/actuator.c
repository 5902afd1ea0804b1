/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/batch.h"
#include "engines/kubernetes/pool_write.h"

/*
 * Sets what the next Job is to be, in the template, in one write. What is read back is what the object says,
 * at once; with what a run ran is for the observations to say.
 */
static bool cron_job_open(const struct source_context *context, const void *options, void **ret_state,
                          struct error *err)
{
        return kube_pool_write_open(context, &kube_cron_job_kind, options, ret_state, err);
}

const struct actuator cron_job_actuator = {
        .name = "cronJob",
        .summary = "Parallelism, and requests and limits of the pods, of the next run of a CronJob.",
        .open = cron_job_open,
        .controls = kube_pool_controls,
        .apply = kube_pool_apply,
        .read = kube_pool_read,
        .close = kube_pool_write_close,
};
