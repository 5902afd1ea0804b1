/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/flink_autoscaler.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/memory.h"

static int at_most(int a, int b)
{
        return a < b ? a : b;
}

static int at_least(int a, int b)
{
        return a > b ? a : b;
}

double flink_capacity(const struct flink_options *options, const struct flink_vertex *vertex,
                      double utilization, bool with_restart, int64_t restart_seconds)
{
        double catch_up = (double)options->catch_up_duration_seconds;
        double u = fmin(fmax(utilization, 0), 1);
        double restart = 0;

        if (isnan(vertex->catch_up_rate) || isnan(vertex->target_rate))
                return NAN;
        if (u == 0)
                return INFINITY;
        if (with_restart && catch_up > 0)
                restart = vertex->target_rate * (double)restart_seconds / catch_up;
        /* Java's Math.round. */
        return floor(vertex->catch_up_rate + restart + vertex->target_rate / u + 0.5);
}

void flink_thresholds(const struct flink_options *options, bool processing_backlog, int64_t restart_seconds,
                      struct flink_vertex *vertex)
{
        double highest = options->utilization_max, lowest = options->utilization_min;

        if (isnan(highest))
                highest = options->utilization_target + options->utilization_boundary;
        if (isnan(lowest))
                lowest = options->utilization_target - options->utilization_boundary;
        /* Full use is fine while a backlog is worked off, and scaling down would only add to it. */
        if (processing_backlog) {
                highest = 1;
                lowest = 0;
        }
        vertex->scale_up_threshold = flink_capacity(options, vertex, highest, false, restart_seconds);
        vertex->scale_down_threshold = flink_capacity(options, vertex, lowest, true, restart_seconds);
}

bool flink_outside(const struct flink_vertex *vertex)
{
        return vertex->true_rate < vertex->scale_up_threshold ||
               vertex->true_rate > vertex->scale_down_threshold;
}

int flink_align(enum flink_alignment mode, const struct flink_vertex *vertex, int target, int upper)
{
        int groups = vertex->partitions > 0 ? vertex->partitions : vertex->max_parallelism;
        int last = at_most(groups, at_most(vertex->max_parallelism, upper));

        if (mode == FLINK_ALIGNMENT_OFF || (vertex->partitions <= 0 && !vertex->hash_input))
                return target;
        /* A scale-down is searched no farther than to where it would cease to be one. */
        if (target <= vertex->parallelism)
                last = at_most(vertex->parallelism, last);
        for (int p = target; p <= last; p++)
                if (groups % p == 0 || (mode == FLINK_ALIGNMENT_BALANCED && groups / p < groups / target))
                        return p;
        return target;
}

int flink_parallelism(const struct flink_options *options, const struct flink_vertex *vertex,
                      double coefficient, int64_t restart_seconds)
{
        double capacity = flink_capacity(options, vertex, options->utilization_target, true, restart_seconds);
        int lower = at_most(vertex->parallelism, (int)options->vertex_min_parallelism);
        int upper = at_least(vertex->parallelism, (int)options->vertex_max_parallelism);
        double factor, wanted;
        int target;

        if (isnan(vertex->true_rate) || isnan(capacity))
                return vertex->parallelism;
        factor = capacity / vertex->true_rate / coefficient;
        factor = fmin(fmax(factor, 1 - options->scale_down_max_factor), 1 + options->scale_up_max_factor);
        wanted = ceil(factor * vertex->parallelism);
        target = wanted >= INT_MAX ? INT_MAX : (int)wanted;
        target = at_most(at_least(lower, target), at_most(vertex->max_parallelism, upper));
        return flink_align((enum flink_alignment)options->alignment_mode, vertex, target, upper);
}

/* ---- what was done before ---- */

/* Room for one more item in a growing array. */
static void *grow(void *items, size_t count, size_t *room, size_t size)
{
        if (count < *room)
                return items;
        *room = *room ? *room * 2 : 8;
        return memory_resize(items, *room, size);
}

void flink_history_add(struct flink_history *history, const struct flink_scaling *scaling)
{
        history->items = grow(history->items, history->count, &history->room, sizeof *history->items);
        history->items[history->count++] = *scaling;
}

void flink_history_trim(struct flink_history *history, const struct flink_options *options, int64_t now_ms)
{
        int64_t oldest_ms = now_ms - options->history_max_age_seconds * MS_PER_SECOND;
        size_t gone = 0;

        while (gone < history->count && (history->items[gone].time_ms < oldest_ms ||
                                         history->count - gone > (size_t)options->history_max_count))
                gone++;
        if (gone == 0)
                return;
        history->count -= gone;
        memmove(history->items, history->items + gone, history->count * sizeof *history->items);
}

void flink_history_fini(struct flink_history *history)
{
        free(history->items);
        *history = (struct flink_history){0};
}

/* Rate of one subtask at the smallest parallelism that was left; among several the latest, and parallelism 1
 * at once. */
static double baseline_rate(const struct flink_history *history)
{
        const struct flink_scaling *smallest = NULL;

        for (size_t i = history->count; i-- > 0;) {
                const struct flink_scaling *each = &history->items[i];

                if (!smallest || each->from < smallest->from)
                        smallest = each;
                if (each->from == 1)
                        break;
        }
        return smallest ? smallest->true_rate / smallest->from : NAN;
}

double flink_scalability(const struct flink_options *options, const struct flink_history *history)
{
        double baseline = baseline_rate(history), products = 0, squares = 0, coefficient;

        if (history->count < (size_t)options->observed_scalability_min_observations || isnan(baseline))
                return 1;
        for (size_t i = 0; i < history->count; i++) {
                double from = history->items[i].from;

                products += from * history->items[i].true_rate;
                squares += from * from;
        }
        coefficient = products / (squares * baseline);
        if (isnan(coefficient))
                return 1;
        coefficient = fmax(options->observed_scalability_coefficient_min, fmin(1, coefficient));
        /* The decimal that is meant, not the one a double falls short of or exceeds: 0.81 stays 0.81. */
        return ceil(coefficient * 100 - 1e-9) / 100;
}

bool flink_ineffective(const struct flink_options *options, const struct flink_history *history,
                       const struct flink_vertex *vertex)
{
        const struct flink_scaling *last;
        double gained, expected;

        if (!options->effectiveness_detection_enabled || history->count == 0)
                return false;
        last = &history->items[history->count - 1];
        if (vertex->parallelism != last->to || last->to <= last->from)
                return false;
        gained = vertex->true_rate - last->true_rate;
        expected = last->expected_rate - last->true_rate;
        return !(gained / expected >= options->effectiveness_threshold);
}

/* ---- delay of scale-downs ---- */

void flink_delay_clear(struct flink_delay *delay)
{
        delay->count = 0;
}

void flink_delay_fini(struct flink_delay *delay)
{
        free(delay->items);
        *delay = (struct flink_delay){0};
}

bool flink_delay_request(struct flink_delay *delay, const struct flink_options *options,
                         const struct flink_recommendation *request,
                         struct flink_recommendation *ret_recommendation)
{
        int64_t start_ms = request->time_ms - options->scale_down_interval_seconds * MS_PER_SECOND;
        size_t old = 0;

        if (options->scale_down_interval_seconds == 0) {
                *ret_recommendation = *request;
                return true;
        }
        if (delay->count == 0)
                delay->first_ms = request->time_ms;
        /* A smaller or equal request of the past is never again the largest of the window. */
        while (delay->count > 0 && delay->items[delay->count - 1].parallelism <= request->parallelism)
                delay->count--;
        delay->items = grow(delay->items, delay->count, &delay->room, sizeof *delay->items);
        delay->items[delay->count++] = *request;
        if (start_ms < delay->first_ms)
                return false;
        while (delay->items[old].time_ms < start_ms)
                old++;
        delay->count -= old;
        memmove(delay->items, delay->items + old, delay->count * sizeof *delay->items);
        *ret_recommendation = delay->items[0];
        return true;
}

/* ---- restarts ---- */

void flink_tracking_add(struct flink_tracking *tracking, int64_t time_ms)
{
        tracking->items = grow(tracking->items, tracking->count, &tracking->room, sizeof *tracking->items);
        tracking->items[tracking->count++] = (struct flink_restart){time_ms, -1};
}

void flink_tracking_trim(struct flink_tracking *tracking, const struct flink_options *options, int64_t now_ms)
{
        int64_t oldest_ms = now_ms - options->history_max_age_seconds * MS_PER_SECOND;
        size_t gone = 0;

        while (gone + 1 < tracking->count && (tracking->items[gone].time_ms < oldest_ms ||
                                              tracking->count - gone > (size_t)options->history_max_count))
                gone++;
        if (gone == 0)
                return;
        tracking->count -= gone;
        memmove(tracking->items, tracking->items + gone, tracking->count * sizeof *tracking->items);
}

void flink_tracking_fini(struct flink_tracking *tracking)
{
        free(tracking->items);
        *tracking = (struct flink_tracking){0};
}

int64_t flink_restart_seconds(const struct flink_tracking *tracking, const struct flink_options *options)
{
        int64_t longest = -1;

        for (size_t i = 0; options->restart_time_tracking_enabled && i < tracking->count; i++)
                if (tracking->items[i].seconds > longest)
                        longest = tracking->items[i].seconds;
        if (longest < 0)
                return options->restart_time_seconds;
        return longest < options->restart_time_tracking_limit_seconds
                       ? longest
                       : options->restart_time_tracking_limit_seconds;
}

/* ---- what keeps a scaling from being carried out ---- */

bool flink_memory_pressure(const struct flink_options *options, double gc_ratio, double heap_ratio)
{
        return gc_ratio > options->gc_pressure_threshold || heap_ratio > options->heap_usage_threshold;
}

bool flink_quota_exceeded(const struct flink_options *options, int slots_per_worker, int from, int to)
{
        int slots = slots_per_worker > 0 ? slots_per_worker : 1;
        int workers_before = from / slots, workers = to / slots;

        /* Without a quota this compares with NAN and is false. */
        return workers > workers_before && (workers * options->task_manager_cpu > options->quota_cpu ||
                                            workers * options->task_manager_memory > options->quota_memory);
}
