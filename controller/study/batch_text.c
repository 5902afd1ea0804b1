/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "controller/study/batch_study.h"
#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/quantity.h"
#include "core/text.h"

static double number_of(const json_t *object, const char *key)
{
        double value;

        return json_find_number(object, key, &value) ? value : 0;
}

static const char *text_of(const json_t *object, const char *key)
{
        const char *text;

        return json_find_text(object, key, &text) ? text : "?";
}

/* Money, or executor-hours where there are no prices. */
static char *sum_text(double amount, const char *currency)
{
        autotext text = {0};

        if (strcmp(currency, "XXX") == 0)
                text_format(&text, "%.3g h", amount);
        else
                money_put(&text, amount, currency);
        return text_take(&text);
}

static char *time_text(double seconds)
{
        return memory_format(seconds < 1000 ? "%.3g s" : "%.0f s", seconds);
}

/* "3 executors" */
static char *count_text(const json_t *object, const char *plural, const char *name)
{
        double count = number_of(object, plural);

        return memory_format("%.0f %s%s", count, name, text_plural(count));
}

static void print_head(const json_t *document, FILE *out)
{
        const json_t *measured = json_object_get(document, "measured");
        autofree char *executors = count_text(measured, "executors", "executor");
        autofree char *cores = count_text(measured, "cores", "core");
        autofree char *tasks = count_text(measured, "tasks", "task");
        autofree char *stages = count_text(measured, "stages", "stage");
        autofree char *jobs = count_text(measured, "jobs", "job");
        autofree char *took = time_text(number_of(measured, "seconds"));
        autofree char *replayed = time_text(number_of(document, "replayedSeconds"));
        autofree char *cost = sum_text(number_of(measured, "cost"), text_of(document, "currency"));

        fprintf(out, "%s (%s, Spark %s): %s on %s with %s%s, %s in %s of %s, %s%s\n",
                text_of(measured, "name"), text_of(measured, "application"),
                text_of(measured, "sparkVersion"), took, executors, cores,
                number_of(measured, "executors") > 1 ? " each" : "", tasks, stages, jobs, cost,
                strcmp(text_of(document, "currency"), "XXX") == 0 ? " of executors" : "");
        fprintf(out, "replayed as it was: %s (%+.2g %%)\n\n", replayed,
                number_of(document, "replayErrorPercent"));
}

static void put_row(struct terminal_table *table, const json_t *it, const char *currency)
{
        autofree char *took = time_text(number_of(it, "seconds")), *low = time_text(number_of(it, "low"));
        autofree char *high = time_text(number_of(it, "high")),
                      *cost = sum_text(number_of(it, "cost"), currency);
        autofree char *saved = sum_text(number_of(it, "saved"), currency);
        autofree char *idle_cost = sum_text(number_of(it, "idleCost"), currency);
        autofree char *driver = time_text(number_of(it, "driverSeconds"));

        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_STRONG, "%.0f", number_of(it, "executors"));
        terminal_table_cell(table, TERMINAL_PLAIN, "%.0f", number_of(it, "cores"));
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", took);
        terminal_table_cell(table, TERMINAL_FAINT, "%s to %s", low, high);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", cost);
        terminal_table_cell(table, number_of(it, "saved") < 0 ? TERMINAL_BAD : TERMINAL_GOOD, "%s", saved);
        terminal_table_cell(table, TERMINAL_PLAIN, "%.0f %%", number_of(it, "idlePercent"));
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", idle_cost);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", driver);
}

/* Whether any alternative says something under a key. */
static bool any_says(const json_t *document, const char *key)
{
        const json_t *it;
        size_t i;

        json_array_foreach(json_object_get(document, "alternatives"), i, it)
        {
                if (!json_is_null(json_object_get(it, key)))
                        return true;
        }
        return false;
}

static void put_from_runs(struct terminal_table *table, const json_t *it)
{
        const json_t *guess = json_object_get(it, "fromRuns");
        autofree char *took = time_text(number_of(guess, "seconds"));
        autofree char *low = time_text(number_of(guess, "low")), *high = time_text(number_of(guess, "high"));

        if (json_is_null(guess))
                terminal_table_cell(table, TERMINAL_FAINT, "-");
        else
                terminal_table_cell(table, TERMINAL_PLAIN, "%s (%s to %s)", took, low, high);
}

static void print_table(const json_t *document, FILE *out, bool color)
{
        static const char *const titles[] = {"executors", "cores",      "run time",  "between",     "cost",
                                             "saved",     "idle slots", "idle cost", "driver alone"};
        bool runs = any_says(document, "fromRuns"), settings = any_says(document, "settings");
        struct terminal_table *table = terminal_table_new();
        const json_t *it;
        size_t i;

        for (i = 0; i < ARRAY_LENGTH(titles); i++)
                terminal_table_column(table, TERMINAL_RIGHT, titles[i]);
        if (runs)
                terminal_table_column(table, TERMINAL_RIGHT, "by all runs");
        if (settings)
                terminal_table_column(table, TERMINAL_LEFT, "with");
        json_array_foreach(json_object_get(document, "alternatives"), i, it)
        {
                put_row(table, it, text_of(document, "currency"));
                if (runs)
                        put_from_runs(table, it);
                if (settings)
                        terminal_table_cell(table, TERMINAL_PLAIN, "%s", text_of(it, "settings"));
        }
        terminal_table_print(table, out, color);
        terminal_table_free(table);
}

static void print_warnings(const json_t *document, FILE *out)
{
        const json_t *it;
        const char *warning;
        size_t i;

        json_array_foreach(json_object_get(document, "alternatives"), i, it)
        {
                if (json_find_text(it, "warning", &warning))
                        fprintf(out, "%s%s: %s\n", i ? "" : "\n", text_of(it, "settings"), warning);
        }
}

static void print_advice(const json_t *document, FILE *out)
{
        const json_t *list = json_object_get(document, "advice"), *it;
        size_t i;

        if (json_array_size(list) > 0)
                fprintf(out,
                        "\nWhat stands out in the run that was measured, and how much of it is at stake:\n");
        json_array_foreach(list, i, it)
        {
                autofree char *seconds = time_text(number_of(it, "seconds"));

                fprintf(out, "- %s%s%s\n", number_of(it, "seconds") > 0 ? seconds : "",
                        number_of(it, "seconds") > 0 ? ": " : "", text_of(it, "words"));
        }
}

static void print_foot(const json_t *document, FILE *out)
{
        const json_t *tasks = json_object_get(document, "tasks");

        fprintf(out,
                "\nOf the tasks' time %.0f %% went into waiting for a CPU, a disk or a lock, %.0f %% into "
                "collecting garbage; an executor's first tasks of a stage took\n%.0f %% of their time for "
                "being the first. One run cannot tell how much slower tasks get on more slots: run time "
                "takes "
                "them to grow with the\nslots' ratio to the power 0.075, the interval from 0 to 0.3, with "
                "what waited growing with the slots. Executors are paid for, the driver is not\ncounted.\n",
                number_of(tasks, "waitingPercent"), number_of(tasks, "garbagePercent"),
                number_of(tasks, "firstPercent"));
}

void batch_study_print(const json_t *told, FILE *out, bool color)
{
        autojson *document = json_to_lines(told);

        print_head(document, out);
        print_table(document, out, color);
        print_warnings(document, out);
        print_advice(document, out);
        print_foot(document, out);
}
