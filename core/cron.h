/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_CRON_H
#define OPTCTL_CORE_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/zone.h"

/*
 * Five fields as in crontab(5): minute hour day-of-month month day-of-week, with lists, ranges, steps
 * ("9-17/2"; "5/15" is 5-59/15) and English names of months and weekdays; Sunday is 0 or 7. When both days
 * are restricted (neither begins with *), either one is enough.
 *
 * Local time, as Vixie cron has it: a start that the clocks skip happens when they have been put forward; one
 * that comes twice happens the first time only, unless it is wanted in every hour.
 */
struct cron {
        uint64_t minutes; /* bit n: minute n; the others alike */
        uint32_t hours, days, months, weekdays;
        bool either_day;
};

/* ERROR_INPUT names the field, the value and what was expected. A date that never comes (30 February) is
 * refused. */
bool cron_parse(const char *expression, struct cron *ret_cron, struct error *err);

/* The first start after an instant. */
int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after_ms);

/* True when a start lies within (now - duration, now]: a window that long, its end excluded, is open now. */
bool cron_within(const struct cron *cron, int64_t duration_seconds, const struct zone *zone, int64_t now_ms);

/* The same from text; `time_zone` as for zone_load. */
bool cron_active(const char *expression, int64_t duration_seconds, const char *time_zone, int64_t now_ms,
                 bool *ret_active, struct error *err);

#endif
