/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_STUDY_H
#define OPTCTL_CONTROLLER_STUDY_STUDY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/loop/source.h"
#include "core/error.h"

/*
 * What-if: strategies side by side on one load, each run many times with other noise, failures and
 * parameters, the same ones for every strategy (common random numbers). The answer is a document
 * (docs/schema/simulate.schema.json).
 */
struct study_request {
        const struct source *source;
        char *const *sets;   /* PATH=VALUE, NULL-ended */
        char *const *sweeps; /* PATH=A,B,C, NULL-ended */
        char *const
                *strategies; /* names, NULL-ended; empty: as the spec says, else all; "all" is every one */
        int64_t runs, seed;  /* -1: as the spec says */
        int64_t threads;     /* 0: one a core */
        bool for_report;     /* keep a timeline and the changes of the first run, and draw the front */
        bool quiet;          /* no progress */
        const char *ledger;  /* takes the first run of the one strategy chosen; NULL: none */
};

bool study_run(const struct study_request *request, json_t **ret_document, struct error *err);

#endif
