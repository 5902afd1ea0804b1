/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_GP_SAMPLE_H
#define OPTCTL_OPTIMIZER_SEARCH_GP_SAMPLE_H

#include <gsl/gsl_rng.h>

#include "optimizer/search/gp.h"

/* Moves the parameters by `steps` of slice sampling along random directions (Neal, Annals of Statistics 31,
 * 2003, with the bracket not stepped out), which leaves their posterior as it is. The process has to be
 * conditioned anew. */
void gp_sample(struct gp *gp, int steps, gsl_rng *rng);

#endif
