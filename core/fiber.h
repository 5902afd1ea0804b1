/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_FIBER_H
#define OPTCTL_CORE_FIBER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A stack of its own for code that waits in the middle. Only core/reactor.c switches: who wants to wait asks
 * the reactor.
 *
 * Stacks are mapped with a page below them that must not be touched, so that an overflow ends the process and
 * does not write into somebody else's. What is not touched of them costs no memory.
 */
#define FIBER_STACK_BYTES ((size_t)1 << 20)

struct fiber_stacks; /* those that are free, for reuse */

struct fiber_stacks *fiber_stacks_new(void);
void fiber_stacks_free(struct fiber_stacks *stacks);

struct fiber_context;

/* `run` starts at the first fiber_enter and must not return before fiber_ended says so to the one who
 * entered. */
struct fiber_context *fiber_context_new(struct fiber_stacks *stacks, void (*run)(void *argument),
                                        void *argument);
void fiber_context_free(struct fiber_stacks *stacks, struct fiber_context *context);

/* From the reactor into the fiber, until it leaves or ends. True when it has ended. */
bool fiber_enter(struct fiber_context *context);
/* From the fiber back to who entered it. */
void fiber_leave(struct fiber_context *context);

#endif
