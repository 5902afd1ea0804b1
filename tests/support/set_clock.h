/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SET_CLOCK_H
#define OPTCTL_TESTS_SUPPORT_SET_CLOCK_H

#include "core/clock.h"

/* A calendar that somebody sets: another clock's time and `ahead_ms`. Sleeps last as long as ever. Header
 * only: each test links just its room. */
struct set_clock {
        const struct clock *beneath;
        int64_t ahead_ms;
        int looks_until_back; /* looks at it, after which it is set back by an hour; 0: it is not */
};

static inline int64_t set_clock_now_ms(void *context)
{
        struct set_clock *set = context;

        if (set->looks_until_back > 0 && --set->looks_until_back == 0)
                set->ahead_ms -= 3600 * MS_PER_SECOND;
        return clock_now_ms(set->beneath) + set->ahead_ms;
}

static inline bool set_clock_sleep_until(void *context, int64_t until_ms, struct error *err)
{
        const struct set_clock *set = context;

        return clock_sleep_until(set->beneath, until_ms - set->ahead_ms, err);
}

static inline struct clock set_clock(struct set_clock *set)
{
        return (struct clock){.now_ms = set_clock_now_ms,
                              .sleep_until = set_clock_sleep_until,
                              .context = set};
}

#endif
