/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_FLINK_AUTOSCALER_H
#define OPTCTL_OPTIMIZER_FLINK_AUTOSCALER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optimizer/flink_options.h"

/*
 * How the Flink Kubernetes Operator's autoscaler gets from the evaluated metrics of a vertex to its
 * parallelism: the formulas of JobVertexScaler, AutoScalerUtils, BuiltInAlignmentMode, DelayedScaleDown and
 * ScalingTracking (flink-autoscaler, 1.16 line).
 */

/* A vertex over the metric window. Rates in records/s of the whole vertex. */
struct flink_vertex {
        int parallelism;
        int max_parallelism; /* key groups */
        int partitions;      /* of a source; 0: not known or no source */
        bool hash_input;     /* an input is partitioned by key */
        bool excluded;       /* never scaled, or its busy time is not known */
        double target_rate, catch_up_rate;
        double true_rate; /* INFINITY when nothing comes in */
        double scale_up_threshold, scale_down_threshold;
};

/* Capacity in records/s that a vertex needs at a utilisation; NAN when its rates are not known. */
double flink_capacity(const struct flink_options *options, const struct flink_vertex *vertex,
                      double utilization, bool with_restart, int64_t restart_seconds);

/* Sets the two thresholds; true_rate outside them triggers a scaling. */
void flink_thresholds(const struct flink_options *options, bool processing_backlog, int64_t restart_seconds,
                      struct flink_vertex *vertex);
bool flink_outside(const struct flink_vertex *vertex);

/* Aligns a target to key groups or partitions. `upper`: most that may be chosen. */
int flink_align(enum flink_alignment mode, const struct flink_vertex *vertex, int target, int upper);

/* Parallelism the vertex wants, before the delay of scale-downs; the current one when it is not known.
 * coefficient: of flink_scalability, 1 when that is off. */
int flink_parallelism(const struct flink_options *options, const struct flink_vertex *vertex,
                      double coefficient, int64_t restart_seconds);

/* ---- what was done before ---- */

struct flink_scaling {
        int64_t time_ms;
        int from, to;
        double true_rate, expected_rate; /* at `from`; hoped for at `to` */
};

/* Scalings of one vertex, the oldest first. */
struct flink_history {
        struct flink_scaling *items;
        size_t count, room;
};

void flink_history_add(struct flink_history *history, const struct flink_scaling *scaling);
void flink_history_trim(struct flink_history *history, const struct flink_options *options, int64_t now_ms);
void flink_history_fini(struct flink_history *history);

/* Least-squares share of linear scaling that past scalings reached, rounded up to two decimals. */
double flink_scalability(const struct flink_options *options, const struct flink_history *history);

/* True when the last scaling was a scale-up to what runs now that brought too little, and such are to be
 * blocked. */
bool flink_ineffective(const struct flink_options *options, const struct flink_history *history,
                       const struct flink_vertex *vertex);

/* ---- delay of scale-downs ---- */

struct flink_recommendation {
        int64_t time_ms;
        int parallelism;
        bool outside; /* the vertex was outside its thresholds */
};

/* Scale-downs that wait; parallelism falls from item to item, so the first is the most that was asked for. */
struct flink_delay {
        int64_t first_ms; /* of the first request; meaningful while count > 0 */
        struct flink_recommendation *items;
        size_t count, room;
};

void flink_delay_clear(struct flink_delay *delay);
void flink_delay_fini(struct flink_delay *delay);

/* True when the request has waited long enough; then *ret is what to do. */
bool flink_delay_request(struct flink_delay *delay, const struct flink_options *options,
                         const struct flink_recommendation *request,
                         struct flink_recommendation *ret_recommendation);

/* ---- restarts ---- */

struct flink_restart {
        int64_t time_ms; /* of the decision */
        int64_t seconds; /* until the job ran; -1: not yet */
};

/* The newest always stays. */
struct flink_tracking {
        struct flink_restart *items;
        size_t count, room;
};

void flink_tracking_add(struct flink_tracking *tracking, int64_t time_ms);
void flink_tracking_trim(struct flink_tracking *tracking, const struct flink_options *options,
                         int64_t now_ms);
void flink_tracking_fini(struct flink_tracking *tracking);
int64_t flink_restart_seconds(const struct flink_tracking *tracking, const struct flink_options *options);

/* ---- what keeps a scaling from being carried out ---- */

/* NAN (as when Flink does not report it) never exceeds. */
bool flink_memory_pressure(const struct flink_options *options, double gc_ratio, double heap_ratio);

/* The operator's check, with its flaws: it counts only the vertices that change and whole task managers,
 * rounded down. from, to: widest of the changing vertices. */
bool flink_quota_exceeded(const struct flink_options *options, int slots_per_worker, int from, int to);

#endif
