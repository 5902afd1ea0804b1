/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/spark/place.h"

#include <stdlib.h>

#include "core/memory.h"

void spark_places_add(struct spark_places *places, struct spark_place place)
{
        places->items = memory_resize(places->items, places->count + 1, sizeof *places->items);
        places->items[places->count++] = place;
}

void spark_places_clear(struct spark_places *places)
{
        for (size_t i = 0; i < places->count; i++)
                free(places->items[i].id);
        free(places->items);
        *places = (struct spark_places){.count = 0};
}

const struct spark_place *spark_places_newest(const struct spark_places *places)
{
        const struct spark_place *newest = NULL;
        int64_t last_begun_ms = INT64_MIN;

        for (size_t i = 0; i < places->count; i++)
                if (places->items[i].begun_ms > last_begun_ms)
                        last_begun_ms = places->items[i].begun_ms;
        for (size_t i = 0; i < places->count; i++) {
                const struct spark_place *place = &places->items[i];
                bool died = place->begun_ms < last_begun_ms && place->seen_ms < last_begun_ms;
                bool over = place->finished || died;

                if (over && (!newest || place->seen_ms > newest->seen_ms))
                        newest = place;
        }
        return newest;
}
