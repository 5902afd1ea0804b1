/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "controller/loop/turns.h"
#include "core/clock.h"
#include "core/memory.h"

#define S ((int64_t)MS_PER_SECOND)

static void regular_turns_keep_their_places(void **state)
{
        int64_t place = 7 * S;

        (void)state;
        assert_int_equal(turns_next_ms(&place, 60 * S, 7 * S, false), 67 * S);
        assert_int_equal(turns_next_ms(&place, 60 * S, 67 * S + 300, false), 127 * S);
        /* slept or worked through */
        assert_int_equal(turns_next_ms(&place, 60 * S, 500 * S, false), 547 * S);
        assert_int_equal(turns_next_ms(&place, 60 * S, 607 * S, false), 667 * S);
}

static void a_clock_that_was_set_back_begins_anew(void **state)
{
        int64_t place = 1000 * S;

        (void)state;
        assert_int_equal(turns_next_ms(&place, 60 * S, 400 * S, false), 460 * S);
        assert_int_equal(turns_next_ms(&place, 60 * S, 460 * S, false), 520 * S);
}

/* A quarter of the interval apart, five seconds at least, and never nearer than that to the regular one. */
static void who_is_unsure_looks_again_soon(void **state)
{
        static const struct {
                int64_t interval, at, next; /* seconds */
        } cases[] = {{60, 0, 15}, {60, 15, 30}, {60, 30, 60}, {60, 31, 60}, {15, 0, 5},    {15, 5, 15},
                     {10, 0, 10}, {5, 0, 5},    {1, 0, 1},    {20, 0, 5},   {600, 0, 150}, {600, 310, 600}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                int64_t place = 0;

                assert_int_equal(turns_next_ms(&place, cases[i].interval * S, cases[i].at * S, true),
                                 cases[i].next * S);
                assert_int_equal(place, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(regular_turns_keep_their_places),
                cmocka_unit_test(a_clock_that_was_set_back_begins_anew),
                cmocka_unit_test(who_is_unsure_looks_again_soon),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
