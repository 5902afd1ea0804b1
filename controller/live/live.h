/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_LIVE_H
#define OPTCTL_CONTROLLER_LIVE_LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controller/live/fleet.h"
#include "controller/loop/loop.h"

/*
 * One live pipeline: its spec, what it reads and sets, and the loop between them.
 *
 * Opening asks the engine (for the graph, where the spec has none, and for what runs), so it may have to be
 * tried again; everything here runs in a fiber.
 */
struct live;

/* Nothing is read yet; everything is copied but `setup`. */
struct live *live_new(const struct fleet_setup *setup, const char *path, const char *data,
                      const char *const *overrides);
/* From an object instead of a file: live_read takes it from there. */
struct live *live_new_object(const struct fleet_setup *setup, const struct fleet_object *object);
void live_free(struct live *live);
DEFINE_CLEANUP(live_free, struct live);

/* Reads the spec, as far as that goes without the engine. ERROR_INPUT. */
bool live_read(struct live *live, struct error *err);

/* Whether a person paused it in an earlier life, as the ledger knows, where there is one. What cannot be read
 * now is read when the loop begins, which changes nothing before. live_read does it. */
void live_recall_pause(struct live *live);

/* Opens what the spec names. err->retry says whether it may work later. */
bool live_open(struct live *live, struct error *err);
bool live_is_open(const struct live *live);

/* Of an open pipeline whether its first turn may be at once: that of a job that runs from time to time is
 * told of runs that have ended, while rates are known once a window has gone by. */
bool live_needs_no_window(const struct live *live);

const char *live_name(const struct live *live);      /* metadata.name */
const char *live_namespace(const struct live *live); /* or NULL */
int64_t live_interval_ms(const struct live *live);
bool live_is_unsure(const struct live *live);      /* it wants to look again soon (turns.h) */
enum spec_mode live_mode(const struct live *live); /* Auto of a dry run is Recommend */

/* Why the newest window was not recorded; NULL: it was, or nothing is to be recorded. */
const char *live_record_trouble(const struct live *live);

/* Opens it when it is not; a turn of the loop, which was due at an instant, when it is. */
void live_turn(struct live *live, int64_t due_ms);

/* A person's orders; at any time, also in the middle of a turn (loop.h). What is not open yet is paused from
 * its first turn on, over restarts, too; it cannot be rolled back, and is paused then. */
bool live_pause(struct live *live, const char *reason, struct error *err);
bool live_resume(struct live *live, struct error *err);
bool live_rollback(struct live *live, int64_t decision_id, struct error *err);
const char *live_pause_reason(const struct live *live); /* while it is not open; NULL: it is not paused */

/* The loop, awake; NULL until it is open. live_rest lays it to rest again, when nobody uses it any more. */
struct loop *live_loop(struct live *live);
void live_rest(struct live *live);
const struct spec *live_spec(const struct live *live);
const char *live_currency(const struct live *live);       /* once it is open */
const char *live_conflict(const struct live *live);       /* whose what it steers is; empty: nobody else's */
const char *live_trouble(const struct live *live);        /* why it is not open; empty before the first try */
const char *live_trouble_reason(const struct live *live); /* the same as one word, for a condition */
bool live_is_unreachable(const struct live *live);        /* nobody answered yet */
bool live_is_refused(const struct live *live); /* that is what a peer said, and it will say it again */

/* Documents of the API; the caller owns them. */
json_t *live_status(struct live *live);
json_t *live_recommendation(struct live *live);
json_t *live_rollback_json(struct live *live); /* null: nothing was rolled back */
json_t *live_saving_json(struct live *live);   /* once it is open */
json_t *live_configuration_json(const struct pipeline *pipeline, const struct configuration *configuration);

#endif
