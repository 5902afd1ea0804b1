/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_CHOLESKY_H
#define OPTCTL_OPTIMIZER_SEARCH_CHOLESKY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "optimizer/search/lapack.h"

/*
 * The lower Cholesky factor of a covariance matrix that grows row by row, by LAPACK. Columns lie one after
 * the other, `room` numbers apart; what is above the diagonal is not read. `{0}` is the factor of no rows.
 */
struct cholesky {
        int n, room;
        double *factor;
        struct lapack lapack; /* once there is room */
};

void cholesky_free(struct cholesky *factor);

/* Makes place for a matrix of n rows, whose lower half the caller then writes to factor[i + j * room]. */
void cholesky_resize(struct cholesky *factor, int n);

/* Factors what stands in place. ERROR_NUMERIC when the matrix is not positive definite: then what stood there
 * is lost. */
bool cholesky_factor(struct cholesky *factor, struct error *err);

/* The factor with one row and column more: `column` holds the covariance with the n rows before, `diagonal`
 * the variance. O(n^2). False, and nothing changed, when what is left of the variance is below `least` of it:
 * the matrix has then to be factored as a whole. */
bool cholesky_append(struct cholesky *factor, const double *column, double diagonal, double least);

/* Takes the last rows away again. */
void cholesky_truncate(struct cholesky *factor, int n);

/* Overwrites the columns of `right`, n x count, with L^-1 of them; or, transposed, with L'^-1. */
void cholesky_solve_lower(const struct cholesky *factor, double *right, int count);
void cholesky_solve_upper(const struct cholesky *factor, double *right, int count);

double cholesky_log_determinant(const struct cholesky *factor); /* of the matrix, not of the factor */

/* Lower half of the inverse of the matrix, n x n, columns n apart. */
void cholesky_inverse(const struct cholesky *factor, double *ret_inverse);

#endif
