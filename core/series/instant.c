/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/series/series.h"
#include "core/series/time.h"
#include "core/zone.h"

bool time_parse(const char *text, const char *time_zone, int64_t *ret_ms, struct error *err)
{
        autocall(zone_free) struct zone *zone = NULL;
        struct written_time time;
        struct civil local;

        if (!written_time_parse(text, text + strlen(text), &time) || time.clock_ms >= MS_PER_DAY)
                return error_set(err, ERROR_INPUT, NULL,
                                 "\"%.64s\" is no time; expected like 2026-01-05T08:00:00Z", text);
        if (time.has_offset) {
                *ret_ms = time.date_ms + time.clock_ms - time.offset_ms;
                return true;
        }
        if (!zone_load(time_zone, &zone, err))
                return false;
        civil_from_ms(time.date_ms + time.clock_ms, &local);
        if (zone_to_utc(zone, &local, ZONE_FIRST, ret_ms) == ZONE_SKIPPED)
                return error_set(err, ERROR_INPUT, NULL,
                                 "\"%.64s\" does not exist in %s: the clock was put forward", text,
                                 time_zone);
        return true;
}

void time_format(int64_t time_ms, char buffer[32])
{
        struct civil utc;
        int used;

        civil_from_ms(time_ms, &utc);
        used = snprintf(buffer, 32, "%04d-%02d-%02dT%02d:%02d:%02d", utc.year, utc.month, utc.day, utc.hour,
                        utc.minute, utc.second);
        if (utc.millisecond && used < 26)
                snprintf(buffer + used, 32 - (size_t)used, ".%03dZ", utc.millisecond);
        else
                snprintf(buffer + used, 32 - (size_t)used, "Z");
}
