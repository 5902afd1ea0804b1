/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in the spec of a SparkApplication and how a knob changes it. Expected are the operator's own
 * rules (kubeflow/spark-operator v2.3.0: api/v1beta2/defaults.go,
 * internal/controller/sparkapplication/submission.go) and Spark's own notation of sizes
 * (JavaUtils.byteStringAs; "Running Spark on Kubernetes" on overhead). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "core/json.h"
#include "core/text.h"
#include "engines/spark/setting.h"
#include "engines/spark_application/template.h"

#define MIB 0x1p20
#define GIB 0x1p30

static json_t *parse(const char *text)
{
        json_t *object = json_loads(text, 0, NULL);

        assert_non_null(object);
        return object;
}

/* One knob and what a spec says of it. */
struct one {
        struct knob knob;
        struct pipeline pipeline;
        struct configuration configuration;
};

static void one_make(struct one *one, const char *name, double value)
{
        *one = (struct one){.knob = {.name = name, .operator_index = -1, .max = 1e15}};
        one->pipeline = (struct pipeline){.n_knobs = 1, .knobs = &one->knob};
        one->configuration = (struct configuration){.count = 1, .value = {value}};
}

static bool read_knob(const char *spec, const char *name, double *ret_value, struct error *err)
{
        json_t *object = parse(spec);
        struct one one;
        bool done;

        one_make(&one, name, NAN);
        done = spark_template_read(object, &one.pipeline, &one.configuration, err);
        *ret_value = one.configuration.value[0];
        json_decref(object);
        return done;
}

static void test_where_a_knob_stands(void **state)
{
        static const struct {
                const char *spec, *knob;
                double value;
        } cases[] = {
                {"{\"executor\": {\"instances\": 3}}", "workers", 3},
                {"{\"executor\": {\"instances\": 3}, \"sparkConf\": {\"spark.executor.instances\": \"9\"}}",
                 "workers", 3},
                {"{\"sparkConf\": {\"spark.executor.instances\": \"9\"}}", "workers", 9},
                {"{\"executor\": {\"instances\": 3}}", "spark.executor.instances", 3},
                {"{}", "workers", 1}, /* the operator's defaults */
                {"{}", "executor.cores", 1},
                {"{}", "memory", GIB},
                {"{}", "driver.memory", GIB},
                {"{\"executor\": {\"memory\": \"1536m\"}}", "memory", 1536 * MIB},
                {"{\"executor\": {\"memory\": \"512\"}}", "memory", 512 * MIB},
                {"{\"sparkConf\": {\"spark.sql.shuffle.partitions\": \"200\"}}",
                 "spark.sql.shuffle.partitions", 200},
                {"{\"sparkConf\": {\"spark.sql.files.maxPartitionBytes\": \"128m\"}}",
                 "spark.sql.files.maxPartitionBytes", 128 * MIB},
                {"{\"sparkConf\": {\"spark.sql.files.maxPartitionBytes\": \"134217728\"}}",
                 "spark.sql.files.maxPartitionBytes", 128 * MIB},
                {"{\"sparkConf\": {\"spark.memory.fraction\": \"0.6\"}}", "spark.memory.fraction", 0.6},
                {"{\"sparkConf\": {\"spark.sql.adaptive.enabled\": \"true\"}}", "spark.sql.adaptive.enabled",
                 1},
                {"{\"dynamicAllocation\": {\"enabled\": true, \"maxExecutors\": 7}}",
                 "dynamicAllocation.maxExecutors", 7},
                {"{\"sparkConf\": {\"spark.dynamicAllocation.maxExecutors\": \"8\"}}",
                 "dynamicAllocation.maxExecutors", 8},
                {"{}", "spark.sql.shuffle.partitions", NAN},
                {"{}", "parallelism", NAN}, /* no setting of Spark's */
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct error err = ERROR_INIT;
                double value;

                if (!read_knob(cases[i].spec, cases[i].knob, &value, &err))
                        fail_msg("%s in %s: %s", cases[i].knob, cases[i].spec, err.message);
                if (!(value == cases[i].value || (isnan(value) && isnan(cases[i].value))))
                        fail_msg("%s in %s: %g", cases[i].knob, cases[i].spec, value);
        }
}

static void expect_refused(const char *spec, const char *knob, const char *reason)
{
        struct error err = ERROR_INIT;
        double value;

        assert_false(read_knob(spec, knob, &value, &err));
        assert_string_equal(err.reason, reason);
}

static void test_what_no_number_can_set(void **state)
{
        (void)state;
        expect_refused("{\"dynamicAllocation\": {\"enabled\": true}}", "workers", "DynamicAllocation");
        expect_refused("{\"sparkConf\": {\"spark.dynamicAllocation.enabled\": \"true\"}}", "workers",
                       "DynamicAllocation");
        expect_refused("{\"executor\": {\"memory\": \"much\"}}", "memory", "NotANumber");
        /* Ten minutes, not ten MiB. */
        expect_refused("{\"sparkConf\": {\"spark.network.timeout\": \"10m\"}}", "spark.network.timeout",
                       "NotANumber");
        expect_refused("{\"executor\": {\"instances\": {}}}", "workers", "NotANumber");
        expect_refused("{\"executor\": {\"instances\": -5}}", "workers", "NotANumber");
        expect_refused("{\"executor\": {\"instances\": 1e308}}", "workers", "NotANumber");
}

static void expect_change(const char *spec, const char *knob, double value, const char *change,
                          const char *words)
{
        json_t *object = parse(spec), *made;
        autofree char *text = NULL;
        autotext what = {0};
        struct one one;

        one_make(&one, knob, value);
        made = spark_template_change(object, &one.pipeline, &one.configuration, &what);
        text = json_dumps(made, JSON_COMPACT | JSON_SORT_KEYS);
        assert_string_equal(text, change);
        assert_string_equal(what.data ? what.data : "", words);
        json_decref(made);
        json_decref(object);
}

static void test_what_is_written(void **state)
{
        (void)state;
        expect_change("{\"executor\": {\"instances\": 2}}", "workers", 4, "{\"executor\":{\"instances\":4}}",
                      "executor.instances 2 -> 4");
        expect_change("{\"executor\": {\"instances\": 2}}", "workers", 2, "{}", "");
        expect_change("{\"executor\": {\"instances\": 2}}", "workers", NAN, "{}", "");
        expect_change("{\"sparkConf\": {\"spark.executor.instances\": \"2\"}}", "workers", 4,
                      "{\"sparkConf\":{\"spark.executor.instances\":\"4\"}}",
                      "spark.executor.instances 2 -> 4");
        expect_change("{}", "workers", 1, "{}", "");
        expect_change("{\"executor\": {\"memory\": \"1g\"}}", "memory", 1536 * MIB,
                      "{\"executor\":{\"memory\":\"1536m\"}}", "executor.memory 1g -> 1536m");
        expect_change("{}", "spark.sql.shuffle.partitions", 64,
                      "{\"sparkConf\":{\"spark.sql.shuffle.partitions\":\"64\"}}",
                      "spark.sql.shuffle.partitions unset -> 64");
        expect_change("{\"sparkConf\": {\"spark.sql.files.maxPartitionBytes\": \"128m\"}}",
                      "spark.sql.files.maxPartitionBytes", 64 * MIB,
                      "{\"sparkConf\":{\"spark.sql.files.maxPartitionBytes\":\"64m\"}}",
                      "spark.sql.files.maxPartitionBytes 128m -> 64m");
        expect_change("{\"sparkConf\": {\"spark.sql.adaptive.enabled\": \"true\"}}",
                      "spark.sql.adaptive.enabled", 0,
                      "{\"sparkConf\":{\"spark.sql.adaptive.enabled\":\"false\"}}",
                      "spark.sql.adaptive.enabled true -> false");
        expect_change("{\"dynamicAllocation\": {\"enabled\": true}}", "dynamicAllocation.maxExecutors", 5,
                      "{\"dynamicAllocation\":{\"maxExecutors\":5}}",
                      "dynamicAllocation.maxExecutors unset -> 5");
}

/* Where it stands for managedFields follows from where it would be written. */
static void test_who_could_keep_it(void **state)
{
        static const struct {
                const char *spec, *knob, *path;
        } cases[] = {
                {"{}", "workers", "f:executor|f:instances"},
                {"{\"sparkConf\": {\"spark.executor.instances\": \"2\"}}", "workers",
                 "f:sparkConf|f:spark.executor.instances"},
                {"{}", "spark.sql.shuffle.partitions", "f:sparkConf|f:spark.sql.shuffle.partitions"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct knob knob = {.name = cases[i].knob};
                json_t *spec = parse(cases[i].spec);
                autofree char *path = spark_template_path(spec, &knob);

                assert_string_equal(path, cases[i].path);
                json_decref(spec);
        }
}

static void test_what_a_run_holds(void **state)
{
        json_t *spec =
                parse("{\"executor\": {\"instances\": 4, \"cores\": 2, \"memory\": \"8g\"}, \"driver\": "
                      "{\"memory\": \"1g\", \"memoryOverhead\": \"512m\"}}");
        json_t *dynamic = parse("{\"dynamicAllocation\": {\"enabled\": true}}");
        struct spark_allocation held = spark_template_allocation(spec);

        (void)state;
        assert_true(held.executors == 4 && held.executor_cores == 2 && held.driver_cores == 1);
        assert_float_equal(held.executor_bytes, 8.8 * GIB, 1); /* a tenth more, at least 384 MiB */
        assert_true(held.driver_bytes == 1536 * MIB);
        held = spark_template_allocation(dynamic);
        assert_true(isnan(held.executors) && held.executor_bytes == 1408 * MIB);
        json_decref(spec);
        json_decref(dynamic);
}

/* What is kept of a spec says the same of everything above. */
static void test_the_essence_says_the_same(void **state)
{
        json_t *spec = parse(
                "{\"image\": \"spark\", \"executor\": {\"instances\": 4, \"env\": [1]}, \"volumes\": [], "
                "\"sparkConf\": {\"spark.a\": \"1\"}, \"dynamicAllocation\": {\"enabled\": false}}");
        json_t *essence = spark_template_essence(spec);
        json_t *wanted = parse("{\"executor\": {\"instances\": 4}, \"sparkConf\": {\"spark.a\": \"1\"}, "
                               "\"dynamicAllocation\": {\"enabled\": false}}");

        (void)state;
        assert_true(json_equal(essence, wanted));
        assert_int_equal(spark_template_settings(essence), 3);
        json_decref(spec);
        json_decref(essence);
        json_decref(wanted);
}

static void test_sizes(void **state)
{
        static const struct {
                const char *text;
                double bytes;
        } cases[] = {{"1g", GIB},    {"1G", GIB},    {"1gb", GIB}, {"1048576b", MIB}, {"1024k", MIB},
                     {"3", 3 * MIB}, {"1t", 0x1p40}, {"", NAN},    {"-1m", NAN},      {"1 g", NAN},
                     {"1gi", NAN},   {"m", NAN},     {"inf", NAN}, {"1.5x", NAN}};
        struct spark_setting memory = spark_setting_of_knob("memory");

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                double read = spark_setting_read(&memory, cases[i].text);

                if (!(read == cases[i].bytes || (isnan(read) && isnan(cases[i].bytes))))
                        fail_msg("%s: %g", cases[i].text, read);
        }
        for (double bytes = MIB + 1; bytes < 0x1p40; bytes *= 3) {
                autofree char *text = spark_setting_text(&memory, bytes, NULL);

                assert_true(spark_setting_read(&memory, text) == ceil(bytes - 1e-6));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_where_a_knob_stands),
                cmocka_unit_test(test_what_no_number_can_set),
                cmocka_unit_test(test_what_is_written),
                cmocka_unit_test(test_who_could_keep_it),
                cmocka_unit_test(test_what_a_run_holds),
                cmocka_unit_test(test_the_essence_says_the_same),
                cmocka_unit_test(test_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
