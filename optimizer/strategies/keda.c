/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"
#include "optimizer/hpa_target.h"
#include "optimizer/keda_lag.h"

/*
 * KEDA with a Kafka trigger. KEDA itself only goes between zero and the minimum; everything above is done by
 * the HorizontalPodAutoscaler it makes, with the lag as an external metric of type AverageValue.
 */

struct keda_options {
        struct keda_lag_options lag;
        int64_t activation_lag_threshold;
        int64_t polling_interval_seconds;
        int64_t cooldown_period_seconds;
        int64_t sync_period_seconds;
        bool use_cached_metrics;
        double tolerance_ratio;
        struct hpa_behavior behavior;
};

struct state {
        const struct keda_options *options;
        const struct pipeline *pipeline;
        struct hpa_target target;
        int64_t partitions; /* of all sources; 0 when one is not known */
        int64_t polled_ms;  /* INT64_MIN: never */
        int64_t polled_lag;
        int64_t active_ms; /* newest poll that found the trigger active */
};

static bool check(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct keda_lag_options *lag = &((const struct keda_options *)object)->lag;

        (void)node;
        if (lag->allow_idle_consumers && lag->limit_to_partitions_with_lag)
                return error_set(err, ERROR_INPUT, NULL,
                                 "allowIdleConsumers and limitToPartitionsWithLag cannot both be true");
        if (lag->ensure_even_distribution && lag->limit_to_partitions_with_lag)
                return error_set(err, ERROR_INPUT, NULL,
                                 "limitToPartitionsWithLag and ensureEvenDistributionOfPartitions cannot "
                                 "both be true");
        return true;
}

static const struct option options_list[] = {
        {.name = "lagThreshold",
         .type = OPTION_INT,
         .offset = offsetof(struct keda_options, lag.lag_threshold),
         .unit = "records",
         .min = 1,
         .max = 1e15,
         .fallback = "10",
         .help = "Records that may wait for each worker. KEDA's own default, 10, is meant for slow "
                 "consumers: a stream "
                 "of thousands of records a second wants its rate times the seconds it may lag."},
        {.name = "activationLagThreshold",
         .type = OPTION_INT,
         .offset = offsetof(struct keda_options, activation_lag_threshold),
         .unit = "records",
         .max = 1e15,
         .fallback = "0",
         .help = "The trigger is active while more records than this wait; matters only where the workers "
                 "knob goes to 0."},
        {.name = "allowIdleConsumers",
         .type = OPTION_BOOL,
         .offset = offsetof(struct keda_options, lag.allow_idle_consumers),
         .fallback = "false",
         .help = "Whether there may be more workers than partitions."},
        {.name = "limitToPartitionsWithLag",
         .type = OPTION_BOOL,
         .offset = offsetof(struct keda_options, lag.limit_to_partitions_with_lag),
         .fallback = "false",
         .help = "Caps the workers at the partitions on which records wait; their number is estimated, one "
                 "record each."},
        {.name = "ensureEvenDistributionOfPartitions",
         .type = OPTION_BOOL,
         .offset = offsetof(struct keda_options, lag.ensure_even_distribution),
         .fallback = "false",
         .help = "Takes only numbers of workers that divide the number of partitions."},
        {.name = "pollingIntervalSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct keda_options, polling_interval_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "30",
         .help = "How often KEDA itself looks whether the trigger is active."},
        {.name = "useCachedMetrics",
         .type = OPTION_BOOL,
         .offset = offsetof(struct keda_options, use_cached_metrics),
         .fallback = "false",
         .help = "Whether the autoscaler sees the lag of the last poll instead of the lag of now."},
        {.name = "cooldownPeriodSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct keda_options, cooldown_period_seconds),
         .unit = "s",
         .max = 604800,
         .fallback = "300",
         .help = "How long the trigger has to be inactive before the last worker goes, where the workers "
                 "knob goes to 0."},
        {.name = "syncPeriodSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct keda_options, sync_period_seconds),
         .unit = "s",
         .min = 1,
         .max = 3600,
         .fallback = "15",
         .help = "How often the HorizontalPodAutoscaler looks."},
        {.name = "toleranceRatio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct keda_options, tolerance_ratio),
         .max = 1,
         .fallback = "0.1",
         .help = "No change while lag over what is allowed is within 1 plus or minus this."},
        {.name = "behavior",
         .type = OPTION_SECTION,
         .offset = offsetof(struct keda_options, behavior),
         .table = &hpa_behavior_table,
         .help = "Stabilisation and rate limits of the HorizontalPodAutoscaler "
                 "(advanced.horizontalPodAutoscalerConfig)."},
        {0},
};

static const struct option_table table = {
        .name = "keda",
        .help = "KEDA's Kafka trigger: as many workers as the lag has multiples of lagThreshold. It scales "
                "the pipeline as "
                "a whole, between the bounds of the workers knob.",
        .size = sizeof(struct keda_options),
        .options = options_list,
        .check = check,
};

static int64_t interval_ms(const void *opaque)
{
        const struct keda_options *options = opaque;

        return options->sync_period_seconds * MS_PER_SECOND;
}

static int64_t partitions_of(const struct pipeline *pipeline)
{
        int64_t sum = 0;

        for (int i = 0; i < pipeline->n_operators; i++) {
                if (!pipeline->operators[i].source)
                        continue;
                if (pipeline->operators[i].partitions <= 0)
                        return 0;
                sum += pipeline->operators[i].partitions;
        }
        return sum;
}

static bool keda_open(const struct strategy_context *context, const void *options, void **ret_state,
                      struct error *err)
{
        struct state *state = memory_new(1, sizeof *state);

        (void)err;
        state->options = options;
        state->pipeline = context->pipeline;
        state->partitions = partitions_of(context->pipeline);
        state->polled_ms = INT64_MIN;
        state->active_ms = context->start_ms;
        hpa_target_init(&state->target, context->pipeline, &state->options->behavior);
        *ret_state = state;
        return true;
}

/* Kubernetes metrics are whole numbers, and so are Kafka offsets. */
static void poll_lag(struct state *state, const struct observation *observation, int64_t lag)
{
        int64_t due_ms = state->options->polling_interval_seconds * MS_PER_SECOND;

        if (state->polled_ms != INT64_MIN && observation->time_ms - state->polled_ms < due_ms)
                return;
        state->polled_ms = observation->time_ms;
        state->polled_lag = lag;
        if (lag > state->options->activation_lag_threshold)
                state->active_ms = observation->time_ms;
}

static bool deploy(const struct state *state, const struct observation *observation, int workers,
                   struct proposal *ret_proposal)
{
        struct deployment wanted;

        proposal_uniform(state->pipeline, workers, &wanted);
        return proposal_deploy(ret_proposal, "keda", state->pipeline, observation, &wanted);
}

/* What KEDA does without the HPA: from zero to one when the trigger is active, to zero after the cooldown.
 * True when the proposal is made. */
static bool activate(struct state *state, const struct observation *observation,
                     struct proposal *ret_proposal)
{
        int64_t idle_ms = observation->time_ms - state->active_ms;
        int workers = state->target.spec;

        if (state->target.bounds.min > 0)
                return false;
        if (workers == 0) {
                if (state->active_ms == state->polled_ms && deploy(state, observation, 1, ret_proposal))
                        snprintf(ret_proposal->reason, sizeof ret_proposal->reason,
                                 "%lld records wait, more than the %lld that activate the trigger: the first "
                                 "worker.",
                                 (long long)state->polled_lag,
                                 (long long)state->options->activation_lag_threshold);
                else
                        proposal_hold(ret_proposal, "keda", observation, "");
                return true;
        }
        if (idle_ms < state->options->cooldown_period_seconds * MS_PER_SECOND ||
            !deploy(state, observation, 0, ret_proposal))
                return false;
        snprintf(ret_proposal->reason, sizeof ret_proposal->reason,
                 "Not more than %lld records have waited for %lld s, the cooldown is %lld s: to no worker.",
                 (long long)state->options->activation_lag_threshold, (long long)(idle_ms / MS_PER_SECOND),
                 (long long)state->options->cooldown_period_seconds);
        return true;
}

static void scale(struct state *state, const struct observation *observation, int64_t lag,
                  struct proposal *ret_proposal)
{
        const struct keda_options *options = state->options;
        int64_t metric = keda_kafka_lag(&options->lag, lag, state->partitions,
                                        lag < state->partitions ? lag : state->partitions);
        int from = state->target.spec;
        int desired = hpa_average_value_replicas(from, (double)metric, (double)options->lag.lag_threshold,
                                                 options->tolerance_ratio);

        if (hpa_target_scale(&state->target, "keda", observation, desired, ret_proposal))
                snprintf(ret_proposal->reason, sizeof ret_proposal->reason,
                         "%lld record%s wait%s and a worker may have %lld: the lag asks for %d worker%s "
                         "instead "
                         "of %d, after "
                         "stabilisation and rate limits %d.",
                         (long long)lag, text_plural((double)lag), lag == 1 ? "s" : "",
                         (long long)options->lag.lag_threshold, desired, text_plural(desired), from,
                         state->target.spec);
}

static bool keda_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                         struct error *err)
{
        struct state *state = opaque;
        int64_t lag;

        (void)err;
        if (observation->missing & (MISSING_ALL | MISSING_CONFIGURATION)) {
                proposal_hold(ret_proposal, "keda", observation, "what runs is not known");
                return true;
        }
        hpa_target_observe(&state->target, observation);
        if ((observation->missing & MISSING_BACKLOG) || !isfinite(observation->backlog_records)) {
                proposal_hold(ret_proposal, "keda", observation, "the lag is not known");
                return true;
        }
        lag = llround(fmin(fmax(observation->backlog_records, 0), 1e15));
        poll_lag(state, observation, lag);
        if (!activate(state, observation, ret_proposal))
                scale(state, observation, state->options->use_cached_metrics ? state->polled_lag : lag,
                      ret_proposal);
        return true;
}

static void keda_told(void *opaque, const struct proposal *proposal, const struct verdict *verdict,
                      enum outcome outcome, const struct observation *observation)
{
        struct state *state = opaque;

        (void)proposal;
        (void)observation;
        hpa_target_told(&state->target, verdict, outcome);
}

static void keda_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        hpa_target_fini(&state->target);
        free(state);
}

static const double thresholds[] = {10, 100, 1000, 10000, 100000, 1000000, 10000000};

const struct strategy keda_strategy = {
        .name = "keda",
        .summary = "KEDA's Kafka trigger: workers by consumer lag",
        .options = &table,
        .comparator = true,
        .sweep_option = "lagThreshold",
        .sweep_values = thresholds,
        .n_sweep_values = ARRAY_LENGTH(thresholds),
        .interval_ms = interval_ms,
        .open = keda_open,
        .propose = keda_propose,
        .told = keda_told,
        .close = keda_close,
};
