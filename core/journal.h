/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_JOURNAL_H
#define OPTCTL_CORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/error.h"

/*
 * Where the loop writes down what it saw and did. The ledger (SQLite) keeps it for good; the simulator's run
 * record keeps it in memory for the report. What a call returned true for is kept: the ledger has it on disk.
 */
struct intent {
        int64_t id, decision_id, time_ms;
        struct configuration from, to;
        bool applied; /* the actuator said it was done */
        struct prediction prediction;
};

struct journal {
        bool (*observation)(void *context, const struct observation *observation, struct error *err);
        /* Decisions that hold are written only when their reason differs from the one before. */
        bool (*decision)(void *context, const struct decision *decision, int64_t *ret_id, struct error *err);
        /* Durable before the first write to the target. */
        bool (*intent)(void *context, const struct intent *intent, int64_t *ret_id, struct error *err);
        bool (*call_begin)(void *context, int64_t intent_id, int64_t time_ms, const char *call,
                           int64_t *ret_id, struct error *err);
        bool (*call_end)(void *context, int64_t call_id, int64_t time_ms, bool done, const char *answer,
                         struct error *err);
        bool (*applied)(void *context, int64_t intent_id, int64_t time_ms, struct error *err);
        /* Ends the intent. */
        bool (*outcome)(void *context, int64_t intent_id, int64_t time_ms, enum outcome outcome,
                        const char *reason, struct error *err);
        /* Money of an interval: what ran, and what the frozen baseline would have cost. */
        bool (*spend)(void *context, int64_t from_ms, int64_t to_ms, double cost, double baseline_cost,
                      struct error *err);
        /* The newest intent without an outcome, after a restart. *ret_found false when there is none. */
        bool (*unfinished)(void *context, struct intent *ret_intent, bool *ret_found, struct error *err);
        void *context;
};

#endif
