/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_HISTOGRAM_H
#define OPTCTL_OPTIMIZER_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/memory.h"

/*
 * Decaying histogram of the Vertical Pod Autoscaler (recommender/util/histogram.go, decaying_histogram.go):
 * buckets grow by 5 %, weights halve each half-life. Bucket n starts at first * (1.05^n - 1) / 0.05.
 */
#define HISTOGRAM_GROWTH  1.05
#define HISTOGRAM_EPSILON 1e-4 /* of weight: less is nothing */

struct histogram_options {
        double first_bucket; /* width of the first bucket */
        double max_value;    /* larger values fall into the last bucket */
        int64_t half_life_ms;
};

/* VPA's own: CPU in cores (0.01 to 1000) and memory in bytes (1e7 to 1e12), both with a half-life of a day.
 */
extern const struct histogram_options histogram_cpu, histogram_memory;

struct histogram;

struct histogram *histogram_new(const struct histogram_options *options);
void histogram_free(struct histogram *histogram);
DEFINE_CLEANUP(histogram_free, struct histogram);

int histogram_buckets(const struct histogram *histogram);
double histogram_bucket_start(const struct histogram *histogram, int bucket);
int histogram_find_bucket(const struct histogram *histogram, double value);

void histogram_add(struct histogram *histogram, double value, double weight, int64_t time_ms);

/* Takes a sample back, as if it had not been added (at about that time). */
void histogram_subtract(struct histogram *histogram, double value, double weight, int64_t time_ms);

/* The *end* of the bucket in which the share of weight is reached; 0 when the histogram is empty. */
double histogram_percentile(const struct histogram *histogram, double share);
bool histogram_empty(const struct histogram *histogram);

#endif
