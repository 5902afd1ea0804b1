/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_EFFECTS_H
#define OPTCTL_OPTIMIZER_SEARCH_EFFECTS_H

#include "optimizer/search/search.h"

/*
 * What a search has come to believe of each parameter, for people: how much it matters, and how y goes with
 * it.
 */
#define SEARCH_SLICE_MOST 33

struct search_effect {
        double importance; /* share of the variance of what is predicted all over the space: of a table what
                              goes with the parameter's value (first-order effect), else what is left while
                              all others stay (total effect; Homma and Saltelli 1996). On the scale of the
                              model */
        int count;         /* values along the slice, ascending */
        double value[SEARCH_SLICE_MOST];
        double mean[SEARCH_SLICE_MOST], low[SEARCH_SLICE_MOST], high[SEARCH_SLICE_MOST]; /* of y; 90 % */
};

/* The slice of a parameter goes through `point`; in a table, which has few points along a line, each value
 * stands for the mean over its rows. ret_effects: one for each parameter. ERROR_INCOMPLETE before there is a
 * model. */
bool search_effects(struct search *search, const double *point, struct search_effect *ret_effects,
                    struct error *err);

/* Means and bands (90 %) of one run of each of `count` points. ERROR_INPUT where one is not in the table, if
 * there is one; ERROR_INCOMPLETE as above. */
bool search_bands(struct search *search, const double *points, int count, double *ret_mean, double *ret_low,
                  double *ret_high, struct error *err);

/* What is expected of one run of a point. */
struct search_expectation {
        double mean, sd; /* of y */
        double feasible; /* probability that it neither fails nor breaks a constraint */
};

/* Of each of `count` points, where the context is what it is now. Fails as above. */
bool search_expect(struct search *search, const double *points, int count,
                   struct search_expectation *ret_expected, struct error *err);

#endif
