/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/variant.h"
#include "core/json.h"
#include "core/series.h"

#define INTERVAL       0.9
#define MAX_SWEEPS     10000
#define FRONT_MAX_RUNS 5 /* a point of the front is a mean over so many runs at the most */

/* ---- which strategies ---- */

static bool is_named(char *const *names, const char *name)
{
        for (; names && *names; names++)
                if (strcmp(*names, name) == 0 || strcmp(*names, "all") == 0)
                        return true;
        return false;
}

static bool in_spec(const struct spec *spec, const char *name)
{
        char *const *names = spec->simulation.strategies.items;

        if (spec->simulation.strategies.count == 0)
                return true;
        for (size_t i = 0; i < spec->simulation.strategies.count; i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

static bool check_names(const struct spec *spec, char *const *names, struct error *err)
{
        const char **known = memory_new(spec->n_strategies + 2, sizeof *known);
        bool done = true;

        for (size_t i = 0; i < spec->n_strategies; i++)
                known[i] = spec->strategies[i].strategy->name;
        known[spec->n_strategies] = "all";
        for (; done && names && *names; names++) {
                const char *near = text_nearest(*names, known);

                if (strcmp(*names, "all") != 0 && !spec_find_strategy(spec, *names))
                        done = error_set(err, ERROR_INPUT, NULL, "--strategy %s: unknown strategy%s%s%s",
                                         *names, near ? "; did you mean " : "", near ? near : "",
                                         near ? "?" : "");
        }
        free(known);
        return done;
}

static bool chosen(const struct study_request *request, const struct spec *spec, const char *name)
{
        if (request->strategies && *request->strategies)
                return is_named(request->strategies, name);
        return in_spec(spec, name);
}

static const struct strategy *baseline_of(const struct spec *spec)
{
        const struct spec_strategy *fixed = spec_find_strategy(spec, "static");

        return spec->baseline_strategy ? spec->baseline_strategy : fixed ? fixed->strategy : NULL;
}

/* The strategies to run, the baseline among them (first, and not shown unless it was chosen). */
static struct variant_runs *choose(const struct study_request *request, const struct spec *spec,
                                   size_t *ret_count)
{
        struct variant_runs *results = memory_new(spec->n_strategies + 1, sizeof *results);
        const struct strategy *baseline = baseline_of(spec);
        size_t count = 0;

        for (size_t i = 0; i < spec->n_strategies; i++)
                if (spec->strategies[i].strategy == baseline)
                        results[count++].strategy = &spec->strategies[i];
        for (size_t i = 0; i < spec->n_strategies; i++)
                if (spec->strategies[i].strategy != baseline &&
                    chosen(request, spec, spec->strategies[i].strategy->name))
                        results[count++].strategy = &spec->strategies[i];
        *ret_count = count;
        return results;
}

/* Saving of each run against the baseline's same run. */
static void reckon_savings(const struct variant *variant, struct variant_runs *results, size_t count)
{
        for (size_t i = 0; i < count; i++)
                for (int64_t run = 0; run < variant->runs; run++) {
                        double base = results[0].runs[run].value[SUMMARY_COST_PER_DAY];
                        double cost = results[i].runs[run].value[SUMMARY_COST_PER_DAY];

                        results[i].runs[run].value[SUMMARY_SAVING_PERCENT] =
                                base != 0 ? 100 * (1 - cost / base) : NAN;
                }
}

/* ---- documents ---- */

static json_t *numbers(const double *values, size_t count)
{
        json_t *list = json_array();

        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, json_from_double(values[i]));
        return list;
}

static json_t *timeline_json(const struct variant *variant, const struct timeline *timeline)
{
        const struct pipeline *pipeline = &variant->spec->pipeline;
        json_t *object = json_object(), *cost = json_array(), *carbon = json_array(),
               *parallelism = json_object();
        double hours = (double)timeline->step_ms / MS_PER_HOUR;

        for (size_t i = 0; i < timeline->count; i++) {
                int64_t from = timeline->start_ms + (int64_t)i * timeline->step_ms;
                double grams = price_book_carbon_grams(variant->prices, from, from + timeline->step_ms,
                                                       timeline->workers[i]);

                json_array_append_new(cost, json_from_double(timeline->workers[i] *
                                                             price_book_worker_hour(variant->prices, from)));
                json_array_append_new(carbon, json_from_double(grams / hours));
        }
        for (int i = 0; i < pipeline->n_operators; i++)
                json_object_set_new(parallelism, pipeline->operators[i].name,
                                    numbers(timeline->parallelism[i], timeline->count));
        json_object_set_new(object, "start_ms", json_integer(timeline->start_ms));
        json_object_set_new(object, "step_seconds", json_integer(timeline->step_ms / MS_PER_SECOND));
        json_object_set_new(object, "offered", numbers(timeline->offered, timeline->count));
        json_object_set_new(object, "throughput", numbers(timeline->throughput, timeline->count));
        json_object_set_new(object, "capacity", numbers(timeline->capacity, timeline->count));
        json_object_set_new(object, "workers", numbers(timeline->workers, timeline->count));
        json_object_set_new(object, "backlog", numbers(timeline->backlog, timeline->count));
        json_object_set_new(object, "latency_p99", numbers(timeline->latency_p99, timeline->count));
        json_object_set_new(object, "cost_per_hour", cost);
        json_object_set_new(object, "carbon_grams_per_hour", carbon);
        json_object_set_new(object, "parallelism", parallelism);
        return object;
}

static json_t *strategy_json(const struct variant *variant, const struct variant_runs *result)
{
        const struct strategy *strategy = result->strategy->strategy;
        json_t *object = json_pack("{s:s, s:s, s:s}", "name", strategy->name, "summary", strategy->summary,
                                   "currency", price_book_currency(variant->prices));

        summary_to_json(result->runs, (size_t)variant->runs, INTERVAL, object);
        if (result->first.timeline)
                json_object_set_new(object, "timeline", timeline_json(variant, result->first.timeline));
        if (result->first.changes)
                json_object_set(object, "changes", result->first.changes);
        return object;
}

static json_t *strategies_json(const struct study_request *request, const struct variant *variant,
                               const struct variant_runs *results, size_t count)
{
        json_t *list = json_array();

        for (size_t i = 0; i < count; i++)
                if (chosen(request, variant->spec, results[i].strategy->strategy->name))
                        json_array_append_new(list, strategy_json(variant, &results[i]));
        return list;
}

static json_t *load_json(const struct variant *variant)
{
        struct workload_run *run autocall(workload_run_free) = workload_run_new(variant->workload, 0);
        double peak = 0, seconds = (double)variant->spec->simulation.step_milliseconds / MS_PER_SECOND;

        for (size_t i = 0; i < run->load.count; i++)
                peak = fmax(peak, run->load.rate_per_second[i]);
        return json_pack("{s:o, s:o}", "mean_per_second",
                         json_from_double(run->load.cumulative_records[run->load.count] /
                                          ((double)run->load.count * seconds)),
                         "peak_per_second", json_from_double(peak));
}

static json_t *head_json(const struct variant *variant)
{
        const struct spec *spec = variant->spec;
        const struct constraints *constraints = &spec->constraints;
        json_t *document = json_object();
        char start[32];

        time_format(workload_start_ms(variant->workload), start);
        json_object_set_new(document, "kind", json_string("simulation"));
        json_object_set_new(document, "version", json_string(OPTCTL_VERSION));
        json_object_set_new(document, "pipeline", json_string(spec->name));
        json_object_set_new(document, "seed", json_integer(variant->seed));
        json_object_set_new(document, "runs", json_integer(variant->runs));
        json_object_set_new(document, "start", json_string(start));
        json_object_set_new(document, "duration_seconds",
                            json_integer(workload_duration_ms(variant->workload) / MS_PER_SECOND));
        json_object_set_new(document, "currency", json_string(price_book_currency(variant->prices)));
        json_object_set_new(document, "baseline", json_string(baseline_of(spec)->name));
        json_object_set_new(document, "load", load_json(variant));
        json_object_set_new(document, "operators", json_integer(spec->pipeline.n_operators));
        json_object_set_new(document, "constraints",
                            json_pack("{s:o, s:o, s:o}", "latency_p99_seconds",
                                      json_from_double(constraints->latency_p99_seconds), "backlog_seconds",
                                      json_from_double(constraints->backlog_seconds), "confidence_percent",
                                      json_from_double(100 * constraints->confidence)));
        return document;
}

static json_t *trust_json(const struct variant *variant)
{
        const struct model *model = &variant->model;

        return json_pack("{s:s?, s:s?, s:n}", "calibrated_at", model->calibrated_at, "calibrated_from",
                         model->calibrated_from, "backtest");
}

/* ---- sweeps ---- */

/* Runs the chosen strategies with some fields set otherwise; *ret_list takes their figures. */
static bool simulate_with(const struct study_request *request, const char *const *sets, int64_t runs,
                          struct progress *progress, json_t **ret_list, struct error *err)
{
        struct variant *variant autocall(variant_free) = NULL;
        struct variant_runs *results;
        size_t count;
        bool done;

        if (!variant_open(request->spec_path, request->data, sets, request->registry, runs, request->seed,
                          &variant, err))
                return false;
        results = choose(request, variant->spec, &count);
        done = variant_simulate(variant, results, count, false, (size_t)request->threads, progress, err);
        if (done) {
                reckon_savings(variant, results, count);
                *ret_list = strategies_json(request, variant, results, count);
        }
        variant_runs_free(results, count);
        return done;
}

static double mean_of(const json_t *strategy, const char *metric)
{
        double value;

        return json_find_number(json_object_get(strategy, metric), "mean", &value) ? value : NAN;
}

static size_t length_of(char *const *list)
{
        size_t n = 0;

        while (list && list[n])
                n++;
        return n;
}

/* The sets of the request and one more. The caller frees the array, not its texts. */
static const char **with_set(const struct study_request *request, const char *set)
{
        size_t n = length_of(request->sets);
        const char **sets = memory_new(n + 2, sizeof *sets);

        for (size_t i = 0; i < n; i++)
                sets[i] = request->sets[i];
        sets[n] = set;
        return sets;
}

static bool front_point(const struct study_request *request, const struct strategy *strategy, double value,
                        int64_t runs, json_t *front, struct error *err)
{
        autofree char *set =
                memory_format("spec.strategies.%s.%s=%.10g", strategy->name, strategy->sweep_option, value);
        char *names[] = {memory_copy_text(strategy->name), NULL};
        struct study_request one = *request;
        const char **sets = with_set(request, set);
        autojson *list = NULL;
        bool done;

        one.strategies = names;
        done = simulate_with(&one, sets, runs, NULL, &list, err);
        free(sets);
        free(names[0]);
        if (!done)
                return error_wrap(err, "front of %s", strategy->name);
        json_array_append_new(front,
                              json_pack("{s:s, s:s, s:f, s:o, s:o}", "strategy", strategy->name, "option",
                                        strategy->sweep_option, "value", value, "cost_per_day",
                                        json_from_double(mean_of(json_array_get(list, 0), "cost_per_day")),
                                        "slo_missed_minutes_per_day",
                                        json_from_double(mean_of(json_array_get(list, 0),
                                                                 "slo_missed_minutes_per_day"))));
        return true;
}

/* Each strategy swept over the option that trades cost against service level. */
static bool draw_front(const struct study_request *request, const struct variant *variant,
                       struct progress *progress, json_t **ret_front, struct error *err)
{
        autojson *front = json_array();
        int64_t runs = variant->runs < FRONT_MAX_RUNS ? variant->runs : FRONT_MAX_RUNS;

        for (size_t i = 0; i < variant->spec->n_strategies; i++) {
                const struct strategy *strategy = variant->spec->strategies[i].strategy;

                if (!strategy->sweep_option || !chosen(request, variant->spec, strategy->name))
                        continue;
                for (size_t v = 0; v < strategy->n_sweep_values; v++) {
                        if (!front_point(request, strategy, strategy->sweep_values[v], runs, front, err))
                                return false;
                        progress_add(progress, runs);
                }
        }
        *ret_front = TAKE(front);
        return true;
}

/* One sweep: "PATH=A,B,C" cut into its values. */
struct axis {
        char *path;
        char **values;
        size_t count;
};

static bool cut_axis(const char *text, struct axis *ret_axis, struct error *err)
{
        const char *equals = strchr(text, '=');
        struct axis axis = {0};
        char *rest, *cursor, *value;

        if (!equals || equals == text || !equals[1])
                return error_set(err, ERROR_INPUT, NULL, "--sweep %s: expected PATH=A,B,C", text);
        axis.path = memory_format("%.*s", (int)(equals - text), text);
        rest = cursor = memory_copy_text(equals + 1);
        while ((value = strsep(&cursor, ","))) {
                axis.values = memory_resize(axis.values, axis.count + 1, sizeof *axis.values);
                axis.values[axis.count++] = memory_copy_text(value);
        }
        free(rest);
        *ret_axis = axis;
        return true;
}

static void free_axes(struct axis *axes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                for (size_t v = 0; v < axes[i].count; v++)
                        free(axes[i].values[v]);
                free(axes[i].values);
                free(axes[i].path);
        }
        free(axes);
}

/* Combination number `index` of the axes: the last one turns fastest. */
static bool sweep_point(const struct study_request *request, const struct axis *axes, size_t n_axes,
                        size_t index, struct progress *progress, json_t *sweep, struct error *err)
{
        size_t n = length_of(request->sets);
        const char **sets = memory_new(n + n_axes + 1, sizeof *sets);
        char **own = memory_new(n_axes, sizeof *own);
        json_t *values = json_object(), *list = NULL;
        bool done;

        for (size_t i = 0; i < n; i++)
                sets[i] = request->sets[i];
        for (size_t a = n_axes; a-- > 0;) {
                const char *value = axes[a].values[index % axes[a].count];

                index /= axes[a].count;
                own[a] = memory_format("%s=%s", axes[a].path, value);
                sets[n + a] = own[a];
                json_object_set_new(values, axes[a].path, json_string(value));
        }
        done = simulate_with(request, sets, request->runs, progress, &list, err);
        for (size_t a = 0; a < n_axes; a++)
                free(own[a]);
        free(own);
        free(sets);
        if (!done) {
                json_decref(values);
                return false;
        }
        json_array_append_new(sweep, json_pack("{s:o, s:o}", "set", values, "strategies", list));
        return true;
}

static bool run_sweeps(const struct study_request *request, size_t runs_each, json_t **ret_sweep,
                       struct error *err)
{
        size_t n_axes = length_of(request->sweeps), points = 1;
        struct axis *axes = memory_new(n_axes, sizeof *axes);
        json_t *sweep = json_array();
        struct clock clock = clock_system();
        struct progress *progress;
        bool done = true;

        for (size_t a = 0; done && a < n_axes; a++) {
                done = cut_axis(request->sweeps[a], &axes[a], err);
                points *= done ? axes[a].count : 1;
                if (done && points > MAX_SWEEPS)
                        done = error_set(err, ERROR_INPUT, NULL, "--sweep: more than %d combinations",
                                         MAX_SWEEPS);
        }
        progress = progress_new(stderr, !request->quiet, &clock, "sweeping", "runs",
                                (int64_t)(points * runs_each));
        for (size_t i = 0; done && i < points; i++)
                done = sweep_point(request, axes, n_axes, i, progress, sweep, err);
        progress_free(progress);
        free_axes(axes, n_axes);
        if (done)
                *ret_sweep = sweep;
        else
                json_decref(sweep);
        return done;
}

/* ---- the study ---- */

static size_t front_runs(const struct study_request *request, const struct variant *variant)
{
        size_t points = 0;

        for (size_t i = 0; request->for_report && i < variant->spec->n_strategies; i++) {
                const struct strategy *strategy = variant->spec->strategies[i].strategy;

                if (strategy->sweep_option && chosen(request, variant->spec, strategy->name))
                        points += strategy->n_sweep_values;
        }
        return points * (size_t)(variant->runs < FRONT_MAX_RUNS ? variant->runs : FRONT_MAX_RUNS);
}

static bool run_main(const struct study_request *request, const struct variant *variant,
                     struct variant_runs *results, size_t count, json_t **ret_front, struct error *err)
{
        struct clock clock = clock_system();
        size_t total = count * (size_t)variant->runs + front_runs(request, variant);
        struct progress *progress =
                progress_new(stderr, !request->quiet, &clock, "simulating", "runs", (int64_t)total);
        bool done = variant_simulate(variant, results, count, request->for_report, (size_t)request->threads,
                                     progress, err);

        if (done && request->for_report)
                done = draw_front(request, variant, progress, ret_front, err);
        progress_free(progress);
        return done;
}

bool study_run(const struct study_request *request, json_t **ret_document, struct error *err)
{
        struct variant *variant autocall(variant_free) = NULL;
        struct variant_runs *results;
        autojson *front = NULL, *sweep = NULL;
        size_t count;
        bool done;

        if (!variant_open(request->spec_path, request->data, (const char *const *)request->sets,
                          request->registry, request->runs, request->seed, &variant, err) ||
            !check_names(variant->spec, request->strategies, err))
                return false;
        results = choose(request, variant->spec, &count);
        done = run_main(request, variant, results, count, &front, err) &&
               (!request->sweeps || !*request->sweeps ||
                run_sweeps(request, count * (size_t)variant->runs, &sweep, err));
        if (done) {
                json_t *document = head_json(variant);

                reckon_savings(variant, results, count);
                json_object_set_new(document, "strategies",
                                    strategies_json(request, variant, results, count));
                if (front)
                        json_object_set(document, "front", front);
                if (sweep)
                        json_object_set(document, "sweep", sweep);
                json_object_set_new(document, "trust", trust_json(variant));
                *ret_document = document;
        }
        variant_runs_free(results, count);
        return done;
}
