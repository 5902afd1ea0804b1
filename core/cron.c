/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/clock.h"

#define MS_PER_MINUTE    60000
#define MINUTES_PER_HOUR 60
#define MINUTES_PER_DAY  1440
#define N_FIELDS         5
#define FIELD_MAX_BYTES  120
#define ALL_HOURS        0xffffffu
#define FEBRUARY         2
/* Clocks were put forward by a whole day at most (across the date line). */
#define LONGEST_GAP_MS (26LL * MS_PER_HOUR)

enum field_name { MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field {
        const char *name;
        int min, max;
        const char *const *names; /* of min, min + 1, ... */
} fields[N_FIELDS] = {
        [MINUTE] = {"minute", 0, 59, NULL},
        [HOUR] = {"hour", 0, 23, NULL},
        [DAY] = {"day of month", 1, 31, NULL},
        [MONTH] = {"month", 1, 12, month_names},
        [WEEKDAY] = {"day of week", 0, 7, weekday_names},
};

/* The expression and what of it is being read, for messages. */
struct reading {
        const char *expression;
        const struct field *field;
        const char *at;
};

static bool wrong(const struct reading *reading, const char *what, struct error *err)
{
        const struct field *field = reading->field;

        return error_set(err, ERROR_INPUT, NULL,
                         "cron \"%s\": %s: %s; expected %d-%d%s%s%s, *, lists, ranges or /steps",
                         reading->expression, field->name, what, field->min, field->max,
                         field->names ? " or " : "", field->names ? field->names[0] : "",
                         field->names ? ", ..." : "");
}

static bool read_count(struct reading *reading, int *ret_value)
{
        int value = 0;

        if (!isdigit((unsigned char)*reading->at))
                return false;
        for (; isdigit((unsigned char)*reading->at); reading->at++)
                if (value < 10000)
                        value = value * 10 + (*reading->at - '0');
        *ret_value = value;
        return true;
}

static bool read_value(struct reading *reading, int *ret_value, struct error *err)
{
        const struct field *field = reading->field;
        char what[80];

        if (read_count(reading, ret_value)) {
                if (*ret_value >= field->min && *ret_value <= field->max)
                        return true;
                snprintf(what, sizeof what, "%d is out of range", *ret_value);
                return wrong(reading, what, err);
        }
        for (int i = 0; field->names && field->names[i]; i++)
                if (strncasecmp(reading->at, field->names[i], 3) == 0 &&
                    !isalnum((unsigned char)reading->at[3])) {
                        reading->at += 3;
                        *ret_value = field->min + i;
                        return true;
                }
        snprintf(what, sizeof what, "\"%.40s\" is not a value", reading->at);
        return wrong(reading, what, err);
}

/* "*", "7", "1-5": ret_open when no end was given. */
static bool read_range(struct reading *reading, int *ret_from, int *ret_to, bool *ret_open, struct error *err)
{
        *ret_open = false;
        if (*reading->at == '*') {
                reading->at++;
                *ret_from = reading->field->min;
                *ret_to = reading->field->max;
                return true;
        }
        if (!read_value(reading, ret_from, err))
                return false;
        *ret_to = *ret_from;
        *ret_open = *reading->at != '-';
        if (*ret_open)
                return true;
        reading->at++;
        if (!read_value(reading, ret_to, err))
                return false;
        return *ret_to >= *ret_from || wrong(reading, "the range ends before it begins", err);
}

static bool read_item(struct reading *reading, uint64_t *bits, struct error *err)
{
        int from, to, step = 1;
        bool open;

        if (!read_range(reading, &from, &to, &open, err))
                return false;
        if (*reading->at == '/') {
                reading->at++;
                if (!read_count(reading, &step) || step < 1)
                        return wrong(reading, "a step is a whole number of at least 1", err);
                if (open)
                        to = reading->field->max;
        }
        for (int value = from; value <= to; value += step)
                *bits |= UINT64_C(1) << value;
        return true;
}

static bool read_field(const char *expression, const struct field *field, const char *text,
                       uint64_t *ret_bits, struct error *err)
{
        struct reading reading = {.expression = expression, .field = field, .at = text};
        uint64_t bits = 0;
        char what[80];

        for (;;) {
                if (!read_item(&reading, &bits, err))
                        return false;
                if (*reading.at != ',')
                        break;
                reading.at++;
        }
        if (*reading.at) {
                snprintf(what, sizeof what, "\"%.40s\" is not understood", text);
                return wrong(&reading, what, err);
        }
        *ret_bits = bits;
        return true;
}

static bool split(const char *expression, char texts[N_FIELDS][FIELD_MAX_BYTES], struct error *err)
{
        const char *at = expression;
        int count = 0;

        for (;;) {
                size_t length;

                at += strspn(at, " \t");
                length = strcspn(at, " \t");
                if (length == 0)
                        break;
                if (count < N_FIELDS && length < FIELD_MAX_BYTES) {
                        memcpy(texts[count], at, length);
                        texts[count][length] = '\0';
                }
                if (length >= FIELD_MAX_BYTES)
                        return error_set(err, ERROR_INPUT, NULL, "cron \"%.60s...\": longer than is accepted",
                                         expression);
                count++;
                at += length;
        }
        if (count != N_FIELDS)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "cron \"%.200s\": has %d field%s; expected five: minute hour day-of-month month "
                        "day-of-week",
                        expression, count, count == 1 ? "" : "s");
        return true;
}

/* A day of month that some wanted month has; February has 29 days every now and then. */
static bool date_exists(const struct cron *cron)
{
        for (int month = 1; month <= 12; month++) {
                int days = month == FEBRUARY ? 29 : civil_days_in_month(2001, month);

                if (cron->months >> month & 1 && cron->days & ((UINT64_C(1) << (days + 1)) - 1))
                        return true;
        }
        return false;
}

bool cron_parse(const char *expression, struct cron *ret_cron, struct error *err)
{
        char texts[N_FIELDS][FIELD_MAX_BYTES];
        uint64_t bits[N_FIELDS];
        struct cron cron;

        if (!split(expression, texts, err))
                return false;
        for (int i = 0; i < N_FIELDS; i++)
                if (!read_field(expression, &fields[i], texts[i], &bits[i], err))
                        return false;
        cron = (struct cron){
                .minutes = bits[MINUTE],
                .hours = (uint32_t)bits[HOUR],
                .days = (uint32_t)bits[DAY],
                .months = (uint32_t)bits[MONTH],
                .weekdays = (uint32_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f),
                .either_day = texts[DAY][0] != '*' && texts[WEEKDAY][0] != '*',
        };
        if (!cron.either_day && !date_exists(&cron))
                return error_set(err, ERROR_INPUT, NULL,
                                 "cron \"%s\": no such date ever comes; expected a day that the month has",
                                 expression);
        *ret_cron = cron;
        return true;
}

/* ---- when it starts ---- */

static bool day_matches(const struct cron *cron, const struct civil *local, int weekday)
{
        bool day = cron->days >> local->day & 1;
        bool of_week = cron->weekdays >> weekday & 1;

        if (!(cron->months >> local->month & 1))
                return false;
        return cron->either_day ? day || of_week : day && of_week;
}

/*
 * The first start after `after_ms` among those of the local day that begins at `midnight` (on the local
 * clock), from `minute` on; INT64_MAX when there is none. Along the local clock first occurrences only get
 * later: the first one that fits ends the search.
 */
static int64_t next_in_day(const struct cron *cron, const struct zone *zone, int64_t midnight, int minute,
                           int64_t after_ms)
{
        int64_t best = INT64_MAX;

        for (; minute < MINUTES_PER_DAY; minute++) {
                enum zone_local local_time;
                struct civil local;
                int64_t start;

                if (!(cron->hours >> minute / MINUTES_PER_HOUR & 1) ||
                    !(cron->minutes >> minute % MINUTES_PER_HOUR & 1))
                        continue;
                civil_from_ms(midnight + (int64_t)minute * MS_PER_MINUTE, &local);
                local_time = zone_to_utc(zone, &local, ZONE_FIRST, &start);
                if (start > after_ms)
                        return start < best ? start : best;
                if (local_time == ZONE_REPEATED && cron->hours == ALL_HOURS)
                        zone_to_utc(zone, &local, ZONE_SECOND, &start);
                if (start > after_ms && start < best)
                        best = start;
        }
        return best;
}

int64_t cron_next(const struct cron *cron, const struct zone *zone, int64_t after_ms)
{
        int64_t from = after_ms + zone_offset_at(zone, after_ms) * (int64_t)MS_PER_SECOND - LONGEST_GAP_MS;
        int64_t best = INT64_MAX, midnight;
        struct civil local;
        int minute, days_left = 2;

        civil_from_ms(from, &local);
        minute = local.hour * MINUTES_PER_HOUR + local.minute;
        local = (struct civil){.year = local.year, .month = local.month, .day = local.day};
        midnight = civil_to_ms(&local);
        /* Where the clocks are put back across midnight, the next day begins before this one has ended. */
        while (days_left > 0) {
                if (day_matches(cron, &local, civil_weekday(midnight))) {
                        int64_t start = next_in_day(cron, zone, midnight, minute, after_ms);

                        best = start < best ? start : best;
                }
                days_left -= best < INT64_MAX;
                midnight += MS_PER_DAY;
                minute = 0;
                civil_from_ms(midnight, &local);
        }
        return best;
}

bool cron_within(const struct cron *cron, int64_t duration_seconds, const struct zone *zone, int64_t now_ms)
{
        return cron_next(cron, zone, now_ms - duration_seconds * MS_PER_SECOND) <= now_ms;
}

bool cron_active(const char *expression, int64_t duration_seconds, const char *time_zone, int64_t now_ms,
                 bool *ret_active, struct error *err)
{
        autocall(zone_free) struct zone *zone = NULL;
        struct cron cron;

        if (!cron_parse(expression, &cron, err) || !zone_load(time_zone, &zone, err))
                return false;
        *ret_active = cron_within(&cron, duration_seconds, zone, now_ms);
        return true;
}
