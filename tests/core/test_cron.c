/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/cron.h"
#include "core/series/series.h"

static int64_t instant(const char *text)
{
        struct error err = ERROR_INIT;
        int64_t ms = 0;

        if (!time_parse(text, NULL, &ms, &err))
                fail_msg("%s", err.message);
        return ms;
}

static struct cron parse(const char *expression)
{
        struct error err = ERROR_INIT;
        struct cron cron;

        if (!cron_parse(expression, &cron, &err))
                fail_msg("%s", err.message);
        return cron;
}

static void check_next(const char *zone_name, const char *after, const char *expression, const char *expected)
{
        autocall(zone_free) struct zone *zone = NULL;
        struct error err = ERROR_INIT;
        struct cron cron = parse(expression);
        int64_t next;
        char text[32];

        assert_true(zone_load(zone_name, &zone, &err));
        next = cron_next(&cron, zone, instant(after));
        time_format(next, text);
        if (next != instant(expected))
                fail_msg("\"%s\" in %s after %s: %s; expected %s", expression, zone_name, after, text,
                         expected);
}

/* robfig/cron v3 (the scheduler of Kubernetes' CronJob), spec_test.go, TestActivation, without the field of
 * seconds. Its
 * "?" is our "*". */
static void test_activation_vectors_of_kubernetes(void **state)
{
        static const struct {
                const char *time, *expression;
                bool active;
        } cases[] = {
                {"2012-07-09T15:00Z", "0/15 * * * *", true},
                {"2012-07-09T15:45Z", "0/15 * * * *", true},
                {"2012-07-09T15:40Z", "0/15 * * * *", false},
                {"2012-07-09T15:05Z", "5/15 * * * *", true},
                {"2012-07-09T15:20Z", "5/15 * * * *", true},
                {"2012-07-09T15:50Z", "5/15 * * * *", true},
                {"2012-07-15T15:00Z", "0/15 * * Jul *", true},
                {"2012-07-15T15:00Z", "0/15 * * Jun *", false},
                {"2012-07-15T08:30Z", "30 08 * Jul Sun", true},
                {"2012-07-15T08:30Z", "30 08 15 Jul *", true},
                {"2012-07-16T08:30Z", "30 08 * Jul Sun", false},
                {"2012-07-16T08:30Z", "30 08 15 Jul *", false},
                {"2012-07-15T00:00Z", "* * 1,15 * Sun", true},
                {"2012-06-15T00:00Z", "* * 1,15 * Sun", true},
                {"2012-08-01T00:00Z", "* * 1,15 * Sun", true},
                {"2012-07-15T00:00Z", "* * * * Mon", false},
                {"2012-07-15T00:00Z", "* * */10 * Sun", false},
                {"2012-07-09T00:00Z", "* * 1,15 * *", false},
                {"2012-07-15T00:00Z", "* * 1,15 * *", true},
                {"2012-07-15T00:00Z", "* * */2 * Sun", true},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = ERROR_INIT;
                bool active;

                assert_true(
                        cron_active(cases[i].expression, 60, NULL, instant(cases[i].time), &active, &err));
                if (active != cases[i].active)
                        fail_msg("\"%s\" at %s: %d", cases[i].expression, cases[i].time, active);
        }
}

/* The same file, TestNext, those without seconds. */
static void test_next_vectors_of_kubernetes(void **state)
{
        static const char *const cases[][3] = {
                {"2012-07-09T14:45Z", "0/15 * * * *", "2012-07-09T15:00Z"},
                {"2012-07-09T14:59Z", "0/15 * * * *", "2012-07-09T15:00Z"},
                {"2012-07-09T14:59:59Z", "0/15 * * * *", "2012-07-09T15:00Z"},
                {"2012-07-09T15:45Z", "20-35/15 * * * *", "2012-07-09T16:20Z"},
                {"2012-07-09T23:46Z", "*/15 * * * *", "2012-07-10T00:00Z"},
                {"2012-07-09T23:45Z", "20-35/15 * * * *", "2012-07-10T00:20Z"},
                {"2012-07-09T23:35Z", "0 0 9 Apr-Oct *", "2012-08-09T00:00Z"},
                {"2012-07-09T23:35Z", "0 0 */5 Apr,Aug,Oct Mon", "2012-08-06T00:00Z"},
                {"2012-07-09T23:35Z", "0 0 */5 Oct Mon", "2012-10-01T00:00Z"},
                {"2012-07-09T23:35Z", "0 0 * Feb Mon", "2013-02-04T00:00Z"},
                {"2012-07-09T23:35Z", "0 0 * Feb Mon/2", "2013-02-01T00:00Z"},
                {"2012-12-31T23:59:45Z", "* * * * *", "2013-01-01T00:00:00Z"},
                {"2012-07-09T23:35Z", "0 0 29 Feb *", "2016-02-29T00:00Z"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                check_next("UTC", cases[i][0], cases[i][1], cases[i][2]);
}

/* crontab(5): "30 4 1,15 * 5" is half past four on the 1st and the 15th, and on every Friday. January 2026
 * begins on a Thursday. */
static void test_either_day_is_enough(void **state)
{
        static const char *const starts[] = {"2026-01-01T04:30Z", "2026-01-02T04:30Z", "2026-01-09T04:30Z",
                                             "2026-01-15T04:30Z", "2026-01-16T04:30Z", "2026-01-23T04:30Z"};

        (void)state;
        check_next("UTC", "2025-12-31T00:00Z", "30 4 1,15 * 5", starts[0]);
        for (size_t i = 1; i < ARRAY_LENGTH(starts); i++)
                check_next("UTC", starts[i - 1], "30 4 1,15 * 5", starts[i]);
}

/* New York goes from 02:00 to 03:00 on 2012-03-11 (07:00 UTC): what should start at 02:30 starts at 03:00,
 * once. */
static void test_a_start_that_the_clocks_skip(void **state)
{
        (void)state;
        check_next("America/New_York", "2012-03-11T05:00Z", "30 2 * * *", "2012-03-11T07:00Z");
        check_next("America/New_York", "2012-03-11T07:00Z", "30 2 * * *", "2012-03-12T06:30Z");
        check_next("America/New_York", "2012-03-11T05:00Z", "*/20 2 * * *", "2012-03-11T07:00Z");
        check_next("America/New_York", "2012-03-11T07:00Z", "*/20 2 * * *", "2012-03-12T06:00Z");
        check_next("America/New_York", "2012-03-11T06:59Z", "*/20 * * * *", "2012-03-11T07:00Z");
        check_next("America/New_York", "2012-03-11T07:00Z", "*/20 * * * *", "2012-03-11T07:20Z");
}

/* ... and from 02:00 back to 01:00 on 2012-11-04 (06:00 UTC): 01:30 comes at 05:30 and at 06:30 UTC. */
static void test_a_start_that_comes_twice(void **state)
{
        (void)state;
        check_next("America/New_York", "2012-11-04T04:00Z", "30 1 * * *", "2012-11-04T05:30Z");
        check_next("America/New_York", "2012-11-04T05:30Z", "30 1 * * *", "2012-11-05T06:30Z");
        check_next("America/New_York", "2012-11-04T05:30Z", "30 0-1 * * *", "2012-11-05T05:30Z");
        check_next("America/New_York", "2012-11-04T05:30Z", "30 * * * *", "2012-11-04T06:30Z");
        check_next("America/New_York", "2012-11-04T05:59Z", "* * * * *", "2012-11-04T06:00Z");
        check_next("America/New_York", "2012-11-04T06:30Z", "* * * * *", "2012-11-04T06:31Z");
}

/* St. John's put its clocks back at 00:01 to 23:01 of the day before (2010-11-07T02:31Z); Samoa left out
 * 2011-12-30. */
static void test_changes_across_midnight(void **state)
{
        (void)state;
        check_next("America/St_Johns", "2010-11-07T02:29Z", "*/30 * * * *", "2010-11-07T02:30Z");
        check_next("America/St_Johns", "2010-11-07T02:30Z", "*/30 * * * *", "2010-11-07T03:00Z");
        check_next("America/St_Johns", "2010-11-07T02:30Z", "0 0 * * *", "2010-11-08T03:30Z");
        check_next("Pacific/Apia", "2011-12-29T12:00Z", "0 12 * * *", "2011-12-29T22:00Z");
        check_next("Pacific/Apia", "2011-12-29T22:00Z", "0 12 * * *", "2011-12-30T10:00Z");
        check_next("Pacific/Apia", "2011-12-30T10:00Z", "0 12 * * *", "2011-12-30T22:00Z");
}

/* Eight to nine on weekdays in Berlin: 07:00-08:00 UTC in winter, 06:00-07:00 in summer. 2026-01-09 is a
 * Friday. */
static void test_windows(void **state)
{
        static const struct {
                const char *time;
                bool active;
        } cases[] = {
                {"2026-01-09T06:59:59.999Z", false}, {"2026-01-09T07:00Z", true},
                {"2026-01-09T07:59:59.999Z", true},  {"2026-01-09T08:00Z", false},
                {"2026-01-10T07:30Z", false},        {"2026-07-10T06:30Z", true},
                {"2026-07-10T07:30Z", false},
        };
        struct error err = ERROR_INIT;
        bool active;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                assert_true(cron_active("0 8 * * 1-5", 3600, "Europe/Berlin", instant(cases[i].time), &active,
                                        &err));
                if (active != cases[i].active)
                        fail_msg("at %s: %d", cases[i].time, active);
        }
        /* A window longer than the distance of its starts is always open. */
        assert_true(cron_active("0 0 * * *", 2 * 86400, "Europe/Berlin", instant("2026-01-09T12:00Z"),
                                &active, &err));
        assert_true(active);
}

static void test_errors_name_the_field_and_what_was_expected(void **state)
{
        static const char *const cases[][2] = {
                {"* * * *", "has 4 fields; expected five"},
                {"* * * * * *", "has 6 fields; expected five"},
                {"", "has 0 fields"},
                {"60 * * * *", "minute: 60 is out of range; expected 0-59"},
                {"* 24 * * *", "hour: 24 is out of range; expected 0-23"},
                {"* * 0 * *", "day of month: 0 is out of range; expected 1-31"},
                {"* * * 13 *", "month: 13 is out of range; expected 1-12 or jan"},
                {"* * * * 8", "day of week: 8 is out of range; expected 0-7 or sun"},
                {"* * * * Sunday", "day of week: \"Sunday\" is not a value"},
                {"*/0 * * * *", "minute: a step is a whole number of at least 1"},
                {"*/ * * * *", "minute: a step is"},
                {"10-5 * * * *", "minute: the range ends before it begins"},
                {"1,,2 * * * *", "minute: \",2\" is not a value"},
                {"1, * * * *", "minute: \"\" is not a value"},
                {"1x * * * *", "minute: \"1x\" is not understood"},
                {"99999999999999999999 * * * *", "is out of range"},
                {"0 0 30 2 *", "no such date ever comes"},
                {"0 0 31 4,6,9,11 *", "no such date ever comes"},
                {"-1 * * * *", "minute: \"-1\" is not a value"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = ERROR_INIT;
                struct cron cron;

                assert_false(cron_parse(cases[i][0], &cron, &err));
                assert_int_equal(err.code, ERROR_INPUT);
                if (!strstr(err.message, cases[i][1]))
                        fail_msg("%s", err.message);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_activation_vectors_of_kubernetes),
                cmocka_unit_test(test_next_vectors_of_kubernetes),
                cmocka_unit_test(test_either_day_is_enough),
                cmocka_unit_test(test_a_start_that_the_clocks_skip),
                cmocka_unit_test(test_a_start_that_comes_twice),
                cmocka_unit_test(test_changes_across_midnight),
                cmocka_unit_test(test_windows),
                cmocka_unit_test(test_errors_name_the_field_and_what_was_expected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
