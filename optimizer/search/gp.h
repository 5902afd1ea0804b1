/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_GP_H
#define OPTCTL_OPTIMIZER_SEARCH_GP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/memory.h"
#include "optimizer/search/cholesky.h"

/*
 * Gaussian process regression (Rasmussen and Williams 2006) on d features, numbers in [0, 1] or categories:
 *
 *   k(a, b) = 1 + slope (sum (a_k - 1/2)(b_k - 1/2) + sum [a_c = b_c] / 2) + variance matern52(r)
 *   r^2     = sum ((a_k - b_k) / length_k)^2 + sum [a_c != b_c] / length_c^2
 *
 * and, where a step is set, + step variance [a_s < at] [b_s < at],
 *
 * with independent noise. The constant and the slope take up the level and main effects, which a few points
 * show; the Matern part takes up the rest. Parameters are the maximum of the posterior under log-normal
 * priors, found by L-BFGS with analytic gradients. Targets should have a variance near 1.
 */
#define GP_MAX_FEATURES   64
#define GP_MAX_PARAMETERS (GP_MAX_FEATURES + 3)

/* Where a parameter stands in `theta`, which holds logarithms. */
enum { GP_VARIANCE, GP_NOISE, GP_SLOPE, GP_LENGTH };

/* Log-normal, cut off at the bounds; all in logarithms. */
struct gp_prior {
        double mean, sd, low, high;
};

/* One number below which all values differ by an unknown height. */
struct gp_step {
        int feature;         /* a number, or -1: no step */
        double at, variance; /* its place; the variance of its height */
};

extern const struct gp_step gp_no_step;

struct gp {
        int d, n, room;
        bool category[GP_MAX_FEATURES];
        double theta[GP_MAX_PARAMETERS]; /* GP_LENGTH + d of them */
        struct gp_prior prior[GP_MAX_PARAMETERS];
        struct gp_step step;
        double *x;     /* n x d, a row a point; categories are small integers */
        double *y;     /* n */
        double *share; /* n: noise variance of the point over that of one run: 1 / replicates */
        struct cholesky factor;
        double *weight; /* n: K^-1 y */
};

/* category: length d <= GP_MAX_FEATURES, true for categories. No points yet, no step, parameters at
 * their prior's mean. */
struct gp *gp_new(int d, const bool *category);
void gp_free(struct gp *gp);
DEFINE_CLEANUP(gp_free, struct gp);

/* Forgets the points, keeps the parameters. */
void gp_clear(struct gp *gp);

/* Takes up a point without looking at it: gp_fit or gp_condition comes next. */
void gp_add(struct gp *gp, const double *x, double y, double share);

/* Prepares predictions at the parameters as they stand. ERROR_NUMERIC when no jitter up to a hundredth of the
 * variance makes the covariance positive definite. */
bool gp_condition(struct gp *gp, struct error *err);

/* Looks for the parameters from where they stand, and from `starts` other points of the priors (a fixed
 * sequence), at `evaluations` of the posterior each, and conditions on them. Roundoff ends a search like
 * success does: the best parameters seen are kept. */
bool gp_fit(struct gp *gp, int starts, int evaluations, struct error *err);

/* A point more, in O(n^2) where the factor allows it. */
bool gp_append(struct gp *gp, const double *x, double y, double share, struct error *err);

/* Takes the points after the first n away again, which gp_append put there. */
void gp_truncate(struct gp *gp, int n);

/* -log posterior of `theta` up to a constant, and its gradient when ret_gradient is not NULL; 1e10 and zeros
 * where the covariance cannot be factored. */
double gp_objective(const struct gp *gp, const double *theta, double *ret_gradient);

/* -log marginal likelihood of the targets at the parameters it is conditioned on. */
double gp_evidence(const struct gp *gp);

/* Posterior of the function (without noise) at `count` points of d features: means and variances. */
void gp_predict(const struct gp *gp, const double *x, int count, double *ret_mean, double *ret_variance);

/* The same means alone, in O(n) each. */
void gp_mean(const struct gp *gp, const double *x, int count, double *ret_mean);

/* The same of all points together: means, and the covariance, count x count, of which the lower half is set
 * (columns lie one after the other). */
void gp_posterior(const struct gp *gp, const double *x, int count, double *ret_mean, double *ret_covariance);

#endif
