/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/load_history.h"

#include <math.h>

#include "core/clock.h"
#include "core/formulas.h"
#include "core/memory.h"

#define SLOT_MIN_MS (5 * 60 * MS_PER_SECOND)

void load_history_init(struct load_history *history, int64_t interval_ms)
{
        int64_t slot_ms = interval_ms > SLOT_MIN_MS ? interval_ms : SLOT_MIN_MS;
        int64_t n_slots = (int64_t)LOAD_HISTORY_DAYS * MS_PER_DAY / slot_ms;

        *history = (struct load_history){
                .slot_ms = slot_ms,
                .n_slots = n_slots,
                .slots_per_day = n_slots / LOAD_HISTORY_DAYS + 1,
        };
}

void load_history_free(struct load_history *history)
{
        for (int i = 0; i < LOAD_HISTORY_DAYS; i++)
                memory_free_cleanup(&history->day[i]);
}

/* Where the mean of a slot stands; NULL: nothing was seen on that day of the ring. */
static float *place_of(const struct load_history *history, int64_t slot)
{
        int64_t place = slot % history->n_slots;
        float *day = history->day[place / history->slots_per_day];

        return day ? day + place % history->slots_per_day : NULL;
}

static void forget(const struct load_history *history, int64_t slot)
{
        float *place = place_of(history, slot);

        if (place)
                *place = NAN;
}

static void keep(struct load_history *history, int64_t slot, double value)
{
        float **day = &history->day[slot % history->n_slots / history->slots_per_day];

        if (!*day) {
                *day = memory_new((size_t)history->slots_per_day, sizeof **day);
                for (int64_t i = 0; i < history->slots_per_day; i++)
                        (*day)[i] = NAN;
        }
        *place_of(history, slot) = float_nearest(value);
}

void load_history_add(struct load_history *history, int64_t time_ms, double value)
{
        int64_t slot = (time_ms - 1) / history->slot_ms;

        if (slot != history->slot) {
                int64_t skipped = slot - history->slot;

                for (int64_t i = 0; i < skipped && i < history->n_slots; i++)
                        forget(history, slot - i);
                history->slot = slot;
                history->slot_sum = 0;
                history->slot_count = 0;
        }
        if (isnan(value))
                return;
        history->slot_sum += value;
        history->slot_count++;
        keep(history, slot, history->slot_sum / history->slot_count);
}

static double of_slot(const struct load_history *history, int64_t slot)
{
        const float *place;

        if (slot < 0 || slot >= history->slot || slot <= history->slot - history->n_slots)
                return NAN;
        place = place_of(history, slot);
        return place ? (double)*place : NAN;
}

double load_history_at(const struct load_history *history, double time_ms)
{
        double place = time_ms / (double)history->slot_ms - 0.5;
        int64_t slot = (int64_t)floor(place);
        double before = of_slot(history, slot), after = of_slot(history, slot + 1);

        if (isnan(before))
                return after;
        return isnan(after) ? before : before + (place - (double)slot) * (after - before);
}
