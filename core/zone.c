/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/zone.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/text.h"
#include "core/zone_rules.h"

#define ZONE_FILE_MAX_BYTES (256u << 10)

#define DAYS_PER_ERA 146097 /* 400 years */
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

struct zone {
        struct zone_rules rules; /* all zero: UTC */
};

static int64_t floor_divide(int64_t value, int64_t by)
{
        return value / by - (value % by < 0);
}

/* Hinnant, "chrono-compatible low-level date algorithms": years that begin in March put the leap day last. */
static int64_t days_from_civil(int year, int month, int day)
{
        int64_t y = year - (month <= 2);
        int64_t era = floor_divide(y, 400);
        int64_t year_of_era = y - era * 400;
        int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

        return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void civil_from_days(int64_t days, struct civil *civil)
{
        int64_t shifted = days + DAYS_TO_1970;
        int64_t era = floor_divide(shifted, DAYS_PER_ERA);
        int64_t day_of_era = shifted - era * DAYS_PER_ERA;
        int64_t year_of_era =
                (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int64_t march_month = (5 * day_of_year + 2) / 153;

        civil->day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
        civil->month = (int)(march_month + (march_month < 10 ? 3 : -9));
        civil->year = (int)(year_of_era + era * 400 + (civil->month <= 2));
}

int civil_days_in_month(int year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return month == 2 && leap ? 29 : days[month - 1];
}

bool civil_valid(const struct civil *c)
{
        return c->year >= 1 && c->year <= 9999 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
               c->day <= civil_days_in_month(c->year, c->month) && c->hour >= 0 && c->hour <= 23 &&
               c->minute >= 0 && c->minute <= 59 && c->second >= 0 && c->second <= 59 &&
               c->millisecond >= 0 && c->millisecond <= 999;
}

int64_t civil_to_ms(const struct civil *c)
{
        int64_t seconds = c->hour * 3600 + c->minute * 60 + c->second;

        return days_from_civil(c->year, c->month, c->day) * MS_PER_DAY + seconds * MS_PER_SECOND +
               c->millisecond;
}

void civil_from_ms(int64_t ms, struct civil *ret_civil)
{
        int64_t days = floor_divide(ms, MS_PER_DAY);
        int rest = (int)(ms % MS_PER_DAY), of_day = rest < 0 ? rest + (int)MS_PER_DAY : rest;

        civil_from_days(days, ret_civil);
        ret_civil->hour = of_day / MS_PER_HOUR;
        ret_civil->minute = of_day / 60000 % 60;
        ret_civil->second = of_day / MS_PER_SECOND % 60;
        ret_civil->millisecond = of_day % MS_PER_SECOND;
}

int civil_weekday(int64_t ms)
{
        int64_t since_sunday = floor_divide(ms, MS_PER_DAY) + 4; /* 1970-01-01 was a Thursday */

        return (int)(since_sunday - floor_divide(since_sunday, 7) * 7);
}

/* TZDIR is what the C library honours, too. */
static bool read_rules(const char *name, struct zone_rules *ret_rules)
{
        const char *folder = getenv("TZDIR");
        autofree char *path = memory_format("%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
        autofree char *bytes = NULL;
        struct error absent = ERROR_INIT;
        size_t length;

        return *name != '/' && !strstr(name, "..") &&
               text_read_file(path, ZONE_FILE_MAX_BYTES, &bytes, &length, &absent) &&
               zone_rules_parse(bytes, length, ret_rules);
}

bool zone_load(const char *name, struct zone **ret_zone, struct error *err)
{
        struct zone_rules rules = {0};

        if (name && *name && strcmp(name, "UTC") != 0 && !read_rules(name, &rules))
                return error_set(err, ERROR_INPUT, NULL,
                                 "time zone \"%s\" is not known; expected an IANA name such as Europe/Berlin "
                                 "(from the package tzdata) or UTC",
                                 name);
        *ret_zone = memory_new(1, sizeof **ret_zone);
        (*ret_zone)->rules = rules;
        return true;
}

void zone_free(struct zone *zone)
{
        if (!zone)
                return;
        zone_rules_free(&zone->rules);
        free(zone);
}

int zone_offset_at(const struct zone *zone, int64_t utc_ms)
{
        return zone_rules_offset(&zone->rules, floor_divide(utc_ms, MS_PER_SECOND));
}

void zone_to_local(const struct zone *zone, int64_t utc_ms, struct civil *ret_local)
{
        civil_from_ms(utc_ms + zone_offset_at(zone, utc_ms) * (int64_t)MS_PER_SECOND, ret_local);
}

/* The first instant in (before, after] that has the offset of `after`: where the clocks were changed. */
static int64_t find_change(const struct zone *zone, int64_t before, int64_t after)
{
        int offset = zone_offset_at(zone, after);

        while (after - before > 1) {
                int64_t middle = before + (after - before) / 2;

                if (zone_offset_at(zone, middle) == offset)
                        after = middle;
                else
                        before = middle;
        }
        return after;
}

/*
 * A zone changes its offset at most once within the two days around a local time, so the offsets in force on
 * either side are the only candidates. One that maps back to the local time is an answer; none: the time was
 * skipped.
 */
enum zone_local zone_to_utc(const struct zone *zone, const struct civil *local,
                            enum zone_occurrence occurrence, int64_t *ret_utc_ms)
{
        int64_t as_utc = civil_to_ms(local);
        int before = zone_offset_at(zone, as_utc - MS_PER_DAY);
        int after = zone_offset_at(zone, as_utc + MS_PER_DAY);
        int64_t first = as_utc - before * (int64_t)MS_PER_SECOND;
        int64_t second = as_utc - after * (int64_t)MS_PER_SECOND;
        bool first_holds = zone_offset_at(zone, first) == before;
        bool second_holds = zone_offset_at(zone, second) == after;

        if (!first_holds && !second_holds) {
                *ret_utc_ms = find_change(zone, second, first);
                return ZONE_SKIPPED;
        }
        if (first_holds && second_holds && first != second) {
                *ret_utc_ms = occurrence == ZONE_FIRST ? first : second;
                return ZONE_REPEATED;
        }
        *ret_utc_ms = first_holds ? first : second;
        return ZONE_UNIQUE;
}
