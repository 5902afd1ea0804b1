/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_GP_STEP_H
#define OPTCTL_OPTIMIZER_SEARCH_GP_STEP_H

#include <gsl/gsl_rng.h>

#include "optimizer/search/gp.h"

/*
 * Where a process may have a step (optimizer/search/gp.h): between any two neighbouring values that its
 * points have in a number. Each number is as likely to have it, and every place in it; that there is none is
 * as likely as that there is one. Run times have steps where a job's working set just fits into memory.
 */
struct gp_step_place {
        int feature;
        double low, high; /* values of points, none of which lies between */
        double gain;      /* log of how much likelier a step there makes the targets */
};

/* All places, by the rank-one form of the evidence: O(d n^2) together. The process has no step, and is
 * conditioned. ret_places: room for n x d. Returns how many there are. */
int gp_step_places(const struct gp *gp, struct gp_step_place *ret_places);

/* Draws the step, or none, from its posterior at the parameters as they stand. The process has to be
 * conditioned anew. Errors as of gp_condition. */
bool gp_step_draw(struct gp *gp, gsl_rng *rng, struct error *err);

#endif
