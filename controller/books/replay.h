/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_REPLAY_H
#define OPTCTL_CONTROLLER_BOOKS_REPLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "controller/loop/source.h"
#include "core/error.h"
#include "core/ledger/ledger.h"

/*
 * What the frozen baseline would have cost, and how late it would have been, on the load that was observed:
 * the observations of a ledger become recordings, the model is fitted to them, and the baseline, a
 * configuration or a strategy, is simulated on their load. So is what ran: how far that is from what was
 * measured is the replay's own error, and widens the baseline's intervals.
 */
struct replay_request {
        const struct source *source; /* graph, knobs, promises, prices, strategies, baseline */
        char *const *sets;           /* PATH=VALUE, NULL-ended */
        struct ledger_reader *reader;
        const char *pipeline; /* NULL: the spec's */
        int64_t since_ms;
        double confidence; /* of the intervals, 0..1 */
        int64_t runs, seed;
        int64_t threads;    /* 0: one a core */
        const char *record; /* folder that keeps the recordings; NULL: none */
        bool quiet;         /* no progress */
};

/*
 * `pipelines` of docs/schema/books.schema.json, with the one that was replayed. Its grade:
 *
 *   Replayed   on a model that was fitted to the same time, with a known error on what ran
 *   Modelled   on a model of which nothing says here how good it is
 */
bool replay_run(const struct replay_request *request, json_t **ret_pipelines, struct error *err);

/* The sentences beside the table of books. */
void replay_print(const json_t *document, FILE *out);

#endif
