/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_SURROGATE_H
#define OPTCTL_OPTIMIZER_SEARCH_SURROGATE_H

#include <gsl/gsl_rng.h>

#include <stdint.h>

#include "optimizer/search/gp.h"
#include "optimizer/search/run_form.h"

/*
 * What a search believes of one measured quantity: Gaussian processes on its values, or on their logarithms
 * when all are positive and the evidence does not speak against it, minus a prior mean (what is known of each
 * point beforehand, on the same scale) whose weight, 0 to 1, is the one under which the values are likeliest.
 *
 * Where forms of a run time are given (optimizer/search/run_form.h) the prior mean is that of the first, the
 * usual one, and each process but the first has one that is drawn from its posterior.
 *
 * Where steps are looked for (optimizer/search/gp_step.h) each process but the first, the likeliest without
 * one, has its own.
 *
 * A few points leave the parameters of a process open, and the best guess of them is overconfident. So there
 * are several processes whose parameters are drawn from their posterior (slice sampling: Neal, Annals of
 * Statistics 31, 2003), fewer as points come in; predictions are the mean and variance of their mixture.
 */
#define SURROGATE_MAX_MEMBERS 8

struct surrogate {
        int d, members;
        int learnt;         /* points that it learnt from last */
        double open_points; /* points' worth of what level and scale of the values leave open */
        struct gp *gp[SURROGATE_MAX_MEMBERS];
        gsl_rng *rng;
        bool steps; /* values may have a step, where there is a prior */
        bool log;
        double prior_weight;
        double centre, scale;          /* of the values less the prior */
        const struct run_forms *forms; /* borrowed; NULL: run times have no part in it */
        double usual;                  /* probability that the first form holds; the others share the rest */
        int form[SURROGATE_MAX_MEMBERS];
        double own_centre[SURROGATE_MAX_MEMBERS]; /* as centre, of the values less that form's prior */
};

/* What is expected of a point beforehand. */
struct surrogate_prior {
        double mean;      /* on the scale it works on: the logarithmic one where values may be taken so */
        double resources; /* their logarithm; NAN: not told */
};

/* What it learns from. x: n x d. prior: n of them, or NULL. share: 1 / replicates. */
struct surrogate_data {
        int n;
        const double *x, *y, *share;
        const struct surrogate_prior *prior;
};

/* rough: values at neighbouring points may differ by what no feature explains, as they do in tables. */
struct surrogate *surrogate_new(int d, const bool *category, bool rough, uint64_t seed);
void surrogate_free(struct surrogate *surrogate);
DEFINE_CLEANUP(surrogate_free, struct surrogate);

/* Learns anew. `positive`: may be taken by its logarithm. `refit`: look for parameters again, from where they
 * are; else keep those. */
bool surrogate_learn(struct surrogate *surrogate, const struct surrogate_data *data, bool positive,
                     bool refit, struct error *err);

/* Takes up a point that has no value yet, as if its value were so many standard deviations above its mean.
 */
bool surrogate_believe(struct surrogate *surrogate, const double *x, double deviations, struct error *err);

/* Means and variances (without noise) on the scale it works on: logarithms when surrogate->log. prior: count
 * of them, or NULL. */
void surrogate_predict(const struct surrogate *surrogate, const double *x,
                       const struct surrogate_prior *prior, int count, double *ret_mean,
                       double *ret_variance);

/* Variance of one run about the function, on the same scale. */
double surrogate_noise(const struct surrogate *surrogate);

/* A value on the scale it works on, and back. */
double surrogate_scale(const struct surrogate *surrogate, double y);
double surrogate_value(const struct surrogate *surrogate, double scaled);

/* Mean and standard deviation of a value whose scaled one has these. */
void surrogate_moments(const struct surrogate *surrogate, double mean, double sd, double *ret_mean,
                       double *ret_sd);

#endif
