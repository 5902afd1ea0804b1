/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_RUN_RECORD_H
#define OPTCTL_CONTROLLER_STUDY_RUN_RECORD_H

#include <jansson.h>

#include "core/ledger/journal.h"
#include "core/memory.h"
#include "core/pipeline.h"

/*
 * The journal of a simulated run, kept in memory for the report: every change with its reason, what the
 * guardrails said, the alternatives and how it ended, as JSON.
 */
struct run_record;

struct run_record *run_record_new(const struct pipeline *pipeline);
void run_record_free(struct run_record *record);
DEFINE_CLEANUP(run_record_free, struct run_record);
struct journal run_record_journal(struct run_record *record);

/* The changes so far; the caller owns the array. */
json_t *run_record_changes(const struct run_record *record);

#endif
