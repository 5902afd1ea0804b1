/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/past_errors.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/formulas.h"
#include "core/memory.h"

void past_errors_init(struct past_errors *errors, double prior_sd)
{
        *errors = (struct past_errors){.prior_sd = prior_sd,
                                       .count = PAST_ERRORS_PRIOR,
                                       .next = PAST_ERRORS_PRIOR};
}

void past_errors_free(struct past_errors *errors)
{
        memory_free_cleanup(&errors->error);
        memory_free_cleanup(&errors->order);
}

static float prior(const struct past_errors *errors, int rank)
{
        return float_nearest(errors->prior_sd * normal_quantile((rank + 0.5) / PAST_ERRORS_PRIOR));
}

static double of_rank(const struct past_errors *errors, int rank)
{
        return (double)(errors->room ? errors->error[errors->order[rank]] : prior(errors, rank));
}

/* ---- memory ---- */

static void lay_prior(struct past_errors *errors)
{
        for (int i = 0; i < PAST_ERRORS_PRIOR; i++) {
                /* oldest first, so the extremes go last */
                int rank = i % 2 ? PAST_ERRORS_PRIOR / 2 + i / 2 : PAST_ERRORS_PRIOR / 2 - 1 - i / 2;

                errors->error[i] = prior(errors, rank);
                errors->order[rank] = (uint8_t)i;
        }
}

static void make_room(struct past_errors *errors)
{
        bool first = errors->room == 0;

        if (!first && errors->count < errors->room)
                return;
        errors->room = 2 * (first ? PAST_ERRORS_PRIOR : errors->room);
        errors->error = memory_resize(errors->error, (size_t)errors->room, sizeof *errors->error);
        errors->order = memory_resize(errors->order, (size_t)errors->room, sizeof *errors->order);
        if (first)
                lay_prior(errors);
}

/* ---- adding, taking away ---- */

static void drop(struct past_errors *errors, int place)
{
        int rank = 0;

        while (errors->order[rank] != place)
                rank++;
        errors->count--;
        memmove(errors->order + rank, errors->order + rank + 1,
                (size_t)(errors->count - rank) * sizeof *errors->order);
}

void past_errors_add(struct past_errors *errors, double error)
{
        int rank;

        if (errors->count == PAST_ERRORS_MAX)
                drop(errors, errors->next);
        make_room(errors);
        errors->error[errors->next] = float_nearest(error);
        for (rank = errors->count;
             rank > 0 && errors->error[errors->order[rank - 1]] > errors->error[errors->next]; rank--)
                errors->order[rank] = errors->order[rank - 1];
        errors->order[rank] = (uint8_t)errors->next;
        errors->count++;
        errors->next = (errors->next + 1) % PAST_ERRORS_MAX;
}

void past_errors_forget_newest(struct past_errors *errors)
{
        if (errors->next <= PAST_ERRORS_PRIOR)
                return;
        drop(errors, --errors->next);
}

double past_errors_quantile(const struct past_errors *errors, double q)
{
        double place = fmin(fmax(q * (errors->count + 1) - 1, 0), errors->count - 1), below;
        int rank = (int)place;

        below = of_rank(errors, rank);
        if (rank == errors->count - 1)
                return below;
        return below + (place - rank) * (of_rank(errors, rank + 1) - below);
}
