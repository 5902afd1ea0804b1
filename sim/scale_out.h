/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_SCALE_OUT_H
#define OPTCTL_SIM_SCALE_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

/*
 * Run time of a batch application against the size of what it runs on (machines, executors, slots), from runs
 * at several sizes. Three forms, with coefficients of 0 or more, are fitted by least squares of the relative
 * error and averaged by how well each predicts the sizes it has not seen:
 *
 *   a + b/n + c log n + d n            Ernest (Venkataraman et al., NSDI 2016): a serial part, work that is
 *                                      divided, trees of aggregation, what every machine adds
 *   the same, and e/n^2                work that is also slower where a machine holds more of it (memory,
 *                                      page cache): a machine's share, times a speed that falls with it
 *   a + e/n^2                          where that is all
 */
#define SCALE_OUT_TERMS     5 /* 1, 1/n, log n, n, 1/n^2 */
#define SCALE_OUT_MAX_SIZES 256
#define SCALE_OUT_MAX_RUNS  100000

enum scale_out_form { SCALE_OUT_ERNEST, SCALE_OUT_SQUARE, SCALE_OUT_SQUARE_ALONE, SCALE_OUT_FORMS };

struct scale_out_run {
        double size;    /* 1 or more */
        double seconds; /* above 0 */
};

struct scale_out {
        double coefficients[SCALE_OUT_FORMS][SCALE_OUT_TERMS];
        double weights[SCALE_OUT_FORMS]; /* sum to 1 */
        double smallest, largest;        /* sizes */
        size_t sizes;                    /* how many different ones */
        double inner_error,
                outer_error; /* of sizes left out, relative, root mean square: those between others,
                              * the smallest and the largest; 0 when there are too few to tell */
        double noise;        /* of a run against others of its size, relative, 1 standard deviation */
};

struct scale_out_guess {
        double seconds;
        double low, high; /* 90 % of the runs at that size, by Student's t with as many degrees of freedom as
                           * there are sizes more than two */
};

/*
 * Of several runs at a size their median counts. ERROR_INPUT when a run is no number, sizes are below 1, or
 * there are too many; ERROR_INCOMPLETE with runs at fewer than two sizes.
 */
bool scale_out_fit(const struct scale_out_run *runs, size_t count, struct scale_out *ret_model,
                   struct error *err);

/* At a size of 1 or more. */
struct scale_out_guess scale_out_predict(const struct scale_out *model, double size);

/* One form alone. */
double scale_out_predict_form(const struct scale_out *model, enum scale_out_form form, double size);

#endif
