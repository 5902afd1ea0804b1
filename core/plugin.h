/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_PLUGIN_H
#define OPTCTL_CORE_PLUGIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/decision.h"
#include "core/error.h"
#include "core/model.h"
#include "core/observation.h"
#include "core/option.h"
#include "core/pipeline.h"
#include "core/prices.h"

/*
 * The four kinds of plugins, each one static table of functions. No callback may block except those of
 * collectors and actuators, which keep their own deadlines. State made by `open` belongs to the plugin until
 * `close`, which takes NULL.
 */

/* What must hold (spec.constraints). NAN: not asked for. */
struct constraints {
        double latency_p99_seconds;
        double backlog_seconds;
        double error_ratio;
        double confidence;  /* probability with which the others must hold, 0..1 */
        double run_seconds; /* longest that a run may take of a job that runs from time to time; 0, too: not
                               asked for */
};

/* ---- strategies: history of observations -> proposal ---- */

/* The offered load to come, for the oracle alone: rate[i] holds from start_ms + i * step_ms. */
struct foresight {
        int64_t start_ms, step_ms;
        size_t count;
        const double *rate_per_second;
        const struct model *model; /* of the engine that will run */
};

struct strategy_context {
        const struct pipeline *pipeline;
        const struct constraints *constraints;
        const struct price_book *prices;
        const struct model *model;         /* calibrated, from the spec; NULL when there is none */
        const struct foresight *foresight; /* NULL but for the oracle in a simulation */
        int64_t start_ms;
};

struct strategy {
        const char *name, *summary;
        const struct option_table *options;
        /* A peer's algorithm, kept as its source defines it: only physical guardrails judge it, and its
         * actions are neither verified nor taken back. */
        bool comparator;
        bool needs_foresight;
        bool periodic; /* for jobs that run from time to time: of no use to a stream, nor in a simulation of
                          one, unless it is asked for by name */
        /* Name of the option that trades cost against service level, swept to draw the strategy's Pareto
         * front, and the values swept; NULL when it has none. */
        const char *sweep_option;
        const double *sweep_values;
        size_t n_sweep_values;

        /* Milliseconds between turns with these options. */
        int64_t (*interval_ms)(const void *options);
        bool (*open)(const struct strategy_context *context, const void *options, void **ret_state,
                     struct error *err);
        /* Called once a turn with a fresh observation (complete or not: `missing` says). Sets every field of
         * *ret_proposal; PROPOSAL_HOLD when nothing should change. */
        bool (*propose)(void *state, const struct observation *observation, struct proposal *ret_proposal,
                        struct error *err);
        /* Told what became of a proposal of its own; may be NULL. `observation` is the newest one. Refused:
         * once, with a verdict that refuses (or leaves nothing) and OUTCOME_UNKNOWN. Made: with
         * OUTCOME_PENDING as soon as the target reads back what was asked for, and, but for comparators,
         * again with how it ended. */
        void (*told)(void *state, const struct proposal *proposal, const struct verdict *verdict,
                     enum outcome outcome, const struct observation *observation);
        /* An observation from before a restart, oldest first and ahead of the first turn: it learns from it
         * as it does at a turn, and proposes nothing. In between it is told what became of its changes then.
         * NULL: it begins anew. */
        void (*recall)(void *state, const struct observation *observation);
        void (*close)(void *state);
};

/* ---- guardrails: proposal -> finding ---- */

/* What is known when a proposal is judged. */
struct judgement_context {
        const struct pipeline *pipeline;
        const struct constraints *constraints;
        const struct price_book *prices;
        const struct observation *observation;
        int64_t now_ms;
        int64_t interval_ms;            /* between turns of the loop */
        int64_t last_change_ms;         /* of this pipeline, INT64_MIN when there was none */
        int64_t last_scale_down_ms;     /* INT64_MIN when there was none */
        const int64_t *change_times_ms; /* of the last days, ascending */
        size_t n_changes;
        int64_t last_foreign_ms; /* somebody else changed the target; INT64_MIN: nobody did */
        int64_t last_bad_ms; /* newest action that was taken back or could not be applied; INT64_MIN: none */
        double spent_this_month; /* in the price book's currency */
        /* Of a job that runs from time to time: what its newest run cost, and how often it will still run in
         * this month, at least once; NAN: it is none, or that is not known. */
        double run_cost, runs_left;
        /* Configurations that did badly: avoided until avoid_until_ms. */
        const struct avoided {
                struct configuration configuration;
                int64_t until_ms;
        } * avoided;
        size_t n_avoided;
};

struct guardrail {
        const char *name, *summary;
        const struct option_table *options; /* its keys stand directly under spec.guardrails */
        bool physical;                      /* judges comparators, too: what no engine could do */
        /* May change *configuration (JUDGEMENT_CLIPPED) or refuse it. Fills reason unless allowed; `reason`
         * has room for sizeof(((struct finding *)0)->reason) bytes. Pure: same input, same answer. */
        enum judgement (*judge)(const void *options, const struct judgement_context *context,
                                const struct proposal *proposal, struct configuration *configuration,
                                char *reason);
};

/* ---- collectors: one source -> observation ---- */

/* Where the options of a collector, and of the actuator of the same name, stand: spec.SECTION.NAME. A spec
 * has one engine, one broker at most, and any number of metrics. */
enum source_section { SECTION_ENGINE, SECTION_BROKER, SECTION_METRICS };

struct http_client;
struct log;
struct reactor;
struct shared;

/* What a live collector or actuator works with. All of it is borrowed until `close`. */
struct source_context {
        const struct pipeline *pipeline; /* NULL: opened for `discover` alone */
        const char *name, *namespace;    /* of the tuned pipeline; namespace may be NULL */
        const char *base;                /* folder that relative file names start from */
        const struct clock *clock;
        struct reactor
                *reactor; /* callbacks run in its fibers: they may wait (core/reactor.h), never block */
        struct http_client *http; /* for peers of their own */
        struct shared *shared;    /* connections that pipelines share; NULL: each has its own */
        struct log *log;          /* may be NULL */
};

struct collector {
        const char *name, *summary;
        enum source_section section;
        bool local; /* it lives in files of the machine: it stands in spec files, not in objects of a cluster
                     */
        const struct option_table *options;
        bool (*open)(const struct source_context *context, const void *options, void **ret_state,
                     struct error *err);
        /* The graph as the source knows it, laid out as spec.pipeline (core/spec.h); NULL callback: it knows
         * none. The caller owns the answer. */
        bool (*discover)(void *state, json_t **ret_pipeline, struct error *err);
        /*
         * What happened since the last call (the first call: since open). Fills what this source knows in an
         * observation that says of everything else that it is not known (observation_clear); operators are
         * those of the pipeline, matched by name. On failure *ret_observation is not looked at.
         */
        bool (*collect)(void *state, struct observation *ret_observation, struct error *err);
        void (*close)(void *state);
};

/* ---- actuators: configuration -> calls ---- */

/* Every write is announced before it is sent and closed after its answer, so that the ledger knows of it. */
struct call_recorder {
        bool (*begin)(void *context, const char *call, int64_t *ret_id, struct error *err);
        bool (*end)(void *context, int64_t id, bool done, const char *answer, struct error *err);
        void *context;
};

/* Takes the options of the collector of the same name. */
struct actuator {
        const char *name, *summary;
        bool (*open)(const struct source_context *context, const void *options, void **ret_state,
                     struct error *err);
        /* Whether this target can set the knob; NULL callback: every knob. A knob that no actuator controls
         * is recommended, never applied. */
        bool (*controls)(void *state, const struct knob *knob);
        /* Brings the target from `from` to `to`, of the knobs it controls; idempotent: repeating it after a
         * crash does no harm. With dry_run the calls are announced (begin) and not sent. */
        bool (*apply)(void *state, const struct configuration *from, const struct configuration *to,
                      bool dry_run, const struct call_recorder *calls, struct error *err);
        /* What the target is told to run now: sets the knobs it controls and leaves the others alone. A job
         * that was stopped on the way from one configuration to another reads 0: it is to be brought to one.
         */
        bool (*read)(void *state, struct configuration *ret_configuration, struct error *err);
        /* Seconds after which a call of `apply` is answered or given up, with these options; NULL: whatever
         * carries its calls sees to it (core/kubernetes/client.h). */
        int64_t (*call_seconds)(const void *options);
        /* Milliseconds after `apply` within which it must run what it was told; NULL: as the loop has it. */
        int64_t (*patience_ms)(void *state);
        void (*close)(void *state);
};

/* All plugins that were built in; each list ends with NULL. Generated by CMake from the folders. */
struct registry {
        const struct strategy *const *strategies;
        const struct guardrail *const *guardrails;
        const struct collector *const *collectors;
        const struct actuator *const *actuators;
};

#endif
