/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/status_text.h"

#include <math.h>
#include <string.h>

#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/prices.h"

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

static void put_unknown(struct terminal_table *table)
{
        terminal_table_cell(table, TERMINAL_FAINT, "-");
}

/* "1.25 k rec/s": three digits that count. */
static void put_scaled(struct terminal_table *table, double value, const char *unit)
{
        static const char *const prefixes[] = {"", "k ", "M ", "G ", "T "};
        size_t i = 0;

        if (isnan(value)) {
                put_unknown(table);
                return;
        }
        for (; fabs(value) >= 999.5 && i + 1 < ARRAY_LENGTH(prefixes); i++)
                value /= 1000;
        terminal_table_cell(table, TERMINAL_PLAIN, "%.3g %s%s", value, prefixes[i], unit);
}

/* A measured value beside its bound; bad when it is above. */
static void put_bounded(struct terminal_table *table, double value, double bound)
{
        if (isnan(value))
                put_unknown(table);
        else if (isnan(bound))
                terminal_table_cell(table, TERMINAL_PLAIN, "%.3g s", value);
        else
                terminal_table_cell(table, value > bound ? TERMINAL_BAD : TERMINAL_PLAIN, "%.3g of %.3g s",
                                    value, bound);
}

static enum terminal_style style_of_state(const char *state)
{
        if (strcmp(state, "Unreachable") == 0)
                return TERMINAL_BAD;
        if (strcmp(state, "Holding") == 0 || strcmp(state, "Starting") == 0)
                return TERMINAL_PLAIN;
        return TERMINAL_STRONG;
}

/* "2026-01-05 07:36" */
static void put_time(struct terminal_table *table, const char *time)
{
        if (strlen(time) < 16)
                put_unknown(table);
        else
                terminal_table_cell(table, TERMINAL_PLAIN, "%.10s %.5s", time, time + 11);
}

static void put_text(struct terminal_table *table, const char *text)
{
        if (*text)
                terminal_table_cell(table, TERMINAL_PLAIN, "%s", text);
        else
                put_unknown(table);
}

#define LEAST_MONEY 0.00005 /* rounds to what is shown of small sums */

/* Cents, and of small sums what is left of them. */
static int decimals(double value)
{
        return value != 0 && fabs(value) < 0.1 ? 4 : 2;
}

static void put_money(struct terminal_table *table, enum terminal_style style, double value,
                      const char *currency)
{
        if (fabs(value) < LEAST_MONEY)
                value = 0;
        if (isnan(value))
                put_unknown(table);
        else
                terminal_table_cell(table, style, "%.*f%s%s", decimals(value), value, *currency ? " " : "",
                                    currency);
}

static enum terminal_style style_of_saving(double saving)
{
        return saving <= -LEAST_MONEY ? TERMINAL_BAD : TERMINAL_GOOD;
}

static void put_name(struct terminal_table *table, const json_t *pipeline)
{
        const char *namespace = text_at(pipeline, "namespace");

        terminal_table_cell(table, TERMINAL_STRONG, "%s%s%s", namespace, *namespace ? "/" : "",
                            text_at(pipeline, "name"));
}

/* ---- status ---- */

static void add_status(struct terminal_table *table, const json_t *pipeline)
{
        const json_t *load = json_object_get(pipeline, "load"), *bounds = json_object_get(pipeline, "bounds");
        const json_t *saving = json_object_get(pipeline, "saving");
        const char *state = text_at(pipeline, "state"), *action = text_at(pipeline, "action");
        double saved = number_at(saving, "saving");

        terminal_table_row(table);
        put_name(table, pipeline);
        put_text(table, text_at(pipeline, "mode"));
        terminal_table_cell(table, style_of_state(state), "%s%s%s", state, *action ? ", " : "", action);
        put_scaled(table, number_at(load, "offered_per_second"), "rec/s");
        put_text(table, text_at(json_object_get(pipeline, "configuration"), "text"));
        put_scaled(table, number_at(load, "backlog_records"), "rec");
        put_bounded(table, number_at(load, "latency_p99_seconds"), number_at(bounds, "latency_p99_seconds"));
        put_time(table, text_at(pipeline, "last_change"));
        put_money(table, style_of_saving(saved), saved, text_at(saving, "currency"));
}

static void print_why(const json_t *pipeline, FILE *out)
{
        const char *namespace = text_at(pipeline, "namespace"), *why = text_at(pipeline, "why");

        if (*why)
                fprintf(out, "%s%s%s: %s\n", namespace, *namespace ? "/" : "", text_at(pipeline, "name"),
                        why);
}

void status_print(const json_t *document, FILE *out, bool color)
{
        autojson *pipelines = json_to_lines(document);
        struct terminal_table *table;
        const json_t *pipeline;
        size_t i;

        if (json_array_size(pipelines) == 0) {
                fprintf(out, "no pipelines yet\n");
                return;
        }
        table = terminal_table_new();
        terminal_table_column(table, TERMINAL_LEFT, "pipeline");
        terminal_table_column(table, TERMINAL_LEFT, "mode");
        terminal_table_column(table, TERMINAL_LEFT, "state");
        terminal_table_column(table, TERMINAL_RIGHT, "load");
        terminal_table_column(table, TERMINAL_LEFT, "runs");
        terminal_table_column(table, TERMINAL_RIGHT, "backlog");
        terminal_table_column(table, TERMINAL_RIGHT, "p99 latency");
        terminal_table_column(table, TERMINAL_LEFT, "changed (UTC)");
        terminal_table_column(table, TERMINAL_RIGHT, "saved");
        json_array_foreach(pipelines, i, pipeline) add_status(table, pipeline);
        terminal_table_print(table, out, color);
        terminal_table_free(table);
        fprintf(out, "\n");
        json_array_foreach(pipelines, i, pipeline) print_why(pipeline, out);
}

/* ---- books ---- */

static void put_interval(struct terminal_table *table, const json_t *books)
{
        double low = number_at(books, "low"), high = number_at(books, "high");

        if (isnan(low) || isnan(high))
                put_unknown(table);
        else
                terminal_table_cell(table, TERMINAL_PLAIN, "[%.*f, %.*f]", decimals(high), low,
                                    decimals(high), high);
}

static void put_late(struct terminal_table *table, double late_seconds)
{
        if (isnan(late_seconds))
                put_unknown(table);
        else
                terminal_table_cell(table, TERMINAL_PLAIN, "%.1f min", late_seconds / 60);
}

static void add_books(struct terminal_table *table, const json_t *pipeline)
{
        const json_t *books = json_object_get(pipeline, "books");
        const char *currency = text_at(books, "currency");
        double saving = number_at(books, "saving");

        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_STRONG, "%s", text_at(pipeline, "pipeline"));
        put_time(table, text_at(pipeline, "from"));
        put_time(table, text_at(pipeline, "to"));
        put_money(table, TERMINAL_PLAIN, number_at(books, "cost"), currency);
        put_money(table, TERMINAL_PLAIN, number_at(books, "baseline_cost"), currency);
        put_money(table, style_of_saving(saving), saving, currency);
        put_interval(table, books);
        put_late(table, number_at(books, "late_seconds"));
        put_late(table, number_at(pipeline, "baseline_late_seconds"));
        put_text(table, text_at(pipeline, "grade"));
}

static void print_runs(const json_t *pipeline, FILE *out)
{
        const json_t *books = json_object_get(pipeline, "books"), *runs = json_object_get(books, "runs");
        const char *currency = text_at(books, "currency");
        char cost[48], baseline[48];

        money_text(number_at(runs, "cost"), currency, cost);
        money_text(number_at(runs, "baseline_cost"), currency, baseline);
        fprintf(out,
                "\n%s: %.0f run%s, %.0f with the baseline's settings, %.0f failed, %.0f dearer than the "
                "baseline; a run cost %s instead of %s%s.\n",
                text_at(pipeline, "pipeline"), number_at(runs, "count"),
                text_plural(number_at(runs, "count")), number_at(runs, "baseline"), number_at(runs, "failed"),
                number_at(runs, "dearer"), cost, baseline,
                number_at(runs, "failed") > 0 ? ", those that failed being held against nothing" : "");
        if (!json_is_true(json_object_get(runs, "baseline_seen")))
                fprintf(out, "No run had the baseline's settings: what it costs is not known, and nothing is "
                             "counted as saved.\n");
}

static void print_months(const json_t *pipeline, FILE *out, bool color)
{
        const char *currency = text_at(json_object_get(pipeline, "books"), "currency");
        struct terminal_table *table = terminal_table_new();
        const json_t *month;
        size_t i;

        terminal_table_column(table, TERMINAL_LEFT, "month (UTC)");
        terminal_table_column(table, TERMINAL_RIGHT, "runs");
        terminal_table_column(table, TERMINAL_RIGHT, "cost");
        terminal_table_column(table, TERMINAL_RIGHT, "baseline");
        terminal_table_column(table, TERMINAL_RIGHT, "saved");
        terminal_table_column(table, TERMINAL_RIGHT, "interval");
        json_array_foreach(json_object_get(pipeline, "months"), i, month)
        {
                double saving = number_at(month, "saving");

                terminal_table_row(table);
                terminal_table_cell(table, TERMINAL_STRONG, "%s", text_at(month, "month"));
                terminal_table_cell(table, TERMINAL_PLAIN, "%.0f", number_at(month, "count"));
                put_money(table, TERMINAL_PLAIN, number_at(month, "cost"), currency);
                put_money(table, TERMINAL_PLAIN, number_at(month, "baseline_cost"), currency);
                put_money(table, style_of_saving(saving), saving, currency);
                put_interval(table, month);
        }
        terminal_table_print(table, out, color);
        terminal_table_free(table);
}

void books_print(const json_t *document, FILE *out, bool color)
{
        autojson *pipelines = json_to_lines(document);
        struct terminal_table *table = terminal_table_new();
        const json_t *pipeline;
        size_t i;

        terminal_table_column(table, TERMINAL_LEFT, "pipeline");
        terminal_table_column(table, TERMINAL_LEFT, "from (UTC)");
        terminal_table_column(table, TERMINAL_LEFT, "to");
        terminal_table_column(table, TERMINAL_RIGHT, "cost");
        terminal_table_column(table, TERMINAL_RIGHT, "baseline");
        terminal_table_column(table, TERMINAL_RIGHT, "saved");
        terminal_table_column(table, TERMINAL_RIGHT, "interval");
        terminal_table_column(table, TERMINAL_RIGHT, "late");
        terminal_table_column(table, TERMINAL_RIGHT, "baseline late");
        terminal_table_column(table, TERMINAL_LEFT, "evidence");
        json_array_foreach(pipelines, i, pipeline) add_books(table, pipeline);
        terminal_table_print(table, out, color);
        terminal_table_free(table);
        json_array_foreach(pipelines, i, pipeline)
        {
                if (!json_object_get(pipeline, "months"))
                        continue;
                print_runs(pipeline, out);
                print_months(pipeline, out, color);
        }
}
