/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading YAML with its places. Expected values: the YAML 1.2 specification and libyaml's own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "core/yaml.h"

static struct yaml_document *parse(const char *text)
{
        struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;

        if (!yaml_parse(text, strlen(text), "f.yaml", &document, &err))
                fail_msg("%s", err.message);
        return document;
}

static void expect_failure(const char *text, size_t length, const char *message)
{
        struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;

        assert_false(yaml_parse(text, length, "f.yaml", &document, &err));
        assert_null(document);
        assert_int_equal(err.code, ERROR_INPUT);
        assert_null(strchr(err.message, '\n'));
        if (!strstr(err.message, message))
                fail_msg("\"%s\" lacks \"%s\"", err.message, message);
}

static void test_every_node_knows_its_place(void **state)
{
        struct yaml_document *document = parse("a: 1\nb:\n  - x\n  - {c: \"2\", d: ~}\n");
        struct yaml_node *list = yaml_get(yaml_root(document), "b");
        struct yaml_node *map = list->items[1];
        struct yaml_node *c = yaml_get(map, "c");
        autotext path = {0};

        (void)state;
        assert_int_equal(list->kind, YAML_LIST);
        assert_int_equal(list->count, 2);
        assert_int_equal(c->line, 4);
        assert_int_equal(c->column, 9);
        assert_true(c->quoted);
        assert_string_equal(c->scalar, "2");
        assert_true(yaml_get(map, "d")->null);
        assert_null(yaml_get(map, "e"));
        yaml_path(c, &path);
        assert_string_equal(path.data, "b[1].c");
        yaml_document_free(document);
}

static void test_the_nearest_node_on_a_way(void **state)
{
        static const char text[] = "a: [{b: 1}, {c: 2}]\n";
        struct yaml_document *document;
        struct error err = ERROR_INIT;
        const struct yaml_node *root;
        const char *rest;

        (void)state;
        assert_true(yaml_parse(text, strlen(text), "f", &document, &err));
        root = yaml_root(document);
        assert_int_equal(yaml_nearest(root, "a[1].c", &rest)->column, 17);
        assert_string_equal(rest, "");
        assert_int_equal(yaml_nearest(root, "a[1].b.x", &rest)->column, 13);
        assert_string_equal(rest, "b.x");
        assert_int_equal(yaml_nearest(root, "a[2]", &rest)->column, 4);
        assert_string_equal(rest, "[2]");
        assert_ptr_equal(yaml_nearest(root, "z", &rest), root);
        assert_string_equal(rest, "z");
        yaml_document_free(document);
}

static void test_json_is_yaml(void **state)
{
        struct yaml_document *document =
                parse("{\"spec\": {\"mode\": \"Auto\", \"n\": [1, 2.5, true, null]}}");
        struct yaml_node *n = yaml_get(yaml_get(yaml_root(document), "spec"), "n");

        (void)state;
        assert_int_equal(n->count, 4);
        assert_true(n->items[3]->null);
        assert_false(n->items[2]->quoted);
        yaml_document_free(document);
}

static void test_what_a_spec_may_not_hold(void **state)
{
        static const struct {
                const char *text, *message;
        } cases[] = {
                {"", "f.yaml: is empty"},
                {"# nothing\n", "f.yaml: is empty"},
                {"a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: duplicate key; it stands on line 1 already"},
                {"a: &x 1\nb: 2\n", "f.yaml:1:4: anchor &x"},
                {"a: 1\nb: *x\n", "f.yaml:2:4: alias *x"},
                {"a: !!int 1\n", "f.yaml:1:4: tag tag:yaml.org,2002:int"},
                {"b: {<<: {c: 1}}\n", "f.yaml:1:5: merge key <<"},
                {"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document"},
                {"? [a, b]\n: 1\n", "f.yaml:1:3: a list or map as key"},
                {"{\"\": 1}", "f.yaml:1:2: empty key"},
                {"a: \"x\\0y\"\n", "f.yaml:1:4: text holds a NUL byte"},
                {"a: {b: 1\n", "f.yaml:2:1: not YAML: while parsing a flow mapping"},
                {"a: \"unfinished\n", "f.yaml:2:1: not YAML: while scanning a quoted scalar"},
                {"a:\n\t- b\n", "f.yaml:2:1: not YAML"},
                {"a: b: c\n", "f.yaml:1:5: not YAML: mapping values are not allowed"},
                {"a: 1\nb: \xff\xfe\n", "f.yaml:2:4: not YAML: invalid leading UTF-8 octet"},
                {"a: 1\nb: \x01\n", "f.yaml:2:4: not YAML: control characters are not allowed"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                expect_failure(cases[i].text, strlen(cases[i].text), cases[i].message);
}

static void test_caps(void **state)
{
        size_t length = 10u << 20;
        autofree char *garbage = memory_new(length + 1, 1);
        uint32_t seed = 1;

        (void)state;
        for (size_t i = 0; i < length; i++)
                garbage[i] = (char)((seed = seed * 1664525u + 1013904223u) >> 24);
        expect_failure(garbage, length, "f.yaml: larger than 4 MiB");
        expect_failure(garbage, 1u << 20, "f.yaml:1:");
        memset(garbage, '[', length);
        expect_failure(garbage, 1u << 20, "nested more than 32 deep");
        for (size_t i = 0; i < 1u << 20; i += 4)
                memcpy(garbage + i, "- a\n", 4);
        expect_failure(garbage, 1u << 20, "more than 200000 values");
}

static void test_large_maps_are_checked_in_time(void **state)
{
        autotext text = {0};
        struct yaml_document *document;

        (void)state;
        for (int i = 0; i < 90000; i++)
                text_format(&text, "k%d: 1\n", i);
        document = parse(text.data);
        assert_int_equal(yaml_root(document)->count, 90000);
        yaml_document_free(document);
        text_put(&text, "k7: 2\n");
        expect_failure(text.data, text.length,
                       "f.yaml:90001:1: k7: duplicate key; it stands on line 8 already");
}

static void test_files_that_are_not_read(void **state)
{
        struct yaml_document *document = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(yaml_read_file("/dev/zero", &document, &err));
        assert_int_equal(err.code, ERROR_LIMIT);
        error_clear(&err);
        assert_false(yaml_read_file("tests/no-such-file.yaml", &document, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "tests/no-such-file.yaml"));
}

static const char *const knobs = "spec:\n"
                                 "  knobs:\n"
                                 "    - {name: workers, min: 1}\n"
                                 "    - {name: taskmanager.memory, min: 2Gi}\n"
                                 "  mode: Auto\n";

static void test_set_replaces_and_makes(void **state)
{
        struct yaml_document *document = parse(knobs);
        struct yaml_node *spec = yaml_get(yaml_root(document), "spec");
        struct yaml_node *list = yaml_get(spec, "knobs");
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(yaml_set(document, "spec.knobs[0].min", "3", "--set", &err));
        assert_string_equal(yaml_get(list->items[0], "min")->scalar, "3");
        assert_true(yaml_set(document, "spec.knobs.workers.max", "\"7\"", "--set", &err));
        assert_true(yaml_get(list->items[0], "max")->quoted);
        assert_true(yaml_set(document, "spec.knobs.taskmanager.memory.min", "1Gi", "--set", &err));
        assert_string_equal(yaml_get(list->items[1], "min")->scalar, "1Gi");
        assert_true(yaml_set(document, "spec.knobs[2].name", "extra", "--set", &err));
        assert_int_equal(list->count, 3);
        assert_true(yaml_set(document, "spec.simulation.runs", "", "--set", &err));
        assert_true(yaml_get(yaml_get(spec, "simulation"), "runs")->null);
        assert_true(yaml_set(document, "spec.strategies.plan", "{a: [1, 2]}", "--set", &err));
        assert_false(yaml_error(yaml_get(list->items[0], "max"), &err, "wrong"));
        assert_string_equal(err.message, "--set spec.knobs[0].max: wrong");
        assert_false(yaml_error(list->items[1], &err, "wrong"));
        assert_string_equal(err.message, "f.yaml:4:7: spec.knobs[1]: wrong");
        yaml_document_free(document);
}

static void test_set_refuses_bad_paths(void **state)
{
        static const struct {
                const char *path, *value, *message;
        } cases[] = {
                {"", "1", "--set : empty path"},
                {"spec..mode", "1", "--set spec..mode: empty name"},
                {"spec.mode.x", "1", "--set spec.mode.x: leads below a single value"},
                {"spec.knobs[9].min", "1", "--set spec.knobs[9].min: no such item"},
                {"spec.knobs[x]", "1", "--set spec.knobs[x]: not an index"},
                {"spec.knobs[-1]", "1", "--set spec.knobs[-1]: not an index"},
                {"spec[0]", "1", "--set spec[0]: an index into a map"},
                {"spec.knobs.worker.max", "1",
                 "--set spec.knobs.worker.max: no item of the list has that name"},
                {"spec.mode", "[1", "--set spec.mode: value:2:1: not YAML"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct yaml_document *document = parse(knobs);
                struct error err = ERROR_INIT;

                assert_false(yaml_set(document, cases[i].path, cases[i].value, "--set", &err));
                assert_int_equal(err.code, ERROR_INPUT);
                if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0)
                        fail_msg("\"%s\" does not start with \"%s\"", err.message, cases[i].message);
                yaml_document_free(document);
        }
}

static void test_shown_scalars_are_short(void **state)
{
        struct yaml_node node = {.kind = YAML_SCALAR};
        char shown[YAML_SHOWN_ROOM];
        char text[200];

        (void)state;
        memset(text, 'x', sizeof text);
        memcpy(text + 55, "\xc3\xa9", 2); /* e with an acute accent lies across the cut */
        text[199] = '\0';
        node.scalar = text;
        yaml_show(&node, shown);
        assert_int_equal(strlen(shown), 1 + 55 + 3 + 1);
        node.scalar = strcpy(text, "abc");
        assert_string_equal(yaml_show(&node, shown), "\"abc\"");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_node_knows_its_place),
                cmocka_unit_test(test_the_nearest_node_on_a_way),
                cmocka_unit_test(test_json_is_yaml),
                cmocka_unit_test(test_what_a_spec_may_not_hold),
                cmocka_unit_test(test_caps),
                cmocka_unit_test(test_large_maps_are_checked_in_time),
                cmocka_unit_test(test_files_that_are_not_read),
                cmocka_unit_test(test_set_replaces_and_makes),
                cmocka_unit_test(test_set_refuses_bad_paths),
                cmocka_unit_test(test_shown_scalars_are_short),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
