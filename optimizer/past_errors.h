/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_PAST_ERRORS_H
#define OPTCTL_OPTIMIZER_PAST_ERRORS_H

#include <stdint.h>

/*
 * The newest errors of a kind of forecast, and their order statistics. They begin as those of a prior, so
 * that there are quantiles before there is evidence: real errors push them out. Takes no memory until the
 * first one comes, and then no more than what came needs.
 */
#define PAST_ERRORS_MAX   256
#define PAST_ERRORS_PRIOR 16 /* that the prior counts for */

struct past_errors {
        double prior_sd; /* of a normal distribution */
        int count, next; /* next: where the next one goes, by age */
        int room;        /* 0: there are none but the prior's */
        float *error;    /* by age, a ring of PAST_ERRORS_MAX */
        uint8_t *order;  /* places in it, by size */
};

void past_errors_init(struct past_errors *errors, double prior_sd);
void past_errors_free(struct past_errors *errors); /* what it points to */

void past_errors_add(struct past_errors *errors, double error);

/* Takes the newest one back, unless it is of the prior. While there are less than PAST_ERRORS_MAX. */
void past_errors_forget_newest(struct past_errors *errors);

/* Order statistic q, between neighbours, as if one more were to come. */
double past_errors_quantile(const struct past_errors *errors, double q);

#endif
