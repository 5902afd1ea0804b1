/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/recommendation_text.h"

#include <math.h>

#include "controller/cli/terminal.h"
#include "core/json.h"

static const char *text_at(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

static double number_at(const json_t *object, const char *key)
{
        double value;

        return json_find_number(object, key, &value) ? value : NAN;
}

static void number_cell(struct terminal_table *table, enum terminal_style style, double value, int digits,
                        const char *unit)
{
        if (isnan(value))
                terminal_table_cell(table, TERMINAL_FAINT, "-");
        else
                terminal_table_cell(table, style, "%.*f %s", digits, value, unit);
}

static void add_row(struct terminal_table *table, const json_t *pipeline)
{
        const json_t *load = json_object_get(pipeline, "load"), *bounds = json_object_get(pipeline, "bounds");
        bool change = json_is_true(json_object_get(pipeline, "change"));
        double latency = number_at(load, "latency_p99_seconds");
        double bound = number_at(bounds, "latency_p99_seconds");
        const json_t *running = json_object_get(pipeline, "configuration");
        const json_t *wanted = json_object_get(pipeline, "recommended");

        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_STRONG, "%s", text_at(pipeline, "name"));
        number_cell(table, TERMINAL_PLAIN, number_at(load, "offered_per_second"), 0, "rec/s");
        number_cell(table, TERMINAL_PLAIN, number_at(load, "backlog_records"), 0, "rec");
        number_cell(table, latency > bound ? TERMINAL_BAD : TERMINAL_PLAIN, latency, 2, "s");
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", running ? text_at(running, "text") : "-");
        if (change)
                terminal_table_cell(table, TERMINAL_STRONG, "%s", text_at(wanted, "text"));
        else
                terminal_table_cell(table, TERMINAL_FAINT, "%s", wanted ? "no change" : "not known");
}

static void print_why(const json_t *pipeline, FILE *out)
{
        const json_t *findings = json_object_get(pipeline, "findings"), *finding;
        const char *reason = text_at(pipeline, "reason");
        size_t i;

        if (!*reason)
                reason = text_at(pipeline, "why");
        fprintf(out, "\n%s: %s\n", text_at(pipeline, "name"), *reason ? reason : "nothing to say yet");
        json_array_foreach(findings, i, finding)
                fprintf(out, "  %s by %s: %s\n", text_at(finding, "judgement"), text_at(finding, "rule"),
                        text_at(finding, "reason"));
}

void recommendation_print(const json_t *document, FILE *out, bool color)
{
        autojson *pipelines = json_to_lines(document);
        struct terminal_table *table = terminal_table_new();
        const json_t *pipeline;
        size_t i;

        terminal_table_column(table, TERMINAL_LEFT, "pipeline");
        terminal_table_column(table, TERMINAL_RIGHT, "load");
        terminal_table_column(table, TERMINAL_RIGHT, "backlog");
        terminal_table_column(table, TERMINAL_RIGHT, "p99 latency");
        terminal_table_column(table, TERMINAL_LEFT, "runs");
        terminal_table_column(table, TERMINAL_LEFT, "should run");
        json_array_foreach(pipelines, i, pipeline) add_row(table, pipeline);
        terminal_table_print(table, out, color);
        json_array_foreach(pipelines, i, pipeline) print_why(pipeline, out);
        terminal_table_free(table);
}
