/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/vpa_recommender.h"

#include <math.h>

#include "core/clock.h"

#define SAMPLES_PER_DAY          (24.0 * 60)
#define OOM_MIN_BUMP_BYTES       (100.0 * 1024 * 1024)
#define OOM_BUMP_RATIO           1.2
#define SIGNIFICANT_CHANGE_RATIO 0.1
#define SETTLED_POD_MS           (12 * (int64_t)MS_PER_HOUR)

double vpa_confidence_days(int64_t first_ms, int64_t last_ms, int64_t samples)
{
        return fmin((double)(last_ms - first_ms) / MS_PER_DAY, (double)samples / SAMPLES_PER_DAY);
}

static double estimate(const struct vpa_options *options, const struct histogram *histogram,
                       double percentile)
{
        return histogram_percentile(histogram, percentile) * (1 + options->safety_margin_ratio);
}

struct vpa_recommendation vpa_recommend(const struct vpa_options *options, const struct histogram *histogram,
                                        double confidence_days)
{
        struct vpa_recommendation result = {
                .lower = estimate(options, histogram, options->lower_percentile) *
                         pow(1 + 0.001 / confidence_days, -2),
                .target = estimate(options, histogram, options->target_percentile),
                .upper = estimate(options, histogram, options->upper_percentile) * (1 + 1 / confidence_days),
        };

        result.lower = fmax(result.lower, options->minimum);
        result.target = fmax(result.target, options->minimum);
        result.upper = fmax(result.upper, options->minimum);
        return result;
}

double vpa_out_of_memory_sample(double used_bytes)
{
        return fmax(used_bytes + OOM_MIN_BUMP_BYTES, used_bytes * OOM_BUMP_RATIO);
}

bool vpa_update_due(const struct vpa_recommendation *recommendation, double request, int64_t pod_age_ms)
{
        if (request < recommendation->lower || request > recommendation->upper)
                return true;
        return pod_age_ms >= SETTLED_POD_MS &&
               fabs(recommendation->target - request) / request >= SIGNIFICANT_CHANGE_RATIO;
}
