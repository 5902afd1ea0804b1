/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_KAFKA_ARRIVALS_H
#define OPTCTL_COLLECTORS_KAFKA_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "engines/kafka/kafka_read.h"

/* What arrives at a topic: how far the ends of its partitions move from one reading to the next. */
struct arrivals_partition {
        int64_t time_ms, begin, end; /* when the end was last known; KAFKA_NOT_KNOWN: never */
};

/* `{0}`: nothing was read yet. */
struct arrivals {
        int64_t time_ms; /* of the last reading */
        int n_partitions;
        struct arrivals_partition *partitions;
};

/* Of a topic since the reading before. NAN is not known. */
struct arrivals_news {
        double per_second;     /* records that arrived, all partitions */
        double per_second_max; /* ... at the busiest partition */
        double backlog;        /* records the group has not read */
        bool recreated;        /* offsets began anew: another topic of that name, or records were lost */
        int unled;             /* partitions of which nothing is known now */
};

/*
 * A partition that was not known for some readings counts from when it was. One that is new since the last
 * reading counts from its beginning. Where offsets went back everything begins anew, and rates are not known
 * this time.
 */
void arrivals_add(struct arrivals *arrivals, const struct kafka_reading *reading,
                  struct arrivals_news *ret_news);
void arrivals_fini(struct arrivals *arrivals);

#endif
