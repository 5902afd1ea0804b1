/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_CONTTUNE_PROCESS_H
#define OPTCTL_OPTIMIZER_CONTTUNE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/*
 * ContTune's Gaussian process from parallelism to processing ability (VLDB 2023; code/GPofContTune.py): zero
 * mean, kernel s^2 exp(-d^2 / (2 l^2)), hyperparameters by marginal likelihood.
 *
 * Its noise of 1e-8 records^2/s^2 is far below what a double resolves beside abilities of 10^6 records/s. We
 * take 1e-8 of s^2 instead: then the likelihood has its best s in closed form, and only l is searched.
 */
struct conttune_sample {
        int parallelism;
        double ability; /* records/s of the whole operator */
};

#define CONTTUNE_MAX_SAMPLES 64

/*
 * Posterior mean at `count` parallelisms. Needs 2 samples of different parallelism. Fails with ERROR_NUMERIC.
 *
 * length  the kernel's l, in subtasks. Its search is nearly all the work, and it hardly moves while the same
 *         parallelisms are measured again: above 0 it is taken as it is, at 0 it is searched and kept there.
 */
bool conttune_ability(const struct conttune_sample *samples, size_t n_samples, double *length,
                      const double *parallelism, size_t count, double *ret_ability, struct error *err);

/* Smallest parallelism in [1, limit] whose posterior mean reaches the workload (records/s); 0 when none does.
 */
bool conttune_parallelism(const struct conttune_sample *samples, size_t n_samples, double *length,
                          double workload, int limit, int *ret_parallelism, struct error *err);

/* Distance from a parallelism to the nearest one that was tried; INT_MAX without samples. */
int conttune_distance(const struct conttune_sample *samples, size_t n_samples, int parallelism);

#endif
