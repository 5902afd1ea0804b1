/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_FLINK_OPTIONS_H
#define OPTCTL_OPTIMIZER_FLINK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/option.h"

/* The options of the Flink Kubernetes Operator's autoscaler (job.autoscaler.*, 1.16 line), with its defaults.
 */
enum flink_aggregator { FLINK_AGGREGATOR_MAX, FLINK_AGGREGATOR_AVG, FLINK_AGGREGATOR_MIN };
enum flink_alignment { FLINK_ALIGNMENT_BALANCED, FLINK_ALIGNMENT_EVENLY_SPREAD, FLINK_ALIGNMENT_OFF };

struct flink_excluded_period {
        char *cron;
        int64_t seconds;
        char *time_zone;
};

struct flink_options {
        int64_t control_loop_interval_seconds;
        int64_t gauge_window_seconds;
        int64_t metrics_window_seconds, stabilization_interval_seconds;
        double utilization_target, utilization_min, utilization_max; /* min, max: NAN when not given */
        double utilization_boundary;
        int64_t scale_down_interval_seconds;
        double scale_down_max_factor, scale_up_max_factor;
        int64_t vertex_min_parallelism, vertex_max_parallelism;
        int64_t catch_up_duration_seconds, restart_time_seconds;
        bool restart_time_tracking_enabled;
        int64_t restart_time_tracking_limit_seconds;
        int64_t backlog_processing_lag_threshold_seconds;
        int64_t observed_rate_lag_threshold_seconds;
        double observed_rate_switch_threshold;
        int64_t observed_rate_min_observations;
        bool scaling_enabled, effectiveness_detection_enabled;
        double effectiveness_threshold;
        double gc_pressure_threshold, heap_usage_threshold;
        int64_t history_max_count, history_max_age_seconds;
        int busy_time_aggregator;            /* enum flink_aggregator */
        int alignment_mode;                  /* enum flink_alignment */
        struct option_list vertex_exclude;   /* of char * */
        struct option_list excluded_periods; /* of struct flink_excluded_period */
        bool observed_scalability_enabled;
        int64_t observed_scalability_min_observations;
        double observed_scalability_coefficient_min;
        double quota_cpu, quota_memory;               /* NAN: none */
        double task_manager_cpu, task_manager_memory; /* NAN: not known */
};

extern const struct option_table flink_options_table;

#endif
