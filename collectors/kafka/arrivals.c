/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/kafka/arrivals.h"

#include <math.h>
#include <stdlib.h>

void arrivals_fini(struct arrivals *arrivals)
{
        free(arrivals->partitions);
        *arrivals = (struct arrivals){0};
}

/* Offsets only grow, of one topic. */
static bool is_another(const struct arrivals *arrivals, const struct kafka_reading *reading)
{
        if (reading->n_partitions < arrivals->n_partitions)
                return true;
        for (int i = 0; i < arrivals->n_partitions; i++) {
                const struct arrivals_partition *old = &arrivals->partitions[i];
                const struct kafka_partition *new = &reading->partitions[i];

                if ((new->end >= 0 && new->end < old->end) || (new->begin >= 0 && new->begin < old->begin))
                        return true;
        }
        return false;
}

static double rate_of(const struct arrivals_partition *old, const struct kafka_partition *new,
                      int64_t time_ms)
{
        if (old->end < 0 || new->end < 0 || time_ms <= old->time_ms)
                return NAN;
        return (double)(new->end - old->end) * 1000 / (double)(time_ms - old->time_ms);
}

/* Partitions that came since the last reading were empty then; those of a first reading nobody saw before. */
static void make_room(struct arrivals *arrivals, const struct kafka_reading *reading)
{
        int count = reading->n_partitions;

        arrivals->partitions =
                memory_resize(arrivals->partitions, (size_t)count, sizeof *arrivals->partitions);
        for (int i = arrivals->n_partitions; i < count; i++)
                arrivals->partitions[i] = (struct arrivals_partition){
                        .time_ms = arrivals->time_ms,
                        .begin = KAFKA_NOT_KNOWN,
                        .end = arrivals->n_partitions > 0 ? reading->partitions[i].begin : KAFKA_NOT_KNOWN,
                };
        arrivals->n_partitions = count;
}

static void remember(struct arrivals_partition *old, const struct kafka_partition *new, int64_t time_ms)
{
        if (new->begin >= 0)
                old->begin = new->begin;
        if (new->end < 0)
                return;
        old->end = new->end;
        old->time_ms = time_ms;
}

static double backlog_of(const struct kafka_reading *reading)
{
        double sum = 0;

        if (!reading->has_commits)
                return NAN;
        for (int i = 0; i < reading->n_partitions; i++) {
                int64_t lag = kafka_partition_lag(&reading->partitions[i]);

                if (lag < 0)
                        return NAN;
                sum += (double)lag;
        }
        return sum;
}

void arrivals_add(struct arrivals *arrivals, const struct kafka_reading *reading,
                  struct arrivals_news *ret_news)
{
        struct arrivals_news news = {.backlog = backlog_of(reading),
                                     .recreated = is_another(arrivals, reading)};

        if (news.recreated)
                arrivals_fini(arrivals);
        make_room(arrivals, reading);
        for (int i = 0; i < reading->n_partitions; i++) {
                double rate = rate_of(&arrivals->partitions[i], &reading->partitions[i], reading->time_ms);

                news.per_second += rate;
                news.per_second_max = fmax(news.per_second_max, rate);
                news.unled += reading->partitions[i].end < 0;
                remember(&arrivals->partitions[i], &reading->partitions[i], reading->time_ms);
        }
        if (isnan(news.per_second))
                news.per_second_max = NAN;
        arrivals->time_ms = reading->time_ms;
        *ret_news = news;
}
