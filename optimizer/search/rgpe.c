/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/rgpe.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JITTER      1e-10 /* of a posterior's largest variance */
#define JITTER_MOST 1e-2
#define PERCENTILE  0.95

/* ---- losses ---- */

/* The factor of a covariance, of which the lower half is set. */
static bool factor(const double *covariance, int n, struct cholesky *ret_factor, struct error *err)
{
        double most = 0;

        for (int i = 0; i < n; i++)
                most = fmax(most, covariance[(size_t)i * ((size_t)n + 1)]);
        for (double jitter = JITTER; jitter <= JITTER_MOST; jitter *= 10) {
                cholesky_resize(ret_factor, n);
                for (int j = 0; j < n; j++)
                        for (int i = j; i < n; i++)
                                ret_factor->factor[(size_t)i + (size_t)j * (size_t)ret_factor->room] =
                                        covariance[(size_t)i + (size_t)j * (size_t)n] +
                                        (i == j ? jitter * most : 0);
                if (cholesky_factor(ret_factor, err))
                        return true;
        }
        return false;
}

static void draw_joint(const double *mean, const struct cholesky *factor, gsl_rng *rng, double *ret_values)
{
        memcpy(ret_values, mean, (size_t)factor->n * sizeof *ret_values);
        for (int j = 0; j < factor->n; j++) {
                const double *column = factor->factor + (size_t)j * (size_t)factor->room;
                double by = gsl_ran_ugaussian(rng);

                for (int i = j; i < factor->n; i++)
                        ret_values[i] += by * column[i];
        }
}

/* Ordered pairs (j, k) in which `drawn[j]` lies on the other side of `others[k]` than y[j] of y[k]. */
static int misranked(const double *drawn, const double *others, const double *y, int n)
{
        int count = 0;

        for (int j = 0; j < n; j++)
                for (int k = 0; k < n; k++)
                        count += j != k && (drawn[j] < others[k]) != (y[j] < y[k]);
        return count;
}

bool rgpe_losses(const struct gp *model, const struct gp *own, int samples, gsl_rng *rng, int *ret_losses,
                 struct error *err)
{
        size_t n = (size_t)own->n;
        autofree double *mean = memory_new(n + 1, sizeof *mean), *drawn = memory_new(n + 1, sizeof *drawn);
        autofree double *covariance = memory_new(n * n + 1, sizeof *covariance);
        struct cholesky root = {0};
        bool done;

        gp_posterior(model, own->x, own->n, mean, covariance);
        done = factor(covariance, own->n, &root, err);
        for (int s = 0; done && s < samples; s++) {
                draw_joint(mean, &root, rng, drawn);
                ret_losses[s] = misranked(drawn, drawn, own->y, own->n);
        }
        cholesky_free(&root);
        return done;
}

/* By the inverse of the covariance (Rasmussen and Williams 2006, equations 5.12), less the noise of one run.
 */
void rgpe_losses_left_out(const struct gp *own, int samples, gsl_rng *rng, int *ret_losses)
{
        size_t n = (size_t)own->n;
        double noise = exp(own->theta[GP_NOISE]);
        autofree double *inverse = memory_new(n * n + 1, sizeof *inverse);
        autofree double *mean = memory_new(n + 1, sizeof *mean), *sd = memory_new(n + 1, sizeof *sd);
        autofree double *drawn = memory_new(n + 1, sizeof *drawn);

        cholesky_inverse(&own->factor, inverse);
        for (size_t i = 0; i < n; i++) {
                double precision = inverse[i * (n + 1)];

                mean[i] = own->y[i] - own->weight[i] / precision;
                sd[i] = sqrt(fmax(1 / precision - noise * own->share[i], 0));
        }
        for (int s = 0; s < samples; s++) {
                for (size_t i = 0; i < n; i++)
                        drawn[i] = mean[i] + sd[i] * gsl_ran_ugaussian(rng);
                ret_losses[s] = misranked(drawn, own->y, own->y, own->n);
        }
}

/* ---- weights ---- */

static int by_size(const void *left, const void *right)
{
        const int *a = left, *b = right;

        return (*a > *b) - (*a < *b);
}

/* The least loss that at least this share of the draws does not exceed. */
static int quantile(const int *losses, int samples, double share)
{
        autofree int *sorted = memory_new((size_t)samples, sizeof *sorted);

        memcpy(sorted, losses, (size_t)samples * sizeof *sorted);
        qsort(sorted, (size_t)samples, sizeof *sorted, by_size);
        return sorted[(int)ceil(share * samples) - 1];
}

void rgpe_shares(const int *losses, int models, int samples, double *ret_weights)
{
        const int *own = losses + (size_t)(models - 1) * (size_t)samples;
        int worst = quantile(own, samples, PERCENTILE);
        bool kept[RGPE_MAX_MODELS];

        for (int m = 0; m < models; m++) {
                ret_weights[m] = 0;
                kept[m] = m == models - 1 ||
                          quantile(losses + (size_t)m * (size_t)samples, samples, 0.5) <= worst;
        }
        for (int s = 0; s < samples; s++) {
                int least = own[s], ties = 0;

                for (int m = 0; m < models; m++) {
                        int loss = losses[(size_t)m * (size_t)samples + (size_t)s];

                        if (!kept[m] || loss > least)
                                continue;
                        ties = loss < least ? 1 : ties + 1;
                        least = loss;
                }
                for (int m = 0; m < models; m++)
                        if (kept[m] && losses[(size_t)m * (size_t)samples + (size_t)s] == least)
                                ret_weights[m] += 1.0 / ties / samples;
        }
}

bool rgpe_weights(struct gp *const *earlier, int count, const struct gp *own, int samples, gsl_rng *rng,
                  double *ret_weights, struct error *err)
{
        double weights[RGPE_MAX_MODELS];
        autofree int *losses = memory_new((size_t)(count + 1) * (size_t)samples, sizeof *losses);

        for (int m = 0; own->n > 1 && m < count; m++)
                if (!rgpe_losses(earlier[m], own, samples, rng, losses + (size_t)m * (size_t)samples, err))
                        return false;
        if (own->n > 1)
                rgpe_losses_left_out(own, samples, rng, losses + (size_t)count * (size_t)samples);
        rgpe_shares(losses, count + 1, samples, weights);
        memcpy(ret_weights, weights, (size_t)count * sizeof *ret_weights);
        return true;
}
