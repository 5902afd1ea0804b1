/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `optctl simulate` says of an event log: the recorded one (tests/fixtures/spark), with figures taken
 * from it by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controller/study/batch_study.h"
#include "core/json.h"
#include "core/text.h"
#include "tests/support/schema.h"
#include "tests/support/scratch.h"

#define LOG "tests/fixtures/spark/waiting.zstd"

static json_t *study(const struct batch_request *request)
{
        struct error err = ERROR_INIT;
        json_t *document = NULL;

        if (!batch_study(request, &document, &err) ||
            !schema_check("docs/schema", "batch.schema.json", document, &err))
                fail_msg("%s", err.message);
        return document;
}

static double number(const json_t *object, const char *key)
{
        double value;

        assert_true(json_find_number(object, key, &value));
        return value;
}

static void refused(const struct batch_request *request, const char *message)
{
        struct error err = ERROR_INIT;
        json_t *document = NULL;

        assert_false(batch_study(request, &document, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, message));
}

/* 141.921 s from start to end; executors came 98.114 and 96.317 s before it. */
static void what_was_measured(void **state)
{
        char *none[] = {NULL};
        autojson *document = study(&(struct batch_request){.log = LOG, .executors = none});
        const json_t *measured = json_object_get(document, "measured");

        (void)state;
        assert_float_equal(number(measured, "seconds"), 141.921, 1e-9);
        assert_int_equal(number(measured, "executors"), 2);
        assert_int_equal(number(measured, "slots"), 4);
        assert_int_equal(number(measured, "tasks"), 64);
        assert_int_equal(number(measured, "stages"), 4);
        assert_float_equal(number(measured, "cost"), 194.431 / 3600, 1e-9);
        assert_string_equal(json_string_value(json_object_get(document, "currency")), "XXX");
        /* 1, 2, 4 and 8: half an executor is one, and a quarter too */
        assert_int_equal(json_array_size(json_object_get(document, "alternatives")), 4);
}

/* 318 s of tasks on two slots take at least 159 s, when they take as long as they took. */
static void other_sizes(void **state)
{
        char *sizes[] = {(char[]){"1"}, (char[]){"2"}, (char[]){"4"}, (char[]){"1000"}, NULL};
        autojson *document = study(&(struct batch_request){.log = LOG, .executors = sizes});
        const json_t *list = json_object_get(document, "alternatives");
        double before = 1e9;

        (void)state;
        assert_int_equal(json_array_size(list), 4);
        for (size_t i = 0; i < 4; i++) {
                const json_t *it = json_array_get(list, i);

                assert_true(number(it, "low") <= number(it, "seconds"));
                assert_true(number(it, "seconds") <= number(it, "high"));
                assert_true(number(it, "seconds") <= before);
                before = number(it, "seconds");
        }
        assert_true(number(json_array_get(list, 0), "high") > 159);
        assert_float_equal(number(json_array_get(list, 1), "seconds"), number(document, "replayedSeconds"),
                           7);
        assert_true(number(json_array_get(list, 3), "idlePercent") > 95);
        assert_true(number(json_array_get(list, 3), "saved") < 0);
}

/* 36 an hour is a cent a second; each executor is billed by whole seconds, 99 and 97. */
static void with_prices(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "prices.yaml");
        char *sizes[] = {(char[]){"2"}, NULL};
        const struct batch_request request = {.log = LOG, .prices = path, .executors = sizes};
        autojson *document = NULL;

        (void)state;
        scratch_write(&scratch, "prices.yaml",
                      "apiVersion: optctl.dev/v1alpha1\nkind: PriceBook\nmetadata: {name: spot}\n"
                      "spec: {currency: EUR, worker: {perHour: 36}}\n");
        document = study(&request);
        assert_string_equal(json_string_value(json_object_get(document, "currency")), "EUR");
        assert_float_equal(number(json_object_get(document, "measured"), "cost"), 1.96, 2e-5);
        scratch_write(&scratch, "prices.yaml", "kind: PriceBook\n");
        refused(&request, "prices.yaml: expected a PriceBook, or a TunedPipeline with spec.prices");
        scratch_write(&scratch, "prices.yaml",
                      "kind: PriceBook\nspec: {currency: EUR, worker: {perHours: 36}}\n");
        refused(&request, "did you mean perHour?");
        scratch_close(&scratch);
}

/* Executors of two cores and 512 MiB were there for 194.431 s in all: a core-second costs a cent, a
 * GiB-second two. */
static void with_prices_of_resources(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "prices.yaml");
        char *none[] = {NULL}, *sets[] = {(char[]){"spark.executor.cores=4"}, NULL},
             *sweeps[] = {(char[]){"spark.executor.memory=512m,2g"}, NULL};
        const struct batch_request request = {.log = LOG,
                                              .prices = path,
                                              .executors = none,
                                              .sets = sets,
                                              .sweeps = sweeps};
        autojson *document = NULL;
        const json_t *measured, *list;

        (void)state;
        scratch_write(&scratch, "prices.yaml",
                      "kind: TunedPipeline\nspec:\n  prices: {currency: EUR, resources: {perCoreHour: 36, "
                      "perGibibyteHour: 72}}\n");
        document = study(&request);
        measured = json_object_get(document, "measured");
        list = json_object_get(document, "alternatives");
        assert_float_equal(number(measured, "cost"), 194.431 * (2 * 0.01 + 0.5 * 0.02), 1e-9);
        /* Both held the same executors for nearly as long: what they pay for a second is 0.05 and 0.08. */
        assert_float_equal(number(json_array_get(list, 1), "cost") / number(json_array_get(list, 0), "cost"),
                           1.6, 0.05);
        scratch_close(&scratch);
}

/* A quarter and a half of three are one and two, not none. */
static void usual_sizes_of_three(void **state)
{
        static const char third[] =
                "{\"Event\":\"SparkListenerExecutorAdded\",\"Timestamp\":%lld,\"Executor ID\":\"2\","
                "\"Executor Info\":{\"Host\":\"a\",\"Total Cores\":2}}\n";
        static const int expected[] = {1, 2, 3, 6, 12};
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log"), *text = NULL, *longer = NULL, *line = NULL;
        char *none[] = {NULL}, *at;
        struct error err = ERROR_INIT;
        autojson *document = NULL;
        const json_t *list, *it;
        size_t i;

        (void)state;
        assert_true(text_read_file("tests/fixtures/spark/waiting", 1 << 20, &text, NULL, &err));
        at = strstr(text, "{\"Event\":\"SparkListenerExecutorAdded\"");
        assert_non_null(at);
        line = memory_format(third, strtoll(strstr(at, "Timestamp\":") + strlen("Timestamp\":"), NULL, 10));
        longer = memory_format("%.*s%s%s", (int)(at - text), text, line, at);
        scratch_write(&scratch, "log", longer);
        document = study(&(struct batch_request){.log = path, .executors = none});
        list = json_object_get(document, "alternatives");
        assert_int_equal(json_array_size(list), ARRAY_LENGTH(expected));
        json_array_foreach(list, i, it) assert_int_equal(number(it, "executors"), expected[i]);
        scratch_close(&scratch);
}

/* Spark also says of executors that never came that they have gone. They cost nothing. */
static void executors_that_never_came(void **state)
{
        static const char gone[] = "{\"Event\":\"SparkListenerExecutorRemoved\",\"Timestamp\":1795278180000,"
                                   "\"Executor ID\":\"7\",\"Removed Reason\":\"lost\"}\n";
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log"), *text = NULL, *longer = NULL;
        char *none[] = {NULL};
        struct error err = ERROR_INIT;
        autojson *document = NULL;

        (void)state;
        assert_true(text_read_file("tests/fixtures/spark/waiting", 1 << 20, &text, NULL, &err));
        longer = memory_format("%s%s", text, gone);
        scratch_write(&scratch, "log", longer);
        document = study(&(struct batch_request){.log = path, .executors = none});
        assert_float_equal(number(json_object_get(document, "measured"), "cost"), 194.431 / 3600, 1e-9);
        assert_int_equal(number(json_object_get(document, "measured"), "executors"), 2);
        scratch_close(&scratch);
}

/* ---- settings ---- */

/* Combinations in the order of their words, the last changing the fastest; what is asked stands beside. */
static void settings(void **state)
{
        char *none[] = {NULL}, *sets[] = {(char[]){"spark.executor.cores=1"}, NULL};
        char *sweeps[] = {(char[]){"spark.executor.instances=2,4"},
                          (char[]){"spark.executor.memory=512m,2g,1t"}, NULL};
        autojson *document =
                study(&(struct batch_request){.log = LOG, .executors = none, .sets = sets, .sweeps = sweeps});
        const json_t *list = json_object_get(document, "alternatives"), *it = json_array_get(list, 4);

        (void)state;
        assert_int_equal(json_array_size(list), 6);
        assert_string_equal(json_string_value(json_object_get(it, "settings")),
                            "spark.executor.cores=1 spark.executor.instances=4 spark.executor.memory=2g");
        assert_int_equal(number(it, "executors"), 4);
        assert_int_equal(number(it, "slots"), 4);
        assert_true(number(json_array_get(list, 3), "seconds") >= number(it, "seconds"));
        assert_true(json_is_null(json_object_get(it, "fromRuns")));
}

/* Four slots are the most that 64 tasks and executors of two cores, two at most, can use. */
static void allocated_by_load(void **state)
{
        char *none[] = {NULL}, *sets[] = {(char[]){"spark.dynamicAllocation.enabled=true"},
                                          (char[]){"spark.dynamicAllocation.maxExecutors=2"},
                                          (char[]){"spark.dynamicAllocation.executorIdleTimeout=2min"}, NULL};
        autojson *document = study(&(struct batch_request){.log = LOG, .executors = none, .sets = sets});
        const json_t *it = json_array_get(json_object_get(document, "alternatives"), 0);

        (void)state;
        assert_true(json_is_true(json_object_get(it, "dynamic")));
        assert_int_equal(number(it, "executors"), 2);
        assert_int_equal(number(it, "slots"), 4);
        assert_true(number(it, "seconds") >= number(document, "replayedSeconds"));
}

static void refused_settings(const char *set, const char *message)
{
        char *none[] = {NULL}, *sets[] = {(char *)(uintptr_t)set, NULL};

        refused(&(struct batch_request){.log = LOG, .executors = none, .sets = sets}, message);
}

static void wrong_settings(void **state)
{
        char *none[] = {NULL}, *many[] = {(char[]){"spark.executor.cores=1,2,3,4,5,6,7,8,9,10,11"},
                                          (char[]){"spark.executor.instances=1,2,3,4,5,6,7,8,9,10"}, NULL};

        (void)state;
        refused_settings("spark.executor.memry=4g", "simulate: --set spark.executor.memry=4g: an event log");
        refused_settings("spark.executor.memory", "simulate: --set spark.executor.memory: an event log");
        refused_settings("spark.executor.memory=much", "expected memory, as in 4g");
        refused_settings("spark.executor.cores=0", "expected a whole number from 1 to 65536");
        refused_settings("spark.executor.cores=1.5", "expected a whole number");
        refused_settings("spark.dynamicAllocation.minExecutors=99999999", "a whole number from 0 to 10000");
        refused_settings("spark.dynamicAllocation.enabled=1", "expected true or false");
        refused_settings("spark.dynamicAllocation.executorIdleTimeout=-5s", "expected a time, as in 60s");
        refused_settings("spark.dynamicAllocation.executorIdleTimeout=5 parsecs", "expected a time");
        refused_settings("spark.sql.shuffle.partitions=400", "adaptive execution chose their number");
        refused(&(struct batch_request){.log = LOG, .executors = none, .sweeps = many},
                "simulate: more than 100 combinations");
}

/* Two runs at one size say nothing of others; that of another application does not belong here. */
static void several_runs(void **state)
{
        char *none[] = {NULL}, *same[] = {(char[]){"tests/fixtures/spark/waiting"}, NULL};
        char *missing[] = {(char[]){"tests/fixtures/spark/nowhere"}, NULL}, *other[2] = {NULL};
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log"), *text = NULL, *half = NULL;
        char *sizes[] = {(char[]){"2"}, (char[]){"8"}, NULL};
        struct error err = ERROR_INIT;
        autojson *document = NULL;
        const json_t *guess;
        char *at;

        (void)state;
        refused(&(struct batch_request){.log = LOG, .executors = none, .others = same},
                "simulate: --with: all runs had 4 slots");
        refused(&(struct batch_request){.log = LOG, .executors = none, .others = missing}, "nowhere");
        assert_true(text_read_file("tests/fixtures/spark/waiting", 1 << 20, &text, NULL, &err));
        half = memory_copy_text(text);
        /* The same run, had its executors had eight cores each. */
        while ((at = strstr(half, "\"Total Cores\":2")))
                memcpy(at, "\"Total Cores\":8", strlen("\"Total Cores\":8"));
        scratch_write(&scratch, "log", half);
        other[0] = path;
        document = study(&(struct batch_request){.log = LOG, .executors = sizes, .others = other});
        assert_float_equal(number(json_array_get(json_object_get(document, "runs"), 0), "slots"), 16, 1e-9);
        guess = json_object_get(json_array_get(json_object_get(document, "alternatives"), 0), "fromRuns");
        assert_float_equal(number(guess, "seconds"), 141.921, 1e-3);
        assert_true(number(guess, "low") <= number(guess, "seconds"));
        guess = json_object_get(json_array_get(json_object_get(document, "alternatives"), 1), "fromRuns");
        assert_float_equal(number(guess, "seconds"), 141.921, 1e-3);
        while ((at = strstr(half, "\"App Name\":\"waiting\"")))
                memcpy(at, "\"App Name\":\"another\"", strlen("\"App Name\":\"another\""));
        scratch_write(&scratch, "log", half);
        refused(&(struct batch_request){.log = LOG, .executors = none, .others = other},
                "a run of another, not of waiting");
        scratch_close(&scratch);
}

static void wrong_words(void **state)
{
        char *none[] = {NULL}, *half[] = {(char[]){"4"}, (char[]){"0.5"}, NULL};
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "log");

        (void)state;
        refused(&(struct batch_request){.log = LOG, .executors = half},
                "--executors 0.5: expected numbers from 1");
        scratch_write(
                &scratch, "log",
                "{\"Event\":\"SparkListenerApplicationStart\",\"App Name\":\"a\",\"Timestamp\":1000}\n");
        refused(&(struct batch_request){.log = path, .executors = none},
                "no task has ended, so there is nothing to replay");
        /* One that was downloaded is not told of by where it lay meanwhile. */
        refused(&(struct batch_request){.log = path, .executors = none, .name = "http://history/app-1"},
                "http://history/app-1: no task has ended");
        scratch_close(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_measured),
                cmocka_unit_test(other_sizes),
                cmocka_unit_test(with_prices),
                cmocka_unit_test(executors_that_never_came),
                cmocka_unit_test(settings),
                cmocka_unit_test(allocated_by_load),
                cmocka_unit_test(wrong_settings),
                cmocka_unit_test(several_runs),
                cmocka_unit_test(wrong_words),
                cmocka_unit_test(with_prices_of_resources),
                cmocka_unit_test(usual_sizes_of_three),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
