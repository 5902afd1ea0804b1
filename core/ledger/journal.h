/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LEDGER_JOURNAL_H
#define OPTCTL_CORE_LEDGER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/error.h"
#include "core/prices.h"

/*
 * Where the loop writes down what it saw and did. The ledger keeps it for good; the simulator's run
 * record keeps it in memory for the report. What a call returned true for is kept: the ledger has it on disk.
 * From what is kept a loop that is started again remembers what the one before knew.
 */
struct intent {
        int64_t id, decision_id, time_ms;
        struct configuration from, to;
        bool applied;       /* the actuator said it was done */
        int64_t applied_ms; /* when; 0 while it was not */
        bool ordered;       /* by a person, not proposed by a strategy: nothing to verify */
        bool foreign;       /* and not made by optctl at all: somebody else changed the target */
        struct prediction prediction;
};

/* How an intent ended. */
struct ending {
        int64_t intent_id, time_ms;
        enum outcome outcome;
        struct configuration back; /* where it was taken back to; count 0 when it was not */
        double carried_per_second; /* the most it carried while being verified; NAN when not known */
        const char *reason;
};

/* Of a run of a job that runs from time to time, whose money was spent by the run and not by the hour. */
enum spend_kind {
        SPEND_INTERVAL,     /* it is none */
        SPEND_RUN_BASELINE, /* with the settings of the frozen baseline */
        SPEND_RUN_OTHER,
        SPEND_RUN_UNKNOWN, /* with settings that nobody knows */
};

struct run_spend {
        enum spend_kind kind;
        bool failed;
        int64_t setting;    /* a number for what it was set to; 0: not known */
        double value;       /* its cost at prices that are the same for all runs */
        double input_bytes; /* NAN: not known */
};

/* Money and service of an interval, or of a run from its beginning to its end. */
struct spend {
        int64_t from_ms, to_ms;
        price_sum cost, baseline_cost; /* of what ran, and of what the frozen baseline would have run */
        int64_t observed_ms, late_ms; /* of it: time that was measured, and time outside the service levels */
        struct run_spend run;
};

/* What was written down before, handed over oldest first. A callback that is NULL is not wanted. Sums, runs
 * and observations that lie more than a day ahead of the clock are left out. */
struct journal_past {
        /* The actions that ended within JOURNAL_PAST_MS, and the newest that was confirmed. */
        void (*action)(void *context, const struct intent *intent, const struct ending *ending);
        void (*spend)(void *context, const struct spend *spend);
        void (*observation)(void *context, const struct observation *observation);
        /* The observations that first told of a run, of the newest JOURNAL_RUNS runs there were. */
        void (*run)(void *context, const struct observation *observation);
        void *context;
};

#define JOURNAL_RUNS 200

#define JOURNAL_PAST_MS     (INT64_C(30) * 86400000)
#define JOURNAL_REASON_ROOM 600

/* How things stood. */
struct journal_standing {
        bool paused;
        char pause_reason[JOURNAL_REASON_ROOM];
        char last_hold[JOURNAL_REASON_ROOM]; /* reason of the newest decision, if it held; else empty */
        struct configuration first;          /* what ran at the first decision there is; count 0: not known */
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
        bool (*outcome)(void *context, const struct ending *ending, struct error *err);
        bool (*spend)(void *context, const struct spend *spend, struct error *err);
        /* Whether changes are proposed from now on; durable. */
        bool (*pause)(void *context, int64_t time_ms, bool paused, const char *reason, struct error *err);
        /* The newest intent without an outcome, after a restart. *ret_found false when there is none. */
        bool (*unfinished)(void *context, struct intent *ret_intent, bool *ret_found, struct error *err);
        /* Observations that ended after `since_ms`; actions, spend and runs whatever their time. What was
         * handed over before a failure is to be forgotten. */
        bool (*past)(void *context, int64_t since_ms, const struct journal_past *past, struct error *err);
        bool (*standing)(void *context, struct journal_standing *ret_standing, struct error *err);
        /*
         * The action of a decision; for 0 the newest one that was applied and not ordered by a person.
         * ERROR_INPUT says why there is none: no such decision, one that changed nothing, knobs that are no
         * more.
         */
        bool (*change)(void *context, int64_t decision_id, struct intent *ret_intent, struct error *err);
        void *context;
};

#endif
