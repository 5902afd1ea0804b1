/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/prices_steps.h"

#include <stdlib.h>

struct price_steps *price_steps_new(size_t count)
{
        struct price_steps *steps = memory_new(1, sizeof *steps);

        steps->count = count;
        steps->from_ms = memory_new(count, sizeof *steps->from_ms);
        steps->value = memory_new(count, sizeof *steps->value);
        steps->before = memory_new(count, sizeof *steps->before);
        steps->end_ms = INT64_MAX;
        return steps;
}

void price_steps_free(struct price_steps *steps)
{
        if (!steps)
                return;
        free(steps->from_ms);
        free(steps->value);
        free(steps->before);
        free(steps);
}

void price_steps_seal(struct price_steps *steps)
{
        size_t last = steps->count - 1;

        for (size_t i = 0; i < last; i++)
                steps->before[i + 1] = steps->before[i] + (price_sum)steps->value[i] *
                                                                  (steps->from_ms[i + 1] - steps->from_ms[i]);
        if (last > 0)
                steps->steps_per_ms = (double)last / (double)(steps->from_ms[last] - steps->from_ms[0]);
}

static size_t search(const struct price_steps *steps, int64_t time_ms)
{
        size_t low = 0, high = steps->count;

        while (high - low > 1) {
                size_t middle = low + (high - low) / 2;

                if (steps->from_ms[middle] <= time_ms)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

/* The step in force. Published prices are an even grid, so the place is tried that they would have on one. */
static size_t find(const struct price_steps *steps, int64_t time_ms)
{
        double place;
        size_t guess;

        if (time_ms < steps->from_ms[0])
                return 0;
        place = (double)(time_ms - steps->from_ms[0]) * steps->steps_per_ms;
        guess = place < (double)(steps->count - 1) ? (size_t)place : steps->count - 1;
        if (steps->from_ms[guess] <= time_ms &&
            (guess + 1 == steps->count || time_ms < steps->from_ms[guess + 1]))
                return guess;
        return search(steps, time_ms);
}

/* How often the function has started over by then; *time_ms is brought into the first period. */
static int64_t take_periods(const struct price_steps *steps, int64_t *time_ms)
{
        int64_t period, since, periods;

        if (!steps->repeat)
                return 0;
        period = steps->end_ms - steps->from_ms[0];
        since = *time_ms - steps->from_ms[0];
        periods = since / period - (since % period < 0);
        *time_ms -= periods * period;
        return periods;
}

int64_t price_steps_at(const struct price_steps *steps, int64_t time_ms)
{
        if (!steps)
                return 0;
        take_periods(steps, &time_ms);
        return steps->value[find(steps, time_ms)];
}

int64_t price_steps_next(const struct price_steps *steps, int64_t time_ms)
{
        int64_t place_ms = time_ms;
        size_t next;

        if (!steps)
                return INT64_MAX;
        take_periods(steps, &place_ms);
        next = find(steps, place_ms) + 1;
        if (place_ms < steps->from_ms[0])
                next = 0;
        if (next < steps->count)
                return time_ms - place_ms + steps->from_ms[next];
        return steps->repeat ? time_ms - place_ms + steps->end_ms : INT64_MAX;
}

/* From the first step on; negative before it. */
static price_sum integral_until(const struct price_steps *steps, int64_t time_ms)
{
        size_t last = steps->count - 1;
        int64_t periods = take_periods(steps, &time_ms);
        size_t i = find(steps, time_ms);
        price_sum sum = steps->before[i] + (price_sum)steps->value[i] * (time_ms - steps->from_ms[i]);

        if (periods != 0)
                sum += periods * (steps->before[last] +
                                  (price_sum)steps->value[last] * (steps->end_ms - steps->from_ms[last]));
        return sum;
}

price_sum price_steps_integral(const struct price_steps *steps, int64_t from_ms, int64_t to_ms)
{
        return steps ? integral_until(steps, to_ms) - integral_until(steps, from_ms) : 0;
}
