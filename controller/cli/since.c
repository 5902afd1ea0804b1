/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/since.h"

#include <ctype.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/memory.h"
#include "core/series/series.h"
#include "core/text.h"

#define MAX_SECONDS 31536000 /* a year */

/* "24h" in milliseconds. False when it is not of that form. */
static bool read_duration(const char *text, int64_t *ret_ms)
{
        static const struct {
                char unit;
                int64_t ms;
        } units[] = {{'s', MS_PER_SECOND}, {'m', 60000}, {'h', MS_PER_HOUR}, {'d', MS_PER_DAY}};
        char *end;
        long count;

        if (!isdigit((unsigned char)*text))
                return false;
        count = strtol(text, &end, 10);
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++)
                if (end[0] == units[i].unit && end[1] == '\0' && count < 100000) {
                        *ret_ms = count * units[i].ms;
                        return true;
                }
        return false;
}

bool since_parse(const char *command, const char *text, int64_t *ret_ms, struct error *err)
{
        struct clock clock = clock_system();
        int64_t ago_ms;

        *ret_ms = INT64_MIN;
        if (!text)
                return true;
        if (read_duration(text, &ago_ms)) {
                *ret_ms = clock_now_ms(&clock) - ago_ms;
                return true;
        }
        return time_parse(text, NULL, ret_ms, err) ||
               error_set(err, ERROR_INPUT, NULL,
                         "%s: --since: \"%.64s\" is no time; expected one such as 2026-01-05T08:00:00Z, "
                         "2026-01-05, or how long ago: 90m, 24h, 7d",
                         command, text);
}

/* "90": seconds. */
static bool read_seconds(const char *text, int64_t *ret_ms)
{
        long long count;

        if (!text_to_int64(text, &count) || count < 1 || count > MAX_SECONDS)
                return false;
        *ret_ms = count * MS_PER_SECOND;
        return true;
}

bool duration_parse(const char *command, const char *option, const char *text, int64_t *ret_ms,
                    struct error *err)
{
        return read_seconds(text, ret_ms) || (read_duration(text, ret_ms) && *ret_ms > 0) ||
               error_set(err, ERROR_INPUT, NULL,
                         "%s: %s: \"%.40s\" is no length of time; expected one such as 90s, 15m, 2h or 1d",
                         command, option, text);
}
