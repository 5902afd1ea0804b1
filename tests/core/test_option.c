/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The option tables: values, defaults, messages with place and nearest name, explain, schema, reference. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/option.h"

struct inner {
        char *name;
        double ratio;
};

struct sample {
        bool enabled;
        int64_t latency;
        double rate;
        double memory;
        char *label;
        int mode;
        int64_t start;
        struct inner section;
        struct inner *pointer;
        struct option_list list, texts, numbers;
        struct yaml_node *free;
};

static const char *const modes[] = {"Observe", "Recommend", "Auto", NULL};

static const struct option inner_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         .offset = offsetof(struct inner, name),
         .required = true,
         .help = "Name."},
        {.name = "ratio",
         .type = OPTION_NUMBER,
         .offset = offsetof(struct inner, ratio),
         .min = 0,
         .max = 1,
         .fallback = "0.5",
         .help = "Ratio."},
        {0},
};

static bool check_inner(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct inner *inner = object;

        return !inner->name || strcmp(inner->name, "bad") != 0 ||
               yaml_error(node, err, "is bad; expected better");
}

static const struct option_table inner_table = {.name = "inner",
                                                .help = "Inner.",
                                                .size = sizeof(struct inner),
                                                .options = inner_options,
                                                .check = check_inner};

#define AT(field) .offset = offsetof(struct sample, field)

static const struct option sample_options[] = {
        {.name = "enabled", .type = OPTION_BOOL, AT(enabled), .fallback = "true", .help = "On."},
        {.name = "latencyP99Milliseconds",
         .type = OPTION_INT,
         AT(latency),
         .unit = "ms",
         .min = 1,
         .max = 86400000,
         .help = "Bound of the latency."},
        {.name = "rate",
         .type = OPTION_NUMBER,
         AT(rate),
         .unit = "records/s",
         .min = 0,
         .max = INFINITY,
         .help = "Rate."},
        {.name = "memory",
         .type = OPTION_QUANTITY,
         AT(memory),
         .min = 1 << 20,
         .max = 0x1p40,
         .fallback = "2Gi",
         .help = "Memory."},
        {.name = "label", .type = OPTION_TEXT, AT(label), .fallback = "none", .help = "Label."},
        {.name = "mode",
         .type = OPTION_CHOICE,
         AT(mode),
         .choices = modes,
         .fallback = "Recommend",
         .help = "Mode."},
        {.name = "start", .type = OPTION_TIME, AT(start), .help = "Start."},
        {.name = "section", .type = OPTION_SECTION, AT(section), .table = &inner_table, .help = "Section."},
        {.name = "pointer", .type = OPTION_POINTER, AT(pointer), .table = &inner_table, .help = "Pointer."},
        {.name = "list",
         .type = OPTION_LIST,
         AT(list),
         .table = &inner_table,
         .min = 0,
         .max = 3,
         .help = "List."},
        {.name = "texts", .type = OPTION_TEXTS, AT(texts), .fallback = "[a, b]", .help = "Texts | more."},
        {.name = "numbers", .type = OPTION_NUMBERS, AT(numbers), .help = "Numbers."},
        {.name = "free", .type = OPTION_FREE, AT(free), .help = "Free."},
        {0},
};

static const struct option_table sample_table = {.name = "sample",
                                                 .help = "A sample.",
                                                 .size = sizeof(struct sample),
                                                 .options = sample_options};

static bool parse(const char *text, struct sample *sample, struct yaml_document **ret_document,
                  struct error *err)
{
        error_clear(err);
        if (!yaml_parse(text, strlen(text), "f.yaml", ret_document, err))
                fail_msg("%s", err->message);
        return option_parse(&sample_table, yaml_root(*ret_document), sample, err);
}

static void test_values(void **state)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct sample sample;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(
                parse("enabled: false\nlatencyP99Milliseconds: 2000\nrate: \"0.1\"\nmemory: 512Mi\n"
                      "label: \"5\"\nmode: Auto\nstart: 2026-01-05T00:00:00Z\nsection: {name: s, ratio: 1}\n"
                      "pointer: {name: p}\nlist: [{name: l}, {name: m, ratio: 0}]\ntexts: [x]\n"
                      "numbers: [1, \"2.5\"]\nfree: {any: [thing]}\n",
                      &sample, &document, &err));
        assert_false(sample.enabled);
        assert_int_equal(sample.latency, 2000);
        assert_true(sample.rate == 0.1);
        assert_true(sample.memory == 512.0 * 1024 * 1024);
        assert_string_equal(sample.label, "5");
        assert_int_equal(sample.mode, 2);
        assert_true(sample.start == INT64_C(1767571200000)); /* date -u -d 2026-01-05 +%s */
        assert_string_equal(sample.section.name, "s");
        assert_true(sample.pointer->ratio == 0.5);
        assert_int_equal(sample.list.count, 2);
        assert_string_equal(((struct inner *)sample.list.items)[1].name, "m");
        assert_string_equal(((char **)sample.texts.items)[0], "x");
        assert_true(((double *)sample.numbers.items)[1] == 2.5);
        assert_int_equal(sample.free->kind, YAML_MAP);
        option_free(&sample_table, &sample);
}

static void test_defaults(void **state)
{
        struct sample sample;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(option_parse(&sample_table, NULL, &sample, &err));
        assert_true(sample.enabled);
        assert_int_equal(sample.latency, 0);
        assert_true(isnan(sample.rate));
        assert_true(sample.memory == 0x1p31);
        assert_string_equal(sample.label, "none");
        assert_int_equal(sample.mode, 1);
        assert_true(sample.start == INT64_MIN);
        assert_null(sample.section.name);
        assert_true(sample.section.ratio == 0.5);
        assert_null(sample.pointer);
        assert_int_equal(sample.texts.count, 2);
        assert_null(sample.free);
        option_free(&sample_table, &sample);
        option_free(&sample_table, NULL);
}

static void test_messages(void **state)
{
        static const struct {
                const char *text, *message;
        } cases[] = {
                {"latencyP99Miliseconds: 1",
                 "f.yaml:1:1: latencyP99Miliseconds: unknown option; did you mean latencyP99Milliseconds?"},
                {"latencyP99Milliseconds: abc", "f.yaml:1:25: latencyP99Milliseconds: \"abc\" is not an "
                                                "integer; expected milliseconds from 1 to 86400000"},
                {"latencyP99Milliseconds: 0", "f.yaml:1:25: latencyP99Milliseconds: \"0\" is out of range; "
                                              "expected milliseconds from 1 to 86400000"},
                {"latencyP99Milliseconds: \"5\"", "\"5\" stands in quotes; expected milliseconds from"},
                {"latencyP99Milliseconds: 1.0", "\"1.0\" is not an integer"},
                {"latencyP99Milliseconds: 010", "\"010\" is not an integer"},
                {"latencyP99Milliseconds: 9223372036854775808", "is not an integer"},
                {"latencyP99Milliseconds:", "has no value; expected milliseconds"},
                {"latencyP99Milliseconds: [1]", "is a list; expected milliseconds"},
                {"rate: -1", "\"-1\" is out of range; expected records/s of at least 0"},
                {"rate: .nan", "\".nan\" is not a number; expected records/s"},
                {"rate: 1e999", "\"1e999\" is not a number"},
                {"rate: 0x10", "\"0x10\" is not a number"},
                {"memory: 1Ki",
                 "\"1Ki\" is out of range; expected a quantity such as 512Mi, 100m or 1.5 from 1Mi to 1Ti"},
                {"memory: 2GB", "\"2GB\" is not a quantity"},
                {"label: 5", "\"5\" is a number unless it stands in quotes; expected text"},
                {"label: on", "\"on\" is a boolean unless it stands in quotes; expected text"},
                {"label: ~", "has no value; expected text"},
                {"mode: recommend",
                 "\"recommend\" is none of the choices (did you mean Recommend?); expected Observe, "
                 "Recommend or Auto"},
                {"start: yesterday", "\"yesterday\" is not a time; expected a time such as"},
                {"enabled: yes", "\"yes\" is not a boolean; expected true or false"},
                {"section: x", "\"x\" is not a map; expected a map"},
                {"section: {ratio: 0}", "f.yaml:1:10: section: lacks name; expected text"},
                {"section: {name: \"\"}", "\"\" is empty; expected text"},
                {"section: {name: bad}", "f.yaml:1:10: section: is bad; expected better"},
                {"pointer: {name: a, nam: b}",
                 "f.yaml:1:20: pointer.nam: unknown option; did you mean name?"},
                {"list: [{name: a}, {name: b, ratio: 2}]",
                 "f.yaml:1:36: list[1].ratio: \"2\" is out of range; expected a number from 0 to 1"},
                {"list: [{name: a}, b]", "f.yaml:1:19: list[1]: \"b\" is not a map"},
                {"list: [{name: a}, {name: a}, {name: a}, {name: a}]",
                 "has 4 items; expected a list of maps, 0 to 3 of them"},
                {"list: {name: a}", "is a map; expected a list of maps"},
                {"texts: [a, 5]", "f.yaml:1:12: texts[1]: \"5\" is a number unless it stands in quotes"},
                {"numbers: [1, x]", "f.yaml:1:14: numbers[1]: \"x\" is not a number; expected a number"},
                {"free: ", "has no value"},
                {"zzzzzzzzzzzz: 1", "unknown option; expected enabled, latencyP99Milliseconds, rate"},
                {"[a]", "f.yaml:1:1: is a list; expected a map"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autocall(yaml_document_free) struct yaml_document *document = NULL;
                static const struct sample zero;
                struct sample sample;
                struct error err = ERROR_INIT;

                assert_false(parse(cases[i].text, &sample, &document, &err));
                assert_int_equal(err.code, ERROR_INPUT);
                if (!strstr(err.message, cases[i].message))
                        fail_msg("\"%s\" lacks \"%s\"", err.message, cases[i].message);
                assert_memory_equal(&sample, &zero, sizeof zero);
        }
}

struct other {
        int64_t per_day;
};

static const struct option other_options[] = {
        {.name = "maxChangesPerDay",
         .type = OPTION_INT,
         .offset = offsetof(struct other, per_day),
         .min = 0,
         .max = 100,
         .fallback = "12",
         .help = "Budget."},
        {0},
};

static const struct option_table other_table = {.name = "other",
                                                .help = "Other.",
                                                .size = sizeof(struct other),
                                                .options = other_options};

static bool parse_parts(const char *text, struct sample *sample, struct other *other, struct error *err)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        const struct option_part parts[] = {{&sample_table, sample}, {&other_table, other}};

        assert_true(yaml_parse(text, strlen(text), "f.yaml", &document, err));
        return option_parse_parts(parts, 2, yaml_root(document), err);
}

static void test_parts_share_a_map(void **state)
{
        struct sample sample;
        struct other other;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(parse_parts("{rate: 3, maxChangesPerDay: 4}", &sample, &other, &err));
        assert_true(sample.rate == 3);
        assert_int_equal(other.per_day, 4);
        option_free(&sample_table, &sample);
        assert_false(parse_parts("{rate: 3, maxChangePerDay: 4}", &sample, &other, &err));
        assert_string_equal(err.message,
                            "f.yaml:1:11: maxChangePerDay: unknown option; did you mean maxChangesPerDay?");
        assert_false(parse_parts("{rate: 3, maxChangesPerDay: 400}", &sample, &other, &err));
        assert_null(sample.label);
}

static void test_find(void **state)
{
        const struct option_table *table;
        const struct option *option;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(option_find(&sample_table, "", &table, &option, &err));
        assert_ptr_equal(table, &sample_table);
        assert_null(option);
        assert_true(option_find(&sample_table, "list.ratio", &table, &option, &err));
        assert_ptr_equal(table, &inner_table);
        assert_string_equal(option->name, "ratio");
        assert_true(option_find(&sample_table, "list[2].name", &table, &option, &err));
        assert_false(option_find(&sample_table, "lits.ratio", &table, &option, &err));
        assert_string_equal(err.message, "lits.ratio: no option \"lits\" in sample; did you mean list?");
        assert_false(option_find(&sample_table, "rate.x", &table, &option, &err));
        assert_string_equal(err.message, "rate.x: rate has no options below it");
}

static void test_to_json(void **state)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct sample sample;
        struct error err = ERROR_INIT;
        autojson *json = NULL;
        autotext text = {0};

        (void)state;
        assert_true(parse("{rate: 0.1, start: \"2026-01-05T00:00:00Z\", numbers: [1, 2.5], free: {a: [1, "
                          "\"2\", null]}}",
                          &sample, &document, &err));
        json = option_to_json(&sample_table, &sample);
        json_put(json, 0, &text);
        assert_string_equal(
                text.data,
                "{\"enabled\": true, \"latencyP99Milliseconds\": 0, \"rate\": 0.1, \"memory\": 2147483648, "
                "\"label\": \"none\", \"mode\": \"Recommend\", \"start\": \"2026-01-05T00:00:00Z\", "
                "\"section\": {\"ratio\": 0.5}, \"list\": [], \"texts\": [\"a\", \"b\"], "
                "\"numbers\": [1, 2.5], \"free\": {\"a\": [1, \"2\", null]}}");
        option_free(&sample_table, &sample);
}

static void test_schema(void **state)
{
        autojson *schema = option_schema(&sample_table);
        const json_t *properties = json_object_get(schema, "properties");
        const json_t *latency = json_object_get(properties, "latencyP99Milliseconds");
        const json_t *inner = json_object_get(properties, "section");

        (void)state;
        assert_string_equal(json_string_value(json_object_get(schema, "$schema")),
                            "https://json-schema.org/draft/2020-12/schema");
        assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
        assert_int_equal(json_object_size(properties), ARRAY_LENGTH(sample_options) - 1);
        assert_int_equal(json_integer_value(json_object_get(latency, "maximum")), 86400000);
        assert_string_equal(json_string_value(json_array_get(json_object_get(inner, "required"), 0)), "name");
        assert_true(json_is_array(json_object_get(json_object_get(properties, "rate"), "anyOf")));
}

static void test_explain_and_reference(void **state)
{
        const struct option_table *table;
        const struct option *option;
        struct error err = ERROR_INIT;
        autotext explained = {0};
        autotext reference = {0};

        (void)state;
        assert_true(option_find(&sample_table, "latencyP99Milliseconds", &table, &option, &err));
        option_explain(table, option, "latencyP99Milliseconds", &explained);
        assert_string_equal(explained.data, "NAME: latencyP99Milliseconds\n"
                                            "TYPE: integer, milliseconds from 1 to 86400000\n\n"
                                            "  Bound of the latency.\n");
        option_explain(&sample_table, NULL, "", &explained);
        assert_non_null(strstr(explained.data, "  mode  <Observe | Recommend | Auto>  default Recommend\n"));
        option_reference(&sample_table, "", &reference);
        assert_non_null(strstr(reference.data, "| `texts` | list of texts | `[a, b]` | Texts \\| more. |\n"));
        assert_non_null(strstr(reference.data, "## `list[]`\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),   cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_messages), cmocka_unit_test(test_parts_share_a_map),
                cmocka_unit_test(test_find),     cmocka_unit_test(test_to_json),
                cmocka_unit_test(test_schema),   cmocka_unit_test(test_explain_and_reference),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
