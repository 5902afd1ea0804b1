/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_BATCH_REPLAY_H
#define OPTCTL_SIM_BATCH_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "sim/batch_model.h"

#define BATCH_REPLAY_MAX_EXECUTORS 10000
#define BATCH_REPLAY_MAX_SLOTS     4000000 /* of all executors together */

/* What a run is replayed on. */
struct batch_cluster {
        int64_t executors; /* 0: those of the run, when they came and for as long as they stayed */
        int64_t cores;     /* of each; 0: as in the run */
        double stretch;    /* a task takes so many times as long as it took; above 0 */
};

struct batch_replay {
        double seconds;           /* of the whole application */
        double executor_seconds;  /* paid for: from each one's arrival to its removal or the end */
        double slot_seconds;      /* what tasks could have used of that */
        double busy_seconds;      /* what they did use */
        double driver_seconds;    /* in which no task ran */
        int64_t executors, slots; /* at most at a time */
};

/*
 * List scheduling: stages in the order of their jobs, tasks in the order in which they were launched, each on
 * the slot that has been free the longest. ERROR_INPUT when the cluster is larger than can be replayed, or
 * has no room for a task; ERROR_INCOMPLETE when its executors leave before all tasks have run.
 */
bool batch_replay(const struct batch_model *model, const struct batch_cluster *cluster,
                  struct batch_replay *ret_replay, struct error *err);

#endif
