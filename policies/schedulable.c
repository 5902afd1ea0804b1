/* SPDX-License-Identifier: GPL-3.0-or-later */
/* No more workers are asked for than the cluster or a quota can give: the rest would wait forever, unready.
 */
#include "core/memory.h"
#include "core/plugin.h"

struct schedulable_options {
        int64_t max_workers; /* 0: not limited */
};

static enum judgement schedulable_judge(const void *object, const struct judgement_context *context,
                                        const struct proposal *proposal, struct configuration *configuration,
                                        char *reason)
{
        const struct schedulable_options *options = object;
        const struct pipeline *pipeline = context->pipeline;
        struct configuration limited;
        struct deployment next, fitted;
        int most = (int)options->max_workers, wanted;

        (void)proposal;
        pipeline_deployment(pipeline, configuration, &next);
        wanted = next.workers;
        if (most == 0 || wanted <= most)
                return JUDGEMENT_ALLOWED;
        next.workers = most;
        for (int i = 0; i < pipeline->n_operators; i++)
                if (next.parallelism[i] > most * pipeline->slots_per_worker)
                        next.parallelism[i] = most * pipeline->slots_per_worker;
        pipeline_configuration(pipeline, &next, configuration, &limited);
        pipeline_deployment(pipeline, &limited, &fitted);
        if (fitted.workers > most)
                return finding_refuse(
                        reason, "%d worker%s wanted, %d can be had, and the knobs allow no fewer than %d",
                        wanted, wanted == 1 ? " is" : "s are", most, fitted.workers);
        *configuration = limited;
        return finding_clip(reason, "%d worker%s wanted, %d can be had", wanted,
                            wanted == 1 ? " is" : "s are", most);
}

static const struct option options_list[] = {
        {.name = "maxWorkers",
         .type = OPTION_INT,
         .offset = offsetof(struct schedulable_options, max_workers),
         .min = 0,
         .max = 100000,
         .fallback = "0",
         .help = "Workers that the cluster or a quota can host; 0 when there is no such limit. Holds for "
                 "every "
                 "strategy, those of other autoscalers, too."},
        {.name = NULL},
};

static const struct option_table schedulable_options = {
        .name = "schedulable",
        .help = "Asks for no more workers than can be had.",
        .size = sizeof(struct schedulable_options),
        .options = options_list,
};

const struct guardrail schedulable_guardrail = {
        .name = "schedulable",
        .summary = "no more workers than can be had",
        .options = &schedulable_options,
        .physical = true,
        .judge = schedulable_judge,
};
