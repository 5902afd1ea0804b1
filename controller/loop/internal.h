/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_INTERNAL_H
#define OPTCTL_CONTROLLER_LOOP_INTERNAL_H

#include "controller/loop/action.h"
#include "controller/loop/loop.h"
#include "controller/loop/remembered.h"
#include "controller/loop/verifier.h"

/* Shared by the files of the loop, for nobody else. */

#define REASON_ROOM JOURNAL_REASON_ROOM

struct loop {
        struct loop_setup setup;
        struct action action;
        struct verifier verifier; /* of the action in flight, once it has arrived */
        struct account account;
        /* The newest two observations, in turns, so that none is copied. */
        struct observation windows[2];
        struct observation *newest;
        int64_t previous_ms; /* end of the window before the newest that measured something */
        struct proposal proposal;
        bool proposes_bounds; /* it is the loop's own, and rests on what runs alone */
        struct verdict verdict;
        /* The action that is in flight or was last. */
        struct proposal acted;
        struct verdict acted_verdict;
        bool acted_is_ours;               /* false for one from before a crash */
        double carried_before_per_second; /* read when it was decided on */
        int failures;                     /* of changes, in a row */
        int64_t retry_ms;                 /* a comparator asks for the last of them in vain until then */
        struct remembered remembered;
        bool recalled; /* what the journal knows of the time before this process has been read */
        char pause_reason[REASON_ROOM];
        char reason[REASON_ROOM];
        char last_hold[REASON_ROOM]; /* as in the journal */
        struct loop_status status;
};

/* ---- loop.c ---- */

void loop_say(const struct loop *loop, const char *message, const char *reason);
void loop_journal_failed(struct loop *loop, const struct error *err);

/* Writes down what stands in `proposal` and `verdict`; an id of 0 where there is no journal. */
bool loop_record_decision(struct loop *loop, const struct configuration *before, int64_t *ret_id,
                          struct error *err);

/* Writes down the intent (from, to, prediction, decision_id, ordered) and makes the first attempt. Ends what
 * is being verified for it, with `superseded` as the reason. On failure nothing has begun. */
bool loop_begin_action(struct loop *loop, const struct intent *intent, const char *superseded,
                       struct error *err);

/* Ends the action in flight, the target staying as it is. */
void loop_end_action(struct loop *loop, enum outcome outcome, double carried_per_second, const char *reason);

/* The action in flight has arrived. `before`: what it was decided on; NULL: not known. */
void loop_begin_verification(struct loop *loop, const struct observation *before);

/* What became of the verification of the action in flight, at the newest observation. */
void loop_conclude(struct loop *loop, enum verify_result result, const char *reason);

/* ---- loop_bounds.c ---- */

/* Whether each knob that is set here is within its minimum and maximum. Partitions do not count. */
bool loop_within_bounds(const struct loop *loop, const struct configuration *configuration);

/* Where what runs, and is told to, is outside of the bounds: `proposal` becomes what is nearest within them,
 * true. */
bool loop_propose_bounds(struct loop *loop);

/* ---- loop_orders.c ---- */

/* Whether the newest observation shows what a rollback went back to. */
void loop_look_for_rollback(struct loop *loop);

/* ---- loop_others.c ---- */

/* Whether somebody else has changed the target since it was told something, which is written down. Who does
 * that again after an answer steers it, too: it is paused then. */
void loop_look_for_others(struct loop *loop);

/* ---- loop_recall.c ---- */

/* Reads from the journal what the process before knew. Nothing has changed when it fails. */
bool loop_recall(struct loop *loop, struct error *err);

/* Takes up the verification of an action from before the restart, with the windows that are in the journal.
 */
void loop_recall_verification(struct loop *loop);

#endif
