/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop after a restart: what the process before knew follows from what it wrote down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/loop/internal.h"

/* Observations of before an instant that are looked at to see what ran then: some may tell nothing. */
#define LOOK_BACK_TURNS 10
/* What a strategy learns anew from: a day, of turns that are a minute or more apart. */
#define LESSON_TURNS 1440
#define LESSON_MS    ((int64_t)MS_PER_DAY)
/* Without books: the first entry is made within an hour. */
#define FIRST_LOOK_BACK_MS ((int64_t)MS_PER_DAY)

struct recall {
        const struct pipeline *pipeline;
        struct remembered remembered;
        struct account account;
        struct action action; /* keeps the newest one that was not somebody else's */
        int64_t booked_ms, previous_ms;
        struct observation newest;
};

static void take_action(void *context, const struct intent *intent, const struct ending *ending)
{
        struct recall *recall = context;

        if (intent->applied)
                remembered_applied(&recall->remembered, recall->pipeline, intent);
        remembered_ended(&recall->remembered, recall->pipeline, intent, ending);
        if (!intent->foreign && intent->time_ms >= recall->action.intent.time_ms)
                action_recall(&recall->action, intent, ending);
}

static void take_spend(void *context, const struct spend *spend)
{
        struct recall *recall = context;

        account_recall(&recall->account, spend);
        recall->booked_ms = spend->to_ms;
}

static void take_observation(void *context, const struct observation *observation)
{
        struct recall *recall = context;
        struct error err = ERROR_INIT;

        if (!(recall->newest.missing & MISSING_ALL))
                recall->previous_ms = recall->newest.time_ms;
        recall->newest = *observation;
        if (observation->time_ms <= recall->booked_ms)
                account_recall_workers(&recall->account, observation);
        else
                (void)account_observe(&recall->account, observation->time_ms, observation, &err);
}

static bool read_past(const struct loop *loop, struct recall *recall, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        const struct journal_past long_past = {.action = take_action, .spend = take_spend, .context = recall};
        const struct journal_past lately = {.observation = take_observation, .context = recall};
        int64_t since_ms;

        if (!journal->past(journal->context, INT64_MAX, &long_past, err))
                return false;
        since_ms = recall->account.begun ? recall->booked_ms - LOOK_BACK_TURNS * loop->setup.interval_ms
                                         : clock_now_ms(loop->setup.clock) - FIRST_LOOK_BACK_MS;
        /* What is booked now waits for the next entry: nothing is written while the journal is being read. */
        recall->account.reading = true;
        if (!journal->past(journal->context, since_ms, &lately, err))
                return false;
        recall->account.reading = false;
        return true;
}

static bool read_standing(struct loop *loop, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        struct journal_standing standing;

        if (!journal->standing)
                return true;
        if (!journal->standing(journal->context, &standing, err))
                return false;
        if (standing.paused) {
                loop->status.paused = true;
                memcpy(loop->pause_reason, standing.pause_reason, sizeof loop->pause_reason);
        }
        memcpy(loop->last_hold, standing.last_hold, sizeof loop->last_hold);
        return true;
}

/* ---- what the strategy learnt ---- */

/* What happened to a change of the strategy's own, and when. */
struct event {
        int64_t time_ms;
        struct configuration to;
        enum outcome outcome; /* PENDING: it was made */
};

struct lesson {
        struct loop *loop;
        size_t n_events, next;
        struct event *events; /* in time */
        struct observation newest;
        struct proposal proposal;
        struct verdict verdict;
};

static void add_event(struct lesson *lesson, int64_t time_ms, const struct intent *intent,
                      enum outcome outcome)
{
        size_t at = lesson->n_events++;

        lesson->events = memory_resize(lesson->events, lesson->n_events, sizeof *lesson->events);
        for (; at > 0 && lesson->events[at - 1].time_ms > time_ms; at--)
                lesson->events[at] = lesson->events[at - 1];
        lesson->events[at] = (struct event){.time_ms = time_ms, .to = intent->to, .outcome = outcome};
}

static void note_change(void *context, const struct intent *intent, const struct ending *ending)
{
        if (!intent->applied || intent->ordered)
                return;
        add_event(context, intent->applied_ms, intent, OUTCOME_PENDING);
        add_event(context, ending->time_ms, intent, ending->outcome);
}

static void tell(struct lesson *lesson, const struct event *event)
{
        const struct strategy *strategy = lesson->loop->setup.strategy;

        if (lesson->newest.time_ms == INT64_MIN) /* longer ago than what is looked at */
                lesson->newest.time_ms = event->time_ms;
        lesson->proposal.kind = PROPOSAL_CHANGE;
        lesson->proposal.strategy = strategy->name;
        lesson->proposal.configuration = lesson->verdict.configuration = event->to;
        if (strategy->told)
                strategy->told(lesson->loop->setup.strategy_state, &lesson->proposal, &lesson->verdict,
                               event->outcome, &lesson->newest);
}

/* A turn looks, tells how the last change ended, asks, and makes the next one. What fell between two looks is
 * told with the first of them, and of what came with the second how the change before ended. */
static void teach(void *context, const struct observation *observation)
{
        struct lesson *lesson = context;
        const struct loop_setup *setup = &lesson->loop->setup;
        const struct event *events = lesson->events;
        int64_t time_ms = observation->time_ms;

        if (observation->missing & MISSING_ALL)
                return;
        while (lesson->next < lesson->n_events && events[lesson->next].time_ms < time_ms)
                tell(lesson, &events[lesson->next++]);
        lesson->newest = *observation;
        while (lesson->next < lesson->n_events && events[lesson->next].time_ms == time_ms &&
               events[lesson->next].outcome != OUTCOME_PENDING)
                tell(lesson, &events[lesson->next++]);
        setup->strategy->recall(setup->strategy_state, observation);
}

/* Runs are few and far between: they are told of from further back than windows, and before them. */
static void teach_run(void *context, const struct observation *observation)
{
        const struct lesson *lesson = context;
        const struct loop_setup *setup = &lesson->loop->setup;

        setup->strategy->recall(setup->strategy_state, observation);
}

/* The change that was under way: the strategy will be told how it ends. */
static bool take_up(struct loop *loop, struct lesson *lesson, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        struct intent intent;
        bool found = false;

        if (loop->setup.mode != SPEC_AUTO || !journal->unfinished)
                return true;
        if (!journal->unfinished(journal->context, &intent, &found, err))
                return false;
        if (!found || intent.ordered)
                return true;
        if (intent.applied)
                add_event(lesson, intent.applied_ms, &intent, OUTCOME_PENDING);
        loop->acted.kind = PROPOSAL_CHANGE;
        loop->acted.strategy = loop->setup.strategy->name;
        loop->acted.configuration = loop->acted_verdict.configuration = intent.to;
        loop->acted.prediction = intent.prediction;
        loop->acted_is_ours = true;
        return true;
}

/* What the strategy knew of the load and of the engine follows from what was observed. What cannot be read
 * now it learns anew. */
static void recall_lesson(struct loop *loop)
{
        const struct loop_setup *setup = &loop->setup;
        const struct journal *journal = setup->journal;
        int64_t now_ms = clock_now_ms(setup->clock), back_ms = LESSON_TURNS * setup->interval_ms;
        int64_t since_ms = now_ms - (back_ms < LESSON_MS ? back_ms : LESSON_MS);
        autofree struct lesson *lesson = memory_new(1, sizeof *lesson);
        const struct journal_past changes = {.action = note_change, .context = lesson};
        const struct journal_past windows = {.observation = teach, .context = lesson};
        const struct journal_past runs = {.run = teach_run, .context = lesson};
        struct error err = ERROR_INIT;

        lesson->loop = loop;
        lesson->newest.time_ms = INT64_MIN;
        if (!journal->past(journal->context, INT64_MAX, &runs, &err) ||
            !journal->past(journal->context, INT64_MAX, &changes, &err) || !take_up(loop, lesson, &err) ||
            !journal->past(journal->context, since_ms, &windows, &err))
                loop_journal_failed(loop, &err);
        while (lesson->next < lesson->n_events)
                tell(lesson, &lesson->events[lesson->next++]);
        free(lesson->events);
}

bool loop_recall(struct loop *loop, struct error *err)
{
        const struct journal *journal = loop->setup.journal;
        autofree struct recall *recall = NULL;

        if (!journal || !journal->past) {
                loop->recalled = true;
                return true;
        }
        recall = memory_new(1, sizeof *recall);
        recall->pipeline = loop->setup.pipeline;
        remembered_init(&recall->remembered);
        recall->account = loop->account;
        recall->action = loop->action;
        recall->booked_ms = recall->previous_ms = INT64_MIN;
        recall->newest = *loop->newest;
        if (!read_past(loop, recall, err) || !read_standing(loop, err))
                return error_wrap(err, "what happened before the restart cannot be read");
        loop->remembered = recall->remembered;
        loop->account = recall->account;
        loop->action = recall->action;
        loop->previous_ms = recall->previous_ms;
        *loop->newest = recall->newest;
        loop->recalled = true;
        if (loop->setup.strategy->recall && loop->setup.mode != SPEC_OBSERVE)
                recall_lesson(loop);
        return true;
}

/* ---- verification ---- */

struct resumed {
        struct loop *loop;
        struct observation before; /* the newest when the target had arrived */
        bool begun;
        enum verify_result result;
        char reason[ACTION_REASON_ROOM];
};

static void begin(struct resumed *resumed)
{
        struct loop *loop = resumed->loop;

        resumed->begun = true;
        loop_begin_verification(loop, resumed->before.missing == 0 ? &resumed->before : NULL);
        if (!(resumed->before.missing & MISSING_ALL))
                loop->carried_before_per_second = resumed->before.throughput_per_second;
}

static void take_window(void *context, const struct observation *observation)
{
        struct resumed *resumed = context;

        if (observation->time_ms <= resumed->loop->action.intent.applied_ms) {
                resumed->before = *observation;
                return;
        }
        if (!resumed->begun)
                begin(resumed);
        if (resumed->result == VERIFY_WAITING)
                resumed->result =
                        verifier_observe(&resumed->loop->verifier, observation, observation->time_ms,
                                         resumed->reason, sizeof resumed->reason);
}

void loop_recall_verification(struct loop *loop)
{
        const struct journal *journal = loop->setup.journal;
        autofree struct resumed *resumed = memory_new(1, sizeof *resumed);
        const struct journal_past windows = {.observation = take_window, .context = resumed};
        int64_t since_ms = loop->action.intent.applied_ms - LOOK_BACK_TURNS * loop->setup.interval_ms;
        struct error err = ERROR_INIT;

        *resumed = (struct resumed){.loop = loop, .before.missing = MISSING_ALL, .result = VERIFY_WAITING};
        if (journal && journal->past && !journal->past(journal->context, since_ms, &windows, &err))
                loop_journal_failed(loop, &err);
        if (!resumed->begun)
                begin(resumed);
        if (resumed->result != VERIFY_WAITING)
                loop_conclude(loop, resumed->result, resumed->reason);
}
