/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/conttune_process.h"

#include <gsl/gsl_linalg.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "core/memory.h"

#define RELATIVE_NOISE 1e-8
#define LENGTH_STEPS   48 /* of the search grid, in the logarithm of the length */
#define GOLDEN_STEPS   24

static double correlation(double a, double b, double length)
{
        double d = (a - b) / length;

        return exp(-d * d / 2);
}

/* The samples with everything that depends on the length scale. */
struct process {
        const struct conttune_sample *samples;
        size_t n;
        double scale; /* abilities are divided by it */
        gsl_matrix *factor;
        gsl_vector *ability, *weights; /* weights = K^-1 ability */
};

static void process_fini(struct process *process)
{
        gsl_matrix_free(process->factor);
        gsl_vector_free(process->ability);
        gsl_vector_free(process->weights);
}

static void process_init(struct process *process, const struct conttune_sample *samples, size_t n)
{
        *process = (struct process){.samples = samples, .n = n};
        process->factor = gsl_matrix_alloc(n, n);
        process->ability = gsl_vector_alloc(n);
        process->weights = gsl_vector_alloc(n);
        for (size_t i = 0; i < n; i++)
                process->scale = fmax(process->scale, fabs(samples[i].ability));
        for (size_t i = 0; i < n; i++)
                gsl_vector_set(process->ability, i, samples[i].ability / process->scale);
}

/* Negative log likelihood with the best variance, up to constants. The noise keeps every matrix of up to
 * CONTTUNE_MAX_SAMPLES rows positive definite: 64 roundings of 1e-16 are nothing beside it. */
static double fit(struct process *process, double length)
{
        double product = 0, log_determinant = 0;

        for (size_t i = 0; i < process->n; i++)
                for (size_t j = 0; j < process->n; j++)
                        gsl_matrix_set(process->factor, i, j,
                                       correlation(process->samples[i].parallelism,
                                                   process->samples[j].parallelism, length) +
                                               (i == j ? RELATIVE_NOISE : 0));
        if (gsl_linalg_cholesky_decomp1(process->factor) != 0)
                return INFINITY;
        gsl_linalg_cholesky_solve(process->factor, process->ability, process->weights);
        for (size_t i = 0; i < process->n; i++) {
                product += gsl_vector_get(process->ability, i) * gsl_vector_get(process->weights, i);
                log_determinant += 2 * log(gsl_matrix_get(process->factor, i, i));
        }
        if (!(product > 0))
                return INFINITY;
        return (double)process->n / 2 * log(product / (double)process->n) + log_determinant / 2;
}

/* One-dimensional and not always convex: a grid finds the valley, golden section its bottom. */
static double best_length(struct process *process)
{
        double low = log(0.5), high = log(1000), step = (high - low) / LENGTH_STEPS;
        const double golden = (sqrt(5) - 1) / 2;
        double best = low, least = INFINITY, left, right;

        for (int i = 0; i <= LENGTH_STEPS; i++) {
                double loss = fit(process, exp(low + i * step));

                if (loss < least) {
                        least = loss;
                        best = low + i * step;
                }
        }
        left = best - step;
        right = best + step;
        for (int i = 0; i < GOLDEN_STEPS; i++) {
                double a = right - golden * (right - left), b = left + golden * (right - left);

                if (fit(process, exp(a)) < fit(process, exp(b)))
                        right = b;
                else
                        left = a;
        }
        return exp((left + right) / 2);
}

static bool enough(const struct conttune_sample *samples, size_t n_samples)
{
        for (size_t i = 0; i < n_samples; i++)
                if (!isfinite(samples[i].ability) || !(samples[i].ability > 0))
                        return false;
        for (size_t i = 1; i < n_samples; i++)
                if (samples[i].parallelism != samples[0].parallelism)
                        return true;
        return false;
}

bool conttune_ability(const struct conttune_sample *samples, size_t n_samples, double *length,
                      const double *parallelism, size_t count, double *ret_ability, struct error *err)
{
        struct process process;
        bool fitted;

        if (!enough(samples, n_samples))
                return error_set(err, ERROR_INCOMPLETE, NULL,
                                 "two different parallelisms have to be tried first");
        process_init(&process, samples, n_samples);
        if (*length <= 0)
                *length = best_length(&process);
        fitted = isfinite(fit(&process, *length));
        for (size_t i = 0; fitted && i < count; i++) {
                ret_ability[i] = 0;
                for (size_t j = 0; j < n_samples; j++)
                        ret_ability[i] += process.scale * gsl_vector_get(process.weights, j) *
                                          correlation(parallelism[i], samples[j].parallelism, *length);
        }
        process_fini(&process);
        return fitted || error_set(err, ERROR_NUMERIC, NULL, "the process could not be fitted to %zu samples",
                                   n_samples);
}

bool conttune_parallelism(const struct conttune_sample *samples, size_t n_samples, double *length,
                          double workload, int limit, int *ret_parallelism, struct error *err)
{
        autofree double *at = memory_new((size_t)limit, sizeof *at);
        autofree double *ability = memory_new((size_t)limit, sizeof *ability);

        for (int p = 1; p <= limit; p++)
                at[p - 1] = p;
        if (!conttune_ability(samples, n_samples, length, at, (size_t)limit, ability, err))
                return false;
        *ret_parallelism = 0;
        for (int p = 1; p <= limit && *ret_parallelism == 0; p++)
                if (ability[p - 1] >= workload)
                        *ret_parallelism = p;
        return true;
}

int conttune_distance(const struct conttune_sample *samples, size_t n_samples, int parallelism)
{
        int nearest = INT_MAX;

        for (size_t i = 0; i < n_samples; i++) {
                int distance = abs(samples[i].parallelism - parallelism);

                if (distance < nearest)
                        nearest = distance;
        }
        return nearest;
}
