/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_APPLICATION_SCHEDULE_H
#define OPTCTL_ENGINES_SPARK_APPLICATION_SCHEDULE_H

#include "core/kubernetes/shared.h"
#include "core/plugin.h"

/*
 * A ScheduledSparkApplication of the Spark operator, as its collector and its actuator see it: from time to
 * time the operator makes a SparkApplication from its template, and that is a run. What is written into the
 * template holds from the next run on. SparkApplications themselves are never written to: the operator stops
 * one whose spec changes, or runs it again.
 */
struct spark_schedule_options {
        char *name, *namespace;
        char *event_logs; /* folder; NULL: none */
};

/* Of the collector, and of the actuator of the same name. */
extern const struct option_table spark_schedule_table;

#define SPARK_SCHEDULE_KIND "ScheduledSparkApplication"
#define SPARK_GROUP         "sparkoperator.k8s.io"

struct spark_schedule {
        const struct spark_schedule_options *options;
        struct source_context context;
        struct kube_shared *kubernetes;
        char *namespace; /* NULL: not known yet, spark_schedule_reach tells */
};

bool spark_schedule_open(const struct source_context *context, const struct spark_schedule_options *options,
                         struct spark_schedule **ret_schedule, struct error *err);
void spark_schedule_close(struct spark_schedule *schedule);
DEFINE_CLEANUP(spark_schedule_close, struct spark_schedule);

/* The client, and the kind as the cluster serves it. ERROR_NOT_FOUND (KindNotServed): the operator is not
 * installed. In a fiber. */
bool spark_schedule_reach(struct spark_schedule *schedule, struct kube_client **ret_client,
                          const struct kube_resource **ret_resource, struct error *err);

/* What matters of all of a namespace. */
struct spark_schedule_seen {
        bool suspended;   /* no run begins */
        char *trouble;    /* why the operator cannot run it; NULL: nothing */
        json_t *template; /* what spark_template_ functions look at */
};
extern const struct kube_following spark_schedules_following;

/* "scheduledSparkApplication n/nightly: ..." in front of an error; returns false. */
bool spark_schedule_fail(const struct spark_schedule *schedule, struct error *err);

#endif
