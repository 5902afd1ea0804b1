/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_BATCH_DYNAMIC_H
#define OPTCTL_SIM_BATCH_DYNAMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Executors by the tasks that wait, as Spark's ExecutorAllocationManager asks for them: once tasks have
 * waited for `backlog_ms` one more, and then after every `sustained_ms` twice as many more as before, up to
 * what all tasks need; fewer as soon as fewer are needed. One that was idle for `idle_ms` goes.
 */
struct batch_dynamic {
        bool on;
        int64_t least, most, initial; /* executors; most is 1 or more */
        double backlog_ms, sustained_ms, idle_ms;
        double start_ms; /* from when an executor is asked for until it comes */
        bool keeps;      /* executors hold what the stages of a job wrote, and stay until no job runs */
};

struct batch_allocation {
        const struct batch_dynamic *rules;
        int64_t target, to_add;
        double add_at_ms; /* INFINITY: no task waits */
        bool more;        /* tasks need more than the target: there is something to be done at add_at_ms */
        bool begun;       /* there was a stage: until then the initial target holds */
};

/* How many executors there are to be at first. */
struct batch_allocation batch_allocation_begin(const struct batch_dynamic *rules);

/*
 * What the tasks of an instant mean for the target. Has to be asked when stages start, tasks end, and at
 * `add_at_ms`. Between two steps lie 100 ms at least, as Spark looks no more often.
 *
 * pending, running  tasks
 * slots_each        tasks at a time of an executor
 * present           executors
 */
void batch_allocation_look(struct batch_allocation *it, double now_ms, size_t pending, size_t running,
                           int64_t slots_each, int64_t present);

#endif
