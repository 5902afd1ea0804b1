/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "controller/study/internal.h"
#include "core/json.h"
#include "core/series/series.h"

#define INTERVAL 0.9

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
        json_object_set_new(object, "step_seconds",
                            json_from_double((double)timeline->step_ms / MS_PER_SECOND));
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
        const struct strategy *strategy = result->strategy;
        json_t *object = json_pack("{s:s, s:s, s:s}", "name", strategy->name, "summary", strategy->summary,
                                   "currency", price_book_currency(variant->prices));

        summary_to_json(result->runs, (size_t)variant->runs, INTERVAL, object);
        if (result->first.timeline)
                json_object_set_new(object, "timeline", timeline_json(variant, result->first.timeline));
        if (result->first.changes)
                json_object_set(object, "changes", result->first.changes);
        return object;
}

json_t *study_strategies(const struct study_request *request, const struct variant *variant,
                         const struct variant_runs *results, size_t count)
{
        json_t *list = json_array();

        for (size_t i = 0; i < count; i++)
                if (study_chosen(request, variant->spec, results[i].strategy->name))
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

json_t *study_head(const struct variant *variant)
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
        json_object_set_new(document, "baseline", json_string(study_baseline_name(spec)));
        json_object_set_new(document, "load", load_json(variant));
        json_object_set_new(document, "operators", json_integer(spec->pipeline.n_operators));
        json_object_set_new(document, "constraints",
                            json_pack("{s:o, s:o, s:o}", "latency_p99_seconds",
                                      json_from_double(constraints->latency_p99_seconds), "backlog_seconds",
                                      json_from_double(constraints->backlog_seconds), "confidence_percent",
                                      json_from_double(100 * constraints->confidence)));
        return document;
}
