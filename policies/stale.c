/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A measurement that is old, or from the future by as much, is no ground for a change. */
#include "core/memory.h"
#include "core/plugin.h"

struct stale_options {
        int64_t max_age_seconds;
};

static enum judgement stale_judge(const void *object, const struct judgement_context *context,
                                  const struct proposal *proposal, struct configuration *configuration,
                                  char *reason)
{
        const struct stale_options *options = object;
        int64_t age_ms = context->now_ms - context->observation->time_ms;
        int64_t limit_ms = options->max_age_seconds * MS_PER_SECOND;

        (void)proposal;
        (void)configuration;
        if (age_ms > limit_ms)
                return finding_refuse(reason, "the newest measurement is %lld s old, %lld s are allowed",
                                      (long long)(age_ms / MS_PER_SECOND),
                                      (long long)options->max_age_seconds);
        if (age_ms < -limit_ms)
                return finding_refuse(reason, "the newest measurement is %lld s in the future: clocks differ",
                                      (long long)(-age_ms / MS_PER_SECOND));
        return JUDGEMENT_ALLOWED;
}

static const struct option options_list[] = {
        {.name = "maxAgeSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct stale_options, max_age_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "300",
         .help = "Oldest measurement that a change may rest on. Incomplete ones are never acted on."},
        {.name = NULL},
};

static const struct option_table stale_options = {
        .name = "stale",
        .help = "Acts on fresh measurements alone.",
        .size = sizeof(struct stale_options),
        .options = options_list,
};

const struct guardrail stale_guardrail = {
        .name = "stale",
        .summary = "no change on old measurements",
        .options = &stale_options,
        .judge = stale_judge,
};
