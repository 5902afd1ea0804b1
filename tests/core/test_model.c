/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model's section: defaults, copies, and that what is printed reads back as the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/model.h"

static const char *const text = "operators:\n"
                                "  - {name: source, ratePerSecond: 12000.5, sigma: \"0.02\"}\n"
                                "  - {name: \"my sink: 2\", ratePerSecond: 800, kappa: 1e-5}\n"
                                "restart: {medianSeconds: 33}\n"
                                "calibratedFrom: static, reactive\n";

static void parse(const char *yaml, const char *key, struct model *ret_model)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;
        const struct yaml_node *node;

        if (!yaml_parse(yaml, strlen(yaml), "m.yaml", &document, &err))
                fail_msg("%s", err.message);
        node = yaml_root(document);
        if (key)
                node = yaml_get(yaml_get(node, "spec"), key);
        if (!option_parse(&model_table, node, ret_model, &err))
                fail_msg("%s", err.message);
}

static void test_defaults_describe_a_job(void **state)
{
        struct model model;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(option_parse(&model_table, NULL, &model, &err));
        assert_int_equal(model.operators.count, 0);
        assert_true(model.restart.median_seconds == 20);
        assert_true(model.catch_up.floor_ratio == 1);
        assert_true(isnan(model.cpu.worker_seconds_per_record));
        model_free(&model);
        model_free(NULL);
}

static void assert_same(const struct model *a, const struct model *b)
{
        autojson *left = option_to_json(&model_table, a);
        autojson *right = option_to_json(&model_table, b);

        assert_true(json_equal(left, right));
}

static void test_what_is_printed_reads_back(void **state)
{
        struct model model, again, copy;
        autotext printed = {0};

        (void)state;
        parse(text, NULL, &model);
        model_copy(&model, &copy);
        model_to_yaml(&model, &printed);
        assert_ptr_equal(strstr(printed.data, "spec:\n  model:\n    operators:\n      - name: \"source\"\n"),
                         printed.data);
        parse(printed.data, "model", &again);
        assert_same(&model, &again);
        model_free(&model);
        assert_same(&copy, &again);
        assert_string_equal(((struct operator_model *)copy.operators.items)[1].name, "my sink: 2");
        model_free(&again);
        model_free(&copy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults_describe_a_job),
                cmocka_unit_test(test_what_is_printed_reads_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
