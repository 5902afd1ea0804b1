/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_CLOCK_H
#define OPTCTL_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/*
 * Where time comes from. Instants are milliseconds since 1970-01-01T00:00:00Z.
 *
 * The simulator's clock is just another one: its `sleep_until` advances the simulated engine. So the loop is
 * the same code in a cluster and in a what-if.
 */
struct clock {
        int64_t (*now_ms)(void *context);
        /* Returns at `until_ms` or later; false (ERROR_INTERRUPTED) when told to stop, or when simulated time
         * ends. */
        bool (*sleep_until)(void *context, int64_t until_ms, struct error *err);
        void *context;
};

static inline int64_t clock_now_ms(const struct clock *clock)
{
        return clock->now_ms(clock->context);
}

static inline bool clock_sleep_until(const struct clock *clock, int64_t until_ms, struct error *err)
{
        return clock->sleep_until(clock->context, until_ms, err);
}

/* The machine's clock; sleeping ends early with ERROR_INTERRUPTED after SIGINT, SIGTERM or SIGHUP was caught
 * (clock_stop). */
struct clock clock_system(void);

/* Async-signal-safe: makes every sleep of the system clock end now, and later ones at once. */
void clock_stop(void);
bool clock_stopped(void);

/* Since some instant, by a clock that nobody sets: for limits of what is waited for where nothing is
 * simulated. */
int64_t clock_steady_ms(void);

/* First instant of the next calendar month, UTC: money budgets are by month. */
int64_t clock_month_end_ms(int64_t time_ms);

#define MS_PER_SECOND 1000
#define MS_PER_HOUR   3600000
#define MS_PER_DAY    86400000

#endif
