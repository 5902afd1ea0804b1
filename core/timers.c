/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/timers.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/memory.h"

static bool is_before(const struct timer *a, const struct timer *b)
{
        return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void put(struct timers *timers, size_t place, struct timer *timer)
{
        timers->heap[place] = timer;
        timer->place = place;
}

/* Finds the place of a timer that may stand too high or too low. */
static void settle(struct timers *timers, struct timer *timer)
{
        size_t at = timer->place;

        while (at > 1 && is_before(timer, timers->heap[at / 2])) {
                put(timers, at, timers->heap[at / 2]);
                at /= 2;
        }
        for (;;) {
                size_t child = 2 * at;

                if (child < timers->count && is_before(timers->heap[child + 1], timers->heap[child]))
                        child++;
                if (child > timers->count || !is_before(timers->heap[child], timer))
                        break;
                put(timers, at, timers->heap[child]);
                at = child;
        }
        put(timers, at, timer);
}

void timers_add(struct timers *timers, struct timer *timer, int64_t due_ms)
{
        if (timers->count + 2 > timers->room) {
                timers->room = 2 * timers->room + 16;
                timers->heap = memory_resize(timers->heap, timers->room, sizeof(struct timer *));
        }
        timer->due_ms = due_ms;
        timer->order = timers->added++;
        put(timers, ++timers->count, timer);
        settle(timers, timer);
}

void timers_remove(struct timers *timers, struct timer *timer)
{
        struct timer *last;

        if (timer->place == 0)
                return;
        last = timers->heap[timers->count--];
        if (last != timer) {
                put(timers, timer->place, last);
                settle(timers, last);
        }
        timer->place = 0;
}

struct timer *timers_first(const struct timers *timers)
{
        return timers->count > 0 ? timers->heap[1] : NULL;
}

void timers_free(struct timers *timers)
{
        free(timers->heap);
        *timers = (struct timers){0};
}
