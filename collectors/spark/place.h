/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_SPARK_PLACE_H
#define OPTCTL_COLLECTORS_SPARK_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A run of the application, as who keeps its log lists it. */
struct spark_place {
        char *id; /* path of the log; application and attempt on a History Server */
        int64_t begun_ms;
        int64_t seen_ms; /* its end, or the last sign of it */
        int64_t bytes;   /* of the log as it lies there; 0: not told */
        bool finished;
};

struct spark_places {
        struct spark_place *items;
        size_t count;
};

void spark_places_add(struct spark_places *places, struct spark_place place); /* takes its id */
void spark_places_clear(struct spark_places *places);

/*
 * The run that is over and was seen last; NULL: none is over. One whose driver died writes no end: it is over
 * once a later one has begun after the last sign of it.
 */
const struct spark_place *spark_places_newest(const struct spark_places *places);

#endif
