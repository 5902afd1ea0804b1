/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_REACTOR_H
#define OPTCTL_CORE_REACTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"

/*
 * One thread, one event loop (libuv), any number of fibers: straight-line code that waits for an answer
 * without holding up anybody else. What waits costs a stack of its own while it waits and nothing else, so
 * thousands of pipelines run without a thread each.
 *
 * Everything here belongs to the thread that runs the reactor. Between two waits a fiber is alone: what it
 * reads and writes needs no lock, and what it left half-done before a wait others may see.
 */
struct reactor;
struct fiber;

struct reactor_options {
        /* 0: the machine's clock. Else time starts at this instant and jumps to the next timer whenever
         * nothing else is left to do, as in a simulation: what is waited for must live in the same reactor.
         */
        int64_t virtual_start_ms;
};

/* `options` may be NULL. */
bool reactor_new(const struct reactor_options *options, struct reactor **ret_reactor, struct error *err);
/* Once reactor_run has returned. */
void reactor_free(struct reactor *reactor);
DEFINE_CLEANUP(reactor_free, struct reactor);

/* Starts a fiber at the next turn of the loop, or at an instant. */
void reactor_spawn(struct reactor *reactor, void (*run)(void *argument), void *argument);
void reactor_spawn_at(struct reactor *reactor, int64_t time_ms, void (*run)(void *argument), void *argument);

/* Runs until no fiber is left, and nothing that was spawned. */
void reactor_run(struct reactor *reactor);

/* Runs `run` in a fiber, and the reactor until it has returned: for commands that ask one thing. */
void reactor_call(struct reactor *reactor, void (*run)(void *argument), void *argument);

/* From now on every sleep ends at once with ERROR_INTERRUPTED, and what was spawned for later never starts.
 * SIGINT, SIGTERM and SIGHUP do the same once reactor_catch_signals was called (clock_stop is set, too);
 * SIGHUP not where it is ignored. */
void reactor_stop(struct reactor *reactor);
bool reactor_stopped(const struct reactor *reactor);
bool reactor_catch_signals(struct reactor *reactor, struct error *err);

/* ---- in a fiber ---- */

/* The clock of this reactor; its sleeps suspend the fiber. */
struct clock reactor_clock(struct reactor *reactor);

/* Milliseconds on a clock that is never set, for how long something takes. */
int64_t reactor_steady_ms(const struct reactor *reactor);

/* Runs `work` in a thread of a pool, for libraries that block; the fiber goes on when it has returned. */
void reactor_offload(struct reactor *reactor, void (*work)(void *argument), void *argument);

/* What the waits above are made of. A fiber that suspends itself goes on after somebody woke it; waking one
 * that does not wait is remembered for its next suspend. */
struct fiber *reactor_current(struct reactor *reactor); /* NULL outside of fibers */
void reactor_suspend(struct reactor *reactor);
void reactor_wake(struct reactor *reactor, struct fiber *fiber);

/* Everything that is ready, and what came on sockets, goes first: for work that would hold up the others. */
void reactor_yield(struct reactor *reactor);

/* Suspends until woken (true) or until an instant (false). */
bool reactor_suspend_until(struct reactor *reactor, int64_t time_ms);
/* The same, and reactor_stop wakes it, too: for waits that may last. Once stopped it no longer waits. */
bool reactor_wait_until(struct reactor *reactor, int64_t time_ms);

/* ---- for what brings its own sockets (HTTP client and server) ---- */

uv_loop_t *reactor_loop(struct reactor *reactor);

#endif
