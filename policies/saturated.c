/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An operator at its limit is never made smaller, and nothing is while the backlog grows. */
#include <math.h>

#include "core/memory.h"
#include "core/plugin.h"

struct saturated_options {
        int64_t busy_percent;
};

/* Index of an operator that is at its limit and would lose subtasks; -1 when there is none. */
static int saturated_loser(const struct judgement_context *context, double limit,
                           const struct configuration *configuration)
{
        const struct observation *observation = context->observation;
        struct deployment current, next;

        pipeline_deployment(context->pipeline, &observation->configuration, &current);
        pipeline_deployment(context->pipeline, configuration, &next);
        for (int i = 0; i < observation->n_operators; i++) {
                const struct operator_observation *operator= & observation->operators[i];

                if (fmax(operator->busy_ratio, operator->busy_ratio_max) >= limit &&
                    (next.parallelism[i] < current.parallelism[i] || next.workers < current.workers))
                        return i;
        }
        return -1;
}

static enum judgement saturated_judge(const void *object, const struct judgement_context *context,
                                      const struct proposal *proposal, struct configuration *configuration,
                                      char *reason)
{
        const struct saturated_options *options = object;
        const struct observation *observation = context->observation;
        const struct operator_observation *loser;
        int index;

        (void)proposal;
        if (!pipeline_change(context->pipeline, &observation->configuration, configuration).shrinks)
                return JUDGEMENT_ALLOWED;
        if (observation_falls_behind(observation))
                return finding_refuse(reason,
                                      "the backlog grows: %.0f records/s arrive, %.0f are read, %.0f wait",
                                      observation->offered_per_second, observation->throughput_per_second,
                                      observation->backlog_records);
        index = saturated_loser(context, (double)options->busy_percent / 100, configuration);
        if (index < 0)
                return JUDGEMENT_ALLOWED;
        loser = &observation->operators[index];
        return finding_refuse(
                reason, "%s is saturated: its busiest subtask works %.0f %% of the time (limit %lld %%)",
                context->pipeline->operators[index].name,
                100 * fmax(loser->busy_ratio, loser->busy_ratio_max), (long long)options->busy_percent);
}

static const struct option options_list[] = {
        {.name = "saturatedBusyPercent",
         .type = OPTION_INT,
         .offset = offsetof(struct saturated_options, busy_percent),
         .unit = "%",
         .min = 1,
         .max = 100,
         .fallback = "95",
         .help = "Share of time from which on an operator's busiest subtask counts as saturated. A saturated "
                 "operator "
                 "is never made smaller."},
        {.name = NULL},
};

static const struct option_table saturated_options = {
        .name = "saturated",
        .help = "Never shrinks what is at its limit.",
        .size = sizeof(struct saturated_options),
        .options = options_list,
};

const struct guardrail saturated_guardrail = {
        .name = "saturated",
        .summary = "what is at its limit is never made smaller",
        .options = &saturated_options,
        .judge = saturated_judge,
};
