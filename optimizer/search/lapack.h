/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_LAPACK_H
#define OPTCTL_OPTIMIZER_SEARCH_LAPACK_H

#include <stddef.h>

/*
 * What is needed of OpenBLAS, by its Fortran names; lengths of the texts stand at the end. GSL keeps its own
 * BLAS, so that fits in simulations give the same bytes on every machine; this one is as fast as the machine
 * allows.
 */
struct lapack {
        void (*dpotrf)(const char *part, const int *n, double *a, const int *rows, int *info, size_t length);
        void (*dpotri)(const char *part, const int *n, double *a, const int *rows, int *info, size_t length);
        void (*dtrsm)(const char *side, const char *part, const char *transposed, const char *diagonal,
                      const int *rows, const int *columns, const double *factor, const double *a,
                      const int *rows_a, double *b, const int *rows_b, size_t length_side, size_t length_part,
                      size_t length_transposed, size_t length_diagonal);
        void (*dtrsv)(const char *part, const char *transposed, const char *diagonal, const int *n,
                      const double *a, const int *rows, double *x, const int *apart, size_t length_part,
                      size_t length_transposed, size_t length_diagonal);
};

/* Loads the library, which stays, and keeps it to one thread. Not linked: only what fits Gaussian processes
 * pays for its 2 MB of memory and its threads. Where it is missing the program ends with a line that says
 * so, as it would not have begun otherwise. */
struct lapack lapack_load(void);

#endif
