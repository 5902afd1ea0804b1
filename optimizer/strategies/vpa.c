/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/plugin.h"
#include "core/text.h"
#include "optimizer/proposal.h"
#include "optimizer/vpa_recommender.h"

/*
 * The Vertical Pod Autoscaler on what the workers request: the knobs `worker.cpu`, in cores, and `memory`, in
 * bytes. It never changes how many workers there are, so without those knobs it holds. Where a real one
 * recommends (in mode Off) its recommendation is taken: it has seen the workers for longer.
 */

struct vpa_strategy_options {
        int64_t interval_seconds;
        int64_t half_life_seconds;
        double target_percentile, lower_bound_percentile, upper_bound_percentile;
        double safety_margin_ratio;
        double minimum_cores, minimum_bytes;
};

/* Who is killed so soon after a start, of a worker or of its container after a kill, is replaced at once
 * (--evict-after-oom-threshold). */
#define QUICK_KILL_MS (10 * 60 * MS_PER_SECOND)

/* Beside its heap a JVM holds classes, code, stacks and buffers. */
#define JVM_BESIDE 0.25

/* Of memory the peak of a day counts as one sample. */
#define MEMORY_WINDOW_MS MS_PER_DAY

struct resource {
        int knob; /* -1: there is none */
        struct histogram *histogram;
        double request;              /* that the workers run with */
        struct request_advice given; /* somebody else's recommendation; target NAN: there is none */
};

struct state {
        const struct pipeline *pipeline;
        const struct vpa_strategy_options *options;
        struct resource cpu, memory;
        double heap_bytes; /* that the workers' JVM may take; NAN: not known, INFINITY: a share of what they
                              have */
        double peak_bytes; /* of the day that ends then; 0: none yet */
        int64_t peak_until_ms;
        int64_t first_ms, last_ms, samples; /* of CPU, which tell how far to believe both */
        int64_t started_ms;                 /* of the workers that run */
        int64_t killed_ms;                  /* the newest of them that was killed for want of memory */
        bool killed_soon;                   /* soon after either, with the memory that is requested now */
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
        {.name = "minimumMemory",
         .type = OPTION_QUANTITY,
         .offset = offsetof(struct vpa_strategy_options, minimum_bytes),
         .unit = "bytes",
         .min = 1,
         .max = 1e12,
         .fallback = "250Mi",
         .help = "Least memory that is ever recommended (--pod-recommendation-min-memory-mb)."},
        {0},
};

static const struct option_table table = {
        .name = "vpa",
        .help = "The Kubernetes Vertical Pod Autoscaler on what the workers request. It needs a knob named "
                "worker.cpu or memory and never changes the number of workers.",
        .size = sizeof(struct vpa_strategy_options),
        .options = options_list,
};

static int64_t interval_ms(const void *opaque)
{
        const struct vpa_strategy_options *options = opaque;

        return options->interval_seconds * MS_PER_SECOND;
}

static int find_knob(const struct pipeline *pipeline, enum knob_role role, const char *name)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (pipeline->knobs[i].role == role && strcmp(pipeline->knobs[i].name, name) == 0)
                        return i;
        return -1;
}

static struct resource resource_new(const struct histogram_options *of, int64_t half_life_seconds, int knob)
{
        struct histogram_options options = *of;

        options.half_life_ms = half_life_seconds * MS_PER_SECOND;
        return (struct resource){.knob = knob, .histogram = histogram_new(&options)};
}

static bool vpa_open(const struct strategy_context *context, const void *opaque, void **ret_state,
                     struct error *err)
{
        const struct vpa_strategy_options *options = opaque;
        struct state *state = memory_new(1, sizeof *state);

        (void)err;
        state->pipeline = context->pipeline;
        state->options = options;
        state->cpu = resource_new(&histogram_cpu, options->half_life_seconds,
                                  find_knob(context->pipeline, KNOB_OTHER, "worker.cpu"));
        state->memory = resource_new(&histogram_memory, options->half_life_seconds,
                                     find_knob(context->pipeline, KNOB_MEMORY, "memory"));
        state->heap_bytes = NAN;
        state->started_ms = state->killed_ms = context->start_ms;
        *ret_state = state;
        return true;
}

/* ---- samples ---- */

static void sample_cpu(struct state *state, const struct observation *observation)
{
        if (state->samples++ == 0)
                state->first_ms = observation->time_ms;
        state->last_ms = observation->time_ms;
        if (state->cpu.knob >= 0)
                histogram_add(state->cpu.histogram, observation->cpu_ratio * state->cpu.request,
                              VPA_SAMPLE_WEIGHT, observation->time_ms);
}

/* A new peak takes the place of the day's. Who was killed for want of memory had wanted more than it had. */
static void sample_memory(struct state *state, const struct observation *observation)
{
        const struct memory_observation *memory = &observation->memory;
        double used = isnan(memory->worker.used_bytes) ? 0 : memory->worker.used_bytes;

        if (state->memory.knob < 0)
                return;
        if (memory->killed > 0)
                used = vpa_out_of_memory_sample(fmax(used, state->memory.request));
        if (observation->time_ms >= state->peak_until_ms) {
                state->peak_bytes = 0;
                state->peak_until_ms = observation->time_ms + MEMORY_WINDOW_MS;
        }
        if (!(used > state->peak_bytes))
                return;
        if (state->peak_bytes > 0)
                histogram_subtract(state->memory.histogram, state->peak_bytes, 1, state->peak_until_ms);
        histogram_add(state->memory.histogram, used, 1, state->peak_until_ms);
        state->peak_bytes = used;
}

/* ---- recommendations ---- */

static bool is_given(const struct resource *resource)
{
        return resource->given.target > 0;
}

/* Whether it is to be set, and something is known of it. */
static bool is_known(const struct resource *resource)
{
        return resource->knob >= 0 && (is_given(resource) || !histogram_empty(resource->histogram));
}

/* A JVM fills what heap it has before it collects, so its use does not tell how little would do: nobody takes
 * from it what its heap may come to. NAN: it is none. */
static double floor_of(const struct state *state, const struct resource *resource)
{
        return resource == &state->memory && !isnan(state->heap_bytes)
                       ? fmin(resource->request, (1 + JVM_BESIDE) * state->heap_bytes)
                       : NAN;
}

static struct vpa_recommendation recommend(const struct state *state, const struct resource *resource)
{
        bool cpu = resource == &state->cpu;
        const struct vpa_options options = {
                .target_percentile = state->options->target_percentile,
                .lower_percentile = state->options->lower_bound_percentile,
                .upper_percentile = state->options->upper_bound_percentile,
                .safety_margin_ratio = state->options->safety_margin_ratio,
                .minimum = cpu ? state->options->minimum_cores : state->options->minimum_bytes,
        };
        double days = vpa_confidence_days(state->first_ms, state->last_ms, state->samples);
        double least = floor_of(state, resource);
        struct vpa_recommendation advice;

        if (is_given(resource))
                return (struct vpa_recommendation){resource->given.lower, resource->given.target,
                                                   resource->given.upper};
        advice = vpa_recommend(&options, resource->histogram, days);
        advice.target = fmax(advice.target, least);
        advice.upper = fmax(advice.upper, least);
        return advice;
}

static bool is_due(const struct state *state, const struct resource *resource,
                   const struct observation *observation)
{
        struct vpa_recommendation advice;

        if (!is_known(resource))
                return false;
        advice = recommend(state, resource);
        if (resource == &state->memory && state->killed_soon &&
            (advice.target > resource->request || observation->memory.killed > 0))
                return advice.target > resource->request;
        return vpa_update_due(&advice, resource->request, observation->time_ms - state->started_ms);
}

/* The knob's bounds are minAllowed and maxAllowed of the object: they limit the recommendation. */
static bool set(const struct state *state, const struct resource *resource, struct proposal *proposal,
                struct text *words)
{
        struct vpa_recommendation advice;
        double wanted, unit = resource == &state->cpu ? 1 : 1 << 20;

        if (!is_known(resource))
                return false;
        advice = recommend(state, resource);
        wanted = knob_fit(&state->pipeline->knobs[resource->knob], advice.target);
        if (wanted == resource->request)
                return false;
        proposal->configuration.value[resource->knob] = wanted;
        if (is_given(resource))
                text_format(words,
                            resource == &state->cpu
                                    ? "Workers request %.3g cores; a VerticalPodAutoscaler recommends %.3g: "
                                      "request %.3g. "
                                    : "Workers request %.0f MiB; a VerticalPodAutoscaler recommends %.0f "
                                      "MiB: request %.0f MiB. ",
                            resource->request / unit, advice.target / unit, wanted / unit);
        else if (resource == &state->cpu)
                text_format(words,
                            "Workers request %.3g cores; of %lld samples the target percentile is %.3g with "
                            "its margin, bounds %.3g to %.3g: request %.3g. ",
                            resource->request, (long long)state->samples, advice.target, advice.lower,
                            advice.upper, wanted);
        else
                text_format(words,
                            "Workers request %.0f MiB; of their peaks the target percentile is %.0f MiB with "
                            "its margin: request %.0f MiB. ",
                            resource->request / unit, advice.target / unit, wanted / unit);
        return true;
}

/* A pod is replaced with all that is recommended for it, whatever was the reason. */
static void propose(const struct state *state, const struct observation *observation,
                    struct proposal *ret_proposal)
{
        autotext words = {0};
        bool changes;

        if (!is_due(state, &state->cpu, observation) && !is_due(state, &state->memory, observation))
                return;
        changes = set(state, &state->cpu, ret_proposal, &words);
        changes |= set(state, &state->memory, ret_proposal, &words);
        if (!changes)
                return;
        ret_proposal->kind = PROPOSAL_CHANGE;
        snprintf(ret_proposal->reason, sizeof ret_proposal->reason, "%.*s", (int)words.length - 1,
                 words.data);
}

static void note_request(struct state *state, struct resource *resource,
                         const struct observation *observation)
{
        double request;

        if (resource->knob < 0)
                return;
        request = observation->configuration.value[resource->knob];
        if (request != resource->request) {
                state->started_ms = observation->time_ms;
                state->killed_soon = false;
        }
        resource->request = request;
}

static void note_kill(struct state *state, const struct observation *observation)
{
        if (!(observation->memory.killed > 0))
                return;
        state->killed_soon |= observation->time_ms - state->started_ms <= QUICK_KILL_MS ||
                              observation->time_ms - state->killed_ms <= QUICK_KILL_MS;
        state->killed_ms = observation->time_ms;
}

static bool vpa_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                        struct error *err)
{
        struct state *state = opaque;
        bool cpu_known = !(observation->missing & MISSING_CPU) && isfinite(observation->cpu_ratio);

        (void)err;
        if (state->cpu.knob < 0 && state->memory.knob < 0) {
                proposal_hold(ret_proposal, "vpa", observation,
                              "the pipeline has no knob worker.cpu or memory, and VPA changes nothing else");
                return true;
        }
        if (observation->missing & (MISSING_ALL | MISSING_CONFIGURATION)) {
                proposal_hold(ret_proposal, "vpa", observation, "what runs is not known");
                return true;
        }
        note_request(state, &state->cpu, observation);
        note_request(state, &state->memory, observation);
        state->cpu.given = observation->cpu_advice;
        state->memory.given = observation->memory_advice;
        state->heap_bytes = observation->memory.heap_told_bytes;
        if (cpu_known)
                sample_cpu(state, observation);
        sample_memory(state, observation);
        note_kill(state, observation);
        proposal_hold(ret_proposal, "vpa", observation, cpu_known ? "" : "CPU use is not known");
        /* Who is killed as soon as it starts is never measured. */
        if (cpu_known || state->killed_soon)
                propose(state, observation, ret_proposal);
        return true;
}

static void vpa_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        histogram_free(state->cpu.histogram);
        histogram_free(state->memory.histogram);
        free(state);
}

static const double percentiles[] = {0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99};

const struct strategy vpa_strategy = {
        .name = "vpa",
        .summary = "Kubernetes Vertical Pod Autoscaler on what the workers request",
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
