/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/ds2.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "optimizer/proposal.h"

/* DS2's scaling manager (controller/src/bin/manager.rs) around its policy. An epoch is one policy interval.
 */

struct ds2_strategy_options {
        int64_t policy_interval_seconds, warm_up_intervals, activation_intervals;
        double scaling_factor, target_rate_ratio_threshold;
};

struct state {
        const struct pipeline *pipeline;
        const struct ds2_strategy_options *options;
        int64_t epochs;      /* since the last reconfiguration */
        int64_t evaluations; /* of the policy since then */
};

static const struct option options_list[] = {
        {.name = "policyIntervalSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct ds2_strategy_options, policy_interval_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "10",
         .help = "Window over which rates are gathered, and how often the policy is asked "
                 "(policy_interval)."},
        {.name = "warmUpIntervals",
         .type = OPTION_INT,
         .offset = offsetof(struct ds2_strategy_options, warm_up_intervals),
         .max = 10000,
         .fallback = "2",
         .help = "Policy intervals to ignore after a reconfiguration (warm_up_time)."},
        {.name = "activationIntervals",
         .type = OPTION_INT,
         .offset = offsetof(struct ds2_strategy_options, activation_intervals),
         .min = 1,
         .max = 10000,
         .fallback = "1",
         .help = "Evaluations of the policy before one is acted on; the newest counts (activation_time)."},
        {.name = "scalingFactor",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct ds2_strategy_options, scaling_factor),
         .max = 100,
         .fallback = "0",
         .help = "Share of instances to add to what the model asks for (scaling_factor)."},
        {.name = "targetRateRatioThreshold",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct ds2_strategy_options, target_rate_ratio_threshold),
         .min = 1,
         .max = 1e9,
         .help = "When nothing is scaled up and a source still gets more than this times what it reads, all "
                 "operators "
                 "are widened by that ratio (target_rate_ratio). Without it, never."},
        {0},
};

static const struct option_table table = {
        .name = "ds2",
        .help = "DS2 (OSDI 2018): parallelism of each operator from true rates, the sources excepted.",
        .size = sizeof(struct ds2_strategy_options),
        .options = options_list,
};

static int64_t interval_ms(const void *opaque)
{
        const struct ds2_strategy_options *options = opaque;

        return options->policy_interval_seconds * MS_PER_SECOND;
}

static bool ds2_open(const struct strategy_context *context, const void *options, void **ret_state,
                     struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        (void)err;
        state->pipeline = context->pipeline;
        state->options = options;
        *ret_state = state;
        return true;
}

static void explain(const struct pipeline *pipeline, const struct ds2_rates *rates, const int *instances,
                    struct proposal *proposal)
{
        double demand[PIPELINE_MAX_OPERATORS];
        struct error ignored = ERROR_INIT;
        int worst = -1;

        if (!ds2_demand(pipeline, rates, demand, &ignored))
                return;
        for (int i = 0; i < pipeline->n_operators; i++)
                if (!pipeline->operators[i].source && instances[i] != rates[i].instances &&
                    (worst < 0 || instances[i] > instances[worst]))
                        worst = i;
        if (worst >= 0)
                snprintf(proposal->reason, sizeof proposal->reason,
                         "%s has to take %.0f records/s and one instance takes %.0f: %d instances instead of "
                         "%d.",
                         pipeline->operators[worst].name, demand[worst],
                         rates[worst].true_processing / rates[worst].instances, instances[worst],
                         rates[worst].instances);
}

static void reconfigure(struct state *state, const struct observation *observation,
                        const struct ds2_rates *rates, const int *instances, struct proposal *ret_proposal)
{
        struct deployment wanted = {0};

        for (int i = 0; i < state->pipeline->n_operators; i++)
                wanted.parallelism[i] = instances[i];
        proposal_follow_widest(state->pipeline, &wanted);
        wanted.workers = proposal_workers_for(state->pipeline, &wanted);
        if (!proposal_deploy(ret_proposal, "ds2", state->pipeline, observation, &wanted))
                return;
        explain(state->pipeline, rates, instances, ret_proposal);
        state->epochs = state->evaluations = 0;
}

static bool ds2_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                        struct error *err)
{
        struct state *state = opaque;
        const struct ds2_options policy = {
                .scaling_factor = state->options->scaling_factor,
                .target_rate_ratio_threshold = isnan(state->options->target_rate_ratio_threshold)
                                                       ? INFINITY
                                                       : state->options->target_rate_ratio_threshold,
        };
        struct ds2_rates rates[PIPELINE_MAX_OPERATORS];
        int instances[PIPELINE_MAX_OPERATORS];

        if (observation->restarting ||
            observation->missing & (MISSING_ALL | MISSING_RATES | MISSING_CONFIGURATION)) {
                proposal_hold(ret_proposal, "ds2", observation, "no rates of a running job");
                return true;
        }
        if (state->epochs++ < state->options->warm_up_intervals) {
                proposal_hold(ret_proposal, "ds2", observation, "warming up after a reconfiguration");
                return true;
        }
        if (!ds2_measure(state->pipeline, observation, rates, err) ||
            !ds2_plan(state->pipeline, rates, &policy, instances, err)) {
                proposal_hold(ret_proposal, "ds2", observation, err->message);
                error_clear(err);
                return true;
        }
        state->evaluations++;
        if (state->evaluations < state->options->activation_intervals ||
            !ds2_significant(state->pipeline, rates, instances))
                proposal_hold(ret_proposal, "ds2", observation, "");
        else
                reconfigure(state, observation, rates, instances, ret_proposal);
        return true;
}

static void ds2_close(void *state)
{
        memory_free_cleanup(&state);
}

static const double factors[] = {0, 0.1, 0.2, 0.35, 0.5, 0.75, 1};

const struct strategy ds2_strategy = {
        .name = "ds2",
        .summary = "DS2: parallelism from true processing rates",
        .options = &table,
        .comparator = true,
        .sweep_option = "scalingFactor",
        .sweep_values = factors,
        .n_sweep_values = ARRAY_LENGTH(factors),
        .interval_ms = interval_ms,
        .open = ds2_open,
        .propose = ds2_propose,
        .close = ds2_close,
};
