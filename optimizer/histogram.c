/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/histogram.h"

#include <math.h>
#include <stdlib.h>

#include "core/clock.h"

/* A weight is at most 2^this times its nominal one before the reference is moved. */
#define MAX_EXPONENT 100

const struct histogram_options histogram_cpu = {.first_bucket = 0.01,
                                                .max_value = 1000,
                                                .half_life_ms = MS_PER_DAY};
const struct histogram_options histogram_memory = {.first_bucket = 1e7,
                                                   .max_value = 1e12,
                                                   .half_life_ms = MS_PER_DAY};

struct histogram {
        struct histogram_options options;
        int n_buckets;
        bool dated; /* reference_ms holds */
        int64_t reference_ms;
        double total;
        int lowest, highest; /* buckets with weight; lowest > highest: none */
        double weight[];
};

/* Position of a value on the scale of buckets, not cut to whole ones. */
static double position(const struct histogram_options *options, double value)
{
        return log(value * (HISTOGRAM_GROWTH - 1) / options->first_bucket + 1) / log(HISTOGRAM_GROWTH);
}

struct histogram *histogram_new(const struct histogram_options *options)
{
        int n = (int)ceil(position(options, options->max_value)) + 1;
        struct histogram *histogram =
                memory_new(1, sizeof *histogram + (size_t)n * sizeof histogram->weight[0]);

        histogram->options = *options;
        histogram->n_buckets = n;
        histogram->lowest = n;
        histogram->highest = -1;
        return histogram;
}

void histogram_free(struct histogram *histogram)
{
        free(histogram);
}

int histogram_buckets(const struct histogram *histogram)
{
        return histogram->n_buckets;
}

double histogram_bucket_start(const struct histogram *histogram, int bucket)
{
        return histogram->options.first_bucket * (pow(HISTOGRAM_GROWTH, bucket) - 1) / (HISTOGRAM_GROWTH - 1);
}

int histogram_find_bucket(const struct histogram *histogram, double value)
{
        double bucket;

        if (!(value >= histogram->options.first_bucket))
                return 0;
        bucket = floor(position(&histogram->options, value));
        return bucket >= histogram->n_buckets ? histogram->n_buckets - 1 : (int)bucket;
}

/* Halves all weights `halvings` times; what falls below the epsilon at the ends is nothing. */
static void scale(struct histogram *histogram, double halvings)
{
        double factor = exp2(-halvings);

        histogram->total *= factor;
        for (int i = 0; i < histogram->n_buckets; i++)
                histogram->weight[i] *= factor;
        while (histogram->lowest <= histogram->highest &&
               histogram->weight[histogram->lowest] < HISTOGRAM_EPSILON)
                histogram->lowest++;
        while (histogram->lowest <= histogram->highest &&
               histogram->weight[histogram->highest] < HISTOGRAM_EPSILON)
                histogram->highest--;
        if (histogram_empty(histogram)) {
                histogram->lowest = histogram->n_buckets;
                histogram->highest = -1;
        }
}

/* Newer samples weigh more instead of older ones less; now and then all are scaled back. */
static double decay_factor(struct histogram *histogram, int64_t time_ms)
{
        int64_t half = histogram->options.half_life_ms;
        int64_t reference = (time_ms + half / 2) / half * half;

        if (!histogram->dated) {
                histogram->dated = true;
                histogram->reference_ms = reference;
        } else if (time_ms - histogram->reference_ms > MAX_EXPONENT * half) {
                scale(histogram, (double)(reference - histogram->reference_ms) / (double)half);
                histogram->reference_ms = reference;
        }
        return exp2((double)(time_ms - histogram->reference_ms) / (double)half);
}

void histogram_add(struct histogram *histogram, double value, double weight, int64_t time_ms)
{
        int bucket = histogram_find_bucket(histogram, value);

        weight *= decay_factor(histogram, time_ms);
        histogram->weight[bucket] += weight;
        histogram->total += weight;
        if (histogram->weight[bucket] < HISTOGRAM_EPSILON)
                return;
        if (bucket < histogram->lowest)
                histogram->lowest = bucket;
        if (bucket > histogram->highest)
                histogram->highest = bucket;
}

void histogram_subtract(struct histogram *histogram, double value, double weight, int64_t time_ms)
{
        int bucket = histogram_find_bucket(histogram, value);

        weight = fmin(weight * decay_factor(histogram, time_ms), histogram->weight[bucket]);
        histogram->weight[bucket] -= weight;
        histogram->total -= weight;
        scale(histogram, 0);
}

bool histogram_empty(const struct histogram *histogram)
{
        return histogram->lowest > histogram->highest;
}

double histogram_percentile(const struct histogram *histogram, double share)
{
        double sum = 0;
        int bucket;

        if (histogram_empty(histogram))
                return 0;
        for (bucket = histogram->lowest; bucket < histogram->highest; bucket++) {
                sum += histogram->weight[bucket];
                if (sum >= share * histogram->total)
                        break;
        }
        /* The last bucket has no end. */
        return histogram_bucket_start(histogram, bucket < histogram->n_buckets - 1 ? bucket + 1 : bucket);
}
