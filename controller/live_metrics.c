/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live_metrics.h"

#include <math.h>
#include <stddef.h>

static const char *const pipeline_labels[] = {"pipeline", NULL};
static const char *const measured_labels[] = {"measured", NULL};
static const char *const outcome_labels[] = {"pipeline", "outcome", NULL};

#define GAUGE(what, words)                                                                                   \
        {                                                                                                    \
                .name = "optctl_pipeline_" what, .type = METRIC_GAUGE, .help = (words),                      \
                .labels = pipeline_labels                                                                    \
        }

enum gauge {
        GAUGE_UP,
        GAUGE_PAUSED,
        GAUGE_OFFERED,
        GAUGE_THROUGHPUT,
        GAUGE_BACKLOG,
        GAUGE_LATENCY,
        GAUGE_BUSIEST,
        GAUGE_WORKERS,
        GAUGE_COST,
        GAUGE_BASELINE_COST,
        GAUGE_OBSERVED,
        GAUGE_LATE,
        N_GAUGES
};

static const struct metric_family gauges[N_GAUGES] = {
        [GAUGE_UP] = GAUGE("up", "Whether the newest turn measured the pipeline."),
        [GAUGE_PAUSED] = GAUGE("paused", "Whether a person paused it."),
        [GAUGE_OFFERED] = GAUGE("offered_records_per_second", "Records that arrive."),
        [GAUGE_THROUGHPUT] = GAUGE("throughput_records_per_second", "Records that the sources read."),
        [GAUGE_BACKLOG] = GAUGE("backlog_records", "Records that wait to be read."),
        [GAUGE_LATENCY] = GAUGE("latency_p99_seconds", "99 of 100 records are through within this time."),
        [GAUGE_BUSIEST] = GAUGE("busiest_ratio", "Share of time the busiest subtask works."),
        [GAUGE_WORKERS] = GAUGE("workers", "Workers that are paid for."),
        [GAUGE_COST] = GAUGE("cost", "Money that what ran has cost, in the spec's currency."),
        [GAUGE_BASELINE_COST] = GAUGE("baseline_cost", "Money that the frozen baseline would have cost."),
        [GAUGE_OBSERVED] = GAUGE("observed_seconds", "Time that the books cover."),
        [GAUGE_LATE] = GAUGE("late_seconds", "Of that, time out of the service levels."),
};

static const struct metric_family turns_family = {.name = "optctl_pipeline_turns_total",
                                                  .type = METRIC_COUNTER,
                                                  .help = "Turns of the loop.",
                                                  .labels = pipeline_labels};
static const struct metric_family changes_family = {.name = "optctl_pipeline_changes_total",
                                                    .type = METRIC_COUNTER,
                                                    .help = "Changes by how they ended.",
                                                    .labels = outcome_labels};
static const double duration_bounds[] = {0.1, 0.25, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60};
static const struct metric_family duration_family = {.name = "optctl_turn_seconds",
                                                     .type = METRIC_HISTOGRAM,
                                                     .help = "Time from when a turn was due to its decision.",
                                                     .labels = measured_labels,
                                                     .upper_bounds = duration_bounds,
                                                     .n_upper_bounds = (int)ARRAY_LENGTH(duration_bounds)};

static void set(struct metrics *metrics, enum gauge gauge, const char *pipeline, double value)
{
        metrics_set(metrics, &gauges[gauge], (const char *const[]){pipeline}, value);
}

static void set_seen(struct metrics *metrics, const char *pipeline, const struct observation *seen)
{
        set(metrics, GAUGE_UP, pipeline, !(seen->missing & MISSING_ALL));
        set(metrics, GAUGE_OFFERED, pipeline, seen->offered_per_second);
        set(metrics, GAUGE_THROUGHPUT, pipeline, seen->throughput_per_second);
        set(metrics, GAUGE_BACKLOG, pipeline, seen->backlog_records);
        set(metrics, GAUGE_LATENCY, pipeline, seen->latency_p99_seconds);
        set(metrics, GAUGE_BUSIEST, pipeline, observation_busiest_ratio(seen));
        set(metrics, GAUGE_WORKERS, pipeline, seen->workers < 0 ? NAN : seen->workers);
}

static void set_books(struct metrics *metrics, const char *pipeline, const struct saving *books)
{
        set(metrics, GAUGE_COST, pipeline, books->cost);
        set(metrics, GAUGE_BASELINE_COST, pipeline, books->baseline_cost);
        set(metrics, GAUGE_OBSERVED, pipeline, books->observed_seconds);
        set(metrics, GAUGE_LATE, pipeline, books->slo_missed_seconds);
}

static void count(struct metrics *metrics, const char *pipeline, const struct loop_status *now,
                  const struct loop_status *before)
{
        const struct {
                const char *outcome;
                int64_t more;
        } outcomes[] = {
                {"Confirmed", now->confirmed - before->confirmed},
                {"Reverted", now->reverted - before->reverted},
                {"Failed", now->failed - before->failed},
                {"Unknown", now->unknown - before->unknown},
        };

        metrics_add(metrics, &turns_family, (const char *const[]){pipeline},
                    (double)(now->turns - before->turns));
        for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++)
                if (outcomes[i].more > 0)
                        metrics_add(metrics, &changes_family,
                                    (const char *const[]){pipeline, outcomes[i].outcome},
                                    (double)outcomes[i].more);
}

void live_metrics_turn(struct metrics *metrics, const char *pipeline, struct loop *loop,
                       struct loop_status *counted)
{
        const struct loop_status *status = loop_status(loop);
        struct saving books;

        loop_saving(loop, 0.95, &books);
        set_seen(metrics, pipeline, loop_observation(loop));
        set(metrics, GAUGE_PAUSED, pipeline, status->paused);
        set_books(metrics, pipeline, &books);
        count(metrics, pipeline, status, counted);
        *counted = *status;
}

void live_metrics_down(struct metrics *metrics, const char *pipeline, bool paused)
{
        set(metrics, GAUGE_UP, pipeline, 0);
        set(metrics, GAUGE_PAUSED, pipeline, paused);
}

void live_metrics_duration(struct metrics *metrics, int64_t ms, bool measured)
{
        metrics_observe(metrics, &duration_family, (const char *const[]){measured ? "true" : "false"},
                        (double)ms / MS_PER_SECOND);
}
