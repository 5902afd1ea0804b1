/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After a change that did badly: wait, and keep away from the configuration that did badly and from what lies
 * beyond, unless the pipeline falls behind: then it may grow past it, or half of the way
 * there, or to it when nothing else is left. */
#include <math.h>

#include "core/memory.h"
#include "core/plugin.h"

#define HOLD_TURNS 10

struct canary_options {
        double hold_seconds; /* NAN: so many turns */
};

/* True when every knob that told `bad` from `current` would be moved as far, or further. */
static bool at_or_beyond(const struct configuration *current, const struct configuration *bad,
                         const struct configuration *wanted)
{
        for (int i = 0; i < wanted->count; i++) {
                double to_bad = bad->value[i] - current->value[i], further = wanted->value[i] - bad->value[i];

                if (to_bad * further < 0)
                        return false;
        }
        return true;
}

static bool is_avoided(const struct judgement_context *context, const struct configuration *configuration)
{
        for (size_t i = 0; i < context->n_avoided; i++)
                if (context->avoided[i].until_ms > context->now_ms &&
                    configuration_equal(&context->avoided[i].configuration, configuration))
                        return true;
        return false;
}

/* Who falls behind has to grow: staying is worse. */
static bool has_to_grow(const struct judgement_context *context, const struct configuration *wanted)
{
        struct deployment_change change =
                pipeline_change(context->pipeline, &context->observation->configuration, wanted);

        return observation_falls_behind(context->observation) && change.grows && !change.shrinks;
}

/* Half of the way there, when that is somewhere else and did not do badly itself. */
static bool go_half_way(const struct judgement_context *context, struct configuration *configuration,
                        char *reason)
{
        const struct configuration *current = &context->observation->configuration;
        struct configuration half = *configuration;
        char words[64];

        for (int i = 0; i < half.count; i++)
                half.value[i] = knob_fit(&context->pipeline->knobs[i],
                                         (current->value[i] + configuration->value[i]) / 2);
        if (configuration_equal(&half, current) || is_avoided(context, &half))
                return false;
        configuration_describe(context->pipeline, configuration, words, sizeof words);
        (void)finding_clip(reason, "%s did badly: half of the way there, since more arrives than is read",
                           words);
        *configuration = half;
        return true;
}

static enum judgement canary_judge(const void *object, const struct judgement_context *context,
                                   const struct proposal *proposal, struct configuration *configuration,
                                   char *reason)
{
        const struct canary_options *options = object;
        const struct configuration *current = &context->observation->configuration;
        double turns = HOLD_TURNS * (double)context->interval_ms / MS_PER_SECOND;
        double hold_seconds = isnan(options->hold_seconds) ? turns : options->hold_seconds;
        char words[64];

        (void)proposal;
        for (size_t i = 0; i < context->n_avoided; i++) {
                const struct avoided *avoided = &context->avoided[i];

                if (avoided->until_ms <= context->now_ms ||
                    configuration_equal(current, &avoided->configuration) ||
                    !at_or_beyond(current, &avoided->configuration, configuration))
                        continue;
                if (has_to_grow(context, configuration) &&
                    !(is_avoided(context, configuration) && go_half_way(context, configuration, reason)))
                        return JUDGEMENT_ALLOWED;
                if (has_to_grow(context, configuration))
                        return JUDGEMENT_CLIPPED;
                configuration_describe(context->pipeline, &avoided->configuration, words, sizeof words);
                return finding_refuse(reason, "%s did badly and is kept away from for another %lld s", words,
                                      (long long)((avoided->until_ms - context->now_ms) / MS_PER_SECOND));
        }
        if (context->last_bad_ms == INT64_MIN || observation_falls_behind(context->observation) ||
            (double)(context->now_ms - context->last_bad_ms) >= hold_seconds * MS_PER_SECOND)
                return JUDGEMENT_ALLOWED;
        return finding_refuse(reason,
                              "a change ended badly %lld s ago; the next one waits until %lld s have passed",
                              (long long)((context->now_ms - context->last_bad_ms) / MS_PER_SECOND),
                              (long long)hold_seconds);
}

static const struct option options_list[] = {
        {.name = "holdAfterFailureSeconds",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct canary_options, hold_seconds),
         .unit = "s",
         .min = 0,
         .max = 604800,
         .help = "After a change that was taken back or could not be applied, nothing is changed for this "
                 "long, unless "
                 "the backlog grows. Without it ten times the time between two decisions."},
        {.name = NULL},
};

static const struct option_table canary_options = {
        .name = "canary",
        .help = "Is careful after a change that did badly.",
        .size = sizeof(struct canary_options),
        .options = options_list,
};

const struct guardrail canary_guardrail = {
        .name = "canary",
        .summary = "a pause after a bad outcome, and away from what did badly",
        .options = &canary_options,
        .judge = canary_judge,
};
