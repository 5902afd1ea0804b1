/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SEARCH_PARETO_H
#define OPTCTL_OPTIMIZER_SEARCH_PARETO_H

#include <stdbool.h>

/* Two quantities that are both to be small, and the points that nothing beats in both: the front. */
#define PARETO_OBJECTIVES 2

struct pareto_point {
        double y[PARETO_OBJECTIVES];
        int of; /* the caller's: which one it is */
};

/* Whether a is no larger than b in both, and smaller in one. */
bool pareto_dominates(const struct pareto_point *a, const struct pareto_point *b);

/* Sorts `points`, the ones that no other dominates first, ascending by y[0] and hence descending by y[1]; of
 * points that are the same the one with the least `of` stays. Returns how many those are. y: finite. */
int pareto_front(struct pareto_point *points, int count);

/* Area that a front, as above, dominates below the reference point; points beyond it count for nothing. */
double pareto_hypervolume(const struct pareto_point *front, int count, const double *reference);

/* A value that is not known yet: normal, or log-normal, and then mean and sd are those of its logarithm. */
struct pareto_belief {
        bool log;
        double mean, sd; /* sd: above 0 */
};

/*
 * Logarithm of the area that a point adds in expectation, when its two values are independent: expected
 * hypervolume improvement, by vertical strips between neighbours of the front (Emmerich, Yang, Deutz, Wang
 * and Fonseca 2016). A strip adds its width right of the one value times its height above the other, and the
 * mean of either is an expected improvement in one dimension.
 *
 * front      as above, with no point beyond the reference point. It may be empty
 * reference  above 0 where a value is log-normal, as is the front
 * belief     of PARETO_OBJECTIVES values
 */
double pareto_log_improvement(const struct pareto_point *front, int count, const double *reference,
                              const struct pareto_belief *belief);

#endif
