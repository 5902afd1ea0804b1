/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an event log foretells of a search's points. The log is that of a closed form: eight equal tasks of
 * 10 s each, which two executors with a core each ran in four waves, and nothing beside. On n of them it
 * takes ceil(8 / n) waves, of tasks that take (n / 2) ^ 0.075 as long (docs/event-logs.md), n at most 8.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/tune/log_settings.h"
#include "controller/tune/log_study.h"
#include "core/json.h"
#include "core/text.h"
#include "tests/support/scratch.h"

#define START     INT64_C(1700000000000)
#define TASKS     8
#define TASK_MS   10000
#define EXPONENT  0.075
#define TOLERANCE 0.002 /* s: milliseconds are whole */

static char submit[] = "spark-submit", conf[] = "--conf", instances[] = "spark.executor.instances={n}",
            name_option[] = "--name", my_job[] = "a job of ours", job[] = "job.py",
            number[] = "--num-executors={n}";
static char *const by_conf[] = {submit, name_option, my_job, conf, instances, job, number, NULL};

struct stage {
        struct scratch scratch;
        char *spec;
        char *const *command;
};

/* ---- the log ---- */

static void put_executors(struct text *log)
{
        for (int i = 0; i < 2; i++)
                text_format(
                        log,
                        "{\"Event\":\"SparkListenerExecutorAdded\",\"Timestamp\":%lld,\"Executor ID\":\"%d\","
                        "\"Executor Info\":{\"Total Cores\":1}}\n",
                        (long long)START, i);
}

static void put_tasks(struct text *log)
{
        for (int i = 0; i < TASKS; i++) {
                long long launched = START + i / 2 * TASK_MS;

                text_format(log,
                            "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0,\"Stage Attempt ID\":0,"
                            "\"Task End Reason\":{\"Reason\":\"Success\"},\"Task Info\":{\"Index\":%d,"
                            "\"Launch Time\":%lld,\"Executor ID\":\"%d\",\"Locality\":\"ANY\",\"Finish "
                            "Time\":%lld},"
                            "\"Task Metrics\":{\"Executor Run Time\":%d,\"Executor CPU Time\":%lld,"
                            "\"Input Metrics\":{\"Bytes Read\":1000}}}\n",
                            i, launched, i % 2, launched + TASK_MS, TASK_MS, TASK_MS * 1000000LL);
        }
}

static void write_log(const struct scratch *scratch)
{
        static const char stage[] = "\"Stage ID\":0,\"Stage Attempt ID\":0,\"Stage Name\":\"map\","
                                    "\"Number of Tasks\":8,\"Parent IDs\":[]";
        long long ended = START + TASKS / 2 * TASK_MS;
        autotext log = {0};

        text_format(&log,
                    "{\"Event\":\"SparkListenerApplicationStart\",\"App Name\":\"a\",\"App ID\":\"app-1\","
                    "\"Timestamp\":%lld}\n",
                    (long long)START);
        put_executors(&log);
        text_format(&log,
                    "{\"Event\":\"SparkListenerJobStart\",\"Job ID\":0,\"Submission Time\":%lld,\"Stage "
                    "IDs\":[0],"
                    "\"Stage Infos\":[{%s}]}\n",
                    (long long)START, stage);
        text_format(
                &log,
                "{\"Event\":\"SparkListenerStageSubmitted\",\"Stage Info\":{%s,\"Submission Time\":%lld}}\n",
                stage, (long long)START);
        put_tasks(&log);
        text_format(&log,
                    "{\"Event\":\"SparkListenerStageCompleted\",\"Stage Info\":{%s,\"Submission Time\":%lld,"
                    "\"Completion Time\":%lld}}\n",
                    stage, (long long)START, ended);
        text_format(&log,
                    "{\"Event\":\"SparkListenerJobEnd\",\"Job ID\":0,\"Completion Time\":%lld,"
                    "\"Job Result\":{\"Result\":\"JobSucceeded\"}}\n"
                    "{\"Event\":\"SparkListenerApplicationEnd\",\"Timestamp\":%lld}\n",
                    ended, ended);
        scratch_write(scratch, "log", log.data);
}

static double closed_form(double n)
{
        double slots = fmin(n, TASKS);

        return ceil(TASKS / slots) * TASK_MS / 1e3 * pow(slots / 2, EXPONENT);
}

/* ---- asking it ---- */

/* {"eventLog":"log", ...} as it stands in a spec; NULL with a message: refused. */
static json_t *foretold(struct stage *stage, const char *spec, const char *named, struct error *err)
{
        autocall(tune_study_free) struct tune_study *study = NULL;
        autocall(search_free) struct search *search = NULL;
        autojson *entry = json_loads(named, 0, NULL);
        json_t *trials = NULL;

        assert_non_null(entry);
        scratch_write(&stage->scratch, "spec.yaml", spec);
        if (!tune_study_read(stage->spec, stage->command, &study, err))
                fail_msg("%s", err->message);
        search = search_new(TAKE(study->space), &study->search);
        if (log_study_check(entry, study, err)) {
                autofree char *log =
                        tune_study_place(study, json_string_value(json_object_get(entry, "eventLog")));

                (void)log_study_trials(entry, log, study, search, &trials, err);
        }
        assert_true(trials || err->code == ERROR_INPUT);
        return trials;
}

static json_t *told(struct stage *stage, const char *spec, const char *named)
{
        struct error err = ERROR_INIT;
        json_t *trials = foretold(stage, spec, named, &err);

        if (!trials)
                fail_msg("%s", err.message);
        return trials;
}

static void refused(struct stage *stage, const char *spec, const char *named, const char *words)
{
        struct error err = ERROR_INIT;

        assert_null(foretold(stage, spec, named, &err));
        if (!strstr(err.message, words))
                fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static double number_of(const json_t *object, const char *key)
{
        double value = NAN;

        assert_true(json_find_number(object, key, &value));
        return value;
}

#define SPACE "search: {space: [{name: n, type: int, low: 1, high: 12}]}\n"
#define LOG   "{\"eventLog\":\"log\"}"

/* ---- cases ---- */

static void run_time_by_executors(void **state)
{
        struct stage *stage = *state;
        autojson *trials = told(stage, SPACE, LOG);
        const json_t *trial;
        size_t i;

        assert_int_equal(json_array_size(trials), 12);
        json_array_foreach(trials, i, trial)
        {
                double n = number_of(json_object_get(trial, "x"), "n");

                assert_float_equal(number_of(trial, "y"), closed_form(n), TOLERANCE);
        }
}

/* Executors are paid for from the start to the end; a worker-hour of 36 is a cent a second. */
static void what_it_costs(void **state)
{
        struct stage *stage = *state;
        autojson *cores =
                told(stage,
                     SPACE
                     "minimize: used\nvalues: [{name: used, eventLog: coreSeconds}]\neventLog: \"{trial}\"\n",
                     LOG);
        autojson *cost =
                told(stage,
                     SPACE "minimize: cost\nworkers: n\nprices: {currency: EUR, worker: {perHour: 36}}\n",
                     LOG);
        const json_t *trial;
        size_t i;

        json_array_foreach(cores, i, trial)
        {
                double n = number_of(json_object_get(trial, "x"), "n");

                assert_float_equal(number_of(trial, "y"), n * closed_form(n), n * TOLERANCE);
                assert_float_equal(number_of(json_array_get(cost, i), "y"), n * closed_form(n) / 100,
                                   n * TOLERANCE / 100);
        }
}

static void words_of_a_shell(void **state)
{
        static char shell[] = "sh", option[] = "-c",
                    line[] = "cd / && spark-submit --num-executors {n} --conf a=b job.py";
        static char *const command[] = {shell, option, line, NULL};
        struct stage *stage = *state;
        autojson *trials = NULL;

        stage->command = command;
        trials = told(stage, SPACE, LOG);
        assert_float_equal(number_of(json_array_get(trials, 11), "y"), closed_form(12), TOLERANCE);
}

/* From n cores on an even number of them is what works. */
static void assert_in_pairs(const json_t *trials, double from)
{
        const json_t *trial;
        size_t i;

        json_array_foreach(trials, i, trial)
        {
                double n = number_of(json_object_get(trial, "x"), "n");

                if (n >= from)
                        assert_float_equal(number_of(trial, "y"), closed_form(n < 2 ? 1 : 2 * floor(n / 2)),
                                           TOLERANCE);
        }
}

/* Of Spark's own cluster: cores in all, and of each. Of less than one executor nothing is known. */
static void cores_in_all(void **state)
{
        static char total[] = "--total-executor-cores", all[] = "{n}", cores[] = "spark.executor.cores=2";
        static char *const command[] = {submit, total, all, conf, cores, job, NULL};
        struct stage *stage = *state;
        autojson *trials = NULL;

        stage->command = command;
        trials = told(stage, SPACE, LOG);
        assert_in_pairs(trials, 2);
}

/* Cores in all, and nothing else: as many executors as there were share them. */
static void cores_in_all_alone(void **state)
{
        static char all[] = "spark.cores.max={n}";
        static char *const command[] = {submit, conf, all, job, NULL};
        struct stage *stage = *state;
        autojson *trials = NULL;

        stage->command = command;
        trials = told(stage, SPACE, LOG);
        assert_in_pairs(trials, 1);
}

static void a_file_of_defaults(void **state)
{
        static char wrapper[] = "./nightly.sh";
        static char *const command[] = {wrapper, job, NULL};
        struct stage *stage = *state;
        autojson *trials = NULL;

        stage->command = command;
        scratch_write(&stage->scratch, "defaults", "# ours\nspark.executor.instances   {n}");
        trials = told(stage, SPACE "files: [{template: defaults, name: spark-defaults.conf}]\n", LOG);
        assert_float_equal(number_of(json_array_get(trials, 0), "y"), closed_form(1), TOLERANCE);
}

static void settings_that_are_named(void **state)
{
        static char wrapper[] = "./nightly.sh", size[] = "{n}";
        static char *const command[] = {wrapper, size, NULL};
        struct stage *stage = *state;
        autojson *trials = NULL;

        stage->command = command;
        trials = told(stage, SPACE,
                      "{\"eventLog\":\"log\",\"settings\":{\"spark.executor.instances\":\"{n}\"}}");
        assert_float_equal(number_of(json_array_get(trials, 7), "y"), closed_form(8), TOLERANCE);
        refused(stage, SPACE, LOG,
                "log: it tells the same at all points: expected a parameter that a setting of Spark");
        refused(stage, SPACE, "{\"eventLog\":\"log\",\"settings\":{\"spark.executor.instances\":\"{n}.5\"}}",
                "spark.executor.instances=1.5: expected a whole number");
        refused(stage, SPACE, "{\"eventLog\":\"log\",\"settings\":{\"a\":3}}", "settings.a: expected a text");
        refused(stage, SPACE, "{\"eventLog\":\"log\",\"settings\":3}", "settings: expected an object");
        refused(stage, SPACE, "{\"eventLog\":\"log\",\"setting\":3}",
                "setting: expected eventLog or settings");
}

/* The log tells what it was given; --context what is asked for. */
static void its_context(void **state)
{
        struct stage *stage = *state;
        autojson *trials = told(stage,
                                "search:\n  space: [{name: n, type: int, low: 1, high: 12}]\n"
                                "  context: [{name: input, type: float, low: 1, high: 1e9, log: true}]\n"
                                "values: [{name: input, eventLog: inputBytes}]\neventLog: \"{trial}\"\n",
                                LOG);

        assert_float_equal(number_of(json_object_get(json_array_get(trials, 0), "context"), "input"),
                           TASKS * 1000, 0);
}

/* A space that is too large to be listed, with a parameter that the log knows nothing of. */
static void drawn(void **state)
{
        struct stage *stage = *state;
        autojson *trials =
                told(stage,
                     "search: {space: [{name: n, type: int, low: 1, high: 12}, {name: f, type: float, low: "
                     "0, high: 1}],"
                     " limits: [{sum: {n: 1}, max: 6}]}\nenvironment: [{name: F, value: \"{f}\"}]\n",
                     LOG);
        const json_t *trial;
        size_t i;

        assert_int_equal(json_array_size(trials), SEARCH_EARLIER_TRIALS);
        json_array_foreach(trials, i, trial)
        {
                double n = number_of(json_object_get(trial, "x"), "n");

                assert_true(n <= 6);
                assert_float_equal(number_of(trial, "y"), closed_form(n), TOLERANCE);
        }
}

static void what_it_does_not_foretell(void **state)
{
        struct stage *stage = *state;

        refused(stage, SPACE "minimize: memoryBytes\n", LOG, "memoryBytes: not foretold by an event log");
        refused(stage,
                SPACE "minimize: spilled\nvalues: [{name: spilled, eventLog: spilledBytes}]\neventLog: "
                      "\"{trial}\"\n",
                LOG, "spilled: not foretold");
        refused(stage, SPACE "minimize: cost\nvalues: [{name: cost, path: cost}]\n", LOG,
                "cost: not foretold");
        refused(stage, "search: {space: [{name: n, type: int, low: 1, high: 2}]}\n", LOG,
                "it can be replayed at 2 points of the space; expected 3 or more");
        refused(stage, SPACE, "{\"eventLog\":\"spec.yaml\"}",
                "expected an event log of Spark, or a folder of some");
        refused(stage, SPACE, "{\"eventLog\":\"nowhere\"}", "nowhere");
        refused(stage, SPACE, "{\"eventLog\":3}", "eventLog: expected the path");
}

static int set_up(void **state)
{
        struct stage *stage = memory_new(1, sizeof *stage);

        stage->scratch = scratch_open();
        stage->spec = scratch_path(&stage->scratch, "spec.yaml");
        stage->command = by_conf;
        write_log(&stage->scratch);
        *state = stage;
        return 0;
}

static int tear_down(void **state)
{
        struct stage *stage = *state;

        scratch_close(&stage->scratch);
        free(stage->spec);
        free(stage);
        return 0;
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(run_time_by_executors),
                CASE(what_it_costs),
                CASE(words_of_a_shell),
                CASE(cores_in_all),
                CASE(cores_in_all_alone),
                CASE(a_file_of_defaults),
                CASE(settings_that_are_named),
                CASE(its_context),
                CASE(drawn),
                CASE(what_it_does_not_foretell),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
