/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replay of batch runs: schedules worked out by hand, Graham's bounds, and logs of real Spark applications
 * (those of others are skipped where they are absent), whose own run time it must find again.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/random.h"
#include "sim/batch_replay.h"
#include "tests/support/batch_scene.h"

static struct batch_replay replay(const struct batch_run *run, int64_t executors, int64_t cores)
{
        const struct batch_cluster cluster = {.executors = executors, .cores = cores, .stretch = 1};
        autocall(batch_model_free) struct batch_model *model = NULL;
        struct batch_replay result = {0};
        struct error err = ERROR_INIT;

        if (!batch_model_new(run, &model, &err) || !batch_replay(model, &cluster, &result, &err))
                fail_msg("%s", err.message);
        return result;
}

/* ---- by hand ---- */

/*
 * Executors come after 5 s. The driver takes 10 s, then 12 tasks of 2 s run on 2 x 2 slots in three waves,
 * 100 ms from one to the next; the stage ends 50 ms after the last, the job 30 ms later, and the application
 * after 1 s.
 */
static struct batch_run *waves(void)
{
        struct batch_run *run = run_new(2, 2, 5000);

        add_job(run, 0, 10000, 16300, 1, (int64_t[]){0});
        add_stage(run, 0, 10010, 16270, 0, NULL);
        for (uint32_t i = 0; i < 12; i++)
                add_task(run, 0, i % 2, 10020 + i / 4 * 2100, 2000);
        run->ended_ms = START + 17300;
        return run;
}

static void in_waves(void **state)
{
        autocall(batch_run_free) struct batch_run *run = waves();
        struct batch_replay result = replay(run, 0, 0);

        (void)state;
        assert_float_equal(result.seconds, 17.3, 1e-9);
        assert_float_equal(result.busy_seconds, 24, 1e-9);
        assert_float_equal(result.executor_seconds, 2 * 12.3, 1e-9);
        assert_float_equal(result.slot_seconds, 4 * 12.3, 1e-9);
        assert_int_equal(result.executors, 2);
        assert_int_equal(result.slots, 4);
        /* six waves and five handovers; all at once; twelve waves on one core */
        assert_float_equal(replay(run, 1, 0).seconds, 17.3 + 3 * 2.1, 1e-9);
        assert_float_equal(replay(run, 6, 2).seconds, 17.3 - 2 * 2.1, 1e-9);
        assert_float_equal(replay(run, 1000, 2).seconds, 17.3 - 2 * 2.1, 1e-9);
        assert_float_equal(replay(run, 1, 1).seconds, 17.3 + 9 * 2.1, 1e-9);
        assert_float_equal(replay(run, 6, 2).executor_seconds, 6 * (13.1 - 5), 1e-9);
}

/* A task takes so many cores: four of them hold two tasks. */
static void tasks_of_two_cores(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 4, 0);
        struct batch_cluster cluster = {.executors = 2, .cores = 1, .stretch = 1};
        autocall(batch_model_free) struct batch_model *model = NULL;
        struct batch_replay result;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(batch_run_set(run, "spark.task.cpus", "2", &err));
        add_job(run, 0, 0, 2000, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 2000, 0, NULL);
        for (uint32_t i = 0; i < 4; i++)
                add_task(run, 0, 0, i / 2 * 1000, 1000);
        run->ended_ms = START + 2000;
        assert_float_equal(replay(run, 0, 0).seconds, 2, 1e-9);
        assert_float_equal(replay(run, 1, 2).seconds, 4, 1e-9);
        assert_float_equal(replay(run, 1, 8).seconds, 1, 1e-9);
        assert_true(batch_model_new(run, &model, &err));
        assert_false(batch_replay(model, &cluster, &result, &err));
        assert_string_equal(err.message, "an executor with 1 cores has no room for a task that takes 2");
        cluster.executors = 10001;
        assert_false(batch_replay(model, &cluster, &result, &err));
        assert_int_equal(err.code, ERROR_INPUT);
}

/* One task of ten takes 10 s, the others 1 s, the long one last: more executors cannot help beyond it. */
static void skewed(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 1, 0);

        (void)state;
        add_job(run, 0, 0, 19000, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 19000, 0, NULL);
        for (uint32_t i = 0; i < 9; i++)
                add_task(run, 0, 0, i * 1000, 1000);
        add_task(run, 0, 0, 9000, 10000);
        run->ended_ms = START + 19000;
        assert_float_equal(replay(run, 0, 0).seconds, 19, 1e-9);
        assert_float_equal(replay(run, 3, 1).seconds, 13, 1e-9);
        assert_float_equal(replay(run, 10, 1).seconds, 10, 1e-9);
        assert_float_equal(replay(run, 100, 1).seconds, 10, 1e-9);
}

/* Stages 0 (4 x 1 s) and 1 (2 x 3 s) feed 2 (1 x 1 s). On two slots: 0 first, then 1. On six both at once. */
static void stages_side_by_side(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(2, 1, 0);

        (void)state;
        add_job(run, 0, 0, 6000, 3, (int64_t[]){0, 1, 2});
        add_stage(run, 0, 0, 2000, 0, NULL);
        add_stage(run, 1, 0, 5000, 0, NULL);
        add_stage(run, 2, 5000, 6000, 2, (int64_t[]){0, 1});
        for (uint32_t i = 0; i < 4; i++)
                add_task(run, 0, i % 2, i / 2 * 1000, 1000);
        for (uint32_t i = 0; i < 2; i++)
                add_task(run, 1, i, 2000, 3000);
        add_task(run, 2, 0, 5000, 1000);
        run->ended_ms = START + 6000;
        assert_float_equal(replay(run, 0, 0).seconds, 6, 1e-9);
        assert_float_equal(replay(run, 6, 1).seconds, 3 + 1, 1e-9);
        assert_float_equal(replay(run, 1, 1).seconds, 4 + 6 + 1, 1e-9);
}

/* Two jobs at the same time, from two threads of the driver, and one that needs both and 0.5 s of the driver.
 */
static void jobs_that_wait_for_jobs(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(2, 1, 0);

        (void)state;
        add_job(run, 0, 1000, 3000, 1, (int64_t[]){0});
        add_job(run, 1, 1000, 5000, 1, (int64_t[]){1});
        add_job(run, 2, 5500, 6500, 1, (int64_t[]){2});
        add_stage(run, 0, 1000, 3000, 0, NULL);
        add_stage(run, 1, 1000, 5000, 0, NULL);
        add_stage(run, 2, 5500, 6500, 0, NULL);
        add_task(run, 0, 0, 1000, 2000);
        add_task(run, 1, 1, 1000, 4000);
        add_task(run, 2, 0, 5500, 1000);
        run->ended_ms = START + 7000;
        assert_float_equal(replay(run, 0, 0).seconds, 7, 1e-9);
        assert_float_equal(replay(run, 1, 1).seconds, 1 + 2 + 4 + 0.5 + 1 + 0.5, 1e-9);
        assert_float_equal(replay(run, 0, 0).driver_seconds, 1 + 0.5 + 0.5, 1e-9);
}

/* The second executor comes when half of the tasks are done, and the first leaves when they are. */
static void executors_come_and_go(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(2, 1, 0);

        (void)state;
        run->executors[1].added_ms = START + 2000;
        run->executors[0].removed_ms = START + 5000;
        add_job(run, 0, 0, 3000, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 3000, 0, NULL);
        for (uint32_t i = 0; i < 3; i++)
                add_task(run, 0, 0, i * 1000, 1000);
        add_task(run, 0, 1, 2000, 1000);
        run->ended_ms = START + 10000;
        assert_float_equal(replay(run, 0, 0).seconds, 10, 1e-9);
        assert_float_equal(replay(run, 0, 0).executor_seconds, 5 + 8, 1e-9);
}

/* Spark hands a slot on 400 ms before it writes down the end of the task that had it. */
static void ends_that_are_written_late(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 1, 0);

        (void)state;
        add_job(run, 0, 0, 6400, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 6400, 0, NULL);
        for (uint32_t i = 0; i < 4; i++)
                add_task(run, 0, 0, i * 1500, 1900);
        run->ended_ms = START + 6400;
        assert_float_equal(replay(run, 0, 0).seconds, 6.4, 1e-9);
        assert_float_equal(replay(run, 2, 1).seconds, 1.5 + 1.9, 1e-9);
}

/* A log that misses jobs and instants: a stage is a job of its own, cores are what ran at the same time. */
static void half_a_log(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 0, 0);
        struct error err = ERROR_INIT;
        autocall(batch_model_free) struct batch_model *model = NULL;

        (void)state;
        assert_false(batch_model_new(run, &model, &err));
        assert_int_equal(err.code, ERROR_INCOMPLETE);
        add_task(run, 7, 0, 1000, 1000);
        add_task(run, 7, 0, 1000, 1000);
        add_task(run, 8, 0, 2500, 500);
        assert_float_equal(replay(run, 0, 0).seconds, 3, 1e-9);
        assert_int_equal(replay(run, 0, 0).slots, 2);
}

/* ---- bounds ---- */

/* Graham: list scheduling takes at least the work over the slots and the longest task, and less than their
 * sum. */
static void between_grahams_bounds(void **state)
{
        autocall(gsl_rng_free) gsl_rng *random = random_new(1, 0, 0);

        (void)state;
        for (int round = 0; round < 50; round++) {
                autocall(batch_run_free) struct batch_run *run = run_new(1, 1, 0);
                uint32_t at = 0, longest = 0;
                int64_t executors = 1 + (int64_t)gsl_rng_uniform_int(random, 9);
                double seconds, work;

                for (int i = 0; i < 40; i++) {
                        uint32_t took = 1 + (uint32_t)gsl_rng_uniform_int(random, 5000);

                        add_task(run, 0, 0, at, took);
                        at += took;
                        longest = took > longest ? took : longest;
                }
                add_job(run, 0, 0, at, 1, (int64_t[]){0});
                run->ended_ms = START + at;
                seconds = replay(run, executors, 1).seconds;
                work = at / 1e3 / (double)executors;
                assert_true(seconds >= fmax(work, longest / 1e3) - 1e-9);
                assert_true(seconds <= work + longest / 1e3 * (1 - 1 / (double)executors) + 1e-9);
                assert_float_equal(replay(run, executors, 1).busy_seconds, at / 1e3, 1e-6);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(in_waves),
                cmocka_unit_test(tasks_of_two_cores),
                cmocka_unit_test(skewed),
                cmocka_unit_test(stages_side_by_side),
                cmocka_unit_test(jobs_that_wait_for_jobs),
                cmocka_unit_test(executors_come_and_go),
                cmocka_unit_test(ends_that_are_written_late),
                cmocka_unit_test(half_a_log),
                cmocka_unit_test(between_grahams_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
