/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After a change the pipeline is left alone for a while; longer before it is made smaller than before it
 * grows. */
#include "core/memory.h"
#include "core/plugin.h"

struct cooldown_options {
        int64_t up_seconds, down_seconds;
};

static enum judgement cooldown_judge(const void *object, const struct judgement_context *context,
                                     const struct proposal *proposal, struct configuration *configuration,
                                     char *reason)
{
        const struct cooldown_options *options = object;
        struct deployment_change change =
                pipeline_change(context->pipeline, &context->observation->configuration, configuration);
        bool down = change.shrinks && !change.grows;
        int64_t wait = down ? options->down_seconds : options->up_seconds;
        int64_t since;

        (void)proposal;
        if (context->last_change_ms == INT64_MIN)
                return JUDGEMENT_ALLOWED;
        since = (context->now_ms - context->last_change_ms) / MS_PER_SECOND;
        if (since >= wait)
                return JUDGEMENT_ALLOWED;
        return finding_refuse(reason, "the last change was %lld s ago; before %s at least %lld s must pass",
                              (long long)since, down ? "shrinking" : "growing", (long long)wait);
}

static const struct option options_list[] = {
        {.name = "cooldownUpSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct cooldown_options, up_seconds),
         .unit = "s",
         .min = 0,
         .max = 86400,
         .fallback = "60",
         .help = "Shortest time between a change and a later one that adds subtasks or workers."},
        {.name = "cooldownDownSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct cooldown_options, down_seconds),
         .unit = "s",
         .min = 0,
         .max = 86400,
         .fallback = "300",
         .help = "Shortest time between a change and a later one that only takes subtasks or workers away."},
        {.name = NULL},
};

static const struct option_table cooldown_options = {
        .name = "cooldown",
        .help = "Leaves the pipeline alone for a while after a change.",
        .size = sizeof(struct cooldown_options),
        .options = options_list,
};

const struct guardrail cooldown_guardrail = {
        .name = "cooldown",
        .summary = "a pause between one change and the next",
        .options = &cooldown_options,
        .judge = cooldown_judge,
};
