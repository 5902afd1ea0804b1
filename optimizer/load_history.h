/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_LOAD_HISTORY_H
#define OPTCTL_OPTIMIZER_LOAD_HISTORY_H

#include <stdint.h>

/* What was seen of a load: means by slot of five minutes, or an interval if that is longer. Memory is taken
 * by the day on which something was seen. */
#define LOAD_HISTORY_DAYS 29 /* four weeks, and the day that is being forecast */

struct load_history {
        int64_t slot_ms, n_slots, slots_per_day;
        int64_t slot;                  /* the one being filled */
        double slot_sum;               /* of the values in it */
        int slot_count;                /* likewise */
        float *day[LOAD_HISTORY_DAYS]; /* a ring of slots, by day; NULL: nothing was seen on it */
};

void load_history_init(struct load_history *history, int64_t interval_ms);
void load_history_free(struct load_history *history); /* what it points to */

/* The mean over the interval that ended at `time_ms`; NAN: not known. Times only move on. */
void load_history_add(struct load_history *history, int64_t time_ms, double value);

/* What was seen at an instant: between the middles of the two slots about it. NAN: nothing was, or it is
 * forgotten. */
double load_history_at(const struct load_history *history, double time_ms);

#endif
