/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fit.h"

#include <gsl/gsl_fit.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>

#include "core/formulas.h"
#include "core/memory.h"

#define HUBER      1.5 /* residuals beyond so many scales count linearly */
#define MAX_STEPS  6000
#define PARAMETERS 5
#define LOG_SCALE  0.1 /* first guess of the scatter of a logarithmic rate */

static double line_residual_sd(const double *x, const double *y, size_t n, const struct line_fit *fit)
{
        double sum2 = 0;

        for (size_t i = 0; i < n; i++)
                sum2 += pow(y[i] - fit->intercept - fit->slope * x[i], 2);
        return sqrt(sum2 / (double)n);
}

bool fit_line(const double *x, const double *y, size_t n, size_t block, struct line_fit *ret_fit,
              struct error *err)
{
        size_t blocks = block > 0 ? n / block : 0;
        autofree double *bx = memory_new(blocks, sizeof *bx);
        autofree double *by = memory_new(blocks, sizeof *by);
        double c00, c01, c11, sum2 = 0;
        struct line_fit fit;

        if (blocks < 3)
                return error_set(err, ERROR_INCOMPLETE, NULL, "%zu samples do not make three blocks of %zu",
                                 n, block);
        for (size_t i = 0; i < blocks * block; i++) {
                bx[i / block] += x[i] / (double)block;
                by[i / block] += y[i] / (double)block;
        }
        gsl_fit_linear(bx, 1, by, 1, blocks, &fit.intercept, &fit.slope, &c00, &c01, &c11, &sum2);
        if (!isfinite(fit.intercept) || !isfinite(fit.slope))
                return error_set(err, ERROR_NUMERIC, NULL, "%zu samples at one place do not make a line", n);
        fit.intercept_error = sqrt(c00);
        fit.slope_error = sqrt(c11);
        fit.residual_sd = line_residual_sd(x, y, n, &fit);
        *ret_fit = fit;
        return true;
}

bool fit_line_above_zero(const double *x, const double *y, size_t n, size_t block, struct line_fit *ret_fit,
                         struct error *err)
{
        if (!fit_line(x, y, n, block, ret_fit, err))
                return false;
        if (ret_fit->intercept < 0) {
                double c11, sum2;

                gsl_fit_mul(x, 1, y, 1, n, &ret_fit->slope, &c11, &sum2);
                ret_fit->intercept = 0;
        } else if (ret_fit->slope < 0) {
                ret_fit->intercept = gsl_stats_mean(y, 1, n);
                ret_fit->slope = 0;
        }
        ret_fit->intercept = fmax(ret_fit->intercept, 0);
        ret_fit->slope = fmax(ret_fit->slope, 0);
        ret_fit->residual_sd = line_residual_sd(x, y, n, ret_fit);
        return true;
}

/* ---- capacity ---- */

struct problem {
        const struct capacity_sample *samples;
        size_t n;
        struct capacity_fit *fit; /* which parameters are free, and the values of the others */
        double scale;
};

static void unpack(const struct problem *problem, const double *x, struct capacity_fit *ret_fit)
{
        size_t i = 1;

        *ret_fit = *problem->fit;
        ret_fit->rate = exp(x[0]);
        if (problem->fit->free_sigma)
                ret_fit->sigma = x[i++];
        if (problem->fit->free_kappa)
                ret_fit->kappa = x[i++];
        if (problem->fit->free_slowdown) {
                ret_fit->floor = x[i++];
                ret_fit->tau = exp(x[i]);
        }
}

static double log_capacity(const struct capacity_fit *fit, const struct capacity_sample *sample)
{
        double slowed = 1 - (1 - fit->floor) * -expm1(-sample->age_seconds / fit->tau);

        return log(fit->rate * usl_speedup(sample->subtasks, fit->sigma, fit->kappa) * slowed);
}

static double misfit(unsigned n, const double *x, double *gradient, void *data)
{
        const struct problem *problem = data;
        struct capacity_fit fit;
        double sum = 0;

        (void)n;
        (void)gradient;
        unpack(problem, x, &fit);
        for (size_t i = 0; i < problem->n; i++) {
                const struct capacity_sample *sample = &problem->samples[i];
                double r = fabs(log(sample->rate) - log_capacity(&fit, sample)) / problem->scale;

                sum += sample->weight * (r <= HUBER ? r * r / 2 : HUBER * (r - HUBER / 2));
        }
        return sum;
}

struct variable {
        double start, low, high;
};

static size_t lay_out(const struct problem *problem, struct variable *variables)
{
        const struct capacity_fit *fit = problem->fit;
        size_t n = 0;

        variables[n++] = (struct variable){log(fit->rate), log(fit->rate) - 5, log(fit->rate) + 5};
        if (fit->free_sigma)
                variables[n++] = (struct variable){.02, 0, 1};
        if (fit->free_kappa)
                variables[n++] = (struct variable){1e-4, 0, .1};
        if (fit->free_slowdown) {
                variables[n++] = (struct variable){.7, .05, 1};
                variables[n++] = (struct variable){log(900), log(30), log(14400)};
        }
        return n;
}

static bool minimise(struct problem *problem, double *x, size_t n, const struct variable *variables,
                     struct error *err)
{
        nlopt_opt opt = nlopt_create(NLOPT_LN_SBPLX, (unsigned)n);
        double low[PARAMETERS], high[PARAMETERS], least;
        nlopt_result result;

        for (size_t i = 0; i < n; i++) {
                low[i] = variables[i].low;
                high[i] = variables[i].high;
        }
        nlopt_set_lower_bounds(opt, low);
        nlopt_set_upper_bounds(opt, high);
        nlopt_set_min_objective(opt, misfit, problem);
        nlopt_set_maxeval(opt, MAX_STEPS);
        nlopt_set_xtol_rel(opt, 1e-7);
        result = nlopt_optimize(opt, x, &least);
        nlopt_destroy(opt);
        return result > 0 ? true
                          : error_set(err, ERROR_NUMERIC, NULL, "the fit of capacity did not converge (%s)",
                                      nlopt_result_to_string(result));
}

static double residual_sd(const struct problem *problem, const double *x)
{
        struct capacity_fit fit;
        double sum = 0, weights = 0;

        unpack(problem, x, &fit);
        for (size_t i = 0; i < problem->n; i++) {
                double r = log(problem->samples[i].rate) - log_capacity(&fit, &problem->samples[i]);

                r = fmin(fabs(r), 3 * problem->scale);
                sum += problem->samples[i].weight * r * r;
                weights += problem->samples[i].weight;
        }
        return sqrt(sum / weights);
}

/* Samples within an episode hang together: each episode counts as one, spread evenly over its samples. */
static double independent_share(const struct problem *problem)
{
        size_t episodes = 0;

        for (size_t i = 0; i < problem->n; i++)
                episodes += i == 0 || problem->samples[i].episode != problem->samples[i - 1].episode;
        return (double)episodes / (double)problem->n;
}

/* sd / sqrt(share * diagonal of J' W J), J by central differences: the error of each parameter with the
 * others held. The simulator draws parameters one by one; drawing from the marginal errors would forget that
 * rate and contention make up for each other, and spread the capacity far beyond what was seen. */
static void standard_errors(const struct problem *problem, const double *x, size_t n, double sd,
                            double *ret_errors)
{
        gsl_matrix *normal = gsl_matrix_calloc(n, n);
        double share = independent_share(problem), weights = 0;

        for (size_t s = 0; s < problem->n; s++)
                weights += problem->samples[s].weight;
        for (size_t s = 0; s < problem->n; s++) {
                double slope[PARAMETERS];

                for (size_t i = 0; i < n; i++) {
                        double near[PARAMETERS], step = 1e-4 * fmax(fabs(x[i]), 1e-2);
                        struct capacity_fit up, down;

                        for (size_t j = 0; j < n; j++)
                                near[j] = x[j];
                        near[i] = x[i] + step;
                        unpack(problem, near, &up);
                        near[i] = x[i] - step;
                        unpack(problem, near, &down);
                        slope[i] = (log_capacity(&up, &problem->samples[s]) -
                                    log_capacity(&down, &problem->samples[s])) /
                                   (2 * step);
                }
                for (size_t i = 0; i < n; i++)
                        for (size_t j = 0; j < n; j++)
                                *gsl_matrix_ptr(normal, i, j) +=
                                        problem->samples[s].weight * slope[i] * slope[j];
        }
        gsl_matrix_scale(normal, (double)problem->n / weights * share);
        for (size_t i = 0; i < n; i++)
                ret_errors[i] = sd / sqrt(gsl_matrix_get(normal, i, i) + 1e-12);
        gsl_matrix_free(normal);
}

bool fit_capacity(const struct capacity_sample *samples, size_t n, struct capacity_fit *fit,
                  struct error *err)
{
        struct problem problem = {.samples = samples, .n = n, .fit = fit, .scale = LOG_SCALE};
        struct variable variables[PARAMETERS];
        double x[PARAMETERS], errors[PARAMETERS];
        struct capacity_fit result;
        size_t variable_count = lay_out(&problem, variables), next = 1;

        if (n < 2 * variable_count)
                return error_set(err, ERROR_INCOMPLETE, NULL, "%zu samples are too few for %zu parameters", n,
                                 variable_count);
        for (size_t i = 0; i < variable_count; i++)
                x[i] = variables[i].start;
        if (!minimise(&problem, x, variable_count, variables, err))
                return false;
        problem.scale = fmax(residual_sd(&problem, x), .01);
        if (!minimise(&problem, x, variable_count, variables, err))
                return false;
        unpack(&problem, x, &result);
        result.residual_sd = residual_sd(&problem, x);
        standard_errors(&problem, x, variable_count, result.residual_sd, errors);
        result.rate_error = result.rate * errors[0];
        result.sigma_error = fit->free_sigma ? errors[next++] : 0;
        result.kappa_error = fit->free_kappa ? errors[next++] : 0;
        result.floor_error = fit->free_slowdown ? errors[next] : 0;
        *fit = result;
        return true;
}
