/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One key: what its object asks for against what the fleet runs. Each step may be the last one that is done,
 * and all of them again do no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/operator/internal.h"

#define PAUSED_BY "annotation " PAUSE_ANNOTATION

/* ---- in and out of the fleet ---- */

/* After a turn; or, once it has left, when its last turn is over. */
static void on_turned(void *context, struct live *live)
{
        struct tuned *tuned = context;
        struct loop_status counted = tuned->view.counted;

        if (!live) {
                tuned->leaving = false;
                work_queue_add(tuned->op->queue, tuned->key);
                return;
        }
        if (!view_take(&tuned->view, live))
                return;
        operator_tell_turn(tuned, &counted);
        work_queue_add(tuned->op->queue, tuned->key);
}

static void forget_spec(struct tuned *tuned)
{
        free(tuned->invalid);
        tuned->invalid = NULL;
        free(tuned->uid);
        tuned->uid = NULL;
        tuned->generation = 0;
        view_clear(&tuned->view);
}

static void leave(struct tuned *tuned)
{
        if (tuned->member)
                tuned->leaving = !fleet_drop(tuned->member);
        tuned->member = NULL;
        tuned->started = false;
        forget_spec(tuned);
}

/* Not to come back with another spec. */
static void leave_for_good(struct tuned *tuned)
{
        leave(tuned);
        if (!tuned->leaving)
                metrics_forget(tuned->op->setup.metrics, tuned->key);
}

/* A spec that cannot be run is none: the object says so until it is another one. */
static void enter(struct tuned *tuned, const struct tuned_object *object)
{
        struct cluster_operator *op = tuned->op;
        autofree char *shown = memory_format("TunedPipeline %s", tuned->key);
        autofree char *priced = operator_priced_text(op, object, &tuned->pricing);
        const struct fleet_object asked = {.name = shown,
                                           .text = priced ? priced : object->text,
                                           .data = op->setup.data,
                                           .fence = &op->shards[tuned->shard].fence,
                                           .turned = on_turned,
                                           .context = tuned};
        struct error err = ERROR_INIT;

        forget_spec(tuned);
        tuned->uid = memory_copy_text(object->uid);
        tuned->generation = object->generation;
        if (fleet_put(op->setup.fleet, &asked, &tuned->member, &err))
                return;
        tuned->invalid = memory_copy_text(err.message);
        operator_tell(tuned, true, "InvalidSpec", "Read", err.message);
        log_warning(op->setup.log, "spec is not valid", LOG_TEXT("pipeline", tuned->key),
                    LOG_TEXT("reason", err.message));
}

static bool is_current(const struct tuned *tuned, const struct tuned_object *object)
{
        return tuned->uid && tuned->generation == object->generation && strcmp(tuned->uid, object->uid) == 0;
}

/* Who steers the target instead; NULL: nobody else does. */
static const char *other_owner(const struct tuned *tuned, const struct tuned_object *object)
{
        const char *owner = object->claim ? claims_owner(tuned->op->claims, object->claim) : NULL;

        return owner && strcmp(owner, tuned->key) != 0 ? owner : NULL;
}

static void note_other(struct tuned *tuned, const struct tuned_object *object, const char *other)
{
        bool is_new = other && !tuned->other;

        free(tuned->other);
        tuned->other = memory_copy_text(other);
        if (!is_new)
                return;
        if (!tuned->uid)
                tuned->uid = memory_copy_text(object->uid);
        operator_tell(tuned, true, "Conflicted", "Steer", other);
}

/* The first time it is news only when it keeps the pipeline from being tuned. */
static void tell_pricing(const struct tuned *tuned, enum priced before)
{
        const struct pricing *now = &tuned->pricing;

        if (now->how == PRICED_MISSING)
                operator_tell(tuned, true, "PriceBookMissing", "Price", now->why);
        else if (now->how == PRICED_INVALID)
                operator_tell(tuned, true, "InvalidPriceBook", "Price", now->why);
        else if (now->how == PRICED_BOOK && before != PRICED_UNREAD)
                operator_tell(tuned, false, "Repriced", "Price", now->book);
}

static void note_pricing(struct tuned *tuned, const struct tuned_object *object, struct pricing *take)
{
        bool same = pricing_is_same(&tuned->pricing, take);
        enum priced before = tuned->pricing.how;

        pricing_clear(&tuned->pricing);
        tuned->pricing = *take;
        if (same)
                return;
        if (!tuned->uid)
                tuned->uid = memory_copy_text(object->uid);
        tell_pricing(tuned, before);
}

/* Whether it is there as its object says, at the prices that hold for it. False: something has to end first,
 * and calls for us when it has. */
static bool settle(struct tuned *tuned, const struct tuned_object *object)
{
        const char *other = other_owner(tuned, object);
        struct pricing pricing = operator_pricing(tuned->op, object);
        bool current = is_current(tuned, object) && pricing_is_same(&tuned->pricing, &pricing);

        if (tuned->member && (other || !current))
                leave(tuned);
        if (tuned->leaving) {
                pricing_clear(&pricing);
                return false;
        }
        tuned->shard = operator_shard_of(tuned->op, object);
        note_other(tuned, object, other);
        note_pricing(tuned, object, &pricing);
        if (!pricing_is_settled(&tuned->pricing))
                forget_spec(tuned);
        else if (!other && !current)
                enter(tuned, object);
        return true;
}

/*
 * A cache may be behind the server, above all right after a start. So the first write to an object is one
 * that fails unless it is as we read it, and a pipeline that may change its target takes no turn before.
 */
static void begin(struct tuned *tuned)
{
        if (tuned->member && !tuned->started)
                fleet_start(tuned->member);
        tuned->started = tuned->member != NULL;
}

/* ---- pauses ---- */

static bool order(struct tuned *tuned, const char *words, struct error *err)
{
        if (!(words ? fleet_pause_member(tuned->member, words, err)
                    : fleet_resume_member(tuned->member, err)))
                return false;
        snprintf(tuned->view.pause, sizeof tuned->view.pause, "%s%s", words ? "paused: " : "",
                 words ? words : "");
        return true;
}

/* By the annotation; what a person ordered in another way stays. */
static bool settle_pause(struct tuned *tuned, const struct tuned_object *object, struct error *err)
{
        autofree char *words = object->paused ? memory_format("%s: %.150s", PAUSED_BY, object->paused) : NULL;

        if (!tuned->member)
                return true;
        view_take_pause(&tuned->view, fleet_live(tuned->member));
        if (words && !*tuned->view.pause)
                return order(tuned, words, err);
        if (!words && strstr(tuned->view.pause, PAUSED_BY))
                return order(tuned, NULL, err);
        return true;
}

static void tell_pause(struct tuned *tuned)
{
        bool paused = *tuned->view.pause != '\0';

        if (!tuned->member || paused == tuned->paused_before)
                return;
        tuned->paused_before = paused;
        operator_tell(tuned, false, paused ? "Paused" : "Resumed", "Pause",
                      paused ? tuned->view.pause : "It is tuned again.");
}

/* ---- the key ---- */

static const struct tuned_object *object_of(const struct tuned *tuned)
{
        return kube_reflector_get(tuned->op->pipelines, tuned->namespace, tuned->name);
}

/* While its shard is ours. */
static enum work_result sync_ours(struct tuned *tuned, const struct tuned_object *object)
{
        struct error err = ERROR_INIT;

        if (!settle(tuned, object))
                return WORK_DONE;
        if (settle_pause(tuned, object, &err)) {
                tell_pause(tuned);
                if (operator_write_status(tuned, object, tuned->member && !tuned->started, &err)) {
                        begin(tuned);
                        return WORK_DONE;
                }
        }
        log_warning(tuned->op->setup.log, "not brought to what its object says",
                    LOG_TEXT("pipeline", tuned->key), LOG_TEXT("reason", err.message));
        /* Of a pipeline that has not begun yet what is in the cache counts the next time. */
        if (tuned->member && !tuned->started)
                leave(tuned);
        return WORK_FAILED;
}

enum work_result operator_sync(struct cluster_operator *op, struct tuned *tuned)
{
        const struct tuned_object *object = object_of(tuned);
        struct fence_scope scope;
        enum work_result result;
        int shard;

        if (!object || object->deleted) {
                leave_for_good(tuned);
                return object || tuned->leaving ? WORK_DONE : WORK_FORGET;
        }
        shard = operator_shard_of(op, object);
        if (!operator_has(op, shard)) {
                leave_for_good(tuned);
                return WORK_DONE;
        }
        operator_enter(op, shard, &scope);
        result = sync_ours(tuned, object);
        operator_leave(op, shard, &scope);
        return result;
}
