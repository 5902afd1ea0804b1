/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `plan` at its defaults against the Pareto front (cost against minutes of service level missed) of every
 * comparator swept over its main parameter, and its regret against the oracle, on real and synthetic loads
 * and the example pipelines.
 *
 * "off" is how much cheaper the front is at no more minutes missed than plan; 0 is on or beyond the front.
 *
 *   bench_front [--runs N] [--days N] [PIPELINE]
 */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/registry.h"
#include "controller/study/variant.h"

#define MAX_POINTS 200
#define MAX_CASES  100
#define SETS       8

struct load_case {
        const char *name, *file; /* file: below the folder of measured data; NULL: synthetic */
        const char *sets[3];
};

static const struct load_case loads[] = {
        {"IoT", "load/IoT_5min.csv", {NULL}},
        {"NYC taxi", "load/nyc_taxi.csv", {NULL}},
        {"taxi", "load/taxi_5min.csv", {NULL}},
        {"Wikipedia", "load/wiki_en_5min.csv", {NULL}},
        {"ELB requests", "load/elb_request_count_8c0756.csv", {NULL}},
        {"Demeter", "flink-demeter/datasets/ADS_3D_1S_4_sub_30K_max.csv.gz", {NULL}},
        {"own", NULL, {NULL}},
        {"flash crowd",
         NULL,
         {"spec.workload.synthetic=[{shape: Daily, basePerSecond: \"0.5\", peakPerSecond: \"1.5\", peakHour: "
          "15}, "
          "{shape: "
          "FlashCrowd, peakPerSecond: 2, startSeconds: 130000, durationSeconds: 1800}]",
          NULL}},
        {"bursts",
         NULL,
         {"spec.workload.synthetic=[{shape: Daily, basePerSecond: \"0.6\", peakPerSecond: \"1.3\", peakHour: "
          "20}, "
          "{shape: Bursts, "
          "peakPerSecond: 1, durationSeconds: 600, perDay: 8}]",
          NULL}},
        {"trend",
         NULL,
         {"spec.workload.synthetic=[{shape: Trend, basePerSecond: \"0.3\", peakPerSecond: \"0.9\"}, {shape: "
          "Weekly, "
          "basePerSecond: \"0.2\", peakPerSecond: \"0.6\", peakHour: 14, weekendRatio: \"0.5\"}]",
          NULL}},
};

static const char *const pipelines[] = {"examples/clickstream.yaml", "examples/cdc.yaml",
                                        "examples/iot.yaml"};

struct point {
        char name[64];
        double cost, missed;
};

struct options {
        int64_t runs, days;
        const char *only;
};

/* A file measured by others: in the folder OPTCTL_DATA names, else in ../shared/data. NULL when it is not
 * there. */
static char *data_path(const char *name)
{
        const char *folder = getenv("OPTCTL_DATA");
        char *path = memory_format("%s/%s", folder ? folder : "../shared/data", name);

        if (access(path, R_OK) == 0)
                return path;
        free(path);
        return NULL;
}

static double mean_load(struct source *source)
{
        struct error err = ERROR_INIT;
        struct variant *variant autocall(variant_free) = NULL;
        struct workload_run *run autocall(workload_run_free) = NULL;

        if (!variant_open(source, NULL, 1, -1, &variant, &err)) {
                fprintf(stderr, "%s\n", err.message);
                exit(1);
        }
        run = workload_run_new(variant->workload, 0);
        return run->load.cumulative_records[run->load.count] /
               ((double)workload_duration_ms(variant->workload) / MS_PER_SECOND);
}

/* The spec with this load, scaled to the mean that the pipeline was made for, and one field more. */
static struct variant *open_case(struct source *source, const struct load_case *load, double mean,
                                 const struct options *options, const char *more)
{
        struct error err = ERROR_INIT;
        struct variant *variant = NULL;
        autofree char *file = load->file ? data_path(load->file) : NULL;
        autofree char *set_file =
                memory_format("spec.workload={file: \"%s\", repeat: true}", file ? file : "");
        /* A recorded load is scaled by its own mean; the synthetic ones are made for a mean of about one. */
        autofree char *set_mean = load->file ? memory_format("spec.workload.meanPerSecond=%.6g", mean)
                                             : memory_format("spec.workload.scale=%.6g", mean);
        autofree char *set_days =
                memory_format("spec.simulation.durationSeconds=%lld", (long long)options->days * 86400);
        const char *sets[SETS] = {0};
        size_t n = 0;

        if (load->file)
                sets[n++] = set_file;
        else if (load->sets[0])
                sets[n++] = "spec.workload={scale: 1}";
        for (size_t i = 0; load->sets[i]; i++)
                sets[n++] = load->sets[i];
        if (load->file || load->sets[0])
                sets[n++] = set_mean;
        sets[n++] = set_days;
        if (more)
                sets[n++] = more;
        if (!variant_open(source, sets, options->runs, -1, &variant, &err)) {
                fprintf(stderr, "%s: %s\n", load->name, err.message);
                exit(1);
        }
        return variant;
}

/* Means over the runs of one strategy of the variant. */
static struct point measure(const struct variant *variant, const char *strategy, bool baseline)
{
        const struct spec_strategy *found = spec_find_strategy(variant->spec, strategy);
        struct variant_runs results = {.strategy = found->strategy,
                                       .options = found->options,
                                       .baseline = baseline};
        struct error err = ERROR_INIT;
        struct point point = {.name = ""};

        if (!variant_simulate(variant, &results, 1, false, 0, NULL, &err)) {
                fprintf(stderr, "%s: %s\n", strategy, err.message);
                exit(1);
        }
        for (int64_t r = 0; r < variant->runs; r++) {
                point.cost += results.runs[r].value[SUMMARY_COST_PER_DAY] / (double)variant->runs;
                point.missed += results.runs[r].value[SUMMARY_SLO_MISSED] / (double)variant->runs;
        }
        free(results.runs);
        return point;
}

static struct point measure_with(struct source *source, const struct load_case *load, double mean,
                                 const struct options *options, const char *strategy, const char *more,
                                 bool baseline)
{
        struct variant *variant autocall(variant_free) = open_case(source, load, mean, options, more);

        return measure(variant, strategy, baseline);
}

/* Fixed sizes, an eighth of the largest apart. */
static size_t static_points(struct source *source, const struct load_case *load, double mean,
                            const struct options *options, const struct spec *spec, struct point *points)
{
        const struct knob *knob = &spec->pipeline.knobs[0];
        size_t n = 0;

        for (int i = 1; i <= 8; i++) {
                double size = fmax(round(knob->max * i / 8), knob->min);
                autofree char *set =
                        memory_format("spec.baseline={configuration: {%s: %.0f}}", knob->name, size);

                points[n] = measure_with(source, load, mean, options, "static", set, true);
                snprintf(points[n++].name, sizeof points->name, "static %.0f", size);
        }
        return n;
}

static size_t front_points(struct source *source, const struct load_case *load, double mean,
                           const struct options *options, const struct spec *spec, struct point *points)
{
        size_t n = static_points(source, load, mean, options, spec, points);

        for (size_t i = 0; i < spec->n_strategies; i++) {
                const struct strategy *strategy = spec->strategies[i].strategy;

                if (!strategy->comparator || strategy->needs_foresight ||
                    strcmp(strategy->name, "static") == 0)
                        continue;
                points[n] = measure_with(source, load, mean, options, strategy->name, NULL, false);
                snprintf(points[n++].name, sizeof points->name, "%s", strategy->name);
                for (size_t v = 0; strategy->sweep_option && v < strategy->n_sweep_values && n < MAX_POINTS;
                     v++) {
                        autofree char *set = memory_format("spec.strategies.%s.%s=%.10g", strategy->name,
                                                           strategy->sweep_option, strategy->sweep_values[v]);

                        points[n] = measure_with(source, load, mean, options, strategy->name, set, false);
                        snprintf(points[n++].name, sizeof points->name, "%s %g", strategy->name,
                                 strategy->sweep_values[v]);
                }
        }
        return n;
}

static const struct point *cheapest_as_good(const struct point *points, size_t n, const struct point *plan)
{
        const struct point *best = NULL;

        for (size_t i = 0; i < n; i++)
                if (points[i].missed <= plan->missed && (!best || points[i].cost < best->cost))
                        best = &points[i];
        return best;
}

struct tally {
        size_t cases, on_front, far_off;
        double regret[MAX_CASES], worst;
};

static void run_case(struct source *source, const char *pipeline, const struct load_case *load, double mean,
                     const struct options *options, struct tally *tally)
{
        struct variant *variant autocall(variant_free) = open_case(source, load, mean, options, NULL);
        struct point points[MAX_POINTS], plan = measure(variant, "plan", false);
        struct point oracle = measure(variant, "oracle", false);
        size_t n = front_points(source, load, mean, options, variant->spec, points);
        const struct point *best = cheapest_as_good(points, n, &plan);
        double off = best ? fmax(plan.cost / best->cost - 1, 0) : 0, regret = plan.cost / oracle.cost - 1;

        printf("%-12s %-13s %9.2f %8.1f %9.2f %8.1f  %-18s %6.1f %% %7.1f %%\n", pipeline, load->name,
               plan.cost, plan.missed, oracle.cost, oracle.missed, best ? best->name : "none as good",
               100 * off, 100 * regret);
        fflush(stdout);
        tally->on_front += off <= 0;
        tally->far_off += off > .03;
        tally->worst = fmax(tally->worst, off);
        tally->regret[tally->cases++] = regret;
}

static void run_pipeline(const char *path, const struct options *options, struct tally *tally)
{
        struct error err = ERROR_INIT;
        struct source source = {0};
        char name[32];
        double mean;

        if (!source_open(path, NULL, registry_all(), &source, &err)) {
                printf("%s: %s\n", path, err.message);
                return;
        }
        snprintf(name, sizeof name, "%s", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
        *strchrnul(name, '.') = '\0';
        mean = mean_load(&source);
        for (size_t i = 0; i < ARRAY_LENGTH(loads); i++) {
                autofree char *file = loads[i].file ? data_path(loads[i].file) : NULL;

                if (loads[i].file && !file) {
                        printf("%-12s %-13s skipped: %s is not here\n", name, loads[i].name, loads[i].file);
                        continue;
                }
                run_case(&source, name, &loads[i], mean, options, tally);
        }
        source_close(&source);
}

int main(int count, char **words)
{
        struct options options = {.runs = 3, .days = 7};
        struct tally tally = {0};

        for (int i = 1; i < count; i++) {
                if (strcmp(words[i], "--runs") == 0 && i + 1 < count)
                        options.runs = atoll(words[++i]);
                else if (strcmp(words[i], "--days") == 0 && i + 1 < count)
                        options.days = atoll(words[++i]);
                else
                        options.only = words[i];
        }
        printf("%lld days, %lld runs; cost a day, minutes of service level missed a day\n\n",
               (long long)options.days, (long long)options.runs);
        printf("%-12s %-13s %9s %8s %9s %8s  %-18s %8s %9s\n", "pipeline", "load", "plan", "missed", "oracle",
               "missed", "front, as good", "off", "regret");
        for (size_t i = 0; i < ARRAY_LENGTH(pipelines); i++)
                if (!options.only || strstr(pipelines[i], options.only))
                        run_pipeline(pipelines[i], &options, &tally);
        if (tally.cases == 0)
                return 1;
        gsl_sort(tally.regret, 1, tally.cases);
        printf("\non or beyond the front %zu of %zu; off by more than 3 %%: %zu, worst %.1f %%; regret, "
               "median %.1f %%\n",
               tally.on_front, tally.cases, tally.far_off, 100 * tally.worst,
               100 * gsl_stats_median_from_sorted_data(tally.regret, 1, tally.cases));
        return 0;
}
