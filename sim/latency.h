/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_LATENCY_H
#define OPTCTL_SIM_LATENCY_H

#include "core/model.h"

/*
 * Distribution of latency over a run: a histogram with logarithmic bins, 60 to the decade, so that a quantile
 * is off by 2 % at most; and the latency of one operating point as a few quantile points to put in it.
 */
#define LATENCY_BINS            600
#define LATENCY_LOWEST          1e-4 /* seconds */
#define LATENCY_BINS_PER_DECADE 60
#define LATENCY_POINTS          24

struct latency_histogram {
        double weight[LATENCY_BINS];
        double total;
};

void latency_add(struct latency_histogram *histogram, double seconds, double weight);

/* NAN when nothing was added. */
double latency_quantile(const struct latency_histogram *histogram, double q);

/* One operator at one operating point: each of its subtasks is a queue of its own, because records are dealt
 * out before they queue (by key or round robin). */
struct latency_stage {
        double arrivals_per_second; /* at the busiest subtask */
        double service_per_second;  /* of one subtask */
        double service_cv;
};

/* The pipeline's own latency is log-normal: factors on its median. */
struct latency_scatter {
        double p95, p99;
        double points[LATENCY_POINTS]; /* at the mid-quantiles of masses latency_masses[] */
};

void latency_scatter(double log_sd, struct latency_scatter *ret_scatter);

/* Latency of the pipeline at an operating point, in seconds. */
struct latency_point {
        double p50, p95, p99;
};

extern const double latency_masses[LATENCY_POINTS];

/*
 * base: the median of the pipeline's own latency. The waits of the stages are added as if they were
 * comonotonic, which is exact for one stage and on the safe side for several. Queueing by Kingman's formula
 * (the one-server case of Allen-Cunneen), with an exponential tail. Utilisation is capped at 0.99: above it
 * the fluid backlog is what counts.
 */
void latency_at(double base_seconds, const struct latency_scatter *scatter,
                const struct latency_stage *stages, int n_stages, struct latency_point *ret_point);

/* The whole distribution at an operating point, as quantile points with the masses latency_masses[]. */
void latency_add_point(struct latency_histogram *histogram, double weight, double base_seconds,
                       const struct latency_scatter *scatter, const struct latency_stage *stages,
                       int n_stages);

#endif
