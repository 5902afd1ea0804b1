/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_FORGET_H
#define OPTCTL_CONTROLLER_BOOKS_FORGET_H

#include <stdint.h>

#include "core/ledger/ledger.h"
#include "core/log.h"
#include "core/reactor.h"

/*
 * Keeps a ledger from growing for ever: observations, by far the most of it, are forgotten once they are
 * older than what anybody goes back to. A few at a time, since the loops wait meanwhile.
 */
#define FORGET_AT_ONCE   200     /* rows */
#define FORGET_PAUSE_MS  1000    /* while there are more */
#define FORGET_LOOK_MS   60000   /* and when there are none; the first look is after one, too */
#define FORGET_RETRY_MS  3600000 /* when the ledger takes no writes */
#define FORGET_KEEP_DAYS "30"

struct forgetting {
        struct reactor *reactor;
        struct ledger *ledger;
        struct log *log;
        int64_t keep_ms;
};

/* A fiber's: until the reactor is stopped. `argument` is a struct forgetting, borrowed. */
void forget_run(void *argument);

#endif
