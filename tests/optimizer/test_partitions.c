/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Partitions of a topic: even layouts against Flink's own alignment (mode BALANCED) and the cases of its
 * tests, what growth is worth by arithmetic, and how rarely it is proposed.
 */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/clock.h"
#include "optimizer/flink_autoscaler.h"
#include "optimizer/partitions.h"

static void even_layouts(void **state)
{
        static const struct {
                int partitions;
                double busy;
                int subtasks;
        } cases[] = {
                {128, 24, 26}, /* the three of the autoscaler's tests, without their bounds */
                {35, 25, 35},  {12, 7, 12}, {24, 6, 6},        {24, 7, 8}, {24, 11.3, 12},
                {10, 4, 5},    {8, 8, 8},   {8, 8.1, INT_MAX}, /* more work than there are partitions */
                {8, 0, 1},     {8, 0.2, 1},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
                assert_int_equal(partitions_subtasks(cases[i].partitions, cases[i].busy), cases[i].subtasks);
}

/* Both look for the fewest subtasks, from a whole target on, of which none gets more partitions than the
 * target's mean. */
static void as_flink_aligns(void **state)
{
        (void)state;
        for (int partitions = 1; partitions <= 240; partitions++)
                for (int target = 1; target <= partitions; target++) {
                        const struct flink_vertex vertex = {.max_parallelism = 720, .partitions = partitions};

                        assert_int_equal(partitions_subtasks(partitions, target),
                                         flink_align(FLINK_ALIGNMENT_BALANCED, &vertex, target, 720));
                }
}

static struct partitions_options defaults(void)
{
        struct partitions_options options;
        struct error err = ERROR_INIT;

        assert_true(option_parse(&partitions_table, NULL, &options, &err));
        return options;
}

static struct partitions_question question(int now, const struct partitions_load *loads, size_t n_loads)
{
        return (struct partitions_question){.now = now,
                                            .max = 96,
                                            .step = 1,
                                            .brokers = 3,
                                            .slots_per_worker = 1,
                                            .skew = 1,
                                            .worker_hour = 0.5,
                                            .late_hour = 20,
                                            .n_loads = n_loads,
                                            .loads = loads};
}

/* Eight partitions carry all that comes, evenly: nothing to gain. */
static void enough(void **state)
{
        const struct partitions_load loads[] = {{0.5, 1000, 3.6, 4}, {0.5, 1900, 7.5, 8}};
        const struct partitions_question asked = question(8, loads, 2);
        const struct partitions_options options = defaults();
        struct partitions_answer answer = partitions_weigh(&options, &asked);

        (void)state;
        assert_int_equal(answer.partitions, 8);
        assert_float_equal(answer.late_now, 0, 0);
}

/*
 * A tenth of the time 11.2 subtasks of work arrive, which 8 partitions cannot feed. Now: 0.9 x 4 + 0.1 x 8
 * workers, late a tenth of the time: 2.2 + 2 = 4.2 an hour. With N >= 17 (a reserve of half) and 12 workers
 * then: 0.9 x 4 + 0.1 x 12 = 4.8 workers, 2.4 an hour; for 12 and 4 subtasks to be even, N is a multiple of
 * both, and 24 is the least. 18 would be even for 12 (two each is 9) ... it needs ceil(18 / floor(18 / 11.2))
 * = 18 workers.
 */
static void capped(void **state)
{
        const struct partitions_load loads[] = {{0.9, 1000, 3.9, 1}, {0.1, 3000, 11.2, 1}};
        const struct partitions_question asked = question(8, loads, 2);
        const struct partitions_options options = defaults();
        struct partitions_answer answer = partitions_weigh(&options, &asked);

        (void)state;
        assert_int_equal(answer.partitions, 24);
        assert_float_equal(answer.late_now, 0.1, 1e-12);
        assert_float_equal(answer.late, 0, 0);
        assert_float_equal(answer.workers_now, 4.4, 1e-12);
        assert_float_equal(answer.workers, 4.8, 1e-12);
        assert_float_equal(answer.busy, 11.2, 0);
        assert_float_equal(answer.saving, (4.2 - 2.4) * 24 * 30, 1e-6);
        /* 16 partitions at 0.2 % of a worker for a year, and a day of a worker */
        assert_float_equal(answer.price, 0.5 * (24 + 16 * 0.002 * 24 * 365), 1e-6);
}

/* Uneven only: 10 partitions on what 6 subtasks could do need 10. That costs 4 workers, while all else is
 * well; where another operator needs those anyway, it costs nothing. */
static void uneven(void **state)
{
        const struct partitions_load alone[] = {{1, 1000, 6, 1}}, beside[] = {{1, 1000, 6, 10}};
        const struct partitions_options options = defaults();
        struct partitions_question asked = question(10, alone, 1);
        struct partitions_answer answer = partitions_weigh(&options, &asked);

        (void)state;
        assert_float_equal(answer.workers_now, 10, 0);
        assert_float_equal(answer.workers, 6, 0);
        assert_int_equal(answer.partitions, 12);
        asked = question(10, beside, 1);
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 10);
}

/* A partition takes 1000 records/s, and the busiest gets twice the mean: 4000 records/s need 8 partitions. */
static void what_a_partition_takes(void **state)
{
        const struct partitions_load loads[] = {{1, 4000, 1.5, 2}};
        struct partitions_options options = defaults();
        struct partitions_question asked = question(6, loads, 1);
        struct partitions_answer answer;

        (void)state;
        asked.skew = 2;
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 6); /* no limit is known */
        options.max_per_second = 1000;
        answer = partitions_weigh(&options, &asked);
        assert_int_equal(answer.partitions, 8);
        assert_float_equal(answer.late_now, 1, 0);
        assert_float_equal(answer.late, 0, 0);
}

static void limits(void **state)
{
        const struct partitions_load loads[] = {{1, 4000, 40, 1}};
        const struct partitions_options options = defaults();
        struct partitions_question asked = question(8, loads, 1);

        (void)state;
        asked.late_hour = 50;
        /* At least 60, for the reserve: 60 to 79 would take as many subtasks, 80 take 40. */
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 80);
        asked.max = 48; /* the knob's: then as many as carry it */
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 48);
        asked.max = 20; /* cannot be carried by any number that is allowed: nothing is gained */
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 8);
        asked.max = 96;
        asked.step = 10;
        /* 8 and a multiple of 10: 68 and 78 would take as many subtasks, 88 take 44. */
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 88);
        asked.step = 1;
        asked.most_subtasks = 30; /* more partitions feed no more subtasks than there may be */
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 8);
}

/* Too dear: what it would save in the time it is believed for is below what added partitions cost for good.
 */
static void not_worth_it(void **state)
{
        const struct partitions_load loads[] = {{0.9999, 1000, 3.9, 1}, {0.0001, 3000, 11.2, 1}};
        const struct partitions_question asked = question(8, loads, 2);
        struct partitions_options options = defaults();

        (void)state;
        assert_int_equal(partitions_weigh(&options, &asked).partitions, 8);
        options.growth_worker_hours = 0;
        options.worker_ratio = 0;
        assert_true(partitions_weigh(&options, &asked).partitions > 8);
}

/* ---- from turn to turn ---- */

#define MINUTE_MS ((int64_t)60 * MS_PER_SECOND)

static void rarely(void **state)
{
        const struct partitions_options options = defaults(); /* 30 min, 24 h */
        const struct partitions_answer grow = {.partitions = 24}, stay = {.partitions = 8},
                                       more = {.partitions = 48};
        struct partitions_memory memory;
        int64_t t = (int64_t)1000 * MS_PER_HOUR;

        (void)state;
        partitions_begin(&memory);
        assert_false(partitions_due(&memory, &options, &grow, 8, t));
        assert_false(partitions_due(&memory, &options, &grow, 8, t + 29 * MINUTE_MS));
        /* An interruption begins it anew. */
        assert_false(partitions_due(&memory, &options, &stay, 8, t + 30 * MINUTE_MS));
        assert_false(partitions_due(&memory, &options, &grow, 8, t + 31 * MINUTE_MS));
        assert_true(partitions_due(&memory, &options, &grow, 8, t + 61 * MINUTE_MS));
        /* It is not said at every turn, in case nobody follows. */
        assert_false(partitions_due(&memory, &options, &grow, 8, t + 62 * MINUTE_MS));
        assert_true(partitions_due(&memory, &options, &grow, 8, t + 92 * MINUTE_MS));
        /* It grew: now there is a rest of a day, whoever did it. */
        t += 93 * MINUTE_MS;
        for (int minute = 0; minute < 24 * 60; minute++)
                assert_false(partitions_due(&memory, &options, &more, 24, t + minute * MINUTE_MS));
        assert_true(partitions_due(&memory, &options, &more, 24, t + 24 * 60 * MINUTE_MS));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(even_layouts), cmocka_unit_test(as_flink_aligns),
                cmocka_unit_test(enough),       cmocka_unit_test(capped),
                cmocka_unit_test(uneven),       cmocka_unit_test(what_a_partition_takes),
                cmocka_unit_test(limits),       cmocka_unit_test(not_worth_it),
                cmocka_unit_test(rarely),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
