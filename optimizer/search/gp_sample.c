/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/gp_sample.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

#define SHRINKS_MOST 12
#define WIDTH        1.5 /* of the first bracket, in prior standard deviations */

static double along(const struct gp *gp, const double *direction, double by)
{
        double theta[GP_MAX_PARAMETERS];

        for (int p = 0; p < GP_LENGTH + gp->d; p++) {
                theta[p] = gp->theta[p] + by * direction[p];
                if (theta[p] < gp->prior[p].low || theta[p] > gp->prior[p].high)
                        return INFINITY;
        }
        return gp_objective(gp, theta, NULL);
}

static void step(struct gp *gp, const double *direction, gsl_rng *rng)
{
        double level = along(gp, direction, 0) - log(gsl_rng_uniform_pos(rng));
        double left = -WIDTH * gsl_rng_uniform(rng), right = left + WIDTH;

        for (int i = 0; i < SHRINKS_MOST; i++) {
                double by = left + (right - left) * gsl_rng_uniform(rng);

                if (along(gp, direction, by) <= level) {
                        for (int p = 0; p < GP_LENGTH + gp->d; p++)
                                gp->theta[p] += by * direction[p];
                        return;
                }
                *(by < 0 ? &left : &right) = by;
        }
}

void gp_sample(struct gp *gp, int steps, gsl_rng *rng)
{
        double direction[GP_MAX_PARAMETERS];

        for (int i = 0; i < steps; i++) {
                for (int p = 0; p < GP_LENGTH + gp->d; p++)
                        direction[p] = gp->prior[p].sd * gsl_ran_ugaussian(rng);
                step(gp, direction, rng);
        }
}
