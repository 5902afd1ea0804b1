/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/turns.h"

#include "core/clock.h"

#define SOON_SHARE    4 /* of an interval */
#define SOON_LEAST_MS (5 * MS_PER_SECOND)

int64_t turns_next_ms(int64_t *place_ms, int64_t interval_ms, int64_t now_ms, bool unsure)
{
        int64_t soon_ms = interval_ms / SOON_SHARE, regular_ms;

        if (soon_ms < SOON_LEAST_MS)
                soon_ms = SOON_LEAST_MS;
        if (*place_ms > now_ms)
                *place_ms = now_ms;
        *place_ms += (now_ms - *place_ms) / interval_ms * interval_ms;
        regular_ms = *place_ms + interval_ms;
        return unsure && now_ms + 2 * soon_ms < regular_ms ? now_ms + soon_ms : regular_ms;
}
