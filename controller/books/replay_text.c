/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a replay came to, in words. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "controller/books/replay.h"
#include "core/json.h"
#include "core/prices.h"
#include "core/text.h"

static double number_at(const json_t *object, const char *key)
{
        double value;

        return json_find_number(object, key, &value) ? value : NAN;
}

static const char *text_at(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

/* "50 s", "12.5 min" or "3.5 h" */
static void put_time(FILE *out, double seconds)
{
        if (seconds < 120)
                fprintf(out, "%.0f s", seconds);
        else if (seconds < 7200)
                fprintf(out, "%.1f min", seconds / 60);
        else
                fprintf(out, "%.1f h", seconds / 3600);
}

static void put_times(FILE *out, const json_t *range)
{
        put_time(out, number_at(range, "median"));
        fprintf(out, " (");
        put_time(out, number_at(range, "low"));
        fprintf(out, " to ");
        put_time(out, number_at(range, "high"));
        fprintf(out, ")");
}

static void put_money(FILE *out, double value, const char *currency)
{
        char text[48];

        money_text(value, currency, text);
        fputs(text, out);
}

static void put_costs(FILE *out, const json_t *range, const char *currency)
{
        put_money(out, number_at(range, "median"), currency);
        fprintf(out, fabs(number_at(range, "high")) < 1 ? " (%.4f to %.4f)" : " (%.2f to %.2f)",
                number_at(range, "low"), number_at(range, "high"));
}

/* The lower end of an interval with as much on either side. */
static void print_claim(double low, double confidence, const char *currency, FILE *out)
{
        if (low > 0) {
                fprintf(out, "saved at least ");
                put_money(out, low, currency);
                fprintf(out, " with %.0f %% confidence\n", 50 + 50 * confidence);
        } else
                fprintf(out, "no saving can be claimed with %.0f %% confidence\n", 50 + 50 * confidence);
}

static void print_baseline(const json_t *replay, const char *currency, FILE *out)
{
        const json_t *baseline = json_object_get(replay, "baseline");
        const char *strategy = text_at(baseline, "strategy");

        fprintf(out, "  baseline: %s%s%s on ", strategy ? strategy : "", strategy ? " from " : "",
                text_at(baseline, "configuration"));
        put_time(out, number_at(replay, "counted_seconds"));
        fprintf(out, " of observed load, %.0f run%s: ", number_at(replay, "runs"),
                text_plural(number_at(replay, "runs")));
        put_costs(out, json_object_get(baseline, "cost"), currency);
        fprintf(out, ", late ");
        put_times(out, json_object_get(baseline, "late_seconds"));
        fprintf(out, "\n");
}

/* How far a replay of what ran is from what was measured. */
static void print_checks(const json_t *replay, const char *currency, FILE *out)
{
        const json_t *path = json_object_get(json_object_get(replay, "path"), "late_seconds");
        const json_t *steering = json_object_get(replay, "steering");
        const json_t *cost = json_object_get(steering, "cost");

        fprintf(out, "  what ran, replayed: late ");
        put_times(out, path);
        fprintf(out, "; measured ");
        put_time(out, number_at(path, "measured"));
        fprintf(out, "\n");
        if (json_is_null(steering))
                return;
        fprintf(out, "  %s, which steered, replayed: ", text_at(steering, "strategy"));
        put_costs(out, cost, currency);
        fprintf(out, ", late ");
        put_times(out, json_object_get(steering, "late_seconds"));
        fprintf(out, "; measured ");
        put_money(out, number_at(cost, "measured"), currency);
        fprintf(out, "\n");
}

static void print_gaps(const json_t *replay, FILE *out)
{
        double gaps = number_at(replay, "gaps");

        if (!(gaps > 0))
                return;
        fprintf(out, "  not observed, and not counted: ");
        put_time(out, number_at(replay, "gap_seconds"));
        fprintf(out, gaps > 1 ? " in %.0f gaps\n" : " in %.0f gap\n", gaps);
}

/* What a reader has to take on trust. */
static void print_unfitted(const json_t *replay, FILE *out)
{
        const json_t *parameters = json_object_get(json_object_get(replay, "model"), "parameters");
        const char *why = text_at(replay, "unfitted");
        autotext names = {0};
        json_t *one;
        size_t i;

        if (why) {
                fprintf(out,
                        "  nothing could be fitted to what was observed, so all is as in the spec's "
                        "model: %s\n",
                        why);
                return;
        }
        json_array_foreach(parameters, i, one)
        {
                if (json_is_false(json_object_get(one, "identified")))
                        text_format(&names, "%s%s", names.length > 0 ? ", " : "", text_at(one, "name"));
        }
        if (names.length > 0)
                fprintf(out, "  what was observed does not tell, so as in the spec's model: %s\n",
                        names.data);
}

void replay_print(const json_t *document, FILE *out)
{
        autojson *pipelines = json_to_lines(document);
        const json_t *pipeline;
        size_t i;

        json_array_foreach(pipelines, i, pipeline)
        {
                const json_t *replay = json_object_get(pipeline, "replay");
                const json_t *books = json_object_get(pipeline, "books");
                const char *currency = text_at(books, "currency");

                fprintf(out, "\n%s: ", text_at(pipeline, "pipeline"));
                print_claim(number_at(books, "low"), number_at(replay, "confidence"), currency, out);
                print_baseline(replay, currency, out);
                print_checks(replay, currency, out);
                print_gaps(replay, out);
                print_unfitted(replay, out);
        }
}
