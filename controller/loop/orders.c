/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person orders: pause, resume, roll back. */
#include <math.h>
#include <stdio.h>

#include "controller/loop/internal.h"

#define ORDERED_BY "operator" /* stands where the strategy's name stands in a decision */

/* ---- pause ---- */

bool loop_write_pause(const struct journal *journal, const struct clock *clock, const char *pause_reason,
                      struct error *err)
{
        bool paused = *pause_reason;

        if (!journal || !journal->pause)
                return true;
        return journal->pause(journal->context, clock_now_ms(clock), paused, pause_reason, err) ||
               error_wrap(err, "it is %s, but a restart would forget that", paused ? "paused" : "resumed");
}

void loop_pause_words(const char *reason, char words[REASON_ROOM])
{
        snprintf(words, REASON_ROOM, reason && *reason ? "paused: %s" : "paused%s", reason ? reason : "");
}

static bool set_paused(struct loop *loop, bool paused, const char *reason, struct error *err)
{
        loop->status.paused = paused;
        snprintf(loop->pause_reason, sizeof loop->pause_reason, "%s", reason);
        loop_say(loop, paused ? "paused" : "resumed", reason);
        return loop_write_pause(loop->setup.journal, loop->setup.clock, reason, err);
}

bool loop_pause(struct loop *loop, const char *reason, struct error *err)
{
        char words[REASON_ROOM];

        loop_pause_words(reason, words);
        return set_paused(loop, true, words, err);
}

bool loop_resume(struct loop *loop, struct error *err)
{
        return set_paused(loop, false, "", err);
}

/* ---- rollback ---- */

static bool may_roll_back(struct loop *loop, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        const char *name = loop->setup.pipeline->name;

        if (loop->setup.mode != SPEC_AUTO)
                return error_set(err, ERROR_CONFLICT, "NothingApplied",
                                 "%s: is not in mode Auto, so optctl has applied nothing to take back", name);
        if (!journal || !journal->change)
                return error_set(err, ERROR_CONFLICT, "NoLedger",
                                 "%s: without a ledger nothing is known of what ran before", name);
        if (loop->recalled && (action_idle(&loop->action) || loop->action.phase == ACTION_APPLIED))
                return true;
        error_set(err, ERROR_CONFLICT, "InFlight",
                  "%s: a change is just being applied or taken back; try again when that has ended", name);
        err->retry = true;
        return false;
}

static bool refuse_value(const struct loop *loop, const struct knob *knob, double value, struct error *err)
{
        return error_set(err, ERROR_INPUT, "OutOfRange",
                         "%s: %s was %g before, which the spec no longer allows (%g to %g by %g)",
                         loop->setup.pipeline->name, knob->name, value, knob->min, knob->max, knob->step);
}

/* What ran before, where it may be set again. */
static bool fit_back(const struct loop *loop, const struct intent *change, const struct configuration *target,
                     struct configuration *ret_back, struct error *err)
{
        const struct pipeline *pipeline = loop->setup.pipeline;
        const struct actuator *actuator = loop->setup.actuator;
        struct configuration back = change->from;

        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];

                bool grown = knob->role == KNOB_PARTITIONS && target->value[i] > back.value[i];

                if (grown || (actuator->controls && !actuator->controls(loop->setup.actuator_state, knob)))
                        back.value[i] = target->value[i];
                else if (knob_fit(knob, back.value[i]) != back.value[i])
                        return refuse_value(loop, knob, back.value[i], err);
        }
        if (configuration_equal(&back, target))
                return error_set(err, ERROR_INPUT, "NothingToGoBackTo",
                                 "%s: already runs what ran before decision %lld", pipeline->name,
                                 (long long)change->decision_id);
        *ret_back = back;
        return true;
}

/* The order as a decision: nobody weighed anything, nobody judges it. */
static void put_order(struct loop *loop, const struct intent *change, const struct configuration *back)
{
        loop->proposal = (struct proposal){
                .kind = PROPOSAL_CHANGE,
                .strategy = ORDERED_BY,
                .configuration = *back,
                .expected_saving = NAN,
        };
        snprintf(loop->proposal.reason, sizeof loop->proposal.reason,
                 "a person ordered to go back to what ran before decision %lld",
                 (long long)change->decision_id);
        loop->verdict = (struct verdict){.judgement = JUDGEMENT_ALLOWED, .configuration = *back};
}

/* Who cannot go back must at least go no further. */
static bool pause_instead(struct loop *loop, struct error *err)
{
        struct error failure = ERROR_INIT;

        if (!loop_pause(loop, "a rollback was ordered that could not be carried out", &failure))
                return error_wrap(err, "%s", failure.message);
        return error_wrap(err, "%s: is paused, and nothing was rolled back", loop->setup.pipeline->name);
}

bool loop_rollback(struct loop *loop, int64_t decision_id, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        struct intent change, intent = {.ordered = true};
        char reason[REASON_ROOM];

        if (!may_roll_back(loop, err) || !journal->change(journal->context, decision_id, &change, err))
                return false;
        if (!action_read_target(&loop->action, &change.from, &intent.from, err))
                return pause_instead(loop, err);
        if (!fit_back(loop, &change, &intent.from, &intent.to, err))
                return false;
        snprintf(reason, sizeof reason, "rolled back to what ran before decision %lld",
                 (long long)change.decision_id);
        if (!loop_pause(loop, reason, err))
                return false;
        put_order(loop, &change, &intent.to);
        loop->last_hold[0] = '\0';
        if (!loop_record_decision(loop, &intent.from, &intent.decision_id, err) ||
            !loop_begin_action(loop, &intent, "superseded: a person ordered to roll back", err))
                return error_wrap(err, "%s: is paused, and nothing was rolled back",
                                  loop->setup.pipeline->name);
        loop->status.rollback_decision = intent.decision_id;
        return true;
}

void loop_look_for_rollback(struct loop *loop)
{
        const struct observation *seen = loop->newest;
        const struct intent *intent = &loop->action.intent;

        if (loop->status.way_back == LOOP_BACK_TOLD && seen->missing == 0 && !seen->restarting &&
            seen->time_ms > intent->applied_ms && configuration_equal(&seen->configuration, &intent->to))
                loop->status.way_back = LOOP_BACK_RUNNING;
}

const struct configuration *loop_rollback_target(const struct loop *loop)
{
        return &loop->action.intent.to;
}

const char *loop_rollback_trouble(const struct loop *loop)
{
        bool tried = loop->status.way_back == LOOP_BACK_ORDERED && loop->action.attempts > 0;

        return tried || loop->status.way_back == LOOP_BACK_FAILED ? loop->action.reason : "";
}
