/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/loop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/loop/judge.h"
#include "controller/loop/internal.h"
#include "controller/loop/observe.h"
#include "controller/loop/turns.h"
#include "core/packed.h"

#define SATURATED_RATIO                                                                                      \
        0.95 /* busy share of the busiest subtask from which on a pipeline is at its limit                   \
              */

#define MAX_RUNS_A_TURN 100 /* of a job that runs from time to time */

/* ---- words ---- */

static void say(const struct loop *loop, enum log_level level, const char *message, const char *reason)
{
        const struct log_field fields[] = {
                LOG_TEXT("pipeline", loop->setup.pipeline->name),
                LOG_TEXT("reason", reason),
                {.key = NULL},
        };

        log_write(loop->setup.log, level, message, fields);
}

void loop_say(const struct loop *loop, const char *message, const char *reason)
{
        say(loop, LOG_LEVEL_INFO, message, reason);
}

void loop_journal_failed(struct loop *loop, const struct error *err)
{
        loop->status.journal_failures++;
        say(loop, LOG_LEVEL_WARNING, "the journal failed", err->message);
}

/* ---- the journal of decisions ---- */

bool loop_record_decision(struct loop *loop, const struct configuration *before, int64_t *ret_id,
                          struct error *err)
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
        decision.before = *before;
        if (journal->decision(journal->context, &decision, ret_id, err))
                return true;
        loop_journal_failed(loop, err);
        return false;
}

/* A reason to hold that is new is written down and said. */
static void record_hold(struct loop *loop, const char *reason)
{
        struct error err = ERROR_INIT;
        int64_t id;

        loop_say(loop, "hold", reason);
        loop->verdict.judgement = JUDGEMENT_ALLOWED;
        loop->verdict.n_findings = 0;
        loop->verdict.configuration = loop->newest->configuration;
        if (loop_record_decision(loop, &loop->newest->configuration, &id, &err))
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

        if (!(loop->newest->missing & MISSING_ALL) && !loop->newest->run.more)
                loop->previous_ms = loop->newest->time_ms;
        observation_clear(next, clock_now_ms(setup->clock), setup->interval_ms, setup->pipeline->n_operators);
        if (!setup->collector->collect(setup->collector_state, next, err)) {
                observation_clear(next, clock_now_ms(setup->clock), setup->interval_ms,
                                  setup->pipeline->n_operators);
                loop_say(loop, "nothing was collected", err->message);
        }
        loop->newest = next;
        /* That optctl was told to leave says nothing about the pipeline. */
        if (journal && journal->observation && err->code != ERROR_INTERRUPTED) {
                struct error failure = ERROR_INIT;

                if (!journal->observation(journal->context, next, &failure))
                        loop_journal_failed(loop, &failure);
        }
}

/* ---- what became of actions ---- */

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

/* Guardrails keep others from what failed; a comparator would ask for it turn after turn. */
static void count_failure(struct loop *loop, bool failed)
{
        int64_t pause_ms = ACTION_FIRST_RETRY_MS;

        loop->failures = failed ? loop->failures + 1 : 0;
        for (int i = 1; i < loop->failures && pause_ms < ACTION_LAST_RETRY_MS; i++)
                pause_ms *= 2;
        if (pause_ms > ACTION_LAST_RETRY_MS)
                pause_ms = ACTION_LAST_RETRY_MS;
        if (failed)
                loop->retry_ms = clock_now_ms(loop->setup.clock) + pause_ms;
}

static void on_ended(struct loop *loop)
{
        const struct action *action = &loop->action;
        const struct ending ending = action_ending(action);

        remembered_ended(&loop->remembered, loop->setup.pipeline, &action->intent, &ending);
        count_failure(loop, action->ending == OUTCOME_FAILED);
        count_outcome(&loop->status, action->ending);
        if (action->intent.ordered && loop->status.way_back != LOOP_NO_WAY_BACK)
                loop->status.way_back = LOOP_BACK_FAILED;
        loop_say(loop, outcome_name(action->ending), action->reason);
        tell(loop, action->ending);
}

void loop_end_action(struct loop *loop, enum outcome outcome, double carried_per_second, const char *reason)
{
        action_end(&loop->action, outcome, carried_per_second, reason);
        on_ended(loop);
}

/* A comparator is told of PENDING alone. */
static void end_unverified(struct loop *loop, const char *reason)
{
        action_end(&loop->action, OUTCOME_UNKNOWN, NAN, reason);
        count_outcome(&loop->status, OUTCOME_UNKNOWN);
        if (!loop->setup.strategy->comparator)
                tell(loop, OUTCOME_UNKNOWN);
}

void loop_begin_verification(struct loop *loop, const struct observation *before)
{
        const struct verifier_setup setup = {.options = loop->setup.verify,
                                             .constraints = loop->setup.constraints,
                                             .prices = loop->setup.prices};

        verifier_begin(&loop->verifier, &setup, &loop->action.intent, before);
}

static void on_arrived(struct loop *loop)
{
        const struct action *action = &loop->action;
        const struct intent *intent = &action->intent;

        remembered_applied(&loop->remembered, loop->setup.pipeline, intent);
        loop->status.changes++;
        count_failure(loop, false);
        if (!action->applied_before_crash)
                tell(loop, OUTCOME_PENDING);
        if (intent->ordered) {
                if (loop->status.way_back != LOOP_NO_WAY_BACK)
                        loop->status.way_back = LOOP_BACK_TOLD;
                end_unverified(loop, "ordered by a person: not verified");
        } else if (loop->setup.strategy->comparator || !intent->prediction.present)
                end_unverified(loop, "nothing was predicted that could be verified");
        else if (action->begun_before_crash)
                loop_recall_verification(loop);
        else
                loop_begin_verification(loop, loop->newest->missing == 0 ? loop->newest : NULL);
        if (action->phase == ACTION_APPLIED && action->actuator->patience_ms)
                verifier_expect_up(&loop->verifier, intent->applied_ms + action->actuator->patience_ms(
                                                                                 action->actuator_state));
}

void loop_step(struct loop *loop)
{
        const struct action *action = &loop->action;

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
        loop->status.verifying = action->phase == ACTION_APPLIED;
        loop->status.applying = !action_idle(action) && action->phase != ACTION_APPLIED;
}

/* ---- verify ---- */

/* A pipeline at its limit is only made smaller when the smaller one has carried more than this one can. */
static bool may_go_back(const struct loop *loop, const struct configuration *back, double carried_per_second)
{
        const struct observation *observation = loop->newest;
        bool at_limit = observation_falls_behind(observation) ||
                        observation_busiest_ratio(observation) >= SATURATED_RATIO;

        if (!at_limit || !verifier_minds_load(&loop->verifier) ||
            !pipeline_change(loop->setup.pipeline, &loop->action.intent.to, back).shrinks)
                return true;
        return carried_per_second >
               verifier_capacity(&loop->verifier) * (1 + loop->setup.verify->capacity_effect);
}

/* What runs instead of what was wanted, when that never came up: an engine may take as much as fits. */
static const struct configuration *what_fits(const struct loop *loop)
{
        const struct configuration *running = &loop->newest->configuration;

        if (verifier_came_up(&loop->verifier) || loop->newest->missing || loop->newest->restarting ||
            configuration_equal(running, &loop->action.intent.to))
                return NULL;
        return running;
}

static void on_regression(struct loop *loop, const char *reason)
{
        const struct intent *intent = &loop->action.intent;
        const struct known_good *good = &loop->remembered.good;
        bool carries = !verifier_minds_load(&loop->verifier) ||
                       good->carried_per_second >= loop->newest->offered_per_second;
        bool to_good = good->known && carries && !configuration_equal(&good->configuration, &intent->to) &&
                       loop_within_bounds(loop, &good->configuration);
        const struct configuration *back = to_good ? &good->configuration : &intent->from;
        double carried = to_good ? good->carried_per_second : loop->carried_before_per_second;
        bool allowed = loop_within_bounds(loop, back);
        char words[REASON_ROOM];

        if (!allowed || !may_go_back(loop, back, carried))
                back = what_fits(loop);
        if (back) {
                action_take_back(&loop->action, back, reason);
                return;
        }
        snprintf(words, sizeof words, "worse than predicted, but %s: %s",
                 allowed ? "going back would shrink a saturated pipeline"
                         : "what ran before is outside of the spec's bounds",
                 reason);
        loop_end_action(loop, OUTCOME_UNKNOWN, NAN, words);
}

static void count_trust(struct loop *loop)
{
        for (enum verify_measure i = 0; i < VERIFY_MEASURES; i++) {
                struct loop_trust *trust = &loop->status.trust[i];
                struct verify_comparison one;

                if (!verifier_compare(&loop->verifier, i, &one))
                        continue;
                trust->judged++;
                trust->covered += one.covered;
                trust->error_ratio = one.measured / one.predicted - 1;
        }
}

void loop_conclude(struct loop *loop, enum verify_result result, const char *reason)
{
        if (result != VERIFY_WAITING)
                count_trust(loop);
        switch (result) {
        case VERIFY_WAITING:
                break;
        case VERIFY_CONFIRMED:
                loop_end_action(loop, OUTCOME_CONFIRMED, verifier_carried(&loop->verifier), reason);
                break;
        case VERIFY_REGRESSED:
                on_regression(loop, reason);
                break;
        case VERIFY_UNDECIDED:
                loop_end_action(loop, OUTCOME_UNKNOWN, NAN, reason);
                break;
        }
}

static void verify(struct loop *loop)
{
        char reason[ACTION_REASON_ROOM] = "";
        enum verify_result result = verifier_observe(&loop->verifier, loop->newest,
                                                     clock_now_ms(loop->setup.clock), reason, sizeof reason);

        loop_conclude(loop, result, reason);
}

/* ---- judge ---- */

/* As often as it ran so far. */
static double runs_left(const struct account_run_saving *runs, int64_t now_ms)
{
        double seconds_left = (double)(clock_month_end_ms(now_ms) - now_ms) / MS_PER_SECOND;

        return runs->tally.runs > 0 ? fmax(seconds_left / runs->seconds, 1) : NAN;
}

static struct judgement_context judgement_context(struct loop *loop)
{
        const struct remembered *past = &loop->remembered;
        int64_t now_ms = clock_now_ms(loop->setup.clock);
        struct account_run_saving runs;

        account_run_saving(&loop->account, &runs);

        return (struct judgement_context){
                .pipeline = loop->setup.pipeline,
                .constraints = loop->setup.constraints,
                .prices = loop->setup.prices,
                .observation = loop->newest,
                .now_ms = now_ms,
                .interval_ms = loop->setup.interval_ms,
                .last_change_ms = past->last_change_ms,
                .last_scale_down_ms = past->last_scale_down_ms,
                .change_times_ms = past->change_times_ms,
                .n_changes = past->n_changes,
                .last_foreign_ms = past->last_foreign_ms,
                .last_bad_ms = past->last_bad_ms,
                .spent_this_month = account_spent_this_month(&loop->account),
                .run_cost = runs.cost,
                .runs_left = runs_left(&runs, now_ms),
                .avoided = past->avoid.entries,
                .n_avoided = past->avoid.count,
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

/* It could not be set to this a moment ago. */
static bool failed_lately(const struct loop *loop)
{
        return loop->setup.strategy->comparator && loop->failures > 0 &&
               clock_now_ms(loop->setup.clock) < loop->retry_ms &&
               configuration_equal(&loop->proposal.configuration, &loop->acted.configuration);
}

static void judge_proposal(struct loop *loop, struct judgement_context *ret_context)
{
        const struct loop_setup *setup = &loop->setup;
        bool comparator = setup->strategy->comparator;
        struct error err = ERROR_INIT;
        char reason[240];

        /* The money budget needs the books of today. */
        if (!account_settle(&loop->account, clock_now_ms(setup->clock), &err))
                loop_journal_failed(loop, &err);
        *ret_context = judgement_context(loop);
        if (!comparator && !loop->proposes_bounds &&
            !observe_usable(loop->newest, loop->previous_ms, reason, sizeof reason))
                judge_refuse(ret_context, "observation", reason, &loop->verdict);
        else if (!is_free(loop))
                judge_refuse(ret_context, "in_flight",
                             "the change before is not finished or not verified yet", &loop->verdict);
        else if (failed_lately(loop))
                judge_refuse(ret_context, "target", loop->action.reason, &loop->verdict);
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
        loop_say(loop, "hold", loop->reason);
}

bool loop_begin_action(struct loop *loop, const struct intent *intent, const char *superseded,
                       struct error *err)
{
        if (loop->action.phase == ACTION_APPLIED)
                loop_end_action(loop, OUTCOME_UNKNOWN, NAN, superseded);
        if (!action_idle(&loop->action))
                return error_set(err, ERROR_UNAVAILABLE, NULL,
                                 "the journal does not take how the last change ended");
        if (!action_begin(&loop->action, intent, err)) {
                loop->status.journal_failures++;
                return false;
        }
        loop->acted = loop->proposal;
        loop->acted_verdict = loop->verdict;
        loop->acted_is_ours = !intent->ordered;
        loop->carried_before_per_second = loop->newest->throughput_per_second;
        loop->status.way_back = intent->ordered ? LOOP_BACK_ORDERED : LOOP_NO_WAY_BACK;
        loop->status.doing = LOOP_CHANGING;
        loop->status.why = loop->acted.reason;
        loop_say(loop, "change", loop->acted.reason);
        loop_step(loop);
        return true;
}

/* What a rule clipped is not what was predicted: of that is asked that it carries no less than what ran
 * before. A pipeline that a rule kept larger than was wanted has to carry what the smaller one would have. */
static struct prediction prediction_of(const struct loop *loop)
{
        struct prediction prediction = loop->proposal.prediction;

        if (!configuration_equal(&loop->verdict.configuration, &loop->proposal.configuration))
                prediction.capacity_mean =
                        fmin(prediction.capacity_mean, loop->newest->throughput_per_second);
        return prediction;
}

static void act(struct loop *loop, int64_t decision_id, const struct configuration *target)
{
        const struct intent intent = {
                .decision_id = decision_id,
                .from = *target,
                .to = loop->verdict.configuration,
                .prediction = prediction_of(loop),
        };
        struct error err = ERROR_INIT;

        if (!loop_begin_action(loop, &intent, "superseded by a change that grows the pipeline", &err))
                hold_unwritten(loop, &err);
}

/* ---- propose ---- */

static void refused(struct loop *loop)
{
        const struct strategy *strategy = loop->setup.strategy;

        loop->status.doing = LOOP_HOLDING;
        loop->status.why = loop->verdict.n_findings > 0
                                   ? loop->verdict.findings[loop->verdict.n_findings - 1].reason
                                   : "nothing is left of the proposal";
        loop_say(loop, "hold", loop->status.why);
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
        else if (loop->status.paused) /* while the target was asked */
                judge_refuse(&context, "paused", loop->pause_reason, &loop->verdict);
        recorded = loop_record_decision(loop, &loop->newest->configuration, &decision_id, &err);
        loop->last_hold[0] = '\0';
        loop->status.decision = recorded ? decision_id : 0;
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
        loop->proposal.unsure = false;
        if (!setup->strategy->propose(setup->strategy_state, loop->newest, &loop->proposal, err)) {
                hold_without_proposal(loop, err->message);
                return;
        }
        loop->status.unsure = loop->proposal.unsure;
        loop->proposes_bounds = loop->proposal.kind == PROPOSAL_HOLD && loop_propose_bounds(loop);
        if (loop->proposal.kind == PROPOSAL_HOLD)
                hold(loop);
        else
                decide(loop);
}

/* ---- the loop ---- */

/* A journal that cannot be read now is read later: until then nothing is known of what was done before. */
static bool recall(struct loop *loop)
{
        struct error err = ERROR_INIT;

        if (loop->recalled || loop_recall(loop, &err))
                return true;
        loop_journal_failed(loop, &err);
        return false;
}

struct loop *loop_new(const struct loop_setup *setup)
{
        struct loop *loop = packed_memory_new(sizeof *loop);

        loop->setup = *setup;
        if (!setup->verify)
                loop->setup.verify = &verify_defaults;
        loop->newest = &loop->windows[0];
        observation_clear(loop->newest, 0, setup->interval_ms, setup->pipeline->n_operators);
        loop->previous_ms = INT64_MIN;
        remembered_init(&loop->remembered);
        loop->status.why = "";
        loop->status.pause_reason = loop->pause_reason;
        for (enum verify_measure i = 0; i < VERIFY_MEASURES; i++)
                loop->status.trust[i].error_ratio = NAN;
        if (setup->pause_reason && *setup->pause_reason) {
                loop->status.paused = true;
                snprintf(loop->pause_reason, sizeof loop->pause_reason, "%s", setup->pause_reason);
        }
        account_open(&loop->account, setup->prices, setup->constraints, setup->journal, setup->pipeline,
                     setup->baseline);
        action_open(&loop->action, setup->pipeline, setup->actuator, setup->actuator_state, setup->journal,
                    setup->clock, setup->mode == SPEC_AUTO);
        if (recall(loop))
                loop_step(loop);
        return loop;
}

void loop_free(struct loop *loop)
{
        packed_memory_free(loop, sizeof *loop);
}

struct packed *loop_rest(struct loop *loop)
{
        return packed_new(loop, sizeof *loop);
}

void loop_wake(struct loop *loop, const struct packed *packed)
{
        packed_restore(packed, loop);
}

static void go_on_with_action(struct loop *loop)
{
        loop_step(loop);
        if (loop->action.phase != ACTION_APPLIED)
                return;
        verify(loop);
        loop_step(loop);
}

static void wait_for(struct loop *loop, const char *why)
{
        loop->status.doing = LOOP_HOLDING;
        loop->status.why = why;
}

/* What was seen goes into the books, and tells how the last change does. */
static void take_in(struct loop *loop)
{
        struct error err = ERROR_INIT;

        if (!account_observe(&loop->account, clock_now_ms(loop->setup.clock), loop->newest, &err))
                loop_journal_failed(loop, &err);
        go_on_with_action(loop);
}

/* Of several runs that have ended since the last turn, or before the first one, each is learnt from: a turn
 * tells of the newest. */
static void catch_up(struct loop *loop, struct error *err)
{
        const struct loop_setup *setup = &loop->setup;

        for (int i = 0; i < MAX_RUNS_A_TURN && loop->newest->run.more; i++) {
                take_in(loop);
                if (setup->strategy->recall && setup->mode != SPEC_OBSERVE)
                        setup->strategy->recall(setup->strategy_state, loop->newest);
                collect(loop, err);
        }
}

void loop_turn(struct loop *loop)
{
        struct error err = ERROR_INIT;
        bool recalled = recall(loop), interrupted;

        loop->status.unsure = false;
        collect(loop, &err);
        if (recalled)
                catch_up(loop, &err);
        interrupted = err.code == ERROR_INTERRUPTED;
        loop->status.turns++; /* not before there is something to show */
        if (!recalled) {
                wait_for(loop, "what happened before the restart cannot be read yet");
                return;
        }
        take_in(loop);
        loop_look_for_rollback(loop);
        loop_look_for_others(loop);
        if (loop->setup.mode == SPEC_OBSERVE)
                wait_for(loop, "mode is Observe");
        else if (loop->status.paused)
                wait_for(loop, loop->pause_reason);
        else if (!interrupted)
                propose(loop, &err);
}

bool loop_run(struct loop *loop, int64_t until_ms, struct error *err)
{
        const struct clock *clock = loop->setup.clock;
        int64_t next_ms = clock_now_ms(clock) + loop->setup.interval_ms, place_ms = next_ms;

        while (next_ms <= until_ms) {
                if (!clock_sleep_until(clock, next_ms, err))
                        return false;
                loop_turn(loop);
                next_ms = turns_next_ms(&place_ms, loop->setup.interval_ms, clock_now_ms(clock),
                                        loop->status.unsure);
        }
        return clock_sleep_until(clock, until_ms, err);
}

const struct loop_status *loop_status(const struct loop *loop)
{
        return &loop->status;
}

bool loop_newest_change(const struct loop *loop, struct loop_change *ret_change)
{
        const struct action *action = &loop->action;
        const struct intent *intent = &action->intent;
        bool over = action->phase == ACTION_IDLE;

        if (intent->to.count == 0)
                return false;
        *ret_change = (struct loop_change){
                .decision_id = intent->decision_id,
                .time_ms = intent->time_ms,
                .from = &intent->from,
                .to = &intent->to,
                .outcome = over ? action->ending : OUTCOME_PENDING,
                .why = over || !loop->acted_is_ours ? action->reason : loop->acted.reason,
        };
        return true;
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
        return loop->remembered.last_change_ms;
}

int loop_wanted_workers(const struct loop *loop)
{
        struct deployment deployment;

        if (loop->status.doing == LOOP_HOLDING)
                return loop->newest->workers;
        pipeline_deployment(loop->setup.pipeline, &loop->verdict.configuration, &deployment);
        return deployment.workers;
}

void loop_saving(struct loop *loop, double confidence, struct saving *ret_saving)
{
        struct error err = ERROR_INIT;

        if (!account_settle(&loop->account, clock_now_ms(loop->setup.clock), &err))
                loop_journal_failed(loop, &err);
        account_saving(&loop->account, confidence, ret_saving);
}
