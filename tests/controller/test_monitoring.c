/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What dashboards and rules ask for is what there is: each name in an expression is a declared metric, or a
 * recording rule. That the expressions are right, Prometheus itself says (tests/e2e/monitoring).
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "controller/cli/command.h"
#include "controller/monitoring/monitoring.h"
#include "core/json.h"
#include "core/metrics.h"

#define NAME_ROOM 120

static bool ends_with(const char *text, const char *end)
{
        size_t length = strlen(text), tail = strlen(end);

        return length > tail && strcmp(text + length - tail, end) == 0;
}

static bool is_exposed_as(const struct metric_family *family, const char *name)
{
        static const char *const parts[] = {"_bucket", "_sum", "_count"};
        size_t length = strlen(family->name);

        if (family->type != METRIC_HISTOGRAM)
                return strcmp(family->name, name) == 0;
        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++)
                if (strncmp(family->name, name, length) == 0 && strcmp(name + length, parts[i]) == 0)
                        return true;
        return false;
}

static bool is_metric(const char *name)
{
        size_t count;
        autofree const struct metric_family **families = metrics_catalogue(&count);

        for (size_t i = 0; i < count; i++)
                if (is_exposed_as(families[i], name))
                        return true;
        return false;
}

static bool is_rule(const char *name)
{
        for (const struct recording_rule *rule = recording_rules; rule->name; rule++)
                if (strcmp(rule->name, name) == 0)
                        return true;
        return false;
}

static bool is_word(char c)
{
        return isalnum((unsigned char)c) || c == '_' || c == ':';
}

/* Words that begin as our metrics do, or have colons as rules do. */
static void assert_names_are_known(const char *where, const char *expression)
{
        while (*expression) {
                char name[NAME_ROOM] = "";
                size_t length = 0;

                while (is_word(expression[length]))
                        length++;
                if (length == 0) {
                        expression++;
                        continue;
                }
                assert_true(length < sizeof name);
                memcpy(name, expression, length);
                expression += length;
                if (strchr(name, ':')) {
                        if (!is_rule(name))
                                fail_msg("%s: no rule %s", where, name);
                } else if (strncmp(name, "optctl_", 7) == 0 || strncmp(name, "process_", 8) == 0) {
                        if (!is_metric(name))
                                fail_msg("%s: no metric %s", where, name);
                }
        }
}

static void test_panels_ask_for_metrics_that_there_are(void **state)
{
        (void)state;
        for (const struct dashboard *one = dashboards; one->name; one++)
                for (const struct panel *panel = one->panels; panel->title; panel++)
                        for (const struct query *query = panel->queries; query->expression; query++)
                                assert_names_are_known(panel->title, query->expression);
}

static void test_rules_ask_for_metrics_and_rules_that_there_are(void **state)
{
        (void)state;
        for (const struct recording_rule *rule = recording_rules; rule->name; rule++)
                assert_names_are_known(rule->name, rule->expression);
        for (const struct alert *alert = alerts; alert->name; alert++)
                assert_names_are_known(alert->name, alert->expression);
}

/* https://prometheus.io/docs/practices/naming and /rules */
static void test_names_follow_the_conventions(void **state)
{
        size_t count;
        autofree const struct metric_family **families = metrics_catalogue(&count);

        (void)state;
        assert_true(count > 20);
        for (size_t i = 0; i < count; i++) {
                const struct metric_family *one = families[i];

                if (ends_with(one->name, "_total") != (one->type == METRIC_COUNTER))
                        fail_msg("%s: _total is for counters, and for each of them", one->name);
                if (one->type == METRIC_HISTOGRAM && !*metric_unit(one))
                        fail_msg("%s: a histogram without a unit", one->name);
                if (!ends_with(one->help, "."))
                        fail_msg("%s: help is no sentence", one->name);
                if (i > 0 && strcmp(families[i - 1]->name, one->name) == 0)
                        fail_msg("%s: declared twice", one->name);
        }
}

static void test_each_alert_has_words_and_a_runbook(void **state)
{
        static const char *const severities[] = {"critical", "warning", "info"};
        static const char *const headings[] = {"## What it means", "## What to look at", "## What to do"};

        (void)state;
        for (const struct alert *alert = alerts; alert->name; alert++) {
                autofree char *path = memory_format("docs/runbooks/%s.md", alert->name);
                autofree char *text = NULL;
                struct error err = ERROR_INIT;
                bool known = false;

                assert_true(isupper((unsigned char)alert->name[0]) && !strchr(alert->name, '_'));
                assert_true(ends_with(alert->summary, ".") && ends_with(alert->description, "."));
                for (size_t i = 0; i < ARRAY_LENGTH(severities); i++)
                        known |= strcmp(severities[i], alert->severity) == 0;
                assert_true(known);
                if (!text_read_file(path, 1 << 16, &text, NULL, &err))
                        fail_msg("%s", err.message);
                for (size_t i = 0; i < ARRAY_LENGTH(headings); i++)
                        if (!strstr(text, headings[i]))
                                fail_msg("%s: no heading \"%s\"", path, headings[i]);
        }
}

/* Grafana's grid has 24 columns; nothing stands on anything else. */
static void test_panels_stand_side_by_side(void **state)
{
        (void)state;
        for (const struct dashboard *one = dashboards; one->name; one++) {
                autojson *json = dashboard_json(one);
                bool taken[200][24] = {{false}};
                const json_t *panel;
                size_t i;

                assert_non_null(json);
                json_array_foreach(json_object_get(json, "panels"), i, panel)
                {
                        int x, y, w, h;

                        assert_int_equal(json_unpack((json_t *)(uintptr_t)panel, "{s:{s:i, s:i, s:i, s:i}}",
                                                     "gridPos", "x", &x, "y", &y, "w", &w, "h", &h),
                                         0);
                        assert_true(x + w <= 24 && y + h < 200);
                        for (int row = y; row < y + h; row++)
                                for (int column = x; column < x + w; column++) {
                                        assert_false(taken[row][column]);
                                        taken[row][column] = true;
                                }
                }
        }
}

/* All commands are asked for, so that the whole program is linked, with every metric that it declares. */
static int link_program(void **state)
{
        (void)state;
        return commands[0] ? 0 : -1;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_panels_ask_for_metrics_that_there_are),
                cmocka_unit_test(test_rules_ask_for_metrics_and_rules_that_there_are),
                cmocka_unit_test(test_names_follow_the_conventions),
                cmocka_unit_test(test_each_alert_has_words_and_a_runbook),
                cmocka_unit_test(test_panels_stand_side_by_side),
        };

        return cmocka_run_group_tests(tests, link_program, NULL);
}
