/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_CANDIDATES_H
#define OPTCTL_OPTIMIZER_CANDIDATES_H

#include "core/pipeline.h"
#include "core/plugin.h"
#include "optimizer/capacity.h"
#include "optimizer/planner.h"

/*
 * The deployments worth weighing: for each number of workers the one that sustains most. Cost depends on
 * workers alone, because operators share slots; so an operator gets as many subtasks as the scarcest one
 * needs, and no more.
 */
struct candidate {
        struct configuration configuration;
        struct deployment deployment;
        struct estimate capacity; /* source records/s */
};

/*
 * At most PLANNER_MAX_CANDIDATES, ascending by workers; with many workers to choose from, all near `current`
 * and ever fewer away from it, up to the most there may be. The current configuration is always among them,
 * as it is; *ret_current is its index. Returns how many there are.
 */
int candidates_list(const struct capacity *capacity, const struct pipeline *pipeline,
                    const struct configuration *current, struct candidate *ret_candidates, int *ret_current);

/* Workers of the cheapest candidate that sustains `load` records/s; of the largest when none does. */
int candidates_sufficient(const struct candidate *candidates, int n_candidates, double load);

/* Price of one worker for one second at each instant. Where a book has no price, or pays for having workers,
 * a worker-hour counts 1: fewer are still better. */
void candidates_prices(const struct price_book *prices, const int64_t *time_ms, int count,
                       double *ret_worker_second);

/* Price of late time over that of compute: `given`, or 0.5 / (1 - c) for the constraints' confidence c when
 * it is NAN: being late for all of the time that they accept is worth half the compute. */
double candidates_late_factor(const struct constraints *constraints, double given);

/* Fills what follows from capacity and constraints: the candidates (into `weighed`), setbacks, failures, the
 * wait after which a record is late. */
void candidates_problem(const struct capacity *capacity, const struct constraints *constraints,
                        const struct candidate *candidates, int n_candidates,
                        struct planner_candidate *weighed, struct planner_problem *ret_problem);

#endif
