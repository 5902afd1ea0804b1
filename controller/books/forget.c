/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books/forget.h"

/* How long to wait until the next look. */
static int64_t forget_some(const struct forgetting *forgetting, int64_t now_ms)
{
        struct error err = ERROR_INIT;
        int64_t removed;

        if (!ledger_prune(forgetting->ledger, now_ms - forgetting->keep_ms, FORGET_AT_ONCE, &removed, &err)) {
                log_warning(forgetting->log, "old observations cannot be forgotten",
                            LOG_TEXT("reason", err.message));
                return FORGET_RETRY_MS;
        }
        return removed == FORGET_AT_ONCE ? FORGET_PAUSE_MS : FORGET_LOOK_MS;
}

void forget_run(void *argument)
{
        const struct forgetting *forgetting = argument;
        const struct clock clock = reactor_clock(forgetting->reactor);
        int64_t pause_ms = FORGET_LOOK_MS;

        for (;;) {
                (void)reactor_wait_until(forgetting->reactor, clock_now_ms(&clock) + pause_ms);
                if (reactor_stopped(forgetting->reactor))
                        return;
                pause_ms = forget_some(forgetting, clock_now_ms(&clock));
        }
}
