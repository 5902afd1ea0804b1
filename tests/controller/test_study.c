/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/registry.h"
#include "controller/study/study.h"
#include "core/clock.h"
#include "core/json.h"

/* Three hours of a small pipeline on a steady load; ten workers at 1 USD an hour cost 240 USD a day. */
static const char spec_text[] =
        "apiVersion: optctl.dev/v1alpha1\n"
        "kind: TunedPipeline\n"
        "metadata: {name: small}\n"
        "spec:\n"
        "  pipeline:\n"
        "    slotsPerWorker: 1\n"
        "    operators: [{name: work, source: true}]\n"
        "  knobs: [{name: workers, min: 1, max: 20}]\n"
        "  initial: {workers: 10}\n"
        "  prices: {currency: USD, worker: {perHour: \"1\"}}\n"
        "  model:\n"
        "    operators: [{name: work, ratePerSecond: \"1000\", sigma: \"0\"}]\n"
        "    failures: {everySeconds: 3000, medianSeconds: 20}\n"
        "    cpu: {noiseDeviation: \"0.05\"}\n"
        "  workload:\n"
        "    synthetic: [{shape: Constant, basePerSecond: \"3000\"}]\n"
        "    noiseVariation: \"0.1\"\n"
        "  simulation: {durationSeconds: 10800, runs: 6, seed: 1, strategies: [static, hpa]}\n";

static struct study_request request_of(const struct source *source)
{
        return (struct study_request){.source = source, .runs = -1, .seed = -1, .quiet = true};
}

static struct source small_source(void)
{
        return (struct source){
                .path = "small.yaml",
                .registry = registry_all(),
                .text = memory_copy_text(spec_text),
                .length = strlen(spec_text),
        };
}

static json_t *run(const struct study_request *request)
{
        struct error err = ERROR_INIT;
        json_t *document = NULL;

        if (!study_run(request, &document, &err))
                fail_msg("%s", err.message);
        return document;
}

static void assert_refused(const struct study_request *request, const char *words)
{
        struct error err = ERROR_INIT;
        json_t *document = NULL;

        assert_false(study_run(request, &document, &err));
        assert_null(document);
        assert_int_equal(error_exit_status(&err), 2);
        if (!strstr(err.message, words))
                fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static const json_t *strategy_named(const json_t *list, const char *name)
{
        size_t i;
        json_t *one;

        json_array_foreach(list, i, one)
        {
                if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
                        return one;
        }
        fail_msg("no strategy %s", name);
        return NULL;
}

static double figure(const json_t *list, const char *name, const char *metric, const char *part)
{
        double value = NAN;

        assert_true(json_find_number(json_object_get(strategy_named(list, name), metric), part, &value));
        return value;
}

static const json_t *strategies_of(const json_t *document)
{
        return json_object_get(document, "strategies");
}

static void assert_near(double value, double expected, double tolerance)
{
        if (!(fabs(value - expected) <= tolerance))
                fail_msg("%.9g, expected %.9g within %g", value, expected, tolerance);
}

/* ---- tests ---- */

static void the_same_seed_gives_the_same_bytes_for_any_number_of_threads(void **state)
{
        static const int64_t threads[] = {1, 2, 7};
        struct source source = small_source();
        struct study_request request = request_of(&source);
        autofree char *first = NULL;

        (void)state;
        request.for_report = true;
        for (size_t i = 0; i < 3; i++) {
                autojson *document = NULL;
                autofree char *bytes = NULL;

                request.threads = threads[i];
                document = run(&request);
                bytes = json_dumps(document, JSON_INDENT(1));
                if (first)
                        assert_string_equal(bytes, first);
                else
                        first = TAKE(bytes);
        }
        source_close(&source);
}

/* What is known beforehand: ten workers all day, that cost 240 USD, save nothing against themselves and take
 * in what is offered. */
static void a_fixed_size_costs_what_it_costs(void **state)
{
        struct source source = small_source();
        const struct study_request request = request_of(&source);
        autojson *document = run(&request);
        const json_t *list = strategies_of(document);

        (void)state;
        assert_int_equal(json_array_size(list), 2);
        assert_near(figure(list, "static", "cost_per_day", "mean"), 240, 1e-6);
        assert_near(figure(list, "static", "cost_per_day", "high"), 240, 1e-6);
        assert_near(figure(list, "static", "workers_mean", "mean"), 10, 1e-9);
        assert_near(figure(list, "static", "saving_percent", "mean"), 0, 1e-9);
        assert_near(figure(list, "static", "rescales_per_day", "mean"), 0, 0);
        assert_near(figure(list, "static", "throughput_per_second", "mean"), 3000, 90);
        source_close(&source);
}

/* With a baseline that always costs 240 a day, the mean saving of the paired runs is that of the mean costs.
 */
static void savings_are_against_the_same_run_of_the_baseline(void **state)
{
        struct source source = small_source();
        const struct study_request request = request_of(&source);
        autojson *document = run(&request);
        const json_t *list = strategies_of(document);
        double cost = figure(list, "hpa", "cost_per_day", "mean");

        (void)state;
        assert_true(fabs(cost - 240) > 5);
        assert_near(figure(list, "hpa", "saving_percent", "mean"), 100 * (1 - cost / 240), 1e-6);
        /* Cheapest run, largest saving. */
        assert_near(figure(list, "hpa", "saving_percent", "high"),
                    100 * (1 - figure(list, "hpa", "cost_per_day", "low") / 240), 1e-6);
        source_close(&source);
}

/* The baseline is an hpa of the same kind: run by run the two cost the same, so every saving is exactly 0,
 * though the costs of the runs differ. */
static void savings_are_paired_run_by_run(void **state)
{
        struct source source = small_source();
        char set[] = "spec.baseline.strategy=hpa";
        char *const sets[] = {set, NULL};
        struct study_request request = request_of(&source);
        autojson *document = NULL;
        const json_t *list;

        (void)state;
        request.sets = sets;
        document = run(&request);
        list = strategies_of(document);
        assert_true(figure(list, "hpa", "cost_per_day", "high") > figure(list, "hpa", "cost_per_day", "low"));
        assert_near(figure(list, "hpa", "saving_percent", "low"), 0, 1e-9);
        assert_near(figure(list, "hpa", "saving_percent", "high"), 0, 1e-9);
        source_close(&source);
}

static void a_set_changes_one_field_and_a_sweep_several(void **state)
{
        struct source source = small_source();
        char set[] = "spec.prices.worker.perHour=2", workers[] = "spec.initial.workers=4,8",
             price[] = "spec.prices.worker.perHour=1,3";
        char *const sets[] = {set, NULL}, *const sweeps[] = {workers, price, NULL};
        char only[] = "static";
        char *const names[] = {only, NULL};
        struct study_request request = request_of(&source);
        static const double expected[] = {4 * 24, 4 * 24 * 3, 8 * 24,
                                          8 * 24 * 3}; /* the last axis turns fastest */
        autojson *document = NULL;
        const json_t *sweep;

        (void)state;
        request.sets = sets;
        request.sweeps = sweeps;
        request.strategies = names;
        request.runs = 2;
        document = run(&request);
        assert_int_equal(json_array_size(strategies_of(document)), 1);
        assert_near(figure(strategies_of(document), "static", "cost_per_day", "mean"), 480, 1e-6);
        sweep = json_object_get(document, "sweep");
        assert_int_equal(json_array_size(sweep), 4);
        for (size_t i = 0; i < 4; i++) {
                const json_t *point = json_array_get(sweep, i);

                assert_near(figure(strategies_of(point), "static", "cost_per_day", "mean"), expected[i],
                            1e-6);
        }
        assert_string_equal(json_string_value(
                                    json_object_get(json_object_get(json_array_get(sweep, 2), "set"),
                                                    "spec.initial.workers")),
                            "8");
        source_close(&source);
}

static void a_name_nobody_knows_is_told_with_the_nearest(void **state)
{
        struct source source = small_source();
        char wrong[] = "statik", path[] = "spec.initial.wrokers=3", axis[] = "spec.initial.workers";
        char *const names[] = {wrong, NULL}, *const sets[] = {path, NULL}, *const sweeps[] = {axis, NULL};
        struct study_request request = request_of(&source);

        (void)state;
        request.strategies = names;
        assert_refused(&request, "did you mean static?");
        request = request_of(&source);
        request.sets = sets;
        assert_refused(&request, "wrokers");
        request = request_of(&source);
        request.sweeps = sweeps;
        assert_refused(&request, "expected PATH=A,B,C");
        source_close(&source);
}

/* Last: a stop cannot be taken back. */
static void a_stop_ends_the_study(void **state)
{
        struct source source = small_source();
        const struct study_request request = request_of(&source);
        struct error err = ERROR_INIT;
        json_t *document = NULL;

        (void)state;
        clock_stop();
        assert_false(study_run(&request, &document, &err));
        assert_int_equal(error_exit_status(&err), 3);
        assert_null(document);
        source_close(&source);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_seed_gives_the_same_bytes_for_any_number_of_threads),
                cmocka_unit_test(a_fixed_size_costs_what_it_costs),
                cmocka_unit_test(savings_are_against_the_same_run_of_the_baseline),
                cmocka_unit_test(savings_are_paired_run_by_run),
                cmocka_unit_test(a_set_changes_one_field_and_a_sweep_several),
                cmocka_unit_test(a_name_nobody_knows_is_told_with_the_nearest),
                cmocka_unit_test(a_stop_ends_the_study),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
