/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/steady.h"

#include <math.h>

#include "core/clock.h"

#define NOTABLE 0.15 /* of the smaller of two sizes */

void steady_init(struct steady *steady, int64_t keep_seconds)
{
        *steady = (struct steady){.keep_ms = keep_seconds * MS_PER_SECOND, .begun_ms = INT64_MIN};
}

static int64_t part_of(const struct steady *steady, int64_t time_ms)
{
        int64_t part_ms = steady->keep_ms / STEADY_PARTS;

        return time_ms / (part_ms > 0 ? part_ms : 1);
}

/* What lies between the newest part and this one was not seen. */
static void move_on(struct steady *steady, int64_t part)
{
        int64_t first = part - steady->part > STEADY_PARTS ? part - STEADY_PARTS : steady->part + 1;

        for (int64_t i = first; i <= part; i++)
                steady->most[i % (STEADY_PARTS + 1)] = 0;
        steady->part = part;
}

void steady_note(struct steady *steady, int64_t time_ms, double load)
{
        int64_t part = part_of(steady, time_ms);
        double *most;

        if (steady->keep_ms == 0 || !(load >= 0))
                return;
        if (steady->begun_ms == INT64_MIN || part < steady->part)
                *steady = (struct steady){.keep_ms = steady->keep_ms, .begun_ms = time_ms, .part = part};
        if (part > steady->part)
                move_on(steady, part);
        most = &steady->most[part % (STEADY_PARTS + 1)];
        *most = fmax(*most, load);
}

double steady_needed(const struct steady *steady, int64_t time_ms)
{
        double needed = 0;

        if (steady->keep_ms == 0)
                return 0;
        if (steady->begun_ms == INT64_MIN || time_ms - steady->begun_ms < steady->keep_ms)
                return INFINITY;
        for (int i = 0; i <= STEADY_PARTS; i++)
                needed = fmax(needed, steady->most[i]);
        return needed;
}

bool steady_is_notable(int from_workers, int to_workers)
{
        double smaller = from_workers < to_workers ? from_workers : to_workers;
        double larger = from_workers < to_workers ? to_workers : from_workers;

        return larger >= (1 + NOTABLE) * smaller;
}
