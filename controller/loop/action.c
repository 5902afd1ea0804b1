/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/action.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HAS(action, callback) ((action)->journal && (action)->journal->callback)

void action_open(struct action *action, const struct pipeline *pipeline, const struct actuator *actuator,
                 void *actuator_state, const struct journal *journal, const struct clock *clock, bool recover)
{
        *action = (struct action){
                .pipeline = pipeline,
                .actuator = actuator,
                .actuator_state = actuator_state,
                .journal = journal,
                .clock = clock,
                .phase = recover ? ACTION_RECOVERING : ACTION_IDLE,
                .next_ms = INT64_MIN,
                .carried_per_second = NAN,
        };
}

void action_recall(struct action *action, const struct intent *intent, const struct ending *ending)
{
        action->intent = *intent;
        action->ending = ending->outcome;
        action->ended_ms = ending->time_ms;
        snprintf(action->reason, sizeof action->reason, "%s", ending->reason);
}

bool action_idle(const struct action *action)
{
        return action->phase == ACTION_IDLE && !action->owes_outcome;
}

bool action_read_target(struct action *action, const struct configuration *otherwise,
                        struct configuration *ret_configuration, struct error *err)
{
        struct configuration read = *otherwise;

        if (!action->actuator->read(action->actuator_state, &read, err))
                return error_wrap(err, "while reading what %s is told to run", action->pipeline->name);
        *ret_configuration = read;
        return true;
}

/* ---- what the journal is owed ---- */

static bool pay_call_end(struct action *action, struct error *err)
{
        const struct journal *journal = action->journal;

        if (action->owes_call_end &&
            !journal->call_end(journal->context, action->call_end.id, action->call_end.time_ms,
                               action->call_end.done, action->call_end.answer, err))
                return false;
        action->owes_call_end = false;
        return true;
}

struct ending action_ending(const struct action *action)
{
        return (struct ending){
                .intent_id = action->intent.id,
                .time_ms = action->ended_ms,
                .outcome = action->ending,
                .back = action->ending == OUTCOME_REVERTED ? action->back : (struct configuration){0},
                .carried_per_second = action->carried_per_second,
                .reason = action->reason,
        };
}

static bool pay_outcome(struct action *action, struct error *err)
{
        const struct journal *journal = action->journal;
        const struct ending ending = action_ending(action);

        if (action->owes_outcome && !journal->outcome(journal->context, &ending, err))
                return false;
        action->owes_outcome = false;
        return true;
}

static bool pay_journal(struct action *action, struct error *err)
{
        const struct journal *journal = action->journal;

        if (!pay_call_end(action, err))
                return false;
        if (action->owes_applied &&
            !journal->applied(journal->context, action->intent.id, action->applied_ms, err))
                return false;
        action->owes_applied = false;
        return pay_outcome(action, err);
}

/* A debt that cannot be paid now is paid at a later step. */
static bool try_to_pay(struct action *action)
{
        struct error err = ERROR_INIT;

        return pay_journal(action, &err);
}

/* ---- calls, as the actuator announces them ---- */

static bool call_begin(void *context, const char *call, int64_t *ret_id, struct error *err)
{
        struct action *action = context;
        const struct journal *journal = action->journal;

        *ret_id = 0;
        if (!pay_call_end(action, err))
                return error_wrap(err, "while recording the call before %s", call);
        if (HAS(action, call_begin) && !journal->call_begin(journal->context, action->intent.id,
                                                            clock_now_ms(action->clock), call, ret_id, err))
                return error_wrap(err, "while recording the call %s", call);
        return true;
}

/* The call was made, so failing to record its answer is no reason to stop; it is recorded before the next
 * one. */
static bool call_end(void *context, int64_t id, bool done, const char *answer, struct error *err)
{
        struct action *action = context;

        (void)err;
        if (!HAS(action, call_end))
                return true;
        action->call_end.id = id;
        action->call_end.time_ms = clock_now_ms(action->clock);
        action->call_end.done = done;
        snprintf(action->call_end.answer, sizeof action->call_end.answer, "%s", answer);
        action->owes_call_end = true;
        (void)try_to_pay(action);
        return true;
}

static bool write_target(struct action *action, const struct configuration *from,
                         const struct configuration *to, struct error *err)
{
        struct call_recorder calls = {.begin = call_begin, .end = call_end, .context = action};

        return action->actuator->apply(action->actuator_state, from, to, false, &calls, err);
}

/* ---- endings ---- */

static enum action_event finish(struct action *action, enum outcome outcome, const char *reason)
{
        action->phase = ACTION_IDLE;
        action->ending = outcome;
        if (reason != action->reason)
                snprintf(action->reason, sizeof action->reason, "%s", reason);
        action->ended_ms = clock_now_ms(action->clock);
        action->owes_outcome = HAS(action, outcome);
        (void)try_to_pay(action);
        return ACTION_ENDED;
}

void action_end(struct action *action, enum outcome outcome, double carried_per_second, const char *reason)
{
        action->carried_per_second = carried_per_second;
        (void)finish(action, outcome, reason);
}

static void start_taking_back(struct action *action, const struct configuration *back, enum outcome ending,
                              const char *reason)
{
        action->phase = ACTION_TAKING_BACK;
        action->back = *back;
        action->ending = ending;
        snprintf(action->reason, sizeof action->reason, "%s", reason);
        action->attempts = 0;
        action->next_ms = INT64_MIN;
}

void action_take_back(struct action *action, const struct configuration *back, const char *reason)
{
        start_taking_back(action, back, OUTCOME_REVERTED, reason);
}

/* The delay before the next attempt doubles. */
static void wait_longer(struct action *action)
{
        int64_t delay = ACTION_FIRST_RETRY_MS;

        for (int i = 0; i < action->attempts && delay < ACTION_LAST_RETRY_MS; i++)
                delay *= 2;
        if (delay > ACTION_LAST_RETRY_MS)
                delay = ACTION_LAST_RETRY_MS;
        action->attempts++;
        action->next_ms = clock_now_ms(action->clock) + delay;
}

/* ---- applying ---- */

bool action_begin(struct action *action, const struct intent *intent, struct error *err)
{
        const struct journal *journal = action->journal;
        int64_t now_ms = clock_now_ms(action->clock);

        action->intent = *intent;
        action->intent.time_ms = now_ms;
        action->intent.applied = false;
        if (HAS(action, intent) &&
            !journal->intent(journal->context, &action->intent, &action->intent.id, err))
                return error_wrap(err, "the intent could not be written down");
        action->phase = ACTION_APPLYING;
        action->begun_before_crash = action->applied_before_crash = false;
        action->carried_per_second = NAN;
        action->attempts = 0;
        action->next_ms = INT64_MIN;
        action->deadline_ms = now_ms + ACTION_PATIENCE_MS;
        return true;
}

static bool target_runs(struct action *action, const struct configuration *wanted, struct error *err)
{
        struct configuration running;
        char running_words[160], wanted_words[160];

        if (!action_read_target(action, wanted, &running, err))
                return false;
        if (configuration_equal(&running, wanted))
                return true;
        configuration_describe(action->pipeline, &running, running_words, sizeof running_words);
        configuration_describe(action->pipeline, wanted, wanted_words, sizeof wanted_words);
        return error_set(err, ERROR_CONFLICT, "ReadBackDiffers", "%s was told to run %s and reads back %s",
                         action->pipeline->name, wanted_words, running_words);
}

static enum action_event arrive(struct action *action)
{
        action->phase = ACTION_APPLIED;
        action->intent.applied = true;
        action->intent.applied_ms = action->applied_ms = clock_now_ms(action->clock);
        action->owes_applied = HAS(action, applied);
        (void)try_to_pay(action);
        return ACTION_ARRIVED;
}

static enum action_event try_to_apply(struct action *action)
{
        const struct intent *intent = &action->intent;
        struct error err = ERROR_INIT;

        /* An attempt whose answer was lost may have done it all the same: look before writing again. */
        if (action->attempts > 0 && target_runs(action, &intent->to, &err))
                return arrive(action);
        error_clear(&err);
        if (write_target(action, &intent->from, &intent->to, &err) && target_runs(action, &intent->to, &err))
                return arrive(action);
        wait_longer(action);
        snprintf(action->reason, sizeof action->reason, "%s", err.message);
        if (!err.retry || action->next_ms >= action->deadline_ms)
                start_taking_back(action, &intent->from, OUTCOME_FAILED, err.message);
        return ACTION_NOTHING;
}

/* ---- taking back ---- */

static enum action_event try_to_take_back(struct action *action)
{
        struct error err = ERROR_INIT;
        struct configuration running;

        if (!action_read_target(action, &action->intent.from, &running, &err)) {
                wait_longer(action);
                return ACTION_NOTHING;
        }
        configuration_keep_grown(action->pipeline, &running, &action->back);
        if (configuration_equal(&running, &action->back))
                return finish(action, action->ending, action->reason);
        if (action->ending == OUTCOME_REVERTED && action->attempts == 0 &&
            !configuration_equal(&running, &action->intent.to))
                return finish(action, OUTCOME_UNKNOWN, "somebody else changed the target meanwhile");
        if (write_target(action, &running, &action->back, &err) && target_runs(action, &action->back, &err))
                return finish(action, action->ending, action->reason);
        wait_longer(action);
        return ACTION_NOTHING;
}

/* ---- after a crash ---- */

/* Every knob has either its old or its new value, or that of a target that stands still: we were interrupted
 * half-way, nobody else was at work. */
static bool is_half_way(const struct intent *intent, const struct configuration *running)
{
        if (running->count != intent->from.count || running->count != intent->to.count)
                return false;
        for (int i = 0; i < running->count; i++)
                if (running->value[i] != intent->from.value[i] && running->value[i] != intent->to.value[i] &&
                    running->value[i] != 0)
                        return false;
        return true;
}

static enum action_event resume(struct action *action, const struct configuration *running)
{
        struct intent *intent = &action->intent;

        action->begun_before_crash = true;
        action->carried_per_second = NAN;
        action->back = intent->from;
        if (configuration_equal(running, &intent->to)) {
                if (!intent->applied)
                        return arrive(action);
                action->phase = ACTION_APPLIED;
                action->applied_ms = intent->applied_ms;
                action->applied_before_crash = true;
                return ACTION_ARRIVED;
        }
        if (configuration_equal(running, &intent->from))
                return intent->applied
                               ? finish(action, OUTCOME_REVERTED, "found taken back after a restart")
                               : finish(action, OUTCOME_FAILED, "crashed before anything was written");
        if (!is_half_way(intent, running))
                return finish(action, OUTCOME_UNKNOWN, "somebody else changed the target before the restart");
        start_taking_back(action, &intent->from, OUTCOME_FAILED, "crashed half-way: taken back");
        return try_to_take_back(action);
}

static enum action_event recover(struct action *action)
{
        const struct journal *journal = action->journal;
        struct error err = ERROR_INIT;
        struct configuration running;
        bool found = false;

        if (HAS(action, unfinished) &&
            !journal->unfinished(journal->context, &action->intent, &found, &err)) {
                wait_longer(action);
                return ACTION_NOTHING;
        }
        if (!found) {
                action->phase = ACTION_IDLE;
                return ACTION_NOTHING;
        }
        if (!action_read_target(action, &action->intent.from, &running, &err)) {
                wait_longer(action);
                return ACTION_NOTHING;
        }
        return resume(action, &running);
}

static bool is_due(const struct action *action)
{
        bool owes = action->owes_call_end || action->owes_applied || action->owes_outcome;
        bool waits = action->phase == ACTION_IDLE || action->phase == ACTION_APPLIED;

        return owes || (!waits && clock_now_ms(action->clock) >= action->next_ms);
}

enum action_event action_step(struct action *action)
{
        if (!is_due(action))
                return ACTION_NOTHING;
        /* While the journal cannot take what was done, nothing more is done. */
        if (!try_to_pay(action))
                return ACTION_NOTHING;
        switch (action->phase) {
        case ACTION_RECOVERING:
                return recover(action);
        case ACTION_APPLYING:
                return try_to_apply(action);
        case ACTION_TAKING_BACK:
                return try_to_take_back(action);
        case ACTION_IDLE:
        case ACTION_APPLIED:
                break;
        }
        return ACTION_NOTHING;
}
