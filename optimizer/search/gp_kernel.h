/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_GP_KERNEL_H
#define OPTCTL_OPTIMIZER_SEARCH_GP_KERNEL_H

#include "optimizer/search/gp.h"

/* The covariance of optimizer/search/gp.h at given parameters, ready to be evaluated. */
struct gp_kernel {
        int d;
        const bool *category; /* borrowed */
        double variance, slope;
        struct gp_step step;
        double inverse[GP_MAX_FEATURES]; /* 1 / length^2 */
};

void gp_kernel_init(struct gp_kernel *kernel, const struct gp *gp);

/* Lower half of the n x n covariance of the rows of x, columns `room` apart. ret_slopes, when not NULL: n x
 * n, what gp_kernel_gradient asks for. */
void gp_kernel_matrix(const struct gp_kernel *kernel, const double *x, int n, double *ret_matrix, int room,
                      double *ret_slopes);

/* Covariance of each of n rows of x with each of `count` rows of b; ret_columns: n x count. */
void gp_kernel_cross(const struct gp_kernel *kernel, const double *x, int n, const double *b, int count,
                     double *ret_columns);

double gp_kernel_variance(const struct gp_kernel *kernel, const double *b);

/* Adds `times` the derivatives of k(a, b) by theta to `gradient`. `slope`: of this pair, by gp_kernel_matrix.
 */
void gp_kernel_gradient(const struct gp_kernel *kernel, const double *a, const double *b, double slope,
                        double times, double *gradient);

#endif
