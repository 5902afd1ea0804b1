/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_HPA_ALGORITHM_H
#define OPTCTL_OPTIMIZER_HPA_ALGORITHM_H

#include <stdint.h>

#include "core/memory.h"
#include "core/option.h"

/*
 * The Kubernetes HorizontalPodAutoscaler (autoscaling/v2): pkg/controller/podautoscaler/replica_calculator.go
 * and horizontal.go. What a metric asks for, then stabilisation, then the rate limits of `behavior`, then min
 * and max.
 */
enum hpa_policy_type { HPA_POLICY_PODS, HPA_POLICY_PERCENT };
enum hpa_select { HPA_SELECT_MAX, HPA_SELECT_MIN, HPA_SELECT_DISABLED };

struct hpa_policy {
        int type; /* enum hpa_policy_type */
        int64_t value;
        int64_t period_seconds;
};

/* Laid out for the option tables: behavior.scaleUp and behavior.scaleDown of an HPA object. */
struct hpa_rules {
        int64_t stabilization_window_seconds;
        int select_policy;           /* enum hpa_select */
        struct option_list policies; /* of struct hpa_policy; empty: Kubernetes' defaults */
};

struct hpa_behavior {
        struct hpa_rules scale_up, scale_down;
};

extern const struct option_table hpa_behavior_table;

/* ---- what a metric asks for ---- */

/* Replicas by what the metrics API says of them. Without its own metric a pod is missing; without readiness,
 * unready. */
struct hpa_pods {
        int current; /* spec.replicas */
        int ready, unready, missing;
};

/*
 * Replicas for a resource metric with averageUtilization (GetResourceReplicas). Pods of one deployment have
 * equal requests, so the mean is enough.
 *
 * utilization_percent  mean over the ready pods that have a metric; cut to a whole per cent as Kubernetes
 * does tolerance            no change while |1 - usage ratio| is within it
 */
int hpa_utilization_replicas(const struct hpa_pods *pods, double utilization_percent, double target_percent,
                             double tolerance);

/* Replicas for an external metric with averageValue (GetExternalPerPodMetricReplicas). */
int hpa_average_value_replicas(int current, double total, double target_per_pod, double tolerance);

/* ---- stabilisation and rates ---- */

struct hpa;

struct hpa *hpa_new(const struct hpa_behavior *behavior); /* borrows behavior */
void hpa_free(struct hpa *hpa);
DEFINE_CLEANUP(hpa_free, struct hpa);

/*
 * What `desired` comes to now. Remembers the recommendation, not the scaling: hpa_scaled does that.
 *
 * The first call remembers `current` as a recommendation, as the controller does for an HPA it sees for the
 * first time.
 */
int hpa_normalize(struct hpa *hpa, int64_t now_ms, int current, int desired, int min, int max);

/* The two halves of hpa_normalize. */
int hpa_stabilize(struct hpa *hpa, int64_t now_ms, int current, int desired);
int hpa_limit_rate(const struct hpa *hpa, int64_t now_ms, int current, int desired, int min, int max);

/* spec.replicas was set from `from` to `to`: the period limits reckon with it. */
void hpa_scaled(struct hpa *hpa, int64_t now_ms, int from, int to);

#endif
