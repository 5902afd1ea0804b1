/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/action.h"
#include "controller/avoid.h"
#include "controller/judge.h"
#include "controller/observe.h"

#define MAX_CHANGES 256 /* remembered for the guardrails; a comparator may change more often */
#define REASON_ROOM 600
#define SATURATED_RATIO                                                                                      \
        0.95 /* busy share of the busiest subtask from which on a pipeline is at its limit                   \
              */

/* A configuration that kept its promise, and the most it carried while doing so. */
struct known_good {
        bool known;
        struct configuration configuration;
        double carried_per_second;
};

struct loop {
        struct loop_setup setup;
        struct action action;
        struct verify verify;
        struct avoid_list avoid;
        struct account account;
        /* The newest two observations, in turns, so that none is copied. */
        struct observation windows[2];
        struct observation *newest;
        int64_t previous_ms; /* end of the window before the newest that measured something */
        struct proposal proposal;
        struct verdict verdict;
        /* The action that is in flight or was last. */
        struct proposal acted;
        struct verdict acted_verdict;
        bool acted_is_ours;               /* false for one from before a crash */
        double carried_before_per_second; /* read when it was decided on */
        struct known_good good;
        int64_t change_times_ms[MAX_CHANGES];
        size_t n_changes;
        int64_t last_change_ms, last_scale_down_ms, last_bad_ms;
        char reason[REASON_ROOM];
        char last_hold[REASON_ROOM]; /* as in the journal */
        struct loop_status status;
};

/* ---- words ---- */

static void say(const struct loop *loop, const char *message, const char *reason)
{
        const struct log_field fields[] = {
                LOG_TEXT("pipeline", loop->setup.pipeline->name),
                LOG_TEXT("reason", reason),
                {.key = NULL},
        };

        log_write(loop->setup.log, LOG_LEVEL_INFO, message, fields);
}

static void journal_failed(struct loop *loop, const struct error *err)
{
        loop->status.journal_failures++;
        say(loop, "the journal failed", err->message);
}

/* ---- the journal of decisions ---- */

static bool record_decision(struct loop *loop, int64_t *ret_id, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        struct decision decision;

        *ret_id = 0;
        if (!journal || !journal->decision)
                return true;
        decision.id = 0;
        decision.time_ms = clock_now_ms(loop->setup.clock);
        decision.observation = loop->newest;
        decision.proposal = &loop->proposal;
        decision.verdict = &loop->verdict;
        decision.before = loop->newest->configuration;
        if (journal->decision(journal->context, &decision, ret_id, err))
                return true;
        journal_failed(loop, err);
        return false;
}

/* A reason to hold that is new is written down and said. */
static void record_hold(struct loop *loop, const char *reason)
{
        struct error err = ERROR_INIT;
        int64_t id;

        say(loop, "hold", reason);
        loop->verdict.judgement = JUDGEMENT_ALLOWED;
        loop->verdict.n_findings = 0;
        loop->verdict.configuration = loop->newest->configuration;
        if (record_decision(loop, &id, &err))
                snprintf(loop->last_hold, sizeof loop->last_hold, "%s", reason);
}

/* Holds as the proposal says. */
static void hold(struct loop *loop)
{
        const char *reason = loop->proposal.reason;

        loop->status.doing = LOOP_HOLDING;
        loop->status.why = reason;
        if ((loop->setup.journal || loop->setup.log) && strcmp(loop->last_hold, reason) != 0)
                record_hold(loop, reason);
}

/* Holds before the strategy was asked, or after it failed. */
static void hold_without_proposal(struct loop *loop, const char *reason)
{
        struct proposal *proposal = &loop->proposal;

        proposal->kind = PROPOSAL_HOLD;
        proposal->strategy = loop->setup.strategy->name;
        proposal->configuration = loop->newest->configuration;
        proposal->prediction.present = false;
        proposal->expected_saving = NAN;
        proposal->n_alternatives = 0;
        snprintf(proposal->reason, sizeof proposal->reason, "%s", reason);
        hold(loop);
}

/* ---- collect, observe ---- */

static void collect(struct loop *loop, struct error *err)
{
        const struct loop_setup *setup = &loop->setup;
        struct observation *next = &loop->windows[loop->newest == &loop->windows[0]];
        const struct journal *journal = setup->journal;

        if (!(loop->newest->missing & MISSING_ALL))
                loop->previous_ms = loop->newest->time_ms;
        observation_clear(next, clock_now_ms(setup->clock), setup->interval_ms, setup->pipeline->n_operators);
        if (!setup->collector->collect(setup->collector_state, next, err)) {
                observation_clear(next, clock_now_ms(setup->clock), setup->interval_ms,
                                  setup->pipeline->n_operators);
                say(loop, "nothing was collected", err->message);
        }
        loop->newest = next;
        if (journal && journal->observation) {
                struct error failure = ERROR_INIT;

                if (!journal->observation(journal->context, next, &failure))
                        journal_failed(loop, &failure);
        }
}

/* ---- what became of actions ---- */

static void note_change(struct loop *loop, int64_t time_ms, const struct configuration *from,
                        const struct configuration *to)
{
        if (loop->n_changes == MAX_CHANGES)
                memmove(loop->change_times_ms, loop->change_times_ms + 1,
                        --loop->n_changes * sizeof loop->change_times_ms[0]);
        loop->change_times_ms[loop->n_changes++] = time_ms;
        loop->last_change_ms = time_ms;
        if (pipeline_change(loop->setup.pipeline, from, to).shrinks)
                loop->last_scale_down_ms = time_ms;
}

static void tell(struct loop *loop, enum outcome outcome)
{
        const struct strategy *strategy = loop->setup.strategy;

        if (strategy->told && loop->acted_is_ours)
                strategy->told(loop->setup.strategy_state, &loop->acted, &loop->acted_verdict, outcome,
                               loop->newest);
}

static void count_outcome(struct loop_status *status, enum outcome outcome)
{
        status->confirmed += outcome == OUTCOME_CONFIRMED;
        status->reverted += outcome == OUTCOME_REVERTED;
        status->failed += outcome == OUTCOME_FAILED;
        status->unknown += outcome == OUTCOME_UNKNOWN;
}

static void on_ended(struct loop *loop)
{
        const struct action *action = &loop->action;

        if (action->ending == OUTCOME_REVERTED) {
                avoid_add(&loop->avoid, &action->intent.to, action->ended_ms);
                note_change(loop, action->ended_ms, &action->intent.to, &action->back);
        }
        if (action->ending == OUTCOME_REVERTED || action->ending == OUTCOME_FAILED)
                loop->last_bad_ms = action->ended_ms;
        count_outcome(&loop->status, action->ending);
        say(loop, outcome_name(action->ending), action->reason);
        tell(loop, action->ending);
}

static void end_action(struct loop *loop, enum outcome outcome, const char *reason)
{
        action_end(&loop->action, outcome, reason);
        on_ended(loop);
}

static void on_arrived(struct loop *loop)
{
        const struct action *action = &loop->action;
        const struct intent *intent = &action->intent;
        bool before_known = !action->begun_before_crash && loop->newest->missing == 0;

        note_change(loop, action->begun_before_crash ? intent->time_ms : action->applied_ms, &intent->from,
                    &intent->to);
        loop->status.changes++;
        tell(loop, OUTCOME_PENDING);
        if (loop->setup.strategy->comparator || !intent->prediction.present) {
                action_end(&loop->action, OUTCOME_UNKNOWN, "nothing was predicted that could be verified");
                count_outcome(&loop->status, OUTCOME_UNKNOWN);
                return;
        }
        verify_begin(&loop->verify, loop->setup.verify, loop->setup.constraints, &intent->prediction,
                     &intent->to, before_known ? loop->newest : NULL, action->applied_ms);
}

static void step_action(struct loop *loop)
{
        switch (action_step(&loop->action)) {
        case ACTION_ARRIVED:
                on_arrived(loop);
                break;
        case ACTION_ENDED:
                on_ended(loop);
                break;
        case ACTION_NOTHING:
                break;
        }
}

/* ---- verify ---- */

/* A pipeline at its limit is only made smaller when the smaller one has carried more than this one can. */
static bool may_go_back(const struct loop *loop, const struct configuration *back, double carried_per_second)
{
        const struct observation *observation = loop->newest;
        bool at_limit = observation_falls_behind(observation) ||
                        observation_busiest_ratio(observation) >= SATURATED_RATIO;

        if (!at_limit || !pipeline_change(loop->setup.pipeline, &loop->action.intent.to, back).shrinks)
                return true;
        return carried_per_second >
               verify_capacity(&loop->verify) * (1 + loop->setup.verify->capacity_effect);
}

static void on_regression(struct loop *loop, const char *reason)
{
        const struct intent *intent = &loop->action.intent;
        const struct known_good *good = &loop->good;
        bool to_good = good->known && good->carried_per_second >= loop->newest->offered_per_second &&
                       !configuration_equal(&good->configuration, &intent->to);
        const struct configuration *back = to_good ? &good->configuration : &intent->from;
        double carried = to_good ? good->carried_per_second : loop->carried_before_per_second;
        char words[REASON_ROOM];

        if (may_go_back(loop, back, carried)) {
                action_take_back(&loop->action, back, reason);
                return;
        }
        snprintf(words, sizeof words,
                 "worse than predicted, but going back would shrink a saturated pipeline: %s", reason);
        end_action(loop, OUTCOME_UNKNOWN, words);
}

static void verify(struct loop *loop)
{
        char reason[ACTION_REASON_ROOM] = "";

        switch (verify_observe(&loop->verify, loop->newest, clock_now_ms(loop->setup.clock), reason,
                               sizeof reason)) {
        case VERIFY_WAITING:
                break;
        case VERIFY_CONFIRMED:
                loop->good.known = true;
                loop->good.configuration = loop->action.intent.to;
                loop->good.carried_per_second = loop->verify.carried_per_second;
                end_action(loop, OUTCOME_CONFIRMED, reason);
                break;
        case VERIFY_REGRESSED:
                on_regression(loop, reason);
                break;
        case VERIFY_UNDECIDED:
                end_action(loop, OUTCOME_UNKNOWN, reason);
                break;
        }
}

/* ---- judge ---- */

static struct judgement_context judgement_context(struct loop *loop)
{
        return (struct judgement_context){
                .pipeline = loop->setup.pipeline,
                .constraints = loop->setup.constraints,
                .prices = loop->setup.prices,
                .observation = loop->newest,
                .now_ms = clock_now_ms(loop->setup.clock),
                .last_change_ms = loop->last_change_ms,
                .last_scale_down_ms = loop->last_scale_down_ms,
                .change_times_ms = loop->change_times_ms,
                .n_changes = loop->n_changes,
                .last_bad_ms = loop->last_bad_ms,
                .spent_this_month = account_spent_this_month(&loop->account),
                .avoided = loop->avoid.entries,
                .n_avoided = loop->avoid.count,
        };
}

/* One action at a time; only growing is urgent enough to take the place of one that is still being verified.
 */
static bool is_free(const struct loop *loop)
{
        return action_idle(&loop->action) ||
               (loop->action.phase == ACTION_APPLIED &&
                pipeline_change(loop->setup.pipeline, &loop->newest->configuration,
                                &loop->proposal.configuration)
                        .grows);
}

static void judge_proposal(struct loop *loop, struct judgement_context *ret_context)
{
        const struct loop_setup *setup = &loop->setup;
        bool comparator = setup->strategy->comparator;
        struct error err = ERROR_INIT;
        char reason[240];

        /* The money budget needs the books of today. */
        if (!account_settle(&loop->account, clock_now_ms(setup->clock), &err))
                journal_failed(loop, &err);
        *ret_context = judgement_context(loop);
        if (!comparator && !observe_usable(loop->newest, loop->previous_ms, reason, sizeof reason))
                judge_refuse(ret_context, "observation", reason, &loop->verdict);
        else if (!is_free(loop))
                judge_refuse(ret_context, "in_flight",
                             "the change before is not finished or not verified yet", &loop->verdict);
        else
                judge(setup->guardrails, setup->n_guardrails, comparator, ret_context, &loop->proposal,
                      &loop->verdict);
        judge_leave_uncontrolled(setup->actuator, setup->actuator_state, ret_context, &loop->verdict);
}

/* ---- act ---- */

/* The target may have been changed since it was observed: by us, and not have got there yet, or by others.
 * Says in `reason` why it may not be changed now. */
static bool read_target(struct loop *loop, struct configuration *ret_target, char *reason, size_t room)
{
        const struct pipeline *pipeline = loop->setup.pipeline;
        char target_words[100], seen_words[100];
        struct error err = ERROR_INIT;

        if (!action_read_target(&loop->action, &loop->newest->configuration, ret_target, &err)) {
                snprintf(reason, room, "%s", err.message);
                return false;
        }
        if (configuration_equal(ret_target, &loop->verdict.configuration)) {
                snprintf(reason, room, "the target is already told to run this");
                return false;
        }
        if (loop->setup.strategy->comparator || configuration_equal(ret_target, &loop->newest->configuration))
                return true;
        configuration_describe(pipeline, ret_target, target_words, sizeof target_words);
        configuration_describe(pipeline, &loop->newest->configuration, seen_words, sizeof seen_words);
        snprintf(reason, room, "the target is told to run %s while %s was seen", target_words, seen_words);
        return false;
}

static void hold_unwritten(struct loop *loop, const struct error *err)
{
        snprintf(loop->reason, sizeof loop->reason, "nothing is written to the target: %s", err->message);
        loop->status.doing = LOOP_HOLDING;
        loop->status.why = loop->reason;
        say(loop, "hold", loop->reason);
}

static void act(struct loop *loop, int64_t decision_id, const struct configuration *target)
{
        struct error err = ERROR_INIT;

        if (loop->action.phase == ACTION_APPLIED)
                end_action(loop, OUTCOME_UNKNOWN, "superseded by a change that grows the pipeline");
        if (!action_idle(&loop->action)) {
                error_set(&err, ERROR_UNAVAILABLE, NULL,
                          "the journal does not take how the last change ended");
                hold_unwritten(loop, &err);
                return;
        }
        if (!action_begin(&loop->action, decision_id, target, &loop->verdict.configuration,
                          &loop->proposal.prediction, &err)) {
                loop->status.journal_failures++;
                hold_unwritten(loop, &err);
                return;
        }
        loop->acted = loop->proposal;
        loop->acted_verdict = loop->verdict;
        loop->acted_is_ours = true;
        loop->carried_before_per_second = loop->newest->throughput_per_second;
        loop->status.doing = LOOP_CHANGING;
        loop->status.why = loop->acted.reason;
        say(loop, "change", loop->acted.reason);
        step_action(loop);
}

/* ---- propose ---- */

static void refused(struct loop *loop)
{
        const struct strategy *strategy = loop->setup.strategy;

        loop->status.doing = LOOP_HOLDING;
        loop->status.why = loop->verdict.n_findings > 0
                                   ? loop->verdict.findings[loop->verdict.n_findings - 1].reason
                                   : "nothing is left of the proposal";
        say(loop, "hold", loop->status.why);
        if (strategy->told && loop->setup.mode == SPEC_AUTO)
                strategy->told(loop->setup.strategy_state, &loop->proposal, &loop->verdict, OUTCOME_UNKNOWN,
                               loop->newest);
}

/* A comparator may take back what it asked for a moment ago and what does not run yet: then the configuration
 * that was observed is a change, too, and read_target tells whether anything is left to do. */
static bool is_refused(const struct loop *loop)
{
        return loop->verdict.judgement == JUDGEMENT_REFUSED ||
               (!loop->setup.strategy->comparator &&
                configuration_equal(&loop->verdict.configuration, &loop->newest->configuration));
}

static void decide(struct loop *loop)
{
        struct judgement_context context;
        struct configuration target;
        struct error err = ERROR_INIT;
        char reason[240];
        int64_t decision_id;
        bool recorded;

        judge_proposal(loop, &context);
        if (loop->setup.mode == SPEC_AUTO && !is_refused(loop) &&
            !read_target(loop, &target, reason, sizeof reason))
                judge_refuse(&context, "target", reason, &loop->verdict);
        recorded = record_decision(loop, &decision_id, &err);
        loop->last_hold[0] = '\0';
        if (is_refused(loop)) {
                refused(loop);
                return;
        }
        loop->status.doing = LOOP_RECOMMENDING;
        loop->status.why = loop->proposal.reason;
        if (loop->setup.mode != SPEC_AUTO)
                return;
        if (recorded)
                act(loop, decision_id, &target);
        else
                hold_unwritten(loop, &err);
}

static void propose(struct loop *loop, struct error *err)
{
        const struct loop_setup *setup = &loop->setup;

        if (loop->newest->missing & MISSING_ALL) {
                hold_without_proposal(loop, "nothing was measured");
                return;
        }
        if (!setup->strategy->propose(setup->strategy_state, loop->newest, &loop->proposal, err)) {
                hold_without_proposal(loop, err->message);
                return;
        }
        if (loop->proposal.kind == PROPOSAL_HOLD)
                hold(loop);
        else
                decide(loop);
}

/* ---- the loop ---- */

struct loop *loop_new(const struct loop_setup *setup)
{
        struct loop *loop = memory_new(1, sizeof *loop);

        loop->setup = *setup;
        if (!setup->verify)
                loop->setup.verify = &verify_defaults;
        loop->newest = &loop->windows[0];
        loop->newest->missing = MISSING_ALL;
        loop->previous_ms = loop->last_change_ms = loop->last_scale_down_ms = loop->last_bad_ms = INT64_MIN;
        loop->status.why = "";
        account_open(&loop->account, setup->prices, setup->constraints, setup->journal, setup->pipeline,
                     setup->baseline);
        action_open(&loop->action, setup->pipeline, setup->actuator, setup->actuator_state, setup->journal,
                    setup->clock, setup->mode == SPEC_AUTO);
        step_action(loop);
        return loop;
}

void loop_free(struct loop *loop)
{
        free(loop);
}

void loop_turn(struct loop *loop)
{
        struct error err = ERROR_INIT;

        loop->status.turns++;
        collect(loop, &err);
        if (!account_observe(&loop->account, clock_now_ms(loop->setup.clock), loop->newest, &err))
                journal_failed(loop, &err);
        step_action(loop);
        if (loop->action.phase == ACTION_APPLIED) {
                verify(loop);
                step_action(loop);
        }
        if (loop->setup.mode == SPEC_OBSERVE) {
                loop->status.doing = LOOP_HOLDING;
                loop->status.why = "mode is Observe";
                return;
        }
        propose(loop, &err);
}

bool loop_run(struct loop *loop, int64_t until_ms, struct error *err)
{
        const struct clock *clock = loop->setup.clock;
        int64_t interval_ms = loop->setup.interval_ms;
        int64_t next_ms = clock_now_ms(clock) + interval_ms;

        while (next_ms <= until_ms) {
                int64_t late_ms;

                if (!clock_sleep_until(clock, next_ms, err))
                        return false;
                loop_turn(loop);
                /* Turns that were slept or worked through are left out, not made up for. */
                late_ms = clock_now_ms(clock) - next_ms;
                next_ms += interval_ms * (1 + late_ms / interval_ms);
        }
        return clock_sleep_until(clock, until_ms, err);
}

const struct loop_status *loop_status(const struct loop *loop)
{
        return &loop->status;
}

const struct observation *loop_observation(const struct loop *loop)
{
        return loop->newest;
}

const struct proposal *loop_proposal(const struct loop *loop)
{
        return &loop->proposal;
}

const struct verdict *loop_verdict(const struct loop *loop)
{
        return &loop->verdict;
}

int64_t loop_last_change_ms(const struct loop *loop)
{
        return loop->last_change_ms;
}

void loop_saving(struct loop *loop, double confidence, struct saving *ret_saving)
{
        struct error err = ERROR_INIT;

        if (!account_settle(&loop->account, clock_now_ms(loop->setup.clock), &err))
                journal_failed(loop, &err);
        account_saving(&loop->account, confidence, ret_saving);
}
