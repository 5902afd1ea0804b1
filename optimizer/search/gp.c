/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/gp.h"

#include <gsl/gsl_qrng.h>
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/search/gp_kernel.h"

#define LOG_TWO_PI      1.8378770664093454836
#define FIRST_ROOM      16
#define JITTER          1e-10
#define JITTER_MOST     1e-2
#define IMPOSSIBLE      1e10
#define APPEND_LEAST    1e-10
#define PREDICT_BLOCK   256
#define VARIANCE_LEAST  1e-12
#define FIT_TOLERANCE   1e-5
#define START_SD        1.0 /* of a start, in prior standard deviations */
#define QRNG_DIMENSIONS 40  /* that GSL's Sobol sequence has */

#define LENGTH_CATEGORY 0.7 /* two categories are nearer than the ends of a scale */

static const struct gp_prior prior_variance = {0, 1, -5, 4};
static const struct gp_prior prior_noise = {-7, 1.5, -16, 0};
static const struct gp_prior prior_slope = {-1, 1.5, -7, 4};
/* Of one feature; it grows with the root of their number, as distances do (Hvarfner et al., ICML 2024). */
static const struct gp_prior prior_length = {-0.69, 1, -3, 3.5};

const struct gp_step gp_no_step = {-1, 0, 0};

struct gp *gp_new(int d, const bool *category)
{
        struct gp *gp = memory_new(1, sizeof *gp);

        gp->d = d;
        gp->step = gp_no_step;
        memcpy(gp->category, category, (size_t)d * sizeof *category);
        gp->prior[GP_VARIANCE] = prior_variance;
        gp->prior[GP_NOISE] = prior_noise;
        gp->prior[GP_SLOPE] = prior_slope;
        for (int k = 0; k < d; k++) {
                gp->prior[GP_LENGTH + k] = prior_length;
                gp->prior[GP_LENGTH + k].mean += 0.5 * log(d) + (category[k] ? LENGTH_CATEGORY : 0);
        }
        for (int p = 0; p < GP_LENGTH + d; p++)
                gp->theta[p] = gp->prior[p].mean;
        return gp;
}

void gp_free(struct gp *gp)
{
        if (!gp)
                return;
        cholesky_free(&gp->factor);
        free(gp->x);
        free(gp->y);
        free(gp->share);
        free(gp->weight);
        free(gp);
}

void gp_clear(struct gp *gp)
{
        gp->n = 0;
        cholesky_truncate(&gp->factor, 0);
}

void gp_add(struct gp *gp, const double *x, double y, double share)
{
        if (gp->n == gp->room) {
                gp->room = gp->room ? 2 * gp->room : FIRST_ROOM;
                gp->x = memory_resize(gp->x, (size_t)gp->room * (size_t)gp->d, sizeof *gp->x);
                gp->y = memory_resize(gp->y, (size_t)gp->room, sizeof *gp->y);
                gp->share = memory_resize(gp->share, (size_t)gp->room, sizeof *gp->share);
                gp->weight = memory_resize(gp->weight, (size_t)gp->room, sizeof *gp->weight);
        }
        memcpy(gp->x + (size_t)gp->n * (size_t)gp->d, x, (size_t)gp->d * sizeof *x);
        gp->y[gp->n] = y;
        gp->share[gp->n++] = share;
}

/* ---- conditioning ---- */

/* Factors the covariance of the points at the parameters as they stand. ret_slopes: see gp_kernel_matrix. */
static bool factor_with(struct gp *gp, const struct gp_kernel *kernel, double jitter, double *ret_slopes)
{
        struct error err = ERROR_INIT;
        struct cholesky *factor = &gp->factor;
        double noise = exp(gp->theta[GP_NOISE]), least = jitter * fmax(kernel->variance, 1);

        cholesky_resize(factor, gp->n);
        gp_kernel_matrix(kernel, gp->x, gp->n, factor->factor, factor->room, ret_slopes);
        for (int i = 0; i < gp->n; i++)
                factor->factor[(size_t)i * ((size_t)factor->room + 1)] += noise * gp->share[i] + least;
        return cholesky_factor(factor, &err);
}

static void weigh(struct gp *gp)
{
        memcpy(gp->weight, gp->y, (size_t)gp->n * sizeof *gp->weight);
        cholesky_solve_lower(&gp->factor, gp->weight, 1);
        cholesky_solve_upper(&gp->factor, gp->weight, 1);
}

bool gp_condition(struct gp *gp, struct error *err)
{
        struct gp_kernel kernel;

        gp_kernel_init(&kernel, gp);
        for (double jitter = JITTER; jitter <= JITTER_MOST; jitter *= 10) {
                if (!factor_with(gp, &kernel, jitter, NULL))
                        continue;
                weigh(gp);
                return true;
        }
        return error_set(err, ERROR_NUMERIC, NULL, "covariance of %d points cannot be factored", gp->n);
}

bool gp_append(struct gp *gp, const double *x, double y, double share, struct error *err)
{
        autofree double *column = memory_new((size_t)gp->n + 1, sizeof *column);
        struct gp_kernel kernel;
        double itself;

        gp_kernel_init(&kernel, gp);
        gp_kernel_cross(&kernel, gp->x, gp->n, x, 1, column);
        itself = gp_kernel_variance(&kernel, x) + exp(gp->theta[GP_NOISE]) * share +
                 JITTER * fmax(kernel.variance, 1);
        gp_add(gp, x, y, share);
        if (!cholesky_append(&gp->factor, column, itself, APPEND_LEAST))
                return gp_condition(gp, err);
        weigh(gp);
        return true;
}

void gp_truncate(struct gp *gp, int n)
{
        gp->n = n;
        cholesky_truncate(&gp->factor, n);
        weigh(gp);
}

/* ---- the posterior of the parameters ---- */

/* 1/2 sum_ij (K^-1 - w w')_ij dK_ij / dtheta; R and W equation 5.9. */
static void likelihood_gradient(const struct gp *gp, const struct gp_kernel *kernel, const double *slopes,
                                const double *inverse, const double *weight, double *gradient)
{
        size_t n = (size_t)gp->n;
        double noise = exp(gp->theta[GP_NOISE]);

        for (size_t j = 0; j < n; j++) {
                double own = 0.5 * (inverse[j + j * n] - weight[j] * weight[j]);

                gradient[GP_NOISE] += own * noise * gp->share[j];
                gp_kernel_gradient(kernel, gp->x + j * (size_t)gp->d, gp->x + j * (size_t)gp->d, 0, own,
                                   gradient);
                for (size_t i = j + 1; i < n; i++)
                        gp_kernel_gradient(kernel, gp->x + i * (size_t)gp->d, gp->x + j * (size_t)gp->d,
                                           slopes[i + j * n], inverse[i + j * n] - weight[i] * weight[j],
                                           gradient);
        }
}

static double likelihood(struct gp *gp, double *ret_gradient)
{
        size_t n = (size_t)gp->n;
        autofree double *slopes = ret_gradient ? memory_new(n * n, sizeof *slopes) : NULL;
        autofree double *inverse = ret_gradient ? memory_new(n * n, sizeof *inverse) : NULL;
        struct gp_kernel kernel;

        gp_kernel_init(&kernel, gp);
        if (!factor_with(gp, &kernel, JITTER, slopes))
                return IMPOSSIBLE;
        weigh(gp);
        if (ret_gradient) {
                cholesky_inverse(&gp->factor, inverse);
                likelihood_gradient(gp, &kernel, slopes, inverse, gp->weight, ret_gradient);
        }
        return gp_evidence(gp);
}

static double prior_penalty(const struct gp *gp, double *gradient)
{
        double sum = 0;

        for (int p = 0; p < GP_LENGTH + gp->d; p++) {
                const struct gp_prior *prior = &gp->prior[p];
                double off = (gp->theta[p] - prior->mean) / prior->sd;

                sum += 0.5 * off * off;
                if (gradient)
                        gradient[p] += off / prior->sd;
        }
        return sum;
}

static double objective(struct gp *gp, double *ret_gradient)
{
        int parameters = GP_LENGTH + gp->d;
        double value;

        if (ret_gradient)
                memset(ret_gradient, 0, (size_t)parameters * sizeof *ret_gradient);
        value = likelihood(gp, ret_gradient);
        if (value >= IMPOSSIBLE || !isfinite(value)) {
                if (ret_gradient)
                        memset(ret_gradient, 0, (size_t)parameters * sizeof *ret_gradient);
                return IMPOSSIBLE;
        }
        return value + prior_penalty(gp, ret_gradient);
}

double gp_objective(const struct gp *gp, const double *theta, double *ret_gradient)
{
        struct gp trial = *gp;
        autofree double *weight = memory_new((size_t)gp->n + 1, sizeof *weight);
        double value;

        trial.factor = (struct cholesky){0};
        trial.weight = weight;
        memcpy(trial.theta, theta, (size_t)(GP_LENGTH + gp->d) * sizeof *theta);
        value = objective(&trial, ret_gradient);
        cholesky_free(&trial.factor);
        return value;
}

double gp_evidence(const struct gp *gp)
{
        double fit = 0;

        for (int i = 0; i < gp->n; i++)
                fit += gp->y[i] * gp->weight[i];
        return 0.5 * (fit + cholesky_log_determinant(&gp->factor) + gp->n * LOG_TWO_PI);
}

/* ---- the fit ---- */

/* What NLopt's callback needs; it keeps its own incumbent, so that an end by roundoff loses nothing. */
struct fit {
        struct gp *gp;
        double best;
        double theta[GP_MAX_PARAMETERS];
};

static double fit_step(unsigned parameters, const double *theta, double *gradient, void *user)
{
        struct fit *fit = user;
        double value;

        memcpy(fit->gp->theta, theta, parameters * sizeof *theta);
        value = objective(fit->gp, gradient);
        if (value < fit->best) {
                fit->best = value;
                memcpy(fit->theta, theta, parameters * sizeof *theta);
        }
        return value;
}

static void fit_from(struct fit *fit, const double *start, int evaluations)
{
        unsigned parameters = (unsigned)(GP_LENGTH + fit->gp->d);
        double theta[GP_MAX_PARAMETERS], low[GP_MAX_PARAMETERS], high[GP_MAX_PARAMETERS], value;
        nlopt_opt search = nlopt_create(NLOPT_LD_LBFGS, parameters);

        for (unsigned p = 0; p < parameters; p++) {
                low[p] = fit->gp->prior[p].low;
                high[p] = fit->gp->prior[p].high;
                theta[p] = fmin(fmax(start[p], low[p]), high[p]);
        }
        nlopt_set_lower_bounds(search, low);
        nlopt_set_upper_bounds(search, high);
        nlopt_set_min_objective(search, fit_step, fit);
        nlopt_set_maxeval(search, evaluations);
        nlopt_set_ftol_rel(search, FIT_TOLERANCE);
        nlopt_set_ftol_abs(search, FIT_TOLERANCE);
        nlopt_optimize(search, theta, &value);
        nlopt_destroy(search);
}

bool gp_fit(struct gp *gp, int starts, int evaluations, struct error *err)
{
        struct fit fit = {.gp = gp, .best = INFINITY};
        unsigned parameters = (unsigned)(GP_LENGTH + gp->d), dimensions = parameters;
        double from[GP_MAX_PARAMETERS], uniform[GP_MAX_PARAMETERS] = {0};
        gsl_qrng *sequence;

        if (gp->n == 0)
                return true;
        memcpy(fit.theta, gp->theta, sizeof fit.theta);
        memcpy(from, gp->theta, sizeof from);
        fit_from(&fit, from, evaluations);
        dimensions = dimensions < QRNG_DIMENSIONS ? dimensions : QRNG_DIMENSIONS;
        sequence = gsl_qrng_alloc(gsl_qrng_sobol, dimensions);
        for (int s = 0; s < starts; s++) {
                gsl_qrng_get(sequence, uniform);
                for (unsigned p = 0; p < parameters; p++)
                        from[p] = gp->prior[p].mean +
                                  START_SD * gp->prior[p].sd * (2 * uniform[p % dimensions] - 1);
                fit_from(&fit, from, evaluations);
        }
        gsl_qrng_free(sequence);
        memcpy(gp->theta, fit.theta, sizeof gp->theta);
        return gp_condition(gp, err);
}

/* ---- predictions ---- */

static double dot(const double *a, const double *b, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += a[i] * b[i];
        return sum;
}

static void predict_block(const struct gp *gp, const struct gp_kernel *kernel, const double *x, int count,
                          double *cross, double *ret_mean, double *ret_variance)
{
        size_t n = (size_t)gp->n, d = (size_t)gp->d;

        gp_kernel_cross(kernel, gp->x, gp->n, x, count, cross);
        for (int c = 0; c < count; c++) {
                const double *column = cross + (size_t)c * n;

                ret_variance[c] = gp_kernel_variance(kernel, x + (size_t)c * d);
                ret_mean[c] = dot(column, gp->weight, n);
        }
        cholesky_solve_lower(&gp->factor, cross, count);
        for (int c = 0; c < count; c++) {
                const double *column = cross + (size_t)c * n;
                double prior = ret_variance[c];

                for (size_t i = 0; i < n; i++)
                        ret_variance[c] -= column[i] * column[i];
                ret_variance[c] = fmax(ret_variance[c], VARIANCE_LEAST * prior);
        }
}

void gp_predict(const struct gp *gp, const double *x, int count, double *ret_mean, double *ret_variance)
{
        size_t widest = (size_t)(count < PREDICT_BLOCK ? count : PREDICT_BLOCK);
        autofree double *cross = memory_new((size_t)gp->n * widest + 1, sizeof *cross);
        struct gp_kernel kernel;

        gp_kernel_init(&kernel, gp);
        for (int from = 0; from < count; from += PREDICT_BLOCK) {
                int block = count - from < PREDICT_BLOCK ? count - from : PREDICT_BLOCK;

                predict_block(gp, &kernel, x + (size_t)from * (size_t)gp->d, block, cross, ret_mean + from,
                              ret_variance + from);
        }
}

void gp_mean(const struct gp *gp, const double *x, int count, double *ret_mean)
{
        autofree double *cross = memory_new((size_t)gp->n + 1, sizeof *cross);
        struct gp_kernel kernel;

        gp_kernel_init(&kernel, gp);
        for (int c = 0; c < count; c++) {
                gp_kernel_cross(&kernel, gp->x, gp->n, x + (size_t)c * (size_t)gp->d, 1, cross);
                ret_mean[c] = dot(cross, gp->weight, (size_t)gp->n);
        }
}

void gp_posterior(const struct gp *gp, const double *x, int count, double *ret_mean, double *ret_covariance)
{
        size_t n = (size_t)gp->n, m = (size_t)count;
        autofree double *cross = memory_new(n * m + 1, sizeof *cross);
        struct gp_kernel kernel;

        gp_kernel_init(&kernel, gp);
        gp_kernel_cross(&kernel, gp->x, gp->n, x, count, cross);
        gp_kernel_matrix(&kernel, x, count, ret_covariance, count, NULL);
        for (size_t c = 0; c < m; c++)
                ret_mean[c] = dot(cross + c * n, gp->weight, n);
        cholesky_solve_lower(&gp->factor, cross, count);
        for (size_t j = 0; j < m; j++)
                for (size_t i = j; i < m; i++)
                        ret_covariance[i + j * m] -= dot(cross + i * n, cross + j * n, n);
}
