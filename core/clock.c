/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/clock.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

static volatile sig_atomic_t stopped;

void clock_stop(void)
{
        stopped = 1;
}

bool clock_stopped(void)
{
        return stopped;
}

int64_t clock_steady_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

static int64_t system_now_ms(void *context)
{
        struct timespec now;

        (void)context;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
}

/* Sleeps in slices of at most a second, so that a stop between the check and the sleep is not missed for
 * long. */
static bool system_sleep_until(void *context, int64_t until_ms, struct error *err)
{
        for (;;) {
                int64_t left = until_ms - system_now_ms(context);
                struct timespec slice;

                if (stopped)
                        return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted");
                if (left <= 0)
                        return true;
                if (left > MS_PER_SECOND)
                        left = MS_PER_SECOND;
                slice = (struct timespec){.tv_sec = left / MS_PER_SECOND,
                                          .tv_nsec = left % MS_PER_SECOND * 1000000};
                if (clock_nanosleep(CLOCK_MONOTONIC, 0, &slice, NULL) == EINVAL)
                        return error_set(err, ERROR_IO, NULL, "the system clock cannot sleep");
        }
}

struct clock clock_system(void)
{
        return (struct clock){.now_ms = system_now_ms, .sleep_until = system_sleep_until};
}

int64_t clock_month_end_ms(int64_t time_ms)
{
        time_t seconds = (time_t)(time_ms / MS_PER_SECOND);
        struct tm date;

        gmtime_r(&seconds, &date);
        date = (struct tm){.tm_year = date.tm_year, .tm_mon = date.tm_mon + 1, .tm_mday = 1};
        return (int64_t)timegm(&date) * MS_PER_SECOND;
}
