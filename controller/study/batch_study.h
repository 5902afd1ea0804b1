/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_BATCH_STUDY_H
#define OPTCTL_CONTROLLER_STUDY_BATCH_STUDY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"

/*
 * What a batch application would have taken and cost on other executors, from the event log of one run. The
 * answer is a document (docs/schema/batch.schema.json).
 */
struct batch_request {
        const char *log;
        const char *prices; /* YAML with a PriceBook or a TunedPipeline; NULL: executor-hours are counted */
        char *const
                *executors; /* numbers, NULL-ended; empty: a quarter to four times as many as there were */
        int64_t cores;      /* of each; 0: as it was */
        const char *name;   /* that the log is known by; NULL: its path */
        char *const *sets,
                *const *sweeps; /* "NAME=VALUE", "NAME=A,B" (controller/study/batch_wanted.h); may be NULL */
        char *const *others;    /* logs of other runs of the application, NULL-ended; may be NULL */
        bool quiet;             /* no progress on a terminal */
};

bool batch_study(const struct batch_request *request, json_t **ret_document, struct error *err);

/* The document for people. */
void batch_study_print(const json_t *told, FILE *out, bool color);

#endif
