/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Calibration gives back what a recording was made with: the engine runs with known parameters, somebody
 * reads its metrics once a second, and only those are fitted.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_randist.h>

#include "core/formulas.h"
#include "core/option.h"
#include "core/random.h"
#include "sim/calibrate.h"
#include "sim/engine.h"

#define HOUR           3600
#define MAX_OPERATORS  3
#define MAX_RECORDINGS 4

struct world {
        struct operator_info info[MAX_OPERATORS];
        struct operator_model operators[MAX_OPERATORS];
        struct edge edges[MAX_OPERATORS];
        struct knob knob;
        struct pipeline pipeline;
        struct model truth, prior;
        struct operator_model guesses[MAX_OPERATORS];
        struct constraints constraints;
        struct price_book *prices;
        struct recording *recordings[MAX_RECORDINGS];
        size_t n_recordings;
        struct calibration *calibration;
};

/* ---- the world ---- */

static struct model quiet_model(struct operator_model *operators, int n)
{
        struct error err = ERROR_INIT;
        struct model *model;
        void *options = NULL;
        struct model quiet;

        assert_true(option_new(&model_table, NULL, &options, &err));
        model = options;
        quiet = *model;
        free(options);
        quiet.operators = (struct option_list){.items = operators, .count = (size_t)n};
        quiet.restart = (struct restart_model){.median_seconds = 30, .warmup_capacity_ratio = 1};
        quiet.failures = (struct failure_model){0};
        quiet.catch_up = (struct catch_up_model){.floor_ratio = 1,
                                                 .time_constant_seconds = 60,
                                                 .threshold_seconds = 4};
        quiet.cpu = (struct cpu_model){.base_ratio = .1, .worker_seconds_per_record = 2e-4};
        quiet.latency = (struct latency_model){.base_seconds = .5};
        quiet.metrics = (struct metrics_model){0};
        quiet.checkpoints = (struct checkpoint_model){0};
        quiet.worker_start_seconds = 0;
        return quiet;
}

/* A chain of n operators that all get every slot, one a worker. */
static struct world *world_new(int n, const double *rates)
{
        static const char *const names[] = {"source", "work", "sink"};
        struct world *world = calloc(1, sizeof *world);
        struct error err = ERROR_INIT;
        void *options = NULL;

        for (int i = 0; i < n; i++) {
                world->info[i] = (struct operator_info){.name = names[i], .source = i == 0};
                world->operators[i] = (struct operator_model){.name = memory_copy_text(names[i]),
                                                              .rate_per_second = rates[i],
                                                              .skew = 1};
                world->guesses[i] = (struct operator_model){.name = memory_copy_text(names[i]),
                                                            .rate_per_second = 1,
                                                            .sigma = .02,
                                                            .skew = 1};
                if (i > 0)
                        world->edges[i - 1] = (struct edge){.from = i - 1, .to = i, .selectivity = 1};
        }
        world->knob = (struct knob){"workers", KNOB_WORKERS, -1, 1, 64, 1, KNOB_SCALE_AUTO};
        world->pipeline = (struct pipeline){
                .name = "world",
                .n_operators = n,
                .operators = world->info,
                .n_edges = n - 1,
                .edges = world->edges,
                .slots_per_worker = 1,
                .n_knobs = 1,
                .knobs = &world->knob,
        };
        world->truth = quiet_model(world->operators, n);
        world->prior = quiet_model(world->guesses, n);
        world->constraints = (struct constraints){NAN, NAN, NAN, .95, NAN};
        assert_true(option_new(&prices_table, NULL, &options, &err));
        assert_true(price_book_new(options, ".", &world->prices, &err));
        option_delete(&prices_table, options);
        return world;
}

static void world_free(struct world *world)
{
        calibration_free(world->calibration);
        for (size_t i = 0; i < world->n_recordings; i++)
                recording_free(world->recordings[i]);
        for (int i = 0; i < world->pipeline.n_operators; i++) {
                free(world->operators[i].name);
                free(world->guesses[i].name);
        }
        price_book_free(world->prices);
        free(world);
}

/* ---- recording it ---- */

/* What is read of the engine: a load of its own, on so many workers, with rescales in between. */
struct take {
        const char *name;
        size_t seconds;
        double (*offered)(double second);
        int workers;
        size_t rescale_every; /* seconds; 0: never */
        uint64_t run;
        bool by_operator; /* busy time and rate of each operator, too */
        bool with_queues; /* what waits, where, and how often the job was rescaled */
        bool without_latency, without_cpu;
};

static double *column(const struct take *take)
{
        return memory_new(take->seconds, sizeof(double));
}

static struct recording *recording_of(const struct world *world, const struct take *take)
{
        size_t n = (size_t)world->pipeline.n_operators;
        struct recording *recording = memory_new(1, sizeof *recording);

        recording->name = take->name;
        recording->step_ms = 1000;
        recording->count = take->seconds;
        recording->n_operators = (int)n;
        recording->offered = column(take);
        recording->throughput = column(take);
        recording->latency = take->without_latency ? NULL : column(take);
        recording->cpu = take->without_cpu ? NULL : column(take);
        recording->workers = column(take);
        recording->parallelism = memory_new(n, sizeof(double *));
        recording->busy = memory_new(n, sizeof(double *));
        recording->rate = memory_new(n, sizeof(double *));
        for (size_t i = 0; take->by_operator && i < n; i++) {
                recording->busy[i] = column(take);
                recording->rate[i] = column(take);
        }
        if (take->with_queues) {
                recording->backlog = column(take);
                recording->queued = column(take);
                recording->rescales = column(take);
        }
        recording->initial.count = 1;
        recording->initial.value[0] = take->workers;
        return recording;
}

/* A job that is down says nothing; what it said last holds for two steps more, as when files are read. */
static void put(double *values, size_t step, double value, size_t down_steps)
{
        if (!values)
                return;
        if (down_steps == 0)
                values[step] = value;
        else
                values[step] = down_steps <= RECORDING_HELD_STEPS && step > 0 ? values[step - 1] : NAN;
}

static void write_down(struct recording *recording, size_t step, const struct observation *seen,
                       size_t down_steps, size_t silent_steps)
{
        recording->offered[step] = seen->offered_per_second;
        recording->workers[step] = seen->workers;
        put(recording->throughput, step, seen->throughput_per_second, down_steps);
        put(recording->latency, step, seen->latency_p50_seconds, down_steps);
        put(recording->cpu, step, seen->cpu_ratio, down_steps);
        put(recording->backlog, step, seen->operators[0].backlog_records, silent_steps);
        put(recording->queued, step, seen->backlog_records - seen->operators[0].backlog_records,
            silent_steps);
        for (int i = 0; i < recording->n_operators; i++) {
                put(recording->busy[i], step, seen->operators[i].busy_ratio, down_steps);
                put(recording->rate[i], step, seen->operators[i].in_per_second, down_steps);
        }
}

/* 4, 8 and 12 workers in turn. */
static void rescale(struct engine *engine, int turn)
{
        struct configuration next = {.count = 1, .value = {4 + 4 * (turn % 3)}};
        struct error err = ERROR_INIT;

        assert_true(engine_actuator.apply(engine, NULL, &next, false, NULL, &err));
}

static void run_engine(struct engine *engine, const struct take *take, struct recording *recording)
{
        struct clock clock = engine_clock(engine);
        struct observation seen = {0};
        struct error err = ERROR_INIT;
        size_t down_steps = 0, silent_steps = 0;

        for (size_t step = 0; step < take->seconds; step++) {
                assert_true(clock_sleep_until(&clock, (int64_t)(step + 1) * 1000, &err));
                assert_true(engine_collector.collect(engine, &seen, &err));
                down_steps = seen.workers_ready > 0 ? 0 : down_steps + 1;
                silent_steps = seen.restarting ? silent_steps + 1 : 0;
                write_down(recording, step, &seen, down_steps, silent_steps);
                if (recording->rescales)
                        recording->rescales[step] =
                                take->rescale_every > 0 ? (double)(step / take->rescale_every) : 0;
                if (take->rescale_every > 0 && (step + 1) % take->rescale_every == 0)
                        rescale(engine, (int)((step + 1) / take->rescale_every));
        }
}

static void record(struct world *world, const struct take *take)
{
        double *rate = memory_new(take->seconds, sizeof *rate);
        double *cumulative = memory_new(take->seconds + 1, sizeof *cumulative);
        const struct load load = {take->seconds, rate, cumulative};
        struct recording *recording = recording_of(world, take);
        const struct engine_setup setup = {
                .pipeline = &world->pipeline,
                .model = &world->truth,
                .prices = world->prices,
                .constraints = &world->constraints,
                .load = &load,
                .step_ms = 1000,
                .initial = recording->initial,
                .seed = 11,
                .run = take->run,
        };
        struct engine *engine;

        for (size_t i = 0; i < take->seconds; i++) {
                rate[i] = take->offered((double)i);
                cumulative[i + 1] = cumulative[i] + rate[i];
        }
        engine = engine_new(&setup);
        run_engine(engine, take, recording);
        engine_free(engine);
        free(rate);
        free(cumulative);
        world->recordings[world->n_recordings++] = recording;
}

/* ---- reading the result ---- */

static void fit(struct world *world)
{
        struct error err = ERROR_INIT;

        if (!calibrate(&world->pipeline, &world->prior, world->recordings, world->n_recordings,
                       &world->calibration, &err))
                fail_msg("%s", err.message);
}

static const struct calibration_parameter *find(const struct world *world, const char *name)
{
        for (size_t i = 0; i < world->calibration->count; i++)
                if (strcmp(world->calibration->parameters[i].name, name) == 0)
                        return &world->calibration->parameters[i];
        fail_msg("nothing is said of %s", name);
        return NULL;
}

static void assert_near(double value, double expected, double tolerance)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("%.9g, expected %.9g within %g", value, expected, tolerance);
}

/* Within three of its own standard errors, and those not so wide that they say nothing. */
static void assert_found(const struct world *world, const char *name, double expected, double widest)
{
        const struct calibration_parameter *parameter = find(world, name);

        if (!parameter->identified)
                fail_msg("%s was not identified: %s", name, parameter->note);
        if (!(fabs(parameter->value - expected) <= 3 * parameter->error))
                fail_msg("%s is %g +- %g, expected %g", name, parameter->value, parameter->error, expected);
        if (!(parameter->error <= widest * expected))
                fail_msg("%s has an error of %g, at most %g was expected", name, parameter->error,
                         widest * expected);
}

static void assert_not_found(const struct world *world, const char *name, double kept)
{
        const struct calibration_parameter *parameter = find(world, name);

        if (parameter->identified)
                fail_msg("%s was identified as %g: %s", name, parameter->value, parameter->note);
        assert_near(parameter->value, kept, 1e-12);
        assert_true(strlen(parameter->note) > 0);
}

/* ---- loads ---- */

static double daily(double second)
{
        return 10000 - 6000 * cos(2 * M_PI * second / (24 * HOUR));
}

/* Behind for two hours, then little to do. */
static double more_than_four_can_take(double second)
{
        return second < 2 * HOUR ? 4200 : 500;
}

static double more_than_twenty_four_can_take(double second)
{
        return second < 2 * HOUR ? 18500 : 2000;
}

static double steady(double second)
{
        return second < 0 ? 0 : 2000;
}

/* ---- tests ---- */

static void cpu_and_latency_come_back(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        const struct cpu_model *cpu;

        (void)state;
        world->truth.cpu = (struct cpu_model){.base_ratio = .1,
                                              .worker_seconds_per_record = 2e-4,
                                              .noise_sd = .1,
                                              .noise_correlation_seconds = 20};
        record(world, &(struct take){.name = "day", .seconds = 18 * HOUR, .offered = daily, .workers = 24});
        fit(world);
        cpu = &world->calibration->model.cpu;
        assert_found(world, "cpu.baseRatio", .1, .02);
        assert_near(cpu->worker_seconds_per_record, 2e-4, .01 * 2e-4);
        /* The samples are correlated over 20 s: 18 h are 1,600 independent ones, hence 2 % for a deviation.
         */
        assert_near(cpu->noise_sd, .1, 3 * .02 * .1);
        assert_near(cpu->noise_correlation_seconds, 20, 5);
        assert_found(world, "latency.baseSeconds", .5, .3); /* one scale only */
        /* The load peaked at 16,000 records/s, a third of what the workers' CPU allows. */
        assert_true(cpu->limit_ratio == 0);
        assert_string_equal(world->calibration->model.calibrated_from, "day");
        assert_string_equal(world->calibration->model.calibrated_at, "1970-01-01T18:00:00Z");
        world_free(world);
}

/* Never behind: the capacity is where the CPU would be used up, (1 - 0.1) / 2e-4. */
static void capacity_follows_from_cpu_when_nothing_else_shows_it(void **state)
{
        struct world *world = world_new(1, (double[]){4500});

        (void)state;
        record(world, &(struct take){.name = "day", .seconds = 6 * HOUR, .offered = daily, .workers = 24});
        fit(world);
        assert_found(world, "operators.source.ratePerSecond", 4500, .21);
        world_free(world);
}

/* Every 3,000 s within 5 %, down for 40 s: what was processed since the last checkpoint is read again. */
static void regular_failures_come_back(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        const struct failure_model *failures;

        (void)state;
        world->truth.failures = (struct failure_model){.every_seconds = 3000,
                                                       .first_after_seconds = 1500,
                                                       .jitter_ratio = .05,
                                                       .median_seconds = 40,
                                                       .log_sd = .1};
        world->truth.checkpoints.interval_seconds = 50;
        record(world, &(struct take){.name = "day", .seconds = 18 * HOUR, .offered = daily, .workers = 24});
        fit(world);
        failures = &world->calibration->model.failures;
        assert_found(world, "failures.everySeconds", 3000, .06);
        assert_true(failures->jitter_ratio < .1);
        assert_near(failures->first_after_seconds, 1500, 100);
        assert_near(failures->median_seconds, 40, 4);
        assert_near(failures->log_sd, .1, .05);
        assert_found(world, "checkpoints.intervalSeconds", 50, .25);
        world_free(world);
}

/* A Poisson process: intervals scatter as much as they are long, so n of them know the mean to 1 / sqrt(n).
 */
static void failures_at_random_come_back(void **state)
{
        struct world *world = world_new(1, (double[]){5000});

        (void)state;
        world->truth.failures =
                (struct failure_model){.every_seconds = 3000, .jitter_ratio = 1, .median_seconds = 40};
        for (uint64_t run = 0; run < 3; run++)
                record(world, &(struct take){.name = "day",
                                             .seconds = 18 * HOUR,
                                             .offered = daily,
                                             .workers = 24,
                                             .run = run});
        fit(world);
        assert_found(world, "failures.everySeconds", 3000, .2);
        assert_true(world->calibration->model.failures.jitter_ratio == 1);
        assert_near(world->calibration->model.failures.median_seconds, 40, 3);
        world_free(world);
}

/* 20 s, and 200 s shared by the workers: 70 s on 4 and 28.3 s on 24. */
static void downtime_that_workers_share_is_told_from_the_rest(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        const struct failure_model *failures;

        (void)state;
        world->truth.failures = (struct failure_model){.every_seconds = 2500,
                                                       .jitter_ratio = .1,
                                                       .median_seconds = 20,
                                                       .worker_seconds = 200};
        record(world, &(struct take){.name = "few", .seconds = 9 * HOUR, .offered = steady, .workers = 4});
        record(world, &(struct take){.name = "many", .seconds = 9 * HOUR, .offered = steady, .workers = 24});
        fit(world);
        failures = &world->calibration->model.failures;
        assert_near(failures->worker_seconds, 200, 40);
        assert_near(failures->median_seconds + failures->worker_seconds / 24, 20 + 200.0 / 24, 4);
        world_free(world);
}

/* Log-normal downtimes: their median is known to 1.25 sd / sqrt(n). */
static void downtime_of_rescales_comes_back(void **state)
{
        struct world *world = world_new(1, (double[]){5000});

        (void)state;
        world->truth.restart.median_seconds = 25;
        world->truth.restart.log_sd = .3;
        record(world, &(struct take){.name = "day",
                                     .seconds = 16 * HOUR,
                                     .offered = steady,
                                     .workers = 4,
                                     .rescale_every = 1200});
        fit(world);
        assert_found(world, "restart.medianSeconds", 25.5, .1); /* ends at a whole second */
        assert_found(world, "restart.logDeviation", .3, .35);
        assert_near(world->calibration->model.failures.every_seconds, 0, 0);
        assert_not_found(world, "failures.everySeconds", 0);
        world_free(world);
}

/* Four hours in which the job is down for about a second every 20 minutes. */
static void record_short_rescales(struct world *world)
{
        world->truth.restart.median_seconds = 1;
        world->truth.restart.log_sd = .1;
        record(world, &(struct take){.name = "day",
                                     .seconds = 4 * HOUR,
                                     .offered = steady,
                                     .workers = 4,
                                     .rescale_every = 1200,
                                     .with_queues = true});
}

/* Rescales of a second leave no gap in samples of a second: what remains is that they were short. */
static void rescales_too_short_to_be_seen_are_short(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        const struct calibration_parameter *found;

        (void)state;
        record_short_rescales(world);
        fit(world);
        found = find(world, "restart.medianSeconds");
        assert_true(found->identified);
        assert_near(found->value, 1, 2 * found->error);
        assert_true(found->value + found->error < 5);
        world_free(world);
}

/* They are as long as twice the start that the engine tells of, half or twice that. */
static void starts_tell_of_rescales_too_short_to_be_seen(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        struct recording *recording;

        (void)state;
        record_short_rescales(world);
        recording = world->recordings[0];
        recording->startup = memory_new(recording->count, sizeof(double));
        for (size_t i = 0; i < recording->count; i++)
                recording->startup[i] = 0.5;
        fit(world);
        assert_found(world, "restart.medianSeconds", 1, 0.5);
        world_free(world);
}

/* Starts of 0.25 and 1 s in turn: their logarithms are ln(4) / 2 off their mean. */
static void starts_scatter_as_the_engine_tells(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        struct recording *recording;

        (void)state;
        record_short_rescales(world);
        recording = world->recordings[0];
        recording->startup = memory_new(recording->count, sizeof(double));
        for (size_t i = 0; i < recording->count; i++)
                recording->startup[i] = i / 1200 % 2 == 0 ? .25 : 1;
        fit(world);
        assert_found(world, "restart.logDeviation", log(4) / 2, .3);
        assert_near(world->calibration->model.restart.log_sd, log(4) / 2, .1);
        world_free(world);
}

/* A second of downtime, five of a warm-up of the metrics: nothing is told of the backlog for six. */
static void silence_after_rescales_comes_back(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        const struct calibration_parameter *found;

        (void)state;
        world->truth.metrics.silent_seconds = 5;
        record_short_rescales(world);
        fit(world);
        found = find(world, "metrics.silentSeconds");
        assert_true(found->identified);
        assert_near(found->value, 6, found->error);
        world_free(world);
}

/* 2,000 records/s against 4 subtasks of 300: the exchange of 4 times 700 is full after 3.5 s. */
static void exchanges_hold_what_was_in_them(void **state)
{
        struct world *world = world_new(3, (double[]){4000, 300, 9000});

        (void)state;
        world->operators[1].buffer_records = 700;
        world->guesses[1].buffer_records = 5;
        record(world, &(struct take){.name = "hour",
                                     .seconds = 600,
                                     .offered = steady,
                                     .workers = 4,
                                     .by_operator = true,
                                     .with_queues = true});
        fit(world);
        assert_near(((struct operator_model *)world->calibration->model.operators.items)[1].buffer_records,
                    700, 1);
        world_free(world);
}

/* Capacity is what is processed while behind; two scales tell contention, two hours tell the slowdown. */
static void capacity_of_two_scales_comes_back(void **state)
{
        const double sigma = .02, rate = 1000;
        struct world *world = world_new(1, &rate);
        const struct model *model;

        (void)state;
        world->operators[0].sigma = sigma;
        world->truth.metrics.rate_noise_cv = .05;
        world->truth.catch_up.floor_ratio = .7;
        world->truth.catch_up.time_constant_seconds = 1500;
        record(world, &(struct take){.name = "few",
                                     .seconds = 16 * HOUR,
                                     .offered = more_than_four_can_take,
                                     .workers = 4});
        record(world, &(struct take){.name = "many",
                                     .seconds = 16 * HOUR,
                                     .offered = more_than_twenty_four_can_take,
                                     .workers = 24});
        fit(world);
        model = &world->calibration->model;
        assert_found(world, "operators.source.ratePerSecond", rate, .1);
        assert_found(world, "operators.source.sigma", sigma, .5);
        assert_found(world, "catchUp.floorRatio", .7, .1);
        assert_near(((struct operator_model *)model->operators.items)[0].rate_per_second, rate, .02 * rate);
        assert_near(((struct operator_model *)model->operators.items)[0].sigma, sigma, .1 * sigma);
        assert_near(model->catch_up.floor_ratio, .7, .02);
        assert_near(model->catch_up.time_constant_seconds, 1500, 150);
        world_free(world);
}

/* DS2's true rate, records in over busy time, seen on 4, 8 and 12 subtasks with 5 % noise. */
static void operators_that_were_measured_come_back_one_by_one(void **state)
{
        static const char *const names[] = {"operators.source.ratePerSecond", "operators.work.ratePerSecond",
                                            "operators.sink.ratePerSecond"};
        const double rates[] = {4000, 1500, 9000};
        struct world *world = world_new(3, rates);
        const struct operator_model *found;

        (void)state;
        world->truth.metrics.rate_noise_cv = .05;
        for (int i = 0; i < 3; i++)
                world->operators[i].sigma = .03;
        record(world, &(struct take){.name = "day",
                                     .seconds = 2 * HOUR,
                                     .offered = steady,
                                     .workers = 4,
                                     .rescale_every = 20 * 60,
                                     .by_operator = true});
        fit(world);
        found = world->calibration->model.operators.items;
        for (int i = 0; i < 3; i++) {
                struct operator_model joint = found[i];

                assert_near(joint.rate_per_second, rates[i], .03 * rates[i]);
                assert_true(find(world, names[i])->identified);
                /* Contention and coherency make up for each other within the scales that were seen. */
                for (double n = 4; n <= 12; n += 4)
                        assert_near(joint.rate_per_second * usl_speedup(n, joint.sigma, joint.kappa),
                                    rates[i] * usl_speedup(n, .03, 0), .01 * rates[i] * n);
        }
        world_free(world);
}

/* 400 to 1,160 records/s for 4 subtasks of 300 in ten minutes: busy from 0.33 to 0.97 of the time. */
static double up_and_down(double second)
{
        return 780 - 380 * cos(2 * M_PI * second / 600);
}

static const struct take two_hours_of_work = {
        .name = "two hours",
        .seconds = 2 * HOUR,
        .offered = up_and_down,
        .workers = 4,
        .by_operator = true,
};

/* Rates by the busy second, and where busy time was not recorded throughput beside a load that moves. */
static void scatter_of_measured_rates_comes_back(void **state)
{
        (void)state;
        for (int by_operator = 0; by_operator < 2; by_operator++) {
                struct world *world = world_new(by_operator ? 3 : 1, (double[]){4000, 300, 9000});
                struct take take = two_hours_of_work;

                take.by_operator = by_operator;
                world->prior.metrics.rate_noise_cv = .02;
                world->truth.metrics.rate_noise_cv = .06;
                record(world, &take);
                fit(world);
                assert_found(world, "metrics.rateVariation", .06, .05);
                assert_near(world->calibration->model.metrics.rate_noise_cv, .06, .005);
                world_free(world);
        }
}

/* Latency as it is measured: 5 % off, up and down. */
static void blur_latency(struct recording *recording)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(7, 0, 0);

        for (size_t i = 0; i < recording->count; i++)
                recording->latency[i] *= exp(gsl_ran_gaussian(rng, .05));
}

/* Every minute the engine tells for a second that it has no subtasks, as one that restarts does. */
static void lose_subtasks(struct recording *recording)
{
        recording->parallelism[1] = memory_new(recording->count, sizeof(double));
        for (size_t i = 0; i < recording->count; i++)
                recording->parallelism[1][i] = i % 60 == 0 ? 0 : 4;
}

/* Kingman: the wait before the busiest subtask is (1 + variation^2) / 2 times that of exponential service. */
static void variation_of_service_comes_back(void **state)
{
        static const double variations[] = {0.5, 1, 2};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(variations); i++) {
                struct world *world = world_new(3, (double[]){4000, 300, 9000});

                world->operators[1].service_cv = variations[i];
                world->truth.latency.base_seconds = .05;
                record(world, &two_hours_of_work);
                blur_latency(world->recordings[0]);
                lose_subtasks(world->recordings[0]);
                fit(world);
                assert_found(world, "operators.work.serviceVariation", variations[i], .2);
                assert_near(world->calibration->model.latency.base_seconds, .05, .01);
                world_free(world);
        }
}

/* Half a minute tells neither; an hour in which no operator is busy tells nothing of queues. */
static void scatter_that_cannot_be_told_is_kept(void **state)
{
        for (int hour = 0; hour < 2; hour++) {
                struct world *world = world_new(3, (double[]){4000, hour ? 3000 : 300, 9000});
                struct take take = two_hours_of_work;

                (void)state;
                take.seconds = hour ? HOUR : 30;
                world->prior.metrics.rate_noise_cv = .03;
                world->truth.metrics.rate_noise_cv = .06;
                world->guesses[1].service_cv = .7;
                record(world, &take);
                blur_latency(world->recordings[0]);
                fit(world);
                if (!hour)
                        assert_not_found(world, "metrics.rateVariation", .03);
                assert_not_found(world, "operators.work.serviceVariation", .7);
                world_free(world);
        }
}

static void what_was_not_recorded_is_kept_and_said(void **state)
{
        struct world *world = world_new(1, (double[]){5000});

        (void)state;
        world->prior.latency.base_seconds = 1.25;
        world->prior.failures.every_seconds = 777;
        record(world, &(struct take){.name = "hour",
                                     .seconds = HOUR,
                                     .offered = steady,
                                     .workers = 4,
                                     .without_latency = true,
                                     .without_cpu = true});
        fit(world);
        assert_not_found(world, "latency.baseSeconds", 1.25);
        assert_not_found(world, "restart.medianSeconds", 30);
        assert_not_found(world, "failures.everySeconds", 777);
        assert_not_found(world, "cpu.workerSecondsPerRecord", 2e-4);
        assert_not_found(world, "operators.source.ratePerSecond", 1);
        world_free(world);
}

static void without_a_recording_there_is_no_fit(void **state)
{
        struct world *world = world_new(1, (double[]){5000});
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(calibrate(&world->pipeline, &world->prior, NULL, 0, &world->calibration, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        world_free(world);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(cpu_and_latency_come_back),
                cmocka_unit_test(capacity_follows_from_cpu_when_nothing_else_shows_it),
                cmocka_unit_test(regular_failures_come_back),
                cmocka_unit_test(failures_at_random_come_back),
                cmocka_unit_test(downtime_that_workers_share_is_told_from_the_rest),
                cmocka_unit_test(downtime_of_rescales_comes_back),
                cmocka_unit_test(rescales_too_short_to_be_seen_are_short),
                cmocka_unit_test(starts_tell_of_rescales_too_short_to_be_seen),
                cmocka_unit_test(starts_scatter_as_the_engine_tells),
                cmocka_unit_test(silence_after_rescales_comes_back),
                cmocka_unit_test(exchanges_hold_what_was_in_them),
                cmocka_unit_test(capacity_of_two_scales_comes_back),
                cmocka_unit_test(operators_that_were_measured_come_back_one_by_one),
                cmocka_unit_test(scatter_of_measured_rates_comes_back),
                cmocka_unit_test(variation_of_service_comes_back),
                cmocka_unit_test(scatter_that_cannot_be_told_is_kept),
                cmocka_unit_test(what_was_not_recorded_is_kept_and_said),
                cmocka_unit_test(without_a_recording_there_is_no_fit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
