/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_SCHEDULED_SPARK_APPLICATION_RUNS_H
#define OPTCTL_COLLECTORS_SCHEDULED_SPARK_APPLICATION_RUNS_H

#include <jansson.h>

#include "engines/kubernetes/periodic.h"

/* A SparkApplication that was made from a schedule, as far as it matters here. */
struct spark_run {
        struct kube_run run; /* first */
        char *application;   /* id by Spark, which names its event log; "": none */
        json_t *spec;        /* what spark_template_ functions look at */
};

extern const struct kube_following spark_runs_following;

/* What it was set to, and what it held by its spec: every executor from its beginning to its end. */
void spark_run_observe(const struct spark_run *run, const struct pipeline *pipeline,
                       struct run_observation *ret_run);

#endif
