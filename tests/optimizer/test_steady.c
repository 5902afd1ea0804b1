/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "optimizer/steady.h"

#define START_MS INT64_C(1767571200000)

/* What ran when it began may be needed: that is known once it has been watched for as long as is kept. */
static void nothing_is_known_at_first(void **state)
{
        struct steady steady;

        (void)state;
        steady_init(&steady, 240);
        assert_true(isinf(steady_needed(&steady, START_MS)));
        steady_note(&steady, START_MS, 100);
        assert_true(isinf(steady_needed(&steady, START_MS + 239 * 1000)));
        assert_float_equal(steady_needed(&steady, START_MS + 240 * 1000), 100, 0);
}

/* The most of the last 240 s, to a thirty-second part of that. */
static void the_most_is_kept_for_its_time(void **state)
{
        struct steady steady;

        (void)state;
        steady_init(&steady, 240);
        for (int second = 0; second < 900; second += 15) {
                double expected = second < 300 || second >= 555 ? 100 : 500;

                steady_note(&steady, START_MS + second * 1000, second == 300 ? 500 : 100);
                if (second >= 240)
                        assert_float_equal(steady_needed(&steady, START_MS + second * 1000), expected, 0);
        }
}

/* A gap longer than what is kept leaves nothing of what was before. */
static void a_gap_is_not_bridged(void **state)
{
        struct steady steady;

        (void)state;
        steady_init(&steady, 240);
        steady_note(&steady, START_MS, 500);
        steady_note(&steady, START_MS + 3600 * 1000, 100);
        assert_float_equal(steady_needed(&steady, START_MS + 3600 * 1000), 100, 0);
        steady_note(&steady, START_MS + 3610 * 1000, NAN);
        assert_float_equal(steady_needed(&steady, START_MS + 3610 * 1000), 100, 0);
}

/* Nobody knows how long before the new time the old loads were: for as long as is kept nothing is known. */
static void a_clock_that_is_set_back_begins_anew(void **state)
{
        const int64_t back_ms = START_MS - INT64_C(86400000);
        struct steady steady;

        (void)state;
        steady_init(&steady, 240);
        steady_note(&steady, START_MS, 500);
        steady_note(&steady, back_ms, 100);
        assert_true(isinf(steady_needed(&steady, back_ms + 239 * 1000)));
        assert_float_equal(steady_needed(&steady, back_ms + 240 * 1000), 100, 0);
}

static void nothing_is_kept_when_told_so(void **state)
{
        struct steady steady;

        (void)state;
        steady_init(&steady, 0);
        steady_note(&steady, START_MS, 500);
        assert_float_equal(steady_needed(&steady, START_MS), 0, 0);
}

/* Whole workers: of up to six each one is; of ten, two are. */
static void a_change_is_worth_its_name(void **state)
{
        (void)state;
        assert_true(steady_is_notable(1, 2));
        assert_true(steady_is_notable(6, 7));
        assert_false(steady_is_notable(7, 8));
        assert_false(steady_is_notable(10, 11));
        assert_true(steady_is_notable(10, 12));
        assert_false(steady_is_notable(11, 10));
        assert_true(steady_is_notable(12, 10));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_known_at_first),
                cmocka_unit_test(the_most_is_kept_for_its_time),
                cmocka_unit_test(a_gap_is_not_bridged),
                cmocka_unit_test(nothing_is_kept_when_told_so),
                cmocka_unit_test(a_change_is_worth_its_name),
                cmocka_unit_test(a_clock_that_is_set_back_begins_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
