/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_FLINK_METRICS_H
#define OPTCTL_OPTIMIZER_FLINK_METRICS_H

#include "core/error.h"
#include "core/observation.h"
#include "core/pipeline.h"
#include "optimizer/flink_autoscaler.h"

/*
 * The metric window of Flink's autoscaler, rebuilt from observations (ScalingMetricCollector,
 * ScalingMetricEvaluator).
 *
 * The autoscaler works on what Flink exports: counters since the start of the job, whose rate it takes over
 * its window, and gauges that average over their own 60 s. Observations carry averages over the time since
 * the previous one, so counters are summed up from them and gauges are averaged anew. One peculiarity
 * matters: in the first minute after a start Flink divides the records by the whole minute (MeterView) but
 * the busy time by the time passed (TimerGauge), so that the true rate comes out too low right after a
 * restart.
 */
enum flink_phase {
        FLINK_NOT_RUNNING,
        FLINK_UNKNOWN,     /* nothing was measured this time */
        FLINK_STABILIZING, /* the job started a short while ago */
        FLINK_COLLECTING,  /* the window is not full */
        FLINK_READY,
};

struct flink_metrics;

struct flink_metrics *flink_metrics_new(const struct pipeline *pipeline, const struct flink_options *options);
void flink_metrics_free(struct flink_metrics *metrics);

/* Takes in an observation. */
enum flink_phase flink_metrics_collect(struct flink_metrics *metrics, const struct observation *observation);

/* When the job that runs now was seen to run first. */
int64_t flink_metrics_running_since_ms(const struct flink_metrics *metrics);

/*
 * Evaluates the window: fills ret_vertices (length pipeline->n_operators) up to their thresholds. Only after
 * FLINK_READY. Fails with ERROR_INCOMPLETE when a source's rate is not known.
 */
bool flink_metrics_evaluate(const struct flink_metrics *metrics, int64_t restart_seconds,
                            struct flink_vertex *ret_vertices, struct error *err);

#endif
