/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_SCHEDULED_SPARK_APPLICATION_RUNS_H
#define OPTCTL_COLLECTORS_SCHEDULED_SPARK_APPLICATION_RUNS_H

#include <jansson.h>

#include "core/kubernetes/shared.h"
#include "core/observation.h"

/* A SparkApplication that was made from a schedule, as far as it matters here. */
struct spark_run {
        char *schedule_uid;
        char *application; /* id by Spark, which names its event log; "": none */
        char *trouble;     /* why it failed; "": it did not, or that is not known */
        bool ended, failed;
        int64_t begun_ms, ended_ms;
        json_t *spec; /* what spark_template_ functions look at */
};

extern const struct kube_following spark_runs_following;

/* Of the schedule of that uid, the one that ended last; NULL: none has. Lives until the next wait. */
const struct spark_run *spark_runs_newest(const struct kube_follower *runs, const char *schedule_uid);

/* What it was set to, and what it held by its spec: every executor from its beginning to its end. */
void spark_run_observe(const struct spark_run *run, const struct pipeline *pipeline,
                       struct run_observation *ret_run);

#endif
