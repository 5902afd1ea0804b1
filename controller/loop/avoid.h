/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_AVOID_H
#define OPTCTL_CONTROLLER_LOOP_AVOID_H

#include <stddef.h>
#include <stdint.h>

#include "core/plugin.h"

/*
 * Configurations that did badly, and until when each is kept away from: an hour the first time, twice as long
 * with every repeat, up to a week. What was done wrong is forgotten with a half-life of a day, so that a
 * configuration that failed under last month's load gets a new chance.
 */
#define AVOID_MAX          16 /* the one that ends first makes room */
#define AVOID_FIRST_MS     (1 * (int64_t)MS_PER_HOUR)
#define AVOID_LONGEST_MS   (7 * (int64_t)MS_PER_DAY)
#define AVOID_HALF_LIFE_MS (1 * (int64_t)MS_PER_DAY)

struct avoid_strikes {
        double count; /* as of last_ms */
        int64_t last_ms;
};

struct avoid_list {
        size_t count;
        struct avoided entries[AVOID_MAX]; /* as guardrails read them */
        struct avoid_strikes strikes[AVOID_MAX];
};

void avoid_add(struct avoid_list *list, const struct configuration *configuration, int64_t now_ms);

#endif
