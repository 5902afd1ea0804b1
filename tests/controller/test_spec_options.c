/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every option of a spec, those of the strategies and guardrails with them, is given what it does not take.
 * The cases are made from the option tables: an option that is added is tested without another word.
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

#include "controller/registry.h"
#include "core/spec.h"

#define COMPLETE "tests/fuzz/corpus/yaml/complete.yaml"

/* What an engine cannot be without. */
static const char *needs_of(const char *engine)
{
        return strcmp(engine, "spark") == 0 ? "application: web, eventLogs: logs, defaults: file"
                                            : "name: web";
}

/* A spec has one engine, and the base has Flink: another one takes its place before it is spoilt. */
static char *make_room(const char *override)
{
        static const char section[] = "spec.engine.";
        const struct collector *const *list = registry_all()->collectors;
        const char *name = override + strlen(section);

        for (; strncmp(override, section, strlen(section)) == 0 && *list; list++)
                if ((*list)->section == SECTION_ENGINE && strcmp((*list)->name, "flink") != 0 &&
                    strncmp((*list)->name, name, strcspn(name, ".=[")) == 0 &&
                    strlen((*list)->name) == strcspn(name, ".=["))
                        return memory_format("spec.engine={%s: {%s}}", (*list)->name,
                                             needs_of((*list)->name));
        return memory_copy_text("spec.mode=Observe");
}

/* The one line with which the spec is refused starts with `start` and holds `part`. */
static void refuse(const char *override, const char *start, const char *part)
{
        autofree char *before = make_room(override);
        const char *const overrides[] = {before, override, NULL};
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        if (spec_read(COMPLETE, NULL, overrides, registry_all(), &spec, &err)) {
                spec_free(spec);
                fail_msg("%s was taken", override);
        }
        assert_int_equal(error_exit_status(&err), 2);
        assert_null(strchr(err.message, '\n'));
        if (strncmp(err.message, start, strlen(start)) != 0 || !strstr(err.message, part))
                fail_msg("\"%s\" is not \"%s ... %s\"", err.message, start, part);
}

static void test_the_base_is_valid(void **state)
{
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        (void)state;
        if (!spec_read(COMPLETE, NULL, NULL, registry_all(), &spec, &err))
                fail_msg("%s", err.message);
        spec_free(spec);
}

struct walk {
        size_t n_options, n_cases;
};

static void try_value(struct walk *walk, const char *path, const char *value, const char *part)
{
        autofree char *override = memory_format("%s=%s", path, value);
        autofree char *start = memory_format("--set %s", path);

        refuse(override, start, part);
        walk->n_cases++;
}

static void try_bounds(struct walk *walk, const struct option *option, const char *path)
{
        bool bounded = option->min != 0 || option->max != 0;
        bool whole = option->type == OPTION_INT;
        double widest = fmax(fabs(option->min), fabs(option->max));
        double beyond = whole ? 1 : isfinite(widest) ? fmax(widest * 1e-3, 1e-3) : 1;
        autofree char *low = memory_format("%.17g", option->min - beyond);
        autofree char *high = memory_format("%.17g", option->max + beyond);

        if (bounded && isfinite(option->min))
                try_value(walk, path, low, whole ? "" : "is out of range");
        if (bounded && isfinite(option->max))
                try_value(walk, path, high, whole ? "" : "is out of range");
}

/* Values that the type of the option does not take. */
static void try_types(struct walk *walk, const struct option *option, const char *path)
{
        static const char *const wrong[][4] = {
                [OPTION_BOOL] = {"7", "[true]", "\"true\"", "{}"},
                [OPTION_INT] = {"abc", "[1]", "1.5", "\"1\""},
                [OPTION_NUMBER] = {"abc", "[1]", "{a: 1}", ".inf"},
                [OPTION_QUANTITY] = {"abc", "[1]", "{a: 1}", "1GB"},
                [OPTION_TEXT] = {"5", "[a]", "{a: b}", "true"},
                [OPTION_CHOICE] = {"Zzzzz", "[a]", "{a: b}", "5"},
                [OPTION_TIME] = {"soon", "[a]", "{a: b}", "5"},
                [OPTION_SECTION] = {"5", "[a]", "text", "true"},
                [OPTION_POINTER] = {"5", "[a]", "text", "true"},
                [OPTION_LIST] = {"5", "{a: b}", "text", "[5]"},
                [OPTION_TEXTS] = {"5", "{a: b}", "text", "[5]"},
                [OPTION_NUMBERS] = {"5", "{a: b}", "text", "[x]"},
                [OPTION_FREE] = {NULL},
        };

        try_value(walk, path, "", "has no value; expected");
        for (size_t i = 0; i < 4 && wrong[option->type][i]; i++)
                try_value(walk, path, wrong[option->type][i], "expected");
        if (option->type == OPTION_INT || option->type == OPTION_NUMBER || option->type == OPTION_QUANTITY)
                try_bounds(walk, option, path);
}

static void walk_table(struct walk *walk, const struct option_table *table, const char *path)
{
        autofree char *unknown = memory_format("%s%szzzzzzzzzzzz", path, *path ? "." : "");

        try_value(walk, unknown, "1", "; expected");
        for (const struct option *option = table->options; option->name; option++) {
                autofree char *own = memory_format("%s%s%s", path, *path ? "." : "", option->name);
                bool list = option->type == OPTION_LIST;

                walk->n_options++;
                try_types(walk, option, own);
                if (list || option->type == OPTION_SECTION || option->type == OPTION_POINTER) {
                        autofree char *below = memory_format("%s%s", own, list ? "[0]" : "");

                        walk_table(walk, option->table, below);
                }
        }
}

static void test_every_option_refuses_what_it_does_not_take(void **state)
{
        struct walk walk = {0};

        (void)state;
        walk_table(&walk, spec_table(registry_all()), "");
        printf("%zu options, %zu wrong specs\n", walk.n_options, walk.n_cases);
        assert_true(walk.n_options > 100);
}

/* Writes "a:\n  b: " for a path, the last key twice. */
static void expect_duplicate(const char *path)
{
        autotext text = {0};
        autofree char *rest = memory_copy_text(path);
        const char *last = strrchr(path, '.') ? strrchr(path, '.') + 1 : path;
        autofree char *message = memory_format("%s: duplicate key", path);
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;
        int depth = 0;
        char *save;

        for (char *key = strtok_r(rest, ".", &save); key; key = strtok_r(NULL, ".", &save)) {
                text_format(&text, "%s%*s%s:", depth ? "\n" : "", 2 * depth, "", key);
                depth++;
        }
        text_format(&text, " 1\n%*s%s: 2\n", 2 * (depth - 1), "", last);
        assert_false(spec_parse(text.data, text.length, "f.yaml", NULL, NULL, registry_all(), &spec, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, message))
                fail_msg("\"%s\" lacks \"%s\"", err.message, message);
}

static void walk_duplicates(const struct option_table *table, const char *path)
{
        for (const struct option *option = table->options; option->name; option++) {
                autofree char *own = memory_format("%s%s%s", path, *path ? "." : "", option->name);

                expect_duplicate(own);
                if (option->type == OPTION_SECTION || option->type == OPTION_POINTER ||
                    option->type == OPTION_LIST)
                        walk_duplicates(option->table, own);
        }
}

static void test_every_option_may_stand_once(void **state)
{
        (void)state;
        walk_duplicates(spec_table(registry_all()), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_base_is_valid),
                cmocka_unit_test(test_every_option_refuses_what_it_does_not_take),
                cmocka_unit_test(test_every_option_may_stand_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
