/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/backtest.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/study/residuals.h"
#include "controller/study/scenario.h"
#include "controller/study/summary.h"
#include "controller/cli/terminal.h"
#include "controller/study/workers.h"
#include "core/json.h"
#include "core/random.h"
#include "core/series/series.h"
#include "core/spec.h"
#include "sim/recording.h"

#define FIT_RUNS    5   /* runs over a fitted recording, for the residuals */
#define KNOWN_LEAST .95 /* of a recording, where workers are known: gaps of some seconds do no harm */
/* Of random streams; see random_new. */
#define PURPOSE_TURNS   0x7475726e
#define PURPOSE_SAMPLES 0x73616d70

/* One recording and what the simulator made of it. */
struct trial {
        struct recording *recording;
        const struct strategy *strategy;
        void *options;
        bool fitted;
        double *rate, *cumulative; /* its offered load, without gaps */
        struct load load;
        size_t n_runs;
        struct scenario_result *runs;
        double *latency_peak; /* of each run: base and delay at their worst */
};

struct backtest {
        const struct backtest_request *request;
        struct spec *spec;
        struct price_book *prices;
        struct calibration *calibration;
        size_t n;
        struct trial *trials;
        struct residuals residuals;
        double share;
        size_t steps_per_window;
        /* Job index -> (trial, run). */
        struct {
                size_t trial, run;
        } * jobs;
        size_t n_jobs;
};

/* ---- reading ---- */

static bool named(const struct option_list *list, const char *name)
{
        char *const *names = list->items;

        for (size_t i = 0; i < list->count; i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

static double first_known(const double *values, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!isnan(values[i]))
                        return fmax(values[i], 0);
        return 0;
}

/* Offered load without gaps: an unknown step repeats the last known one; before the first, that. */
static bool take_load(struct trial *trial, struct error *err)
{
        const struct recording *recording = trial->recording;
        const double *known = recording->offered ? recording->offered : recording->throughput;
        double last;

        if (!known)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "recording %s: nothing says what load was offered; expected the metric offered, a "
                        "workloadFile, or throughput",
                        recording->name);
        last = first_known(known, recording->count);
        trial->rate = memory_new(recording->count, sizeof *trial->rate);
        trial->cumulative = memory_new(recording->count + 1, sizeof *trial->cumulative);
        for (size_t i = 0; i < recording->count; i++) {
                last = isnan(known[i]) ? last : fmax(known[i], 0);
                trial->rate[i] = last;
                trial->cumulative[i + 1] = trial->cumulative[i] + last;
        }
        trial->load = (struct load){recording->count, trial->rate, trial->cumulative};
        return true;
}

static bool open_trial(struct backtest *backtest, size_t index, struct error *err)
{
        const struct recording_options *options =
                &((const struct recording_options *)backtest->spec->recordings.items)[index];
        struct trial *trial = &backtest->trials[index];
        const char *name = options->strategy ? options->strategy : "static";
        const struct spec_strategy *strategy = spec_find_strategy(backtest->spec, name);

        if (!recording_read(backtest->spec, index, &trial->recording, err) || !take_load(trial, err))
                return false;
        if (!strategy)
                return error_set(err, ERROR_INPUT, NULL, "recording %s: unknown strategy %s", options->name,
                                 name);
        trial->strategy = strategy->strategy;
        trial->fitted = named(&backtest->spec->backtest.fit, options->name);
        return option_new(strategy->strategy->options, options->options, &trial->options, err);
}

static bool open_all(struct backtest *backtest, struct error *err)
{
        const struct backtest_request *request = backtest->request;

        if (!source_spec(request->source, (const char *const *)request->sets, &backtest->spec, err) ||
            !spec_price_book(backtest->spec, &backtest->prices, err))
                return false;
        if (backtest->spec->backtest.fit.count == 0)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "%s: spec.backtest.fit names no recording; expected those to fit the model on",
                        request->source->path);
        backtest->n = backtest->spec->recordings.count;
        backtest->trials = memory_new(backtest->n, sizeof *backtest->trials);
        for (size_t i = 0; i < backtest->n; i++)
                if (!open_trial(backtest, i, err))
                        return false;
        backtest->share = backtest->spec->backtest.interval_percent / 100;
        backtest->steps_per_window = (size_t)backtest->spec->backtest.window_seconds;
        return true;
}

static bool fit(struct backtest *backtest, struct error *err)
{
        struct recording **fitted = memory_new(backtest->n, sizeof(struct recording *));
        size_t count = 0;
        bool done;

        for (size_t i = 0; i < backtest->n; i++)
                if (backtest->trials[i].fitted)
                        fitted[count++] = backtest->trials[i].recording;
        done = calibrate(&backtest->spec->pipeline, &backtest->spec->model, fitted, count,
                         &backtest->calibration, err);
        free(fitted);
        return done;
}

static void close_backtest(struct backtest *backtest)
{
        for (size_t i = 0; backtest->trials && i < backtest->n; i++) {
                struct trial *trial = &backtest->trials[i];

                for (size_t r = 0; trial->runs && r < trial->n_runs; r++)
                        scenario_result_free(&trial->runs[r]);
                free(trial->runs);
                free(trial->latency_peak);
                free(trial->rate);
                free(trial->cumulative);
                if (trial->strategy)
                        option_delete(trial->strategy->options, trial->options);
                recording_free(trial->recording);
        }
        free(backtest->trials);
        free(backtest->jobs);
        residuals_free(&backtest->residuals);
        calibration_free(backtest->calibration);
        price_book_free(backtest->prices);
        spec_free(backtest->spec);
}

/* ---- simulating ---- */

static bool is_predicted(const struct backtest *backtest, const struct trial *trial)
{
        const struct option_list *predict = &backtest->spec->backtest.predict;

        return !trial->fitted && (predict->count == 0 || named(predict, trial->recording->name));
}

static bool check_predicted(const struct backtest *backtest, struct error *err)
{
        for (size_t i = 0; i < backtest->n; i++)
                if (is_predicted(backtest, &backtest->trials[i]))
                        return true;
        return error_set(
                err, ERROR_INPUT, NULL,
                "%s: spec.backtest leaves no recording to predict; expected one that fit does not name",
                backtest->request->source->path);
}

static void lay_out_jobs(struct backtest *backtest)
{
        for (size_t i = 0; i < backtest->n; i++) {
                struct trial *trial = &backtest->trials[i];
                size_t runs = trial->fitted                   ? FIT_RUNS
                              : is_predicted(backtest, trial) ? (size_t)backtest->spec->backtest.runs
                                                              : 0;

                trial->n_runs = runs;
                trial->runs = memory_new(runs, sizeof *trial->runs);
                trial->latency_peak = memory_new(runs, sizeof *trial->latency_peak);
                backtest->jobs =
                        memory_resize(backtest->jobs, backtest->n_jobs + runs, sizeof *backtest->jobs);
                for (size_t r = 0; r < runs; r++) {
                        backtest->jobs[backtest->n_jobs].trial = i;
                        backtest->jobs[backtest->n_jobs++].run = r;
                }
        }
}

/* When in the recording a loop took its turns may not be known, and when its samples fell beside them never
 * is: at any moment of their interval. */
static int64_t some_moment_ms(const struct backtest *backtest, size_t run, uint64_t purpose,
                              int64_t interval_ms)
{
        autocall(gsl_rng_free) gsl_rng *rng =
                random_new((uint64_t)backtest->spec->backtest.seed, run, purpose);

        return (int64_t)(gsl_rng_uniform(rng) * (double)interval_ms);
}

/* From the begin of the recording to the first turn of who steered it. */
static int64_t first_turn_ms(const struct backtest *backtest, const struct trial *trial, size_t run)
{
        const struct recording *recording = trial->recording;
        int64_t interval_ms = trial->strategy->interval_ms(trial->options), off_ms;

        if (recording->options->turn_ms == INT64_MIN)
                return some_moment_ms(backtest, run, PURPOSE_TURNS, interval_ms);
        off_ms = (recording->options->turn_ms - recording->start_ms) % interval_ms;
        return off_ms < 0 ? off_ms + interval_ms : off_ms;
}

static bool simulate_one(void *context, size_t index, struct error *err)
{
        const struct backtest *backtest = context;
        struct trial *trial = &backtest->trials[backtest->jobs[index].trial];
        size_t run = backtest->jobs[index].run;
        const struct scenario scenario = {
                .spec = backtest->spec,
                .model = &backtest->calibration->model,
                .known = NULL, /* whoever steered the recorded run did not have what is fitted now */
                .prices = backtest->prices,
                .load = &trial->load,
                .strategy = trial->strategy,
                .strategy_options = trial->options,
                .initial = trial->recording->initial,
                .start_ms = trial->recording->start_ms,
                .step_ms = trial->recording->step_ms,
                .late_ms = first_turn_ms(backtest, trial, run),
                .seed = (uint64_t)backtest->spec->backtest.seed,
                .run = run,
                .draw_parameters = true,
                .timeline_step_ms = backtest->spec->backtest.window_seconds * MS_PER_SECOND,
                .sample_ms = trial->recording->backlog_step_ms,
                .first_sample_ms =
                        some_moment_ms(backtest, run, PURPOSE_SAMPLES, trial->recording->backlog_step_ms),
                .keep_changes = run == 0,
        };

        if (!scenario_run(&scenario, &trial->runs[run], err))
                return error_wrap(err, "recording %s", trial->recording->name);
        trial->latency_peak[run] = trial->runs[run].figures.delay_peak_seconds +
                                   backtest->calibration->model.latency.base_seconds;
        return true;
}

static bool simulate(struct backtest *backtest, struct error *err)
{
        struct clock clock = clock_system();
        struct progress *progress;
        bool done;

        lay_out_jobs(backtest);
        progress = progress_new(stderr, !backtest->request->quiet, &clock, "predicting", "runs",
                                (int64_t)backtest->n_jobs);
        done = workers_run(backtest->n_jobs, (size_t)backtest->request->threads, simulate_one, backtest,
                           progress, err);
        progress_free(progress);
        return done;
}

/* ---- comparing ---- */

static size_t windows_of(const struct backtest *backtest, const struct trial *trial)
{
        return trial->recording->count / backtest->steps_per_window;
}

/* What every run says of a window; runs that say nothing are left out. Returns how many there are. */
static size_t window_values(const struct trial *trial, enum window_metric metric, size_t window,
                            struct window_value *ret_values)
{
        size_t n = 0;

        for (size_t r = 0; r < trial->n_runs; r++) {
                const struct timeline *timeline = trial->runs[r].timeline;
                double value = window_simulated(timeline, metric, window);

                if (!isnan(value))
                        ret_values[n++] =
                                (struct window_value){value, timeline->restarted[window] ? WINDOW_RESTARTED
                                                                                         : WINDOW_QUIET};
        }
        return n;
}

static void add_residual(struct backtest *backtest, const struct trial *trial, enum window_metric metric,
                         size_t window)
{
        double measured = window_measured(trial->recording, metric, window, backtest->steps_per_window);
        struct window_value values[FIT_RUNS];
        double plain[FIT_RUNS];
        size_t n = window_values(trial, metric, window, values), restarted = 0;

        for (size_t i = 0; i < n; i++) {
                plain[i] = values[i].value;
                restarted += values[i].kind == WINDOW_RESTARTED;
        }
        if (n == 0)
                return;
        gsl_sort(plain, 1, n);
        residuals_add(&backtest->residuals, metric, 2 * restarted > n ? WINDOW_RESTARTED : WINDOW_QUIET,
                      measured, gsl_stats_median_from_sorted_data(plain, 1, n));
}

static void collect_residuals(struct backtest *backtest)
{
        for (size_t i = 0; i < backtest->n; i++) {
                const struct trial *trial = &backtest->trials[i];

                if (!trial->fitted)
                        continue;
                for (size_t w = 0; w < windows_of(backtest, trial); w++)
                        for (int metric = 0; metric < WINDOW_METRICS; metric++)
                                add_residual(backtest, trial, metric, w);
        }
        residuals_finish(&backtest->residuals);
}

static double peak_of(const double *values, size_t count)
{
        return recording_quantile(values, 0, count, 1);
}

/* Records that waited at the worst moment: in the broker, and in the exchanges where those were recorded. */
static double waiting_peak(const struct recording *recording)
{
        double peak = NAN;

        if (!recording->queued || !recording->backlog)
                return peak_of(recording->backlog, recording->count);
        for (size_t i = 0; i < recording->count; i++)
                peak = fmax(peak, recording->backlog[i] + recording->queued[i]);
        return peak;
}

/* What was measured of a run, in the terms of a simulated run's summary. */
static void measure(const struct backtest *backtest, const struct trial *trial, struct summary *ret_summary)
{
        const struct recording *recording = trial->recording;
        double *value = ret_summary->value;
        price_sum cost = 0;
        double workers = 0, known = 0;

        for (int i = 0; i < SUMMARY_METRICS; i++)
                value[i] = NAN;
        for (size_t i = 0; i < recording->count; i++) {
                double there = recording_workers_at(recording, &backtest->spec->pipeline, i);
                int64_t from = recording->start_ms + (int64_t)i * recording->step_ms;

                if (isnan(there))
                        continue;
                known++;
                workers += there;
                cost += price_book_integral(backtest->prices, from, from + recording->step_ms,
                                            llround(there));
        }
        if (known >= KNOWN_LEAST * (double)recording->count) {
                value[SUMMARY_WORKERS] = workers / known;
                value[SUMMARY_COST_PER_DAY] = price_sum_to_money(cost) * 86400 / known;
        }
        value[SUMMARY_THROUGHPUT] = recording_mean(recording->throughput, 0, recording->count);
        value[SUMMARY_LATENCY_P50] = recording_quantile(recording->latency, 0, recording->count, .5);
        value[SUMMARY_LATENCY_P95] = recording_quantile(recording->latency, 0, recording->count, .95);
        value[SUMMARY_LATENCY_P99] = recording_quantile(recording->latency, 0, recording->count, .99);
        value[SUMMARY_BACKLOG_PEAK] = waiting_peak(recording);
        value[SUMMARY_DELAY_PEAK] = peak_of(recording->latency, recording->count);
}

static double baseline_cost(const struct backtest *backtest)
{
        for (size_t i = 0; backtest->spec->backtest.baseline && i < backtest->n; i++)
                if (strcmp(backtest->trials[i].recording->name, backtest->spec->backtest.baseline) == 0) {
                        struct summary summary;

                        measure(backtest, &backtest->trials[i], &summary);
                        return summary.value[SUMMARY_COST_PER_DAY];
                }
        return NAN;
}

static void summarise_runs(const struct backtest *backtest, const struct trial *trial, double baseline,
                           struct summary *summaries)
{
        for (size_t r = 0; r < trial->n_runs; r++) {
                double *value = summaries[r].value;

                summary_of(&trial->runs[r].figures, &summaries[r]);
                value[SUMMARY_SAVING_PERCENT] = 100 * (1 - value[SUMMARY_COST_PER_DAY] / baseline);
                value[SUMMARY_DELAY_PEAK] = trial->latency_peak[r];
                value[SUMMARY_BACKLOG_PEAK] = trial->recording->queued
                                                      ? trial->runs[r].figures.sampled_peak_records
                                                      : trial->runs[r].figures.sampled_broker_peak_records;
        }
        (void)backtest;
}

/* Mean of the runs and the interval that holds backtest->share of them. */
static json_t *prediction_json(const struct trial *trial, const struct backtest *backtest, int metric,
                               double measured, const struct summary *summaries)
{
        struct spread spread = summary_spread(summaries, trial->n_runs, metric, backtest->share);
        const char *unit = summary_unit(metric);
        autofree char *money = memory_format("%s/d", price_book_currency(backtest->prices));

        return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "recording", trial->recording->name, "metric",
                         summary_name(metric), "unit", unit ? unit : money, "measured",
                         json_from_double(measured), "predicted", json_from_double(spread.mean), "low",
                         json_from_double(spread.low), "high", json_from_double(spread.high));
}

static void predict(const struct backtest *backtest, const struct trial *trial, json_t *predictions)
{
        static const int metrics[] = {SUMMARY_WORKERS,     SUMMARY_COST_PER_DAY, SUMMARY_SAVING_PERCENT,
                                      SUMMARY_THROUGHPUT,  SUMMARY_LATENCY_P50,  SUMMARY_LATENCY_P95,
                                      SUMMARY_LATENCY_P99, SUMMARY_BACKLOG_PEAK, SUMMARY_DELAY_PEAK};
        autofree struct summary *summaries = memory_new(trial->n_runs, sizeof *summaries);
        double baseline = baseline_cost(backtest);
        struct summary measured;

        measure(backtest, trial, &measured);
        measured.value[SUMMARY_SAVING_PERCENT] = 100 * (1 - measured.value[SUMMARY_COST_PER_DAY] / baseline);
        summarise_runs(backtest, trial, baseline, summaries);
        for (size_t i = 0; i < ARRAY_LENGTH(metrics); i++)
                if (!isnan(measured.value[metrics[i]]))
                        json_array_append_new(predictions,
                                              prediction_json(trial, backtest, metrics[i],
                                                              measured.value[metrics[i]], summaries));
}

/* ---- windows ---- */

struct coverage {
        size_t inside, windows;
};

/* A metric that did not move in the recording nor in the runs proves nothing. */
static bool proves_something(const struct trial *trial, enum window_metric metric)
{
        return metric != WINDOW_WORKERS || strcmp(trial->strategy->name, "static") != 0;
}

static json_t *metric_json(const struct backtest *backtest, const struct trial *trial,
                           enum window_metric metric, struct coverage *coverage)
{
        json_t *measured = json_array(), *predicted = json_array(), *low = json_array(), *high = json_array();
        autofree struct window_value *runs = memory_new(trial->n_runs, sizeof *runs);

        for (size_t w = 0; w < windows_of(backtest, trial); w++) {
                double seen = window_measured(trial->recording, metric, w, backtest->steps_per_window);
                struct band band = {NAN, NAN, NAN};
                size_t n = window_values(trial, metric, w, runs);

                if (n > 0)
                        band = residuals_band(&backtest->residuals, metric, runs, n, backtest->share);
                json_array_append_new(measured, json_from_double(seen));
                json_array_append_new(predicted, json_from_double(band.middle));
                json_array_append_new(low, json_from_double(band.low));
                json_array_append_new(high, json_from_double(band.high));
                if (!isnan(seen) && n > 0 && is_predicted(backtest, trial) &&
                    proves_something(trial, metric)) {
                        coverage->windows++;
                        coverage->inside += seen >= band.low && seen <= band.high;
                }
        }
        return json_pack("{s:o, s:o, s:o, s:o}", "measured", measured, "predicted", predicted, "low", low,
                         "high", high);
}

static bool was_measured(const struct recording *recording, enum window_metric metric)
{
        const double *const values[WINDOW_METRICS] = {recording->workers, recording->throughput,
                                                      recording->latency, recording->backlog};

        return values[metric] != NULL;
}

static json_t *recording_json(const struct backtest *backtest, const struct trial *trial,
                              struct coverage *coverage)
{
        json_t *metrics = json_object();
        json_t *object = json_pack("{s:s, s:b, s:s}", "name", trial->recording->name, "fitted", trial->fitted,
                                   "strategy", trial->strategy->name);

        if (trial->n_runs == 0) {
                json_decref(metrics);
                return object;
        }
        for (int metric = 0; metric < WINDOW_METRICS; metric++)
                if (was_measured(trial->recording, metric))
                        json_object_set_new(metrics, window_name(metric),
                                            metric_json(backtest, trial, metric, coverage));
        json_object_set_new(object, "rescales", json_integer(trial->runs[0].figures.rescales));
        json_object_set(object, "changes", trial->runs[0].changes);
        json_object_set_new(object, "timeline",
                            json_pack("{s:I, s:I, s:o}", "start_ms", (json_int_t)trial->recording->start_ms,
                                      "step_seconds", (json_int_t)backtest->steps_per_window, "metrics",
                                      metrics));
        return object;
}

/* ---- documents ---- */

json_t *backtest_model_json(const struct calibration *calibration)
{
        json_t *parameters = json_array();

        for (size_t i = 0; i < calibration->count; i++) {
                const struct calibration_parameter *parameter = &calibration->parameters[i];

                json_array_append_new(parameters,
                                      json_pack("{s:s, s:o, s:o, s:s, s:b, s:s}", "name", parameter->name,
                                                "value", json_from_double(parameter->value), "error",
                                                json_from_double(parameter->identified ? parameter->error
                                                                                       : NAN),
                                                "unit", parameter->unit ? parameter->unit : "", "identified",
                                                parameter->identified, "note", parameter->note));
        }
        return json_pack("{s:o}", "parameters", parameters);
}

static json_t *fit_json(const struct backtest *backtest)
{
        json_t *list = json_array();

        for (size_t i = 0; i < backtest->n; i++)
                if (backtest->trials[i].fitted)
                        json_array_append_new(list, json_string(backtest->trials[i].recording->name));
        return list;
}

static json_t *document_json(const struct backtest *backtest)
{
        json_t *document = json_pack("{s:s, s:s, s:s}", "kind", "backtest", "version", OPTCTL_VERSION,
                                     "pipeline", backtest->spec->name);
        json_t *predictions = json_array(), *recordings = json_array();
        struct coverage coverage = {0};

        for (size_t i = 0; i < backtest->n; i++) {
                if (is_predicted(backtest, &backtest->trials[i]))
                        predict(backtest, &backtest->trials[i], predictions);
                json_array_append_new(recordings, recording_json(backtest, &backtest->trials[i], &coverage));
        }
        json_object_set_new(document, "predictions", predictions);
        json_object_set_new(document, "coverage_percent",
                            json_from_double(coverage.windows > 0 ? 100.0 * (double)coverage.inside /
                                                                            (double)coverage.windows
                                                                  : NAN));
        json_object_set_new(document, "interval_percent", json_from_double(100 * backtest->share));
        json_object_set_new(document, "windows", json_integer((json_int_t)coverage.windows));
        json_object_set_new(document, "fit", fit_json(backtest));
        json_object_set_new(document, "recordings", recordings);
        json_object_set_new(document, "model", backtest_model_json(backtest->calibration));
        return document;
}

bool backtest_run(const struct backtest_request *request, json_t **ret_document, struct error *err)
{
        struct backtest backtest = {.request = request};
        bool done = open_all(&backtest, err) && check_predicted(&backtest, err) && fit(&backtest, err) &&
                    simulate(&backtest, err);

        if (done) {
                collect_residuals(&backtest);
                *ret_document = document_json(&backtest);
        }
        close_backtest(&backtest);
        return done;
}

bool backtest_calibrate(const struct backtest_request *request, json_t **ret_document, char **ret_fragment,
                        struct error *err)
{
        struct backtest backtest = {.request = request};
        bool done = open_all(&backtest, err) && fit(&backtest, err);

        if (done) {
                autotext fragment = {0};

                model_to_yaml(&backtest.calibration->model, &fragment);
                *ret_fragment = text_take(&fragment);
                *ret_document =
                        json_pack("{s:s, s:s, s:s, s:o, s:o}", "kind", "calibration", "version",
                                  OPTCTL_VERSION, "pipeline", backtest.spec->name, "fit", fit_json(&backtest),
                                  "model", backtest_model_json(backtest.calibration));
        }
        close_backtest(&backtest);
        return done;
}
