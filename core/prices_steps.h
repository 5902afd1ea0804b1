/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_PRICES_STEPS_H
#define OPTCTL_CORE_PRICES_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/prices.h"

/*
 * A step function of time, in integers, with its running integral: value[i] holds from from_ms[i] to the
 * next. Before the first step the first value holds, after the last the last; or it starts over every end_ms
 * - from_ms[0].
 */
struct price_steps {
        size_t count;
        int64_t *from_ms;  /* strictly increasing */
        int64_t *value;    /* 10^-9 units an hour */
        price_sum *before; /* integral from from_ms[0] to from_ms[i] */
        int64_t end_ms;    /* where the last step was said to end; INT64_MAX: never */
        bool repeat;
        double steps_per_ms; /* where to look first */
};

/* `count` >= 1 steps, times and values for the caller to fill in; then price_steps_seal. */
struct price_steps *price_steps_new(size_t count);
void price_steps_seal(struct price_steps *steps);
void price_steps_free(struct price_steps *steps);
DEFINE_CLEANUP(price_steps_free, struct price_steps);

/* Value in force at an instant. NULL is a function that is 0. */
int64_t price_steps_at(const struct price_steps *steps, int64_t time_ms);

/* Start of the step after the one in force; INT64_MAX when there is none. */
int64_t price_steps_next(const struct price_steps *steps, int64_t time_ms);

/* Integral in 10^-9 units * ms / h. */
price_sum price_steps_integral(const struct price_steps *steps, int64_t from_ms, int64_t to_ms);

#endif
