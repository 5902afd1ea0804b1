/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "controller/operator/internal.h"
#include "core/json.h"
#include "core/series/series.h"

/* Words alone (why an engine does not answer) are brought up to date no more often than this. */
#define WORDS_MS (5 * 60 * INT64_C(1000))

/* An event about a write of ours comes sooner than this. */
#define LAG_MS (30 * INT64_C(1000))

#define STARTING "Starting"

/* ---- conditions: each is there from the first visit on ---- */

static struct condition accepted(const struct tuned *tuned)
{
        if (tuned->invalid)
                return (struct condition){"Accepted", "False", "InvalidSpec", tuned->invalid};
        if (!tuned->member)
                return (struct condition){"Accepted", "Unknown", "NotRead", "Its spec is not read."};
        return (struct condition){"Accepted", "True", "Valid", "The spec is valid."};
}

static struct condition conflicted(const struct tuned *tuned, char message[400])
{
        if (!tuned->other && *tuned->view.conflict)
                return (struct condition){"Conflicted", "True", "FieldOwned", tuned->view.conflict};
        if (!tuned->other)
                return (struct condition){"Conflicted", "False", "SoleOwner",
                                          "No other pipeline steers its target."};
        snprintf(message, 400, "TunedPipeline %s is older and steers the same target.", tuned->other);
        return (struct condition){"Conflicted", "True", "OwnedByAnother", message};
}

static struct condition paused(const struct tuned *tuned)
{
        if (*tuned->view.pause)
                return (struct condition){"Paused", "True", "Ordered", tuned->view.pause};
        return (struct condition){"Paused", "False", "NotPaused", "Nobody paused it."};
}

static struct condition reached(const struct tuned *tuned)
{
        const struct view *view = &tuned->view;

        if (!tuned->member)
                return (struct condition){"Reached", "Unknown", "NotLooked", "Its engine is not asked."};
        if (!view->looked)
                return (struct condition){"Reached", "Unknown", STARTING, "It was not looked at yet."};
        if (!view->reached)
                return (struct condition){"Reached", "False", *view->reason ? view->reason : "NotReachable",
                                          *view->why ? view->why : "Nothing was measured."};
        return (struct condition){"Reached", "True", "Measured", "The last turn measured it."};
}

static struct condition priced(const struct tuned *tuned, char message[200])
{
        const struct pricing *pricing = &tuned->pricing;
        const char *why = pricing->why ? pricing->why : "Its prices are not looked for.";

        switch (pricing->how) {
        case PRICED_OWN:
                return (struct condition){"Priced", "True", "OwnPrices", "By the prices of its spec."};
        case PRICED_BOOK:
                snprintf(message, 200, "By PriceBook %s.", pricing->book);
                return (struct condition){"Priced", "True", "PriceBook", message};
        case PRICED_NONE:
                return (struct condition){"Priced", "False", "NoPrices",
                                          "Neither it nor the cluster has prices: cost is counted in "
                                          "worker-hours."};
        case PRICED_MISSING:
                return (struct condition){"Priced", "False", "PriceBookMissing", why};
        case PRICED_INVALID:
                return (struct condition){"Priced", "False", "InvalidPriceBook", why};
        default:
                return (struct condition){"Priced", "Unknown", "NotRead", why};
        }
}

static struct condition ready(const struct tuned *tuned, const struct condition *all)
{
        const struct condition *accepts = &all[0], *conflicts = &all[1], *pauses = &all[2],
                               *reaches = &all[3], *prices = &all[4];

        if (strcmp(conflicts->status, "False") != 0)
                return (struct condition){"Ready", "False", conflicts->reason, conflicts->message};
        if (!pricing_is_settled(&tuned->pricing))
                return (struct condition){"Ready", prices->status, prices->reason, prices->message};
        if (strcmp(accepts->status, "True") != 0)
                return (struct condition){"Ready", accepts->status, accepts->reason, accepts->message};
        if (strcmp(reaches->status, "True") != 0)
                return (struct condition){"Ready", reaches->status, reaches->reason, reaches->message};
        if (strcmp(pauses->status, "True") == 0)
                return (struct condition){"Ready", "True", "Paused",
                                          "It is measured, and nothing is changed."};
        return (struct condition){"Ready", "True", "Tuned", "It is measured and tuned."};
}

static json_t *find_condition(const json_t *conditions, const char *type, size_t *ret_place)
{
        json_t *condition;
        const char *found;
        size_t i;

        json_array_foreach(conditions, i, condition)
        {
                if (!json_find_text(condition, "type", &found) || strcmp(found, type) != 0)
                        continue;
                *ret_place = i;
                return condition;
        }
        *ret_place = json_array_size(conditions);
        return NULL;
}

/* What an earlier process saw of this generation holds until this one has looked. */
static bool still_holds(const json_t *before, const struct condition *condition, int64_t generation)
{
        double number;

        return strcmp(condition->reason, STARTING) == 0 &&
               json_find_number(before, "observedGeneration", &number) && (int64_t)number == generation;
}

/* The time is that of the last flip: of the status, not of its reason. */
static void put_condition(json_t *conditions, const struct condition *condition, int64_t generation,
                          const char *now)
{
        size_t place;
        const json_t *before = find_condition(conditions, condition->type, &place);
        const char *status = "", *since = now;
        json_t *put;

        if (still_holds(before, condition, generation))
                return;
        if (json_find_text(before, "status", &status) && strcmp(status, condition->status) == 0)
                (void)json_find_text(before, "lastTransitionTime", &since);
        put = json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "type", condition->type, "status",
                        condition->status, "observedGeneration", (json_int_t)generation, "lastTransitionTime",
                        since, "reason", condition->reason, "message", json_from_text(condition->message));
        if (before)
                json_array_set_new(conditions, place, put);
        else
                json_array_append_new(conditions, put);
}

void operator_put_conditions(const struct cluster_operator *op, json_t *status, const struct condition *all,
                             size_t count, int64_t generation)
{
        struct clock clock = reactor_clock(op->setup.reactor);
        json_t *conditions = json_object_get(status, "conditions");
        char now[32];

        time_format(clock_now_ms(&clock) / MS_PER_SECOND * MS_PER_SECOND, now);
        if (!conditions) {
                conditions = json_array();
                json_object_set_new(status, "conditions", conditions);
        }
        for (size_t i = count; i-- > 0;)
                put_condition(conditions, &all[i], generation, now);
}

static void put_conditions(json_t *status, const struct tuned *tuned, int64_t generation)
{
        char message[400], price_message[200];
        struct condition all[] = {accepted(tuned), conflicted(tuned, message),   paused(tuned),
                                  reached(tuned),  priced(tuned, price_message), {0}};

        all[5] = ready(tuned, all);
        operator_put_conditions(tuned->op, status, all, ARRAY_LENGTH(all), generation);
}

/* ---- the whole ---- */

static json_t *read_status(const struct tuned_object *object)
{
        json_t *status = object->status ? json_loads(object->status, 0, NULL) : NULL;

        return status ? status : json_object();
}

/* A change that was under way when its ledger was lost: how it ended nobody knows. */
static void forget_pending(json_t *decision)
{
        const char *outcome = "";

        (void)json_find_text(decision, "outcome", &outcome);
        if (strcmp(outcome, outcome_name(OUTCOME_PENDING)) != 0)
                return;
        json_object_set_new(decision, "outcome", json_string(outcome_name(OUTCOME_UNKNOWN)));
        json_object_set_new(decision, "reason", json_string("Changed"));
}

/* What it ought to be: as it is, but for what we know better. */
static json_t *wanted_status(const struct tuned *tuned, const struct tuned_object *object,
                             const json_t *before)
{
        const struct view *view = &tuned->view;
        json_t *status = json_deep_copy(before);

        json_object_set_new(status, "observedGeneration", json_integer((json_int_t)object->generation));
        /* So that whoever leads next changes the object with its first write, and what an earlier one sent
         * and a network held back is a conflict. A write that changes nothing leaves the version as it is. */
        json_object_set_new(status, "leader", json_string(tuned->op->setup.identity));
        put_conditions(status, tuned, object->generation);
        if (*object->shown)
                json_object_set_new(status, "target", json_string(object->shown));
        if (view->workers >= 0)
                json_object_set_new(status, "currentWorkers", json_integer((json_int_t)view->workers));
        if (view->desired >= 0)
                json_object_set_new(status, "desiredWorkers", json_integer((json_int_t)view->desired));
        if (view->decision)
                json_object_set(status, "lastDecision", view->decision);
        else if (view->reached)
                forget_pending(json_object_get(status, "lastDecision"));
        /* Null, so that the merge takes it away. */
        if (tuned->cost || json_object_get(status, "cost"))
                json_object_set_new(status, "cost", tuned->cost ? json_incref(tuned->cost) : json_null());
        return status;
}

/* Without what is only said otherwise; of what its pods cost, which changes with whatever else runs on their
 * nodes, only that it is known. Nulls of a merge are as good as nothing. */
static void strip(json_t *value, bool words)
{
        json_t *below;
        const char *key;
        void *next;
        size_t i;

        json_object_foreach_safe(value, next, key, below)
        {
                if (json_is_null(below) || (words && strcmp(key, "message") == 0))
                        json_object_del(value, key);
                else if (words && strcmp(key, "cost") == 0)
                        json_object_set_new(value, key, json_true());
                else
                        strip(below, words);
        }
        json_array_foreach(value, i, below) strip(below, words);
}

static bool is_same(const json_t *before, const json_t *wanted, bool words)
{
        autojson *a = json_deep_copy(before), *b = json_deep_copy(wanted);

        strip(a, words);
        strip(b, words);
        return json_equal(a, b) != 0;
}

static bool is_due(const struct tuned *tuned, const json_t *before, const json_t *wanted)
{
        int64_t now_ms = reactor_steady_ms(tuned->op->setup.reactor);

        if (!is_same(before, wanted, true))
                return true;
        return !is_same(before, wanted, false) &&
               (tuned->written_ms == 0 || now_ms - tuned->written_ms >= WORDS_MS);
}

/* The cache has not seen our own last write yet: its event will bring us back here. One that does not come
 * for long was lost, and others may be, too. */
static bool lags(const struct tuned *tuned, const char *version)
{
        struct cluster_operator *op = tuned->op;
        bool known = false;

        if (!*tuned->version || kube_version_compare(version, tuned->version, &known) >= 0 || !known)
                return false;
        if (reactor_steady_ms(op->setup.reactor) - tuned->written_ms >= LAG_MS)
                kube_reflector_relist(op->pipelines);
        work_queue_add_after(op->queue, tuned->key, LAG_MS);
        return true;
}

/* The server has another object than the cache, or none: the event that says so is on its way, or was lost.
 */
static void note_refusal(struct tuned *tuned, const char *version, const struct error *err)
{
        int64_t now_ms = reactor_steady_ms(tuned->op->setup.reactor);

        if (err->code != ERROR_CONFLICT && err->code != ERROR_NOT_FOUND)
                return;
        if (strcmp(tuned->refused, version) != 0) {
                snprintf(tuned->refused, sizeof tuned->refused, "%s", version);
                tuned->refused_ms = now_ms;
        } else if (now_ms - tuned->refused_ms >= LAG_MS) {
                kube_reflector_relist(tuned->op->pipelines);
        }
}

bool operator_write_status(struct tuned *tuned, const struct tuned_object *object, bool confirm,
                           struct error *err)
{
        struct cluster_operator *op = tuned->op;
        const struct kube_target target = {&tuned_resource, tuned->namespace, tuned->name, "status"};
        autofree char *uid = memory_copy_text(object->uid);
        autofree char *version =
                memory_copy_text(kube_reflector_version(op->pipelines, tuned->namespace, tuned->name));
        const struct kube_write write = {.uid = uid, .resource_version = version};
        autojson *before = read_status(object), *wanted = wanted_status(tuned, object, before);
        autojson *patch = NULL, *written = NULL;

        if (!confirm && (lags(tuned, version) || !is_due(tuned, before, wanted)))
                return true;
        patch = json_pack("{s:O}", "status", wanted);
        if (!kube_merge(op->setup.client, &target, patch, &write, &written, err)) {
                note_refusal(tuned, version, err);
                return error_wrap(err, "status of %s", tuned->key);
        }
        snprintf(tuned->version, sizeof tuned->version, "%s", kube_meta(written, "resourceVersion"));
        tuned->written_ms = reactor_steady_ms(op->setup.reactor);
        return true;
}
