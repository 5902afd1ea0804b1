/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/formulas.h"
#include "core/option.h"
#include "sim/engine.h"

/*
 * Closed forms of the fluid engine. A bench holds a chain of operators with no noise, no failures and a fixed
 * downtime, so that every figure can be reckoned by hand.
 */
#define HOUR 3600

struct bench {
        struct operator_info info[3];
        struct operator_model operators[3];
        struct edge edges[2];
        struct knob knobs[3];
        struct pipeline pipeline;
        struct model model;
        struct constraints constraints;
        struct price_book *prices;
        double *rate, *cumulative;
        struct load load;
        struct engine_setup setup;
};

static void make_bench(struct bench *bench, int n, const double *rates, size_t seconds)
{
        static const char *const names[] = {"source", "work", "sink"};
        struct error err = ERROR_INIT;
        void *options = NULL;

        *bench = (struct bench){0};
        assert_true(option_new(&model_table, NULL, (void **)&options, &err));
        bench->model = *(struct model *)options;
        free(options);
        bench->model.operators = (struct option_list){.items = bench->operators, .count = (size_t)n};
        bench->model.restart = (struct restart_model){.median_seconds = 60, .warmup_capacity_ratio = 1};
        bench->model.failures = (struct failure_model){0};
        bench->model.catch_up = (struct catch_up_model){.floor_ratio = 1};
        bench->model.cpu = (struct cpu_model){.base_ratio = .1, .worker_seconds_per_record = 1e-3};
        bench->model.latency = (struct latency_model){.base_seconds = .1};
        bench->model.metrics = (struct metrics_model){0};
        bench->model.checkpoints = (struct checkpoint_model){0};
        bench->model.worker_start_seconds = 0;
        for (int i = 0; i < n; i++) {
                bench->info[i] = (struct operator_info){.name = names[i], .source = i == 0};
                bench->operators[i] =
                        (struct operator_model){.rate_per_second = rates[i], .skew = 1, .service_cv = 1};
                bench->knobs[i] =
                        (struct knob){"parallelism", KNOB_PARALLELISM, i, 1, 64, 1, KNOB_SCALE_AUTO};
                if (i > 0)
                        bench->edges[i - 1] = (struct edge){.from = i - 1, .to = i, .selectivity = 1};
        }
        bench->pipeline = (struct pipeline){
                .name = "bench",
                .n_operators = n,
                .operators = bench->info,
                .n_edges = n - 1,
                .edges = bench->edges,
                .slots_per_worker = 1,
                .n_knobs = n,
                .knobs = bench->knobs,
        };
        bench->constraints = (struct constraints){NAN, NAN, NAN, .95, NAN};
        assert_true(option_new(&prices_table, NULL, &options, &err));
        assert_true(price_book_new(options, ".", &bench->prices, &err));
        option_delete(&prices_table, options);
        bench->rate = calloc(seconds, sizeof(double));
        bench->cumulative = calloc(seconds + 1, sizeof(double));
        bench->load = (struct load){seconds, bench->rate, bench->cumulative};
        bench->setup = (struct engine_setup){
                .pipeline = &bench->pipeline,
                .model = &bench->model,
                .prices = bench->prices,
                .constraints = &bench->constraints,
                .load = &bench->load,
                .step_ms = 1000,
                .seed = 1,
        };
        bench->setup.initial.count = n;
        for (int i = 0; i < n; i++)
                bench->setup.initial.value[i] = 1;
}

static void offer(struct bench *bench, size_t from, size_t to, double rate)
{
        for (size_t i = from; i < to; i++)
                bench->rate[i] = rate;
        for (size_t i = 0; i < bench->load.count; i++)
                bench->cumulative[i + 1] = bench->cumulative[i] + bench->rate[i];
}

static void free_bench(struct bench *bench)
{
        price_book_free(bench->prices);
        free(bench->rate);
        free(bench->cumulative);
}

static void assert_near(double value, double expected, double tolerance)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("%.9g, expected %.9g within %g", value, expected, tolerance);
}

static void sleep_to(struct engine *engine, int64_t seconds)
{
        struct clock clock = engine_clock(engine);
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&clock, seconds * 1000, &err));
}

/* dB/dt = lambda - C: 1500/s against 1000/s for 600 s leaves 300,000 records, which drain at 1000 - 400 in
 * 500 s. */
static void backlog_grows_and_drains_as_the_fluid_equation_says(void **state)
{
        struct bench bench;
        struct figures figures;

        (void)state;
        make_bench(&bench, 1, (double[]){1000}, 2 * HOUR);
        offer(&bench, 0, 600, 1500);
        offer(&bench, 600, 2 * HOUR, 400);
        struct engine *engine autocall(engine_free) = engine_new(&bench.setup);
        struct observation seen = {0};
        struct error err = ERROR_INIT;

        sleep_to(engine, 600);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.backlog_records, 300000, 1e-3);
        assert_near(seen.throughput_per_second, 1000, 1e-6);
        assert_near(seen.offered_per_second, 1500, 1e-6);
        sleep_to(engine, 600 + 499);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.backlog_records, 300000 - 499 * 600, 1e-3);
        sleep_to(engine, 600 + (int64_t)backlog_drain_seconds(300000, 400, 1000) + 1);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.backlog_records, 0, 1e-3);
        engine_finish(engine, &figures);
        /* The record that waits longest came last in the overload: 300,000 records ahead of it at 1000/s. */
        assert_near(figures.delay_peak_seconds, 300, 1.5);
        assert_near(figures.backlog_peak_records, 300000, 1e-3);
        free_bench(&bench);
}

/* A 60 s downtime at 500/s and capacity 2 x 1000/s: 30,000 records, caught up in 20 s. */
static void rescale_costs_its_downtime_and_catch_up(void **state)
{
        struct bench bench;
        struct figures figures;

        (void)state;
        make_bench(&bench, 1, (double[]){1000}, HOUR);
        offer(&bench, 0, HOUR, 500);
        struct engine *engine autocall(engine_free) = engine_new(&bench.setup);
        struct configuration two = bench.setup.initial;
        struct observation seen = {0};
        struct error err = ERROR_INIT;

        two.value[0] = 2;
        sleep_to(engine, 100);
        assert_true(engine_actuator.apply(engine, &bench.setup.initial, &two, false, NULL, &err));
        assert_true(engine_collector.collect(engine, &seen, &err));
        sleep_to(engine, 160);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.backlog_records, 30000, 1e-3);
        assert_near(seen.throughput_per_second, 0, 0);
        sleep_to(engine, 179);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.backlog_records, 30000 - 19 * 1500, 1e-3);
        assert_near(seen.throughput_per_second, 2000, 1e-6);
        assert_int_equal(seen.operators[0].parallelism, 2);
        sleep_to(engine, HOUR);
        engine_finish(engine, &figures);
        assert_int_equal(figures.rescales, 1);
        assert_near(figures.delay_peak_seconds, 60, 1e-6);
        /* Nothing is lost, nothing is made. */
        assert_near(figures.processed_records + figures.backlog_end_records, figures.offered_records, 1e-3);
        /* Paid: one worker for 100 s, two from the order on. */
        assert_near(figures.worker_seconds, 100 + 2.0 * (HOUR - 100), 1e-6);
        free_bench(&bench);
}

/* Four subtasks on two partitions read 2 x 1000/s, on four partitions 4 x 1000/s: 100 s at 3000/s leave
 * 100,000 records behind; the growth is there after a downtime of 60 s. */
static void partitions_that_are_added_feed_more_subtasks(void **state)
{
        struct bench bench;

        (void)state;
        make_bench(&bench, 1, (double[]){1000}, HOUR);
        offer(&bench, 0, HOUR, 3000);
        bench.info[0].partitions = 2;
        bench.knobs[1] = (struct knob){"partitions", KNOB_PARTITIONS, 0, 2, 64, 1, KNOB_SCALE_AUTO};
        bench.pipeline.n_knobs = 2;
        bench.setup.initial = (struct configuration){.count = 2, .value = {4, 2}};
        struct engine *engine autocall(engine_free) = engine_new(&bench.setup);
        struct configuration grown = {.count = 2, .value = {4, 4}};
        struct observation seen = {0};
        struct error err = ERROR_INIT;

        sleep_to(engine, 100);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.backlog_records, 100000, 1e-3);
        assert_int_equal(seen.operators[0].partitions, 2);
        assert_true(engine_actuator.apply(engine, &bench.setup.initial, &grown, false, NULL, &err));
        sleep_to(engine, 160);
        assert_true(engine_collector.collect(engine, &seen, &err));
        sleep_to(engine, 170);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.throughput_per_second, 4000, 1e-6);
        assert_int_equal(seen.operators[0].partitions, 4);
        free_bench(&bench);
}

/* A slow middle operator: its exchange fills, then it holds back the source, which shows the backlog. */
static void backpressure_reaches_the_source(void **state)
{
        struct bench bench;

        (void)state;
        make_bench(&bench, 3, (double[]){5000, 800, 5000}, HOUR);
        bench.operators[1].buffer_records = 4000;
        offer(&bench, 0, HOUR, 1000);
        struct engine *engine autocall(engine_free) = engine_new(&bench.setup);
        struct observation seen = {0};
        struct error err = ERROR_INIT;

        /* 200/s of surplus fill 4,000 records of buffer in 20 s, unseen by the broker. What is taken in
         * within half a second does not wait: collectors leave it out, so two seconds' surplus does not show
         * yet. */
        sleep_to(engine, 2);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.backlog_records, 0, 1e-3);
        assert_near(seen.throughput_per_second, 1000, 1e-6);
        sleep_to(engine, 20);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.operators[0].backlog_records, 0, 1e-3);
        assert_near(seen.backlog_records, 20 * 200 - 800 / 2, 1e-3);
        sleep_to(engine, 120);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.operators[0].backlog_records, 100 * 200, 1e-3);
        assert_near(seen.backlog_records, 120 * 200 - 800 / 2, 1e-3);
        assert_near(seen.throughput_per_second, 800, 1e-6);
        assert_near(seen.operators[1].busy_ratio, 1, 1e-9);
        assert_near(seen.operators[0].busy_ratio, 800.0 / 5000, 1e-6);
        assert_true(seen.operators[0].backpressure_ratio > .5);
        assert_near(seen.operators[1].true_rate_per_second, 800, 1e-6);
        free_bench(&bench);
}

/* Seconds from the call that rescales until the job stops, in each of so many runs: their mean. */
static double mean_wait(double offered, double checkpoint_seconds, uint64_t runs)
{
        double sum = 0;

        for (uint64_t run = 0; run < runs; run++) {
                struct bench bench;
                struct observation seen = {0};
                struct error err = ERROR_INIT;
                struct configuration wider;
                size_t at = 100;

                make_bench(&bench, 3, (double[]){5000, 800, 5000}, 200);
                bench.operators[1].buffer_records = 4000;
                bench.model.restart.checkpoint_seconds = checkpoint_seconds;
                bench.setup.run = run;
                offer(&bench, 0, 200, offered);
                struct engine *engine autocall(engine_free) = engine_new(&bench.setup);

                wider = bench.setup.initial;
                wider.value[1] = 2;
                sleep_to(engine, at);
                assert_true(engine_actuator.apply(engine, NULL, &wider, false, NULL, &err));
                for (; !seen.restarting; at++) {
                        sleep_to(engine, at + 1);
                        assert_true(engine_collector.collect(engine, &seen, &err));
                }
                sum += (double)at - 100;
                free_bench(&bench);
        }
        return sum / (double)runs;
}

/* A call comes at any moment between two checkpoints: on average half of what they are apart before the next
 * is completed. Behind 4,000 records, of which 800 a second are taken in, a checkpoint takes 5 s and the next
 * begins when it is completed. The deviation of a uniform spread is its width / sqrt(12). */
static void a_job_stops_at_its_next_checkpoint(void **state)
{
        const uint64_t runs = 400;
        const double error = 1 / sqrt(12.0 * (double)runs);

        (void)state;
        assert_near(mean_wait(500, 8, runs), 4, 3 * error * 8);
        assert_near(mean_wait(1000, 2, runs), 2.5, 3 * error * 5);
}

/* 200/s more than it takes for 90 s, then 300/s less: 18,000 records wait at the worst moment. Who looks each
 * minute sees 12,000 after one and 9,000 after two; from half a minute on, the worst. */
static void a_peak_is_seen_when_somebody_looks(void **state)
{
        static const struct {
                int64_t every_ms, first_ms;
                double peak;
        } looks[] = {{0, 0, 18000}, {60000, 0, 12000}, {60000, 30000, 18000}};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(looks); i++) {
                struct bench bench;
                struct figures figures;

                make_bench(&bench, 1, (double[]){800}, 300);
                offer(&bench, 0, 90, 1000);
                offer(&bench, 90, 300, 500);
                bench.setup.sample_ms = looks[i].every_ms;
                bench.setup.first_sample_ms = looks[i].first_ms;
                struct engine *engine autocall(engine_free) = engine_new(&bench.setup);

                sleep_to(engine, 299);
                engine_finish(engine, &figures);
                assert_near(figures.backlog_peak_records, 18000, 1e-3);
                assert_near(figures.sampled_broker_peak_records, looks[i].peak, 1e-3);
                assert_near(figures.sampled_peak_records, looks[i].peak, 1e-3);
                free_bench(&bench);
        }
}

/* Capacity with parallelism is the Universal Scalability Law, divided by skew. */
static void capacity_follows_the_scalability_law_and_skew(void **state)
{
        struct bench bench;

        (void)state;
        make_bench(&bench, 1, (double[]){1000}, 10);
        bench.operators[0].sigma = .05;
        bench.operators[0].kappa = .001;
        struct deployment eight = {.workers = 8, .parallelism = {8}};

        /* Gunther: 8 / (1 + .05 * 7 + .001 * 8 * 7) = 5.690 */
        assert_near(engine_sustainable_rate(&bench.pipeline, &bench.model, &eight), 1000 * 8 / 1.406, 1e-6);
        bench.operators[0].skew = 1.25;
        assert_near(engine_sustainable_rate(&bench.pipeline, &bench.model, &eight), 1000 * 8 / 1.406 / 1.25,
                    1e-6);
        /* 12 partitions on 8 subtasks: some read two, so the source is as fast as 6 subtasks that share
         * evenly. */
        bench.operators[0] = (struct operator_model){.rate_per_second = 1000, .skew = 1, .service_cv = 1};
        bench.info[0].partitions = 12;
        assert_near(engine_sustainable_rate(&bench.pipeline, &bench.model, &eight), 6000, 1e-6);
        /* More subtasks than partitions: the rest idles. */
        bench.info[0].partitions = 4;
        assert_near(engine_sustainable_rate(&bench.pipeline, &bench.model, &eight), 4000, 1e-6);
        free_bench(&bench);
}

/* A real Flink 2.2 whose `work` took 1,500 records/s on 7 subtasks behind a keyed exchange, windows of 5 s:
 * its busiest subtask was 1.077 to 1.081 times as busy as the mean (medians of 59 windows, three runs), of
 * which 19 of 128 key groups where 128 / 7 would be even make 1.039. Without keys the load is even. */
static void the_busiest_of_keyed_subtasks_is_as_busy_as_on_a_real_flink(void **state)
{
        struct bench bench;

        (void)state;
        make_bench(&bench, 2, (double[]){100000, 330}, 100);
        offer(&bench, 0, 100, 1500);
        bench.edges[0].hash = true;
        bench.info[1].max_parallelism = 128;
        bench.setup.initial.value[1] = 7;
        struct engine *engine autocall(engine_free) = engine_new(&bench.setup);
        struct observation seen = {0};
        struct error err = ERROR_INIT;

        sleep_to(engine, 50);
        assert_true(engine_collector.collect(engine, &seen, &err));
        sleep_to(engine, 55);
        assert_true(engine_collector.collect(engine, &seen, &err));
        assert_near(seen.operators[1].busy_ratio, 1500 / (7 * 330.0), 1e-6);
        assert_near(seen.operators[1].busy_ratio_max / seen.operators[1].busy_ratio, 1.079, 0.005);
        assert_near(seen.operators[0].busy_ratio_max, seen.operators[0].busy_ratio, 1e-12);
        free_bench(&bench);
}

/* One subtask, exponential service: M/M/1, whose sojourn is exponential with rate mu - lambda. */
static void latency_below_saturation_is_that_of_the_queue(void **state)
{
        struct bench bench;
        struct figures figures;

        (void)state;
        make_bench(&bench, 1, (double[]){100}, HOUR);
        bench.model.latency.base_seconds = 0;
        offer(&bench, 0, HOUR, 90.25);
        struct engine *engine autocall(engine_free) = engine_new(&bench.setup);

        sleep_to(engine, HOUR);
        engine_finish(engine, &figures);
        /* Wait in M/M/1: P(W > t) = rho exp(-(mu - lambda) t), at the middle of the utilisation bin, rho =
         * .9025. The distribution is kept in masses of 5 %: a quantile is read half a mass off at most. */
        double median = latency_quantile(&figures.latency, .5),
               high = latency_quantile(&figures.latency, .95);

        assert_true(median >= log(.9025 / .525) / 9.75 * .97 && median <= log(.9025 / .475) / 9.75 * 1.03);
        assert_true(high >= log(.9025 / .075) / 9.75 * .97 && high <= log(.9025 / .04) / 9.75 * 1.03);
        free_bench(&bench);
}

static void same_seed_gives_the_same_run(void **state)
{
        struct bench bench;
        struct figures one, two, other;

        (void)state;
        make_bench(&bench, 1, (double[]){1000}, 24 * HOUR);
        offer(&bench, 0, 24 * HOUR, 700);
        bench.model.failures = (struct failure_model){.every_seconds = HOUR,
                                                      .jitter_ratio = 1,
                                                      .median_seconds = 30,
                                                      .log_sd = .5};
        for (int i = 0; i < 3; i++) {
                struct engine *engine autocall(engine_free) = NULL;

                bench.setup.seed = i < 2 ? 7 : 8;
                engine = engine_new(&bench.setup);
                sleep_to(engine, 24 * HOUR);
                engine_finish(engine, i == 0 ? &one : i == 1 ? &two : &other);
        }
        assert_memory_equal(&one, &two, sizeof one);
        assert_true(one.failures > 10 && one.failures < 45);
        assert_true(other.delay_peak_seconds != one.delay_peak_seconds);
        free_bench(&bench);
}

/* 100 s do not divide into steps of a minute: the timeline's steps are two minutes then, and hold the load.
 */
static void the_timeline_is_made_of_whole_steps(void **state)
{
        struct bench bench;

        (void)state;
        make_bench(&bench, 1, (double[]){1000}, 61);
        for (size_t i = 0; i < 61; i++)
                bench.rate[i] = (double)i;
        for (size_t i = 0; i < 61; i++)
                bench.cumulative[i + 1] = bench.cumulative[i] + 60 * bench.rate[i];
        bench.setup.step_ms = 60000;
        bench.setup.timeline_step_ms = 100000;
        struct engine *engine autocall(engine_free) = engine_new(&bench.setup);

        sleep_to(engine, 61 * 60);
        struct timeline *timeline = engine_take_timeline(engine);

        assert_int_equal(timeline->step_ms, 120000);
        assert_int_equal(timeline->count, 30);
        for (size_t i = 0; i < 30; i++)
                assert_near(timeline->offered[i], 2 * (double)i + .5, 1e-9);
        timeline_free(timeline);
        free_bench(&bench);
}

/* Skew and variation of service as a run drew them, told from what is seen: of four subtasks the busiest's
 * share over the mean, and Kingman's wait at half of the time and more. */
static void look_at_draws(struct bench *bench, uint64_t run, double *ret_excess, double *ret_variation)
{
        struct observation seen = {0};
        struct error err = ERROR_INIT;
        struct engine *engine autocall(engine_free) = NULL;
        double busy;

        bench->setup.run = run;
        engine = engine_new(&bench->setup);
        sleep_to(engine, 60);
        assert_true(engine_collector.collect(engine, &seen, &err));
        busy = seen.operators[0].busy_ratio_max;
        *ret_excess = busy / seen.operators[0].busy_ratio - 1;
        *ret_variation = sqrt(2 * (seen.latency_p50_seconds - .1) / log(2 * busy) * 100 * (1 - busy) - 1);
}

static int ascending(const void *a, const void *b)
{
        const double *left = a, *right = b;

        return (*left > *right) - (*left < *right);
}

/* Log-normal about their values with the errors told: medians of n runs are off by 1.25 log-deviations over
 * sqrt(n), which for an error of half the value is sqrt(ln 1.25) and makes 3 % of 400 runs. */
static void runs_draw_unevenness_and_service_within_their_errors(void **state)
{
        double excess[400], variation[400], exact[2];
        struct bench bench;

        (void)state;
        make_bench(&bench, 1, (double[]){100}, HOUR);
        offer(&bench, 0, HOUR, 260);
        bench.operators[0].skew = 1.1;
        bench.operators[0].skew_error = .05;
        bench.operators[0].service_cv = 2;
        bench.operators[0].service_cv_error = 1;
        bench.setup.initial.value[0] = 4;
        bench.setup.draw_parameters = true;
        look_at_draws(&bench, 0, &exact[0], &exact[1]);
        assert_near(exact[0], .1, 1e-9);
        assert_near(exact[1], 2, .05); /* utilisation is kept by bins of half a percent */
        for (uint64_t run = 0; run < 400; run++)
                look_at_draws(&bench, run + 1, &excess[run], &variation[run]);
        qsort(excess, 400, sizeof *excess, ascending);
        qsort(variation, 400, sizeof *variation, ascending);
        assert_near(excess[200] / .1, 1, .1);
        assert_near(log(excess[336] / excess[63]) / 2, sqrt(log(1.25)), .08);
        assert_near(variation[200] / 2, 1, .1);
        assert_near(log(variation[336] / variation[63]) / 2, sqrt(log(1.25)), .08);
        free_bench(&bench);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_timeline_is_made_of_whole_steps),
                cmocka_unit_test(backlog_grows_and_drains_as_the_fluid_equation_says),
                cmocka_unit_test(rescale_costs_its_downtime_and_catch_up),
                cmocka_unit_test(partitions_that_are_added_feed_more_subtasks),
                cmocka_unit_test(backpressure_reaches_the_source),
                cmocka_unit_test(a_peak_is_seen_when_somebody_looks),
                cmocka_unit_test(a_job_stops_at_its_next_checkpoint),
                cmocka_unit_test(capacity_follows_the_scalability_law_and_skew),
                cmocka_unit_test(the_busiest_of_keyed_subtasks_is_as_busy_as_on_a_real_flink),
                cmocka_unit_test(latency_below_saturation_is_that_of_the_queue),
                cmocka_unit_test(same_seed_gives_the_same_run),
                cmocka_unit_test(runs_draw_unevenness_and_service_within_their_errors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
