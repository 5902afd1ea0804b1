/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_QUEUE_HEAP_H
#define OPTCTL_SIM_QUEUE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Pending events, the earliest on top: a heap in which every node has four children. Four children are one
 * cache line, and there are half as many levels as with two. Room is the caller's: a network never has more
 * events than servers and arrival streams.
 */
struct queue_event {
        double time;
        uint32_t what; /* station * 2 + 1 for an arrival from outside, + 0 for an end of service */
};

struct queue_heap {
        size_t count;
        struct queue_event *events;
};

static inline void queue_heap_push(struct queue_heap *heap, struct queue_event event)
{
        size_t at = heap->count++;

        while (at > 0) {
                size_t parent = (at - 1) / 4;

                if (heap->events[parent].time <= event.time)
                        break;
                heap->events[at] = heap->events[parent];
                at = parent;
        }
        heap->events[at] = event;
}

/* The earlier of two places, without a branch that nobody can predict. */
static inline size_t queue_heap_earlier(const struct queue_event *events, size_t a, size_t b)
{
        return events[b].time < events[a].time ? b : a;
}

/* Puts `event` in place of the earliest one. */
static inline void queue_heap_replace(struct queue_heap *heap, struct queue_event event)
{
        struct queue_event *events = heap->events;
        size_t count = heap->count;
        size_t at = 0;

        for (;;) {
                size_t child = 4 * at + 1, best;

                if (child + 3 < count) {
                        best = queue_heap_earlier(events, queue_heap_earlier(events, child, child + 1),
                                                  queue_heap_earlier(events, child + 2, child + 3));
                } else {
                        if (child >= count)
                                break;
                        best = child;
                        while (++child < count)
                                best = queue_heap_earlier(events, best, child);
                }
                if (event.time <= events[best].time)
                        break;
                events[at] = events[best];
                at = best;
        }
        events[at] = event;
}

static inline void queue_heap_pop(struct queue_heap *heap)
{
        struct queue_event last = heap->events[--heap->count];

        if (heap->count > 0)
                queue_heap_replace(heap, last);
}

#endif
