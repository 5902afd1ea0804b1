/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_LIVE_H
#define OPTCTL_TESTS_SUPPORT_LIVE_H

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/loop/loop.h"
#include "controller/registry.h"
#include "controller/loop/turns.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/spec.h"
#include "core/text.h"
#include "sim/engine.h"

/*
 * A live job that no strategy has seen before: the simulated engine behaves like a small Flink job (source,
 * keyed work, sink; slots are shared and paid for; exchanges hold backlog), the strategy is given no model,
 * and windows are seconds long and noisy, as the REST API of a real engine shows them: samples are taken a
 * little early or late, the window after a restart is missing. How uneven keyed subtasks are is the engine's
 * own: key groups, and keys at random (tests/sim/test_engine.c holds it against a real Flink).
 */
struct live_phase {
        double seconds, from_per_second, to_per_second; /* linear in between */
};

#define LIVE_MAX_PHASES 16

struct live_case {
        struct live_phase phases[LIVE_MAX_PHASES]; /* ended by one of 0 seconds */
        double load_cv;                            /* scatter of the load ... */
        double load_cv_seconds;                    /* ... that lasts so long; 0: a second */
        int interval_seconds;                      /* of the strategy; 0: 5 */
        double cost_ms;                            /* of one record at `work`; 0: 3 */
        double skew;            /* of the busiest subtask, its key groups included; 0: 1.06 */
        double jitter_seconds;  /* standard deviation of when a sample is taken */
        double restart_seconds; /* that a rescale stops the job; 0: 1 */
        double trigger_seconds; /* from the call until it stops; 0: 3 */
        int initial, most;      /* slots; 0: 3 and 12 */
        double buffer_records;  /* in front of each subtask; 0: 3000 */
        double waiting_seconds; /* of the first load that wait when the job starts */
        double unseen_seconds;  /* that the job has run when it is looked at first */
        bool tells_start;       /* the engine says how long the job's start took */
};

struct live_result {
        int rescales;
        double slot_seconds, late_seconds, seconds;
        int n_changes;
        struct {
                double seconds;
                int workers;
        } changes[64];
};

struct live_job {
        const struct live_case *given;
        struct engine *engine;
        gsl_rng *rng;
        double late_by, early_by; /* seconds the newest sample, and the one before, was late */
        struct live_result *result;
        bool print;
};

static inline double live_or(double value, double fallback)
{
        return value > 0 ? value : fallback;
}

static inline void live_spec_text(const struct live_case *given, struct text *out)
{
        double rate = 1000 / live_or(given->cost_ms, 3);
        double buffer = live_or(given->buffer_records, 3000);
        int most = given->most > 0 ? given->most : 12, initial = given->initial > 0 ? given->initial : 3;

        text_format(out,
                    "apiVersion: optctl.dev/v1alpha1\nkind: TunedPipeline\nmetadata: {name: live}\nspec:\n");
        text_format(out,
                    "  pipeline:\n    slotsPerWorker: 1\n    operators:\n"
                    "      - {name: source, source: true, maxParallelism: 128}\n"
                    "      - {name: work, maxParallelism: 128}\n      - {name: sink, maxParallelism: 128}\n"
                    "    edges: [{from: source, to: work, hash: true}, {from: work, to: sink}]\n");
        text_format(out, "  knobs: [{name: parallelism, scope: Operator, min: 1, max: %d}]\n", most);
        text_format(out, "  initial: {parallelism: %d}\n", initial);
        text_format(out, "  constraints: {latencyP99Milliseconds: 5000, backlogSeconds: 5}\n"
                         "  prices: {currency: USD, worker: {perHour: \"0.05\"}}\n  model:\n    operators:\n"
                         "      - {name: source, ratePerSecond: 60000, sigma: 0, bufferRecords: 0}\n");
        text_format(
                out,
                "      - {name: work, ratePerSecond: %.3f, sigma: 0, skew: \"%.3f\", serviceVariation: 0, "
                "bufferRecords: %.0f}\n",
                rate, live_or(given->skew, 1.06), buffer);
        text_format(out,
                    "      - {name: sink, ratePerSecond: 60000, sigma: 0, bufferRecords: 0}\n"
                    "    restart: {medianSeconds: \"%.2f\", logDeviation: \"0.3\", triggerDelaySeconds: "
                    "\"%.2f\", warmupSeconds: 0, warmupCapacityRatio: 1}\n"
                    "    workerStartSeconds: 0\n    checkpoints: {intervalSeconds: 2}\n"
                    "    metrics: {meterSeconds: 0}\n",
                    live_or(given->restart_seconds, 1), live_or(given->trigger_seconds, 3));
        /* the comparators as they were set up beside the recorded runs of Flink's own autoscaler */
        text_format(out, "  strategies:\n"
                         "    flink: {controlLoopIntervalSeconds: 5, metricsWindowSeconds: 60, "
                         "stabilizationIntervalSeconds: 20, scaleDownIntervalSeconds: 30, "
                         "catchUpDurationSeconds: 60, restartTimeSeconds: 5, utilizationTarget: \"0.7\", "
                         "vertexMaxParallelism: 12}\n"
                         "    ds2: {policyIntervalSeconds: 30, warmUpIntervals: 1}\n");
}

/* Sampling a counter late makes this window longer and the next one shorter. */
static inline void live_blur(struct live_job *job, struct observation *observation)
{
        double window = (double)observation->window_ms / MS_PER_SECOND, factor;

        job->early_by = job->late_by;
        job->late_by = job->given->jitter_seconds * gsl_ran_ugaussian(job->rng);
        factor = fmax(1 + (job->late_by - job->early_by) / window, 0.1);
        observation->throughput_per_second *= factor;
        observation->offered_per_second *= factor;
        for (int i = 0; i < observation->n_operators; i++) {
                struct operator_observation *one = &observation->operators[i];
                one->in_per_second *= factor;
                one->out_per_second *= factor;
                one->busy_ratio = fmin(one->busy_ratio * factor, 1);
                one->busy_ratio_max = fmin(one->busy_ratio_max * factor, 1);
        }
}

static inline bool live_collect(void *state, struct observation *ret_observation, struct error *err)
{
        struct live_job *job = state;

        if (!engine_collector.collect(job->engine, ret_observation, err))
                return false;
        live_blur(job, ret_observation);
        ret_observation->latency_p50_seconds = ret_observation->latency_p95_seconds =
                ret_observation->latency_p99_seconds = NAN;
        ret_observation->cpu_ratio = NAN;
        if (!job->given->tells_start)
                ret_observation->start_seconds = NAN;
        if (ret_observation->counters_reset)
                ret_observation->missing |= MISSING_RATES;
        return true;
}

static inline bool live_apply(void *state, const struct configuration *from, const struct configuration *to,
                              bool dry_run, const struct call_recorder *calls, struct error *err)
{
        struct live_job *job = state;

        return engine_actuator.apply(job->engine, from, to, dry_run, calls, err);
}

static inline bool live_read(void *state, struct configuration *ret_configuration, struct error *err)
{
        struct live_job *job = state;

        return engine_actuator.read(job->engine, ret_configuration, err);
}

static const struct collector live_collector = {.name = "live", .collect = live_collect};
static const struct actuator live_actuator = {.name = "live", .apply = live_apply, .read = live_read};

struct live_load {
        size_t count;
        double *rate, *sum;
};

static inline double live_seconds(const struct live_case *given)
{
        double seconds = 0;

        for (int i = 0; i < LIVE_MAX_PHASES && given->phases[i].seconds > 0; i++)
                seconds += given->phases[i].seconds;
        return seconds;
}

static inline double live_rate(const struct live_case *given, double at)
{
        const struct live_phase *phase = given->phases;

        while (phase[1].seconds > 0 && at >= phase->seconds)
                at -= phase++->seconds;
        return phase->from_per_second + (phase->to_per_second - phase->from_per_second) * at / phase->seconds;
}

static inline struct live_load live_load_new(const struct live_case *given, uint64_t run)
{
        gsl_rng *rng autocall(gsl_rng_free) = random_new(7, run, 1);
        struct live_load load = {.count = (size_t)live_seconds(given)};
        double keep = given->load_cv_seconds > 1 ? exp(-1 / given->load_cv_seconds) : 0, noise = 0;

        load.rate = memory_new(load.count, sizeof(double));
        load.sum = memory_new(load.count + 1, sizeof(double));
        for (size_t i = 0; i < load.count; i++) {
                noise = keep * noise + sqrt(1 - keep * keep) * gsl_ran_ugaussian(rng);
                load.rate[i] = live_rate(given, (double)i + 0.5) * fmax(1 + given->load_cv * noise, 0);
                if (i == 0)
                        load.rate[i] *= 1 + given->waiting_seconds;
                load.sum[i + 1] = load.sum[i] + load.rate[i];
        }
        return load;
}

static inline struct spec *live_spec(const struct live_case *given, const char *const *sets)
{
        autotext text = {0};
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        live_spec_text(given, &text);
        if (!spec_parse(text.data, text.length, "live.yaml", NULL, sets, registry_all(), &spec, &err)) {
                fprintf(stderr, "%s\n", err.message);
                abort();
        }
        return spec;
}

/* Turns, and notes when the number of workers that runs changes. */
static inline void live_turns(struct live_job *job, struct loop *loop, const struct clock *clock,
                              int64_t interval_ms, int64_t end_ms)
{
        int64_t start_ms = clock_now_ms(clock);
        int64_t first_ms = start_ms + (int64_t)(job->given->unseen_seconds * MS_PER_SECOND);
        const struct loop_status *status = loop_status(loop);
        struct error err = ERROR_INIT;
        int64_t changes = 0;
        struct observation unseen;

        if (first_ms > start_ms &&
            (!clock_sleep_until(clock, first_ms, &err) || !live_collect(job, &unseen, &err)))
                return;
        for (int64_t next = first_ms + interval_ms, place = next; next <= end_ms;
             next = turns_next_ms(&place, interval_ms, next, status->unsure)) {
                struct configuration target;

                if (!clock_sleep_until(clock, next, &err))
                        return;
                loop_turn(loop);
                if (job->print)
                        fprintf(stderr, "%6.0f %s %s\n", (double)(next - start_ms) / 1000,
                                status->doing == LOOP_CHANGING ? "CHANGE" : "hold", status->why);
                if (status->changes + status->reverted == changes || job->result->n_changes == 64 ||
                    !engine_actuator.read(job->engine, &target, &err))
                        continue;
                changes = status->changes + status->reverted;
                job->result->changes[job->result->n_changes].seconds = (double)(next - start_ms) / 1000;
                job->result->changes[job->result->n_changes++].workers = (int)target.value[1];
        }
        clock_sleep_until(clock, end_ms, &err);
}

/* What one run is made of. */
struct live_stage {
        struct spec *spec;
        const struct spec_strategy *found;
        struct price_book *prices;
        struct live_load load;
        struct load offered;
        struct foresight foresight;
        void *state;
};

static inline void live_open(struct live_stage *stage, const struct live_case *given, const char *strategy,
                             uint64_t run)
{
        autofree char *interval = memory_format("spec.strategies.plan.intervalSeconds=%d",
                                                given->interval_seconds > 0 ? given->interval_seconds : 5);
        const char *sets[] = {interval, NULL};
        struct error err = ERROR_INIT;
        struct strategy_context context = {0};
        bool knows;

        *stage = (struct live_stage){.spec = live_spec(given, sets), .load = live_load_new(given, run)};
        stage->found = spec_find_strategy(stage->spec, strategy);
        stage->offered = (struct load){stage->load.count, stage->load.rate, stage->load.sum};
        stage->foresight = (struct foresight){0, MS_PER_SECOND, stage->load.count, stage->load.rate,
                                              &stage->spec->model};
        if (!price_book_new(stage->spec->prices, ".", &stage->prices, &err))
                abort();
        knows = stage->found->strategy->needs_foresight;
        context.pipeline = &stage->spec->pipeline;
        context.constraints = &stage->spec->constraints;
        context.prices = stage->prices;
        context.model = knows ? &stage->spec->model : NULL;
        context.foresight = knows ? &stage->foresight : NULL;
        if (!stage->found->strategy->open(&context, stage->found->options, &stage->state, &err))
                abort();
}

static inline void live_close(struct live_stage *stage)
{
        stage->found->strategy->close(stage->state);
        price_book_free(stage->prices);
        spec_free(stage->spec);
        free(stage->load.rate);
        free(stage->load.sum);
}

static inline struct engine *live_engine(const struct live_stage *stage, uint64_t run)
{
        const struct engine_setup setup = {
                .pipeline = &stage->spec->pipeline,
                .model = &stage->spec->model,
                .prices = stage->prices,
                .constraints = &stage->spec->constraints,
                .load = &stage->offered,
                .step_ms = MS_PER_SECOND,
                .initial = configuration_from_values(&stage->spec->pipeline, stage->spec->initial),
                .seed = 11,
                .run = run,
        };

        return engine_new(&setup);
}

static inline void live_loop(const struct live_stage *stage, struct live_job *job)
{
        const struct strategy *strategy = stage->found->strategy;
        const struct configuration baseline =
                configuration_from_values(&stage->spec->pipeline, stage->spec->baseline);
        struct clock clock = engine_clock(job->engine);
        const struct loop_setup setup = {
                .pipeline = &stage->spec->pipeline,
                .constraints = &stage->spec->constraints,
                .prices = stage->prices,
                .clock = &clock,
                .collector = &live_collector,
                .collector_state = job,
                .actuator = &live_actuator,
                .actuator_state = job,
                .strategy = strategy,
                .strategy_state = stage->state,
                .interval_ms = strategy->interval_ms(stage->found->options),
                .guardrails = stage->spec->guardrails,
                .n_guardrails = stage->spec->n_guardrails,
                .mode = SPEC_AUTO,
                .baseline = &baseline,
        };
        struct loop *loop autocall(loop_free) = loop_new(&setup);

        live_turns(job, loop, &clock, setup.interval_ms, engine_end_ms(job->engine));
}

static inline struct live_result live_play(const struct live_case *given, const char *strategy, uint64_t run,
                                           bool print)
{
        struct live_result result = {.seconds = live_seconds(given)};
        struct live_job job = {.given = given, .result = &result, .print = print};
        struct live_stage stage;
        struct figures figures;

        live_open(&stage, given, strategy, run);
        job.engine = live_engine(&stage, run);
        job.rng = random_new(13, run, 2);
        live_loop(&stage, &job);
        engine_finish(job.engine, &figures);
        result.rescales = figures.rescales;
        result.slot_seconds = figures.worker_seconds;
        result.late_seconds = figures.slo_missed_seconds;
        engine_free(job.engine);
        gsl_rng_free(job.rng);
        live_close(&stage);
        return result;
}

#endif
