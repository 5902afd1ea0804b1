/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/cli/results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/cli/terminal.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/text.h"

#define UNKNOWN "-"

DEFINE_CLEANUP(terminal_table_free, struct terminal_table);

/* ---- reading a document ---- */

static double number(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *string(const json_t *object, const char *key)
{
        const char *value = json_string_value(json_object_get(object, key));

        return value ? value : "";
}

struct figure {
        double mean, low, high;
};

static struct figure figure(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        return (struct figure){number(value, "mean"), number(value, "low"), number(value, "high")};
}

/* ---- numbers as people read them ---- */

/* So many significant digits, never an exponent, no zeros at the end of a fraction. */
static void put_digits(struct text *out, double value, int significant)
{
        int decimals = value == 0 ? 0 : (int)fmax(0, fmin(6, significant - 1 - floor(log10(fabs(value)))));
        char digits[400];
        int length = snprintf(digits, sizeof digits, "%.*f", decimals, value);

        if (decimals > 0) {
                while (digits[length - 1] == '0')
                        digits[--length] = '\0';
                if (digits[length - 1] == '.')
                        digits[--length] = '\0';
        }
        text_put(out, strcmp(digits, "-0") == 0 ? "0" : digits);
}

enum look { LOOK_PLAIN, LOOK_SCALED, LOOK_FINE, LOOK_MONEY, LOOK_GRAMS, LOOK_CHANGE };

#define DIGITS      3
#define FINE_DIGITS 4 /* where two numbers are compared by eye */

static void put_scaled(struct text *out, double value, int significant)
{
        static const struct {
                double size;
                const char *prefix;
        } scales[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};

        for (size_t i = 0; i < ARRAY_LENGTH(scales); i++) {
                if (fabs(value) < scales[i].size * 0.9995)
                        continue;
                put_digits(out, value / scales[i].size, significant);
                text_put(out, scales[i].prefix);
                return;
        }
        put_digits(out, value, significant);
}

static void put_grams(struct text *out, double value)
{
        double scale = fabs(value) >= 999.5e3 ? 1e6 : fabs(value) >= 999.5 ? 1e3 : 1;

        put_digits(out, value / scale, DIGITS);
        text_put(out, scale > 1e3 ? " t" : scale > 1 ? " kg" : " g");
}

/* A saving as the change of cost that it is: 40 % saved is -40 %. */
static void put_change(struct text *out, double saving)
{
        text_put(out, saving < 0 ? "+" : "");
        put_digits(out, -saving, DIGITS);
}

static void put_value(struct text *out, enum look look, double value)
{
        if (isnan(value))
                text_put(out, UNKNOWN);
        else if (look == LOOK_SCALED)
                put_scaled(out, value, DIGITS);
        else if (look == LOOK_FINE)
                put_scaled(out, value, FINE_DIGITS);
        else if (look == LOOK_MONEY)
                text_format(out, fabs(value) >= 0.995 || value == 0 ? "%.2f" : "%.4f", value);
        else if (look == LOOK_GRAMS)
                put_grams(out, value);
        else if (look == LOOK_CHANGE)
                put_change(out, value);
        else
                put_digits(out, value, DIGITS);
}

static void put_duration(struct text *out, double seconds)
{
        static const struct {
                double from, size;
                const char *unit;
        } units[] = {{2 * 86400.0, 86400, " d"},
                     {2 * 3600.0, 3600, " h"},
                     {2 * 60.0, 60, " min"},
                     {0, 1, " s"}};

        for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
                if (seconds < units[i].from)
                        continue;
                put_digits(out, seconds / units[i].size, DIGITS);
                text_put(out, units[i].unit);
                return;
        }
        text_put(out, UNKNOWN);
}

static const char *currency_sign(const char *currency)
{
        static const char *const signs[][2] = {{"USD", "$"}, {"EUR", "€"}, {"GBP", "£"}};

        for (size_t i = 0; i < ARRAY_LENGTH(signs); i++)
                if (strcmp(currency, signs[i][0]) == 0)
                        return signs[i][1];
        return currency;
}

/* ---- simulate ---- */

/* Every figure of a strategy; those with a title stand in the table, all of them in the CSV. */
static const struct measure {
        const char *key;
        const char *title; /* NULL: CSV only */
        enum look look;
        const char *unit;
} measures[] = {
        {"cost_per_day", "cost/day", LOOK_MONEY, ""},
        {"saving_percent", "vs %s", LOOK_CHANGE, " %"},
        {"slo_missed_minutes_per_day", "SLO missed/day", LOOK_PLAIN, " min"},
        {"rescales_per_day", "rescales/day", LOOK_PLAIN, ""},
        {"workers_mean", NULL, LOOK_PLAIN, ""},
        {"latency_p50_seconds", NULL, LOOK_PLAIN, " s"},
        {"latency_p95_seconds", NULL, LOOK_PLAIN, " s"},
        {"latency_p99_seconds", "p99 latency", LOOK_PLAIN, " s"},
        {"backlog_peak_records", "backlog peak", LOOK_SCALED, " rec"},
        {"delay_peak_seconds", NULL, LOOK_PLAIN, " s"},
        {"throughput_per_second", NULL, LOOK_SCALED, " rec/s"},
        {"carbon_grams_per_day", "carbon/day", LOOK_GRAMS, ""},
};

static void put_headline(const json_t *document, struct text *out)
{
        const json_t *load = json_object_get(document, "load");
        double operators = number(document, "operators");
        double runs = number(document, "runs");

        text_format(out, "%s: ", string(document, "pipeline"));
        put_duration(out, number(document, "duration_seconds"));
        text_put(out, " of load, mean ");
        put_value(out, LOOK_SCALED, number(load, "mean_per_second"));
        text_put(out, " rec/s, peak ");
        put_value(out, LOOK_SCALED, number(load, "peak_per_second"));
        text_format(out, " rec/s, %.0f operator%s, seed %lld, %.0f run%s\n", operators,
                    text_plural(operators), (long long)json_integer_value(json_object_get(document, "seed")),
                    runs, text_plural(runs));
}

static bool is_baseline(const json_t *document, const json_t *strategy)
{
        return strcmp(string(document, "baseline"), string(strategy, "name")) == 0;
}

static enum terminal_style measure_style(const struct measure *measure, double mean)
{
        if (measure->look != LOOK_CHANGE || isnan(mean) || mean == 0)
                return TERMINAL_PLAIN;
        return mean > 0 ? TERMINAL_GOOD : TERMINAL_BAD;
}

static void add_mean(struct terminal_table *table, const struct measure *measure, const json_t *strategy,
                     bool blank)
{
        struct figure is = figure(strategy, measure->key);
        autotext words = {0};

        if (measure->look == LOOK_MONEY && !isnan(is.mean))
                text_format(&words, "%s ", currency_sign(string(strategy, "currency")));
        put_value(&words, measure->look, is.mean);
        if (!isnan(is.mean))
                text_put(&words, measure->unit);
        terminal_table_cell(table, measure_style(measure, is.mean), "%s", blank ? "" : words.data);
}

/* "[low, high]", or nothing where the two read the same. */
static char *interval_words(const struct measure *measure, const json_t *strategy)
{
        struct figure is = figure(strategy, measure->key);
        bool turned = measure->look == LOOK_CHANGE;
        autotext low = {0}, high = {0};

        if (!(is.low < is.high))
                return memory_copy_text("");
        put_value(&low, measure->look, turned ? is.high : is.low);
        put_value(&high, measure->look, turned ? is.low : is.high);
        if (strcmp(low.data, high.data) == 0)
                return memory_copy_text("");
        return memory_format("[%s, %s]", low.data, high.data);
}

static void add_interval(struct terminal_table *table, const struct measure *measure, const json_t *strategy,
                         bool blank)
{
        autofree char *words = interval_words(measure, strategy);

        terminal_table_cell(table, TERMINAL_FAINT, "%s", blank ? "" : words);
}

static bool any_interval(const json_t *strategy)
{
        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++) {
                autofree char *words = measures[i].title ? interval_words(&measures[i], strategy) : NULL;

                if (words && *words)
                        return true;
        }
        return false;
}

typedef void (*add_measure)(struct terminal_table *, const struct measure *, const json_t *, bool);

static void add_line(struct terminal_table *table, const char *title, const json_t *document,
                     const json_t *strategy, add_measure add)
{
        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", title);
        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
                if (measures[i].title)
                        add(table, &measures[i], strategy,
                            measures[i].look == LOOK_CHANGE && is_baseline(document, strategy));
}

static void print_strategies(const json_t *document, const json_t *strategies, FILE *out)
{
        autocall(terminal_table_free) struct terminal_table *table = terminal_table_new();
        const json_t *strategy;
        size_t index;

        terminal_table_column(table, TERMINAL_LEFT, "strategy");
        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++) {
                bool change = measures[i].look == LOOK_CHANGE;
                autofree char *title = change ? memory_format("vs %s", string(document, "baseline"))
                                              : memory_copy_text(measures[i].title);

                if (measures[i].title)
                        terminal_table_column(table, TERMINAL_RIGHT, title);
        }
        json_array_foreach(strategies, index, strategy)
        {
                add_line(table, string(strategy, "name"), document, strategy, add_mean);
                if (any_interval(strategy))
                        add_line(table, "", document, strategy, add_interval);
        }
        terminal_table_print(table, out, terminal_has_color(out));
}

/* "spec.workload.scale=1.5 spec.plan.headroom=0.8" */
static char *sweep_label(const json_t *sweep)
{
        json_t *set = json_object_get(sweep, "set");
        autotext label = {0};
        const char *path;
        json_t *value;

        json_object_foreach(set, path, value)
                text_format(&label, "%s%s=%s", label.length ? " " : "", path, string(set, path));
        return text_take(&label);
}

static void simulation_table(const json_t *document, FILE *out)
{
        const json_t *sweep;
        size_t index;
        autotext line = {0};

        put_headline(document, &line);
        fprintf(out, "%s\n", line.data);
        print_strategies(document, json_object_get(document, "strategies"), out);
        json_array_foreach(json_object_get(document, "sweep"), index, sweep)
        {
                autofree char *label = sweep_label(sweep);

                fprintf(out, "\n%s\n\n", label);
                print_strategies(document, json_object_get(sweep, "strategies"), out);
        }
}

/* ---- CSV ---- */

static void put_field(FILE *out, const char *field)
{
        if (!strpbrk(field, ",\"\r\n")) {
                fputs(field, out);
                return;
        }
        putc('"', out);
        for (; *field; field++)
                fputs(*field == '"' ? "\"\"" : (char[]){*field, '\0'}, out);
        putc('"', out);
}

/* Shortest of the two that reads back to the same double. */
static void put_exact(FILE *out, double value)
{
        char digits[40];

        if (isnan(value))
                return;
        snprintf(digits, sizeof digits, "%.15g", value);
        if (strtod(digits, NULL) != value)
                snprintf(digits, sizeof digits, "%.17g", value);
        fputs(digits, out);
}

static void csv_strategies(const json_t *strategies, const char *label, FILE *out)
{
        const json_t *strategy;
        size_t index;

        json_array_foreach(strategies, index, strategy)
        {
                put_field(out, label);
                putc(',', out);
                put_field(out, string(strategy, "name"));
                putc(',', out);
                put_field(out, string(strategy, "currency"));
                for (size_t i = 0; i < ARRAY_LENGTH(measures); i++) {
                        struct figure is = figure(strategy, measures[i].key);
                        double values[] = {is.mean, is.low, is.high};

                        for (size_t k = 0; k < ARRAY_LENGTH(values); k++) {
                                putc(',', out);
                                put_exact(out, values[k]);
                        }
                }
                fputs("\r\n", out);
        }
}

static void simulation_csv(const json_t *document, FILE *out)
{
        const json_t *sweep;
        size_t index;

        fputs("set,strategy,currency", out);
        for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
                fprintf(out, ",%s,%s_low,%s_high", measures[i].key, measures[i].key, measures[i].key);
        fputs("\r\n", out);
        csv_strategies(json_object_get(document, "strategies"), "", out);
        json_array_foreach(json_object_get(document, "sweep"), index, sweep)
        {
                autofree char *label = sweep_label(sweep);

                csv_strategies(json_object_get(sweep, "strategies"), label, out);
        }
}

/* Rows of an array of flat objects: the named texts and numbers of each, unknown ones empty. */
static void csv_rows(const json_t *rows, const char *const *keys, FILE *out)
{
        const json_t *row;
        size_t index;

        for (const char *const *key = keys; *key; key++)
                fprintf(out, "%s%s", key == keys ? "" : ",", *key);
        fputs("\r\n", out);
        json_array_foreach(rows, index, row)
        {
                for (const char *const *key = keys; *key; key++) {
                        const json_t *value = json_object_get(row, *key);

                        if (key != keys)
                                putc(',', out);
                        if (json_is_boolean(value))
                                fputs(json_is_true(value) ? "true" : "false", out);
                        else if (json_is_string(value))
                                put_field(out, json_string_value(value));
                        else
                                put_exact(out, number(row, *key));
                }
                fputs("\r\n", out);
        }
}

static void backtest_csv(const json_t *document, FILE *out)
{
        static const char *const keys[] = {"recording", "metric", "unit", "measured",
                                           "predicted", "low",    "high", NULL};

        csv_rows(json_object_get(document, "predictions"), keys, out);
}

static void calibration_csv(const json_t *document, FILE *out)
{
        static const char *const keys[] = {"name", "value", "error", "unit", "identified", "note", NULL};

        csv_rows(json_object_get(json_object_get(document, "model"), "parameters"), keys, out);
}

/* ---- backtest and calibrate ---- */

static const char *metric_words(const char *metric)
{
        static const char *const words[][2] = {
                {"workers_mean", "workers, mean"},      {"cost_per_day", "cost per day"},
                {"saving_percent", "saving"},           {"throughput_per_second", "throughput"},
                {"latency_p50_seconds", "latency p50"}, {"latency_p95_seconds", "latency p95"},
                {"latency_p99_seconds", "latency p99"}, {"backlog_peak_records", "backlog, peak"},
                {"delay_peak_seconds", "delay, peak"},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
                if (strcmp(metric, words[i][0]) == 0)
                        return words[i][1];
        return metric;
}

static void add_number(struct terminal_table *table, double value)
{
        autotext words = {0};

        put_value(&words, LOOK_FINE, value);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", words.data);
}

/* Of a percentage the difference in points, of anything else in percent of what was measured. */
static void add_error(struct terminal_table *table, const json_t *prediction)
{
        bool points = strcmp(string(prediction, "metric"), "saving_percent") == 0;
        double measured = number(prediction, "measured");
        double difference = number(prediction, "predicted") - measured;
        double error = points ? difference : 100 * difference / fabs(measured);
        autotext words = {0};

        if (isfinite(error)) {
                text_put(&words, error > 0 ? "+" : "");
                put_digits(&words, error, DIGITS);
                text_put(&words, points ? " points" : " %");
        } else {
                text_put(&words, UNKNOWN);
        }
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", words.data);
}

static void add_prediction(struct terminal_table *table, const json_t *prediction)
{
        double measured = number(prediction, "measured");
        double low = number(prediction, "low");
        double high = number(prediction, "high");
        bool known = !isnan(measured) && !isnan(low) && !isnan(high);
        bool inside = known && measured >= low && measured <= high;
        autotext interval = {0};

        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", string(prediction, "recording"));
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", metric_words(string(prediction, "metric")));
        add_number(table, measured);
        add_number(table, number(prediction, "predicted"));
        text_put(&interval, "[");
        put_value(&interval, LOOK_FINE, low);
        text_put(&interval, ", ");
        put_value(&interval, LOOK_FINE, high);
        text_put(&interval, "]");
        terminal_table_cell(table, TERMINAL_FAINT, "%s", interval.data);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", string(prediction, "unit"));
        add_error(table, prediction);
        terminal_table_cell(table, inside || !known ? TERMINAL_PLAIN : TERMINAL_BAD, "%s",
                            !known   ? UNKNOWN
                            : inside ? "inside"
                                     : "outside");
}

static void put_fit(const json_t *document, struct text *out)
{
        const json_t *fit = json_object_get(document, "fit");
        const json_t *name;
        size_t index;

        text_format(out, "%s: fitted on ", string(document, "pipeline"));
        json_array_foreach(fit, index, name)
                text_format(out, "%s%s", index ? ", " : "", json_string_value(name));
        text_put(out, "\n");
}

static void backtest_table(const json_t *document, FILE *out)
{
        static const struct {
                const char *title;
                enum terminal_align align;
        } columns[] = {{"recording", TERMINAL_LEFT}, {"metric", TERMINAL_LEFT},
                       {"measured", TERMINAL_RIGHT}, {"predicted", TERMINAL_RIGHT},
                       {"interval", TERMINAL_RIGHT}, {"unit", TERMINAL_LEFT},
                       {"error", TERMINAL_RIGHT},    {"measured is", TERMINAL_LEFT}};
        autocall(terminal_table_free) struct terminal_table *table = terminal_table_new();
        double coverage = number(document, "coverage_percent");
        const json_t *prediction;
        size_t index;
        autotext line = {0};

        put_fit(document, &line);
        fprintf(out, "%s\n", line.data);
        for (size_t i = 0; i < ARRAY_LENGTH(columns); i++)
                terminal_table_column(table, columns[i].align, columns[i].title);
        json_array_foreach(json_object_get(document, "predictions"), index, prediction)
                add_prediction(table, prediction);
        terminal_table_print(table, out, terminal_has_color(out));
        if (!isnan(coverage))
                fprintf(out, "\n%.1f %% of %.0f windows held back lay inside their %.0f %% interval\n",
                        coverage, number(document, "windows"), number(document, "interval_percent"));
}

static void add_parameter(struct terminal_table *table, const json_t *parameter)
{
        bool identified = json_is_true(json_object_get(parameter, "identified"));
        double value = number(parameter, "value");
        double error = number(parameter, "error");
        const char *note = string(parameter, "note");

        terminal_table_row(table);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", string(parameter, "name"));
        if (isnan(value))
                terminal_table_cell(table, TERMINAL_PLAIN, UNKNOWN);
        else
                terminal_table_cell(table, TERMINAL_PLAIN, "%.6g", value);
        if (isnan(error))
                terminal_table_cell(table, TERMINAL_PLAIN, "%s", "");
        else
                terminal_table_cell(table, TERMINAL_FAINT, "± %.2g", error);
        terminal_table_cell(table, TERMINAL_PLAIN, "%s", string(parameter, "unit"));
        terminal_table_cell(table, identified ? TERMINAL_PLAIN : TERMINAL_BAD, "%s%s%s",
                            identified ? "identified" : "not identified", *note ? ": " : "", note);
}

static void calibration_table(const json_t *document, FILE *out)
{
        autocall(terminal_table_free) struct terminal_table *table = terminal_table_new();
        const json_t *model = json_object_get(document, "model");
        const json_t *parameter;
        size_t index;
        autotext line = {0};

        put_fit(document, &line);
        fprintf(out, "%s\n", line.data);
        terminal_table_column(table, TERMINAL_LEFT, "parameter");
        terminal_table_column(table, TERMINAL_RIGHT, "value");
        terminal_table_column(table, TERMINAL_LEFT, "error");
        terminal_table_column(table, TERMINAL_LEFT, "unit");
        terminal_table_column(table, TERMINAL_LEFT, "");
        json_array_foreach(json_object_get(model, "parameters"), index, parameter)
                add_parameter(table, parameter);
        terminal_table_print(table, out, terminal_has_color(out));
}

/* ---- one table of what each kind looks like ---- */

static const struct view {
        const char *kind;
        void (*table)(const json_t *document, FILE *out);
        void (*csv)(const json_t *document, FILE *out);
} views[] = {
        {"simulation", simulation_table, simulation_csv},
        {"backtest", backtest_table, backtest_csv},
        {"calibration", calibration_table, calibration_csv},
};

static const struct view *find_view(const json_t *document, struct error *err)
{
        const char *kind = string(document, "kind");

        for (size_t i = 0; i < ARRAY_LENGTH(views); i++)
                if (strcmp(kind, views[i].kind) == 0)
                        return &views[i];
        error_set(err, ERROR_INPUT, NULL,
                  "results: kind \"%s\"; expected simulation, backtest or calibration", kind);
        return NULL;
}

bool results_table(const json_t *document, FILE *out, struct error *err)
{
        const struct view *view = find_view(document, err);
        autojson *lines = view ? json_to_lines(document) : NULL;

        if (view)
                view->table(lines, out);
        return view != NULL;
}

bool results_csv(const json_t *document, FILE *out, struct error *err)
{
        const struct view *view = find_view(document, err);

        if (view)
                view->csv(document, out);
        return view != NULL;
}
