/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/fleet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/live.h"

#define SPREAD 0.6180339887498949 /* of the golden ratio: turns of any number of pipelines fall far apart */

/* A pipeline and its place in time. It goes when its turn is over, not in the middle of it. */
struct member {
        struct fleet *fleet;
        struct live *live;
        bool removed, scheduled, busy;
        struct member *next;
};

struct fleet {
        struct fleet_setup setup;
        struct member *first, **last;
        size_t n_added;
};

struct fleet *fleet_new(const struct fleet_setup *setup)
{
        struct fleet *fleet = memory_new(1, sizeof *fleet);

        fleet->setup = *setup;
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

static bool find_open(const struct fleet *fleet, const char *name, struct live **ret_live, struct error *err)
{
        struct member *member = find(fleet, name);

        if (!member)
                return fail_unknown(fleet, name, err);
        if (!live_is_open(member->live))
                return error_set(err, ERROR_UNAVAILABLE, "Starting", "%s is not reached yet: %s", name,
                                 live_trouble(member->live));
        *ret_live = member->live;
        return true;
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

static void schedule(struct member *member, int64_t time_ms)
{
        member->scheduled = true;
        reactor_spawn_at(member->fleet->setup.reactor, time_ms, run_turn, member);
}

/* Turns that a slow peer made late are left out, not made up for. */
static void run_turn(void *argument)
{
        struct member *member = argument;
        struct clock clock = reactor_clock(member->fleet->setup.reactor);
        int64_t interval_ms = live_interval_ms(member->live);
        int64_t due_ms = clock_now_ms(&clock);

        member->scheduled = false;
        if (!member->removed && !member->busy) {
                member->busy = true;
                live_turn(member->live);
                member->busy = false;
        }
        if (member->removed) {
                delete_member(member);
                return;
        }
        due_ms += interval_ms * (1 + (clock_now_ms(&clock) - due_ms) / interval_ms);
        schedule(member, due_ms);
}

static void add_member(struct fleet *fleet, struct live *live)
{
        struct member *member = memory_new(1, sizeof *member);
        struct clock clock = reactor_clock(fleet->setup.reactor);
        double place = fmod((double)fleet->n_added * SPREAD, 1);

        member->fleet = fleet;
        member->live = live;
        *fleet->last = member;
        fleet->last = &member->next;
        fleet->n_added++;
        schedule(member, clock_now_ms(&clock) + (int64_t)(place * (double)live_interval_ms(live)));
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
        add_member(fleet, TAKE(live));
        return true;
}

void fleet_remove(struct fleet *fleet, const char *name)
{
        struct member *member = find(fleet, name);

        if (member)
                member->removed = true; /* the next turn finds it so */
}

/* ---- one shot ---- */

static void turn_each(struct fleet *fleet)
{
        for (struct member *member = fleet->first; member; member = member->next)
                live_turn(member->live);
}

json_t *fleet_recommend(struct fleet *fleet)
{
        json_t *all = json_array();

        turn_each(fleet);
        for (const struct member *member = fleet->first; member; member = member->next)
                json_array_append_new(all, live_recommendation(member->live));
        return all;
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
                if (!member->removed)
                        json_array_append_new(all, live_status(member->live));
        *ret_status = all;
        return true;
}

bool fleet_savings(struct fleet *fleet, const char *name, json_t **ret_savings, struct error *err)
{
        struct live *live = NULL;

        if (!find_open(fleet, name, &live, err))
                return false;
        *ret_savings = live_saving_json(live);
        return true;
}
