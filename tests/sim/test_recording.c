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

#include "core/text.h"
#include "sim/recording.h"

/*
 * Recordings are CSV files in a folder of the test's own; the spec that names them is made of the lines each
 * test gives.
 */
#define MAX_FILES 8

struct folder {
        char path[64];
        char *files[MAX_FILES];
        size_t n_files;
        struct spec *spec;
        struct recording *recording;
};

static int open_folder(void **state)
{
        struct folder *folder = calloc(1, sizeof *folder);

        snprintf(folder->path, sizeof folder->path, "/tmp/optctl-recording-XXXXXX");
        assert_non_null(mkdtemp(folder->path));
        *state = folder;
        return 0;
}

static int close_folder(void **state)
{
        struct folder *folder = *state;

        recording_free(folder->recording);
        spec_free(folder->spec);
        for (size_t i = 0; i < folder->n_files; i++) {
                unlink(folder->files[i]);
                free(folder->files[i]);
        }
        rmdir(folder->path);
        free(folder);
        return 0;
}

static void write_file(struct folder *folder, const char *name, const char *text)
{
        char *path = memory_format("%s/%s", folder->path, name);
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
        folder->files[folder->n_files++] = path;
}

/* `recording`: the lines of the recording after its name, indented by six. */
static bool read_recording(struct folder *folder, const char *recording, struct error *err)
{
        autofree char *text = memory_format("apiVersion: optctl.dev/v1alpha1\n"
                                            "kind: TunedPipeline\n"
                                            "metadata: {name: test}\n"
                                            "spec:\n"
                                            "  pipeline:\n"
                                            "    slotsPerWorker: 2\n"
                                            "    operators:\n"
                                            "      - {name: source, source: true}\n"
                                            "      - {name: work}\n"
                                            "    edges: [{from: source, to: work}]\n"
                                            "  knobs:\n"
                                            "    - {name: parallelism, scope: Operator, min: 1, max: 16}\n"
                                            "  initial: {parallelism: 6}\n"
                                            "  recordings:\n"
                                            "    - name: monday\n%s",
                                            recording);

        assert_true(
                spec_parse(text, strlen(text), "test.yaml", folder->path, NULL, NULL, &folder->spec, err));
        return recording_read(folder->spec, 0, &folder->recording, err);
}

static void must_read(struct folder *folder, const char *lines)
{
        struct error err = ERROR_INIT;

        if (!read_recording(folder, lines, &err))
                fail_msg("%s", err.message);
}

static void assert_refused(struct folder *folder, const char *lines, const char *const *words)
{
        struct error err = ERROR_INIT;

        assert_false(read_recording(folder, lines, &err));
        assert_null(folder->recording);
        for (; *words; words++)
                if (!strstr(err.message, *words))
                        fail_msg("\"%s\" does not say \"%s\"", err.message, *words);
}

static void assert_values(const double *values, const double *expected, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (!(values[i] == expected[i] || (isnan(values[i]) && isnan(expected[i]))))
                        fail_msg("value %zu is %g, expected %g", i, values[i], expected[i]);
}

/* One value a second, in seconds since 1970; `scale` brings it into the metric's unit. */
static void each_step_has_its_value(void **state)
{
        struct folder *folder = *state;
        const double expected[] = {.1, .2, .3, .4};

        write_file(folder, "latency.csv", "t,ms\n1000,100\n1001,200\n1002,300\n1003,400\n");
        must_read(folder, "      series: [{metric: latency, file: latency.csv, scale: \"0.001\"}]\n");
        assert_int_equal(folder->recording->start_ms, 1000000);
        assert_int_equal(folder->recording->step_ms, 1000);
        assert_int_equal(folder->recording->count, 4);
        for (size_t i = 0; i < 4; i++)
                assert_true(fabs(folder->recording->latency[i] - expected[i]) < 1e-12);
        assert_null(folder->recording->throughput);
        assert_null(folder->recording->backlog);
}

/* Values every 10 s hold between; the grid has a second a step. */
static void a_coarse_series_holds_its_value(void **state)
{
        struct folder *folder = *state;
        const double expected[] = {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 7, 7, 7};

        write_file(folder, "t.csv", "t,v\n0,5\n10,7\n20,9\n");
        must_read(folder, "      series: [{metric: throughput, file: t.csv, secondsFromZero: true}]\n");
        assert_int_equal(folder->recording->count, 21);
        assert_values(folder->recording->throughput, expected, 13);
        assert_true(folder->recording->throughput[20] == 9);
}

/* A gap in a measurement is not bridged: a value holds for two of its series' own steps. A state (how many
 * workers there are) holds until it changes. */
static void a_measurement_grows_stale_and_a_state_does_not(void **state)
{
        struct folder *folder = *state;
        const double *throughput, *workers;

        write_file(folder, "t.csv", "t,v\n0,5\n1,5\n2,5\n3,5\n10,6\n11,6\n");
        write_file(folder, "w.csv", "t,v\n0,2\n1,2\n2,2\n3,4\n10,4\n11,3\n");
        must_read(folder, "      series:\n"
                          "        - {metric: throughput, file: t.csv, secondsFromZero: true}\n"
                          "        - {metric: workers, file: w.csv, secondsFromZero: true}\n");
        throughput = folder->recording->throughput;
        workers = folder->recording->workers;
        assert_true(throughput[3] == 5 && throughput[4] == 5);
        for (size_t i = 6; i < 10; i++)
                assert_true(isnan(throughput[i]));
        assert_true(throughput[10] == 6);
        for (size_t i = 3; i < 11; i++)
                assert_true(workers[i] == 4);
        assert_true(workers[11] == 3);
}

/* What was not measured (an empty cell) is not zero. */
static void an_empty_cell_is_not_a_value(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "t.csv", "t,v\n0,5\n1,5\n2,\n3,\n4,\n5,\n6,\n7,8\n8,8\n");
        must_read(folder, "      series: [{metric: throughput, file: t.csv, secondsFromZero: true}]\n");
        assert_int_equal(folder->recording->count, 9);
        assert_true(folder->recording->throughput[1] == 5);
        assert_true(isnan(folder->recording->throughput[5]));
        assert_true(folder->recording->throughput[7] == 8);
}

/* From where every series has begun to where the longest ends. */
static void series_meet_on_one_grid(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "a.csv", "t,v\n100,1\n101,2\n102,3\n103,4\n");
        write_file(folder, "b.csv", "t,v\n102,30\n103,40\n104,50\n105,60\n106,70\n");
        must_read(folder, "      series:\n"
                          "        - {metric: throughput, file: a.csv}\n"
                          "        - {metric: offered, file: b.csv}\n");
        assert_int_equal(folder->recording->start_ms, 102000);
        assert_int_equal(folder->recording->count, 5);
        assert_values(folder->recording->offered, (const double[]){30, 40, 50, 60, 70}, 5);
        assert_values(folder->recording->throughput, (const double[]){3, 4, 4}, 3);
        assert_true(isnan(folder->recording->throughput[4]));
}

/* The load was written down elsewhere, in another year: it starts when the run does, and three generators
 * sent it. */
static void a_replayed_load_starts_with_the_run(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "run.csv", "t,v\n1700000000,1\n1700000001,1\n1700000002,1\n");
        write_file(folder, "load.csv", "t,v\n86400,10\n86401,20\n86402,30\n");
        must_read(folder, "      workloadFile: \"lo*.csv\"\n"
                          "      workloadScale: 3\n"
                          "      series: [{metric: throughput, file: run.csv}]\n");
        assert_values(folder->recording->offered, (const double[]){30, 60, 90}, 3);
}

/* A metric of an operator, a wildcard, the seconds of start-up left out, and what ran at the start. */
static void what_ran_is_known(void **state)
{
        struct folder *folder = *state;
        const struct recording *recording;

        write_file(folder, "20261121-busy.csv", "t,v\n0,1\n1,0.5\n2,0.6\n3,0.7\n");
        write_file(folder, "p.csv", "t,v\n0,3\n1,3\n2,8\n3,8\n");
        must_read(folder, "      skipSeconds: 1\n"
                          "      configuration: [{knob: parallelism, operator: source, value: 4}]\n"
                          "      series:\n"
                          "        - {metric: busy.work, file: \"*busy.csv\", secondsFromZero: true}\n"
                          "        - {metric: parallelism.work, file: p.csv, secondsFromZero: true}\n");
        recording = folder->recording;
        assert_values(recording->busy[1], (const double[]){.5, .6, .7}, 3);
        assert_null(recording->busy[0]);
        assert_true(recording->initial.value[0] == 4); /* as the spec says */
        assert_true(recording->initial.value[1] == 3); /* as measured */
        assert_true(recording_parallelism_at(recording, &folder->spec->pipeline, 0, 2) == 4);
        assert_true(recording_parallelism_at(recording, &folder->spec->pipeline, 1, 0) == 3);
        assert_true(recording_parallelism_at(recording, &folder->spec->pipeline, 1, 2) == 8);
        /* Nobody wrote the workers down: the widest operator over two slots a worker. */
        assert_true(recording_workers_at(recording, &folder->spec->pipeline, 0) == 2);
        assert_true(recording_workers_at(recording, &folder->spec->pipeline, 2) == 4);
}

static void errors_name_the_recording_and_the_file(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "one.csv", "t,v\n0,5\n");
        assert_refused(folder, "      series: [{metric: throughput, file: one.csv, secondsFromZero: true}]\n",
                       (const char *const[]){"recording monday", "one.csv", "fewer than two", NULL});
}

static void a_file_that_is_not_there_is_named(void **state)
{
        assert_refused(*state, "      series: [{metric: throughput, file: \"nothing*.csv\"}]\n",
                       (const char *const[]){"recording monday", "nothing*.csv", NULL});
}

static void two_files_for_one_name_are_refused(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "a1.csv", "t,v\n0,5\n1,5\n");
        write_file(folder, "a2.csv", "t,v\n0,5\n1,5\n");
        assert_refused(folder, "      series: [{metric: throughput, file: \"a*.csv\"}]\n",
                       (const char *const[]){"recording monday", "a*.csv", NULL});
}

static void a_metric_nobody_knows_is_refused(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "a.csv", "t,v\n0,5\n1,5\n");
        assert_refused(folder, "      series: [{metric: busy.nobody, file: a.csv}]\n",
                       (const char *const[]){"recording monday", "\"busy.nobody\"", "busy.OPERATOR", NULL});
}

/* A worker count that no integer holds must not reach the arithmetic. */
static void impossible_counts_are_refused(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "w.csv", "t,v\n0,1e300\n1,5\n");
        write_file(folder, "p.csv", "t,v\n0,2\n1,-1\n");
        assert_refused(folder, "      series: [{metric: workers, file: w.csv, secondsFromZero: true}]\n",
                       (const char *const[]){"recording monday", "w.csv", "workers", "1000000", NULL});
        spec_free(TAKE(folder->spec));
        assert_refused(folder,
                       "      series: [{metric: parallelism.work, file: p.csv, secondsFromZero: true}]\n",
                       (const char *const[]){"p.csv", "parallelism.work is -1", NULL});
        spec_free(TAKE(folder->spec));
        write_file(folder, "t.csv", "t,v\n0,5\n1,5\n");
        assert_refused(folder,
                       "      series: [{metric: throughput, file: t.csv, secondsFromZero: true}]\n"
                       "      configuration: [{knob: parallelism, value: \"1e30\"}]\n",
                       (const char *const[]){"recording monday", "parallelism", "1e+30", NULL});
}

static void a_metric_given_twice_is_refused(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "a.csv", "t,v\n0,5\n1,5\n");
        assert_refused(folder,
                       "      series: [{metric: offered, file: a.csv}, {metric: offered, file: a.csv}]\n",
                       (const char *const[]){"recording monday", "offered", "twice", NULL});
}

static void a_load_from_two_places_is_refused(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "a.csv", "t,v\n0,5\n1,5\n");
        assert_refused(folder, "      workloadFile: a.csv\n      series: [{metric: offered, file: a.csv}]\n",
                       (const char *const[]){"recording monday", "workload", NULL});
}

static void series_that_never_meet_are_refused(void **state)
{
        struct folder *folder = *state;

        write_file(folder, "a.csv", "t,v\n0,5\n1,5\n");
        assert_refused(folder, "      skipSeconds: 100\n      series: [{metric: offered, file: a.csv}]\n",
                       (const char *const[]){"recording monday", "overlap", NULL});
}

static void means_and_quantiles_leave_out_what_was_not_measured(void **state)
{
        const double values[] = {NAN, 1, NAN, 2, 3, 4, 5, NAN};

        (void)state;
        assert_true(recording_mean(values, 0, 8) == 3);
        assert_true(recording_mean(values, 0, 3) == 1);
        assert_true(isnan(recording_mean(values, 0, 1)));
        assert_true(isnan(recording_mean(NULL, 0, 8)));
        assert_true(recording_quantile(values, 0, 8, .5) == 3);
        assert_true(recording_quantile(values, 0, 8, .25) == 2); /* the second of five */
        assert_true(recording_quantile(values, 0, 8, 1) == 5);
        assert_true(isnan(recording_quantile(values, 7, 8, .5)));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_FOLDER(each_step_has_its_value),
                IN_FOLDER(a_coarse_series_holds_its_value),
                IN_FOLDER(a_measurement_grows_stale_and_a_state_does_not),
                IN_FOLDER(an_empty_cell_is_not_a_value),
                IN_FOLDER(series_meet_on_one_grid),
                IN_FOLDER(a_replayed_load_starts_with_the_run),
                IN_FOLDER(what_ran_is_known),
                IN_FOLDER(errors_name_the_recording_and_the_file),
                IN_FOLDER(a_file_that_is_not_there_is_named),
                IN_FOLDER(two_files_for_one_name_are_refused),
                IN_FOLDER(a_metric_nobody_knows_is_refused),
                IN_FOLDER(impossible_counts_are_refused),
                IN_FOLDER(a_metric_given_twice_is_refused),
                IN_FOLDER(a_load_from_two_places_is_refused),
                IN_FOLDER(series_that_never_meet_are_refused),
                cmocka_unit_test(means_and_quantiles_leave_out_what_was_not_measured),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
