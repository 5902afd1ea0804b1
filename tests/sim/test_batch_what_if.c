/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What changes in a replay besides the number of executors, against schedules worked out by hand: tasks that
 * are the first on their executor, time that waits or collects garbage, other partitions, executors that come
 * and go.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sim/batch_replay.h"
#include "sim/batch_resize.h"
#include "tests/support/batch_scene.h"

static struct batch_model *model_of(const struct batch_run *run)
{
        struct batch_model *model = NULL;
        struct error err = ERROR_INIT;

        if (!batch_model_new(run, &model, &err))
                fail_msg("%s", err.message);
        return model;
}

static struct batch_replay replay(const struct batch_run *run, const struct batch_cluster *cluster)
{
        autocall(batch_model_free) struct batch_model *model = model_of(run);
        struct batch_replay result = {0};
        struct error err = ERROR_INIT;

        if (!batch_replay(model, cluster, &result, &err))
                fail_msg("%s", err.message);
        return result;
}

/* ---- first tasks ---- */

/* Stage 0 on two executors: 3 s each, then 1 s each. Stage 1 has no second wave: 3 s each. */
static struct batch_run *warming_up(void)
{
        struct batch_run *run = run_new(2, 1, 0);

        add_job(run, 0, 0, 7000, 2, (int64_t[]){0, 1});
        add_stage(run, 0, 0, 4000, 0, NULL);
        add_stage(run, 1, 4000, 7000, 1, (int64_t[]){0});
        for (uint32_t i = 0; i < 4; i++)
                add_task(run, 0, i % 2, i < 2 ? 0 : 3000, i < 2 ? 3000 : 1000);
        for (uint32_t i = 0; i < 2; i++)
                add_task(run, 1, i, 4000, 3000);
        run->ended_ms = START + 7000;
        return run;
}

static double warmed(const struct batch_run *run, int64_t executors, int64_t cores, double warmup)
{
        return replay(run, &(struct batch_cluster){.executors = executors,
                                                   .cores = cores,
                                                   .stretch = 1,
                                                   .warmup = warmup})
                .seconds;
}

/* The first tasks take 2 s more, two thirds of their time; so it is of stage 1, by what stage 0 shows. */
static void first_tasks(void **state)
{
        autocall(batch_run_free) struct batch_run *run = warming_up();
        autocall(batch_model_free) struct batch_model *model = model_of(run);

        (void)state;
        assert_float_equal(model->first_share, 2.0 / 3, 1e-9);
        assert_float_equal(model->nodes[0].first_ms, 2000, 1e-9);
        assert_float_equal(model->nodes[1].first_ms, 2000, 1e-9);
        assert_float_equal(warmed(run, 0, 0, 1), 7, 1e-9);
        assert_float_equal(warmed(run, 2, 1, 1), 7, 1e-9);
        /* one executor: 3 + 1 + 1 + 1, and 3 + 1 */
        assert_float_equal(warmed(run, 1, 1, 1), 10, 1e-9);
        assert_float_equal(warmed(run, 1, 1, 0), 14, 1e-9);
        /* four: every task is the first of its executor */
        assert_float_equal(warmed(run, 4, 1, 1), 6, 1e-9);
        /* one with two cores is as warm as two with one */
        assert_float_equal(warmed(run, 1, 2, 1), 7, 1e-9);
        assert_float_equal(warmed(run, 1, 1, 0.5), 12, 1e-9);
}

/* A long task that is not among the first is skew and no warm-up; and medians that chance makes differ are
 * the less believed the more tasks scatter. */
static void not_warming_up(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 1, 0);
        autocall(batch_model_free) struct batch_model *model = NULL;

        (void)state;
        add_job(run, 0, 0, 19000, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 19000, 0, NULL);
        for (uint32_t i = 0; i < 9; i++)
                add_task(run, 0, 0, i * 1000, 1000);
        add_task(run, 0, 0, 9000, 10000);
        run->ended_ms = START + 19000;
        model = model_of(run);
        assert_float_equal(model->first_share, 0, 1e-9);
        assert_float_equal(model->nodes[0].first_ms, 0, 1e-9);
}

/* ---- what tasks wait for ---- */

/* Four tasks of 1 s on one slot: 3 s of CPU, .5 s of garbage, so .5 s of waiting. */
static void waiting_and_garbage(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 1, 0);
        struct batch_totals *used;

        (void)state;
        add_job(run, 0, 0, 4000, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 4000, 0, NULL);
        for (uint32_t i = 0; i < 4; i++)
                add_task(run, 0, 0, i * 1000, 1000);
        run->ended_ms = START + 4000;
        used = &run->stages[0].totals;
        used->cpu_ns = 3000000000;
        used->gc_ms = 500;
        assert_float_equal(replay(run, &(struct batch_cluster){.stretch = 1, .waiting = 1}).seconds, 4.5,
                           1e-9);
        assert_float_equal(replay(run, &(struct batch_cluster){.stretch = 1, .garbage = -0.5}).seconds, 3.75,
                           1e-9);
        /* A log that does not tell the CPU's time tells nothing of waiting. */
        used->cpu_ns = 0;
        assert_float_equal(replay(run, &(struct batch_cluster){.stretch = 1, .waiting = 1}).seconds, 4, 1e-9);
}

/* ---- partitions ---- */

static void other_parts(void **state)
{
        static const double even[] = {1100, 1100, 1100, 1100}, skewed[] = {1100, 1100, 1100, 9100};
        double took[8];

        (void)state;
        batch_resize(even, 4, 100, true, 4, took);
        for (size_t i = 0; i < 4; i++)
                assert_float_equal(took[i], 1100, 1e-9);
        batch_resize(even, 4, 100, true, 2, took);
        assert_float_equal(took[0], 2100, 1e-9);
        assert_float_equal(took[1], 2100, 1e-9);
        batch_resize(even, 4, 100, true, 8, took);
        for (size_t i = 0; i < 8; i++)
                assert_float_equal(took[i], 600, 1e-9);
        /* 4000 in three: 1333.3 each, and 100 beside */
        batch_resize(even, 4, 100, true, 3, took);
        assert_float_equal(took[1], 4000.0 / 3 + 100, 1e-6);
        /* 9000 of work beside a median of 1000: 7000 are one key; without that it splits in two */
        batch_resize(skewed, 4, 100, true, 8, took);
        assert_float_equal(took[6], 100 + 1000 + 7000, 1e-9);
        assert_float_equal(took[7], 100 + 1000, 1e-9);
        batch_resize(skewed, 4, 100, false, 8, took);
        assert_float_equal(took[6], 100 + 4500, 1e-9);
}

/* Eight tasks that load for .2 s and work for 1 s read a shuffle of eight partitions, on two slots: 4.8 s. */
static void other_partitions(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 2, 0);
        struct batch_cluster cluster = {.stretch = 1, .beside = 1, .partitions = 4};
        autocall(batch_model_free) struct batch_model *model = NULL;
        struct batch_replay result;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(batch_run_set(run, "spark.sql.shuffle.partitions", "8", &err));
        add_job(run, 0, 0, 4800, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 4800, 0, NULL);
        for (uint32_t i = 0; i < 8; i++) {
                add_task(run, 0, 0, i / 2 * 1200, 1200);
                run->stages[0].tasks[i].run_ms = 1000;
        }
        run->stages[0].totals.shuffle_read_bytes = 1;
        run->ended_ms = START + 4800;
        assert_float_equal(replay(run, &cluster).seconds, 2 * 2.2, 1e-9);
        cluster.partitions = 16;
        assert_float_equal(replay(run, &cluster).seconds, 8 * 0.7, 1e-9);
        cluster.partitions = 1;
        assert_float_equal(replay(run, &cluster).seconds, 8.2, 1e-9);
        cluster.beside = 0;
        assert_float_equal(replay(run, &cluster).seconds, 9.6, 1e-9); /* all of it is work */
        model = model_of(run);
        cluster.partitions = BATCH_REPLAY_MAX_PARTS + 1;
        assert_false(batch_replay(model, &cluster, &result, &err));
        assert_int_equal(err.code, ERROR_INPUT);
}

/* Adaptive execution made 3 of 8: the setting says nothing of them. */
static void partitions_that_were_merged(void **state)
{
        autocall(batch_run_free) struct batch_run *run = run_new(1, 1, 0);
        autocall(batch_model_free) struct batch_model *model = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(batch_run_set(run, "spark.sql.shuffle.partitions", "8", &err));
        add_job(run, 0, 0, 3000, 1, (int64_t[]){0});
        add_stage(run, 0, 0, 3000, 0, NULL);
        for (uint32_t i = 0; i < 3; i++)
                add_task(run, 0, 0, i * 1000, 1000);
        run->stages[0].totals.shuffle_read_bytes = 1;
        model = model_of(run);
        assert_false(model->nodes[0].by_shuffle);
        assert_int_equal(model->partitions, 8);
}

/* ---- dynamic allocation ---- */

/* The driver takes 10 s, eight tasks of 10 s run, the driver takes 20 s, one more task runs. */
static struct batch_run *two_jobs(void)
{
        struct batch_run *run = run_new(1, 1, 2000);

        add_job(run, 0, 10000, 90000, 1, (int64_t[]){0});
        add_job(run, 1, 110000, 120000, 1, (int64_t[]){1});
        add_stage(run, 0, 10000, 90000, 0, NULL);
        add_stage(run, 1, 110000, 120000, 0, NULL);
        for (uint32_t i = 0; i < 8; i++)
                add_task(run, 0, 0, 10000 + i * 10000, 10000);
        add_task(run, 1, 0, 110000, 10000);
        run->ended_ms = START + 120000;
        return run;
}

/*
 * An executor from 2 s on. Tasks wait from 10 s: at 11 s one more is asked for, at 12 s two, which makes the
 * four that are allowed; they come 5 s later. So tasks start at 10, 16, 17, 17, 20, 26, 27 and 27 s, and the
 * last ends at 37 s. At 57 s the second job's task finds an executor, or waits until 58 s, and 5 s more.
 */
static void executors_that_come_and_go(void **state)
{
        autocall(batch_run_free) struct batch_run *run = two_jobs();
        struct batch_cluster cluster = {.stretch = 1,
                                        .dynamic = {.on = true,
                                                    .most = 4,
                                                    .initial = 1,
                                                    .backlog_ms = 1000,
                                                    .sustained_ms = 1000,
                                                    .idle_ms = 60000,
                                                    .start_ms = 5000}};
        struct batch_replay result = replay(run, &cluster);

        (void)state;
        assert_float_equal(result.seconds, 67, 1e-9);
        assert_int_equal(result.executors, 4);
        assert_float_equal(result.executor_seconds, 65 + 51 + 2 * 50, 1e-9);
        assert_float_equal(result.busy_seconds, 90, 1e-9);
        /* Who is idle for 5 s goes: at 35 s the first, at 41, 42 and 42 s the others. One comes at 63 s. */
        cluster.dynamic.idle_ms = 5000;
        result = replay(run, &cluster);
        assert_float_equal(result.seconds, 73, 1e-9);
        assert_float_equal(result.executor_seconds, 33 + 25 + 2 * 25 + 10, 1e-9);
        /* Not before the job ends, at 37 s, when it holds what the job wrote. */
        cluster.dynamic.keeps = true;
        result = replay(run, &cluster);
        assert_float_equal(result.seconds, 73, 1e-9);
        assert_in_range(result.executor_seconds, 35 + 85, 36 + 85);
        cluster.dynamic.keeps = false;
        /* One always stays. */
        cluster.dynamic.least = 1;
        result = replay(run, &cluster);
        assert_float_equal(result.seconds, 67, 1e-9);
        /* From none: the first comes at 16 s. */
        cluster.dynamic = (struct batch_dynamic){.on = true,
                                                 .most = 1,
                                                 .backlog_ms = 1000,
                                                 .sustained_ms = 1000,
                                                 .idle_ms = 60000,
                                                 .start_ms = 5000};
        assert_float_equal(replay(run, &cluster).seconds, 16 + 80 + 20 + 10, 1e-9);
}

/* 1, 2, 4 at a time, and from 1 again once nothing waits. */
static void doubling(void **state)
{
        const struct batch_dynamic rules = {.on = true,
                                            .most = 100,
                                            .backlog_ms = 1000,
                                            .sustained_ms = 500,
                                            .idle_ms = 60000};
        struct batch_allocation it = batch_allocation_begin(&rules);
        static const int64_t wanted[] = {1, 3, 7, 15, 20, 20};

        (void)state;
        batch_allocation_look(&it, 0, 0, 0, 2, 0);
        assert_true(isinf(it.add_at_ms));
        batch_allocation_look(&it, 100, 40, 0, 2, 0);
        assert_float_equal(it.add_at_ms, 1100, 1e-9);
        assert_int_equal(it.target, 0);
        for (size_t i = 0; i < ARRAY_LENGTH(wanted); i++) {
                batch_allocation_look(&it, 1100 + 500 * (double)i, 40, 0, 2, 0);
                assert_int_equal(it.target, wanted[i]);
        }
        batch_allocation_look(&it, 5000, 0, 11, 2, 20);
        assert_int_equal(it.target, 6);
        assert_true(isinf(it.add_at_ms));
        batch_allocation_look(&it, 6000, 60, 11, 2, 6);
        batch_allocation_look(&it, 7000, 60, 11, 2, 6);
        assert_int_equal(it.target, 7);
}

/* Without any patience, steps are 100 ms apart, and the replay ends: the first comes 5 s after 10 s, and
 * there is one slot for eight tasks and one more. */
static void without_patience(void **state)
{
        autocall(batch_run_free) struct batch_run *run = two_jobs();
        const struct batch_cluster cluster = {.stretch = 1,
                                              .dynamic = {.on = true, .most = 1, .start_ms = 5000}};
        struct batch_allocation it = batch_allocation_begin(&cluster.dynamic);

        (void)state;
        batch_allocation_look(&it, 10000, 8, 0, 1, 0);
        assert_int_equal(it.target, 1);
        assert_float_equal(it.add_at_ms, 10100, 1e-9);
        assert_false(it.more);
        /* idle for no time at all, it goes, and has to come again */
        assert_float_equal(replay(run, &cluster).seconds, 15 + 80 + 20 + 5 + 10, 1e-9);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_tasks),
                cmocka_unit_test(not_warming_up),
                cmocka_unit_test(waiting_and_garbage),
                cmocka_unit_test(other_parts),
                cmocka_unit_test(other_partitions),
                cmocka_unit_test(partitions_that_were_merged),
                cmocka_unit_test(executors_that_come_and_go),
                cmocka_unit_test(doubling),
                cmocka_unit_test(without_patience),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
