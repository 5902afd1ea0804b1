/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/batch_resize.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"

#define TIMES_MEDIAN 2

/* Work above which a task is taken to hold a key of its own. */
static double limit_of(const double *work, size_t n)
{
        autofree double *sorted = memory_new(n, sizeof *sorted);

        memcpy(sorted, work, n * sizeof *work);
        gsl_sort(sorted, 1, n);
        return TIMES_MEDIAN * gsl_stats_median_from_sorted_data(sorted, 1, n);
}

/* Spreads one task's work over the parts that lie where it lay. */
static void spread(double work, size_t at, size_t n, size_t parts, double *ret_took)
{
        double from = (double)at * (double)parts / (double)n, to = from + (double)parts / (double)n;

        for (size_t part = (size_t)from; part < parts && (double)part < to; part++) {
                double low = fmax(from, (double)part), high = fmin(to, (double)part + 1);

                if (high > low)
                        ret_took[part] += work * (high - low) / (to - from);
        }
}

void batch_resize(const double *took, size_t n, double beside, bool keys_whole, size_t parts,
                  double *ret_took)
{
        autofree double *work = memory_new(n + 1, sizeof *work);
        double limit;

        for (size_t i = 0; i < n; i++)
                work[i] = fmax(took[i] - beside, 0);
        limit = keys_whole && parts > n ? limit_of(work, n) : INFINITY;
        for (size_t part = 0; part < parts; part++)
                ret_took[part] = beside;
        for (size_t i = 0; i < n; i++) {
                if (work[i] > limit) {
                        ret_took[i * parts / n] += work[i] - limit;
                        work[i] = limit;
                }
                spread(work[i], i, n, parts, ret_took);
        }
}
