/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What follows from runs: who was told the same comes to the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/memory.h"
#include "optimizer/run_history.h"

static struct knob knobs[] = {
        {.name = "workers", .role = KNOB_WORKERS, .operator_index = -1, .min = 1, .max = 40, .step = 1}};
static const struct pipeline pipeline = {.name = "nightly", .n_knobs = 1, .knobs = knobs};
static const struct run_terms terms = {.duration = true, .most_seconds = 1000};

struct stage {
        struct run_history history;
        struct run_review review;
        int64_t day;
};

static struct stage *open_stage(void)
{
        struct stage *stage = memory_new(1, sizeof *stage);

        run_history_init(&stage->history, &pipeline);
        return stage;
}

static void close_stage(struct stage *stage)
{
        run_history_clear(&stage->history);
        free(stage);
}

static bool tell(struct stage *stage, int64_t day, double workers, double seconds, bool failed)
{
        struct observation *seen = memory_new(1, sizeof *seen);
        bool added;

        observation_clear(seen, day * MS_PER_DAY, 1000, 1);
        seen->run = (struct run_observation){
                .periodic = true,
                .begun_ms = day * MS_PER_DAY,
                .ended_ms = day * MS_PER_DAY + (int64_t)(seconds * MS_PER_SECOND),
                .failed = failed,
                .worker_seconds = workers * seconds,
                .configuration = {.count = 1, .value = {workers}},
        };
        added = run_history_add(&stage->history, seen);
        free(seen);
        return added;
}

static void ran(struct stage *stage, double workers, double seconds, bool failed)
{
        assert_true(tell(stage, ++stage->day, workers, seconds, failed));
        run_review_make(&stage->history, &terms, &stage->review);
}

static const struct tried_setting *setting_of(const struct stage *stage, double workers)
{
        int index = run_review_find(&stage->review, &pipeline, &workers);

        assert_true(index >= 0);
        return &stage->review.settings[index];
}

static void test_a_run_counts_once(void **state)
{
        struct stage *stage = open_stage();

        (void)state;
        assert_true(tell(stage, 1, 4, 500, false));
        assert_false(tell(stage, 1, 4, 500, false));
        assert_true(tell(stage, 2, 4, 500, false));
        assert_false(tell(stage, 1, 4, 500, false));
        assert_int_equal(stage->history.count, 2);
        for (int64_t day = 3; day < 3 + RUN_HISTORY_MOST; day++)
                assert_true(tell(stage, day, 4, 500, false));
        assert_int_equal(stage->history.count, RUN_HISTORY_MOST);
        close_stage(stage);
}

/* The geometric mean of 400 and 484 is 440; their logarithms lie ln 1.21 apart, so their variance is half the
 * square of that. */
static void test_runs_of_one_setting_count_as_their_mean(void **state)
{
        struct stage *stage = open_stage();
        double squares = log(1.21) * log(1.21) / 2;

        (void)state;
        ran(stage, 4, 400, false);
        assert_float_equal(stage->review.noise, 0.05, 1e-12);
        ran(stage, 8, 450, false);
        ran(stage, 4, 484, false);
        assert_int_equal(stage->review.n, 2);
        assert_float_equal(setting_of(stage, 4)->value, 440, 1e-9);
        assert_float_equal(setting_of(stage, 4)->seconds, 442, 1e-9);
        assert_int_equal(stage->review.best, run_review_find(&stage->review, &pipeline, (double[]){4}));
        assert_float_equal(stage->review.noise, sqrt((2 * 0.05 * 0.05 + squares) / 3), 1e-12);
        close_stage(stage);
}

/* Half of the newest three decide. */
static void test_what_fails_or_takes_too_long_is_not_kept(void **state)
{
        struct stage *stage = open_stage();

        (void)state;
        ran(stage, 2, 1100, false);
        assert_false(setting_of(stage, 2)->kept);
        assert_string_equal(setting_of(stage, 2)->why_broken, "took too long");
        assert_int_equal(stage->review.best, -1);
        ran(stage, 4, 500, false);
        ran(stage, 4, 100, true);
        assert_true(setting_of(stage, 4)->kept);
        assert_float_equal(setting_of(stage, 4)->value, 500, 1e-9);
        ran(stage, 4, 100, true);
        assert_false(setting_of(stage, 4)->kept);
        assert_string_equal(setting_of(stage, 4)->why_broken, "failed");
        close_stage(stage);
}

static void test_a_job_that_has_changed_is_learnt_anew(void **state)
{
        struct stage *stage = open_stage();

        (void)state;
        ran(stage, 8, 300, false);
        for (int i = 0; i < 4; i++)
                ran(stage, 4, i % 2 ? 500 : 510, false);
        ran(stage, 4, 700, false);
        ran(stage, 4, 500, false); /* one night alone is none */
        ran(stage, 4, 800, false);
        ran(stage, 4, 810, false);
        assert_int_equal(stage->review.from, 0);
        ran(stage, 4, 805, false);
        assert_int_equal(stage->review.from, 7);
        assert_int_equal(stage->review.n, 1);
        assert_int_equal(setting_of(stage, 4)->runs, 3);
        /* Where to, should it take too long now. */
        assert_true(run_review_refuge(&stage->history, &stage->review)->values[0] == 8);
        close_stage(stage);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run_counts_once),
                cmocka_unit_test(test_runs_of_one_setting_count_as_their_mean),
                cmocka_unit_test(test_what_fails_or_takes_too_long_is_not_kept),
                cmocka_unit_test(test_a_job_that_has_changed_is_learnt_anew),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
