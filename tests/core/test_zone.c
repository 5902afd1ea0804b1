/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/text.h"
#include "core/zone.h"
#include "core/zone_rules.h"

static struct zone *load(const char *name)
{
        struct error err = ERROR_INIT;
        struct zone *zone = NULL;

        if (!zone_load(name, &zone, &err))
                fail_msg("%s", err.message);
        return zone;
}

/* The C library's own calendar, day by day over a whole era of 400 years. */
static void test_calendar_agrees_with_the_c_library(void **state)
{
        (void)state;
        for (int64_t day = -25567; day < 146097 - 25567; day++) {
                time_t seconds = (time_t)(day * 86400 + 86399);
                struct tm expected;
                struct civil civil;

                gmtime_r(&seconds, &expected);
                civil_from_ms(seconds * 1000LL + 999, &civil);
                assert_int_equal(civil.year, expected.tm_year + 1900);
                assert_int_equal(civil.month, expected.tm_mon + 1);
                assert_int_equal(civil.day, expected.tm_mday);
                assert_int_equal(civil.hour, 23);
                assert_int_equal(civil.second, 59);
                assert_int_equal(civil.millisecond, 999);
                assert_int_equal(civil_weekday(seconds * 1000LL), expected.tm_wday);
                assert_true(civil_to_ms(&civil) == seconds * 1000LL + 999);
                assert_true(civil_valid(&civil));
        }
}

/* As `date -u -d @-9223372036854776` of coreutils has them, and Java's Instant. */
static void test_the_first_and_the_last_instant(void **state)
{
        struct civil civil;

        (void)state;
        civil_from_ms(INT64_MIN, &civil);
        assert_int_equal(civil.year, -292275055);
        assert_int_equal(civil.month, 5);
        assert_int_equal(civil.day, 16);
        assert_int_equal(civil.hour, 16);
        assert_int_equal(civil.minute, 47);
        assert_int_equal(civil.second, 4);
        assert_int_equal(civil.millisecond, 192);
        civil_from_ms(INT64_MAX, &civil);
        assert_int_equal(civil.year, 292278994);
        assert_int_equal(civil.month, 8);
        assert_int_equal(civil.day, 17);
        assert_int_equal(civil.hour, 7);
        assert_int_equal(civil.minute, 12);
        assert_int_equal(civil.second, 55);
        assert_int_equal(civil.millisecond, 807);
}

static void test_impossible_dates_are_not_valid(void **state)
{
        static const struct civil wrong[] = {
                {2026, 2, 29, 0, 0, 0, 0}, {1900, 2, 29, 0, 0, 0, 0}, {2026, 4, 31, 0, 0, 0, 0},
                {2026, 13, 1, 0, 0, 0, 0}, {2026, 0, 1, 0, 0, 0, 0},  {2026, 1, 0, 0, 0, 0, 0},
                {2026, 1, 1, 24, 0, 0, 0}, {2026, 1, 1, 0, 60, 0, 0}, {2026, 1, 1, 0, 0, 60, 0},
                {0, 1, 1, 0, 0, 0, 0},     {10000, 1, 1, 0, 0, 0, 0},
        };
        static const struct civil leap_day = {2000, 2, 29, 0, 0, 0, 0};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
                assert_false(civil_valid(&wrong[i]));
        assert_true(civil_valid(&leap_day));
}

static int month_number(const char *name)
{
        static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

        return (int)(strstr(names, name) - names) / 3 + 1;
}

/* "Europe/Berlin  Sun Mar 30 01:00:00 2025 UT = Sun Mar 30 03:00:00 2025 CEST isdst=1 gmtoff=7200" */
static bool parse_zdump(const char *line, char name[64], struct civil *utc, struct civil *local, int *offset)
{
        char utc_month[4], local_month[4];
        int got = sscanf(line,
                         "%63s %*s %3s %d %d:%d:%d %d UT = %*s %3s %d %d:%d:%d %d %*s isdst=%*d gmtoff=%d",
                         name, utc_month, &utc->day, &utc->hour, &utc->minute, &utc->second, &utc->year,
                         local_month, &local->day, &local->hour, &local->minute, &local->second, &local->year,
                         offset);

        if (got != 14)
                return false;
        utc->month = month_number(utc_month);
        local->month = month_number(local_month);
        return true;
}

static void check_zdump_line(const struct zone *zone, const char *line, const struct civil *utc,
                             const struct civil *local, int offset)
{
        int64_t instant = civil_to_ms(utc);
        int64_t first, second;
        struct civil ours;

        if (zone_offset_at(zone, instant) != offset)
                fail_msg("offset %d here: %s", zone_offset_at(zone, instant), line);
        zone_to_local(zone, instant, &ours);
        assert_memory_equal(&ours, local, sizeof ours);
        assert_int_not_equal(zone_to_utc(zone, local, ZONE_FIRST, &first), ZONE_SKIPPED);
        zone_to_utc(zone, local, ZONE_SECOND, &second);
        if (first != instant && second != instant)
                fail_msg("not found from its local time: %s", line);
}

/* Compares with what the C library's zdump prints: the second before each change, and the second of the
 * change. */
static int check_zones(const char *zdump_command)
{
        char line[512], name[64], current[64] = "";
        struct civil utc = {0}, local = {0};
        struct zone *zone = NULL;
        int offset, checked = 0;
        FILE *zdump = popen(zdump_command, "r");

        assert_non_null(zdump);
        while (fgets(line, sizeof line, zdump)) {
                if (!parse_zdump(line, name, &utc, &local, &offset))
                        continue;
                if (strcmp(name, current) != 0) {
                        zone_free(zone);
                        zone = load(name);
                        memcpy(current, name, sizeof current);
                }
                check_zdump_line(zone, line, &utc, &local, offset);
                checked++;
        }
        zone_free(zone);
        assert_int_equal(pclose(zdump), 0);
        return checked;
}

static void skip_without(const char *path)
{
        if (access(path, R_OK) == 0)
                return;
        print_message("skipped: %s is absent\n", path);
        skip();
}

#define ZDUMP_ALL(years) "zdump -V -c " years " $(cut -f3 /usr/share/zoneinfo/zone1970.tab | grep -v '^#')"

/* Every change of every zone in the tz database, as installed: a table until 2037, then the rule. */
static void test_all_zones_agree_with_zdump(void **state)
{
        (void)state;
        skip_without("/usr/share/zoneinfo/zone1970.tab");
        skip_without("/usr/bin/zdump");
        assert_true(check_zones(ZDUMP_ALL("1970,2040")) > 30000);
}

/* The same compiled the way other distributions do, where the rule holds from the last change of law on. */
static void test_slim_files_agree_with_zdump(void **state)
{
        char folder[] = "/tmp/optctl-zones-XXXXXX";
        autofree char *compile = NULL, *discard = NULL;

        (void)state;
        skip_without("/usr/share/zoneinfo/tzdata.zi");
        skip_without("/usr/sbin/zic");
        assert_non_null(mkdtemp(folder));
        compile = memory_format("/usr/sbin/zic -b slim -d %s /usr/share/zoneinfo/tzdata.zi", folder);
        discard = memory_format("rm -r %s", folder);
        assert_int_equal(system(compile), 0);
        setenv("TZDIR", folder, 1);
        assert_true(check_zones(ZDUMP_ALL("2005,2027")) > 8000);
        unsetenv("TZDIR");
        assert_int_equal(system(discard), 0);
}

/* A file cut at any byte, or with any byte replaced, is refused or read, and never read beyond its end. */
static void test_damaged_files(void **state)
{
        autofree char *bytes = NULL;
        struct error err = ERROR_INIT;
        struct zone_rules rules;
        size_t length;

        (void)state;
        skip_without("/usr/share/zoneinfo/Europe/Dublin");
        assert_true(text_read_file("/usr/share/zoneinfo/Europe/Dublin", 1 << 20, &bytes, &length, &err));
        for (size_t cut = 0; cut < length; cut++) {
                autofree char *part = memory_new(cut, 1);

                memcpy(part, bytes, cut);
                assert_false(zone_rules_parse(part, cut, &rules));
        }
        for (size_t i = 0; i < length; i++) {
                char kept = bytes[i];

                bytes[i] = (char)0xff;
                if (zone_rules_parse(bytes, length, &rules))
                        assert_in_range(zone_rules_offset(&rules, 1750000000) + 26 * 3600, 0, 52 * 3600);
                zone_rules_free(&rules);
                bytes[i] = kept;
        }
}

/* Berlin, 2026: clocks go from 02:00 to 03:00 on 29 March and from 03:00 to 02:00 on 25 October, both at
 * 01:00 UTC. */
static void test_gap_and_fold(void **state)
{
        static const struct civil gap = {2026, 3, 29, 2, 30, 0, 0}, fold = {2026, 10, 25, 2, 30, 0, 0};
        static const struct civil gap_end = {2026, 3, 29, 1, 0, 0, 0}, noon = {2026, 7, 1, 12, 0, 0, 0};
        autocall(zone_free) struct zone *berlin = load("Europe/Berlin");
        int64_t first, second;

        (void)state;
        assert_int_equal(zone_to_utc(berlin, &gap, ZONE_FIRST, &first), ZONE_SKIPPED);
        assert_true(first == civil_to_ms(&gap_end));
        assert_int_equal(zone_to_utc(berlin, &fold, ZONE_FIRST, &first), ZONE_REPEATED);
        assert_int_equal(zone_to_utc(berlin, &fold, ZONE_SECOND, &second), ZONE_REPEATED);
        assert_true(first == civil_to_ms(&fold) - 2 * MS_PER_HOUR);
        assert_true(second == civil_to_ms(&fold) - MS_PER_HOUR);
        assert_int_equal(zone_to_utc(berlin, &noon, ZONE_SECOND, &first), ZONE_UNIQUE);
        assert_true(first == civil_to_ms(&noon) - 2 * MS_PER_HOUR);
}

/* Samoa went over the date line: there was no 30 December 2011; the 31st began at 10:00 UTC on the 30th. */
static void test_a_day_that_was_left_out(void **state)
{
        static const struct civil none = {2011, 12, 30, 12, 0, 0, 0}, change = {2011, 12, 30, 10, 0, 0, 0};
        autocall(zone_free) struct zone *apia = load("Pacific/Apia");
        int64_t instant;

        (void)state;
        assert_int_equal(zone_to_utc(apia, &none, ZONE_FIRST, &instant), ZONE_SKIPPED);
        assert_true(instant == civil_to_ms(&change));
}

static void test_utc_by_any_of_its_names(void **state)
{
        static const char *const names[] = {NULL, "", "UTC", "Etc/UTC"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                autocall(zone_free) struct zone *zone = load(names[i]);

                assert_int_equal(zone_offset_at(zone, 1750000000000), 0);
        }
}

static void test_unknown_zones_are_refused(void **state)
{
        static const char *const names[] = {"Europe/Berlino", "../../../etc/passwd",
                                            "/etc/localtime", "zone.tab",
                                            "Europe",         "+02:00"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                struct error err = ERROR_INIT;
                struct zone *zone = NULL;

                assert_false(zone_load(names[i], &zone, &err));
                assert_null(zone);
                assert_int_equal(err.code, ERROR_INPUT);
                assert_non_null(strstr(err.message, names[i]));
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_calendar_agrees_with_the_c_library),
                cmocka_unit_test(test_the_first_and_the_last_instant),
                cmocka_unit_test(test_impossible_dates_are_not_valid),
                cmocka_unit_test(test_all_zones_agree_with_zdump),
                cmocka_unit_test(test_slim_files_agree_with_zdump),
                cmocka_unit_test(test_damaged_files),
                cmocka_unit_test(test_gap_and_fold),
                cmocka_unit_test(test_a_day_that_was_left_out),
                cmocka_unit_test(test_utc_by_any_of_its_names),
                cmocka_unit_test(test_unknown_zones_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
