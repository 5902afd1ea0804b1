/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One change moves each operator, and the number of workers, by a share of what runs now at most. */
#include "core/memory.h"
#include "core/plugin.h"

struct step_limit_options {
        int64_t up_percent, down_percent;
};

/* One subtask or worker may always be added or taken, whatever the share comes to. */
static int limit(const struct step_limit_options *options, int current, int wanted)
{
        int64_t up = (int64_t)current * options->up_percent / 100;
        int64_t down = (int64_t)current * options->down_percent / 100;
        int64_t highest = current + (up < 1 ? 1 : up), lowest = current - (down < 1 ? 1 : down);

        if (wanted > highest)
                return (int)highest;
        return wanted < lowest ? (int)lowest : wanted;
}

static enum judgement step_limit_judge(const void *object, const struct judgement_context *context,
                                       const struct proposal *proposal, struct configuration *configuration,
                                       char *reason)
{
        const struct step_limit_options *options = object;
        const struct pipeline *pipeline = context->pipeline;
        struct deployment current, next;
        struct configuration limited;
        char wanted_words[64], current_words[64];

        (void)proposal;
        pipeline_deployment(pipeline, &context->observation->configuration, &current);
        pipeline_deployment(pipeline, configuration, &next);
        next.workers = limit(options, current.workers, next.workers);
        for (int i = 0; i < pipeline->n_operators; i++)
                next.parallelism[i] = limit(options, current.parallelism[i], next.parallelism[i]);
        pipeline_configuration(pipeline, &next, configuration, &limited);
        if (configuration_equal(&limited, configuration))
                return JUDGEMENT_ALLOWED;
        configuration_describe(pipeline, configuration, wanted_words, sizeof wanted_words);
        configuration_describe(pipeline, &context->observation->configuration, current_words,
                               sizeof current_words);
        *configuration = limited;
        return finding_clip(reason, "from %s to %s is more than +%lld %% or -%lld %% in one step",
                            current_words, wanted_words, (long long)options->up_percent,
                            (long long)options->down_percent);
}

static const struct option options_list[] = {
        {.name = "maxStepUpPercent",
         .type = OPTION_INT,
         .offset = offsetof(struct step_limit_options, up_percent),
         .unit = "%",
         .min = 1,
         .max = 100000,
         .fallback = "900",
         .help = "Most that one change may add to an operator's subtasks or to the workers, as a share of "
                 "what runs. "
                 "One more is always allowed."},
        {.name = "maxStepDownPercent",
         .type = OPTION_INT,
         .offset = offsetof(struct step_limit_options, down_percent),
         .unit = "%",
         .min = 1,
         .max = 100,
         .fallback = "75",
         .help = "Most that one change may take from an operator's subtasks or from the workers, as a share "
                 "of what "
                 "runs. One less is always allowed."},
        {.name = NULL},
};

static const struct option_table step_limit_options = {
        .name = "stepLimit",
        .help = "Limits how far one change may go.",
        .size = sizeof(struct step_limit_options),
        .options = options_list,
};

const struct guardrail step_limit_guardrail = {
        .name = "step_limit",
        .summary = "one change goes no further than a share of what runs",
        .options = &step_limit_options,
        .judge = step_limit_judge,
};
