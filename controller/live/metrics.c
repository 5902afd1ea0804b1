/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/live/metrics.h"

#include <math.h>
#include <stddef.h>

static const char *const pipeline_labels[] = {"pipeline", NULL};
static const char *const info_labels[] = {"pipeline", "mode", "strategy", NULL};
static const char *const money_labels[] = {"pipeline", "currency", NULL};
static const char *const measured_labels[] = {"measured", NULL};
static const char *const outcome_labels[] = {"pipeline", "outcome", NULL};
static const char *const quantity_labels[] = {"pipeline", "quantity", NULL};

#define PIPELINE(what, kind, words)                                                                          \
        {                                                                                                    \
                .name = "optctl_pipeline_" what, .type = (kind), .help = (words), .labels = pipeline_labels  \
        }

/* ---- of a pipeline alone ---- */

enum figure {
        FIGURE_UP,
        FIGURE_PAUSED,
        FIGURE_OFFERED,
        FIGURE_THROUGHPUT,
        FIGURE_BACKLOG,
        FIGURE_WAIT,
        FIGURE_WAIT_BOUND,
        FIGURE_LATENCY,
        FIGURE_LATENCY_BOUND,
        FIGURE_BUSIEST,
        FIGURE_WORKERS,
        FIGURE_WANTED,
        FIGURE_BASELINE_WORKERS,
        FIGURE_LAST_CHANGE,
        FIGURE_CARBON,
        FIGURE_BASELINE_CARBON,
        FIGURE_CARBON_INTENSITY,
        FIGURE_OBSERVED,
        FIGURE_LATE,
        FIGURE_RUNS,
        N_FIGURES
};

static const struct metric_family figures[N_FIGURES] = {
        [FIGURE_UP] = PIPELINE("up", METRIC_GAUGE, "1 when the newest turn measured the pipeline, else 0."),
        [FIGURE_PAUSED] = PIPELINE("paused", METRIC_GAUGE, "1 while a person has paused it, else 0."),
        [FIGURE_OFFERED] = PIPELINE("offered_records_per_second", METRIC_GAUGE, "Records that arrive."),
        [FIGURE_THROUGHPUT] =
                PIPELINE("throughput_records_per_second", METRIC_GAUGE, "Records that the sources read."),
        [FIGURE_BACKLOG] = PIPELINE("backlog_records", METRIC_GAUGE, "Records that wait to be read."),
        [FIGURE_WAIT] = PIPELINE("backlog_seconds", METRIC_GAUGE,
                                 "Time that a record waits to be read: backlog over throughput."),
        [FIGURE_WAIT_BOUND] = PIPELINE("backlog_bound_seconds", METRIC_GAUGE,
                                       "The longest such wait that the spec allows; absent without one."),
        [FIGURE_LATENCY] = PIPELINE("latency_p99_seconds", METRIC_GAUGE,
                                    "99 of 100 records are through within this time."),
        [FIGURE_LATENCY_BOUND] = PIPELINE("latency_p99_bound_seconds", METRIC_GAUGE,
                                          "The longest such time that the spec allows; absent without one."),
        [FIGURE_BUSIEST] =
                PIPELINE("busiest_ratio", METRIC_GAUGE, "Share of time that the busiest subtask works."),
        [FIGURE_WORKERS] = PIPELINE("workers", METRIC_GAUGE, "Workers that run and are paid for."),
        [FIGURE_WANTED] = PIPELINE("wanted_workers", METRIC_GAUGE,
                                   "Workers of the newest decision: those that run when it was to hold."),
        [FIGURE_BASELINE_WORKERS] = PIPELINE("baseline_workers", METRIC_GAUGE,
                                             "Workers of the frozen baseline that savings count against."),
        [FIGURE_LAST_CHANGE] = PIPELINE("last_change_timestamp_seconds", METRIC_GAUGE,
                                        "When its configuration was changed last, in seconds since 1970 UTC; "
                                        "absent before the first change."),
        [FIGURE_CARBON] = PIPELINE("carbon_grams_per_hour", METRIC_GAUGE,
                                   "CO2 that what runs causes, by the price book; absent without one."),
        [FIGURE_BASELINE_CARBON] =
                PIPELINE("baseline_carbon_grams_per_hour", METRIC_GAUGE,
                         "CO2 that the frozen baseline would cause now, by the price book."),
        [FIGURE_CARBON_INTENSITY] =
                PIPELINE("carbon_intensity_grams_per_kilowatt_hour", METRIC_GAUGE,
                         "CO2 of a kilowatt-hour now, by the price book; absent without one."),
        [FIGURE_OBSERVED] = PIPELINE("observed_seconds_total", METRIC_COUNTER,
                                     "Time that the books cover, over restarts, as the ledger knows it."),
        [FIGURE_LATE] = PIPELINE("late_seconds_total", METRIC_COUNTER,
                                 "Of the observed time, that out of the service levels."),
        [FIGURE_RUNS] = PIPELINE("runs_total", METRIC_COUNTER,
                                 "Runs in the books of a job that runs from time to time, over restarts."),
};
METRIC_FAMILIES(figures);

/* ---- money, in the spec's currency ---- */

enum money {
        MONEY_COST,
        MONEY_BASELINE_COST,
        MONEY_SAVING,
        MONEY_LOW,
        MONEY_HIGH,
        MONEY_RATE,
        MONEY_BASELINE_RATE,
        MONEY_RUN,
        MONEY_BASELINE_RUN,
        N_MONEY
};

#define MONEY(what, words)                                                                                   \
        {                                                                                                    \
                .name = "optctl_pipeline_" what, .type = METRIC_GAUGE, .help = (words),                      \
                .labels = money_labels                                                                       \
        }

static const struct metric_family money[N_MONEY] = {
        [MONEY_COST] = MONEY("cost", "What ran has cost over the observed time. Like all sums of money it "
                                     "comes from the ledger, lasts over restarts and may fall where prices "
                                     "are negative."),
        [MONEY_BASELINE_COST] = MONEY("baseline_cost", "What the frozen baseline would have cost over the "
                                                       "same time at the same prices."),
        [MONEY_SAVING] = MONEY("saving", "Baseline cost less cost, less what working off the backlog that is "
                                         "left will cost."),
        [MONEY_LOW] = MONEY("saving_low", "Lower end of the interval that holds the saving with the spec's "
                                          "confidence (95 % unless given), by the scatter of whole days, "
                                          "absent before the second one, or of runs."),
        [MONEY_HIGH] = MONEY("saving_high", "Upper end of that interval."),
        [MONEY_RATE] = MONEY("cost_per_hour", "What runs costs now; of a job that runs from time to time, "
                                              "the newest run over the time from one run to the next."),
        [MONEY_BASELINE_RATE] = MONEY("baseline_cost_per_hour", "What the frozen baseline would cost now."),
        [MONEY_RUN] = MONEY("run_cost", "What the newest run of a job that runs from time to time cost."),
        [MONEY_BASELINE_RUN] =
                MONEY("baseline_run_cost", "What that run would have cost with the frozen baseline's "
                                           "settings; 0 when it failed with others."),
};
METRIC_FAMILIES(money);

/* ---- the others ---- */

static const struct metric_family info_family = {.name = "optctl_pipeline_info",
                                                 .type = METRIC_GAUGE,
                                                 .help = "1, with the mode and the strategy of the pipeline.",
                                                 .labels = info_labels};
METRIC_FAMILY(info_family);
static const struct metric_family turns_family =
        PIPELINE("turns_total", METRIC_COUNTER, "Turns of the loop since optctl began.");
METRIC_FAMILY(turns_family);
static const struct metric_family failures_family =
        PIPELINE("ledger_failures_total", METRIC_COUNTER, "Times that the ledger took or told nothing.");
METRIC_FAMILY(failures_family);
static const struct metric_family changes_family =
        {.name = "optctl_pipeline_changes_total",
         .type = METRIC_COUNTER,
         .help = "Changes by how they ended: Confirmed (as predicted or better), Reverted (worse, taken "
                 "back), Failed "
                 "(could not be applied), Unknown (could not be judged).",
         .labels = outcome_labels};
METRIC_FAMILY(changes_family);
static const struct metric_family judged_family =
        {.name = "optctl_pipeline_predictions_total",
         .type = METRIC_COUNTER,
         .help = "Predictions of changes that were held against what was measured afterwards, by what was "
                 "predicted: "
                 "capacity, latency.",
         .labels = quantity_labels};
METRIC_FAMILY(judged_family);
static const struct metric_family covered_family =
        {.name = "optctl_pipeline_predictions_covered_total",
         .type = METRIC_COUNTER,
         .help = "Of these, those whose 90 % interval held what was measured.",
         .labels = quantity_labels};
METRIC_FAMILY(covered_family);
static const struct metric_family error_family =
        {.name = "optctl_pipeline_prediction_error_ratio",
         .type = METRIC_GAUGE,
         .help = "Of the newest of these: measured over predicted, less 1.",
         .labels = quantity_labels};
METRIC_FAMILY(error_family);

static const double duration_bounds[] = {0.1, 0.25, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60};
static const struct metric_family duration_family =
        {.name = "optctl_turn_seconds",
         .type = METRIC_HISTOGRAM,
         .help = "Time from when a turn was due to its decision; measured is false when nobody answered.",
         .labels = measured_labels,
         .upper_bounds = duration_bounds,
         .n_upper_bounds = (int)ARRAY_LENGTH(duration_bounds)};
METRIC_FAMILY(duration_family);

/* ---- after a turn ---- */

static void set(struct metrics *metrics, enum figure figure, const char *pipeline, double value)
{
        metrics_set(metrics, &figures[figure], (const char *const[]){pipeline}, value);
}

static void set_seen(struct metrics *metrics, const struct live_subject *subject,
                     const struct observation *seen)
{
        const char *pipeline = subject->pipeline;

        set(metrics, FIGURE_UP, pipeline, !(seen->missing & MISSING_ALL));
        set(metrics, FIGURE_OFFERED, pipeline, seen->offered_per_second);
        set(metrics, FIGURE_THROUGHPUT, pipeline, seen->throughput_per_second);
        set(metrics, FIGURE_BACKLOG, pipeline, seen->backlog_records);
        set(metrics, FIGURE_WAIT, pipeline, observation_backlog_seconds(seen));
        set(metrics, FIGURE_WAIT_BOUND, pipeline, subject->constraints->backlog_seconds);
        set(metrics, FIGURE_LATENCY, pipeline, seen->latency_p99_seconds);
        set(metrics, FIGURE_LATENCY_BOUND, pipeline, subject->constraints->latency_p99_seconds);
        set(metrics, FIGURE_BUSIEST, pipeline, observation_busiest_ratio(seen));
        set(metrics, FIGURE_WORKERS, pipeline, seen->workers < 0 ? NAN : seen->workers);
}

/* A run costs what it costs whenever it comes: by the hour, that over the time between two. */
static void set_runs(struct metrics *metrics, const struct live_subject *subject,
                     const struct account_run_saving *runs, const char *const *labels)
{
        double per_hour = (double)MS_PER_HOUR / MS_PER_SECOND / runs->seconds;

        set(metrics, FIGURE_RUNS, subject->pipeline, (double)runs->tally.runs);
        metrics_set(metrics, &money[MONEY_RUN], labels, runs->cost);
        metrics_set(metrics, &money[MONEY_BASELINE_RUN], labels, runs->baseline_cost);
        metrics_set(metrics, &money[MONEY_RATE], labels, runs->cost * per_hour);
        metrics_set(metrics, &money[MONEY_BASELINE_RATE], labels, runs->baseline_cost * per_hour);
}

/* Now, as the price book has it. */
static void set_rates(struct metrics *metrics, const struct live_subject *subject, int64_t now_ms,
                      int workers, int baseline_workers, const char *const *labels)
{
        const struct price_book *prices = subject->prices;
        double price = price_book_worker_hour(prices, now_ms),
               intensity = price_book_carbon_intensity(prices, now_ms);
        double grams = price_book_carbon_grams(prices, now_ms, now_ms + MS_PER_SECOND, 1) *
                       ((double)MS_PER_HOUR / MS_PER_SECOND);
        double paid = workers < 0 ? NAN : workers;

        if (!(intensity > 0))
                grams = intensity = NAN;
        metrics_set(metrics, &money[MONEY_RATE], labels, paid * price);
        metrics_set(metrics, &money[MONEY_BASELINE_RATE], labels, baseline_workers * price);
        set(metrics, FIGURE_CARBON, subject->pipeline, paid * grams);
        set(metrics, FIGURE_BASELINE_CARBON, subject->pipeline, baseline_workers * grams);
        set(metrics, FIGURE_CARBON_INTENSITY, subject->pipeline, intensity);
}

static void set_books(struct metrics *metrics, const struct live_subject *subject, struct loop *loop)
{
        const struct observation *seen = loop_observation(loop);
        const char *const labels[] = {subject->pipeline, price_book_currency(subject->prices)};
        struct saving books;

        loop_saving(loop, subject->constraints->confidence, &books);
        metrics_set(metrics, &money[MONEY_COST], labels, books.cost);
        metrics_set(metrics, &money[MONEY_BASELINE_COST], labels, books.baseline_cost);
        metrics_set(metrics, &money[MONEY_SAVING], labels, books.saving);
        metrics_set(metrics, &money[MONEY_LOW], labels, books.low);
        metrics_set(metrics, &money[MONEY_HIGH], labels, books.high);
        set(metrics, FIGURE_OBSERVED, subject->pipeline, books.observed_seconds);
        set(metrics, FIGURE_LATE, subject->pipeline, books.slo_missed_seconds);
        set(metrics, FIGURE_BASELINE_WORKERS, subject->pipeline, books.baseline_workers);
        if (seen->run.periodic)
                set_runs(metrics, subject, &books.runs, labels);
        else
                set_rates(metrics, subject, seen->time_ms, seen->workers, books.baseline_workers, labels);
}

/* Zeros, too: what is not there before the first of them would not be seen to grow. */
static void count_changes(struct metrics *metrics, const char *pipeline, const struct loop_status *now,
                          const struct loop_status *before)
{
        const struct {
                enum outcome outcome;
                int64_t more;
        } outcomes[] = {
                {OUTCOME_CONFIRMED, now->confirmed - before->confirmed},
                {OUTCOME_REVERTED, now->reverted - before->reverted},
                {OUTCOME_FAILED, now->failed - before->failed},
                {OUTCOME_UNKNOWN, now->unknown - before->unknown},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++)
                metrics_add(metrics, &changes_family,
                            (const char *const[]){pipeline, outcome_name(outcomes[i].outcome)},
                            (double)outcomes[i].more);
}

static void count_trust(struct metrics *metrics, const char *pipeline, const struct loop_status *now,
                        const struct loop_status *before)
{
        static const char *const quantities[VERIFY_MEASURES] =
                {[VERIFY_CAPACITY] = "capacity", [VERIFY_LATENCY] = "latency"};

        for (int i = 0; i < VERIFY_MEASURES; i++) {
                const struct loop_trust *trust = &now->trust[i];
                const char *const labels[] = {pipeline, quantities[i]};

                metrics_add(metrics, &judged_family, labels,
                            (double)(trust->judged - before->trust[i].judged));
                metrics_add(metrics, &covered_family, labels,
                            (double)(trust->covered - before->trust[i].covered));
                metrics_set(metrics, &error_family, labels, trust->error_ratio);
        }
}

static void count(struct metrics *metrics, const char *pipeline, const struct loop_status *now,
                  const struct loop_status *before)
{
        const char *const labels[] = {pipeline};

        metrics_add(metrics, &turns_family, labels, (double)(now->turns - before->turns));
        metrics_add(metrics, &failures_family, labels,
                    (double)(now->journal_failures - before->journal_failures));
        count_changes(metrics, pipeline, now, before);
        count_trust(metrics, pipeline, now, before);
}

static void set_decision(struct metrics *metrics, const struct live_subject *subject, const struct loop *loop)
{
        static const char *const modes[] = {"Observe", "Recommend", "Auto"};
        int64_t last_change_ms = loop_last_change_ms(loop);
        int wanted = loop_wanted_workers(loop);

        metrics_set(metrics, &info_family,
                    (const char *const[]){subject->pipeline, modes[subject->mode], subject->strategy}, 1);
        set(metrics, FIGURE_PAUSED, subject->pipeline, loop_status(loop)->paused);
        set(metrics, FIGURE_WANTED, subject->pipeline, wanted < 0 ? NAN : wanted);
        set(metrics, FIGURE_LAST_CHANGE, subject->pipeline,
            last_change_ms == INT64_MIN ? NAN : (double)last_change_ms / MS_PER_SECOND);
}

void live_metrics_turn(struct metrics *metrics, const struct live_subject *subject, struct loop *loop,
                       struct loop_status *counted)
{
        const struct loop_status *status = loop_status(loop);

        set_seen(metrics, subject, loop_observation(loop));
        set_decision(metrics, subject, loop);
        set_books(metrics, subject, loop);
        count(metrics, subject->pipeline, status, counted);
        *counted = *status;
}

void live_metrics_down(struct metrics *metrics, const char *pipeline, bool paused)
{
        set(metrics, FIGURE_UP, pipeline, 0);
        set(metrics, FIGURE_PAUSED, pipeline, paused);
}

void live_metrics_duration(struct metrics *metrics, int64_t ms, bool measured)
{
        metrics_observe(metrics, &duration_family, (const char *const[]){measured ? "true" : "false"},
                        (double)ms / MS_PER_SECOND);
}
