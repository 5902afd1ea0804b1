/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_EPISODES_H
#define OPTCTL_SIM_EPISODES_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/recording.h"

/*
 * Times in a recording when the job stood still (restart after a failure or a rescale) and when it was
 * behind. Found from what was measured alone: throughput that is absent or next to nothing, latency that is
 * absent, records that wait.
 */
struct episode {
        size_t start, end; /* steps: stands still in [start, end) */
        size_t caught_up;  /* first step at which nothing waits any more; end of the recording when it never
                              does */
        double peak_delay_seconds; /* highest latency after it, beyond the base */
        bool seen;    /* as a gap in the metrics; else its start is reckoned from the latency after it */
        bool rescale; /* workers or parallelism changed by it */
};

struct episodes {
        struct episode *items;
        size_t count;
        double base_latency_seconds; /* median while nothing is wrong; NAN when latency was not recorded */
        double latency_log_sd;       /* robust, of its logarithm */
        double behind_seconds;       /* records wait longer than this: the pipeline is behind */
        bool calm;                   /* it kept up most of the time: its base can be believed */
        bool *still;                 /* by step */
        bool *disturbed;             /* by step: shortly before, during or after an episode, or behind */
};

/* base_seconds: the pipeline's base latency where another recording tells it better; NAN: from this one. */
struct episodes *episodes_find(const struct recording *recording, double base_seconds);
void episodes_free(struct episodes *episodes);
DEFINE_CLEANUP(episodes_free, struct episodes);

/* Seconds a record waited beyond the base latency at a step; NAN when not known. */
double episodes_delay(const struct episodes *episodes, const struct recording *recording, size_t step);

#endif
