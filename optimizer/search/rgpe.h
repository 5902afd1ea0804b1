/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_RGPE_H
#define OPTCTL_OPTIMIZER_RGPE_H

#include <gsl/gsl_rng.h>

#include "optimizer/search/gp.h"

/*
 * How much models of earlier tasks have to say of a new one: the weights of the ranking-weighted Gaussian
 * process ensemble (RGPE: Feurer, Letham, Hutter and Bakshy 2018, arXiv 1802.02219). Functions drawn from
 * each model's posterior are asked to rank the points of the new task; a model weighs as much as the share of
 * draws in which it misranks the fewest pairs.
 */
#define RGPE_MAX_MODELS 16

/* Misranked pairs, each in both orders, of each of `samples` joint draws at the points of `own`. */
bool rgpe_losses(const struct gp *model, const struct gp *own, int samples, gsl_rng *rng, int *ret_losses,
                 struct error *err);

/* The same of the new task's own model. Each point is drawn from the posterior without that point, with
 * parameters as they are, and is ranked among the values that the others have. */
void rgpe_losses_left_out(const struct gp *own, int samples, gsl_rng *rng, int *ret_losses);

/* Weights of `models` models by their losses, models x samples, of which the last is the new task's own: they
 * come to 1; draws in which several are best are shared. A model whose median loss is above the 95th
 * percentile of the own model's gets nothing, so that many bad ones do not come to much. */
void rgpe_shares(const int *losses, int models, int samples, double *ret_weights);

/* All of it. earlier: `count` < RGPE_MAX_MODELS conditioned models on the same features. own: the conditioned
 * model of the new task on its points; without two of them all models weigh the same. ret_weights: count;
 * what they lack to 1 is the weight of the own model. ERROR_NUMERIC as gp_condition. */
bool rgpe_weights(struct gp *const *earlier, int count, const struct gp *own, int samples, gsl_rng *rng,
                  double *ret_weights, struct error *err);

#endif
