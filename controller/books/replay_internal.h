/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_REPLAY_INTERNAL_H
#define OPTCTL_CONTROLLER_BOOKS_REPLAY_INTERNAL_H

#include "controller/books/replay.h"
#include "controller/books/replay_past.h"
#include "sim/calibrate.h"

/* Shared by the files of the replay only. */

/* What is replayed. */
enum replayed {
        REPLAY_BASELINE,
        REPLAY_PATH,     /* the configurations that ran, each at its time */
        REPLAY_STRATEGY, /* the strategy that steered */
        REPLAYS
};

struct replay_run {
        double cost, late_seconds, wait; /* as in struct tally */
};

/* What a replay runs. */
struct replay_plan {
        bool wanted;
        const struct strategy *strategy; /* path_strategy: the path of each span, or the fixed baseline */
        const void *options;
        struct replay_run *runs; /* request->runs of them */
};

struct replay {
        const struct replay_request *request;
        struct spec *spec;
        struct price_book *prices;
        json_t *origin; /* of ledger_origin */
        struct past past;
        struct calibration *calibration; /* NULL: nothing could be fitted, */
        struct error unfitted;           /* for this reason */
        struct model model;
        struct configuration baseline;
        struct path fixed; /* the baseline's, when it is a configuration */
        struct path_step fixed_step;
        struct replay_plan plans[REPLAYS];
        /* Runs that count: those in which what ran comes nearest to what was measured. The parameters are the
         * same in all replays of a run, so what is no possible past is no possible baseline either. */
        size_t *kept, n_kept;
};

/* One run of one replay. */
bool replay_one(const struct replay *replay, enum replayed which, size_t run, struct replay_run *ret_run,
                struct error *err);

/* `pipelines` of docs/schema/books.schema.json. */
json_t *replay_json(const struct replay *replay);

#endif
