/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_FLEET_H
#define OPTCTL_CONTROLLER_LIVE_FLEET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/http/client.h"
#include "core/ledger/ledger.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/metrics.h"
#include "core/plugin.h"
#include "core/reactor.h"
#include "core/shared.h"

/*
 * Any number of live pipelines in one process: each has its loop, and a fiber for as long as a turn of it
 * lasts. Turns are spread over the interval. A pipeline whose engine does not answer waits in its own fiber.
 */
struct fleet;

struct fleet_setup {
        struct reactor *reactor;
        struct http_client *http;
        struct shared *shared; /* NULL: the fleet makes one */
        struct metrics *metrics;
        struct log *log;
        struct ledger *ledger; /* NULL: nothing is kept (recommend) */
        const struct registry *registry;
        bool one_shot;       /* turns are taken by fleet_recommend alone */
        bool dry_run;        /* Auto behaves as Recommend, and says which calls it would make */
        bool observe_only;   /* every mode behaves as Observe */
        const char *record;  /* folder that what is collected is written to (controller/live/recorder.h); or
                                NULL */
        bool record_by_name; /* in a folder of that for each pipeline */
        int64_t interval_ms; /* between turns; 0: as the strategy has it */
};

struct fleet *fleet_new(const struct fleet_setup *setup);
void fleet_free(struct fleet *fleet);
DEFINE_CLEANUP(fleet_free, struct fleet);

/* Reads a spec, asks the engine for the graph where the spec has none, and schedules its turns. In a fiber.
 * ERROR_INPUT: the spec, or a name that is there already. What does not answer is asked again later. */
bool fleet_add(struct fleet *fleet, const char *path, const char *data, const char *const *overrides,
               struct error *err);

/* ---- pipelines that objects of the API server describe ---- */

struct fence;
struct live;
struct member;

struct fleet_object {
        const char *name;          /* for messages: "TunedPipeline analytics/orders" */
        const char *text;          /* the object, as JSON */
        const char *data;          /* the folder that its file names start from */
        const struct fence *fence; /* asked before each write to the target; borrowed until it is gone */
        /* After each of its turns, in the turn's fiber; and once, with NULL, when fleet_drop was told that it
         * is not gone yet and it is. Must not wait. */
        void (*turned)(void *context, struct live *live);
        void *context;
};

/* ERROR_INPUT: the spec. The object's namespace and name are nobody's who is there. Texts are copied. Turns
 * are taken from fleet_start on. */
bool fleet_put(struct fleet *fleet, const struct fleet_object *object, struct member **ret_member,
               struct error *err);
void fleet_start(struct member *member);
/* Takes it out, its target staying as it is; what is in flight is left to the ledger. True: it is gone.
 * False: a turn or an order is in its midst, and ends first. */
bool fleet_drop(struct member *member);
struct live *fleet_live(const struct member *member);
/* As fleet_pause and fleet_resume. */
bool fleet_pause_member(struct member *member, const char *reason, struct error *err);
bool fleet_resume_member(struct member *member, struct error *err);

/* Keeps what happens from now on: before the first turn, where the setup named no ledger. */
void fleet_use_ledger(struct fleet *fleet, struct ledger *ledger);
void fleet_remove(struct fleet *fleet, const char *name);

/* One turn of every pipeline now, and their proposals: `pipelines` of docs/schema/recommend.schema.json. In a
 * fiber. */
json_t *fleet_recommend(struct fleet *fleet);

/* Why the newest window of some pipeline was not recorded; NULL: all were. */
const char *fleet_record_trouble(const struct fleet *fleet);

/* Every pipeline was refused by its peers (no rights, no such job): another look would see no more. */
bool fleet_is_refused(const struct fleet *fleet);

/* None of the peers of any pipeline answered at the newest look. */
bool fleet_is_unreachable(const struct fleet *fleet);

/* ---- what the API and the commands ask for; NAME may be "namespace/name" ---- */

/* `pipelines` of docs/schema/status.schema.json; one pipeline only when `name` is not NULL. */
bool fleet_status(struct fleet *fleet, const char *name, json_t **ret_status, struct error *err);

/* The last `limit` observations for the charts: `series` of docs/schema/series.schema.json. */
bool fleet_series(struct fleet *fleet, const char *name, size_t limit, json_t **ret_series,
                  struct error *err);

/* Books against the frozen baseline: `books` of docs/schema/savings.schema.json. */
bool fleet_savings(struct fleet *fleet, const char *name, json_t **ret_savings, struct error *err);

/* A paused pipeline measures and keeps books, and changes nothing; it stays paused over a restart. What is in
 * flight is still verified, and taken back if it must be. */
bool fleet_pause(struct fleet *fleet, const char *name, const char *reason, struct error *err);
bool fleet_resume(struct fleet *fleet, const char *name, struct error *err);

/* Back to what ran before the newest change (or before decision `decision_id`, when it is above 0), and
 * pauses. Waits until the target was told, not until it runs that: fleet_status says when. In a fiber. */
bool fleet_rollback(struct fleet *fleet, const char *name, int64_t decision_id, json_t **ret_result,
                    struct error *err);

#endif
