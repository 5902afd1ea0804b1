/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rates and backlog from one reading of a topic to the next: expected values by arithmetic. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "collectors/kafka/arrivals.h"

#define UNKNOWN KAFKA_NOT_KNOWN
#define MAX     4

/* begin, end, committed of each partition */
struct offsets {
        int64_t begin, end, committed;
};

static struct arrivals_news add(struct arrivals *arrivals, int64_t time_ms, int count,
                                const struct offsets *offsets)
{
        struct kafka_partition partitions[MAX];
        struct kafka_reading reading = {.time_ms = time_ms,
                                        .n_partitions = count,
                                        .partitions = partitions,
                                        .has_commits = true};
        struct arrivals_news news;

        for (int i = 0; i < count; i++)
                partitions[i] = (struct kafka_partition){.begin = offsets[i].begin,
                                                         .end = offsets[i].end,
                                                         .committed = offsets[i].committed};
        arrivals_add(arrivals, &reading, &news);
        return news;
}

static void ends_that_move(void **state)
{
        struct arrivals arrivals = {0};
        struct arrivals_news news;

        (void)state;
        news = add(&arrivals, 1000, 2, (struct offsets[]){{0, 100, 90}, {0, 40, 40}});
        assert_true(isnan(news.per_second) && isnan(news.per_second_max));
        assert_float_equal(news.backlog, 10, 0);
        /* 60 and 20 records in 10 s */
        news = add(&arrivals, 11000, 2, (struct offsets[]){{0, 160, 100}, {0, 60, 60}});
        assert_float_equal(news.per_second, 8, 1e-12);
        assert_float_equal(news.per_second_max, 6, 1e-12);
        assert_float_equal(news.backlog, 60, 0);
        assert_false(news.recreated);
        arrivals_fini(&arrivals);
}

/* A new partition was empty at the reading before: its 30 records came in the 10 s since. */
static void partitions_that_were_added(void **state)
{
        struct arrivals arrivals = {0};
        struct arrivals_news news;

        (void)state;
        add(&arrivals, 1000, 1, (struct offsets[]){{0, 100, 100}});
        news = add(&arrivals, 11000, 2, (struct offsets[]){{0, 110, 110}, {0, 30, UNKNOWN}});
        assert_float_equal(news.per_second, 4, 1e-12);
        assert_float_equal(news.per_second_max, 3, 1e-12);
        /* It has no commit yet: all of it waits. */
        assert_float_equal(news.backlog, 30, 0);
        assert_false(news.recreated);
        arrivals_fini(&arrivals);
}

/* A partition that had no leader for one reading counts from the one before it: 100 in 20 s. */
static void a_partition_that_was_not_known(void **state)
{
        struct arrivals arrivals = {0};
        struct arrivals_news news;

        (void)state;
        add(&arrivals, 0, 2, (struct offsets[]){{0, 0, 0}, {0, 0, 0}});
        news = add(&arrivals, 10000, 2, (struct offsets[]){{0, 50, 0}, {UNKNOWN, UNKNOWN, 0}});
        assert_true(isnan(news.per_second) && isnan(news.per_second_max) && isnan(news.backlog));
        assert_int_equal(news.unled, 1);
        news = add(&arrivals, 20000, 2, (struct offsets[]){{0, 100, 0}, {0, 100, 0}});
        assert_float_equal(news.per_second, 10, 1e-12); /* 50 / 10 s + 100 / 20 s */
        arrivals_fini(&arrivals);
}

static void another_topic_of_the_same_name(void **state)
{
        static const struct {
                int count;
                struct offsets offsets[2];
        } cases[] = {
                {2, {{0, 20, 20}, {5, 60, 60}}},     /* an end went back */
                {2, {{0, 500, 500}, {0, 600, 600}}}, /* a beginning went back */
                {1, {{5, 600, 600}}},                /* a partition is gone */
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct arrivals arrivals = {0};
                struct arrivals_news news;

                add(&arrivals, 0, 2, (struct offsets[]){{0, 100, 100}, {5, 50, 50}});
                news = add(&arrivals, 10000, cases[i].count, cases[i].offsets);
                assert_true(news.recreated);
                assert_true(isnan(news.per_second));
                /* From then on all is as ever. */
                news = add(&arrivals, 20000, cases[i].count, cases[i].offsets);
                assert_false(news.recreated);
                assert_float_equal(news.per_second, 0, 0);
                arrivals_fini(&arrivals);
        }
}

static void what_waits_in_a_partition(void **state)
{
        static const struct {
                struct offsets offsets;
                int64_t lag;
        } cases[] = {
                {{0, 100, 40}, 60},
                {{0, 100, 100}, 0},
                {{0, 100, UNKNOWN}, 100}, /* never committed: its whole length */
                {{70, 100, UNKNOWN}, 30}, /* ... of what is still there */
                {{70, 100, 40}, 30},      /* retention took what it had not read */
                {{0, 100, 5000}, 100},    /* committed to a topic that is gone: it begins anew */
                {{UNKNOWN, 100, 40}, 60}, /* the beginning does not matter then */
                {{UNKNOWN, 100, UNKNOWN}, UNKNOWN},
                {{0, UNKNOWN, 40}, UNKNOWN},
                {{100, 40, UNKNOWN}, UNKNOWN}, /* a lie */
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                const struct kafka_partition partition = {.begin = cases[i].offsets.begin,
                                                          .end = cases[i].offsets.end,
                                                          .committed = cases[i].offsets.committed};

                assert_int_equal(kafka_partition_lag(&partition), cases[i].lag);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ends_that_move),
                cmocka_unit_test(partitions_that_were_added),
                cmocka_unit_test(a_partition_that_was_not_known),
                cmocka_unit_test(another_topic_of_the_same_name),
                cmocka_unit_test(what_waits_in_a_partition),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
