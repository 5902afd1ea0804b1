/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/cron.h"
#include "core/memory.h"
#include "core/plugin.h"
#include "optimizer/flink_metrics.h"
#include "optimizer/proposal.h"

/*
 * The autoscaler of the Flink Kubernetes Operator: JobAutoScalerImpl.runScalingLogic and ScalingExecutor
 * around the metrics and formulas of flink_metrics.h and flink_autoscaler.h.
 *
 * Like the original it goes on looking until the job restarts, and may ask for more before the first wish is
 * fulfilled.
 */

struct state {
        const struct pipeline *pipeline;
        const struct flink_options *options;
        struct flink_metrics *metrics;
        struct flink_tracking tracking;
        struct vertex_state {
                struct flink_history history;
                struct flink_delay delay;
        } vertices[];
};

/* What is to become of a vertex. */
struct change {
        int parallelism; /* 0: nothing */
        bool outside;
};

static int64_t interval_ms(const void *opaque)
{
        const struct flink_options *options = opaque;

        return options->control_loop_interval_seconds * MS_PER_SECOND;
}

static bool flink_open(const struct strategy_context *context, const void *options, void **ret_state,
                       struct error *err)
{
        size_t n = (size_t)context->pipeline->n_operators;
        struct state *state = memory_new(1, sizeof *state + n * sizeof state->vertices[0]);

        (void)err;
        state->pipeline = context->pipeline;
        state->options = options;
        state->metrics = flink_metrics_new(context->pipeline, options);
        *ret_state = state;
        return true;
}

static void flink_close(void *opaque)
{
        struct state *state = opaque;

        if (!state)
                return;
        for (int i = 0; i < state->pipeline->n_operators; i++) {
                flink_history_fini(&state->vertices[i].history);
                flink_delay_fini(&state->vertices[i].delay);
        }
        flink_tracking_fini(&state->tracking);
        flink_metrics_free(state->metrics);
        free(state);
}

/* ---- restarts ---- */

static bool runs_as_decided(const struct state *state, int64_t decided_ms,
                            const struct observation *observation)
{
        for (int i = 0; i < state->pipeline->n_operators; i++) {
                const struct flink_history *history = &state->vertices[i].history;

                for (size_t j = 0; j < history->count; j++)
                        if (history->items[j].time_ms == decided_ms &&
                            history->items[j].to != observation->operators[i].parallelism)
                                return false;
        }
        return true;
}

/* The newest decision took until the job ran with what was decided. */
static void track_restart(struct state *state, const struct observation *observation)
{
        struct flink_restart *newest;
        int64_t running_ms = flink_metrics_running_since_ms(state->metrics);

        if (state->tracking.count == 0)
                return;
        newest = &state->tracking.items[state->tracking.count - 1];
        if (newest->seconds < 0 && running_ms >= newest->time_ms &&
            runs_as_decided(state, newest->time_ms, observation))
                newest->seconds = (running_ms - newest->time_ms) / MS_PER_SECOND;
}

static void trim(struct state *state, int64_t now_ms)
{
        flink_tracking_trim(&state->tracking, state->options, now_ms);
        for (int i = 0; i < state->pipeline->n_operators; i++)
                flink_history_trim(&state->vertices[i].history, state->options, now_ms);
}

/* ---- deciding ---- */

static struct change decide_vertex(struct state *state, int index, const struct flink_vertex *vertex,
                                   int64_t now_ms, int64_t restart_seconds)
{
        const struct flink_options *options = state->options;
        struct vertex_state *memory = &state->vertices[index];
        double coefficient =
                options->observed_scalability_enabled ? flink_scalability(options, &memory->history) : 1;
        struct flink_recommendation wanted = {
                .time_ms = now_ms,
                .parallelism = flink_parallelism(options, vertex, coefficient, restart_seconds),
                .outside = flink_outside(vertex),
        };

        if (isnan(vertex->true_rate) || isnan(vertex->target_rate))
                return (struct change){0};
        if (wanted.parallelism >= vertex->parallelism)
                flink_delay_clear(&memory->delay);
        if (wanted.parallelism == vertex->parallelism)
                return (struct change){0};
        if (wanted.parallelism > vertex->parallelism) {
                if (flink_ineffective(options, &memory->history, vertex))
                        return (struct change){0};
        } else if (!flink_delay_request(&memory->delay, options, &wanted, &wanted)) {
                return (struct change){0};
        }
        return (struct change){wanted.parallelism, wanted.outside};
}

/* Something changes when one of the vertices that want to is outside its thresholds; then all of them do. */
static bool decide(struct state *state, const struct flink_vertex *vertices, int64_t now_ms,
                   int64_t restart_seconds, struct change *ret_changes)
{
        bool outside = false;

        for (int i = 0; i < state->pipeline->n_operators; i++) {
                ret_changes[i] = (struct change){0};
                if (!vertices[i].excluded)
                        ret_changes[i] = decide_vertex(state, i, &vertices[i], now_ms, restart_seconds);
                outside |= ret_changes[i].outside;
        }
        return outside;
}

static bool excluded_now(const struct flink_options *options, int64_t now_ms)
{
        const struct flink_excluded_period *periods = options->excluded_periods.items;

        for (size_t i = 0; i < options->excluded_periods.count; i++) {
                struct error ignored = ERROR_INIT;
                bool active = false;

                /* The expression was checked with the options. */
                if (cron_active(periods[i].cron, periods[i].seconds, periods[i].time_zone, now_ms, &active,
                                &ignored) &&
                    active)
                        return true;
        }
        return false;
}

/* Why a decision is not carried out; NULL: it is. */
static const char *blocked(const struct state *state, const struct flink_vertex *vertices,
                           const struct change *changes, int64_t now_ms)
{
        int from = 0, to = 0;

        if (!state->options->scaling_enabled)
                return "scaling is disabled (scalingEnabled)";
        if (excluded_now(state->options, now_ms))
                return "nothing is scaled in this period (excludedPeriods)";
        for (int i = 0; i < state->pipeline->n_operators; i++) {
                if (changes[i].parallelism == 0)
                        continue;
                from = vertices[i].parallelism > from ? vertices[i].parallelism : from;
                to = changes[i].parallelism > to ? changes[i].parallelism : to;
        }
        if (flink_quota_exceeded(state->options, state->pipeline->slots_per_worker, from, to))
                return "the scaling would exceed the quota (quotaCpu, quotaMemory)";
        return NULL;
}

static void remember(struct state *state, const struct flink_vertex *vertices, const struct change *changes,
                     int64_t now_ms)
{
        for (int i = 0; i < state->pipeline->n_operators; i++) {
                const struct flink_vertex *vertex = &vertices[i];

                flink_delay_clear(&state->vertices[i].delay);
                if (changes[i].parallelism == 0)
                        continue;
                flink_history_add(&state->vertices[i].history,
                                  &(struct flink_scaling){
                                          .time_ms = now_ms,
                                          .from = vertex->parallelism,
                                          .to = changes[i].parallelism,
                                          .true_rate = vertex->true_rate,
                                          .expected_rate = vertex->true_rate / vertex->parallelism *
                                                           changes[i].parallelism,
                                  });
        }
        flink_tracking_add(&state->tracking, now_ms);
}

/* ---- proposing ---- */

/* Names the trigger with its numbers; of several the one that changes most. */
static void explain(const struct pipeline *pipeline, const struct flink_vertex *vertices,
                    const struct change *changes, struct proposal *proposal)
{
        const struct flink_vertex *vertex;
        char capacity[32] = "any number of";
        int trigger = -1;

        for (int i = 0; i < pipeline->n_operators; i++)
                if (changes[i].outside &&
                    (trigger < 0 ||
                     abs(changes[i].parallelism - vertices[i].parallelism) >
                             abs(changes[trigger].parallelism - vertices[trigger].parallelism)))
                        trigger = i;
        vertex = &vertices[trigger];
        if (isfinite(vertex->true_rate))
                snprintf(capacity, sizeof capacity, "%.0f", vertex->true_rate);
        snprintf(proposal->reason, sizeof proposal->reason,
                 "%s can take %s records/s and has to take %.0f and catch up %.0f; between %.0f and %.0f "
                 "nothing would "
                 "change: parallelism %d instead of %d.",
                 pipeline->operators[trigger].name, capacity, vertex->target_rate, vertex->catch_up_rate,
                 vertex->scale_up_threshold, vertex->scale_down_threshold, changes[trigger].parallelism,
                 vertex->parallelism);
}

static void scale(struct state *state, const struct observation *observation,
                  const struct flink_vertex *vertices, const struct change *changes,
                  struct proposal *ret_proposal)
{
        struct deployment wanted = {0};
        const char *why_not = blocked(state, vertices, changes, observation->time_ms);

        if (why_not) {
                proposal_hold(ret_proposal, "flink", observation, why_not);
                return;
        }
        remember(state, vertices, changes, observation->time_ms);
        for (int i = 0; i < state->pipeline->n_operators; i++)
                wanted.parallelism[i] =
                        changes[i].parallelism > 0 ? changes[i].parallelism : vertices[i].parallelism;
        wanted.workers = proposal_workers_for(state->pipeline, &wanted);
        if (proposal_deploy(ret_proposal, "flink", state->pipeline, observation, &wanted))
                explain(state->pipeline, vertices, changes, ret_proposal);
}

static const char *waiting_for(enum flink_phase phase)
{
        static const char *const words[] = {
                [FLINK_NOT_RUNNING] = "the job does not run",
                [FLINK_UNKNOWN] = "rates or backlog are not known",
                [FLINK_STABILIZING] = "stabilising after a start of the job",
                [FLINK_COLLECTING] = "the metric window is not full",
                [FLINK_READY] = "",
        };

        return words[phase];
}

static bool flink_propose(void *opaque, const struct observation *observation, struct proposal *ret_proposal,
                          struct error *err)
{
        struct state *state = opaque;
        struct flink_vertex vertices[PIPELINE_MAX_OPERATORS];
        struct change changes[PIPELINE_MAX_OPERATORS];
        enum flink_phase phase = flink_metrics_collect(state->metrics, observation);
        int64_t restart_seconds;

        if (phase != FLINK_NOT_RUNNING && phase != FLINK_UNKNOWN) {
                trim(state, observation->time_ms);
                track_restart(state, observation);
        }
        if (phase != FLINK_READY) {
                proposal_hold(ret_proposal, "flink", observation, waiting_for(phase));
                return true;
        }
        restart_seconds = flink_restart_seconds(&state->tracking, state->options);
        if (!flink_metrics_evaluate(state->metrics, restart_seconds, vertices, err)) {
                proposal_hold(ret_proposal, "flink", observation, err->message);
                error_clear(err);
                return true;
        }
        /* Observations tell neither garbage collection nor heap: as in a Flink that does not report them. */
        if (!flink_memory_pressure(state->options, NAN, NAN) &&
            decide(state, vertices, observation->time_ms, restart_seconds, changes))
                scale(state, observation, vertices, changes, ret_proposal);
        else
                proposal_hold(ret_proposal, "flink", observation, "");
        return true;
}

static const double targets[] = {0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9};

const struct strategy flink_strategy = {
        .name = "flink",
        .summary = "Flink Kubernetes Operator's autoscaler",
        .options = &flink_options_table,
        .comparator = true,
        .sweep_option = "utilizationTarget",
        .sweep_values = targets,
        .n_sweep_values = ARRAY_LENGTH(targets),
        .interval_ms = interval_ms,
        .open = flink_open,
        .propose = flink_propose,
        .close = flink_close,
};
