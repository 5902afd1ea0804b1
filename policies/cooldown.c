/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After a change the pipeline is left alone for a while; longer before it is made smaller than before it
 * grows. */
#include <math.h>

#include "core/memory.h"
#include "core/plugin.h"

#define UP_TURNS   1
#define DOWN_TURNS 5

struct cooldown_options {
        double up_seconds, down_seconds; /* NAN: so many turns */
};

static enum judgement cooldown_judge(const void *object, const struct judgement_context *context,
                                     const struct proposal *proposal, struct configuration *configuration,
                                     char *reason)
{
        const struct cooldown_options *options = object;
        struct deployment_change change =
                pipeline_change(context->pipeline, &context->observation->configuration, configuration);
        bool down = change.shrinks && !change.grows;
        double given = down ? options->down_seconds : options->up_seconds;
        double turns = (double)context->interval_ms / MS_PER_SECOND * (down ? DOWN_TURNS : UP_TURNS);
        int64_t wait = (int64_t)(isnan(given) ? turns : given);
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
         .type = OPTION_NUMBER,
         .offset = offsetof(struct cooldown_options, up_seconds),
         .unit = "s",
         .min = 0,
         .max = 86400,
         .help = "Shortest time between a change and a later one that adds subtasks or workers. "
                 "Without it the time between two decisions."},
        {.name = "cooldownDownSeconds",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct cooldown_options, down_seconds),
         .unit = "s",
         .min = 0,
         .max = 86400,
         .help = "Shortest time between a change and a later one that only takes subtasks or workers away. "
                 "Without it five times that between two decisions."},
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
