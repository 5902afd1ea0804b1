/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_DECISION_H
#define OPTCTL_CORE_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/observation.h"
#include "core/pipeline.h"

/* One turn of the loop: what a strategy proposed, what the guardrails said, what came of it. */

enum proposal_kind { PROPOSAL_HOLD, PROPOSAL_CHANGE };

/*
 * Of a change to a job that runs from time to time (struct run_observation): what the next run that has it
 * will take, and the most that it may take to be kept. Money is in the price book's currency, at the prices
 * of when it was predicted. NAN: nothing is expected of it, or it is not limited.
 *
 * Where it is reckoned with what the run will read, a run that reads otherwise may cost so much more or less:
 * cost_most, and seconds_soft, go with the power of what it read over what was forecast. seconds_most stays.
 */
struct run_prediction {
        bool present;
        double seconds_mean, seconds_sd, seconds_most;
        double cost_mean, cost_sd, cost_most;
        double input_bytes, input_power; /* forecast; NAN or 0: not reckoned with */
        double seconds_soft;
        int64_t after_ms; /* end of the newest run that was known: only later ones can tell */
};

/* What the strategy expects after the change: mean and standard deviation. Verification tests it. */
struct prediction {
        bool present;
        double capacity_mean, capacity_sd;       /* records/s of source input the configuration can sustain */
        double latency_p99_mean, latency_p99_sd; /* seconds, once settled */
        double cost_per_hour_mean, cost_per_hour_sd;
        int64_t settle_ms;         /* downtime and catch-up expected before the outcome may be judged */
        struct run_prediction run; /* present: the fields of rates above are not */
};

#define PROPOSAL_MAX_ALTERNATIVES 6

/* A configuration that was weighed and what it would have cost over the planning horizon, in the spec's
 * currency. */
struct alternative {
        char configuration[96];
        double compute_cost, change_cost, penalty_cost;
        bool feasible;
        char why_not[96]; /* empty for the chosen one */
};

struct proposal {
        enum proposal_kind kind;
        const char *strategy;
        struct configuration configuration; /* wanted; equals the current one for PROPOSAL_HOLD */
        struct prediction prediction;
        double expected_saving; /* money over the horizon against staying; NAN when the strategy does not
                                   reckon so */
        int n_alternatives;
        struct alternative alternatives[PROPOSAL_MAX_ALTERNATIVES];
        bool unsure;      /* what was seen may be an accident: the next window tells, and is wanted soon */
        char reason[512]; /* one sentence with its numbers; may be empty for PROPOSAL_HOLD */
};

enum judgement { JUDGEMENT_ALLOWED, JUDGEMENT_CLIPPED, JUDGEMENT_REFUSED };

#define VERDICT_MAX_FINDINGS 16

struct finding {
        const char *rule; /* name of the guardrail, static */
        enum judgement judgement;
        char reason[240];
};

/* For guardrails: put the words into a finding's reason and return JUDGEMENT_REFUSED or JUDGEMENT_CLIPPED. */
enum judgement finding_refuse(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum judgement finding_clip(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct verdict {
        enum judgement judgement;           /* the gravest of the findings */
        struct configuration configuration; /* what may be applied; the current one when refused */
        int n_findings;                     /* only rules that clipped or refused */
        struct finding findings[VERDICT_MAX_FINDINGS];
};

/* How an action ended. */
enum outcome {
        OUTCOME_PENDING,   /* applied, being watched */
        OUTCOME_CONFIRMED, /* as predicted or better */
        OUTCOME_REVERTED,  /* worse than predicted: taken back */
        OUTCOME_FAILED,    /* the actuator could not apply it */
        OUTCOME_UNKNOWN,   /* could not be judged (data missing, superseded by another action) */
};

struct decision {
        int64_t id; /* given by the journal */
        int64_t time_ms;
        const struct observation *observation;
        const struct proposal *proposal;
        const struct verdict *verdict;
        struct configuration before;
};

const char *outcome_name(enum outcome outcome);
const char *judgement_name(enum judgement judgement);

#endif
