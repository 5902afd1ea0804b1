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

/* Takes out those that begin or were seen after `latest_ms`, written by a clock that is wrong: until then. */
void spark_places_believe(struct spark_places *places, int64_t latest_ms);

/* Of an application of which nothing was told yet, so many runs are told of at most, and so much of their
 * logs: what is older teaches little. */
#define SPARK_PLACES_PAST       30
#define SPARK_PLACES_PAST_BYTES ((int64_t)4 << 30)

/* Where somebody who has told of runs has got to. */
struct spark_place_mark {
        const char *id; /* NULL: of none */
        int64_t seen_ms;
};

/*
 * The run to be told of next, in the order in which they were seen last; NULL: all were that are over. One
 * whose driver died writes no end: it is over once a later one has begun after the last sign of it. `places`
 * has those that are not over taken out, and is in that order then.
 */
const struct spark_place *spark_places_next(struct spark_places *places, const struct spark_place_mark *after,
                                            bool *ret_more);

#endif
