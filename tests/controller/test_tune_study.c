/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a tuning study reads, what it makes of templates, and what it finds in the output of a command. */
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

#include "controller/tune/trial.h"
#include "core/json.h"
#include "core/text.h"
#include "tests/support/scratch.h"

static char sorts[] = "sort", threads[] = "--threads={threads}";
static char *const command[] = {sorts, threads, NULL};

struct stage {
        struct scratch scratch;
        char *path;
};

static const char head[] = "search: {space: [{name: threads, type: int, low: 1, high: 8}]}\n";

static void write_spec(struct stage *stage, const char *rest)
{
        autofree char *text = memory_format("%s%s", head, rest);

        scratch_write(&stage->scratch, "spec.yaml", text);
}

static struct tune_study *read_spec(struct stage *stage, const char *rest)
{
        struct tune_study *study = NULL;
        struct error err = ERROR_INIT;

        write_spec(stage, rest);
        if (!tune_study_read(stage->path, command, &study, &err))
                fail_msg("%s", err.message);
        return study;
}

static void assert_refused(struct stage *stage, const char *rest, const char *words)
{
        struct tune_study *study = NULL;
        struct error err = ERROR_INIT;

        write_spec(stage, rest);
        assert_false(tune_study_read(stage->path, command, &study, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, words))
                fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static int set_up(void **state)
{
        struct stage *stage = memory_new(1, sizeof *stage);

        stage->scratch = scratch_open();
        stage->path = scratch_path(&stage->scratch, "spec.yaml");
        *state = stage;
        return 0;
}

static int tear_down(void **state)
{
        struct stage *stage = *state;

        scratch_close(&stage->scratch);
        free(stage->path);
        free(stage);
        return 0;
}

static void assert_rendered(const char *template, const char *expected)
{
        autojson *x = json_pack("{s:i, s:f, s:s, s:b}", "n", 7, "ratio", 0.25, "mode", "fast", "on", 1);
        autofree char *rendered = tune_render(template, x, "/study/3");

        assert_string_equal(rendered, expected);
}

static void test_names_in_braces_stand_for_values(void **state)
{
        (void)state;
        assert_rendered("--n={n},{ratio}", "--n=7,0.25");
        assert_rendered("{mode}{on}", "fasttrue");
        assert_rendered("{trial}/conf", "/study/3/conf");
        /* Other braces are somebody else's. */
        assert_rendered("awk '{ print $1 }' {\"n\": {n}}", "awk '{ print $1 }' {\"n\": 7}");
        assert_rendered("{", "{");
        assert_rendered("{}{n", "{}{n");
        assert_rendered("", "");
}

/* A mebibyte of braces, the most that a template may be: looked through from each of them to the end it took
 * minutes. */
static void test_braces_without_a_name_are_not_looked_through(void **state)
{
        const size_t length = (size_t)1 << 20;
        autofree char *template = memory_new(length + 5, 1), *expected = NULL;

        (void)state;
        memset(template, '{', length);
        assert_rendered(template, template);
        memcpy(template + length, "}{n}", 5);
        expected = memory_copy_text(template);
        memcpy(expected + length, "}7", 3);
        assert_rendered(template, expected);
}

static double value_of(struct stage *stage, const char *rest, const char *output)
{
        autocall(tune_study_free) struct tune_study *study = read_spec(stage, rest);
        autojson *values = tune_trial_values(study, output, NULL);
        double value;

        return json_find_number(values, "v", &value) ? value : -1;
}

static void test_a_pattern_counts_where_it_matches_last(void **state)
{
        static const char pattern[] = "values: [{name: v, pattern: 'loss=([0-9.]+)'}]\n";

        assert_true(value_of(*state, pattern, "loss=3\nloss=2.5 then loss=1.25\nend\n") == 1.25);
        assert_true(value_of(*state, pattern, "nothing") == -1);
        assert_true(value_of(*state, pattern, "loss=1.2.3") == -1);
        assert_true(value_of(*state, pattern, "") == -1);
        assert_true(value_of(*state, "values: [{name: v, pattern: 'x*()'}]\n", "aaa") == -1);
        /* As grep -oE has it: nothing begins a line but what stands there. */
        assert_true(value_of(*state, "values: [{name: v, pattern: '^v=([0-9])'}]\n", "v=1v=2\nv=3v=4") == 3);
}

#ifdef __SANITIZE_ADDRESS__ /* whose regexec counts the string each time */
#define OUTPUT_BYTES ((size_t)256 << 10)
#else
#define OUTPUT_BYTES ((size_t)16 << 20)
#endif

/* A training that tells of each step: all that is read of an output, and not once for each line. */
static void test_a_pattern_may_match_in_every_line(void **state)
{
        static const char line[] = "step 1 loss=2\n";
        const size_t count = OUTPUT_BYTES / (sizeof line - 1) - 1;
        autotext output = {0};

        for (size_t i = 0; i < count; i++)
                text_put(&output, line);
        text_put(&output, "loss=1");
        assert_true(value_of(*state, "values: [{name: v, pattern: 'loss=([0-9.]+)'}]\n", output.data) == 1);
}

static void test_a_path_leads_into_the_output_or_its_last_line(void **state)
{
        static const char path[] = "values: [{name: v, path: runs.1.loss}]\n";

        assert_true(value_of(*state, path, "{\"runs\": [{\"loss\": 1}, {\"loss\": 2.5}]}") == 2.5);
        assert_true(value_of(*state, path, "begins\n{}\n{\"runs\": [1, {\"loss\": 4}]}\n\n") == 4);
        assert_true(value_of(*state, path, "{\"runs\": [{\"loss\": 1}]}") == -1);
        assert_true(value_of(*state, path, "{\"runs\": [1, {\"loss\": \"4\"}]}") == -1);
        assert_true(value_of(*state, path, "no JSON") == -1);
        assert_true(value_of(*state, "values: [{name: v, path: loss}]\n",
                             "{\"seed\": 18446744073709551615, \"loss\": 3}") == 3);
}

/* Counted from the log's lines with a script that knows no more than Spark's field names: sums over
 * SparkListenerTaskEnd, and (end of the application - arrival) x cores over the two executors. */
static void test_an_event_log_measures(void **state)
{
        static const struct {
                const char *name;
                double value;
        } counted[] = {{"runSeconds", 141.921},  {"coreSeconds", 388.862},
                       {"taskSeconds", 225.482}, {"cpuSeconds", 2.353652757},
                       {"gcSeconds", 5.42},      {"shuffleBytes", 2594},
                       {"spilledBytes", 0},      {"tasks", 64},
                       {"failedTasks", 0}};

        for (size_t i = 0; i < ARRAY_LENGTH(counted); i++) {
                autofree char *rest =
                        memory_format("eventLog: '{trial}'\nvalues: [{name: v, eventLog: %s}]\n",
                                      counted[i].name);
                autocall(tune_study_free) struct tune_study *study = read_spec(*state, rest);
                /* The newest one of a folder; what is no log in there does not count. */
                autojson *whole = tune_trial_values(study, "", "tests/fixtures/spark/waiting"),
                         *in_folder = tune_trial_values(study, "", "tests/fixtures/spark"),
                         *nothing = tune_trial_values(study, "", "tests/fixtures/nobody");
                double value = NAN;

                assert_true(json_find_number(whole, "v", &value));
                assert_true(fabs(value - counted[i].value) < 1e-9);
                assert_true(json_equal(whole, in_folder));
                assert_int_equal(json_object_size(nothing), 0);
        }
}

static void expect_event_log(struct stage *stage, const char *template, const char *output,
                             const char *expected)
{
        autofree char *rest = memory_format("eventLog: '%s'\n", template);
        autocall(tune_study_free) struct tune_study *study = read_spec(stage, rest);
        autojson *x = json_pack("{s:i}", "threads", 3);
        autofree char *found = tune_trial_event_log(study, x, "/study/3", output);

        assert_string_equal(found, expected);
}

/* Lines as Spark's own log has them. */
static void test_where_an_event_log_is(void **state)
{
        static const char history[] = "http://h:18080/history/{application}";

        expect_event_log(*state, "{trial}/{threads}", "", "/study/3/3");
        expect_event_log(*state, history, "Connected to Spark cluster with app ID app-20261121162052-0007\n",
                         "http://h:18080/history/app-20261121162052-0007");
        expect_event_log(*state, history,
                         "Submitted application application_1795278044132_0001\nRetried.\n"
                         "Submitted application application_1795278044132_0002 to ResourceManager\n",
                         "http://h:18080/history/application_1795278044132_0002");
        expect_event_log(*state, history, "id=spark-0123456789abcdef0123456789abcdef.",
                         "http://h:18080/history/spark-0123456789abcdef0123456789abcdef");
        expect_event_log(*state, history, "\"local-1795320829414\"",
                         "http://h:18080/history/local-1795320829414");
        expect_event_log(*state, history, "nothing", history);
}

static void test_what_is_wrong_is_named(void **state)
{
        assert_refused(*state, "minimise: seconds\n", "did you mean minimize?");
        assert_refused(*state, "minimize: loss\n", "spec.yaml:2:11: minimize: loss is not measured");
        assert_refused(*state, "minimize: cost\n", "cost is not measured");
        assert_refused(
                *state, "minimize: seconds\nvalues: [{name: u, path: u}, {name: seconds, path: s}]\n",
                "spec.yaml:3:37: values[1].name: seconds is measured by optctl itself; expected another");
        assert_refused(*state,
                       "prices: {currency: EUR, worker: {perHour: '1'}}\nvalues: [{name: cost, path: c}]\n",
                       "spec.yaml:3:17: values[0].name: cost is measured by optctl itself");
        assert_refused(*state, "values: [{name: v, pattern: 'a'}]\n",
                       "spec.yaml:2:29: values[0].pattern: expected a group");
        assert_refused(*state, "values: [{name: v, pattern: '(a'}]\n",
                       "spec.yaml:2:29: values[0].pattern: (a is no regular expression; expected ");
        assert_refused(*state, "values: [{name: v}]\n", "expected one of pattern, path and eventLog");
        assert_refused(*state, "eventLog: x\nvalues: [{name: u, path: u}, {name: v, eventLog: joy}]\n",
                       "spec.yaml:3:50: values[1].eventLog: joy is not in an event log; expected one of "
                       "runSeconds");
        assert_refused(*state, "values: [{name: v, eventLog: tasks}]\n",
                       "spec.yaml:2:30: values[0].eventLog: expected eventLog beside values");
        assert_refused(*state, "giveUpFactor: 0.5\n",
                       "spec.yaml:2:15: giveUpFactor: expected 0, or 1 and more");
        assert_refused(*state, "giveUpFactor: 2\nminimize: memoryBytes\n",
                       "spec.yaml:2:15: giveUpFactor: expected seconds or cost");
        assert_refused(*state, "giveUpFactor: 2\nminimize: cost\nvalues: [{name: cost, path: cost}]\n",
                       "expected seconds or cost");
        assert_refused(*state, "giveUpFactor: 2\nalsoMinimize: memoryBytes\n",
                       "spec.yaml:2:15: giveUpFactor: of two measures there is no best trial; expected no "
                       "alsoMinimize");
        assert_refused(*state, "constraints: [{value: v, max: 1}]\n",
                       "spec.yaml:2:23: constraints[0].value: v is not measured");
        assert_refused(*state, "workers: nobody\n",
                       "spec.yaml:2:10: workers: expected a number or the name of a parameter");
        assert_refused(*state, "workers: '0'\n", "spec.yaml:2:10: workers: expected more than 0");
        assert_refused(*state, "files: [{template: spec.yaml, name: ../x}]\n",
                       "spec.yaml:2:37: files[0].name: ../x: expected a name without /");
        /* What a trial is taken up from. */
        assert_refused(*state, "files: [{template: spec.yaml, name: trial.json}]\n",
                       "spec.yaml:2:37: files[0].name: trial.json is what optctl keeps of a trial");
        assert_refused(*state, "files: [{template: spec.yaml, name: result.json}]\n", "result.json is what");
        assert_refused(*state, "files: [{template: spec.yaml, name: output}]\n", "output is what");
        assert_refused(*state, "files: [{template: spec.yaml, name: lock}]\n", "lock is what");
        assert_refused(*state, "environment: [{name: A=B, value: x}]\n",
                       "spec.yaml:2:22: environment[0].name: A=B: expected a name without =");
        assert_refused(*state, "files: [{template: none, name: x}]\n", "spec.yaml:2:20: files[0].template: ");
        assert_refused(*state, "files: [{template: none, name: x}]\n", "/none: No such file");
        assert_refused(*state, "eventLog: x\neventLogConnection: {caFile: none}\n",
                       "spec.yaml:3:21: eventLogConnection: expected the URL of a History Server");
        assert_refused(*state,
                       "eventLog: http://h/history/{application}\neventLogConnection: {caFile: none}\n",
                       "spec.yaml:3:30: eventLogConnection.caFile: ");
        assert_refused(*state, "prices: {currency: EUR, worker: {file: none.csv, valueColumn: c}}\n",
                       "spec.yaml:2:33: prices.worker: ");
}

static void assert_search_refused(struct stage *stage, const char *search, const char *words)
{
        struct tune_study *study = NULL;
        struct error err = ERROR_INIT;

        scratch_write(&stage->scratch, "spec.yaml", search);
        assert_false(tune_study_read(stage->path, command, &study, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, words))
                fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

/* The value that is wrong; what it should stand in where it is missing. */
static void test_what_is_wrong_in_a_search_has_its_place(void **state)
{
        assert_search_refused(*state,
                              "search:\n  space:\n    - {name: threads, type: int, low: 1, hihg: 2}\n",
                              "spec.yaml:3:48: search.space[0].hihg: unknown key; did you mean high?");
        assert_search_refused(*state, "search:\n  space:\n    - {name: threads, low: 1, high: 2}\n",
                              "spec.yaml:3:7: search.space[0]: type: expected float, int, cat or bool");
        assert_search_refused(
                *state, "search:\n  space: [{name: threads, type: int, low: 1, high: 8}]\n  budget: -3\n",
                "spec.yaml:3:11: search.budget: expected a whole number from 0 to 2000");
        assert_search_refused(
                *state,
                "search:\n  space: [{name: threads, type: int}]\n  candidates:\n    - {threads: 1}\n"
                "    - {threads: 1}\n",
                "spec.yaml:5:7: search.candidates[1]: the same point as candidates[0]");
        assert_search_refused(*state, "search: {space: [{name: trial, type: int, low: 1, high: 2}]}\n",
                              "spec.yaml:1:25: search.space[0].name: {trial} stands for the trial's folder");
        assert_search_refused(*state, "search: {space: [{name: 'a}', type: int, low: 1, high: 2}]}\n",
                              "spec.yaml:1:25: search.space[0].name: a}: expected a name without { and }");
        assert_search_refused(*state, "search: []\n", "spec.yaml:1:9: search: space: expected a list");
}

static void test_a_parameter_that_is_used_nowhere_is_refused(void **state)
{
        static char *const deaf[] = {sorts, NULL};
        struct stage *stage = *state;
        struct tune_study *study = NULL;
        struct error err = ERROR_INIT;

        write_spec(stage, "");
        assert_false(tune_study_read(stage->path, deaf, &study, &err));
        assert_non_null(
                strstr(err.message,
                       "spec.yaml:1:25: search.space[0].name: {threads} stands neither in the command"));
        write_spec(stage, "environment: [{name: OMP_NUM_THREADS, value: '{threads}'}]\n");
        assert_true(tune_study_read(stage->path, deaf, &study, &err));
        tune_study_free(study);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_in_braces_stand_for_values),
                cmocka_unit_test(test_braces_without_a_name_are_not_looked_through),
                cmocka_unit_test_setup_teardown(test_a_pattern_counts_where_it_matches_last, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_pattern_may_match_in_every_line, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_path_leads_into_the_output_or_its_last_line, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_an_event_log_measures, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_where_an_event_log_is, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_is_wrong_is_named, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_is_wrong_in_a_search_has_its_place, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_parameter_that_is_used_nowhere_is_refused, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
