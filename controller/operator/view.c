/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/pipeline.h"
#include "core/series/series.h"

/* Objects carry no floats: a value is an integer, or digits. */
static json_t *quantity(double value)
{
        char text[32];

        if (value == (double)(int64_t)value)
                return json_integer((json_int_t)value);
        snprintf(text, sizeof text, "%.10g", value);
        return json_string(text);
}

static json_t *changes_json(const struct pipeline *pipeline, const struct configuration *from,
                            const struct configuration *to)
{
        json_t *changes = json_array();

        for (int i = 0; i < from->count && i < to->count && i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                json_t *change;

                if (from->value[i] == to->value[i])
                        continue;
                change = json_pack("{s:s, s:o, s:o}", "knob", knob->name, "from", quantity(from->value[i]),
                                   "to", quantity(to->value[i]));
                if (knob->operator_index >= 0)
                        json_object_set_new(change, "operator",
                                            json_string(pipeline->operators[knob->operator_index].name));
                json_array_append_new(changes, change);
        }
        return changes;
}

/* "outcome" and "changes" are always there: a merge would leave what they said before. */
static json_t *decision_json(int64_t id, int64_t time_ms, const char *reason, const char *why,
                             const char *outcome, json_t *take_changes)
{
        char time[32];

        time_format(time_ms, time);
        return json_pack("{s:I, s:s, s:s, s:o, s:s?, s:o}", "id", (json_int_t)id, "time", time, "reason",
                         reason, "message", json_from_text(why), "outcome", outcome, "changes", take_changes);
}

static int64_t workers_of(const struct pipeline *pipeline, const struct configuration *configuration)
{
        struct deployment deployment;

        pipeline_deployment(pipeline, configuration, &deployment);
        return deployment.workers;
}

static void take_change(struct view *view, const struct pipeline *pipeline, const struct loop_change *change)
{
        static const char *const reasons[] = {
                [OUTCOME_PENDING] = "Changing",  [OUTCOME_CONFIRMED] = "Changed",
                [OUTCOME_REVERTED] = "Reverted", [OUTCOME_FAILED] = "Failed",
                [OUTCOME_UNKNOWN] = "Changed",
        };

        if (change->outcome == OUTCOME_PENDING)
                view->desired = workers_of(pipeline, change->to);
        json_decref(view->decision);
        view->decision = decision_json(change->decision_id, change->time_ms, reasons[change->outcome],
                                       change->why, outcome_name(change->outcome),
                                       changes_json(pipeline, change->from, change->to));
}

/* The same recommendation, turn after turn, is told once: only its numbers would vary. */
static void take_recommendation(struct view *view, const struct pipeline *pipeline, const struct loop *loop)
{
        const struct observation *seen = loop_observation(loop);
        const struct configuration *to = &loop_verdict(loop)->configuration;
        json_t *changes = changes_json(pipeline, &seen->configuration, to);

        view->desired = workers_of(pipeline, to);
        if (json_equal(changes, json_object_get(view->decision, "changes")) &&
            json_is_null(json_object_get(view->decision, "outcome"))) {
                json_decref(changes);
                return;
        }
        json_decref(view->decision);
        view->decision = decision_json(loop_status(loop)->decision, seen->time_ms, "Recommended",
                                       loop_proposal(loop)->reason, NULL, changes);
}

/* That it was opened is no turn yet: what the status says holds until there is one. */
static void take_loop(struct view *view, struct live *live)
{
        const struct pipeline *pipeline = &live_spec(live)->pipeline;
        const struct loop *loop = live_loop(live);
        const struct loop_status *status = loop_status(loop);
        const struct observation *seen = loop_observation(loop);
        struct loop_change change;

        snprintf(view->pause, sizeof view->pause, "%s", status->paused ? status->pause_reason : "");
        view->counted = *status;
        view->looked = status->turns > 0;
        if (!view->looked)
                return;
        view->reached = !(seen->missing & MISSING_ALL);
        view->workers = view->desired = view->reached ? seen->workers : -1;
        snprintf(view->reason, sizeof view->reason, "%s", view->reached ? "Measured" : "NotMeasured");
        snprintf(view->why, sizeof view->why, "%s", view->reached ? "" : status->why);
        snprintf(view->conflict, sizeof view->conflict, "%s", live_conflict(live));
        if (status->doing == LOOP_RECOMMENDING)
                take_recommendation(view, pipeline, loop);
        else if (loop_newest_change(loop, &change))
                take_change(view, pipeline, &change);
}

void view_take_pause(struct view *view, const struct live *live)
{
        const char *pause = live_pause_reason(live);

        if (!live_is_open(live))
                snprintf(view->pause, sizeof view->pause, "%s", pause ? pause : "");
}

static void take_trouble(struct view *view, const struct live *live)
{
        view->looked = true;
        view->reached = false;
        view->workers = view->desired = -1;
        view_take_pause(view, live);
        snprintf(view->reason, sizeof view->reason, "%s", live_trouble_reason(live));
        snprintf(view->why, sizeof view->why, "%s", live_trouble(live));
}

static bool is_same(const struct view *a, const struct view *b)
{
        return a->looked == b->looked && a->reached == b->reached && strcmp(a->pause, b->pause) == 0 &&
               a->workers == b->workers && a->desired == b->desired && strcmp(a->reason, b->reason) == 0 &&
               strcmp(a->why, b->why) == 0 && strcmp(a->conflict, b->conflict) == 0 &&
               (a->decision == b->decision || json_equal(a->decision, b->decision));
}

bool view_take(struct view *view, struct live *live)
{
        struct view before = *view;
        bool same;

        json_incref(before.decision);
        if (live_is_open(live))
                take_loop(view, live);
        else
                take_trouble(view, live);
        same = is_same(&before, view);
        json_decref(before.decision);
        return !same;
}

void view_clear(struct view *view)
{
        json_decref(view->decision);
        *view = (struct view){.workers = -1, .desired = -1};
}
