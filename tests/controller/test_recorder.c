/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A recording tells what was there: the simulated engine runs with known parameters, what its collector says
 * is recorded, and the model that is fitted to the recording is the one the engine ran with.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/study/backtest.h"
#include "controller/live/recorder.h"
#include "controller/registry.h"
#include "controller/study/variant.h"
#include "core/json.h"
#include "core/text.h"

/* Three hours that go up to what four workers of 1,000 records/s can just take, and down again. */
#define SPEC_HEAD                                                                                            \
        "apiVersion: optctl.dev/v1alpha1\n"                                                                  \
        "kind: TunedPipeline\n"                                                                              \
        "metadata: {name: small}\n"                                                                          \
        "spec:\n"                                                                                            \
        "  pipeline: {operators: [{name: \"Source: a, b\", source: true}, {name: work}], edges: [{from: "    \
        "\"Source: a, b\", to: work}]}\n"                                                                    \
        "  knobs: [{name: workers, min: 1, max: 16}]\n"                                                      \
        "  initial: {workers: 4}\n"                                                                          \
        "  constraints: {latencyP99Milliseconds: 5000}\n"                                                    \
        "  prices: {currency: EUR, worker: {perHour: \"0.25\"}}\n"

static const char recorded_spec[] = SPEC_HEAD;

static const char true_spec[] = SPEC_HEAD
        "  model:\n"
        "    operators: [{name: \"Source: a, b\", ratePerSecond: 8000, sigma: 0}, {name: work, "
        "ratePerSecond: "
        "1000, sigma: \"0.03\"}]\n"
        "    restart: {medianSeconds: 30, logDeviation: \"0.1\", warmupSeconds: 0, warmupCapacityRatio: 1}\n"
        "    workerStartSeconds: 0\n"
        "    checkpoints: {intervalSeconds: 10}\n"
        "    cpu: {baseRatio: \"0.1\", noiseDeviation: \"0.02\"}\n"
        "    metrics: {meterSeconds: 0}\n"
        "  workload: {synthetic: [{shape: Sine, basePerSecond: 1000, peakPerSecond: 3600, periodSeconds: "
        "10800}]}\n"
        "  simulation: {start: \"2026-01-05T00:00:00Z\", durationSeconds: 10800, strategies: [static]}\n";

static void must(bool done, const struct error *err)
{
        if (!done)
                fail_msg("%s", err->message);
}

struct place {
        char folder[64];
        char *spec_path, *samples_path;
};

static void open_place(struct place *place)
{
        snprintf(place->folder, sizeof place->folder, "%s/optctl-recording-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert_non_null(mkdtemp(place->folder));
        place->spec_path = memory_format("%s/recording.yaml", place->folder);
        place->samples_path = memory_format("%s/samples.csv", place->folder);
}

static void close_place(struct place *place)
{
        unlink(place->spec_path);
        unlink(place->samples_path);
        rmdir(place->folder);
        free(place->spec_path);
        free(place->samples_path);
}

static struct spec *spec_of(const char *text)
{
        struct spec *spec = NULL;
        struct error err = ERROR_INIT;

        must(spec_parse(text, strlen(text), "small.yaml", NULL, NULL, registry_all(), &spec, &err), &err);
        return spec;
}

#define RESCALE_EVERY_MS 600000

/* 4, 6 and 8 workers in turn. */
static void rescale(struct engine *engine, int64_t turn)
{
        const struct configuration next = {.count = 1, .value = {4 + 2 * (double)(turn % 3)}};
        struct error err = ERROR_INIT;

        must(engine_actuator.apply(engine, NULL, &next, false, NULL, &err), &err);
}

/* Runs the true engine and records what its collector says, every `window_ms`. */
static void record(const struct place *place, const struct spec *spec, int64_t window_ms)
{
        struct source source = {.path = "true.yaml",
                                .registry = registry_all(),
                                .text = memory_copy_text(true_spec),
                                .length = strlen(true_spec)};
        autocall(variant_free) struct variant *truth = NULL;
        autocall(recorder_close) struct recorder *recorder = NULL;
        struct workload_run *load autocall(workload_run_free) = NULL;
        struct engine *engine autocall(engine_free) = NULL;
        autofree struct observation *seen = memory_new(1, sizeof *seen);
        struct engine_setup setup;
        struct error err = ERROR_INIT;
        struct clock clock;

        must(variant_open(&source, NULL, -1, -1, &truth, &err), &err);
        load = workload_run_new(truth->workload, 0);
        setup = (struct engine_setup){
                .pipeline = &truth->spec->pipeline,
                .model = &truth->model,
                .prices = truth->prices,
                .constraints = &truth->spec->constraints,
                .load = &load->load,
                .start_ms = workload_start_ms(truth->workload),
                .step_ms = 1000,
                .initial = configuration_from_values(&truth->spec->pipeline, truth->spec->initial),
                .seed = 1,
        };
        engine = engine_new(&setup);
        clock = engine_clock(engine);
        must(recorder_open(place->folder, spec, &recorder, &err), &err);
        for (int i = 1; clock_sleep_until(&clock, clock_now_ms(&clock) + window_ms, &err); i++) {
                must(engine_collector.collect(engine, seen, &err), &err);
                must(recorder_observe(recorder, seen, &err), &err);
                if (i * window_ms % RESCALE_EVERY_MS == 0)
                        rescale(engine, i * window_ms / RESCALE_EVERY_MS);
        }
        source_close(&source);
}

/* Within three standard errors of the truth, and those no wider than a share of it. */
static void assert_fitted(const json_t *document, const char *name, double truth, double widest)
{
        const json_t *parameters = json_object_get(json_object_get(document, "model"), "parameters");
        json_t *parameter;
        size_t index;

        json_array_foreach(parameters, index, parameter)
        {
                double value = json_number_value(json_object_get(parameter, "value"));
                double error = json_number_value(json_object_get(parameter, "error"));

                if (strcmp(json_string_value(json_object_get(parameter, "name")), name) != 0)
                        continue;
                if (json_is_true(json_object_get(parameter, "identified")) &&
                    fabs(value - truth) <= 3 * error && error <= widest * truth)
                        return;
                fail_msg("%s is %g +- %g, %g is true: %s", name, value, error, truth,
                         json_string_value(json_object_get(parameter, "note")));
        }
        fail_msg("nothing was fitted for %s", name);
}

static json_t *calibrated(const char *spec_path)
{
        autofree char *fragment = NULL;
        struct error err = ERROR_INIT;
        struct source source = {0};
        const struct backtest_request request = {.source = &source};
        json_t *document = NULL;

        must(source_open(spec_path, NULL, registry_all(), &source, &err), &err);
        must(backtest_calibrate(&request, &document, &fragment, &err), &err);
        source_close(&source);
        return document;
}

static void test_the_model_comes_back(void **state)
{
        autocall(spec_free) struct spec *spec = spec_of(recorded_spec);
        autojson *document = NULL;
        struct place place;

        (void)state;
        open_place(&place);
        record(&place, spec, 1000);
        document = calibrated(place.spec_path);
        assert_fitted(document, "operators.work.ratePerSecond", 1000, 0.05);
        assert_fitted(document, "cpu.baseRatio", 0.1, 0.1);
        assert_fitted(document, "restart.medianSeconds", 30, 0.2);
        close_place(&place);
}

/* What a crash tore is cut off; the rest is taken up, and read as one recording. */
static void test_it_is_taken_up_after_a_crash(void **state)
{
        autocall(spec_free) struct spec *spec = spec_of(recorded_spec);
        struct observation seen;
        struct error err = ERROR_INIT;
        struct recorder *recorder;
        autofree char *text = NULL;
        struct place place;
        FILE *file;

        (void)state;
        open_place(&place);
        for (int64_t process = 0; process < 2; process++) {
                must(recorder_open(place.folder, spec, &recorder, &err), &err);
                for (int64_t i = 0; i < 3; i++) {
                        observation_clear(&seen, 1767571200000 + (3 * process + i) * 10000, 10000, 2);
                        seen.missing = i == 2 ? MISSING_ALL : 0;
                        seen.workers = seen.workers_ready = i == 2 ? -1 : 4;
                        seen.configuration = (struct configuration){.count = i == 2 ? 0 : 1, .value = {4}};
                        seen.operators[0].parallelism = seen.operators[1].parallelism = 4;
                        seen.offered_per_second = i == 2 ? NAN : 100.5;
                        must(recorder_observe(recorder, &seen, &err), &err);
                }
                recorder_close(recorder);
                file = fopen(place.samples_path, "a");
                assert_true(fputs("2026-01-05T00:00:2", file) >= 0);
                assert_int_equal(fclose(file), 0);
        }
        must(recorder_open(place.folder, spec, &recorder, &err), &err);
        recorder_close(recorder);
        must(text_read_file(place.samples_path, 100000, &text, NULL, &err), &err);
        assert_string_equal(
                text,
                "start,time,\"offered\",\"throughput\",\"latency\",\"cpu\",\"workers\","
                "\"backlog\",\"queued\","
                "\"rescales\",\"startup\",\"parallelism.Source: a, b\",\"busy.Source: a, b\",\"rate.Source: "
                "a, b\",\"parallelism.work\",\"busy.work\",\"rate.work\"\n"
                "2026-01-04T23:59:50Z,2026-01-05T00:00:00Z,100.5,,,,4,,,0,,4,,,4,,\n"
                "2026-01-05T00:00:00Z,2026-01-05T00:00:10Z,100.5,,,,4,,,0,,4,,,4,,\n"
                "2026-01-05T00:00:10Z,2026-01-05T00:00:20Z,,,,,,,,0,,4,,,4,,\n"
                "2026-01-05T00:00:20Z,2026-01-05T00:00:30Z,100.5,,,,4,,,0,,4,,,4,,\n"
                "2026-01-05T00:00:30Z,2026-01-05T00:00:40Z,100.5,,,,4,,,0,,4,,,4,,\n"
                "2026-01-05T00:00:40Z,2026-01-05T00:00:50Z,,,,,,,,0,,4,,,4,,\n");
        close_place(&place);
}

/* Meters keep their own time: windows overlap by some milliseconds, and an answer may come twice. */
static void test_times_never_go_back(void **state)
{
        autocall(spec_free) struct spec *spec = spec_of(recorded_spec);
        static const int64_t ends[] = {10000, 20000, 20000, 29900}, windows[] = {10000, 10150, 10150, 10000};
        struct observation seen;
        struct error err = ERROR_INIT;
        struct recorder *recorder;
        autofree char *text = NULL;
        struct place place;

        (void)state;
        open_place(&place);
        must(recorder_open(place.folder, spec, &recorder, &err), &err);
        for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
                observation_clear(&seen, 1767571200000 + ends[i], windows[i], 2);
                must(recorder_observe(recorder, &seen, &err), &err);
        }
        recorder_close(recorder);
        must(text_read_file(place.samples_path, 100000, &text, NULL, &err), &err);
        assert_non_null(strstr(text, "\n2026-01-05T00:00:00Z,2026-01-05T00:00:10Z,,,,,,,,,,,,,,,\n"
                                     "2026-01-05T00:00:10Z,2026-01-05T00:00:20Z,,,,,,,,,,,,,,,\n"
                                     "2026-01-05T00:00:20Z,2026-01-05T00:00:29.900Z,,,,,,,,,,,,,,,\n"));
        close_place(&place);
}

static void test_another_recording_is_left_alone(void **state)
{
        autocall(spec_free) struct spec *spec = spec_of(recorded_spec);
        struct error err = ERROR_INIT;
        struct recorder *recorder;
        autofree char *text = NULL;
        struct place place;

        (void)state;
        open_place(&place);
        must(text_write_file(place.samples_path, "mine\n", 5, &err), &err);
        assert_false(recorder_open(place.folder, spec, &recorder, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "samples.csv: is of another pipeline"));
        must(text_read_file(place.samples_path, 100, &text, NULL, &err), &err);
        assert_string_equal(text, "mine\n");
        close_place(&place);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_model_comes_back),
                cmocka_unit_test(test_it_is_taken_up_after_a_crash),
                cmocka_unit_test(test_times_never_go_back),
                cmocka_unit_test(test_another_recording_is_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
