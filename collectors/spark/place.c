/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "collectors/spark/place.h"

#include <stdlib.h>
#include <string.h>

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

static int64_t last_begun_ms(const struct spark_places *places)
{
        int64_t last_ms = INT64_MIN;

        for (size_t i = 0; i < places->count; i++)
                if (places->items[i].begun_ms > last_ms)
                        last_ms = places->items[i].begun_ms;
        return last_ms;
}

static void keep_those_over(struct spark_places *places)
{
        int64_t last_ms = last_begun_ms(places);
        size_t kept = 0;

        for (size_t i = 0; i < places->count; i++) {
                struct spark_place *place = &places->items[i];
                bool died = place->begun_ms < last_ms && place->seen_ms < last_ms;

                if (place->finished || died)
                        places->items[kept++] = *place;
                else
                        free(place->id);
        }
        places->count = kept;
}

void spark_places_believe(struct spark_places *places, int64_t latest_ms)
{
        size_t kept = 0;

        for (size_t i = 0; i < places->count; i++) {
                if (places->items[i].begun_ms <= latest_ms && places->items[i].seen_ms <= latest_ms)
                        places->items[kept++] = places->items[i];
                else
                        free(places->items[i].id);
        }
        places->count = kept;
}

static int compare(int64_t a_ms, const char *a_id, int64_t b_ms, const char *b_id)
{
        return a_ms != b_ms ? (a_ms > b_ms) - (a_ms < b_ms) : strcmp(a_id, b_id);
}

static int oldest_first(const void *a, const void *b)
{
        const struct spark_place *one = a, *other = b;

        return compare(one->seen_ms, one->id, other->seen_ms, other->id);
}

static size_t first_of_past(const struct spark_places *places)
{
        int64_t bytes = 0;
        size_t first = places->count;

        while (first > 0 && places->count - first < SPARK_PLACES_PAST) {
                bytes += places->items[first - 1].bytes;
                if (bytes > SPARK_PLACES_PAST_BYTES && first < places->count)
                        break;
                first--;
        }
        return first;
}

const struct spark_place *spark_places_next(struct spark_places *places, const struct spark_place_mark *after,
                                            bool *ret_more)
{
        size_t next = 0;

        *ret_more = false;
        keep_those_over(places);
        if (places->count == 0)
                return NULL;
        qsort(places->items, places->count, sizeof *places->items, oldest_first);
        if (!after->id)
                next = first_of_past(places);
        while (after->id && next < places->count &&
               compare(places->items[next].seen_ms, places->items[next].id, after->seen_ms, after->id) <= 0)
                next++;
        *ret_more = next + 1 < places->count;
        return next < places->count ? &places->items[next] : NULL;
}
