/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_ZONE_H
#define OPTCTL_CORE_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"

/*
 * Local time. Rules come from the system's tzdata, never from the TZ of the process, so any
 * number of zones can be used by any number of threads at once. A zone is only read after it was loaded.
 */
struct zone;

/* Fields of a calendar (proleptic Gregorian) and a clock: month 1..12, day 1..31. */
struct civil {
        int year, month, day, hour, minute, second, millisecond;
};

/* How often a local time occurs: a change of the zone's offset skips some and repeats others. */
enum zone_local { ZONE_UNIQUE, ZONE_SKIPPED, ZONE_REPEATED };
enum zone_occurrence { ZONE_FIRST, ZONE_SECOND };

/* IANA name ("Europe/Berlin"); NULL, "" and "UTC" are UTC. ERROR_INPUT when there is no such zone. */
bool zone_load(const char *name, struct zone **ret_zone, struct error *err);
void zone_free(struct zone *zone);
DEFINE_CLEANUP(zone_free, struct zone);

/* Local time minus UTC in force at an instant, in seconds (+3600: east of Greenwich). */
int zone_offset_at(const struct zone *zone, int64_t utc_ms);

void zone_to_local(const struct zone *zone, int64_t utc_ms, struct civil *ret_local);

/* The instant of a local time. A repeated one is taken as `occurrence` says; for a skipped one *ret_utc_ms is
 * the first instant after the gap. The fields must be valid (civil_valid). */
enum zone_local zone_to_utc(const struct zone *zone, const struct civil *local,
                            enum zone_occurrence occurrence, int64_t *ret_utc_ms);

/* Years 1..9999, a day that the month has, 23:59:59.999 at most. */
bool civil_valid(const struct civil *civil);
int civil_days_in_month(int year, int month);

/* Milliseconds from 1970-01-01T00:00:00.000 to the fields, and back: UTC, or any offset added by the caller.
 */
int64_t civil_to_ms(const struct civil *civil);
void civil_from_ms(int64_t ms, struct civil *ret_civil);

/* 0 Sunday .. 6 Saturday, of a number of milliseconds as civil_to_ms gives. */
int civil_weekday(int64_t ms);

#endif
