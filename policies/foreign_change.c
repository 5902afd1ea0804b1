/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What somebody else has set stays for a while: there was a reason for it, or there are two who steer. */
#include "core/memory.h"
#include "core/plugin.h"

struct foreign_change_options {
        double hold_seconds;
};

static enum judgement foreign_change_judge(const void *object, const struct judgement_context *context,
                                           const struct proposal *proposal,
                                           struct configuration *configuration, char *reason)
{
        const struct foreign_change_options *options = object;
        int64_t hold = (int64_t)options->hold_seconds, since;

        (void)proposal;
        (void)configuration;
        if (context->last_foreign_ms == INT64_MIN)
                return JUDGEMENT_ALLOWED;
        since = (context->now_ms - context->last_foreign_ms) / MS_PER_SECOND;
        if (since >= hold)
                return JUDGEMENT_ALLOWED;
        return finding_refuse(
                reason, "somebody else changed it %lld s ago; for %lld s optctl leaves it as they set it",
                (long long)since, (long long)hold);
}

static const struct option options_list[] = {
        {.name = "foreignChangeHoldSeconds",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct foreign_change_options, hold_seconds),
         .unit = "s",
         .min = 0,
         .max = 604800,
         .fallback = "1800",
         .help = "How long what somebody else has set is left as it is: a person, another autoscaler, "
                 "another optctl."},
        {.name = NULL},
};

static const struct option_table foreign_change_options = {
        .name = "foreign_change",
        .help = "Leaves the pipeline alone after somebody else has changed it.",
        .size = sizeof(struct foreign_change_options),
        .options = options_list,
};

const struct guardrail foreign_change_guardrail = {
        .name = "foreign_change",
        .summary = "what somebody else has set is left alone for a while",
        .options = &foreign_change_options,
        .physical = true,
        .judge = foreign_change_judge,
};
