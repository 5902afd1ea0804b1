/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/study/workers.h"
#include "core/clock.h"

#define JOBS 500

struct list {
        int done[JOBS];
        size_t bad, worse; /* jobs that fail; JOBS: none */
};

static bool do_one(void *context, size_t index, struct error *err)
{
        struct list *list = context;

        list->done[index]++;
        if (index == list->bad || index == list->worse)
                return error_set(err, ERROR_NUMERIC, NULL, "job %zu", index);
        return true;
}

static void every_job_is_done_once_by_any_number_of_threads(void **state)
{
        static const size_t threads[] = {0, 1, 2, 7, 64, JOBS + 1};

        (void)state;
        for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
                struct list list = {.bad = JOBS, .worse = JOBS};
                struct error err = ERROR_INIT;

                assert_true(workers_run(JOBS, threads[i], do_one, &list, NULL, &err));
                for (size_t job = 0; job < JOBS; job++)
                        assert_int_equal(list.done[job], 1);
        }
}

static void nothing_to_do_is_done(void **state)
{
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(workers_run(0, 4, do_one, NULL, NULL, &err));
}

/* Jobs are dealt out in order, so one that fails has every earlier one begun before it: whoever fails first
 * by the clock, it is the first by number that is told, and what comes after is not begun. */
static void the_first_failure_by_number_is_told(void **state)
{
        static const size_t threads[] = {1, 2, 7};

        (void)state;
        for (size_t round = 0; round < 60; round++) {
                struct list list = {.bad = 21, .worse = 20};
                struct error err = ERROR_INIT;

                assert_false(workers_run(JOBS, threads[round % 3], do_one, &list, NULL, &err));
                assert_string_equal(err.message, "job 20");
                for (size_t job = 0; job < JOBS; job++)
                        assert_true(list.done[job] <= 1);
                assert_int_equal(list.done[0], 1);
                if (threads[round % 3] == 1)
                        assert_int_equal(list.done[21], 0);
        }
}

/* Last: a stop cannot be taken back. */
static void a_stop_ends_the_work(void **state)
{
        struct list list = {.bad = JOBS, .worse = JOBS};
        struct error err = ERROR_INIT;

        (void)state;
        clock_stop();
        assert_false(workers_run(JOBS, 2, do_one, &list, NULL, &err));
        assert_int_equal(err.code, ERROR_INTERRUPTED);
        assert_int_equal(error_exit_status(&err), 3);
        for (size_t job = 0; job < JOBS; job++)
                assert_int_equal(list.done[job], 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_job_is_done_once_by_any_number_of_threads),
                cmocka_unit_test(nothing_to_do_is_done),
                cmocka_unit_test(the_first_failure_by_number_is_told),
                cmocka_unit_test(a_stop_ends_the_work),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
