/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "optimizer/proposal.h"

/* Holds one configuration: what runs, or a size that is brought about once and then kept. */

struct static_options {
        int64_t workers;   /* 0: whatever runs at the start */
        double size_ratio; /* of the knobs' maxima; NAN: not asked for */
};

struct state {
        const struct pipeline *pipeline;
        const struct static_options *options;
};

static const struct option_rule rules[] = {
        {RULE_AT_MOST_ONE,
         {"workers", "sizeRatio"},
         "workers and sizeRatio say the same thing; expected one of them"},
        {0},
};

static const struct option options_list[] = {
        {.name = "workers",
         .type = OPTION_INT,
         .offset = offsetof(struct static_options, workers),
         .max = 100000,
         .fallback = "0",
         .help = "Workers to run, with every operator as wide as they have slots. 0 keeps what runs at the "
                 "start."},
        {.name = "sizeRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct static_options, size_ratio),
         .max = 1,
         .help = "Share of each knob's maximum to run. Without it what runs at the start is kept."},
        {0},
};

static const struct option_table table = {
        .name = "static",
        .help = "Holds one configuration, as a job without an autoscaler does.",
        .size = sizeof(struct static_options),
        .options = options_list,
        .rules = rules,
};

static int64_t interval_ms(const void *options)
{
        (void)options;
        return INT64_C(60) * MS_PER_SECOND;
}

static bool static_open(const struct strategy_context *context, const void *options, void **ret_state,
                        struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        (void)err;
        state->pipeline = context->pipeline;
        state->options = options;
        *ret_state = state;
        return true;
}

static void wanted_ratio(const struct state *state, const struct observation *observation,
                         struct deployment *ret_wanted)
{
        const struct pipeline *pipeline = state->pipeline;
        int workers = pipeline_workers_knob(pipeline);

        pipeline_deployment(pipeline, &observation->configuration, ret_wanted);
        for (int i = 0; i < pipeline->n_operators; i++) {
                int knob = pipeline_parallelism_knob(pipeline, i);

                if (knob >= 0)
                        ret_wanted->parallelism[i] =
                                (int)ceil(state->options->size_ratio * pipeline->knobs[knob].max);
        }
        ret_wanted->workers = workers >= 0
                                      ? (int)ceil(state->options->size_ratio * pipeline->knobs[workers].max)
                                      : proposal_workers_for(pipeline, ret_wanted);
}

static bool static_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                           struct error *err)
{
        struct state *state = opaque;
        struct deployment wanted;
        int workers;

        (void)err;
        if (observation->missing & (MISSING_ALL | MISSING_CONFIGURATION)) {
                proposal_hold(ret_proposal, "static", observation, "what runs is not known");
                return true;
        }
        if (state->options->workers > 0)
                proposal_uniform(state->pipeline, (int)state->options->workers, &wanted);
        else if (!isnan(state->options->size_ratio))
                wanted_ratio(state, observation, &wanted);
        else {
                proposal_hold(ret_proposal, "static", observation, "");
                return true;
        }
        workers = proposal_workers_for(state->pipeline, &wanted);
        if (proposal_deploy(ret_proposal, "static", state->pipeline, observation, &wanted))
                snprintf(ret_proposal->reason, sizeof ret_proposal->reason,
                         "The static size asked for is %d worker%s; another one runs.", workers,
                         text_plural(workers));
        return true;
}

static void static_close(void *state)
{
        memory_free_cleanup(&state);
}

static const double sizes[] = {0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1};

const struct strategy static_strategy = {
        .name = "static",
        .summary = "Holds one configuration",
        .options = &table,
        .comparator = true,
        .sweep_option = "sizeRatio",
        .sweep_values = sizes,
        .n_sweep_values = ARRAY_LENGTH(sizes),
        .interval_ms = interval_ms,
        .open = static_open,
        .propose = static_propose,
        .close = static_close,
};
