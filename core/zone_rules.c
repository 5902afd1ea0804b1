/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/zone_rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/zone.h"

#define SECONDS_PER_DAY  86400
#define HEADER_BYTES     44
#define MAX_CHANGES      2000
#define MAX_OFFSET_HOURS 25  /* RFC 9636, 3.2 */
#define MAX_CHANGE_HOURS 167 /* RFC 9636, 3.3.2 */

struct counts {
        uint32_t is_ut, is_standard, leaps, changes, types, characters;
};

/* Big-endian, signed. */
static int64_t read_number(const unsigned char *bytes, int width)
{
        uint64_t value = bytes[0] & 0x80 ? UINT64_MAX : 0;

        for (int i = 0; i < width; i++)
                value = value << 8 | bytes[i];
        return (int64_t)value;
}

static bool read_header(const unsigned char *bytes, size_t length, struct counts *counts)
{
        uint32_t values[6];

        if (length < HEADER_BYTES || memcmp(bytes, "TZif", 4) != 0 || bytes[4] < '2')
                return false;
        for (size_t i = 0; i < 6; i++)
                values[i] = (uint32_t)read_number(bytes + 20 + 4 * i, 4);
        *counts = (struct counts){values[0], values[1], values[2], values[3], values[4], values[5]};
        return counts->changes <= MAX_CHANGES && counts->types >= 1 && counts->types <= 256 &&
               counts->characters <= 1024 && counts->leaps <= 1024 && counts->is_ut <= 256 &&
               counts->is_standard <= 256;
}

static size_t body_bytes(const struct counts *counts, size_t time_bytes)
{
        return counts->changes * (time_bytes + 1) + counts->types * (size_t)6 + counts->characters +
               counts->leaps * (time_bytes + 4) + counts->is_standard + counts->is_ut;
}

/* ---- the rule after the last change: POSIX TZ, "CET-1CEST,M3.5.0,M10.5.0/3" ---- */

static bool read_digits(const char **at, int limit, int *ret_value)
{
        int value = 0;

        if (!isdigit((unsigned char)**at))
                return false;
        for (; isdigit((unsigned char)**at) && value <= limit; (*at)++)
                value = value * 10 + (**at - '0');
        if (value > limit)
                return false;
        *ret_value = value;
        return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_clock(const char **at, int max_hours, int *ret_seconds)
{
        int sign = **at == '-' ? -1 : 1;
        int hours, minutes = 0, seconds = 0;

        if (**at == '-' || **at == '+')
                (*at)++;
        if (!read_digits(at, max_hours, &hours))
                return false;
        if (**at == ':') {
                (*at)++;
                if (!read_digits(at, 59, &minutes))
                        return false;
                if (**at == ':') {
                        (*at)++;
                        if (!read_digits(at, 59, &seconds))
                                return false;
                }
        }
        *ret_seconds = sign * (hours * 3600 + minutes * 60 + seconds);
        return true;
}

/* "CET" or "<+0545>": not used, only passed over. */
static bool skip_name(const char **at)
{
        const char *start = *at;

        if (**at == '<') {
                const char *end = strchr(*at, '>');

                *at = end ? end + 1 : *at;
                return end != NULL;
        }
        while (isalpha((unsigned char)**at))
                (*at)++;
        return *at - start >= 3;
}

static bool read_number_after(const char **at, char mark, int from, int to, int *ret_value)
{
        if (**at != mark)
                return false;
        (*at)++;
        return read_digits(at, to, ret_value) && *ret_value >= from;
}

/* ",M3.5.0/2", ",J60", ",59/-1" */
static bool read_change(const char **at, struct zone_change *change)
{
        *change = (struct zone_change){.seconds = 2 * 3600};
        if (*(*at)++ != ',')
                return false;
        if (**at == 'M') {
                change->kind = ZONE_DAY_OF_MONTH;
                if (!read_number_after(at, 'M', 1, 12, &change->month) ||
                    !read_number_after(at, '.', 1, 5, &change->week) ||
                    !read_number_after(at, '.', 0, 6, &change->day))
                        return false;
        } else if (**at == 'J') {
                change->kind = ZONE_DAY_WITHOUT_LEAP;
                if (!read_number_after(at, 'J', 1, 365, &change->day))
                        return false;
                change->day--;
        } else if (!read_digits(at, 365, &change->day)) {
                return false;
        }
        if (**at != '/')
                return true;
        (*at)++;
        return read_clock(at, MAX_CHANGE_HOURS, &change->seconds);
}

static bool read_rule(const char *at, struct zone_rules *rules)
{
        int west;

        rules->has_rule = *at != '\0';
        if (!rules->has_rule)
                return true;
        if (!skip_name(&at) || !read_clock(&at, MAX_OFFSET_HOURS, &west))
                return false;
        rules->standard = -west;
        rules->has_summer = *at != '\0';
        if (!rules->has_summer)
                return true;
        if (!skip_name(&at))
                return false;
        rules->summer = rules->standard + 3600;
        if (*at != ',') {
                if (!read_clock(&at, MAX_OFFSET_HOURS, &west))
                        return false;
                rules->summer = -west;
        }
        return read_change(&at, &rules->summer_start) && read_change(&at, &rules->summer_end) && *at == '\0';
}

/* ---- the file ---- */

static bool read_table(const unsigned char *body, const struct counts *counts, struct zone_rules *rules)
{
        const unsigned char *kinds = body + counts->changes * (size_t)8;
        const unsigned char *types = kinds + counts->changes;

        rules->count = counts->changes;
        rules->at = memory_new(rules->count, sizeof *rules->at);
        rules->offset = memory_new(rules->count, sizeof *rules->offset);
        rules->offset_before = (int)read_number(types, 4);
        for (size_t i = 0; i < rules->count; i++) {
                if (kinds[i] >= counts->types)
                        return false;
                rules->at[i] = read_number(body + i * 8, 8);
                rules->offset[i] = (int)read_number(types + kinds[i] * (size_t)6, 4);
                if ((i > 0 && rules->at[i] <= rules->at[i - 1]) ||
                    abs(rules->offset[i]) > (MAX_OFFSET_HOURS + 1) * 3600)
                        return false;
        }
        return abs(rules->offset_before) <= (MAX_OFFSET_HOURS + 1) * 3600;
}

/* "\nTZ\n" at the end of the file. */
static bool read_footer(const char *bytes, size_t length, struct zone_rules *rules)
{
        char rule[128];

        if (length < 2 || length - 2 >= sizeof rule || bytes[0] != '\n' || bytes[length - 1] != '\n')
                return false;
        memcpy(rule, bytes + 1, length - 2);
        rule[length - 2] = '\0';
        return strlen(rule) == length - 2 && read_rule(rule, rules);
}

/* The first body holds times of 32 bits for readers of old; the second one is ours. */
static bool parse(const char *bytes, size_t length, struct zone_rules *rules)
{
        const unsigned char *data = (const unsigned char *)bytes;
        struct counts counts;
        size_t start, end;

        if (!read_header(data, length, &counts))
                return false;
        start = HEADER_BYTES + body_bytes(&counts, 4);
        if (start > length || !read_header(data + start, length - start, &counts))
                return false;
        start += HEADER_BYTES;
        end = start + body_bytes(&counts, 8);
        return end <= length && read_table(data + start, &counts, rules) &&
               read_footer(bytes + end, length - end, rules);
}

bool zone_rules_parse(const char *bytes, size_t length, struct zone_rules *ret_rules)
{
        *ret_rules = (struct zone_rules){0};
        if (parse(bytes, length, ret_rules))
                return true;
        zone_rules_free(ret_rules);
        return false;
}

void zone_rules_free(struct zone_rules *rules)
{
        free(rules->at);
        free(rules->offset);
        *rules = (struct zone_rules){0};
}

/* ---- what is in force ---- */

static int64_t midnight(int year, int month, int day)
{
        return civil_to_ms(&(struct civil){.year = year, .month = month, .day = day}) / 1000;
}

/* Local time of a change in a year, as seconds since 1970 on the local clock. */
static int64_t change_in_year(const struct zone_change *change, int year)
{
        bool leap = civil_days_in_month(year, 2) == 29;
        int64_t first, day;

        if (change->kind != ZONE_DAY_OF_MONTH) {
                /* 1 March is day 59 of a year without a leap day. */
                day = change->day + (change->kind == ZONE_DAY_WITHOUT_LEAP && leap && change->day >= 59);
                return midnight(year, 1, 1) + day * SECONDS_PER_DAY + change->seconds;
        }
        first = midnight(year, change->month, 1);
        day = (change->day - civil_weekday(first * 1000) + 7) % 7 + 7 * (change->week - 1);
        if (day >= civil_days_in_month(year, change->month))
                day -= 7;
        return first + day * SECONDS_PER_DAY + change->seconds;
}

static int offset_by_rule(const struct zone_rules *rules, int64_t utc_seconds)
{
        struct civil local;
        int64_t start, end;
        bool summer;

        if (!rules->has_summer)
                return rules->standard;
        civil_from_ms((utc_seconds + rules->standard) * 1000, &local);
        start = change_in_year(&rules->summer_start, local.year) - rules->standard;
        end = change_in_year(&rules->summer_end, local.year) - rules->summer;
        if (start < end)
                summer = utc_seconds >= start && utc_seconds < end;
        else
                summer = utc_seconds >= start || utc_seconds < end;
        return summer ? rules->summer : rules->standard;
}

int zone_rules_offset(const struct zone_rules *rules, int64_t utc_seconds)
{
        size_t low = 0, high = rules->count; /* number of changes at or before the instant */

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (rules->at[middle] <= utc_seconds)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == rules->count && rules->has_rule)
                return offset_by_rule(rules, utc_seconds);
        return low ? rules->offset[low - 1] : rules->offset_before;
}
