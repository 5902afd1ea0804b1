/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipelines of hundreds of operators, as Flink jobs of that many vertices are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/spec.h"

/* A chain, each operator with a knob of its own. */
static void write_spec(struct text *out, int n_operators)
{
        text_put(out, "apiVersion: optctl.dev/v1alpha1\nkind: TunedPipeline\nmetadata: {name: wide}\nspec:\n"
                      "  prices: {currency: EUR, worker: {perHour: \"0.25\"}}\n"
                      "  knobs: [{name: parallelism, scope: Operator, min: 1, max: 16}]\n"
                      "  pipeline:\n    operators:\n      - {name: o0, source: true}\n");
        for (int i = 1; i < n_operators; i++)
                text_format(out, "      - {name: o%d}\n", i);
        text_put(out, "    edges:\n");
        for (int i = 1; i < n_operators; i++)
                text_format(out, "      - {from: o%d, to: o%d}\n", i - 1, i);
}

static struct spec *read_wide(int n_operators, struct error *err)
{
        autotext text = {0};
        struct spec *spec = NULL;

        write_spec(&text, n_operators);
        if (!spec_parse(text.data, text.length, "wide.yaml", NULL, NULL, NULL, &spec, err))
                return NULL;
        return spec;
}

static void test_two_hundred_operators_each_with_its_knob(void **state)
{
        struct error err = ERROR_INIT;
        struct spec *spec autocall(spec_free) = read_wide(200, &err);
        struct configuration configuration;
        struct deployment deployment;

        (void)state;
        assert_string_equal(err.message, "");
        assert_int_equal(spec->pipeline.n_operators, 200);
        assert_int_equal(spec->pipeline.n_edges, 199);
        assert_int_equal(spec->pipeline.n_knobs, 200);
        configuration.count = 200;
        for (int i = 0; i < 200; i++)
                configuration.value[i] = 1 + i % 7;
        pipeline_deployment(&spec->pipeline, &configuration, &deployment);
        assert_int_equal(deployment.parallelism[199], 1 + 199 % 7);
        assert_int_equal(deployment.workers, 7); /* slots are shared: as many as the widest needs */
}

static void test_at_the_cap_and_above(void **state)
{
        struct error err = ERROR_INIT;
        struct spec *spec autocall(spec_free) = read_wide(PIPELINE_MAX_OPERATORS, &err);

        (void)state;
        assert_non_null(spec);
        assert_null(read_wide(PIPELINE_MAX_OPERATORS + 1, &err));
        assert_non_null(strstr(err.message, "256"));
}

/* What was written may be forgotten: what it means stays. */
static void test_forgets_what_is_not_used(void **state)
{
        struct error err = ERROR_INIT;
        struct spec *spec autocall(spec_free) = read_wide(3, &err);

        (void)state;
        assert_non_null(spec);
        spec_forget_unused(spec);
        assert_null(spec->document);
        assert_string_equal(spec->pipeline.operators[2].name, "o2");
        assert_string_equal(spec->name, "wide");
        spec_forget_unused(spec);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_two_hundred_operators_each_with_its_knob),
                cmocka_unit_test(test_at_the_cap_and_above),
                cmocka_unit_test(test_forgets_what_is_not_used),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
