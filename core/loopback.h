/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LOOPBACK_H
#define OPTCTL_CORE_LOOPBACK_H

#include <stdbool.h>

#include "core/memory.h"

/*
 * Whether what this process sent to itself, over the machine's loopback, has come. The system delivers what
 * is sent there at once, or, when it is busy, out of a queue that keeps the order: a datagram that is sent
 * now comes after everything that was sent before.
 */
struct loopback;

/* NULL: the machine has none; what is asked of that is not known. */
struct loopback *loopback_open(void);
void loopback_close(struct loopback *loopback);
DEFINE_CLEANUP(loopback_close, struct loopback);

/* Sends a datagram and waits for it. False: it did not come, so nothing is known. */
bool loopback_is_through(struct loopback *loopback);

#endif
