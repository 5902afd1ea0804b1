/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "optimizer/proposal.h"
#include "optimizer/vpa_recommender.h"

/*
 * The Vertical Pod Autoscaler on the CPU request of the workers: the knob `worker.cpu`, in cores. It never
 * changes how many workers there are, so without that knob it holds.
 */

struct vpa_strategy_options {
        int64_t interval_seconds;
        int64_t half_life_seconds;
        double target_percentile, lower_bound_percentile, upper_bound_percentile;
        double safety_margin_ratio;
        double minimum_cores;
};

struct state {
        const struct pipeline *pipeline;
        const struct vpa_strategy_options *options;
        struct histogram *histogram;
        int knob; /* worker.cpu; -1: there is none */
        int64_t first_ms, last_ms, samples;
        int64_t started_ms; /* of the workers that run */
        double request;     /* that they run with, in cores */
};

#define PERCENTILE(option_name, member, default_value, words)                                                \
        {                                                                                                    \
                .name = option_name, .type = OPTION_NUMBER,                                                  \
                .offset = offsetof(struct vpa_strategy_options, member), .min = 0.01, .max = 1,              \
                .fallback = default_value, .help = words                                                     \
        }

static const struct option options_list[] = {
        {.name = "intervalSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct vpa_strategy_options, interval_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "60",
         .help = "How often usage is sampled and recommendations are made (--recommender-interval, "
                 "--updater-interval)."},
        {.name = "halfLifeSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct vpa_strategy_options, half_life_seconds),
         .unit = "s",
         .min = 60,
         .max = 31536000,
         .fallback = "86400",
         .help = "Time in which a sample loses half its weight (--cpu-histogram-decay-half-life)."},
        PERCENTILE("targetPercentile", target_percentile, "0.9",
                   "Percentile of CPU use that is requested (--target-cpu-percentile)."),
        PERCENTILE("lowerBoundPercentile", lower_bound_percentile, "0.5",
                   "Percentile of the lower bound, below which workers are replaced at once."),
        PERCENTILE("upperBoundPercentile", upper_bound_percentile, "0.95",
                   "Percentile of the upper bound, above which workers are replaced at once."),
        {.name = "safetyMarginRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct vpa_strategy_options, safety_margin_ratio),
         .max = 10,
         .fallback = "0.15",
         .help = "Added on top of every percentile (--recommendation-margin-fraction)."},
        {.name = "minimumCpu",
         .type = OPTION_QUANTITY,
         .offset = offsetof(struct vpa_strategy_options, minimum_cores),
         .unit = "cores",
         .min = 0.001,
         .max = 1000,
         .fallback = "25m",
         .help = "Least CPU that is ever recommended (--pod-recommendation-min-cpu-millicores)."},
        {0},
};

static const struct option_table table = {
        .name = "vpa",
        .help = "The Kubernetes Vertical Pod Autoscaler on the CPU request of the workers. It needs a knob "
                "named worker.cpu "
                "and never changes the number of workers.",
        .size = sizeof(struct vpa_strategy_options),
        .options = options_list,
};

static int64_t interval_ms(const void *opaque)
{
        const struct vpa_strategy_options *options = opaque;

        return options->interval_seconds * MS_PER_SECOND;
}

static int cpu_knob(const struct pipeline *pipeline)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (pipeline->knobs[i].role == KNOB_OTHER &&
                    strcmp(pipeline->knobs[i].name, "worker.cpu") == 0)
                        return i;
        return -1;
}

static bool vpa_open(const struct strategy_context *context, const void *options, void **ret_state,
                     struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);
        struct histogram_options cpu = histogram_cpu;

        (void)err;
        state->pipeline = context->pipeline;
        state->options = options;
        cpu.half_life_ms = state->options->half_life_seconds * MS_PER_SECOND;
        state->histogram = histogram_new(&cpu);
        state->knob = cpu_knob(context->pipeline);
        state->started_ms = context->start_ms;
        *ret_state = state;
        return true;
}

static void sample(struct state *state, const struct observation *observation)
{
        if (state->samples++ == 0)
                state->first_ms = observation->time_ms;
        state->last_ms = observation->time_ms;
        histogram_add(state->histogram, observation->cpu_ratio * state->request, VPA_SAMPLE_WEIGHT,
                      observation->time_ms);
}

static void recommend(struct state *state, const struct observation *observation,
                      struct proposal *ret_proposal)
{
        const struct vpa_options options = {
                .target_percentile = state->options->target_percentile,
                .lower_percentile = state->options->lower_bound_percentile,
                .upper_percentile = state->options->upper_bound_percentile,
                .safety_margin_ratio = state->options->safety_margin_ratio,
                .minimum = state->options->minimum_cores,
        };
        double days = vpa_confidence_days(state->first_ms, state->last_ms, state->samples);
        struct vpa_recommendation advice = vpa_recommend(&options, state->histogram, days);
        /* The knob's bounds are minAllowed and maxAllowed of the object: they limit the recommendation. */
        double wanted = knob_fit(&state->pipeline->knobs[state->knob], advice.target);

        proposal_hold(ret_proposal, "vpa", observation, "");
        if (wanted == state->request ||
            !vpa_update_due(&advice, state->request, observation->time_ms - state->started_ms))
                return;
        ret_proposal->kind = PROPOSAL_CHANGE;
        ret_proposal->configuration.value[state->knob] = wanted;
        snprintf(ret_proposal->reason, sizeof ret_proposal->reason,
                 "Workers request %.3g cores; of %lld samples the target percentile is %.3g with its margin, "
                 "bounds %.3g to "
                 "%.3g: request %.3g.",
                 state->request, (long long)state->samples, advice.target, advice.lower, advice.upper,
                 wanted);
}

static bool vpa_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                        struct error *err)
{
        struct state *state = opaque;
        double request;

        (void)err;
        if (state->knob < 0) {
                proposal_hold(ret_proposal, "vpa", observation,
                              "the pipeline has no knob worker.cpu, and VPA changes nothing else");
                return true;
        }
        if (observation->missing & (MISSING_ALL | MISSING_CONFIGURATION | MISSING_CPU) ||
            !isfinite(observation->cpu_ratio)) {
                proposal_hold(ret_proposal, "vpa", observation, "CPU use or what runs is not known");
                return true;
        }
        request = observation->configuration.value[state->knob];
        if (request != state->request) {
                state->request = request;
                state->started_ms = observation->time_ms;
        }
        sample(state, observation);
        recommend(state, observation, ret_proposal);
        return true;
}

static void vpa_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        histogram_free(state->histogram);
        free(state);
}

static const double percentiles[] = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99};

const struct strategy vpa_strategy = {
        .name = "vpa",
        .summary = "Kubernetes Vertical Pod Autoscaler on the workers' CPU request",
        .options = &table,
        .comparator = true,
        .sweep_option = "targetPercentile",
        .sweep_values = percentiles,
        .n_sweep_values = ARRAY_LENGTH(percentiles),
        .interval_ms = interval_ms,
        .open = vpa_open,
        .propose = vpa_propose,
        .close = vpa_close,
};
