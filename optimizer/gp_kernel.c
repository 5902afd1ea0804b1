/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/gp_kernel.h"

#include <math.h>

#define LEVEL_VARIANCE 1.0
#define CENTRE         0.5
#define SAME           0.5 /* what a shared category counts in the linear part */

void gp_kernel_init(struct gp_kernel *kernel, int d, const bool *category, const double *theta)
{
        kernel->d = d;
        kernel->category = category;
        kernel->variance = exp(theta[GP_VARIANCE]);
        kernel->slope = exp(theta[GP_SLOPE]);
        for (int k = 0; k < d; k++)
                kernel->inverse[k] = exp(-2 * theta[GP_LENGTH + k]);
}

/* Squared scaled distance, and the linear part's product. */
static double distance(const struct gp_kernel *kernel, const double *a, const double *b, double *ret_product)
{
        double square = 0, product = 0;

        for (int k = 0; k < kernel->d; k++) {
                double off = a[k] - b[k];

                if (kernel->category[k]) {
                        square += off != 0 ? kernel->inverse[k] : 0;
                        product += off != 0 ? 0 : SAME;
                } else {
                        square += off * off * kernel->inverse[k];
                        product += (a[k] - CENTRE) * (b[k] - CENTRE);
                }
        }
        *ret_product = product;
        return square;
}

/* The covariance; *ret_slope is 5/3 variance (1 + s) exp(-s), minus the derivative by r over r. */
static double covariance(const struct gp_kernel *kernel, const double *a, const double *b, double *ret_slope)
{
        double product, s = sqrt(5 * distance(kernel, a, b, &product)), decayed = kernel->variance * exp(-s);

        *ret_slope = 5.0 / 3 * (1 + s) * decayed;
        return LEVEL_VARIANCE + kernel->slope * product + (1 + s + s * s / 3) * decayed;
}

void gp_kernel_matrix(const struct gp_kernel *kernel, const double *x, int n, double *ret_matrix, int room,
                      double *ret_slopes)
{
        size_t d = (size_t)kernel->d, rows = (size_t)n;
        double slope;

        for (size_t j = 0; j < rows; j++)
                for (size_t i = j; i < rows; i++) {
                        ret_matrix[i + j * (size_t)room] = covariance(kernel, x + i * d, x + j * d, &slope);
                        if (ret_slopes)
                                ret_slopes[i + j * rows] = slope;
                }
}

void gp_kernel_cross(const struct gp_kernel *kernel, const double *x, int n, const double *b,
                     double *ret_column)
{
        double slope;

        for (int i = 0; i < n; i++)
                ret_column[i] = covariance(kernel, x + (size_t)i * (size_t)kernel->d, b, &slope);
}

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
