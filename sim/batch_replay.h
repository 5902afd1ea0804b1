/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_BATCH_REPLAY_H
#define OPTCTL_SIM_BATCH_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "sim/batch_dynamic.h"
#include "sim/batch_model.h"

#define BATCH_REPLAY_MAX_EXECUTORS 10000
#define BATCH_REPLAY_MAX_SLOTS     4000000 /* of all executors together */
#define BATCH_REPLAY_MAX_PARTS     1000000 /* of a shuffle */

/* What a run is replayed on. Zeros leave it as it was. */
struct batch_cluster {
        int64_t executors; /* 0: those of the run, when they came and for as long as they stayed */
        int64_t cores;     /* of each; 0: as in the run */
        double stretch;    /* a task takes so many times as long as it took; above 0 */
        double warmup;     /* so much of what first tasks took more (sim/batch_warmup) is taken from the tasks
                            * that     were first and given to those that become it; 1: all, 0: a task takes what
                            * it     took */
        double waiting; /* the part of a task that waited for a CPU, disk or lock gets so many times longer */
        double garbage; /* and so does collecting garbage; below 0: shorter */
        int64_t partitions; /* of shuffles whose stages have a task for each (batch_node.by_shuffle); 0: as
                             * many as they had */
        double beside;      /* where their number changes: so much of what a task took beside its work comes
                             * once a task; the rest counts as work */
        bool keys_whole;    /* sim/batch_resize.h */
        struct batch_dynamic dynamic; /* on: in place of a fixed number of executors */
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
