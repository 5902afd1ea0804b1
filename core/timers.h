/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_TIMERS_H
#define OPTCTL_CORE_TIMERS_H

#include <stddef.h>
#include <stdint.h>

/* Instants that something waits for, the earliest first; those of the same instant in the order they came. A
 * timer belongs to whoever waits, and is in the set at most once. */
struct timer {
        int64_t due_ms;
        uint64_t order;
        size_t place; /* in the heap, from 1; 0: not in the set */
};

struct timers {
        struct timer **heap; /* heap[1] is the earliest */
        size_t count, room;
        uint64_t added;
};

void timers_add(struct timers *timers, struct timer *timer, int64_t due_ms);
void timers_remove(struct timers *timers, struct timer *timer); /* harmless when it is not there */
struct timer *timers_first(const struct timers *timers);        /* NULL: empty */
void timers_free(struct timers *timers);

#endif
