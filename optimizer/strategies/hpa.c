/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "optimizer/hpa_target.h"

/* The Kubernetes HorizontalPodAutoscaler on CPU utilisation. */

struct hpa_options {
        int64_t sync_period_seconds;
        double target_cpu_percent;
        double tolerance_ratio;
        int64_t metrics_window_seconds;
        struct hpa_behavior behavior;
};

struct state {
        const struct hpa_options *options;
        struct hpa_target target;
        /* Since the metrics pipeline last took a value. */
        double cpu_sum, cpu_weight;
        int pods_summed;
        int64_t due_ms;
        /* The value it serves until the next one, and the pods that it is of: younger ones have none yet. */
        double percent;
        int pods_measured;
};

static const struct option options_list[] = {
        {.name = "syncPeriodSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct hpa_options, sync_period_seconds),
         .unit = "s",
         .min = 1,
         .max = 3600,
         .fallback = "15",
         .help = "How often the controller looks (--horizontal-pod-autoscaler-sync-period)."},
        {.name = "targetCpuPercent",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct hpa_options, target_cpu_percent),
         .unit = "%",
         .min = 1,
         .max = 1000,
         .fallback = "80",
         .help = "Mean CPU use to keep, in per cent of what the workers request (averageUtilization)."},
        {.name = "toleranceRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct hpa_options, tolerance_ratio),
         .max = 1,
         .fallback = "0.1",
         .help = "No change while use over target is within 1 plus or minus this "
                 "(--horizontal-pod-autoscaler-tolerance)."},
        {.name = "metricsWindowSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct hpa_options, metrics_window_seconds),
         .unit = "s",
         .min = 1,
         .max = 3600,
         .fallback = "15",
         .help = "How often the metrics pipeline takes a new value (metrics-server: --metric-resolution), "
                 "which is the mean use since the one before and is served until the next."},
        {.name = "behavior",
         .type = OPTION_SECTION,
         .offset = offsetof(struct hpa_options, behavior),
         .table = &hpa_behavior_table,
         .help = "Stabilisation and rate limits, as in the HorizontalPodAutoscaler object."},
        {0},
};

static const struct option_table table = {
        .name = "hpa",
        .help = "The Kubernetes HorizontalPodAutoscaler (autoscaling/v2) on CPU utilisation. It scales the "
                "pipeline as a "
                "whole, between the bounds of the workers knob.",
        .size = sizeof(struct hpa_options),
        .options = options_list,
};

static int64_t interval_ms(const void *opaque)
{
        const struct hpa_options *options = opaque;

        return options->sync_period_seconds * MS_PER_SECOND;
}

static bool hpa_open(const struct strategy_context *context, const void *options, void **ret_state,
                     struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        (void)err;
        state->options = options;
        state->percent = NAN;
        state->due_ms = context->start_ms + state->options->metrics_window_seconds * MS_PER_SECOND;
        hpa_target_init(&state->target, context->pipeline, &state->options->behavior);
        *ret_state = state;
        return true;
}

static int measured_pods(const struct observation *observation)
{
        if (observation->cpu_workers > 0)
                return observation->cpu_workers;
        return observation->workers_ready > 0 ? observation->workers_ready : observation->workers;
}

/* Averages CPU use by time, and takes the mean when the metrics pipeline would. */
static void remember(struct state *state, const struct observation *observation)
{
        if (!(observation->missing & (MISSING_ALL | MISSING_CPU)) && !isnan(observation->cpu_ratio)) {
                state->cpu_sum += observation->cpu_ratio * (double)observation->window_ms;
                state->cpu_weight += (double)observation->window_ms;
                state->pods_summed = measured_pods(observation);
        }
        if (observation->time_ms < state->due_ms || state->cpu_weight <= 0)
                return;
        state->percent = 100 * state->cpu_sum / state->cpu_weight;
        state->pods_measured = state->pods_summed;
        state->cpu_sum = state->cpu_weight = 0;
        state->due_ms = observation->time_ms + state->options->metrics_window_seconds * MS_PER_SECOND;
}

/* Ready pods that started after the last value was taken are missing from the metrics API. */
static void leave_out_unmeasured(const struct state *state, struct hpa_pods *pods)
{
        if (pods->ready <= state->pods_measured)
                return;
        pods->missing += pods->ready - state->pods_measured;
        pods->ready = state->pods_measured;
}

static bool hpa_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                        struct error *err)
{
        struct state *state = opaque;
        const struct hpa_options *options = state->options;
        struct hpa_pods pods;
        double percent;
        int from, desired;

        (void)err;
        remember(state, observation);
        if (observation->missing & (MISSING_ALL | MISSING_CONFIGURATION)) {
                proposal_hold(ret_proposal, "hpa", observation, "what runs is not known");
                return true;
        }
        hpa_target_observe(&state->target, observation);
        pods = hpa_target_pods(&state->target, observation);
        leave_out_unmeasured(state, &pods);
        percent = state->percent;
        if (isnan(percent) || pods.ready == 0) {
                proposal_hold(ret_proposal, "hpa", observation, "no CPU use of any ready worker is known");
                return true;
        }
        from = pods.current;
        desired = hpa_utilization_replicas(&pods, percent, options->target_cpu_percent,
                                           options->tolerance_ratio);
        if (hpa_target_scale(&state->target, "hpa", observation, desired, ret_proposal))
                snprintf(ret_proposal->reason, sizeof ret_proposal->reason,
                         "CPU use is %.0f %% of the request over %d ready worker%s, the target is %.0f %%: "
                         "the metric "
                         "asks for %d worker%s instead of %d, after stabilisation and rate limits %d.",
                         percent, pods.ready, text_plural(pods.ready), options->target_cpu_percent, desired,
                         text_plural(desired), from, state->target.spec);
        return true;
}

static void hpa_told(void *opaque, const struct proposal *proposal, const struct verdict *verdict,
                     enum outcome outcome, const struct observation *observation)
{
        struct state *state = opaque;

        (void)proposal;
        (void)observation;
        hpa_target_told(&state->target, verdict, outcome);
}

static void hpa_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        hpa_target_fini(&state->target);
        free(state);
}

static const double targets[] = {20, 35, 50, 60, 70, 80, 90};

const struct strategy hpa_strategy = {
        .name = "hpa",
        .summary = "Kubernetes HorizontalPodAutoscaler on CPU utilisation",
        .options = &table,
        .comparator = true,
        .sweep_option = "targetCpuPercent",
        .sweep_values = targets,
        .n_sweep_values = ARRAY_LENGTH(targets),
        .interval_ms = interval_ms,
        .open = hpa_open,
        .propose = hpa_propose,
        .told = hpa_told,
        .close = hpa_close,
};
