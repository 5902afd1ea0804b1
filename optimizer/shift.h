/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_SHIFT_H
#define OPTCTL_OPTIMIZER_SHIFT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Page's cumulative sum test (Biometrika 41, 1954), on both sides: a level that has shifted is told from
 * values that scatter within two values when the shift is large, and later when it is small.
 */
struct shift {
        double scatter; /* relative standard deviation of a value about the level ... */
        double aside;   /* ... and about where the trend had it */
        int64_t seen;
        double off;      /* the newest value from the level, in those; 0 once that has shifted */
        double sum[2];   /* evidence of a level below, above */
        double since[2]; /* sum of the values since it is positive but for the first */
        bool wild[2];    /* the newest value is so far off that it counts no further */
        int count[2];    /* values since then */
        /* Whether shifts last: the newest one, from where to where, and the mean share that was left of them.
         */
        double from, to;
        int64_t tick; /* INT64_MIN: none is watched */
        double lasting, judged;
};

#define SHIFT_WATCHED 20 /* values until it is seen whether a shift lasts */

void shift_init(struct shift *shift);

/* A value was so far from what was expected of it: learns how far they usually are. */
void shift_learn_scatter(const struct shift *shift, double *scatter, double level, double off);

/* So many standard deviations from the level are no scatter. */
bool shift_is_wild(double off);

/* Whether the level has shifted. Then *ret_level is the new one: the mean of the *ret_count values since the
 * shift but for the first, part of which came before it. */
bool shift_happened(struct shift *shift, double level, double value, double *ret_level, int *ret_count);

/* Whether it drifted rather than shifted: it took many values, or the newest is where the trend had it
 * (`aside` of that). */
bool shift_is_drift(const struct shift *shift, double level, double aside, int count);

/* A shift begins to be watched: does it last? The return from one that did not is none to judge by. */
void shift_watch(struct shift *shift, int64_t tick, double from, double to);

/* What is left of the shift that is watched, now that it ends. */
void shift_judge(struct shift *shift, double level);

#endif
