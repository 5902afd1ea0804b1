/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/variant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/study/workers.h"
#include "sim/calibrate.h"
#include "sim/recording.h"

#define CHART_POINTS  1500
#define CHART_STEP_MS 60000

/* ---- opening ---- */

static bool in_fit(const struct spec *spec, const char *name)
{
        char *const *fit = spec->backtest.fit.items;

        for (size_t i = 0; i < spec->backtest.fit.count; i++)
                if (strcmp(fit[i], name) == 0)
                        return true;
        return false;
}

static void free_recordings(struct recording **recordings, size_t count)
{
        for (size_t i = 0; i < count; i++)
                recording_free(recordings[i]);
        free(recordings);
}

/* A spec without a model but with recordings is calibrated on those named under backtest.fit. */
static bool calibrate_model(const struct spec *spec, struct model *ret_model, struct error *err)
{
        const struct recording_options *options = spec->recordings.items;
        struct recording **recordings = memory_new(spec->recordings.count, sizeof(struct recording *));
        struct calibration *calibration autocall(calibration_free) = NULL;
        size_t count = 0;
        bool done = true;

        for (size_t i = 0; done && i < spec->recordings.count; i++)
                if (in_fit(spec, options[i].name))
                        done = recording_read(spec, i, &recordings[count], err) && ++count > 0;
        done = done && calibrate(&spec->pipeline, &spec->model, recordings, count, &calibration, err);
        free_recordings(recordings, spec->recordings.count);
        if (done)
                model_copy(&calibration->model, ret_model);
        return done;
}

static bool take_model(struct variant *variant, struct error *err)
{
        const struct spec *spec = variant->spec;

        if (spec->lacks_graph)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "%s: names operators, and only the engine knows the graph; expected spec.pipeline "
                        "(optctl record writes it)",
                        spec->path);
        if (spec->backtest.fit.count > 0)
                return calibrate_model(spec, &variant->model, err);
        if (!spec->has_model)
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s: nothing says how the pipeline behaves; expected spec.model (optctl "
                                 "calibrate prints "
                                 "one) or recordings named in spec.backtest.fit",
                                 spec->path);
        model_copy(&spec->model, &variant->model);
        return true;
}

bool variant_open(const struct source *source, const char *const *sets, int64_t runs, int64_t seed,
                  struct variant **ret_variant, struct error *err)
{
        struct variant *variant autocall(variant_free) = memory_new(1, sizeof *variant);
        const struct simulation_options *simulation;
        int64_t start_ms;

        if (!source_spec(source, sets, &variant->spec, err))
                return false;
        simulation = &variant->spec->simulation;
        variant->runs = runs > 0 ? runs : simulation->runs;
        variant->seed = seed >= 0 ? seed : simulation->seed;
        if (!take_model(variant, err) || !spec_price_book(variant->spec, &variant->prices, err) ||
            !workload_new(&variant->spec->workload, variant->spec->base, simulation->start_ms,
                          simulation->duration_seconds * MS_PER_SECOND, simulation->step_milliseconds,
                          (uint64_t)variant->seed, &variant->workload, err))
                return false;
        start_ms = workload_start_ms(variant->workload);
        if (simulation->warmup_seconds * MS_PER_SECOND >= workload_duration_ms(variant->workload))
                return error_set(err, ERROR_INPUT, NULL,
                                 "%s: spec.simulation.warmupSeconds: %lld s leave nothing of the %lld s to "
                                 "reckon; expected less",
                                 source->path, (long long)simulation->warmup_seconds,
                                 (long long)(workload_duration_ms(variant->workload) / MS_PER_SECOND));
        if (!price_book_covers(variant->prices, start_ms, start_ms + workload_duration_ms(variant->workload),
                               err))
                return error_wrap(err, "%s: spec.prices", source->path);
        *ret_variant = TAKE(variant);
        return true;
}

void variant_free(struct variant *variant)
{
        if (!variant)
                return;
        model_free(&variant->model);
        workload_free(variant->workload);
        price_book_free(variant->prices);
        spec_free(variant->spec);
        free(variant);
}

/* ---- simulating ---- */

struct simulation {
        const struct variant *variant;
        struct variant_runs *results;
        size_t count;
        bool keep;
};

static int64_t chart_step_ms(const struct variant *variant)
{
        int64_t least = workload_duration_ms(variant->workload) / CHART_POINTS;
        int64_t step = (least / CHART_STEP_MS + 1) * CHART_STEP_MS;

        return step;
}

struct scenario variant_scenario(const struct variant *variant, const struct variant_runs *one,
                                 const struct load *load, size_t run)
{
        const struct spec *spec = variant->spec;

        return (struct scenario){
                .spec = spec,
                .model = &variant->model,
                .known = &variant->model,
                .prices = variant->prices,
                .load = load,
                .strategy = one->strategy,
                .strategy_options = one->options,
                .initial = configuration_from_values(&spec->pipeline,
                                                     one->baseline ? spec->baseline : spec->initial),
                .start_ms = workload_start_ms(variant->workload),
                .step_ms = spec->simulation.step_milliseconds,
                .warmup_ms = spec->simulation.warmup_seconds * MS_PER_SECOND,
                .seed = (uint64_t)variant->seed,
                .run = run,
                .draw_parameters = true,
        };
}

/* Runs are dealt out run by run, so that the strategies of one run are computed close together. */
static bool simulate_one(void *context, size_t index, struct error *err)
{
        const struct simulation *simulation = context;
        const struct variant *variant = simulation->variant;
        struct variant_runs *result = &simulation->results[index % simulation->count];
        size_t run = index / simulation->count;
        struct workload_run *load autocall(workload_run_free) = workload_run_new(variant->workload, run);
        struct scenario scenario = variant_scenario(variant, result, &load->load, run);
        bool keep = simulation->keep && run == 0;
        struct scenario_result one;

        scenario.timeline_step_ms = keep ? chart_step_ms(variant) : 0;
        scenario.keep_changes = keep;
        if (!scenario_run(&scenario, &one, err))
                return false;
        summary_of(&one.figures, &result->runs[run]);
        if (keep)
                result->first = one;
        else
                scenario_result_free(&one);
        return true;
}

bool variant_simulate(const struct variant *variant, struct variant_runs *results, size_t count, bool keep,
                      size_t threads, struct progress *progress, struct error *err)
{
        struct simulation simulation = {.variant = variant, .results = results, .count = count, .keep = keep};

        for (size_t i = 0; i < count; i++)
                results[i].runs = memory_new((size_t)variant->runs, sizeof *results[i].runs);
        return workers_run(count * (size_t)variant->runs, threads, simulate_one, &simulation, progress, err);
}

void variant_runs_free(struct variant_runs *results, size_t count)
{
        for (size_t i = 0; results && i < count; i++) {
                free(results[i].runs);
                scenario_result_free(&results[i].first);
        }
        free(results);
}
