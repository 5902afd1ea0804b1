/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/search/cholesky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

#define FIRST_ROOM 16

void cholesky_free(struct cholesky *factor)
{
        free(factor->factor);
        *factor = (struct cholesky){0};
}

static void grow(struct cholesky *factor, int room)
{
        double *grown = memory_new((size_t)room * (size_t)room, sizeof *grown);

        if (factor->room == 0)
                factor->lapack = lapack_load();
        for (int j = 0; j < factor->n; j++)
                memcpy(grown + (size_t)j * (size_t)room, factor->factor + (size_t)j * (size_t)factor->room,
                       (size_t)factor->n * sizeof *grown);
        free(factor->factor);
        factor->factor = grown;
        factor->room = room;
}

void cholesky_resize(struct cholesky *factor, int n)
{
        factor->n = 0;
        if (n > factor->room)
                grow(factor, n > FIRST_ROOM ? n + n / 8 : FIRST_ROOM);
        factor->n = n;
}

bool cholesky_factor(struct cholesky *factor, struct error *err)
{
        int info = 0;

        if (factor->n == 0)
                return true;
        factor->lapack.dpotrf("L", &factor->n, factor->factor, &factor->room, &info, 1);
        if (info != 0)
                return error_set(err, ERROR_NUMERIC, NULL, "covariance is not positive definite at row %d",
                                 info);
        return true;
}

bool cholesky_append(struct cholesky *factor, const double *column, double diagonal, double least)
{
        int n = factor->n;
        autofree double *row = memory_new((size_t)n + 1, sizeof *row);
        double left = diagonal;

        memcpy(row, column, (size_t)n * sizeof *row);
        cholesky_solve_lower(factor, row, 1);
        for (int j = 0; j < n; j++)
                left -= row[j] * row[j];
        if (!(left > least * diagonal))
                return false;
        if (n == factor->room)
                grow(factor, n < FIRST_ROOM ? FIRST_ROOM : n + n / 2);
        for (int j = 0; j < n; j++)
                factor->factor[(size_t)n + (size_t)j * (size_t)factor->room] = row[j];
        factor->factor[(size_t)n + (size_t)n * (size_t)factor->room] = sqrt(left);
        factor->n = n + 1;
        return true;
}

void cholesky_truncate(struct cholesky *factor, int n)
{
        factor->n = n;
}

static void solve(const struct cholesky *factor, const char *transposed, double *right, int count)
{
        static const double one = 1;
        static const int next = 1;

        if (factor->n == 0 || count == 0)
                return;
        /* of one column dtrsm would first copy the whole factor, which takes longer than to solve */
        if (count == 1)
                factor->lapack.dtrsv("L", transposed, "N", &factor->n, factor->factor, &factor->room, right,
                                     &next, 1, 1, 1);
        else
                factor->lapack.dtrsm("L", "L", transposed, "N", &factor->n, &count, &one, factor->factor,
                                     &factor->room, right, &factor->n, 1, 1, 1, 1);
}

void cholesky_solve_lower(const struct cholesky *factor, double *right, int count)
{
        solve(factor, "N", right, count);
}

void cholesky_solve_upper(const struct cholesky *factor, double *right, int count)
{
        solve(factor, "T", right, count);
}

double cholesky_log_determinant(const struct cholesky *factor)
{
        double sum = 0;

        for (int i = 0; i < factor->n; i++)
                sum += 2 * log(factor->factor[(size_t)i * ((size_t)factor->room + 1)]);
        return sum;
}

void cholesky_inverse(const struct cholesky *factor, double *ret_inverse)
{
        int n = factor->n, info = 0;

        for (int j = 0; j < n; j++)
                memcpy(ret_inverse + (size_t)j * (size_t)n, factor->factor + (size_t)j * (size_t)factor->room,
                       (size_t)n * sizeof *ret_inverse);
        if (n > 0)
                factor->lapack.dpotri("L", &n, ret_inverse, &n, &info, 1);
}
