/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_ZONE_RULES_H
#define OPTCTL_CORE_ZONE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The rules of one time zone, from a compiled file of the tz database (TZif, RFC 9636): a table of past
 * changes, and for what comes after it a rule in the form of POSIX TZ. Seconds since 1970 and seconds east of
 * Greenwich.
 *
 * Why not a library: GLib's reader is an hour off for Europe/Dublin (whose rule has a negative daylight
 * saving time) wherever the rule applies, ICU brings 30 MB and its own copy of the data, and the C library
 * knows one zone a process.
 */
enum zone_day_kind { ZONE_DAY_OF_YEAR, ZONE_DAY_WITHOUT_LEAP, ZONE_DAY_OF_MONTH };

struct zone_change {
        enum zone_day_kind kind;
        int day;         /* from 0 in the year; for ZONE_DAY_OF_MONTH the weekday, 0 Sunday */
        int month, week; /* ZONE_DAY_OF_MONTH; week 5 is the last */
        int seconds;     /* after 00:00 local time; may be negative or more than a day */
};

struct zone_rules {
        size_t count;
        int64_t *at;       /* ascending */
        int *offset;       /* in force from at[i] */
        int offset_before; /* in force before at[0] */
        bool has_rule;     /* for times from the last change on */
        bool has_summer;
        int standard, summer;
        struct zone_change summer_start, summer_end;
};

/* False when the bytes are no TZif file of version 2 or later. ret_rules is then empty. */
bool zone_rules_parse(const char *bytes, size_t length, struct zone_rules *ret_rules);
void zone_rules_free(struct zone_rules *rules);

int zone_rules_offset(const struct zone_rules *rules, int64_t utc_seconds);

#endif
