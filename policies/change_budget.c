/* SPDX-License-Identifier: GPL-3.0-or-later */
/* So many changes in any 24 hours and no more; the last quarter of them is kept for growing. */
#include "core/memory.h"
#include "core/plugin.h"

struct change_budget_options {
        int64_t per_day;
};

static int64_t changes_since(const struct judgement_context *context, int64_t from_ms)
{
        int64_t count = 0;

        for (size_t i = 0; i < context->n_changes; i++)
                count += context->change_times_ms[i] > from_ms;
        return count;
}

static enum judgement change_budget_judge(const void *object, const struct judgement_context *context,
                                          const struct proposal *proposal,
                                          struct configuration *configuration, char *reason)
{
        const struct change_budget_options *options = object;
        int64_t used = changes_since(context, context->now_ms - MS_PER_DAY);
        int64_t for_shrinking = options->per_day - options->per_day / 4;

        (void)proposal;
        if (used >= options->per_day)
                return finding_refuse(reason, "%lld change%s in the last 24 h, of %lld allowed",
                                      (long long)used, text_plural((double)used),
                                      (long long)options->per_day);
        if (used < for_shrinking ||
            pipeline_change(context->pipeline, &context->observation->configuration, configuration).grows)
                return JUDGEMENT_ALLOWED;
        return finding_refuse(reason,
                              "%lld change%s in the last 24 h, of %lld allowed: the rest is for growing",
                              (long long)used, text_plural((double)used), (long long)options->per_day);
}

static const struct option options_list[] = {
        {.name = "maxChangesPerDay",
         .type = OPTION_INT,
         .offset = offsetof(struct change_budget_options, per_day),
         .unit = "1/d",
         .min = 0,
         .max = 10000,
         .fallback = "48",
         .help = "Changes allowed in any 24 hours. Once three quarters are used, only those that add "
                 "subtasks or "
                 "workers are made; 0 forbids all."},
        {.name = NULL},
};

static const struct option_table change_budget_options = {
        .name = "changeBudget",
        .help = "Limits how often the pipeline is changed.",
        .size = sizeof(struct change_budget_options),
        .options = options_list,
};

const struct guardrail change_budget_guardrail = {
        .name = "change_budget",
        .summary = "a limit to the changes of a day",
        .options = &change_budget_options,
        .judge = change_budget_judge,
};
