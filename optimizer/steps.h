/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_STEPS_H
#define OPTCTL_OPTIMIZER_STEPS_H

#include <stdint.h>

#include "core/clock.h"

#define STEPS_MAX        72
#define STEPS_LONGEST_MS (60 * 60 * MS_PER_SECOND)

/* Steps of the horizon: fine at first, then ever coarser. */
struct steps {
        int n_laid;
        int64_t from_ms[STEPS_MAX];
        int64_t middle_ms[STEPS_MAX];
        int64_t half_ms[STEPS_MAX];
        int64_t catch_up_ms[STEPS_MAX];
        int64_t between_ms[STEPS_MAX]; /* from the middle to that of the next step */
        double seconds[STEPS_MAX];
};

/* Times from now, in ms. The first steps last `interval`, and none more than an hour, unless `interval` does.
 */
void steps_lay(struct steps *steps, int64_t interval, int64_t horizon);

#endif
