/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_LOOP_H
#define OPTCTL_CONTROLLER_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/books/account.h"
#include "controller/loop/verify.h"
#include "core/clock.h"
#include "core/ledger/journal.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/plugin.h"
#include "core/spec.h"

/*
 * The loop: collect, observe, verify, propose, judge, act, account. One piece of code for a cluster and for
 * the simulator; what differs comes in through the setup.
 *
 * What it promises:
 *  - Observe and Recommend never write to the target (Observe does not even ask the strategy).
 *  - No action without a fresh, complete observation. A comparator gets incomplete ones, as its source
 * defines it, and holds only when nothing at all was measured.
 *  - One action in flight; its intent is durable before the first write. While one is being verified, only a
 * change that grows the pipeline may take its place.
 *  - What was applied reads back; what cannot be applied is tried again and then taken back.
 *  - Every action of a strategy that is no comparator and predicted something is verified, and taken back
 * when it did worse: to the last configuration known to be good that has carried the present load, else to
 * the one before. A pipeline at its limit is not made smaller that way unless the smaller one has carried
 * more.
 *  - After a crash it finishes or takes back what it had begun.
 */
struct loop_setup {
        const struct pipeline *pipeline;
        const struct constraints *constraints;
        const struct price_book *prices;
        const struct clock *clock;
        const struct collector *collector;
        void *collector_state;
        const struct actuator *actuator;
        void *actuator_state;
        const struct strategy *strategy;
        void *strategy_state;
        int64_t interval_ms; /* between turns; strategy->interval_ms(options) */
        const struct spec_guardrail *guardrails;
        size_t n_guardrails;
        const struct journal *journal; /* NULL, or NULL callbacks: that is not kept */
        enum spec_mode mode;
        const char *pause_reason; /* not empty: a person paused it before there was a loop; may be NULL */
        const struct configuration *baseline; /* frozen; what savings are counted against */
        const struct verify_options *verify;  /* NULL: verify_defaults */
        struct log *log;                      /* NULL: silent */
};

struct loop;

/* Everything in the setup is borrowed and outlives the loop. Cannot fail: what is unreachable is tried again.
 */
struct loop *loop_new(const struct loop_setup *setup);
void loop_free(struct loop *loop); /* resting or not */
DEFINE_CLEANUP(loop_free, struct loop);

/* Between turns a loop may rest, so that many cost little memory: until it is woken with what loop_rest
 * returned (the caller frees that) nobody may ask it anything, nor read what it has given out. */
struct packed;
struct packed *loop_rest(struct loop *loop);
void loop_wake(struct loop *loop, const struct packed *packed);

/* One turn. What goes wrong outside makes the turn hold and is said in the status; the turn itself does not
 * fail. */
void loop_turn(struct loop *loop);

/* Turns every interval, the first one an interval from now, until `until_ms`. Fails with ERROR_INTERRUPTED
 * when the clock was told to stop or simulated time ended. */
bool loop_run(struct loop *loop, int64_t until_ms, struct error *err);

/* Goes on with the action in flight, if any is due, without a turn. */
void loop_step(struct loop *loop);

enum loop_doing { LOOP_HOLDING, LOOP_RECOMMENDING, LOOP_CHANGING };

/* A target may have been told long before it runs what it was told: an engine starts a job anew for that. */
enum loop_way_back {
        LOOP_NO_WAY_BACK,  /* nothing was rolled back, or something else came after it */
        LOOP_BACK_ORDERED, /* the target has not taken it yet */
        LOOP_BACK_TOLD,    /* it reads back what it was told, and was not seen to run it */
        LOOP_BACK_RUNNING, /* it was seen to run it */
        LOOP_BACK_FAILED,  /* it could not be told; what ran before the order runs on */
};

/* What this process has seen of predictions of one measure, when it judged changes by them. */
struct loop_trust {
        int64_t judged, covered; /* `covered`: as in verify_compare */
        double error_ratio;      /* of the newest: measured over predicted, less 1; NAN without any */
};

struct loop_status {
        enum loop_doing doing; /* in the newest turn */
        bool unsure;           /* then, of what was seen: it wants to look again soon (turns.h) */
        const char *why;       /* of holding or changing; valid until the next turn */
        int64_t turns, changes, confirmed, reverted, failed, unknown;
        int64_t journal_failures;
        struct loop_trust trust[VERIFY_MEASURES];
        bool paused;
        const char *pause_reason;
        bool applying,
                verifying; /* the action in flight: on its way or being taken back; there and watched */
        int64_t decision;  /* the newest that was no hold, as the journal numbers it; 0: none */
        int64_t rollback_decision;   /* the newest loop_rollback was written down as; 0: none */
        enum loop_way_back way_back; /* how far it has come */
};

const struct loop_status *loop_status(const struct loop *loop);

/*
 * A paused loop measures, goes on with what is in flight (and takes it back if it must) and keeps its books,
 * and asks the strategy nothing. It stays paused over a restart. `reason` may be NULL. Takes effect in any
 * case; false when the journal could not write it down, and a restart would forget it. May be ordered while a
 * turn waits for its engine: that turn begins nothing any more.
 */
bool loop_pause(struct loop *loop, const char *reason, struct error *err);
bool loop_resume(struct loop *loop, struct error *err);

/* The same before there is a loop: the words of a pause for this reason, and what the journal is told; empty
 * words resume. */
void loop_pause_words(const char *reason, char words[JOURNAL_REASON_ROOM]);
bool loop_write_pause(const struct journal *journal, const struct clock *clock, const char *pause_reason,
                      struct error *err);

/*
 * A person's order: back to what ran before the newest change that a strategy made (or before decision
 * `decision_id`, when that is above 0), and pauses. An action like any other but that nothing is predicted
 * and so nothing verified; what is being verified ends for it. Knobs that can only grow stay as they are. One
 * attempt has been made when it returns; loop_step makes the next, while status says `applying`.
 *
 * ERROR_CONFLICT: mode is not Auto; a change is just being applied (retry). ERROR_INPUT: nothing to go back
 * to, it runs already, or the spec does not allow it any more. Nothing has changed then. When the target does
 * not answer it is paused all the same.
 */
bool loop_rollback(struct loop *loop, int64_t decision_id, struct error *err);

/* What it goes back to, and why it does not get on (empty: nothing is known to be in its way). Unless
 * LOOP_NO_WAY_BACK; valid until the next turn. */
const struct configuration *loop_rollback_target(const struct loop *loop);
const char *loop_rollback_trouble(const struct loop *loop);

/* The newest change that was begun, by this process or one before it that did not see its end. */
struct loop_change {
        int64_t decision_id, time_ms;
        const struct configuration *from, *to;
        enum outcome outcome; /* OUTCOME_PENDING until it has ended */
        const char *why;
};
/* False: none is known. Valid until the next turn. */
bool loop_newest_change(const struct loop *loop, struct loop_change *ret_change);

/* Of the newest turn; valid until the next one. */
const struct observation *loop_observation(const struct loop *loop);
const struct proposal *loop_proposal(const struct loop *loop);
const struct verdict *loop_verdict(const struct loop *loop);
int64_t loop_last_change_ms(const struct loop *loop); /* INT64_MIN: none */

/* Workers that the proposal leads to, as far as rules let it: those that run when it is to hold. -1: not
 * known. */
int loop_wanted_workers(const struct loop *loop);

/* The books up to now. */
void loop_saving(struct loop *loop, double confidence, struct saving *ret_saving);

#endif
