/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controller/results.h"
#include "core/memory.h"
#include "sim/report/report.h"
#include "tests/support/report_fixture.h"
#include "tests/support/schema.h"

#define SCHEMAS "docs/schema"

typedef bool (*print_results)(const json_t *document, FILE *out, struct error *err);

static char *printed(print_results print, const json_t *document)
{
        struct error err = ERROR_INIT;
        char *text = NULL;
        size_t length;
        FILE *file = open_memstream(&text, &length);

        assert_true(print(document, file, &err));
        fclose(file);
        return text;
}

static void assert_printed(print_results print, json_t *take_document, const char *expected)
{
        autofree char *text = printed(print, take_document);

        assert_string_equal(text, expected);
        json_decref(take_document);
}

static json_t *read_json(const char *text)
{
        json_error_t where;
        json_t *document = json_loads(text, 0, &where);

        if (!document)
                fail_msg("line %d: %s", where.line, where.text);
        return document;
}

#define FIGURE(key, mean, low, high) "\"" key "\":{\"mean\":" mean ",\"low\":" low ",\"high\":" high "}"
#define STATIC                                                                                                  \
        "{\"name\":\"static\",\"currency\":\"USD\"," FIGURE("cost_per_day", "86.4", "86.4", "86.4") "," FIGURE( \
                "saving_percent", "0", "0",                                                                     \
                "0") "," FIGURE("slo_missed_minutes_per_day", "0", "0",                                         \
                                "0") "," FIGURE("rescales_per_day", "0", "0",                                   \
                                                "0") "," FIGURE("workers_mean", "18", "18",                     \
                                                                "18") "," FIGURE("latency_p99_seconds",         \
                                                                                 "0.4", "0.4",                  \
                                                                                 "0.4") "," FIGURE("backlog"    \
                                                                                                   "_peak_"     \
                                                                                                   "record"     \
                                                                                                   "s",         \
                                                                                                   "12000",     \
                                                                                                   "12000",     \
                                                                                                   "12000") ",\"carbon_grams_per_day\":null}"
#define PLAN                                                                                                                                          \
        "{\"name\":\"plan\",\"currency\":\"USD\"," FIGURE("cost_per_day", "51.3", "50.125", "52.6") "," FIGURE(                                       \
                "saving_percent", "40.625", "39.12",                                                                                                  \
                "41.99") "," FIGURE("slo_missed_minutes_per_day", "0.42", "0",                                                                        \
                                    "1.2") "," FIGURE("rescales_per_day", "6", "5",                                                                   \
                                                      "7.5") "," FIGURE("workers_mean", "9.5", "9.1",                                                 \
                                                                        "9.9") "," FIGURE("latency_p99_"                                              \
                                                                                          "seconds",                                                  \
                                                                                          "0.9234", "0.8",                                            \
                                                                                          "1.1") "," FIGURE("backlog_peak_records",                   \
                                                                                                            "1234567",                                \
                                                                                                            "1e6",                                    \
                                                                                                            "2e6") "," FIGURE("carbon_grams_per_day", \
                                                                                                                              "2054",                 \
                                                                                                                              "2000",                 \
                                                                                                                              "999600") "}"
#define SIMULATION                                                                                           \
        "{\"kind\":\"simulation\",\"version\":\"0.1.0\",\"pipeline\":\"clickstream\",\"seed\":1,\"runs\":"   \
        "20,"                                                                                                \
        "\"start\":\"2026-01-05T00:00:00Z\",\"duration_seconds\":604800,\"currency\":\"USD\","               \
        "\"baseline\":\"static\",\"load\":{\"mean_per_second\":41234,\"peak_per_second\":118000},"           \
        "\"operators\":5,\"constraints\":{},\"strategies\":[" STATIC "," PLAN "]"

/* The head line is the one of the design; a saving of 40.6 % is a cost 40.6 % lower, its interval turned with
 * it. */
static void test_simulation_table(void **state)
{
        (void)state;
        assert_printed(results_table, read_json(SIMULATION "}"),
                       "clickstream: 7 d of load, mean 41.2 k rec/s, peak 118 k rec/s, 5 operators, seed 1, "
                       "20 runs\n"
                       "\n"
                       "strategy        cost/day     vs static  SLO missed/day  rescales/day  p99 latency  "
                       "backlog peak"
                       "   carbon/day\n"
                       "static           $ 86.40                         0 min             0        0.4 s    "
                       "  12 k rec"
                       "            -\n"
                       "plan             $ 51.30       -40.6 %        0.42 min             6      0.923 s    "
                       "1.23 M rec"
                       "      2.05 kg\n"
                       "          [50.12, 52.60]  [-42, -39.1]        [0, 1.2]      [5, 7.5]   [0.8, 1.1]    "
                       "[1 M, 2 M]"
                       "  [2 kg, 1 t]\n");
}

static void test_sweep_is_a_table_each(void **state)
{
        autofree char *text = NULL;
        json_t *document = read_json(SIMULATION ",\"sweep\":[{\"set\":{\"spec.workload.scale\":\"1.5\","
                                                "\"spec.seed\":\"2\"},\"strategies\":[" STATIC "]}]}");

        (void)state;
        text = printed(results_table, document);
        assert_non_null(strstr(text, "\n\nspec.workload.scale=1.5 spec.seed=2\n\nstrategy"));
        json_decref(document);
}

/* RFC 4180: CRLF, quotes doubled inside quotes; 50.125 and 1234567 keep every digit. */
static void test_simulation_csv(void **state)
{
        json_t *document = read_json(SIMULATION "}");
        autofree char *text = NULL;
        const char *last;

        (void)state;
        json_object_set_new(json_array_get(json_object_get(document, "strategies"), 1), "name",
                            json_string("plan, \"ours\""));
        text = printed(results_csv, document);
        assert_memory_equal(text, "set,strategy,currency,cost_per_day,cost_per_day_low,cost_per_day_high,",
                            70);
        last = strstr(
                text,
                "\r\n,\"plan, \"\"ours\"\"\",USD,51.3,50.125,52.6,40.625,39.12,41.99,0.42,0,1.2,6,5,7.5,");
        assert_non_null(last);
        assert_non_null(strstr(last, ",1234567,1000000,2000000,"));
        assert_non_null(strstr(last, ",2054,2000,999600\r\n"));
        json_decref(document);
}

#define BACKTEST                                                                                             \
        "{\"kind\":\"backtest\",\"version\":\"0.1.0\",\"pipeline\":\"ads\",\"predictions\":["                \
        "{\"recording\":\"reactive\",\"metric\":\"workers_mean\",\"unit\":\"workers\",\"measured\":14.65,"   \
        "\"predicted\":14.8,\"low\":14.2,\"high\":15.4},"                                                    \
        "{\"recording\":\"reactive\",\"metric\":\"saving_percent\",\"unit\":\"%\",\"measured\":39,"          \
        "\"predicted\":37.5,\"low\":36.1,\"high\":38.6},"                                                    \
        "{\"recording\":\"reactive\",\"metric\":\"delay_peak_seconds\",\"unit\":\"s\",\"measured\":null,"    \
        "\"predicted\":41,\"low\":30,\"high\":66}],"                                                         \
        "\"coverage_percent\":91.25,\"interval_percent\":90,\"windows\":1204,\"fit\":[\"static\",\"b\"]}"

/* 14.8 / 14.65 - 1 = 1.02 %; of a saving the error is 1.5 points, not 3.8 %. */
static void test_backtest_table(void **state)
{
        (void)state;
        assert_printed(
                results_table, read_json(BACKTEST),
                "ads: fitted on static, b\n"
                "\n"
                "recording  metric         measured  predicted      interval  unit           error"
                "  measured is\n"
                "reactive   workers, mean     14.65       14.8  [14.2, 15.4]  workers      +1.02 %  inside\n"
                "reactive   saving               39       37.5  [36.1, 38.6]  %        -1.5 points  outside\n"
                "reactive   delay, peak           -         41      [30, 66]  s                  -  -\n"
                "\n"
                "91.2 % of 1204 windows held back lay inside their 90 % interval\n");
}

static void test_backtest_csv(void **state)
{
        (void)state;
        assert_printed(results_csv, read_json(BACKTEST),
                       "recording,metric,unit,measured,predicted,low,high\r\n"
                       "reactive,workers_mean,workers,14.65,14.8,14.2,15.4\r\n"
                       "reactive,saving_percent,%,39,37.5,36.1,38.6\r\n"
                       "reactive,delay_peak_seconds,s,,41,30,66\r\n");
}

#define CALIBRATION                                                                                          \
        "{\"kind\":\"calibration\",\"version\":\"0.1.0\",\"pipeline\":\"ads\",\"fit\":[\"static\"],"         \
        "\"model\":{"                                                                                        \
        "\"parameters\":[{\"name\":\"operators.work.ratePerSecond\",\"value\":8123.4,\"error\":31,"          \
        "\"unit\":\"rec/s\",\"identified\":true},{\"name\":\"restart.downtimeSeconds\",\"value\":null,"      \
        "\"error\":null,\"unit\":\"s\",\"identified\":false,\"note\":\"no restart was recorded\"}]}}"

static void test_calibration(void **state)
{
        (void)state;
        assert_printed(results_table, read_json(CALIBRATION),
                       "ads: fitted on static\n"
                       "\n"
                       "parameter                      value  error  unit\n"
                       "operators.work.ratePerSecond  8123.4  ± 31   rec/s  identified\n"
                       "restart.downtimeSeconds            -         s      not identified: no restart was "
                       "recorded\n");
        assert_printed(results_csv, read_json(CALIBRATION),
                       "name,value,error,unit,identified,note\r\n"
                       "operators.work.ratePerSecond,8123.4,31,rec/s,true,\r\n"
                       "restart.downtimeSeconds,,,s,false,no restart was recorded\r\n");
}

static void test_another_kind_is_refused(void **state)
{
        struct error err = ERROR_INIT;
        json_t *document = read_json("{\"kind\":\"savings\"}");

        (void)state;
        assert_false(results_table(document, stdout, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_string_equal(err.message,
                            "results: kind \"savings\"; expected simulation, backtest or calibration");
        json_decref(document);
}

static void assert_schema(const char *file, json_t *take_document)
{
        struct error err = ERROR_INIT;

        if (!schema_check(SCHEMAS, file, take_document, &err))
                fail_msg("%s: %s", file, err.message);
        json_decref(take_document);
}

static void test_documents_follow_their_schemas(void **state)
{
        (void)state;
        assert_schema("simulate.schema.json", report_fixture_simulation());
        assert_schema("backtest.schema.json", report_fixture_backtest());
        assert_schema("calibrate.schema.json", report_fixture_calibration());
        assert_schema("simulate.schema.json", read_json(SIMULATION "}"));
        assert_schema("backtest.schema.json", read_json(BACKTEST));
        assert_schema("calibrate.schema.json", read_json(CALIBRATION));
}

static void test_schema_sees_a_wrong_type(void **state)
{
        struct error err = ERROR_INIT;
        json_t *document = read_json(BACKTEST);

        (void)state;
        json_object_set_new(json_array_get(json_object_get(document, "predictions"), 1), "low",
                            json_string("1"));
        assert_false(schema_check(SCHEMAS, "backtest.schema.json", document, &err));
        assert_string_equal(err.message, "$.predictions[1].low: has none of the types");
        json_decref(document);
}

/* HTML (WHATWG 13.2.6.4.4): a script element ends at "</script" alone, so no "<" of ours may come from the
 * data. */
static void test_report_embeds_the_document_safely(void **state)
{
        json_t *document =
                read_json("{\"kind\":\"simulation\",\"pipeline\":\"</script><img>\",\"x\":[0.1,1e-9]}");
        autotext html = {0};

        (void)state;
        report_html(document, &html);
        assert_non_null(strstr(html.data,
                               ">{\"kind\":\"simulation\",\"pipeline\":\"\\u003c/script>\\u003cimg>\","
                               "\"x\":[0.1,1e-9]}</script>"));
        assert_null(strstr(html.data, "<img>"));
        json_decref(document);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_simulation_table),
                cmocka_unit_test(test_sweep_is_a_table_each),
                cmocka_unit_test(test_simulation_csv),
                cmocka_unit_test(test_backtest_table),
                cmocka_unit_test(test_backtest_csv),
                cmocka_unit_test(test_calibration),
                cmocka_unit_test(test_another_kind_is_refused),
                cmocka_unit_test(test_documents_follow_their_schemas),
                cmocka_unit_test(test_schema_sees_a_wrong_type),
                cmocka_unit_test(test_report_embeds_the_document_safely),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
