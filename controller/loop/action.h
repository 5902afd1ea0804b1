/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_ACTION_H
#define OPTCTL_CONTROLLER_LOOP_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/ledger/journal.h"
#include "core/plugin.h"

/*
 * The one action that may be in flight on a target: from its durable intent to its recorded outcome.
 *
 *   IDLE -> APPLYING -> APPLIED -> (IDLE | TAKING_BACK -> IDLE)
 *   APPLYING -> TAKING_BACK when it cannot be applied, RECOVERING -> any after a crash
 *
 * Every write to the target is announced in the journal first; what the journal could not take afterwards is
 * kept and offered again before anything else is written. Nothing sleeps here: what failed is tried again at
 * a later step, after a delay that doubles.
 */
enum action_phase { ACTION_IDLE, ACTION_RECOVERING, ACTION_APPLYING, ACTION_APPLIED, ACTION_TAKING_BACK };

enum action_event {
        ACTION_NOTHING,
        ACTION_ARRIVED, /* the target reads back what was wanted: verify it, then call action_end or
                           action_take_back */
        ACTION_ENDED, /* `ending` and `reason` say how; the target is where it was, or where it was taken back
                         to */
};

#define ACTION_FIRST_RETRY_MS ((int64_t)5 * MS_PER_SECOND)
#define ACTION_LAST_RETRY_MS  ((int64_t)300 * MS_PER_SECOND)
#define ACTION_PATIENCE_MS    ((int64_t)600 * MS_PER_SECOND) /* then it is taken back */
#define ACTION_REASON_ROOM    400

struct action {
        const struct pipeline *pipeline;
        const struct actuator *actuator;
        void *actuator_state;
        const struct journal *journal; /* may be NULL, as may be its callbacks: then nothing is kept */
        const struct clock *clock;
        enum action_phase phase;
        struct intent intent;
        struct configuration back; /* where taking back leads */
        bool begun_before_crash;
        bool applied_before_crash; /* and known to have got there */
        int attempts;
        int64_t next_ms, deadline_ms;
        enum outcome ending;
        double carried_per_second;       /* of one that was verified, else NAN */
        char reason[ACTION_REASON_ROOM]; /* of the ending, or of the newest failure */
        /* What the journal still has to take. */
        bool owes_call_end, owes_applied, owes_outcome;
        struct {
                int64_t id, time_ms;
                bool done;
                char answer[200];
        } call_end;
        int64_t applied_ms, ended_ms;
};

/* The action may be in flight from before a crash: `recover` looks into the journal for one, at the first
 * step. */
void action_open(struct action *action, const struct pipeline *pipeline, const struct actuator *actuator,
                 void *actuator_state, const struct journal *journal, const struct clock *clock,
                 bool recover);

/* The newest action that ended in an earlier process, so that there is something to tell of. */
void action_recall(struct action *action, const struct intent *intent, const struct ending *ending);

/* Nothing is in flight and the journal knows how the last one ended: a new one may begin. */
bool action_idle(const struct action *action);

/* What is to be done: `from`, `to`, `prediction`, `decision_id` and `ordered` of an intent. Writes it down;
 * true once it is durable. Then action_step makes the calls. Fails when it could not be written: nothing is
 * in flight then. */
bool action_begin(struct action *action, const struct intent *intent, struct error *err);

/* Does what is due: pays what the journal is owed, recovers, applies, takes back. */
enum action_event action_step(struct action *action);

/* Ends an action that arrived, the target staying as it is. `carried_per_second` is what it carried while
 * being verified, NAN when it was not. */
void action_end(struct action *action, enum outcome outcome, double carried_per_second, const char *reason);

/* Takes an action that arrived back to `back`; the steps that follow do it. Ends in Reverted, or in Unknown
 * when somebody else changed the target meanwhile. */
void action_take_back(struct action *action, const struct configuration *back, const char *reason);

/* How the newest action ended. The reason is borrowed until the next one begins. */
struct ending action_ending(const struct action *action);

/* What the target is told to run; knobs that no actuator controls are as in `otherwise`. */
bool action_read_target(struct action *action, const struct configuration *otherwise,
                        struct configuration *ret_configuration, struct error *err);

#endif
