/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gsl/gsl_rng.h>

#include "core/option.h"
#include "core/prices_options.h"
#include "core/random.h"
#include "sim/engine_internal.h"

/*
 * What must hold for every engine: a thousand of them are drawn, graph, model, load and rescales, and stepped
 * one step at a time. Records are conserved, nothing is negative, costs are what was paid for.
 */
#define CASES         1000
#define MAX_OPERATORS 8
#define MAX_EDGES     32
#define MAX_STEPS     600
#define MAX_WORKERS   64
#define WORKER_HOUR   0.25

struct world {
        gsl_rng *rng;
        struct operator_info info[MAX_OPERATORS];
        struct operator_model operators[MAX_OPERATORS];
        struct edge edges[MAX_EDGES];
        struct knob knobs[MAX_OPERATORS + 1];
        struct pipeline pipeline;
        struct model model;
        struct constraints constraints;
        struct price_book *prices;
        int64_t minimum_ms, granularity_ms;
        double rate[MAX_STEPS], cumulative[MAX_STEPS + 1];
        struct load load;
        struct engine_setup setup;
};

static bool happens(struct world *world, double probability)
{
        return gsl_rng_uniform(world->rng) < probability;
}

static int below(struct world *world, int count)
{
        return (int)gsl_rng_uniform_int(world->rng, (unsigned long)count);
}

#define ONE_OF(world, ...)                                                                                   \
        ((const double[]){__VA_ARGS__})[below((world), (int)ARRAY_LENGTH(((const double[]){__VA_ARGS__})))]

/* Operators in topological order; one that is no source takes from one or two earlier ones. */
static void draw_graph(struct world *world)
{
        static const char *const names[MAX_OPERATORS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        bool linked[MAX_OPERATORS][MAX_OPERATORS] = {0};
        int n = 1 + below(world, MAX_OPERATORS), n_edges = 0;

        for (int i = 0; i < n; i++) {
                bool source = i == 0 || happens(world, .15);

                world->info[i] = (struct operator_info){
                        .name = names[i],
                        .source = source,
                        .partitions = source ? (int)ONE_OF(world, 0, 1, 3, 7, 1000) : 0,
                        .max_parallelism = (int)ONE_OF(world, 0, 1, 5, 128),
                };
                for (int link = 0; !source && link < 2; link++)
                        linked[below(world, i)][i] = true;
        }
        for (int from = 0; from < n; from++)
                for (int to = 0; to < n; to++)
                        if (linked[from][to])
                                world->edges[n_edges++] =
                                        (struct edge){.from = from,
                                                      .to = to,
                                                      .selectivity =
                                                              ONE_OF(world, 0, 1e-3, .5, 1, 1, 1, 3, 100)};
        world->pipeline = (struct pipeline){.name = "drawn",
                                            .n_operators = n,
                                            .operators = world->info,
                                            .n_edges = n_edges,
                                            .edges = world->edges,
                                            .slots_per_worker = 1 + below(world, 4),
                                            .knobs = world->knobs};
}

static void draw_knobs(struct world *world)
{
        int n = 0;

        if (happens(world, .7))
                for (; n < world->pipeline.n_operators; n++)
                        world->knobs[n] =
                                (struct knob){"parallelism",  KNOB_PARALLELISM, n, 1, MAX_WORKERS, 1,
                                              KNOB_SCALE_AUTO};
        if (n == 0 || happens(world, .3))
                world->knobs[n++] =
                        (struct knob){"workers", KNOB_WORKERS, -1, 1, MAX_WORKERS, 1, KNOB_SCALE_AUTO};
        world->pipeline.n_knobs = n;
}

static struct configuration draw_configuration(struct world *world)
{
        struct configuration drawn = {.count = world->pipeline.n_knobs};

        for (int i = 0; i < drawn.count; i++)
                drawn.value[i] = happens(world, .1) ? MAX_WORKERS : 1 + below(world, 12);
        return drawn;
}

/* Nothing happens at once: what was paid at the start of a step holds through it. */
static void draw_model(struct world *world, bool calm)
{
        struct model *model = &world->model;

        for (int i = 0; i < world->pipeline.n_operators; i++)
                world->operators[i] = (struct operator_model){
                        .rate_per_second = ONE_OF(world, 1e-3, 50, 300, 300, 1000, 1e9),
                        .rate_per_second_error = ONE_OF(world, 0, 30),
                        .sigma = ONE_OF(world, 0, .02, 1),
                        .kappa = ONE_OF(world, 0, 1e-4, 1),
                        .skew = ONE_OF(world, 1, 1.5, 1000),
                        .skew_error = ONE_OF(world, 0, .1, 1000),
                        .service_cv = ONE_OF(world, 0, 1, 100),
                        .service_cv_error = ONE_OF(world, 0, 1, 100),
                        .buffer_records = ONE_OF(world, 0, 1, 1000, 1e9),
                };
        model->operators =
                (struct option_list){.items = world->operators, .count = (size_t)world->pipeline.n_operators};
        model->worker_start_seconds = ONE_OF(world, 0, 30, 1e7);
        model->restart = (struct restart_model){.median_seconds = ONE_OF(world, 0, 1e-9, 20, 1e7),
                                                .log_sd = ONE_OF(world, 0, .3, 5),
                                                .worker_seconds = ONE_OF(world, 0, 100),
                                                .trigger_delay_seconds = ONE_OF(world, 1e-9, 1, 50),
                                                .warmup_seconds = ONE_OF(world, 0, 30, 1e7),
                                                .warmup_capacity_ratio = ONE_OF(world, .01, .8, 1),
                                                .warmup_cpu_ratio = ONE_OF(world, 0, 1)};
        model->failures = (struct failure_model){.every_seconds = calm ? 0 : ONE_OF(world, 1e-9, 1, 60, 1e7),
                                                 .first_after_seconds = ONE_OF(world, 0, 10),
                                                 .jitter_ratio = ONE_OF(world, 0, .5, 1),
                                                 .median_seconds = ONE_OF(world, 1e-9, 30),
                                                 .log_sd = ONE_OF(world, 0, 5),
                                                 .spot_per_hour = calm ? 0 : ONE_OF(world, 0, 3600)};
        model->catch_up = (struct catch_up_model){.floor_ratio = ONE_OF(world, .01, .7, 1),
                                                  .time_constant_seconds = ONE_OF(world, 0, 1e-9, 60),
                                                  .threshold_seconds = ONE_OF(world, 0, 10)};
        model->cpu = (struct cpu_model){.base_ratio = .05,
                                        .worker_seconds_per_record = 1e-3,
                                        .limit_ratio = ONE_OF(world, 0, 1),
                                        .noise_sd = .02,
                                        .noise_correlation_seconds = ONE_OF(world, 0, 30)};
        model->latency = (struct latency_model){.base_seconds = ONE_OF(world, 0, .1, 1e7),
                                                .log_sd = ONE_OF(world, 0, .3, 5),
                                                .per_worker_seconds = ONE_OF(world, 0, .01)};
        model->metrics = (struct metrics_model){.meter_seconds = ONE_OF(world, 0, 60), .rate_noise_cv = .02};
        model->checkpoints = (struct checkpoint_model){.interval_seconds = ONE_OF(world, 0, 1e-9, 60),
                                                       .pause_seconds = ONE_OF(world, 0, .2, 1e7)};
}

static void draw_load(struct world *world)
{
        size_t count = 1 + (size_t)below(world, MAX_STEPS);
        double level = ONE_OF(world, 0, 10, 200, 1000, 1e9);

        world->load = (struct load){count, world->rate, world->cumulative};
        for (size_t i = 0; i < count; i++) {
                if (happens(world, .02))
                        level = ONE_OF(world, 0, 0, 10, 200, 1000);
                world->rate[i] = level * (.5 + gsl_rng_uniform(world->rng));
        }
}

static void fill_load(struct world *world)
{
        for (size_t i = 0; i < world->load.count; i++)
                world->cumulative[i + 1] =
                        world->cumulative[i] + world->rate[i] * (double)world->setup.step_ms / MS_PER_SECOND;
}

static void draw_prices(struct world *world)
{
        struct error err = ERROR_INIT;
        struct price_options *prices;
        void *options = NULL;

        assert_true(option_new(&prices_table, NULL, &options, &err));
        prices = options;
        prices->worker.per_hour = WORKER_HOUR;
        prices->worker.minimum_seconds = (int64_t)ONE_OF(world, 0, 60, 3600);
        prices->worker.granularity_seconds = (int64_t)ONE_OF(world, 1, 60, 3600);
        world->minimum_ms = prices->worker.minimum_seconds * MS_PER_SECOND;
        world->granularity_ms = prices->worker.granularity_seconds * MS_PER_SECOND;
        assert_true(price_book_new(options, ".", &world->prices, &err));
        option_delete(&prices_table, options);
}

static void draw_world(struct world *world, uint64_t number, bool calm)
{
        *world = (struct world){.rng = random_new(20260105, number, 0)};
        draw_graph(world);
        draw_knobs(world);
        draw_model(world, calm);
        draw_load(world);
        draw_prices(world);
        world->constraints = (struct constraints){.latency_p99_seconds = 1, .backlog_seconds = 10};
        world->setup = (struct engine_setup){
                .pipeline = &world->pipeline,
                .model = &world->model,
                .prices = world->prices,
                .constraints = &world->constraints,
                .load = &world->load,
                .start_ms = 1767571200000,
                .step_ms = (int64_t)ONE_OF(world, 1000, 1000, 10, 333, 7000, 60000),
                .initial = draw_configuration(world),
                .seed = number,
                .run = number % 3,
                .draw_parameters = true,
                .timeline_step_ms = (int64_t)ONE_OF(world, 0, 1, 1000, 60000, 100000),
        };
        fill_load(world);
}

static void free_world(struct world *world)
{
        price_book_free(world->prices);
        gsl_rng_free(world->rng);
}

static void assert_near(double value, double expected, double tolerance, uint64_t number, const char *what)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("case %llu: %s is %.12g, expected %.12g within %g", (unsigned long long)number, what,
                         value, expected, tolerance);
}

/* Every worker's time as it is billed, kept apart from the engine's own books: the youngest is let go first.
 */
struct bill {
        int64_t since_ms[MAX_WORKERS * 2];
        int count;
        double worker_hours;
};

static void bill_until(struct bill *bill, const struct world *world, int workers, int64_t now_ms)
{
        while (bill->count < workers)
                bill->since_ms[bill->count++] = now_ms;
        while (bill->count > workers) {
                int64_t lived = now_ms - bill->since_ms[--bill->count];
                int64_t whole =
                        (lived + world->granularity_ms - 1) / world->granularity_ms * world->granularity_ms;

                whole = whole > world->minimum_ms ? whole : world->minimum_ms;
                bill->worker_hours += (double)whole / MS_PER_HOUR;
        }
}

static double bill_close(const struct bill *bill, int64_t now_ms)
{
        double hours = bill->worker_hours;

        for (int i = 0; i < bill->count; i++)
                hours += (double)(now_ms - bill->since_ms[i]) / MS_PER_HOUR;
        return hours * WORKER_HOUR;
}

static void check_state(const struct engine *engine, uint64_t number)
{
        double elapsed = (double)engine->tick * engine->step_seconds;

        for (int i = 0; i < engine->n; i++) {
                const struct flow_operator *flow = &engine->flow[i];

                if (!(flow->backlog >= 0) || !(flow->queued >= 0) || !isfinite(flow->backlog) ||
                    !isfinite(flow->queued) || !isfinite(flow->taken) || !isfinite(flow->busy_seconds))
                        fail_msg("case %llu: operator %d at tick %lld: backlog %g, queued %g, taken %g",
                                 (unsigned long long)number, i, (long long)engine->tick, flow->backlog,
                                 flow->queued, flow->taken);
        }
        assert_in_range(engine->workers_paid, 1, MAX_WORKERS);
        assert_in_range(engine->workers_ready, 1, engine->workers_paid);
        if (!(flow_delay_seconds(engine) >= 0) || !(flow_delay_seconds(engine) <= elapsed))
                fail_msg("case %llu: delay %g after %g s", (unsigned long long)number,
                         flow_delay_seconds(engine), elapsed);
}

static void check_observation(struct engine *engine, uint64_t number)
{
        struct observation seen = {0};
        struct error err = ERROR_INIT;

        assert_true(engine_collector.collect(engine, &seen, &err));
        if (!isfinite(seen.offered_per_second) || !isfinite(seen.throughput_per_second) ||
            !isfinite(seen.backlog_records) || !isfinite(seen.latency_p50_seconds) ||
            !isfinite(seen.latency_p99_seconds) || !isfinite(seen.cpu_ratio))
                fail_msg("case %llu: an observation is not finite", (unsigned long long)number);
        for (int i = 0; i < seen.n_operators; i++)
                if (!(seen.operators[i].busy_ratio >= 0) || !(seen.operators[i].busy_ratio <= 1) ||
                    !(seen.operators[i].backpressure_ratio >= 0))
                        fail_msg("case %llu: operator %d is busy for %g", (unsigned long long)number, i,
                                 seen.operators[i].busy_ratio);
}

static void check_figures(const struct figures *figures, const struct world *world, double cost,
                          uint64_t number)
{
        const double *values[] = {&figures->seconds,
                                  &figures->cost,
                                  &figures->carbon_grams,
                                  &figures->worker_seconds,
                                  &figures->slo_missed_seconds,
                                  &figures->offered_records,
                                  &figures->processed_records,
                                  &figures->replayed_records,
                                  &figures->backlog_peak_records,
                                  &figures->backlog_end_records,
                                  &figures->delay_peak_seconds};
        double step = (double)world->setup.step_ms / MS_PER_SECOND;
        double seconds = (double)world->load.count * step;
        double offered = world->cumulative[world->load.count];
        double tolerance = 1e-9 * (offered + figures->processed_records + figures->replayed_records) + 1e-3;

        for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
                if (!isfinite(*values[i]) || *values[i] < 0)
                        fail_msg("case %llu: figure %zu is %g", (unsigned long long)number, i, *values[i]);
        assert_near(figures->seconds, seconds, 1e-6 * seconds, number, "time");
        assert_near(figures->offered_records, offered, tolerance, number, "offered");
        assert_near(figures->processed_records - figures->replayed_records + figures->backlog_end_records,
                    offered, tolerance, number, "processed - replayed + backlog");
        assert_near(figures->cost, cost, 1e-9 * cost + 1e-9, number, "cost");
        assert_true(figures->slo_missed_seconds <= seconds * (1 + 1e-9));
}

/* Without restarts every record an operator sends is taken in by the next or waits in front of it. */
static void check_exchanges(const struct engine *engine, const struct world *world, uint64_t number)
{
        double arrived[MAX_OPERATORS] = {0};

        for (int e = 0; e < world->pipeline.n_edges; e++)
                arrived[world->edges[e].to] +=
                        engine->flow[world->edges[e].from].taken * world->edges[e].selectivity;
        for (int i = 0; i < engine->n; i++)
                if (!world->info[i].source)
                        assert_near(engine->flow[i].taken + engine->flow[i].queued, arrived[i],
                                    1e-9 * arrived[i] + 1e-3, number, "taken and waiting");
}

static void play(struct world *world, uint64_t number, bool calm)
{
        struct engine *engine autocall(engine_free) = engine_new(&world->setup);
        struct clock clock = engine_clock(engine);
        struct error err = ERROR_INIT;
        struct bill bill = {0};
        struct figures figures;

        while (!engine_at_end(engine)) {
                int64_t now = engine_time_ms(engine);

                if (!calm && happens(world, .05)) {
                        struct configuration wanted = draw_configuration(world);

                        assert_true(engine_actuator.apply(engine, NULL, &wanted, false, NULL, &err));
                }
                bill_until(&bill, world, engine->workers_paid, now);
                assert_true(clock_sleep_until(&clock, now + world->setup.step_ms, &err));
                assert_int_equal(engine_time_ms(engine), now + world->setup.step_ms);
                bill_until(&bill, world, engine->workers_paid, engine_time_ms(engine));
                check_state(engine, number);
                if (!calm && happens(world, .1))
                        check_observation(engine, number);
        }
        engine_finish(engine, &figures);
        check_figures(&figures, world, bill_close(&bill, engine_time_ms(engine)), number);
        if (calm)
                check_exchanges(engine, world, number);
        else
                assert_true(figures.backlog_peak_records >= 0);
}

static void records_and_money_are_conserved_through_restarts_and_failures(void **state)
{
        (void)state;
        for (uint64_t number = 0; number < CASES; number++) {
                struct world world;

                draw_world(&world, number, false);
                play(&world, number, false);
                free_world(&world);
        }
}

static void what_one_operator_sends_the_next_takes_in(void **state)
{
        (void)state;
        for (uint64_t number = 0; number < CASES; number++) {
                struct world world;

                draw_world(&world, CASES + number, true);
                play(&world, CASES + number, true);
                free_world(&world);
        }
}

/*
 * Little's law over a time that begins and ends empty (J. D. C. Little, Operations Research 1961): the
 * integral of the backlog is the sum of what each record waited. The engine reckons the backlog from flows
 * and the wait from the cumulative load. Both are known at the ends of steps, so that they agree within a
 * step of every record that waited.
 */
static void backlog_is_rate_times_delay(void **state)
{
        int busy = 0;

        (void)state;
        for (uint64_t number = 0; number < CASES; number++) {
                struct world world;
                struct figures figures;
                double backlog = 0, waited = 0, late = 0, step;

                draw_world(&world, number, true);
                world.pipeline.n_operators = 1;
                world.pipeline.n_edges = 0;
                world.pipeline.n_knobs = 1;
                world.knobs[0] =
                        (struct knob){"workers", KNOB_WORKERS, -1, 1, MAX_WORKERS, 1, KNOB_SCALE_AUTO};
                world.setup.initial = draw_configuration(&world);
                world.operators[0].rate_per_second = 300;
                world.setup.timeline_step_ms = world.setup.step_ms;
                world.load.count = MAX_STEPS;
                for (size_t i = 0; i < MAX_STEPS; i++)
                        world.rate[i] = i < MAX_STEPS / 10 ? 1000 * gsl_rng_uniform(world.rng) : 1;
                fill_load(&world);
                struct engine *engine autocall(engine_free) = engine_new(&world.setup);
                struct timeline *timeline;

                engine_advance(engine, MAX_STEPS);
                engine_finish(engine, &figures);
                timeline = engine_take_timeline(engine);
                step = engine->step_seconds;
                for (size_t i = 0; i < timeline->count; i++) {
                        backlog += timeline->backlog[i] * step;
                        waited += timeline->delay[i] * timeline->throughput[i] * step;
                        late += timeline->delay[i] > 0 ? timeline->throughput[i] * step : 0;
                }
                if (figures.backlog_end_records <= 0) {
                        busy += late > 0;
                        assert_near(waited, backlog, step * late + 1e-6 * backlog + 1e-3, number,
                                    "sum of waits");
                }
                timeline_free(timeline);
                free_world(&world);
        }
        assert_true(busy > CASES / 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(records_and_money_are_conserved_through_restarts_and_failures),
                cmocka_unit_test(what_one_operator_sends_the_next_takes_in),
                cmocka_unit_test(backlog_is_rate_times_delay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
