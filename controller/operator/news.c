/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All reasons of Events on TunedPipelines, in one place (docs/operator.md lists them). */
#include "controller/operator/internal.h"
#include "core/json.h"

void operator_tell(const struct tuned *tuned, bool warning, const char *reason, const char *action,
                   const char *note)
{
        const struct kube_news news = {.api_version = "optctl.dev/v1alpha1",
                                       .kind = "TunedPipeline",
                                       .namespace = tuned->namespace,
                                       .name = tuned->name,
                                       .uid = tuned->uid,
                                       .warning = warning,
                                       .reason = reason,
                                       .action = action,
                                       .note = note,
                                       .fence = operator_fence(tuned->op, tuned->shard)};

        kube_events_tell(tuned->op->events, &news);
}

void operator_tell_turn(struct tuned *tuned, const struct loop_status *counted)
{
        const struct view *view = &tuned->view;
        const struct loop_status *now = &view->counted;
        const char *message = "";

        (void)json_find_text(view->decision, "message", &message);
        if (now->changes > counted->changes)
                operator_tell(tuned, false, "Changed", "Change", message);
        if (now->confirmed > counted->confirmed)
                operator_tell(tuned, false, "Confirmed", "Verify", message);
        if (now->reverted > counted->reverted)
                operator_tell(tuned, true, "Reverted", "TakeBack", message);
        if (now->failed > counted->failed)
                operator_tell(tuned, true, "ChangeFailed", "Change", message);
}
