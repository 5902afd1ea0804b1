/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/shift.h"

#include <math.h>
#include <string.h>

#define SCATTER_FIRST  0.05 /* of a value about the level, relative, before any was seen */
#define SCATTER_MIN    0.005
#define SCATTER_MEMORY 50.0 /* values */
#define SHIFT_SLACK    1.0  /* standard deviations that a value may be off each time */
#define SHIFT_CLIP     5.0  /* ... of one value that count, so that one alone is no shift */
#define SHIFT_LIMIT    7.9  /* sum of what is beyond the slack that proves a shift */
#define SHIFT_SUDDEN   4    /* values that a shift takes to be proven, at most; what takes more is drift */
#define SHIFT_TRUST    2.0  /* shifts that count as having lasted before any was seen */

void shift_init(struct shift *shift)
{
        *shift = (struct shift){.scatter = SCATTER_FIRST,
                                .aside = SCATTER_FIRST,
                                .tick = INT64_MIN,
                                .lasting = 1,
                                .judged = SHIFT_TRUST};
}

void shift_learn_scatter(const struct shift *shift, double *scatter, double level, double off)
{
        double seen = fmin(fabs(off), 4 * *scatter * level) / fmax(level, 1e-9);

        *scatter += fmax(1.0 / (double)(shift->seen + 4), 1 / SCATTER_MEMORY) * (1.25 * seen - *scatter);
        *scatter = fmax(*scatter, SCATTER_MIN);
}

bool shift_is_wild(double off)
{
        return fabs(off) >= SHIFT_CLIP - SHIFT_SLACK;
}

bool shift_happened(struct shift *shift, double level, double value, double *ret_level, int *ret_count)
{
        double scale = fmax(shift->scatter * level, 1e-9);
        double off = shift->off = (value - level) / scale;

        shift->seen++;
        shift_learn_scatter(shift, &shift->scatter, level, value - level);
        for (int side = 0; side < 2; side++) {
                double beyond = fmin(side ? off : -off, SHIFT_CLIP) - SHIFT_SLACK;
                /* far off at once: whatever had gathered before was scatter */
                bool breaks = beyond >= SHIFT_CLIP - SHIFT_SLACK && !shift->wild[side];

                shift->wild[side] = beyond >= SHIFT_CLIP - SHIFT_SLACK;
                shift->sum[side] = fmax(shift->sum[side] + beyond, 0);
                if (shift->sum[side] <= 0 || breaks) {
                        shift->count[side] = 0;
                        shift->since[side] = 0;
                }
                if (shift->sum[side] <= 0)
                        continue;
                if (shift->count[side]++ > 0)
                        shift->since[side] += value;
                if (shift->sum[side] < SHIFT_LIMIT || shift->count[side] < 2)
                        continue;
                *ret_count = shift->count[side] - 1;
                *ret_level = shift->since[side] / *ret_count;
                shift->off = 0;
                memset(shift->sum, 0, sizeof shift->sum);
                memset(shift->count, 0, sizeof shift->count);
                memset(shift->since, 0, sizeof shift->since);
                return true;
        }
        return false;
}

bool shift_is_drift(const struct shift *shift, double level, double aside, int count)
{
        return count > SHIFT_SUDDEN || fabs(aside) < SHIFT_SLACK * shift->aside * level;
}

void shift_judge(struct shift *shift, double level)
{
        double left = (level - shift->from) / (shift->to - shift->from);

        if (shift->tick == INT64_MIN)
                return;
        shift->tick = INT64_MIN;
        shift->judged++;
        shift->lasting += (fmin(fmax(left, 0), 1) - shift->lasting) / shift->judged;
}

void shift_watch(struct shift *shift, int64_t tick, double from, double to)
{
        bool returns = shift->tick != INT64_MIN && fabs(to - shift->from) < fabs(to - from) / 2;

        shift_judge(shift, to);
        shift->from = from;
        shift->to = to;
        shift->tick = returns ? INT64_MIN : tick;
}
