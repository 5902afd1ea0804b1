/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_PLAY_H
#define OPTCTL_TESTS_SUPPORT_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gsl/gsl_rng.h>

#include "core/ledger/journal.h"
#include "core/plugin.h"

/*
 * A stage for the loop: a tiny engine, a strategy that wants what the script says, and a journal in memory,
 * each of which can be told to misbehave. The engine has a source and an operator `work` with a parallelism
 * knob each, so that a change takes two writes and can be left half-way. Times are virtual.
 *
 * Every callback of journal, actuator and collector is numbered in the order of calls. At `crash_at` the
 * process dies, just before or just after that callback has done its work: from then on nothing has any
 * effect, as for a process that is gone. `play_restart` brings up the next one on what is left: the engine
 * and the journal.
 */
#define PLAY_MAX_INTENTS 256
#define PLAY_MAX_CALLS   4096

struct play_intent {
        struct intent intent;
        bool ended;
        enum outcome outcome;
        char reason[400];
        int writes_forth[2], writes_back[2]; /* that took effect on each knob: to `to`, to `from` */
        int calls_begun, calls_ended;
};

struct play {
        /* What the test writes. */
        double load_per_second;      /* offered */
        double rate_per_second;      /* one subtask of work takes */
        double rate_of_wanted_ratio; /* the same with the wanted configuration, over that; 1 */
        double latency_seconds;      /* of a pipeline that keeps up */
        double slots; /* the engine runs no more subtasks of work than that, whatever it is told; 0: any */
        struct configuration wanted; /* by the strategy */
        struct prediction prediction;
        bool holds;           /* the strategy proposes nothing */
        bool unsure;          /* the strategy, of what it saw */
        bool keeps_proposing; /* it proposes what it wants even when that seems to run */
        unsigned missing;
        bool counters_reset;          /* the job was started anew */
        bool nan, restarting, frozen; /* frozen: the collector repeats its last answer */
        bool collect_fails, propose_fails;
        int applies_to_fail; /* the next so many writes fail */
        int knob_to_fail;    /* writes to it fail; -1: none */
        bool fail_for_good;  /* failed writes say that trying again is no use */
        int reads_to_lie;    /* the next so many reads of the target answer with what it was told before */
        int answers_to_lose; /* the next so many writes are done and answered as failed */
        int writes_to_lose;  /* the next so many writes are answered as done and are not */
        bool journal_fails;
        int64_t crash_at;   /* -1: never */
        bool crash_after;   /* the callback still has its effect */
        double fault_ratio; /* of callbacks that fail at random, drawn from `random` */
        gsl_rng *random;

        /* What it looks at. */
        struct configuration target;
        double backlog_records;
        struct play_intent intents[PLAY_MAX_INTENTS];
        int n_intents, n_calls, call_intent[PLAY_MAX_CALLS];
        int decisions, holds_written, refusals, observations, writes, applies;
        int writes_without_intent, intents_on_bad_data, intents_shrinking_while_behind;
        int told[5]; /* by outcome */
        char last_hold[512], last_finding[240];
        double spent, baseline_spent;
        int64_t callbacks;
        bool dead;

        /* The rest. */
        int64_t now_ms, engine_ms;
        struct observation last;
        bool collected;    /* by this process */
        bool last_is_good; /* fresh and complete: what an action may rest on */
        struct pipeline pipeline;
        struct operator_info operators[2];
        struct edge edges[1];
        struct knob knobs[2];
        struct constraints constraints;
        struct price_book *prices;
        struct clock clock;
        struct collector collector;
        struct actuator actuator;
        struct strategy strategy;
        struct journal journal;
};

#define PLAY_WINDOW_MS 60000

/* Healthy: source 2, work 4 at 100 records/s a subtask, 250 records/s of load. */
struct play *play_new(void);
void play_free(struct play *play);

/* A new process on the same engine and journal. */
void play_restart(struct play *play);

/* What the strategy wants from now on, predicting what the engine would do. */
void play_want(struct play *play, double source, double work);

struct configuration play_configuration(double source, double work);
double play_capacity(const struct play *play, const struct configuration *configuration);

#endif
