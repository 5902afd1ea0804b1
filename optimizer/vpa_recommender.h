/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_VPA_RECOMMENDER_H
#define OPTCTL_OPTIMIZER_VPA_RECOMMENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "optimizer/histogram.h"

/*
 * What the Vertical Pod Autoscaler recommends (recommender/logic) and when its updater acts
 * (updater/priority). One resource of one container.
 */
#define VPA_SAMPLE_WEIGHT 0.1 /* of each CPU sample, whatever the request */

struct vpa_options {
        double target_percentile, lower_percentile, upper_percentile;
        double safety_margin_ratio;
        double minimum; /* of a recommendation */
};

struct vpa_recommendation {
        double lower, target, upper;
};

/* How much a history is worth: days it spans, or days of samples at one a minute, whichever is less. */
double vpa_confidence_days(int64_t first_ms, int64_t last_ms, int64_t samples);

/* Bounds are wide while the confidence is small: upper * (1 + 1 / days), lower * (1 + 0.001 / days)^-2. */
struct vpa_recommendation vpa_recommend(const struct vpa_options *options, const struct histogram *histogram,
                                        double confidence_days);

/* Memory to be recorded after a container was killed for want of it, in bytes. */
double vpa_out_of_memory_sample(double used_bytes);

/* Whether the updater replaces a pod that has `request` and is that old. */
bool vpa_update_due(const struct vpa_recommendation *recommendation, double request, int64_t pod_age_ms);

#endif
