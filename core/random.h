/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_RANDOM_H
#define OPTCTL_CORE_RANDOM_H

#include <gsl/gsl_rng.h>
#include <stdint.h>

#include "core/memory.h"

/*
 * A stream of random numbers that depends on (seed, run, purpose) alone: runs may be computed in any order
 * and on any number of threads, and two strategies see the same failures in the same run (common random
 * numbers).
 */
gsl_rng *random_new(uint64_t seed, uint64_t run, uint64_t purpose);
DEFINE_CLEANUP(gsl_rng_free, gsl_rng);

#endif
