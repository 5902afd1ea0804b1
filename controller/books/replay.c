/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/live/recorder.h"
#include "controller/books/replay_internal.h"
#include "controller/study/scenario.h"
#include "controller/cli/terminal.h"
#include "controller/study/workers.h"
#include "core/json.h"
#include "core/text.h"
#include "sim/recording.h"

#define STEP_MS         MS_PER_SECOND
#define GAP_TURNS       5 /* without an observation */
#define SHORTEST_GAP_MS (60 * MS_PER_SECOND)

/* ---- the spec, and the graph as the ledger knows it ---- */

static json_t *graph_operators(const json_t *layout)
{
        json_t *operators = json_array(), *one;
        size_t i;

        json_array_foreach(json_object_get(layout, "operators"), i, one)
        {
                json_t *operator= json_pack("{s:O, s:O}", "name", json_object_get(one, "name"), "source",
                                            json_object_get(one, "source"));

                if (json_integer_value(json_object_get(one, "partitions")) > 0)
                        json_object_set(operator, "partitions", json_object_get(one, "partitions"));
                if (json_integer_value(json_object_get(one, "max_parallelism")) > 0)
                        json_object_set(operator, "maxParallelism", json_object_get(one, "max_parallelism"));
                json_array_append_new(operators, operator);
        }
        return operators;
}

/* As text of a spec.pipeline; the caller frees it. */
static char *graph_override(const json_t *layout)
{
        autojson *graph =
                json_pack("{s:O, s:o, s:O}", "slotsPerWorker", json_object_get(layout, "slots_per_worker"),
                          "operators", graph_operators(layout), "edges", json_object_get(layout, "edges"));
        autotext text = {0};

        text_put(&text, "spec.pipeline=");
        json_put(graph, 0, &text);
        return text_take(&text);
}

static bool read_spec(struct replay *replay, const char *graph, struct error *err)
{
        char *const *sets = replay->request->sets;
        autofree const char **all = NULL;
        size_t count = 0;

        while (sets && sets[count])
                count++;
        all = memory_new(count + 2, sizeof *all);
        for (size_t i = 0; i < count; i++)
                all[i] = sets[i];
        all[count] = graph;
        spec_free(replay->spec);
        replay->spec = NULL;
        return source_spec(replay->request->source, all, &replay->spec, err);
}

static bool find_origin(struct replay *replay, struct error *err)
{
        const struct replay_request *request = replay->request;
        const struct spec *spec = replay->spec;
        autofree char *name = memory_format("%s%s%s", spec->namespace ? spec->namespace : "",
                                            spec->namespace ? "/" : "", spec->name);

        return ledger_origin(request->reader, request->pipeline ? request->pipeline : name, request->since_ms,
                             &replay->origin, err);
}

/* Where only the engine knows the graph, the ledger keeps what it told. */
static bool open_spec(struct replay *replay, struct error *err)
{
        autofree char *graph = NULL;

        if (!read_spec(replay, NULL, err) || !find_origin(replay, err))
                return false;
        if (!replay->spec->has_graph) {
                graph = graph_override(json_object_get(replay->origin, "layout"));
                if (!read_spec(replay, graph, err))
                        return error_wrap(err, "with the graph that the ledger tells");
        }
        return spec_price_book(replay->spec, &replay->prices, err);
}

/* ---- the past ---- */

static int64_t interval_ms(const struct spec *spec)
{
        const struct spec_strategy *chosen = spec_find_strategy(spec, spec->strategy->name);

        return chosen->strategy->interval_ms(chosen->options);
}

static bool read_past(struct replay *replay, const char *folder, struct error *err)
{
        const struct replay_request *request = replay->request;
        int64_t turns_ms = GAP_TURNS * interval_ms(replay->spec);
        const struct past_source source = {
                .reader = request->reader,
                .pipeline = json_string_value(json_object_get(replay->origin, "pipeline")),
                .since_ms = request->since_ms,
                .spec = replay->spec,
                .prices = replay->prices,
                .folder = folder,
                .longest_ms = turns_ms > SHORTEST_GAP_MS ? turns_ms : SHORTEST_GAP_MS,
        };
        const struct span *last;

        if (!past_read(&source, &replay->past, err))
                return false;
        last = &replay->past.spans[replay->past.count - 1];
        return price_book_covers(replay->prices, replay->past.spans[0].start_ms, last->end_ms, err) ||
               error_wrap(err, "spec.prices");
}

/* ---- the model ---- */

/* The model that the recording's spec brings: the spec's own, or a first guess. */
static bool read_recording(const struct replay *replay, const struct span *span, struct spec **ret_spec,
                           struct recording **ret_recording, struct error *err)
{
        autofree char *path = memory_format("%s/recording.yaml", span->folder);

        return spec_read(path, NULL, NULL, replay->request->source->registry, ret_spec, err) &&
               recording_read(*ret_spec, 0, ret_recording, err);
}

static bool fit(struct replay *replay, struct error *err)
{
        size_t count = replay->past.count, n = 0;
        struct spec **specs = memory_new(count, sizeof(struct spec *));
        struct recording **recordings = memory_new(count, sizeof(struct recording *));
        bool done = true;

        for (; done && n < count; n++)
                done = read_recording(replay, &replay->past.spans[n], &specs[n], &recordings[n], err);
        if (done) {
                const struct model *prior = &specs[0]->model;

                if (!calibrate(&replay->spec->pipeline, prior, recordings, count, &replay->calibration,
                               &replay->unfitted))
                        replay->calibration = NULL;
                model_copy(replay->calibration ? &replay->calibration->model : prior, &replay->model);
        }
        for (size_t i = 0; i < n; i++) {
                recording_free(recordings[i]);
                spec_free(specs[i]);
        }
        free(recordings);
        free(specs);
        return done;
}

/* ---- folders ---- */

static bool make_folder(const char *wanted, char **ret_folder, struct error *err)
{
        const char *parent = getenv("TMPDIR");
        autofree char *folder =
                wanted ? memory_copy_text(wanted)
                       : memory_format("%s/optctl-XXXXXX", parent && *parent ? parent : P_tmpdir);

        if (wanted ? mkdir(folder, 0777) != 0 && errno != EEXIST : !mkdtemp(folder))
                return text_read_error(folder, errno, err);
        *ret_folder = TAKE(folder);
        return true;
}

static void remove_folder(const char *folder)
{
        static const char *const names[] = {"samples.csv", "recording.yaml", ""};
        bool more = true;

        for (int i = 1; more; i++)
                for (size_t j = 0; j < ARRAY_LENGTH(names); j++) {
                        autofree char *path = memory_format("%s/%d/%s", folder, i, names[j]);

                        more = (*names[j] ? unlink(path) : rmdir(path)) == 0;
                }
        rmdir(folder);
}

/* ---- what is replayed ---- */

/* What ran when optctl first saw the pipeline is in the ledger, however late the replay begins. */
static void take_baseline(struct replay *replay)
{
        const json_t *first = json_object_get(replay->origin, "first");
        const struct spec *spec = replay->spec;

        replay->baseline = configuration_from_values(&spec->pipeline, spec->baseline);
        if (spec->baseline_is_current && !ledger_configuration(&spec->pipeline, first, &replay->baseline))
                replay->baseline = replay->past.spans[0].steps[0].configuration;
}

/* The one strategy that steered all the time, if it made changes. */
static const struct spec_strategy *find_steering(const struct replay *replay)
{
        const json_t *strategies = json_object_get(replay->origin, "strategies");
        const char *name = json_string_value(json_array_get(strategies, 0));
        const struct spec_strategy *found;

        if (json_array_size(strategies) != 1 || !name ||
            json_number_value(json_object_get(replay->origin, "changes")) < 1)
                return NULL;
        found = spec_find_strategy(replay->spec, name);
        return found && !found->strategy->needs_foresight ? found : NULL;
}

/* What ran is held where no strategy is named; `static` does that, too, but looks less often. */
static bool baseline_is_held(const struct spec *spec)
{
        const struct yaml_node *node = yaml_get(yaml_root(spec->document), "spec");

        return !yaml_get(yaml_get(node, "baseline"), "strategy");
}

static void plan(struct replay *replay)
{
        const struct spec *spec = replay->spec;
        bool held = baseline_is_held(spec);
        const struct spec_strategy *steering = find_steering(replay);
        struct replay_plan *plans = replay->plans;

        replay->fixed_step.configuration = replay->baseline;
        replay->fixed = (struct path){.pipeline = &spec->pipeline,
                                      .interval_ms = interval_ms(spec),
                                      .steps = &replay->fixed_step,
                                      .count = 1};
        plans[REPLAY_BASELINE] =
                (struct replay_plan){.wanted = true,
                                     .strategy = held ? &path_strategy : spec->baseline_strategy,
                                     .options = held ? &replay->fixed : spec->baseline_options};
        plans[REPLAY_PATH] = (struct replay_plan){.wanted = true, .strategy = &path_strategy};
        if (steering)
                plans[REPLAY_STRATEGY] = (struct replay_plan){.wanted = true,
                                                              .strategy = steering->strategy,
                                                              .options = steering->options};
        for (int i = 0; i < REPLAYS; i++)
                plans[i].runs = memory_new((size_t)replay->request->runs, sizeof *plans[i].runs);
}

/* ---- simulating ---- */

static struct scenario scenario_of(const struct replay *replay, const struct span *span,
                                   const struct journal *journal, size_t run)
{
        return (struct scenario){
                .spec = replay->spec,
                .model = &replay->model,
                .known = replay->spec->has_model ? &replay->spec->model : NULL,
                .prices = replay->prices,
                .load = &span->load,
                .start_ms = span->start_ms,
                .step_ms = STEP_MS,
                .seed = (uint64_t)replay->request->seed,
                .run = run,
                .draw_parameters = true,
                .journal = journal,
        };
}

/* After a gap a replay goes on with what it ran before; what ran is known. */
static bool replay_span(const struct replay *replay, enum replayed which, size_t index, size_t run,
                        struct tally *tally, struct error *err)
{
        const struct span *span = &replay->past.spans[index];
        const struct replay_plan *plan = &replay->plans[which];
        const struct path ran = {.pipeline = &replay->spec->pipeline,
                                 .interval_ms = replay->fixed.interval_ms,
                                 .steps = span->steps,
                                 .count = span->n_steps};
        struct journal journal = tally_journal(tally);
        struct scenario scenario = scenario_of(replay, span, &journal, run);
        struct scenario_result result;

        scenario.strategy = plan->strategy;
        scenario.strategy_options = plan->options ? plan->options : &ran;
        if (which != REPLAY_PATH && tally->newest.count > 0)
                scenario.initial = tally->newest;
        else
                scenario.initial = which == REPLAY_BASELINE ? replay->baseline : span->steps[0].configuration;
        tally_begin(tally, span->start_ms, span->end_ms);
        if (!scenario_run(&scenario, &result, err))
                return false;
        tally_end(tally);
        scenario_result_free(&result);
        return true;
}

bool replay_one(const struct replay *replay, enum replayed which, size_t run, struct replay_run *ret_run,
                struct error *err)
{
        struct tally tally = {.prices = replay->prices, .constraints = &replay->spec->constraints};

        for (size_t i = 0; i < replay->past.count; i++)
                if (!replay_span(replay, which, i, run, &tally, err))
                        return false;
        *ret_run = (struct replay_run){.cost = price_sum_to_money(tally.cost),
                                       .late_seconds = (double)tally.late_ms / MS_PER_SECOND,
                                       .wait = tally.wait};
        return true;
}

static bool simulate_one(void *context, size_t job, struct error *err)
{
        const struct replay *replay = context;
        enum replayed which = job % REPLAYS;
        size_t run = job / REPLAYS;

        return !replay->plans[which].wanted ||
               replay_one(replay, which, run, &replay->plans[which].runs[run], err);
}

static bool simulate(struct replay *replay, struct error *err)
{
        size_t jobs = REPLAYS * (size_t)replay->request->runs;
        struct clock clock = clock_system();
        struct progress *progress =
                progress_new(stderr, !replay->request->quiet, &clock, "replaying", "runs", (int64_t)jobs);
        bool done = workers_run(jobs, (size_t)replay->request->threads, simulate_one, replay, progress, err);

        progress_free(progress);
        return done;
}

static void keep_likely(struct replay *replay)
{
        size_t count = (size_t)replay->request->runs;
        autofree double *misses = memory_new(count, sizeof *misses);

        for (size_t i = 0; i < count; i++)
                misses[i] = fabs(replay->plans[REPLAY_PATH].runs[i].wait - replay->past.measured.wait);
        replay->n_kept = (count + 1) / 2;
        replay->kept = memory_new(count, sizeof *replay->kept);
        gsl_sort_index(replay->kept, misses, 1, count);
}

/* ---- all of it ---- */

static void close_replay(struct replay *replay)
{
        for (int i = 0; i < REPLAYS; i++)
                free(replay->plans[i].runs);
        free(replay->kept);
        past_free(&replay->past);
        calibration_free(replay->calibration);
        model_free(&replay->model);
        price_book_free(replay->prices);
        json_decref(replay->origin);
        spec_free(replay->spec);
}

bool replay_run(const struct replay_request *request, json_t **ret_pipelines, struct error *err)
{
        struct replay replay = {.request = request, .unfitted = ERROR_INIT};
        autofree char *folder = NULL;
        bool done = open_spec(&replay, err) && make_folder(request->record, &folder, err) &&
                    read_past(&replay, folder, err) && fit(&replay, err);

        if (done) {
                take_baseline(&replay);
                plan(&replay);
                done = simulate(&replay, err);
        }
        if (done) {
                keep_likely(&replay);
                *ret_pipelines = replay_json(&replay);
        }
        if (folder && !request->record)
                remove_folder(folder);
        close_replay(&replay);
        return done;
}
