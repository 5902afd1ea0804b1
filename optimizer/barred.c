/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/barred.h"

#include "core/clock.h"
#include "core/memory.h"

#define MAX_BARRED 8
#define BARRED_MS  MS_PER_HOUR /* after the first reversal */

struct barred_one {
        struct configuration configuration;
        int64_t until_ms, length_ms;
};

bool barred_has(const struct barred *barred, const struct configuration *configuration, int64_t now_ms)
{
        for (int i = 0; i < barred->count; i++)
                if (barred->items[i].until_ms > now_ms &&
                    configuration_equal(&barred->items[i].configuration, configuration))
                        return true;
        return false;
}

void barred_add(struct barred *barred, const struct configuration *configuration, int64_t now_ms)
{
        struct barred_one *oldest = barred->items;
        int64_t length = BARRED_MS;

        for (int i = 0; i < barred->count; i++) {
                struct barred_one *one = &barred->items[i];

                if (configuration_equal(&one->configuration, configuration)) {
                        length = 2 * one->length_ms;
                        oldest = one;
                        break;
                }
                if (one->until_ms < oldest->until_ms)
                        oldest = one;
        }
        if (length == BARRED_MS && barred->count < MAX_BARRED) {
                barred->items =
                        memory_resize(barred->items, (size_t)barred->count + 1, sizeof *barred->items);
                oldest = &barred->items[barred->count++];
        }
        *oldest = (struct barred_one){*configuration, now_ms + length, length};
}

void barred_clear(struct barred *barred)
{
        memory_free_cleanup(&barred->items);
        barred->count = 0;
}
