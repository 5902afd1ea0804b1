/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands out in batch runs that were made to have one fault each: seconds at stake by arithmetic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sim/batch_advice.h"
#include "tests/support/batch_scene.h"

static size_t advise(const struct batch_run *run, struct batch_advice *advice)
{
        const struct batch_cluster as_measured = {.stretch = 1};
        autocall(batch_model_free) struct batch_model *model = NULL;
        struct batch_replay replay;
        struct error err = ERROR_INIT;
        size_t count;

        if (!batch_model_new(run, &model, &err) || !batch_replay(model, &as_measured, &replay, &err))
                fail_msg("%s", err.message);
        count = batch_advise(model, &replay, advice);
        for (size_t i = 1; i < count; i++)
                assert_true(advice[i - 1].seconds >= advice[i].seconds);
        return count;
}

static const struct batch_advice *find(const struct batch_advice *advice, size_t count,
                                       enum batch_advice_kind kind)
{
        for (size_t i = 0; i < count; i++) {
                if (advice[i].kind == kind)
                        return &advice[i];
        }
        fail_msg("no advice of kind %s", batch_advice_names[kind]);
        return advice;
}

/* One stage from start to end of a run on one executor with `cores`. */
static struct batch_run *one_stage(int64_t cores, int64_t to_ms)
{
        struct batch_run *run = run_new(1, cores, 0);

        add_job(run, 0, 0, to_ms, 1, (int64_t[]){0});
        add_stage(run, 0, 0, to_ms, 0, NULL);
        run->ended_ms = START + to_ms;
        return run;
}

/* Seven tasks of 1 s and one of 8 s on four slots: 15 s of work would take 3.75 s. */
static void skew(void **state)
{
        autocall(batch_run_free) struct batch_run *run = one_stage(4, 9000);
        struct batch_advice advice[BATCH_ADVICE_MAX];
        const struct batch_advice *found;
        size_t count;

        (void)state;
        for (uint32_t i = 0; i < 7; i++)
                add_task(run, 0, 0, i / 4 * 1000, 1000);
        add_task(run, 0, 0, 1000, 8000);
        count = advise(run, advice);
        found = find(advice, count, BATCH_ADVICE_SKEW);
        assert_float_equal(found->seconds, 8 - 3.75, 1e-9);
        assert_non_null(strstr(found->words, "stage 0 (?): the longest of 8 tasks took 8 s, the median 1 s"));
        /* 21 of 36 slot seconds */
        assert_non_null(
                strstr(find(advice, count, BATCH_ADVICE_IDLE)->words, "58 % of what executors are paid for"));
}

/* Three tasks of 4 s on twelve slots could be twelve of 1 s. */
static void few_tasks(void **state)
{
        autocall(batch_run_free) struct batch_run *run = one_stage(12, 4000);
        struct batch_advice advice[BATCH_ADVICE_MAX];
        const struct batch_advice *found;

        (void)state;
        for (uint32_t i = 0; i < 3; i++)
                add_task(run, 0, 0, 0, 4000);
        found = find(advice, advise(run, advice), BATCH_ADVICE_FEW_TASKS);
        assert_float_equal(found->seconds, 3, 1e-9);
}

/* A hundred tasks of 50 ms, of which they work for 10: 96 of them need not be. */
static void small_tasks(void **state)
{
        autocall(batch_run_free) struct batch_run *run = one_stage(1, 5000);
        struct batch_advice advice[BATCH_ADVICE_MAX];
        const struct batch_advice *found;

        (void)state;
        for (uint32_t i = 0; i < 100; i++) {
                add_task(run, 0, 0, i * 50, 50);
                run->stages[0].tasks[i].run_ms = 10;
        }
        found = find(advice, advise(run, advice), BATCH_ADVICE_SMALL_TASKS);
        assert_float_equal(found->seconds, 5 * 0.8 * 0.96, 1e-9);
        assert_int_equal(advise(run, advice), 1);
}

/* 300 MB spilled, and a quarter of the time went into garbage, before the driver took 30 s. */
static void memory_and_driver(void **state)
{
        autocall(batch_run_free) struct batch_run *run = one_stage(1, 20000);
        struct batch_advice advice[BATCH_ADVICE_MAX];
        size_t count;

        (void)state;
        for (uint32_t i = 0; i < 4; i++)
                add_task(run, 0, 0, i * 5000, 5000);
        run->stages[0].totals =
                (struct batch_totals){.run_ms = 20000, .gc_ms = 5000, .spilled_disk_bytes = 300000000};
        run->ended_ms = START + 50000;
        count = advise(run, advice);
        assert_int_equal(count, 4);
        assert_int_equal(advice[0].kind, BATCH_ADVICE_DRIVER);
        assert_float_equal(advice[0].seconds, 30, 1e-9);
        assert_non_null(strstr(find(advice, count, BATCH_ADVICE_SPILL)->words, "300 MB were spilled"));
        assert_float_equal(find(advice, count, BATCH_ADVICE_GARBAGE)->seconds, 5, 1e-9);
        find(advice, count, BATCH_ADVICE_IDLE);
}

/* An even stage that keeps all slots busy: nothing to say. */
static void nothing_to_say(void **state)
{
        autocall(batch_run_free) struct batch_run *run = one_stage(2, 10000);
        struct batch_advice advice[BATCH_ADVICE_MAX];

        (void)state;
        for (uint32_t i = 0; i < 20; i++)
                add_task(run, 0, 0, i / 2 * 1000, 1000);
        assert_int_equal(advise(run, advice), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(skew),           cmocka_unit_test(few_tasks),
                cmocka_unit_test(small_tasks),    cmocka_unit_test(memory_and_driver),
                cmocka_unit_test(nothing_to_say),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
