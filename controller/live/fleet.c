/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live/fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/live/live.h"
#include "controller/loop/turns.h"

#define LOCK_STEP_MS         20
#define ROLLBACK_PATIENCE_MS (60 * (int64_t)MS_PER_SECOND)
#define SPREAD               0.6180339887498949 /* of the golden ratio: turns of any number of pipelines fall far apart */

/* A pipeline and its place in time. It goes when its turn is over, not in the middle of it. */
struct member {
        struct fleet *fleet;
        struct live *live;
        bool started; /* its next turn has a time, which takes it along when it was removed */
        bool removed, busy;
        int64_t due_ms;                                   /* its next turn */
        int64_t place_ms;                                 /* of its regular turns (turns.h) */
        void (*turned)(void *context, struct live *live); /* NULL: nobody wants to know */
        void *context;
        int n_orders; /* that wait for its turn to end, or are carried out */
        struct member *next;
};

struct fleet {
        struct fleet_setup setup;
        struct shared *own_shared; /* NULL: that of the setup is not its own */
        struct member *first, **last;
        size_t n_added, n_started;
};

struct fleet *fleet_new(const struct fleet_setup *setup)
{
        struct fleet *fleet = memory_new(1, sizeof *fleet);

        fleet->setup = *setup;
        fleet->own_shared = setup->shared ? NULL : shared_new();
        if (fleet->own_shared)
                fleet->setup.shared = fleet->own_shared;
        fleet->last = &fleet->first;
        return fleet;
}

void fleet_free(struct fleet *fleet)
{
        if (!fleet)
                return;
        while (fleet->first) {
                struct member *member = fleet->first;

                fleet->first = member->next;
                live_free(member->live);
                free(member);
        }
        shared_free(fleet->own_shared);
        free(fleet);
}

/* ---- finding ---- */

static bool is_called(const struct live *live, const char *name)
{
        const char *namespace = live_namespace(live);
        size_t length = namespace ? strlen(namespace) : 0;

        if (strcmp(name, live_name(live)) == 0)
                return true;
        return length > 0 && strncmp(name, namespace, length) == 0 && name[length] == '/' &&
               strcmp(name + length + 1, live_name(live)) == 0;
}

static struct member *find(const struct fleet *fleet, const char *name)
{
        for (struct member *member = fleet->first; member; member = member->next)
                if (!member->removed && is_called(member->live, name))
                        return member;
        return NULL;
}

static bool fail_unknown(const struct fleet *fleet, const char *name, struct error *err)
{
        autofree const char **names = memory_new(fleet->n_added + 1, sizeof *names);
        const char *nearest;
        size_t count = 0;

        for (const struct member *member = fleet->first; member; member = member->next)
                if (!member->removed)
                        names[count++] = live_name(member->live);
        nearest = text_nearest(name, names);
        return error_set(err, ERROR_NOT_FOUND, NULL, "no pipeline \"%.60s\" here%s%s%s", name,
                         nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static bool find_open(const struct fleet *fleet, const char *name, struct member **ret_member,
                      struct error *err)
{
        struct member *member = find(fleet, name);

        if (!member)
                return fail_unknown(fleet, name, err);
        if (!live_is_open(member->live))
                return error_set(err, ERROR_UNAVAILABLE, "Starting", "%s is not reached yet: %s", name,
                                 live_trouble(member->live));
        *ret_member = member;
        return true;
}

/* ---- one at a time ---- */

/* Not in the middle of a turn or an order. */
static void rest(const struct member *member)
{
        if (!member->busy)
                live_rest(member->live);
}

/* A turn waits for its engine in the middle: who gives orders meanwhile waits for its end. */
static bool lock(struct member *member, struct error *err)
{
        struct clock clock = reactor_clock(member->fleet->setup.reactor);

        member->n_orders++;
        while (member->busy) {
                if (!clock_sleep_until(&clock, clock_now_ms(&clock) + LOCK_STEP_MS, err)) {
                        member->n_orders--;
                        return false;
                }
        }
        member->busy = true;
        return true;
}

/* Nothing of a removed one is left but its place in time, which goes when it is due. */
static void let_go(struct member *member)
{
        if (!member->removed || member->busy || member->n_orders > 0 || !member->live)
                return;
        live_free(member->live);
        member->live = NULL;
        if (member->turned)
                member->turned(member->context, NULL);
}

static void unlock(struct member *member)
{
        member->n_orders--;
        member->busy = false;
        if (member->removed)
                let_go(member);
        else
                rest(member);
}

/* ---- turns ---- */

static void delete_member(struct member *member)
{
        struct fleet *fleet = member->fleet;
        struct member **link = &fleet->first;

        while (*link != member)
                link = &(*link)->next;
        *link = member->next;
        if (fleet->last == &member->next)
                fleet->last = link;
        live_free(member->live);
        free(member);
}

static void run_turn(void *argument);

static void schedule(struct member *member, int64_t due_ms)
{
        member->due_ms = due_ms;
        reactor_spawn_at(member->fleet->setup.reactor, due_ms, run_turn, member);
}

static void take_turn(struct member *member)
{
        member->busy = true;
        live_turn(member->live, member->due_ms);
        if (member->turned && !member->removed)
                member->turned(member->context, member->live);
        member->busy = false;
        rest(member);
}

static void run_turn(void *argument)
{
        struct member *member = argument;
        struct clock clock = reactor_clock(member->fleet->setup.reactor);
        bool opened = !member->removed && !live_is_open(member->live);

        if (!member->removed && !member->busy)
                take_turn(member);
        if (opened && !member->removed && !member->busy && live_needs_no_window(member->live))
                take_turn(member);
        if (member->removed && member->n_orders == 0) {
                let_go(member);
                delete_member(member);
                return;
        }
        schedule(member, turns_next_ms(&member->place_ms, live_interval_ms(member->live),
                                       clock_now_ms(&clock), live_is_unsure(member->live)));
}

static struct member *add_member(struct fleet *fleet, struct live *live)
{
        struct member *member = memory_new(1, sizeof *member);

        member->fleet = fleet;
        member->live = live;
        *fleet->last = member;
        fleet->last = &member->next;
        fleet->n_added++;
        return member;
}

void fleet_start(struct member *member)
{
        struct fleet *fleet = member->fleet;
        struct clock clock = reactor_clock(fleet->setup.reactor);
        double place = fmod((double)fleet->n_started++ * SPREAD, 1);
        int64_t interval_ms = live_interval_ms(member->live);

        member->started = !fleet->setup.one_shot;
        if (!member->started)
                return;
        member->place_ms = clock_now_ms(&clock) + (int64_t)(place * (double)interval_ms);
        schedule(member, member->place_ms);
}

bool fleet_add(struct fleet *fleet, const char *path, const char *data, const char *const *overrides,
               struct error *err)
{
        struct live *live autocall(live_free) = live_new(&fleet->setup, path, data, overrides);

        if (!live_read(live, err))
                return false;
        if (find(fleet, live_name(live)))
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "%s: metadata.name: there is a pipeline \"%s\" already; expected unique names", path,
                        live_name(live));
        fleet_start(add_member(fleet, TAKE(live)));
        return true;
}

bool fleet_put(struct fleet *fleet, const struct fleet_object *object, struct member **ret_member,
               struct error *err)
{
        struct live *live autocall(live_free) = live_new_object(&fleet->setup, object);
        struct member *member;

        if (!live_read(live, err))
                return false;
        member = add_member(fleet, TAKE(live));
        member->turned = object->turned;
        member->context = object->context;
        *ret_member = member;
        return true;
}

bool fleet_drop(struct member *member)
{
        bool gone = !member->busy && member->n_orders == 0;

        member->removed = true;
        if (gone)
                member->turned = NULL;
        let_go(member);
        if (gone && !member->started)
                delete_member(member);
        return gone;
}

struct live *fleet_live(const struct member *member)
{
        return member->live;
}

void fleet_use_ledger(struct fleet *fleet, struct ledger *ledger)
{
        fleet->setup.ledger = ledger;
        for (struct member *member = fleet->first; member; member = member->next)
                if (!member->removed)
                        live_recall_pause(member->live);
}

void fleet_remove(struct fleet *fleet, const char *name)
{
        struct member *member = find(fleet, name);

        if (member)
                (void)fleet_drop(member);
}

/* ---- one shot ---- */

static void turn_each(struct fleet *fleet)
{
        struct clock clock = reactor_clock(fleet->setup.reactor);

        for (struct member *member = fleet->first; member; member = member->next)
                live_turn(member->live, clock_now_ms(&clock));
}

json_t *fleet_recommend(struct fleet *fleet)
{
        json_t *all = json_array();

        turn_each(fleet);
        for (const struct member *member = fleet->first; member; member = member->next)
                json_array_append_new(all, live_recommendation(member->live));
        return all;
}

const char *fleet_record_trouble(const struct fleet *fleet)
{
        for (const struct member *member = fleet->first; member; member = member->next)
                if (live_record_trouble(member->live))
                        return live_record_trouble(member->live);
        return NULL;
}

bool fleet_is_refused(const struct fleet *fleet)
{
        for (const struct member *member = fleet->first; member; member = member->next)
                if (!live_is_refused(member->live))
                        return false;
        return true;
}

bool fleet_is_unreachable(const struct fleet *fleet)
{
        for (const struct member *member = fleet->first; member; member = member->next)
                if (!live_is_unreachable(member->live))
                        return false;
        return true;
}

/* ---- what the API asks for ---- */

bool fleet_status(struct fleet *fleet, const char *name, json_t **ret_status, struct error *err)
{
        const struct member *only = name ? find(fleet, name) : NULL;
        json_t *all;

        if (name && !only)
                return fail_unknown(fleet, name, err);
        all = json_array();
        for (const struct member *member = only ? only : fleet->first; member;
             member = only ? NULL : member->next)
                if (!member->removed) {
                        json_array_append_new(all, live_status(member->live));
                        rest(member);
                }
        *ret_status = all;
        return true;
}

bool fleet_savings(struct fleet *fleet, const char *name, json_t **ret_savings, struct error *err)
{
        struct member *member = NULL;

        if (!find_open(fleet, name, &member, err))
                return false;
        *ret_savings = live_saving_json(member->live);
        rest(member);
        return true;
}

/* ---- orders ---- */

/* Neither waits for anything: a turn that is under way minds it. */
bool fleet_pause_member(struct member *member, const char *reason, struct error *err)
{
        bool done = live_pause(member->live, reason, err);

        rest(member);
        return done;
}

bool fleet_resume_member(struct member *member, struct error *err)
{
        bool done = live_resume(member->live, err);

        rest(member);
        return done;
}

bool fleet_pause(struct fleet *fleet, const char *name, const char *reason, struct error *err)
{
        struct member *member = find(fleet, name);

        return member ? fleet_pause_member(member, reason, err) : fail_unknown(fleet, name, err);
}

bool fleet_resume(struct fleet *fleet, const char *name, struct error *err)
{
        struct member *member = find(fleet, name);

        return member ? fleet_resume_member(member, err) : fail_unknown(fleet, name, err);
}

/* Goes on until the target reads back what it was told, or for ROLLBACK_PATIENCE_MS; the turns that follow go
 * on, and see when it runs that. */
static bool roll_back(const struct member *member, int64_t decision_id, json_t **ret_result,
                      struct error *err)
{
        struct clock clock = reactor_clock(member->fleet->setup.reactor);
        int64_t until_ms = clock_now_ms(&clock) + ROLLBACK_PATIENCE_MS;
        struct loop *loop;

        if (!live_rollback(member->live, decision_id, err))
                return false;
        loop = live_loop(member->live);
        while (loop_status(loop)->applying && clock_now_ms(&clock) < until_ms) {
                if (!clock_sleep_until(&clock, clock_now_ms(&clock) + MS_PER_SECOND, err))
                        return false;
                loop_step(loop);
        }
        *ret_result = live_rollback_json(member->live);
        json_object_set_new(*ret_result, "applied",
                            json_boolean(loop_status(loop)->way_back == LOOP_BACK_TOLD));
        return true;
}

bool fleet_rollback(struct fleet *fleet, const char *name, int64_t decision_id, json_t **ret_result,
                    struct error *err)
{
        struct member *member = find(fleet, name);
        bool done;

        if (!member)
                return fail_unknown(fleet, name, err);
        if (!lock(member, err))
                return false;
        done = roll_back(member, decision_id, ret_result, err);
        unlock(member);
        return done;
}

/* ---- charts: read in a thread beside the loops that write ---- */

struct charting {
        const char *path, *name;
        int64_t limit;
        json_t *series;
        struct error err;
};

static void read_series(void *argument)
{
        struct charting *charting = argument;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;

        (void)(ledger_reader_open(charting->path, &reader, &charting->err) &&
               ledger_series(reader, charting->name, charting->limit, &charting->series, &charting->err));
}

bool fleet_series(struct fleet *fleet, const char *name, size_t limit, json_t **ret_series, struct error *err)
{
        struct charting charting = {.name = name, .limit = (int64_t)limit, .err = ERROR_INIT};

        if (!find(fleet, name))
                return fail_unknown(fleet, name, err);
        if (!fleet->setup.ledger)
                return error_set(err, ERROR_NOT_FOUND, "NoLedger",
                                 "this optctl keeps no ledger, so there is no history");
        charting.path = ledger_path(fleet->setup.ledger);
        reactor_offload(fleet->setup.reactor, read_series, &charting);
        if (charting.series)
                *ret_series = charting.series;
        else
                *err = charting.err;
        return charting.series != NULL;
}
