/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/since.h"

#include <ctype.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/series.h"

/* "24h": that long before now. False when it is not of that form. */
static bool parse_ago(const char *text, int64_t *ret_ms)
{
        static const struct {
                char unit;
                int64_t ms;
        } units[] = {{'m', 60000}, {'h', MS_PER_HOUR}, {'d', MS_PER_DAY}};
        struct clock clock = clock_system();
        char *end;
        long count;

        if (!isdigit((unsigned char)*text))
                return false;
        count = strtol(text, &end, 10);
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
                if (end[0] == units[i].unit && end[1] == '\0' && count < 100000) {
                        *ret_ms = clock_now_ms(&clock) - count * units[i].ms;
                        return true;
                }
        return false;
}

bool since_parse(const char *command, const char *text, int64_t *ret_ms, struct error *err)
{
        *ret_ms = INT64_MIN;
        if (!text || parse_ago(text, ret_ms))
                return true;
        return time_parse(text, NULL, ret_ms, err) || error_wrap(err, "%s: --since", command);
}
