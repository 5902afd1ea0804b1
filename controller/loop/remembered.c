/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/remembered.h"

#include <math.h>
#include <string.h>

void remembered_init(struct remembered *remembered)
{
        *remembered = (struct remembered){
                .last_change_ms = INT64_MIN,
                .last_scale_down_ms = INT64_MIN,
                .last_bad_ms = INT64_MIN,
                .last_foreign_ms = INT64_MIN,
        };
}

static void note_change(struct remembered *remembered, const struct pipeline *pipeline, int64_t time_ms,
                        const struct configuration *from, const struct configuration *to)
{
        if (remembered->n_changes == REMEMBERED_MAX_CHANGES)
                memmove(remembered->change_times_ms, remembered->change_times_ms + 1,
                        --remembered->n_changes * sizeof remembered->change_times_ms[0]);
        remembered->change_times_ms[remembered->n_changes++] = time_ms;
        remembered->last_change_ms = time_ms;
        if (pipeline_change(pipeline, from, to).shrinks)
                remembered->last_scale_down_ms = time_ms;
}

void remembered_applied(struct remembered *remembered, const struct pipeline *pipeline,
                        const struct intent *intent)
{
        remembered->told = intent->to;
        if (intent->foreign) {
                remembered->last_foreign_ms = intent->applied_ms;
                return;
        }
        note_change(remembered, pipeline, intent->applied_ms, &intent->from, &intent->to);
        /* Who rolls back says that what ran did badly. */
        if (intent->ordered)
                avoid_add(&remembered->avoid, &intent->from, intent->applied_ms);
}

void remembered_ended(struct remembered *remembered, const struct pipeline *pipeline,
                      const struct intent *intent, const struct ending *ending)
{
        const struct configuration *back = ending->back.count > 0 ? &ending->back : &intent->from;

        if (intent->foreign)
                return;
        if (ending->outcome == OUTCOME_CONFIRMED)
                remembered->good = (struct known_good){
                        .known = true,
                        .configuration = intent->to,
                        .carried_per_second =
                                isfinite(ending->carried_per_second) ? ending->carried_per_second : 0,
                };
        if (ending->outcome == OUTCOME_REVERTED) {
                remembered->told = *back;
                avoid_add(&remembered->avoid, &intent->to, ending->time_ms);
                note_change(remembered, pipeline, ending->time_ms, &intent->to, back);
        }
        if (ending->outcome == OUTCOME_FAILED)
                remembered->told.count = 0; /* it is back, but for what only grows */
        if (ending->outcome == OUTCOME_REVERTED || ending->outcome == OUTCOME_FAILED)
                remembered->last_bad_ms = ending->time_ms;
}
