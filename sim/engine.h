/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_ENGINE_H
#define OPTCTL_SIM_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/model.h"
#include "core/plugin.h"
#include "core/prices.h"
#include "sim/latency.h"

/*
 * A streaming pipeline as a fluid on a virtual clock.
 *
 * Records are not simulated one by one: rates are constant within a step (a second, as a rule), and discrete
 * events (rescale, loss of a worker, end of a restart) fall between steps. The engine is a collector and an
 * actuator for the loop, and its clock is the loop's clock: sleeping is what advances it.
 */

/* Load offered to the pipeline: rate[i] holds during step i; cumulative[i] records came before it (count + 1
 * values). */
struct load {
        size_t count;
        const double *rate_per_second;
        const double *cumulative_records;
};

struct engine_setup {
        const struct pipeline *pipeline;
        const struct model *model;
        const struct price_book *prices;
        const struct constraints *constraints;
        const struct load *load;
        int64_t start_ms, step_ms;
        int64_t warmup_ms; /* from the start; left out of the figures */
        struct configuration initial;
        uint64_t seed, run;
        bool draw_parameters; /* draw the model's parameters within their errors (run 0 uses the estimates) */
        int64_t timeline_step_ms; /* rounded up to whole steps; 0: keep no timeline */
        /* How often somebody looks what waits, and when first, for figures.sampled_*; 0: after each step. */
        int64_t sample_ms, first_sample_ms;
};

/* What a run came to, over the time after the warm-up. */
struct figures {
        double seconds;
        double cost; /* in the price book's currency */
        double carbon_grams;
        double worker_seconds;
        double slo_missed_seconds; /* p99 latency or age of the oldest waiting record above its bound */
        int rescales;
        int failures;
        double offered_records, processed_records, replayed_records;
        double backlog_peak_records, backlog_end_records; /* in the broker */
        /* At the instants at which somebody looks: in the broker; there and, as collectors tell it, in the
         * exchanges, while metrics tell of both. */
        double sampled_broker_peak_records, sampled_peak_records;
        double delay_peak_seconds; /* age of the oldest waiting record, at its worst */
        struct latency_histogram latency;
};

/* Averages over timeline steps; arrays of `count`. */
struct timeline {
        int64_t start_ms, step_ms;
        size_t count;
        double *offered, *throughput, *capacity; /* records/s */
        double *metered; /* throughput as the engine's meters show it, while they do; records/s */
        double *workers, *backlog, *delay; /* delay: age of the oldest waiting record, seconds */
        double *latency_p50, *latency_p99; /* seconds */
        double *cpu;
        bool *restarted;      /* the job stood still, or started, within the step */
        double **parallelism; /* by operator */
};

struct engine;

struct engine *engine_new(const struct engine_setup *setup);
void engine_free(struct engine *engine);
DEFINE_CLEANUP(engine_free, struct engine);

/* Sleeping advances the engine; ERROR_INTERRUPTED once the load is at its end. */
struct clock engine_clock(struct engine *engine);

/* Their state is the engine itself. */
extern const struct collector engine_collector;
extern const struct actuator engine_actuator;

bool engine_at_end(const struct engine *engine);
int64_t engine_end_ms(const struct engine *engine);

/* Closes the books: call once after the last step. */
void engine_finish(struct engine *engine, struct figures *ret_figures);
struct timeline *
engine_take_timeline(struct engine *engine); /* NULL when none was kept; the caller frees it */
void timeline_free(struct timeline *timeline);

/* Source records/s the pipeline sustains with a deployment, all operators considered: the smallest of
 * capacity / visits. For charts and for the oracle. */
double engine_sustainable_rate(const struct pipeline *pipeline, const struct model *model,
                               const struct deployment *deployment);

/* Records/s that one of so many subtasks of an operator takes in; *ret_skew: the busiest one's load over the
 * mean. */
double engine_subtask_rate(const struct pipeline *pipeline, const struct model *model, int operator_index,
                           int parallelism, double *ret_skew);

/* Faults to rehearse, drawn from the seed; for tests. Ratios per call. */
struct engine_faults {
        double failed_apply_ratio;
        double missing_ratio;
};
void engine_set_faults(struct engine *engine, const struct engine_faults *faults);

#endif
