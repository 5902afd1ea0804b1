/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What somebody else does to the target: a person, another optctl with a ledger of its own, another
 * autoscaler. The first time the rule `foreign_change` holds for a while; then what runs is what optctl goes
 * on from. Who answers that with another change steers it, too, and of two who steer one has to yield.
 */
#include <math.h>
#include <stdio.h>

#include "controller/loop/internal.h"

#define SOMEBODY_ELSE "somebody else" /* stands where the strategy's name stands in a decision */

/* Changes that lie this far apart are no answer to one another. */
#define ANSWER_MS ((int64_t)6 * 3600 * MS_PER_SECOND)

/* In what optctl sets and can set back: partitions only grow, which nobody can fight about. */
static bool is_same(const struct loop *loop, const struct configuration *a, const struct configuration *b)
{
        const struct pipeline *pipeline = loop->setup.pipeline;
        const struct actuator *actuator = loop->setup.actuator;

        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                bool ours = !actuator->controls || actuator->controls(loop->setup.actuator_state, knob);

                if (ours && knob->role != KNOB_PARTITIONS && a->value[i] != b->value[i])
                        return false;
        }
        return true;
}

/* Nobody but us steers a target that is paused, stopped or on its way to another size. */
static bool may_look(const struct loop *loop)
{
        const struct observation *seen = loop->newest;
        bool at_rest = action_idle(&loop->action) || loop->action.phase == ACTION_APPLIED;

        return loop->setup.mode == SPEC_AUTO && at_rest && observation_lacks(seen) == 0 && !seen->restarting;
}

/* What was told is what runs, as far as it can be seen, and is not what we know of. */
static bool was_changed(struct loop *loop, struct configuration *ret_target)
{
        struct configuration *told = &loop->remembered.told;
        const struct configuration *running = &loop->newest->configuration;
        struct configuration target;
        struct error err = ERROR_INIT;

        if (told->count > 0 && is_same(loop, running, told))
                return false;
        if (!action_read_target(&loop->action, running, &target, &err))
                return false;
        /* Where it runs less than it was told, for want of room, nothing can be said yet. */
        if (!is_same(loop, &target, running))
                return false;
        if (told->count == 0)
                *told = target;
        *ret_target = target;
        return !is_same(loop, &target, told);
}

/* As a decision, so that history and explain tell of it. */
static void put_decision(struct loop *loop, const struct configuration *target)
{
        const struct pipeline *pipeline = loop->setup.pipeline;
        char told_words[160], target_words[160];

        configuration_describe(pipeline, &loop->remembered.told, told_words, sizeof told_words);
        configuration_describe(pipeline, target, target_words, sizeof target_words);
        loop->proposal = (struct proposal){
                .kind = PROPOSAL_CHANGE,
                .strategy = SOMEBODY_ELSE,
                .configuration = *target,
                .expected_saving = NAN,
        };
        snprintf(loop->proposal.reason, sizeof loop->proposal.reason,
                 "somebody else set it to %s, where it had been told to run %s", target_words, told_words);
        loop->verdict = (struct verdict){.judgement = JUDGEMENT_ALLOWED, .configuration = *target};
        loop->last_hold[0] = '\0';
}

static bool write_down(struct loop *loop, struct intent *intent, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        struct ending ending = {.time_ms = intent->applied_ms,
                                .outcome = OUTCOME_UNKNOWN,
                                .carried_per_second = NAN,
                                .reason = "done by somebody else: not verified"};

        if (!journal || !journal->intent)
                return true;
        if (!loop_record_decision(loop, &intent->from, &intent->decision_id, err) ||
            !journal->intent(journal->context, intent, &intent->id, err))
                return false;
        ending.intent_id = intent->id;
        return journal->outcome(journal->context, &ending, err);
}

static void yield_to_them(struct loop *loop)
{
        struct error err = ERROR_INIT;

        if (!loop_pause(
                    loop,
                    "somebody else steers it, too: what optctl set was changed again; see to it that only "
                    "one does, then optctl resume",
                    &err))
                loop_journal_failed(loop, &err);
}

/* It came again after we had gone on from the last time. */
static bool is_answer(const struct remembered *past, int64_t now_ms)
{
        return past->last_foreign_ms != INT64_MIN && now_ms - past->last_foreign_ms <= ANSWER_MS &&
               past->last_change_ms > past->last_foreign_ms;
}

static void take_note(struct loop *loop, const struct configuration *target)
{
        int64_t now_ms = clock_now_ms(loop->setup.clock);
        bool answer = is_answer(&loop->remembered, now_ms);
        struct intent intent = {.time_ms = now_ms,
                                .from = loop->remembered.told,
                                .to = *target,
                                .applied = true,
                                .applied_ms = now_ms,
                                .ordered = true,
                                .foreign = true};
        struct error err = ERROR_INIT;

        if (loop->action.phase == ACTION_APPLIED) {
                loop_end_action(loop, OUTCOME_UNKNOWN, NAN, "somebody else changed the target meanwhile");
                loop_step(loop);
        }
        put_decision(loop, target);
        loop_say(loop, "changed by somebody else", loop->proposal.reason);
        if (!write_down(loop, &intent, &err))
                loop_journal_failed(loop, &err);
        remembered_applied(&loop->remembered, loop->setup.pipeline, &intent);
        if (answer)
                yield_to_them(loop);
}

void loop_look_for_others(struct loop *loop)
{
        struct configuration target;

        /* A job that was started anew, and one that is paused, is for others to size: it goes on from that.
         */
        if (loop->status.paused || loop->newest->counters_reset)
                loop->remembered.told.count = 0;
        else if (may_look(loop) && was_changed(loop, &target))
                take_note(loop, &target);
}
