/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the parts of a decision of `plan` cost, and what its forecast is worth: mean absolute error against
 * the last value and against the same time yesterday on measured loads. The yardstick: 18 hours of decisions
 * a minute apart within 300 ms leaves 275 us for one.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/series/series.h"
#include "optimizer/candidates.h"
#include "optimizer/forecast.h"

#define OPERATORS 5
#define WORKERS   32
#define STEPS     72
#define REPEATS   2000

static double now_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return 1e6 * (double)now.tv_sec + 1e-3 * (double)now.tv_nsec;
}

static void row(const char *what, double us)
{
        printf("%-46s %8.2f us\n", what, us);
}

/* ---- the parts ---- */

struct stage {
        struct operator_info operators[OPERATORS];
        struct operator_model models[OPERATORS];
        struct edge edges[OPERATORS - 1];
        struct knob knobs[OPERATORS];
        struct pipeline pipeline;
        struct model model;
        struct configuration current;
};

static void set_up(struct stage *stage)
{
        *stage = (struct stage){0};
        for (int i = 0; i < OPERATORS; i++) {
                stage->operators[i] = (struct operator_info){.name = "operator", .source = i == 0};
                stage->models[i] = (struct operator_model){.rate_per_second = 5000 + 1000 * i,
                                                           .sigma = 0.01,
                                                           .kappa = 1e-4,
                                                           .skew = 1.1};
                stage->knobs[i] = (struct knob){.role = KNOB_PARALLELISM,
                                                .operator_index = i,
                                                .min = 1,
                                                .max = WORKERS,
                                                .step = 1};
                stage->current.value[i] = WORKERS / 2;
        }
        for (int i = 0; i + 1 < OPERATORS; i++)
                stage->edges[i] = (struct edge){.from = i, .to = i + 1, .selectivity = 1};
        stage->current.count = OPERATORS;
        stage->pipeline = (struct pipeline){.n_operators = OPERATORS,
                                            .operators = stage->operators,
                                            .n_edges = OPERATORS - 1,
                                            .edges = stage->edges,
                                            .slots_per_worker = 1,
                                            .n_knobs = OPERATORS,
                                            .knobs = stage->knobs};
        stage->model = (struct model){.operators = {stage->models, OPERATORS},
                                      .restart = {.median_seconds = 30, .log_sd = 0.3},
                                      .failures = {.every_seconds = 86400, .median_seconds = 60}};
}

static void time_forecast(void)
{
        static const double q[] = {0.075, 0.275, 0.525, 0.75, 0.905, 0.98};
        struct forecast *forecast = forecast_new(60000, MS_PER_DAY);
        double values[6 * STEPS], begin = now_us();
        int64_t leads[STEPS];

        for (int i = 0; i < STEPS; i++)
                leads[i] = (int64_t)(i + 1) * 1200000;
        for (int i = 0; i < 10 * 1440; i++)
                forecast_add(forecast, i * INT64_C(60000), 1000 + 300 * sin(i * 2 * M_PI / 1440) + i % 7);
        row("forecast, one value more (10 days of them)", (now_us() - begin) / (10 * 1440));
        begin = now_us();
        for (int i = 0; i < REPEATS; i++)
                forecast_quantiles(forecast, leads, STEPS, q, 6, values);
        row("forecast, 6 quantiles at 72 leads", (now_us() - begin) / REPEATS);
        forecast_free(forecast);
}

static void time_planner(void)
{
        static const double weight[] = {0.15, 0.25, 0.25, 0.20, 0.11, 0.04};
        static const double quantile[] = {0.075, 0.275, 0.525, 0.75, 0.905, 0.98};
        static const struct constraints constraints = {2, 60, NAN, 0.95, NAN};
        static struct candidate candidates[PLANNER_MAX_CANDIDATES];
        static struct planner_candidate weighed[PLANNER_MAX_CANDIDATES];
        static struct planner_chain chain;
        static double seconds[STEPS], price[STEPS], load[6 * STEPS], half[STEPS];
        struct planner_cost costs[PLANNER_MAX_CANDIDATES];
        struct planner_problem problem = {.n_steps = STEPS,
                                          .chain = &chain,
                                          .late_second = 0.01,
                                          .load_cv = 0.01,
                                          .reaction_steps = 2};
        struct stage stage;
        struct capacity *capacity;
        double begin;

        set_up(&stage);
        capacity = capacity_new(&stage.pipeline, &stage.model, 60000);
        begin = now_us();
        for (int i = 0; i < REPEATS; i++)
                problem.n_candidates = candidates_list(capacity, &stage.pipeline, &stage.current, candidates,
                                                       &problem.current);
        row("candidates, 32 workers, 5 operators", (now_us() - begin) / REPEATS);
        planner_chain_lay(&chain, weight, quantile, 6);
        candidates_problem(capacity, &constraints, candidates, problem.n_candidates, weighed, &problem);
        for (int t = 0; t < STEPS; t++) {
                seconds[t] = 60 * (1 + t / 4);
                price[t] = 1e-4;
                half[t] = 0.5;
                for (int s = 0; s < 6; s++)
                        load[s * STEPS + t] = 40000 + 5000 * s + 20000 * sin(t / 10.0);
        }
        problem.step_seconds = seconds;
        problem.worker_second = price;
        problem.load = load;
        problem.correlation = problem.persistence = problem.change_persistence = half;
        begin = now_us();
        for (int i = 0; i < REPEATS; i++)
                planner_weigh(&problem, costs);
        row("planner, 72 steps, 6 scenarios, 33 candidates", (now_us() - begin) / REPEATS);
        capacity_free(capacity);
}

/* ---- the forecast ---- */

static void rate_load(const char *name)
{
        static const int leads[] = {1, 3, 12};
        static const struct series_format format = {0};
        const char *folder = getenv("OPTCTL_DATA");
        autofree char *path = memory_format("%s/load/%s", folder ? folder : "../shared/data", name);
        struct error err = ERROR_INIT;
        struct series *series;

        if (access(path, R_OK) != 0) {
                printf("%-34s skipped: it is not here\n", name);
                return;
        }
        if (!series_read(path, &format, &series, &err)) {
                fprintf(stderr, "%s\n", err.message);
                exit(1);
        }
        printf("%-34s", name);
        for (size_t k = 0; k < ARRAY_LENGTH(leads); k++) {
                int64_t step_ms = series_step_ms(series);
                struct forecast *forecast = forecast_new(step_ms, 24 * step_ms);
                size_t day = (size_t)(MS_PER_DAY / step_ms), lead = (size_t)leads[k];
                double mine = 0, last = 0, yesterday = 0;

                for (size_t i = 0; i + lead < series->count; i++) {
                        double value = series->value[i + lead];

                        forecast_add(forecast, series->time_ms[i], series->value[i]);
                        if (i < day)
                                continue;
                        mine += fabs(value - forecast_mean(forecast, (int64_t)lead * step_ms));
                        last += fabs(value - series->value[i]);
                        yesterday += fabs(value - series->value[i + lead - day]);
                }
                printf("   %5.2f %9.2f", mine / last, mine / yesterday);
                forecast_free(forecast);
        }
        printf("\n");
        series_free(series);
}

int main(void)
{
        printf("parts of a decision                                 figure\n");
        time_forecast();
        time_planner();
        printf("\nmean absolute error over that of:    lead 1 step        3 steps          12 steps\n"
               "                                     last yesterday     last yesterday     last yesterday\n");
        rate_load("IoT_5min.csv");
        rate_load("elb_request_count_8c0756.csv");
        rate_load("nyc_taxi.csv");
        rate_load("taxi_5min.csv");
        rate_load("wiki_en_5min.csv");
        return 0;
}
