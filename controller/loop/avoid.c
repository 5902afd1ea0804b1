/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/avoid.h"

#include <math.h>

static size_t find_or_make_room(struct avoid_list *list, const struct configuration *configuration)
{
        size_t first_to_end = 0;

        for (size_t i = 0; i < list->count; i++) {
                if (configuration_equal(&list->entries[i].configuration, configuration))
                        return i;
                if (list->entries[i].until_ms < list->entries[first_to_end].until_ms)
                        first_to_end = i;
        }
        if (list->count < AVOID_MAX)
                first_to_end = list->count++;
        list->entries[first_to_end].configuration = *configuration;
        list->strikes[first_to_end] = (struct avoid_strikes){0};
        return first_to_end;
}

void avoid_add(struct avoid_list *list, const struct configuration *configuration, int64_t now_ms)
{
        size_t index = find_or_make_room(list, configuration);
        struct avoid_strikes *strikes = &list->strikes[index];
        double half_lives = (double)(now_ms - strikes->last_ms) / (double)AVOID_HALF_LIFE_MS;
        double remembered = strikes->count * exp2(-half_lives);
        double length_ms = fmin((double)AVOID_FIRST_MS * exp2(remembered), (double)AVOID_LONGEST_MS);

        list->entries[index].until_ms = now_ms + (int64_t)length_ms;
        *strikes = (struct avoid_strikes){.count = remembered + 1, .last_ms = now_ms};
}
