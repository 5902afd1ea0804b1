/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop after a restart: what the process before knew follows from what it wrote down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/loop_internal.h"

/* Observations of before an instant that are looked at to see what ran then: some may tell nothing. */
#define LOOK_BACK_TURNS 10
/* Without books: the first entry is made within an hour. */
#define FIRST_LOOK_BACK_MS ((int64_t)MS_PER_DAY)

struct recall {
        const struct pipeline *pipeline;
        struct remembered remembered;
        struct account account;
        int64_t booked_ms, previous_ms;
        struct observation newest;
};

static void take_action(void *context, const struct intent *intent, const struct ending *ending)
{
        struct recall *recall = context;

        if (intent->applied)
                remembered_applied(&recall->remembered, recall->pipeline, intent);
        remembered_ended(&recall->remembered, recall->pipeline, intent, ending);
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
        recall->booked_ms = recall->previous_ms = INT64_MIN;
        recall->newest = *loop->newest;
        if (!read_past(loop, recall, err) || !read_standing(loop, err))
                return error_wrap(err, "what happened before the restart cannot be read");
        loop->remembered = recall->remembered;
        loop->account = recall->account;
        loop->previous_ms = recall->previous_ms;
        *loop->newest = recall->newest;
        loop->recalled = true;
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
        const struct intent *intent = &loop->action.intent;

        resumed->begun = true;
        verify_begin(&loop->verify, loop->setup.verify, loop->setup.constraints, &intent->prediction,
                     &intent->to, resumed->before.missing == 0 ? &resumed->before : NULL, intent->applied_ms);
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
                resumed->result = verify_observe(&resumed->loop->verify, observation, observation->time_ms,
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
