/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/decision_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/terminal.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/quantity.h"
#include "core/series/series.h"

DEFINE_CLEANUP(terminal_table_free, struct terminal_table);
#define autotable __attribute__((cleanup(terminal_table_free_cleanup))) struct terminal_table

/* ---- values in words ---- */

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

/* NAN when it is not known. */
static double number_of(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        if (json_is_string(value) && strcmp(json_string_value(value), "Infinity") == 0)
                return INFINITY;
        return json_is_number(value) ? json_number_value(value) : NAN;
}

/* What a number is, and so how it is written. */
enum measure { MEASURE_RATE, MEASURE_SECONDS, MEASURE_RATIO, MEASURE_RECORDS, MEASURE_MONEY };

struct words {
        char text[64];
};

static struct words say(enum measure measure, double value, const char *currency)
{
        struct words words = {.text = "-"};
        autotext text = {0};

        if (!isfinite(value))
                return words;
        switch (measure) {
        case MEASURE_RATE:
                rate_put(&text, value);
                break;
        case MEASURE_SECONDS:
                duration_put(&text, value);
                break;
        case MEASURE_RATIO:
                text_format(&text, "%.0f %%", value * 100);
                break;
        case MEASURE_RECORDS:
                text_format(&text, "%.0f records", value);
                break;
        case MEASURE_MONEY:
                money_put(&text, value, currency);
                break;
        }
        snprintf(words.text, sizeof words.text, "%s", text.data);
        return words;
}

/* "120 k rec/s ± 4 k rec/s" */
static struct words say_with_spread(enum measure measure, double mean, double deviation, const char *currency)
{
        struct words words = say(measure, mean, currency);
        size_t used = strlen(words.text);

        if (isfinite(mean) && deviation > 0 && isfinite(deviation))
                snprintf(words.text + used, sizeof words.text - used, " ± %s",
                         say(measure, deviation, currency).text);
        return words;
}

/* ---- laying out: every section is a table whose first title is the section's ---- */

struct page {
        FILE *out;
        bool color;
        const char *currency;
};

/* `titles` ends with NULL; all columns but the first are aligned as told. */
static struct terminal_table *section(const char *const *titles, enum terminal_align align)
{
        struct terminal_table *table = terminal_table_new();

        terminal_table_column(table, TERMINAL_LEFT, titles[0]);
        for (size_t i = 1; titles[i]; i++)
                terminal_table_column(table, align, titles[i]);
        return table;
}

static void begin_line(struct terminal_table *table, const char *name)
{
        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_PLAIN, "  %s", name);
}

static void line(struct terminal_table *table, const char *name, const char *value)
{
        begin_line(table, name);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", value);
}

static void known_line(struct terminal_table *table, const char *name, struct words words)
{
        if (strcmp(words.text, "-") != 0)
                line(table, name, words.text);
}

static void print_section(const struct page *page, const struct terminal_table *table)
{
        fputc('\n', page->out);
        terminal_table_print(table, page->out, page->color);
}

static enum terminal_style outcome_style(const char *outcome)
{
        if (strcmp(outcome, "Confirmed") == 0 || strcmp(outcome, "Allowed") == 0)
                return TERMINAL_GOOD;
        if (strcmp(outcome, "Reverted") == 0 || strcmp(outcome, "Failed") == 0 ||
            strcmp(outcome, "Refused") == 0)
                return TERMINAL_BAD;
        return TERMINAL_PLAIN;
}

/* ---- history ---- */

void decision_history_print(const json_t *decisions, FILE *out, bool color)
{
        autotable *table = terminal_table_new();
        const json_t *row;
        size_t index;

        terminal_table_column(table, TERMINAL_RIGHT, "id");
        terminal_table_column(table, TERMINAL_LEFT, "time");
        terminal_table_column(table, TERMINAL_LEFT, "pipeline");
        terminal_table_column(table, TERMINAL_LEFT, "strategy");
        terminal_table_column(table, TERMINAL_LEFT, "from → to");
        terminal_table_column(table, TERMINAL_LEFT, "verdict");
        terminal_table_column(table, TERMINAL_LEFT, "outcome");
        terminal_table_column(table, TERMINAL_LEFT, "reason");
        json_array_foreach(decisions, index, row)
        {
                const char *from = text_of(row, "from"), *to = text_of(row, "to");
                const char *verdict = text_of(row, "verdict"), *outcome = text_of(row, "outcome");
                bool stays = strcmp(from, to) == 0;

                terminal_table_row(table);
                terminal_table_cell(table, TERMINAL_PLAIN, "%.0f", number_of(row, "id"));
                terminal_table_cell(table, TERMINAL_FAINT, "%s", text_of(row, "time"));
                terminal_table_cell(table, TERMINAL_PLAIN, "%s", text_of(row, "pipeline"));
                terminal_table_cell(table, TERMINAL_PLAIN, "%s", text_of(row, "strategy"));
                terminal_table_cell(table, TERMINAL_PLAIN, "%s%s%s", from, stays ? "" : " → ",
                                    stays ? "" : to);
                terminal_table_cell(table, outcome_style(verdict), "%s", verdict);
                terminal_table_cell(table, outcome_style(outcome), "%s", *outcome ? outcome : "-");
                terminal_table_cell(table, TERMINAL_PLAIN, "%s", text_of(row, "reason"));
        }
        terminal_table_print(table, out, color);
}

/* ---- one decision: what was seen ---- */

static void missing_line(struct terminal_table *table, const json_t *seen)
{
        autotext names = {0};
        const json_t *name;
        size_t index;

        json_array_foreach(json_object_get(seen, "missing"), index, name)
                text_format(&names, "%s%s", index ? ", " : "", json_string_value(name));
        if (names.length)
                line(table, "not known", names.data);
        if (json_is_true(json_object_get(seen, "restarting")))
                line(table, "state", "restarting or warming up");
}

static void checkpoint_lines(struct terminal_table *table, const json_t *checkpoints)
{
        double failed = number_of(checkpoints, "failed");
        autofree char *count = memory_format("%.0f", failed);

        known_line(table, "checkpoints every",
                   say(MEASURE_SECONDS, number_of(checkpoints, "interval_seconds"), ""));
        known_line(table, "the last took",
                   say(MEASURE_SECONDS, number_of(checkpoints, "duration_seconds"), ""));
        if (failed > 0)
                line(table, "checkpoints failed", count);
}

/* Of a job that runs from time to time: the newest run that has ended. */
static void run_lines(struct terminal_table *table, const json_t *run)
{
        int64_t begun_ms = json_integer_value(json_object_get(run, "begun_ms"));
        int64_t ended_ms = json_integer_value(json_object_get(run, "ended_ms"));
        double took = (double)(ended_ms - begun_ms) / MS_PER_SECOND, held = number_of(run, "worker_seconds");
        autofree char *words = NULL, *workers = NULL;
        char ended[32];

        if (ended_ms == 0) {
                line(table, "newest run", "none has ended yet");
                return;
        }
        time_format(ended_ms, ended);
        words = memory_format("%s %s, after %s",
                              json_is_true(json_object_get(run, "failed")) ? "failed" : "ended", ended,
                              say(MEASURE_SECONDS, round(took), "").text);
        line(table, "newest run", words);
        if (took > 0 && isfinite(held)) {
                workers = memory_format("%.3g on average", held / took);
                line(table, "its workers", workers);
        }
}

static void print_seen(const struct page *page, const json_t *seen)
{
        autotable *table = section((const char *const[]){"Seen", "", NULL}, TERMINAL_LEFT);
        double throughput = number_of(seen, "throughput_per_second");
        double backlog = number_of(seen, "backlog_records");
        autofree char *window = NULL, *workers = NULL;
        char time[32];

        time_format(json_integer_value(json_object_get(seen, "time_ms")), time);
        window = memory_format("%s until %s",
                               say(MEASURE_SECONDS, number_of(seen, "window_ms") / MS_PER_SECOND, "").text,
                               time);
        workers = memory_format("%.0f, of which %.0f take part", number_of(seen, "workers"),
                                number_of(seen, "workers_ready"));
        line(table, "window", window);
        if (json_is_object(json_object_get(seen, "run")))
                run_lines(table, json_object_get(seen, "run"));
        else
                line(table, "workers", workers);
        known_line(table, "offered", say(MEASURE_RATE, number_of(seen, "offered_per_second"), ""));
        known_line(table, "read", say(MEASURE_RATE, throughput, ""));
        known_line(table, "backlog", say(MEASURE_RECORDS, backlog, ""));
        if (backlog > 0)
                known_line(table, "behind", say(MEASURE_SECONDS, backlog / throughput, ""));
        known_line(table, "latency p50", say(MEASURE_SECONDS, number_of(seen, "latency_p50_seconds"), ""));
        known_line(table, "latency p99", say(MEASURE_SECONDS, number_of(seen, "latency_p99_seconds"), ""));
        known_line(table, "errors", say(MEASURE_RATIO, number_of(seen, "error_ratio"), ""));
        known_line(table, "cpu", say(MEASURE_RATIO, number_of(seen, "cpu_ratio"), ""));
        checkpoint_lines(table, json_object_get(seen, "checkpoints"));
        known_line(table, "the last start took", say(MEASURE_SECONDS, number_of(seen, "start_seconds"), ""));
        if (*text_of(seen, "failure"))
                line(table, "the job failed", text_of(seen, "failure"));
        missing_line(table, seen);
        print_section(page, table);
}

static void print_operators(const struct page *page, const json_t *operators)
{
        autotable *table = section((const char *const[]){"Operators", "subtasks", "takes in", "busy",
                                                         "busiest", "back-pressure", "could take", NULL},
                                   TERMINAL_RIGHT);
        const json_t *operator;
        size_t index;

        json_array_foreach(operators, index, operator)
        {
                double true_rate = number_of(operator, "true_rate_per_second");

                begin_line(table, text_of(operator, "name"));
                terminal_table_cell(table, TERMINAL_PLAIN, "%.0f", number_of(operator, "parallelism"));
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say(MEASURE_RATE, number_of(operator, "in_per_second"), "").text);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say(MEASURE_RATIO, number_of(operator, "busy_ratio"), "").text);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say(MEASURE_RATIO, number_of(operator, "busy_ratio_max"), "").text);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say(MEASURE_RATIO, number_of(operator, "backpressure_ratio"), "").text);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    isinf(true_rate) ? "idle" : say(MEASURE_RATE, true_rate, "").text);
        }
        if (json_array_size(operators))
                print_section(page, table);
}

/* ---- what was proposed and judged ---- */

static void print_proposal(const struct page *page, const json_t *decision)
{
        const json_t *proposal = json_object_get(decision, "proposal");
        const json_t *prediction = json_object_get(proposal, "prediction");
        const char *before = text_of(json_object_get(decision, "before"), "text");
        bool change = strcmp(text_of(proposal, "kind"), "Change") == 0;
        autotable *table = section((const char *const[]){"Proposed", "", NULL}, TERMINAL_LEFT);
        autofree char *what = change ? memory_format("%s → %s", before, text_of(proposal, "text"))
                                     : memory_format("stay at %s", before);

        line(table, "what", what);
        line(table, "by", text_of(proposal, "strategy"));
        if (*text_of(proposal, "reason"))
                line(table, "because", text_of(proposal, "reason"));
        known_line(table, "would save",
                   say(MEASURE_MONEY, number_of(proposal, "expected_saving"), page->currency));
        if (json_is_object(prediction) && !json_object_get(prediction, "run"))
                known_line(table, "settled after",
                           say(MEASURE_SECONDS, number_of(prediction, "settle_ms") / MS_PER_SECOND, ""));
        print_section(page, table);
}

static void alternative_line(const struct page *page, struct terminal_table *table, const json_t *alternative)
{
        static const char *const parts[] = {"compute_cost", "change_cost", "penalty_cost"};
        const char *why_not = text_of(alternative, "why_not");
        bool feasible = json_is_true(json_object_get(alternative, "feasible"));
        double total = 0;

        begin_line(table, text_of(alternative, "configuration"));
        for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
                double cost = number_of(alternative, parts[i]);

                total += cost;
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say(MEASURE_MONEY, cost, page->currency).text);
        }
        terminal_table_cell(table, TERMINAL_STRONG, "%s", say(MEASURE_MONEY, total, page->currency).text);
        terminal_table_cell(table, *why_not || !feasible ? TERMINAL_FAINT : TERMINAL_GOOD, "%s",
                            *why_not   ? why_not
                            : feasible ? "chosen"
                                       : "breaks a constraint");
}

static void print_alternatives(const struct page *page, const json_t *alternatives)
{
        autotable *table =
                section((const char *const[]){"Weighed", "compute", "change", "penalty", "total", NULL},
                        TERMINAL_RIGHT);
        const json_t *alternative;
        size_t index;

        terminal_table_column(table, TERMINAL_LEFT, "");
        json_array_foreach(alternatives, index, alternative) alternative_line(page, table, alternative);
        if (json_array_size(alternatives))
                print_section(page, table);
}

static void print_verdict(const struct page *page, const json_t *verdict)
{
        autotable *table = section((const char *const[]){"Judged", "", "", NULL}, TERMINAL_LEFT);
        const json_t *finding;
        size_t index;

        begin_line(table, "verdict");
        terminal_table_cell(table, outcome_style(text_of(verdict, "judgement")), "%s",
                            text_of(verdict, "judgement"));
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", text_of(verdict, "text"));
        json_array_foreach(json_object_get(verdict, "findings"), index, finding)
        {
                const char *judgement = text_of(finding, "judgement");

                begin_line(table, text_of(finding, "rule"));
                terminal_table_cell(table, outcome_style(judgement), "%s", judgement);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s", text_of(finding, "reason"));
        }
        print_section(page, table);
}

/* ---- what was done and what came of it ---- */

/* What happened at an instant: a row of "Done". */
struct event {
        const char *time;
        size_t order; /* within an instant */
        char *words[2];
        enum terminal_style styles[2];
};

static void event_put(struct event *events, size_t *count, struct event event)
{
        if (!*event.time) {
                free(event.words[0]);
                free(event.words[1]);
                return;
        }
        event.order = *count;
        events[(*count)++] = event;
}

static int by_time(const void *one, const void *other)
{
        const struct event *a = one, *b = other;
        int order = strcmp(a->time, b->time);

        return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

static struct event call_event(const json_t *call)
{
        const json_t *done = json_object_get(call, "done");
        const char *how = json_is_null(done)   ? "no answer was recorded"
                          : json_is_true(done) ? ""
                                               : "failed: ";

        return (struct event){text_of(call, "begun"),
                              .words = {memory_copy_text(text_of(call, "call")),
                                        memory_format("%s%s", how, text_of(call, "answer"))},
                              .styles[1] = json_is_false(done) ? TERMINAL_BAD : TERMINAL_PLAIN};
}

/* In the order of time: what was taken back was so after it had been applied. The caller frees it. */
static struct event *events_of(const json_t *action, size_t *ret_count)
{
        const json_t *call, *calls = json_object_get(action, "calls"),
                            *outcome = json_object_get(action, "outcome");
        struct event *events = memory_new(json_array_size(calls) + 3, sizeof *events);
        size_t index;

        *ret_count = 0;
        event_put(events, ret_count,
                  (struct event){text_of(action, "time"),
                                 .words = {memory_format("%s → %s",
                                                         text_of(json_object_get(action, "from"), "text"),
                                                         text_of(json_object_get(action, "to"), "text")),
                                           memory_copy_text("intended")},
                                 .styles[1] = TERMINAL_FAINT});
        json_array_foreach(calls, index, call) event_put(events, ret_count, call_event(call));
        event_put(events, ret_count,
                  (struct event){text_of(action, "applied"), .words = {memory_copy_text("applied")}});
        event_put(events, ret_count,
                  (struct event){text_of(outcome, "time"),
                                 .words = {memory_copy_text(text_of(outcome, "outcome")),
                                           memory_copy_text(text_of(outcome, "reason"))},
                                 .styles[0] = outcome_style(text_of(outcome, "outcome"))});
        qsort(events, *ret_count, sizeof *events, by_time);
        return events;
}

static void print_done(const struct page *page, const json_t *action)
{
        autotable *table = section((const char *const[]){"Done", "", "", NULL}, TERMINAL_LEFT);
        size_t count;
        autofree struct event *events = events_of(action, &count);

        for (size_t i = 0; i < count; i++) {
                begin_line(table, events[i].time);
                for (size_t w = 0; w < ARRAY_LENGTH(events[i].words) && events[i].words[w]; w++) {
                        terminal_table_cell(table, events[i].styles[w], "%s", events[i].words[w]);
                        free(events[i].words[w]);
                }
        }
        if (!*text_of(json_object_get(action, "outcome"), "time"))
                line(table, "not ended", "being watched");
        print_section(page, table);
}

/* How it went stands in the outcome's reason, as the run that was judged. */
static void print_run_comparison(const struct page *page, const json_t *run)
{
        static const struct {
                const char *name, *mean, *deviation, *most;
                enum measure measure;
        } rows[] = {
                {"a run takes", "seconds_mean", "seconds_sd", "seconds_most", MEASURE_SECONDS},
                {"a run costs", "cost_mean", "cost_sd", "cost_most", MEASURE_MONEY},
        };
        autotable *table =
                section((const char *const[]){"Expected", "predicted", "at most", NULL}, TERMINAL_LEFT);

        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                begin_line(table, rows[i].name);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say_with_spread(rows[i].measure, number_of(run, rows[i].mean),
                                                    number_of(run, rows[i].deviation), page->currency)
                                            .text);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say(rows[i].measure, number_of(run, rows[i].most), page->currency).text);
        }
        begin_line(table, "");
        terminal_table_cell(table, TERMINAL_FAINT, "± one standard deviation");
        terminal_table_cell(table, TERMINAL_FAINT, "else it is taken back");
        print_section(page, table);
}

/* What was predicted is a capacity, what was measured is what of it was used. */
static void print_comparison(const struct page *page, const json_t *action)
{
        static const struct {
                const char *name, *mean, *deviation, *measured;
                enum measure measure;
        } rows[] = {
                {"can sustain, did", "capacity_mean", "capacity_sd", "throughput_per_second", MEASURE_RATE},
                {"latency p99", "latency_p99_mean", "latency_p99_sd", "latency_p99_seconds", MEASURE_SECONDS},
                {"cost per hour", "cost_per_hour_mean", "cost_per_hour_sd", "cost_per_hour", MEASURE_MONEY},
        };
        const json_t *prediction = json_object_get(action, "prediction");
        const json_t *measured = json_object_get(action, "measured");
        double windows = number_of(measured, "windows");
        autotable *table = section((const char *const[]){"Expected and found", "predicted", "measured", NULL},
                                   TERMINAL_LEFT);

        if (!json_is_object(prediction))
                return;
        for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
                begin_line(table, rows[i].name);
                terminal_table_cell(table, TERMINAL_PLAIN, "%s",
                                    say_with_spread(rows[i].measure, number_of(prediction, rows[i].mean),
                                                    number_of(prediction, rows[i].deviation), page->currency)
                                            .text);
                terminal_table_cell(
                        table, TERMINAL_PLAIN, "%s",
                        say(rows[i].measure, number_of(measured, rows[i].measured), page->currency).text);
        }
        begin_line(table, "");
        terminal_table_cell(table, TERMINAL_FAINT, "± one standard deviation");
        terminal_table_cell(table, TERMINAL_FAINT, "%.0f window%s after settling", windows,
                            text_plural(windows));
        print_section(page, table);
}

/* Unit prices have more digits than money that is paid. Where runs cost by cores and memory, a worker-hour
 * has no price. */
static void print_price(const struct page *page, const json_t *price)
{
        autotable *table = section((const char *const[]){"Prices in force", "", NULL}, TERMINAL_LEFT);
        double carbon = number_of(price, "carbon_grams_per_kilowatt_hour");
        double hourly = number_of(price, "per_worker_hour");
        autofree char *hour = memory_format("%.6g %s", hourly, page->currency);
        autofree char *grams = memory_format("%.0f g CO2 per kWh", carbon);

        if (!json_is_object(price) || !(hourly > 0 || carbon > 0))
                return;
        if (hourly > 0)
                line(table, "a worker-hour", hour);
        if (carbon > 0)
                line(table, "carbon", grams);
        line(table, "since", text_of(price, "since"));
        print_section(page, table);
}

void decision_print(const json_t *document, FILE *out, bool color)
{
        autojson *decision = json_to_lines(document);
        const json_t *pipeline = json_object_get(decision, "pipeline");
        const json_t *seen = json_object_get(decision, "observation");
        const char *namespace = text_of(pipeline, "namespace"), *currency = text_of(decision, "currency");
        struct page page = {.out = out, .color = color, .currency = currency};
        const json_t *action;
        size_t index;

        fprintf(out, "Decision %lld of %s%s%s, %s\n",
                (long long)json_integer_value(json_object_get(decision, "id")), namespace,
                *namespace ? "/" : "", text_of(pipeline, "name"), text_of(decision, "time"));
        if (json_is_object(seen)) {
                print_seen(&page, seen);
                if (!json_object_get(seen, "run"))
                        print_operators(&page, json_object_get(seen, "operators"));
        }
        print_proposal(&page, decision);
        print_alternatives(&page, json_object_get(json_object_get(decision, "proposal"), "alternatives"));
        print_price(&page, json_object_get(decision, "price"));
        print_verdict(&page, json_object_get(decision, "verdict"));
        json_array_foreach(json_object_get(decision, "actions"), index, action)
        {
                const json_t *run = json_object_get(json_object_get(action, "prediction"), "run");

                print_done(&page, action);
                if (run)
                        print_run_comparison(&page, run);
                else
                        print_comparison(&page, action);
        }
        if (json_is_object(json_object_get(decision, "settings")))
                fputs("\nThe model, the strategy's options, constraints and guardrails in force: --json -\n",
                      out);
}
