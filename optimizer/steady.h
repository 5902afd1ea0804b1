/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_STEADY_H
#define OPTCTL_OPTIMIZER_STEADY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What keeps a pool of workers from following its load up and down. Where a change stops nothing, none has a
 * price that shows: the pods that stay work on. It has one all the same, in images pulled, caches cold and
 * connections moved, and what comes down is soon wanted back. So what the load of the last minutes needed is
 * kept, as the downscale stabilisation of the HorizontalPodAutoscaler keeps it; and a change is made when it
 * is worth the name.
 */
#define STEADY_PARTS 32

struct steady {
        int64_t keep_ms;               /* 0: nothing is kept */
        int64_t begun_ms;              /* of the first load that was noted; INT64_MIN: none was */
        int64_t part;                  /* the newest, counted in keep_ms / STEADY_PARTS since 1970 */
        double most[STEADY_PARTS + 1]; /* records/s in a part of the time, [part % (STEADY_PARTS + 1)] */
};

/* `keep_seconds` >= 0. */
void steady_init(struct steady *steady, int64_t keep_seconds);

/* The load at a time, records/s. Times move on; where a clock is set back it begins anew. */
void steady_note(struct steady *steady, int64_t time_ms, double load);

/* The most there was within the time that is kept, records/s; INFINITY until so long has been noted: what ran
 * before may have been needed. 0 when nothing is kept. */
double steady_needed(const struct steady *steady, int64_t time_ms);

/* From so many workers to so many is a change worth making. */
bool steady_is_notable(int from_workers, int to_workers);

#endif
