/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "optimizer/conttune_process.h"
#include "optimizer/ds2.h"
#include "optimizer/proposal.h"

/*
 * ContTune's conservative Bayesian optimisation, the "small" phase: a Gaussian process for each operator says
 * which parallelism is enough, and DS2 does where the process has no evidence nearby. What DS2 needs (demand
 * along the graph, true rates, the test of significance) is DS2's own.
 */

#define REMEMBERED 5 /* measurements of one parallelism that are averaged, as in ContTune's table */

struct conttune_options {
        int64_t interval_seconds, warm_up_intervals, conservative_radius;
};

struct ability {
        int parallelism;
        int64_t count;
        double last[REMEMBERED];
};

struct operator_state {
        size_t n;
        double length; /* of the process; 0: to be searched anew */
        struct ability abilities[CONTTUNE_MAX_SAMPLES];
};

struct state {
        const struct pipeline *pipeline;
        const struct conttune_options *options;
        int64_t intervals; /* since the last change */
        struct operator_state operators[];
};

static const struct option options_list[] = {
        {.name = "intervalSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct conttune_options, interval_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "60",
         .help = "Window over which rates are gathered, and how often operators are tuned."},
        {.name = "warmUpIntervals",
         .type = OPTION_INT,
         .offset = offsetof(struct conttune_options, warm_up_intervals),
         .max = 10000,
         .fallback = "2",
         .help = "Intervals to ignore after a change."},
        {.name = "conservativeRadius",
         .type = OPTION_INT,
         .offset = offsetof(struct conttune_options, conservative_radius),
         .max = 100000,
         .fallback = "1",
         .help = "How far a parallelism may be from one that was tried; farther away DS2's suggestion is "
                 "taken (alpha)."},
        {0},
};

static const struct option_table table = {
        .name = "conttune",
        .help = "ContTune (VLDB 2023): conservative Bayesian optimisation of each operator's parallelism.",
        .size = sizeof(struct conttune_options),
        .options = options_list,
};

static int64_t interval_ms(const void *opaque)
{
        const struct conttune_options *options = opaque;

        return options->interval_seconds * MS_PER_SECOND;
}

static bool conttune_open(const struct strategy_context *context, const void *options, void **ret_state,
                          struct error *err)
{
        size_t size =
                sizeof(struct state) + (size_t)context->pipeline->n_operators * sizeof(struct operator_state);
        struct state *state = memory_new(1, size);

        (void)err;
        state->pipeline = context->pipeline;
        state->options = options;
        *ret_state = state;
        return true;
}

/* The oldest parallelism makes room when there are too many to keep. */
static struct ability *ability_at(struct operator_state *operator_state, int parallelism)
{
        struct ability *ability;

        for (size_t i = 0; i < operator_state->n; i++)
                if (operator_state->abilities[i].parallelism == parallelism)
                        return &operator_state->abilities[i];
        if (operator_state->n == CONTTUNE_MAX_SAMPLES) {
                for (size_t i = 1; i < operator_state->n; i++)
                        operator_state->abilities[i - 1] = operator_state->abilities[i];
                operator_state->n--;
        }
        ability = &operator_state->abilities[operator_state->n++];
        *ability = (struct ability){.parallelism = parallelism};
        return ability;
}

static void learn(struct state *state, const struct ds2_rates *rates)
{
        for (int i = 0; i < state->pipeline->n_operators; i++) {
                struct ability *ability;

                if (state->pipeline->operators[i].source)
                        continue;
                ability = ability_at(&state->operators[i], rates[i].instances);
                ability->last[ability->count % REMEMBERED] = rates[i].true_processing;
                if (ability->count++ < REMEMBERED)
                        state->operators[i].length = 0;
        }
}

static size_t samples_of(const struct operator_state *operator_state, struct conttune_sample *ret_samples)
{
        for (size_t i = 0; i < operator_state->n; i++) {
                const struct ability *ability = &operator_state->abilities[i];
                int64_t kept = ability->count < REMEMBERED ? ability->count : REMEMBERED;
                double sum = 0;

                for (int64_t j = 0; j < kept; j++)
                        sum += ability->last[j];
                ret_samples[i] = (struct conttune_sample){ability->parallelism, sum / (double)kept};
        }
        return operator_state->n;
}

static int limit_of(const struct pipeline *pipeline, int index)
{
        int knob = pipeline_parallelism_knob(pipeline, index);

        if (knob >= 0)
                return (int)fmax(pipeline->knobs[knob].max, 1);
        return proposal_worker_bounds(pipeline).max *
               (pipeline->slots_per_worker > 0 ? pipeline->slots_per_worker : 1);
}

/* True when the process is believed, and then *ret_instances is its parallelism. */
static bool tune(struct state *state, int index, double demand, int *ret_instances)
{
        struct conttune_sample samples[CONTTUNE_MAX_SAMPLES];
        size_t n = samples_of(&state->operators[index], samples);
        struct error ignored = ERROR_INIT;
        int found = 0;

        if (!conttune_parallelism(samples, n, &state->operators[index].length, demand,
                                  limit_of(state->pipeline, index), &found, &ignored) ||
            found == 0 || conttune_distance(samples, n, found) > state->options->conservative_radius)
                return false;
        *ret_instances = found;
        return true;
}

struct tuned {
        double demand;
        int instances;
        bool by_process;
};

static void explain(const struct pipeline *pipeline, const struct ds2_rates *rates, const struct tuned *tuned,
                    struct proposal *proposal)
{
        int worst = -1;

        for (int i = 0; i < pipeline->n_operators; i++)
                if (!pipeline->operators[i].source && tuned[i].instances != rates[i].instances &&
                    (worst < 0 || tuned[i].instances > tuned[worst].instances))
                        worst = i;
        if (worst >= 0)
                snprintf(proposal->reason, sizeof proposal->reason,
                         "%s has to take %.0f records/s and takes %.0f with %d instances: %d are enough by "
                         "%s.",
                         pipeline->operators[worst].name, tuned[worst].demand, rates[worst].true_processing,
                         rates[worst].instances, tuned[worst].instances,
                         tuned[worst].by_process ? "what was tried nearby"
                                                 : "DS2, as nothing was tried nearby");
}

static void propose_tuned(struct state *state, const struct observation *observation,
                          const struct ds2_rates *rates, const struct tuned *tuned,
                          struct proposal *ret_proposal)
{
        struct deployment wanted = {0};

        for (int i = 0; i < state->pipeline->n_operators; i++)
                wanted.parallelism[i] = tuned[i].instances;
        proposal_follow_widest(state->pipeline, &wanted);
        wanted.workers = proposal_workers_for(state->pipeline, &wanted);
        if (!proposal_deploy(ret_proposal, "conttune", state->pipeline, observation, &wanted))
                return;
        explain(state->pipeline, rates, tuned, ret_proposal);
        state->intervals = 0;
}

static bool plan(struct state *state, const struct observation *observation, struct ds2_rates *rates,
                 struct tuned *ret_tuned, struct error *err)
{
        const struct ds2_options linear = {.target_rate_ratio_threshold = INFINITY};
        int instances[PIPELINE_MAX_OPERATORS];
        double demand[PIPELINE_MAX_OPERATORS];

        if (!ds2_measure(state->pipeline, observation, rates, err) ||
            !ds2_plan(state->pipeline, rates, &linear, instances, err) ||
            !ds2_demand(state->pipeline, rates, demand, err))
                return false;
        learn(state, rates);
        for (int i = 0; i < state->pipeline->n_operators; i++) {
                ret_tuned[i] = (struct tuned){.demand = demand[i], .instances = instances[i]};
                if (!state->pipeline->operators[i].source)
                        ret_tuned[i].by_process = tune(state, i, demand[i], &ret_tuned[i].instances);
        }
        return true;
}

static bool conttune_propose(void *opaque, const struct observation *observation,
                             struct proposal *ret_proposal, struct error *err)
{
        struct state *state = opaque;
        struct ds2_rates rates[PIPELINE_MAX_OPERATORS];
        struct tuned tuned[PIPELINE_MAX_OPERATORS];
        int instances[PIPELINE_MAX_OPERATORS];

        if (observation->restarting ||
            observation->missing & (MISSING_ALL | MISSING_RATES | MISSING_CONFIGURATION)) {
                proposal_hold(ret_proposal, "conttune", observation, "no rates of a running job");
                return true;
        }
        if (state->intervals++ < state->options->warm_up_intervals) {
                proposal_hold(ret_proposal, "conttune", observation, "warming up after a change");
                return true;
        }
        if (!plan(state, observation, rates, tuned, err)) {
                proposal_hold(ret_proposal, "conttune", observation, err->message);
                error_clear(err);
                return true;
        }
        for (int i = 0; i < state->pipeline->n_operators; i++)
                instances[i] = tuned[i].instances;
        if (ds2_significant(state->pipeline, rates, instances))
                propose_tuned(state, observation, rates, tuned, ret_proposal);
        else
                proposal_hold(ret_proposal, "conttune", observation, "");
        return true;
}

static void conttune_close(void *state)
{
        memory_free_cleanup(&state);
}

static const double radii[] = {0, 1, 2, 3, 5, 8, 16};

const struct strategy conttune_strategy = {
        .name = "conttune",
        .summary = "ContTune: conservative Bayesian optimisation of parallelism",
        .options = &table,
        .comparator = true,
        .sweep_option = "conservativeRadius",
        .sweep_values = radii,
        .n_sweep_values = ARRAY_LENGTH(radii),
        .interval_ms = interval_ms,
        .open = conttune_open,
        .propose = conttune_propose,
        .close = conttune_close,
};
