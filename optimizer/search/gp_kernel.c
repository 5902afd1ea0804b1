/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/gp_kernel.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/memory.h"

#define BLOCK          64       /* rows at a time: what is between one loop and the next stays in the cache */
#define FARTHEST       700.0    /* as good as no covariance */
#define ROUNDING       0x1.8p52 /* added to a number it leaves no bits behind the point */
#define LN2_HIGH       0x1.62e42fefp-1 /* its last bits are zeros, so that multiples are exact */
#define LN2_LOW        0x1.473de6af278edp-34
#define EXPONENT_BIAS  1023
#define EXPONENT_AT    52
#define LEVEL_VARIANCE 1.0
#define CENTRE         0.5
#define SAME           0.5 /* what a shared category counts in the linear part */

void gp_kernel_init(struct gp_kernel *kernel, const struct gp *gp)
{
        const double *theta = gp->theta;
        int d = gp->d;

        kernel->d = d;
        kernel->category = gp->category;
        kernel->step = gp->step;
        kernel->variance = exp(theta[GP_VARIANCE]);
        kernel->slope = exp(theta[GP_SLOPE]);
        for (int k = 0; k < d; k++)
                kernel->inverse[k] = exp(-2 * theta[GP_LENGTH + k]);
}

/* ---- columns of covariances, in loops that compilers turn into vector instructions ---- */

/* x, n x d, column by column. Caller frees. */
static double *transpose(const double *x, size_t n, size_t d)
{
        double *columns = memory_new(n * d + 1, sizeof *columns);

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < d; k++)
                        columns[i + k * n] = x[i * d + k];
        return columns;
}

/* exp(-s) for each s from 0 to FARTHEST, to the last bit or two: 2^whole times a series for what is left,
 * within ln 2 / 2.
 */
static void decay(const double *restrict s, int count, double *restrict ret_decayed)
{
        for (int i = 0; i < count; i++) {
                double x = -s[i], shifted = x * M_LOG2E + ROUNDING, whole = shifted - ROUNDING, r,
                       series = 1.0 / 479001600;
                int64_t bits;

                r = x - whole * LN2_HIGH - whole * LN2_LOW;
                series = series * r + 1.0 / 39916800;
                series = series * r + 1.0 / 3628800;
                series = series * r + 1.0 / 362880;
                series = series * r + 1.0 / 40320;
                series = series * r + 1.0 / 5040;
                series = series * r + 1.0 / 720;
                series = series * r + 1.0 / 120;
                series = series * r + 1.0 / 24;
                series = series * r + 1.0 / 6;
                series = series * r + 0.5;
                series = series * r + 1;
                series = series * r + 1;
                /* the lowest bits of `shifted` hold the whole number, which belongs into the exponent */
                memcpy(&bits, &shifted, sizeof bits);
                bits = (int64_t)((uint64_t)(bits + EXPONENT_BIAS) << EXPONENT_AT);
                memcpy(&shifted, &bits, sizeof bits);
                ret_decayed[i] = series * shifted;
        }
}

/* Squared scaled distances of some rows, columns `apart` of one another, from b, and the linear part's
 * products. */
static void distances(const struct gp_kernel *kernel, const double *columns, size_t apart, int count,
                      const double *b, double *restrict square, double *restrict product)
{
        memset(square, 0, (size_t)count * sizeof *square);
        memset(product, 0, (size_t)count * sizeof *product);
        for (int k = 0; k < kernel->d; k++) {
                const double *a = columns + (size_t)k * apart;
                double inverse = kernel->inverse[k], here = b[k], off_centre = b[k] - CENTRE;

                if (kernel->category[k])
                        for (int i = 0; i < count; i++) {
                                square[i] += a[i] != here ? inverse : 0;
                                product[i] += a[i] != here ? 0 : SAME;
                        }
                else
                        for (int i = 0; i < count; i++) {
                                square[i] += (a[i] - here) * (a[i] - here) * inverse;
                                product[i] += (a[i] - CENTRE) * off_centre;
                        }
        }
}

static double step_height(const struct gp_kernel *kernel, double value)
{
        return value < kernel->step.at ? kernel->step.variance : 0;
}

/* Covariances of `n` rows with b. ret_slopes, when not NULL: 5/3 variance (1 + s) exp(-s), minus the
 * derivative by r over r. */
static void covariances(const struct gp_kernel *kernel, const double *columns, size_t apart, int n,
                        const double *b, double *ret_column, double *ret_slopes)
{
        double s[BLOCK], product[BLOCK], decayed[BLOCK];

        for (int from = 0; from < n; from += BLOCK) {
                int count = n - from < BLOCK ? n - from : BLOCK;

                distances(kernel, columns + from, apart, count, b, s, product);
                for (int i = 0; i < count; i++)
                        s[i] = s[i] < FARTHEST * FARTHEST / 5 ? sqrt(5 * s[i]) : FARTHEST;
                decay(s, count, decayed);
                for (int i = 0; i < count; i++)
                        ret_column[from + i] = LEVEL_VARIANCE + kernel->slope * product[i] +
                                               (1 + s[i] + s[i] * s[i] / 3) * kernel->variance * decayed[i];
                for (int i = 0; i < count && ret_slopes; i++)
                        ret_slopes[from + i] = 5.0 / 3 * (1 + s[i]) * kernel->variance * decayed[i];
        }
        if (kernel->step.feature >= 0 && b[kernel->step.feature] < kernel->step.at)
                for (int i = 0; i < n; i++)
                        ret_column[i] +=
                                step_height(kernel,
                                            columns[(size_t)kernel->step.feature * apart + (size_t)i]);
}

void gp_kernel_matrix(const struct gp_kernel *kernel, const double *x, int n, double *ret_matrix, int room,
                      double *ret_slopes)
{
        size_t d = (size_t)kernel->d, rows = (size_t)n;
        autofree double *columns = transpose(x, rows, d);

        for (size_t j = 0; j < rows; j++)
                covariances(kernel, columns + j, rows, n - (int)j, x + j * d,
                            ret_matrix + j + j * (size_t)room, ret_slopes ? ret_slopes + j + j * rows : NULL);
}

void gp_kernel_cross(const struct gp_kernel *kernel, const double *x, int n, const double *b, int count,
                     double *ret_columns)
{
        size_t d = (size_t)kernel->d, rows = (size_t)n;
        autofree double *columns = transpose(x, rows, d);

        for (int c = 0; c < count; c++)
                covariances(kernel, columns, rows, n, b + (size_t)c * d, ret_columns + (size_t)c * rows,
                            NULL);
}

double gp_kernel_variance(const struct gp_kernel *kernel, const double *b)
{
        double product = 0;

        for (int k = 0; k < kernel->d; k++)
                product += kernel->category[k] ? SAME : (b[k] - CENTRE) * (b[k] - CENTRE);
        return LEVEL_VARIANCE + kernel->slope * product + kernel->variance +
               (kernel->step.feature >= 0 ? step_height(kernel, b[kernel->step.feature]) : 0);
}

/* ---- derivatives ---- */

void gp_kernel_gradient(const struct gp_kernel *kernel, const double *a, const double *b, double slope,
                        double times, double *gradient)
{
        double product, square = 0, s, along = times * slope;

        product = 0;
        for (int k = 0; k < kernel->d; k++) {
                double off = a[k] - b[k], share;

                if (kernel->category[k]) {
                        share = off != 0 ? kernel->inverse[k] : 0;
                        product += off != 0 ? 0 : SAME;
                } else {
                        share = off * off * kernel->inverse[k];
                        product += (a[k] - CENTRE) * (b[k] - CENTRE);
                }
                square += share;
                gradient[GP_LENGTH + k] += along * share;
        }
        s = sqrt(5 * square);
        gradient[GP_SLOPE] += times * kernel->slope * product;
        /* the Matern part from its slope, so that no exponential is taken twice */
        gradient[GP_VARIANCE] +=
                square > 0 ? along * 0.6 * (1 + s + s * s / 3) / (1 + s) : times * kernel->variance;
}
