/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_CAPACITY_H
#define OPTCTL_OPTIMIZER_CAPACITY_H

#include <stdbool.h>

#include "core/memory.h"
#include "core/model.h"
#include "core/observation.h"
#include "core/pipeline.h"
#include "optimizer/restarts.h"

/*
 * What a pipeline can take at any parallelism, learnt while it runs: a posterior, not a point.
 *
 * Per operator the Universal Scalability Law (Gunther 2007), p / C(p) = (1 + sigma (p - 1) + kappa p (p - 1))
 * / rate, is linear in (1 / rate, sigma / rate, kappa / rate); so the posterior is that of Bayesian linear
 * regression (Bishop, PRML, section 3.3), updated one true rate (records in / busy time of the busiest
 * subtask, as in DS2) at a time. Old evidence fades slowly. The prior is the calibrated model when there is
 * one, else weak. Where operators report no busy time the pipeline is taken as one operator, and true rates
 * come from CPU use and from windows in which it was saturated.
 *
 * Also learnt: what restarts cost (optimizer/restarts.h), how fast it catches up, its own latency.
 */
struct capacity;

struct estimate {
        double mean, sd;
};

/* `model` may be NULL: then restarts are guessed by the time between observations until one was seen.
 * Pipeline and model must outlive the capacity. */
struct capacity *capacity_new(const struct pipeline *pipeline, const struct model *model,
                              int64_t interval_ms);
void capacity_free(struct capacity *capacity);
DEFINE_CLEANUP(capacity_free, struct capacity);

void capacity_observe(struct capacity *capacity, const struct observation *observation);

/* The newest window was so far from what was learnt that the next one has to tell whether that has changed.
 */
bool capacity_is_unsettled(const struct capacity *capacity);

/* The pipeline is about to be changed by us: the next restart is no failure. */
void capacity_changed(struct capacity *capacity);

/* False until there is a model or a first true rate of every operator. */
bool capacity_known(const struct capacity *capacity);

/* Source records/s that a deployment sustains: the scarcest operator's. */
struct estimate capacity_of(const struct capacity *capacity, const struct deployment *deployment);

/* Source records/s that one operator allows with `parallelism` subtasks. */
struct estimate capacity_of_operator(const struct capacity *capacity, int operator_index, int parallelism);

/* Operators limit capacity one by one; false: only the pipeline as a whole is known. */
bool capacity_per_operator(const struct capacity *capacity);

/* The pipeline is a pool of workers that come and go while the others work on, as far as its newest change
 * has shown: none of them says how busy it is, no model tells of restarts, and no change has stopped it. */
bool capacity_changes_smoothly(const struct capacity *capacity);

/* What restarts cost; borrowed. */
const struct restarts *capacity_restarts(const struct capacity *capacity);

/* Throughput while catching up over capacity, in (0, 1]. */
double capacity_catch_up_ratio(const struct capacity *capacity);

/* p99 latency of the pipeline while it keeps up, seconds. */
struct estimate capacity_base_latency(const struct capacity *capacity);

#endif
