/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controller/cli/results.h"
#include "core/memory.h"
#include "core/text.h"
#include "sim/report/report.h"
#include "tests/support/report_fixture.h"
#include "tests/support/schema.h"

/*
 * A case is a folder of tests/controller/results: document.json, and the table.txt and results.csv that were
 * written beside it by hand. What they are after:
 *
 * - simulate: the head line is that of the manual; a saving of 40.6 % is a cost 40.6 % lower and its interval
 * is turned with it; the baseline has none; an interval stands only where runs differ to the eye; an unknown
 * figure is a dash in the table and empty in the CSV; 999.6 kg is 1 t; quotes follow RFC 4180 and CSV keeps
 * every digit
 * - backtest: 14.8 / 14.65 - 1 = 1.02 %; of a saving the error is 1.5 points, not 3.8 %
 * - calibrate: why a parameter could not be identified
 */
#define CASES   "tests/controller/results"
#define SCHEMAS "docs/schema"

typedef bool (*print_results)(const json_t *document, FILE *out, struct error *err);

static json_t *read_case(const char *name)
{
        autofree char *path = memory_format(CASES "/%s/document.json", name);
        json_error_t where;
        json_t *document = json_load_file(path, JSON_REJECT_DUPLICATES, &where);

        if (!document)
                fail_msg("%s:%d: %s", path, where.line, where.text);
        return document;
}

static void assert_printed(print_results print, const char *name, const char *file)
{
        autofree char *path = memory_format(CASES "/%s/%s", name, file);
        json_auto_t *document = read_case(name);
        struct error err = ERROR_INIT;
        autofree char *expected = NULL;
        autofree char *text = NULL;
        size_t length;
        FILE *out = open_memstream(&text, &length);

        assert_true(text_read_file(path, 1 << 20, &expected, NULL, &err));
        assert_true(print(document, out, &err));
        fclose(out);
        assert_string_equal(text, expected);
}

static void assert_schema(const char *file, json_t *take_document)
{
        struct error err = ERROR_INIT;
        bool follows = schema_check(SCHEMAS, file, take_document, &err);

        json_decref(take_document);
        if (!follows)
                fail_msg("%s: %s", file, err.message);
}

static void test_simulate(void **state)
{
        (void)state;
        assert_printed(results_table, "simulate", "table.txt");
        assert_printed(results_csv, "simulate", "results.csv");
}

static void test_backtest(void **state)
{
        (void)state;
        assert_printed(results_table, "backtest", "table.txt");
        assert_printed(results_csv, "backtest", "results.csv");
}

static void test_calibrate(void **state)
{
        (void)state;
        assert_printed(results_table, "calibrate", "table.txt");
        assert_printed(results_csv, "calibrate", "results.csv");
}

static void test_another_kind_is_refused(void **state)
{
        struct error err = ERROR_INIT;
        json_auto_t *document = json_pack("{s:s}", "kind", "savings");

        (void)state;
        assert_false(results_table(document, stdout, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_string_equal(err.message,
                            "results: kind \"savings\"; expected simulation, backtest or calibration");
}

static void test_documents_follow_their_schemas(void **state)
{
        (void)state;
        assert_schema("simulate.schema.json", report_fixture_simulation());
        assert_schema("backtest.schema.json", report_fixture_backtest());
        assert_schema("calibrate.schema.json", report_fixture_calibration());
        assert_schema("simulate.schema.json", read_case("simulate"));
        assert_schema("backtest.schema.json", read_case("backtest"));
        assert_schema("calibrate.schema.json", read_case("calibrate"));
}

static void test_schema_sees_a_wrong_type(void **state)
{
        struct error err = ERROR_INIT;
        json_auto_t *document = read_case("backtest");

        (void)state;
        json_object_set_new(json_array_get(json_object_get(document, "predictions"), 1), "low",
                            json_string("1"));
        assert_false(schema_check(SCHEMAS, "backtest.schema.json", document, &err));
        assert_string_equal(err.message, "$.predictions[1].low: has none of the types");
}

/* HTML (WHATWG 13.2.5.4): a script element ends at "</script" alone, so no "<" of ours may come from the
 * data. */
static void test_report_embeds_the_document_safely(void **state)
{
        json_auto_t *document = json_pack("{s:s, s:s, s:[f, f]}", "kind", "simulation", "pipeline",
                                          "</script><img>", "x", 0.1, 1e-9);
        autotext html = {0};

        (void)state;
        report_html(document, &html);
        assert_non_null(strstr(html.data,
                               ">{\"kind\":\"simulation\",\"pipeline\":\"\\u003c/script>\\u003cimg>\","
                               "\"x\":[0.1,1e-9]}</script>"));
        assert_null(strstr(html.data, "<img>"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_simulate),
                cmocka_unit_test(test_backtest),
                cmocka_unit_test(test_calibrate),
                cmocka_unit_test(test_another_kind_is_refused),
                cmocka_unit_test(test_documents_follow_their_schemas),
                cmocka_unit_test(test_schema_sees_a_wrong_type),
                cmocka_unit_test(test_report_embeds_the_document_safely),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
