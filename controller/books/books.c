/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books/books.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "controller/books/runs.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/series/series.h"

#define SEEN_AT_WORK_SECONDS 3600.0

static double number_at(const json_t *object, const char *key)
{
        double value;

        return json_find_number(object, key, &value) ? value : NAN;
}

/* Half the width of the interval of a sum of days, were other days like these; NAN with less than two. */
static double half_width(const json_t *days, double confidence)
{
        size_t n = json_array_size(days), i;
        double mean = 0, squares = 0;
        json_t *day;

        if (n < 2)
                return NAN;
        json_array_foreach(days, i, day) mean += json_number_value(day) / (double)n;
        json_array_foreach(days, i, day)
        {
                double distance = json_number_value(day) - mean;

                squares += distance * distance;
        }
        return gsl_cdf_tdist_Pinv(0.5 + confidence / 2, (double)(n - 1)) *
               sqrt(squares / (double)(n - 1) * (double)n);
}

/* ---- runs ---- */

struct month {
        char name[8]; /* 2026-01 */
        struct run_tally tally;
};

struct run_report {
        struct run_books books;
        int64_t since_ms;
        struct run_tally tally; /* of those since then */
        struct month *months;
        size_t n_months;
};

/* Runs come in the order in which they began, so the month that one ended in is one of the newest. */
static struct month *month_of(struct run_report *report, int64_t time_ms)
{
        char name[32];

        time_format(time_ms, name);
        name[sizeof report->months->name - 1] = '\0';
        for (size_t i = report->n_months; i > 0; i--)
                if (strcmp(report->months[i - 1].name, name) == 0)
                        return &report->months[i - 1];
        report->months = memory_resize(report->months, report->n_months + 1, sizeof *report->months);
        report->months[report->n_months] = (struct month){0};
        memcpy(report->months[report->n_months].name, name, sizeof report->months->name);
        return &report->months[report->n_months++];
}

static void take_run(void *context, const struct spend *spend)
{
        struct run_report *report = context;
        bool counts = spend->from_ms >= report->since_ms;

        if (counts)
                run_books_count(&report->books, spend, &report->tally);
        run_books_take(&report->books, spend, counts ? &month_of(report, spend->to_ms)->tally : NULL);
}

static json_t *months_json(const struct run_report *report, double confidence)
{
        json_t *list = json_array();

        for (size_t i = 0; i < report->n_months; i++) {
                const struct run_tally *tally = &report->months[i].tally;
                double saving = tally->baseline_cost - tally->cost;
                double half = run_books_half_width(&report->books, tally, confidence);

                json_array_append_new(list,
                                      json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "month",
                                                report->months[i].name, "count", (json_int_t)tally->runs,
                                                "cost", json_from_double(tally->cost), "baseline_cost",
                                                json_from_double(tally->baseline_cost), "saving",
                                                json_from_double(saving), "low",
                                                json_from_double(saving - half), "high",
                                                json_from_double(saving + half)));
        }
        return list;
}

/* ---- a pipeline ---- */

static json_t *report_of(const json_t *row, const struct run_report *runs, double confidence)
{
        double cost = number_at(row, "cost"), baseline = number_at(row, "baseline_cost");
        bool periodic = runs->tally.runs > 0;
        double saving = baseline - cost;
        double half = periodic ? run_books_half_width(&runs->books, &runs->tally, confidence)
                               : half_width(json_object_get(row, "day_savings"), confidence);
        bool seen =
                periodic ? runs->books.weight > 0 : number_at(row, "alike_seconds") >= SEEN_AT_WORK_SECONDS;
        /* Ledgers of an older optctl do not tell how long was measured. */
        bool watched = number_at(row, "observed_seconds") > 0;
        json_t *report, *books;

        books = json_pack("{s:O, s:O, s:O, s:o, s:o, s:o, s:o, s:O}", "currency",
                          json_object_get(row, "currency"), "cost", json_object_get(row, "cost"),
                          "baseline_cost", json_object_get(row, "baseline_cost"), "saving",
                          json_from_double(saving), "low", json_from_double(saving - half), "high",
                          json_from_double(saving + half), "late_seconds",
                          json_from_double(watched ? number_at(row, "late_seconds") : NAN),
                          "observed_seconds", json_object_get(row, "observed_seconds"));
        report = json_pack("{s:O, s:O, s:O, s:o, s:n, s:s}", "pipeline", json_object_get(row, "pipeline"),
                           "from", json_object_get(row, "from"), "to", json_object_get(row, "to"), "books",
                           books, "baseline_late_seconds", "grade", seen ? "Measured" : "Assumed");
        if (periodic) {
                json_object_set_new(books, "runs", run_tally_json(&runs->tally, seen));
                json_object_set_new(report, "months", months_json(runs, confidence));
        }
        return report;
}

static bool add_report(struct ledger_reader *reader, const json_t *row, int64_t since_ms, double confidence,
                       json_t *reports, struct error *err)
{
        autofree struct run_report *runs = memory_new(1, sizeof *runs);
        const char *name = json_string_value(json_object_get(row, "pipeline"));
        bool read = true;

        runs->since_ms = since_ms;
        if (json_integer_value(json_object_get(row, "runs")) > 0)
                read = ledger_run_spend(reader, name, take_run, runs, err);
        if (read)
                json_array_append_new(reports, report_of(row, runs, confidence));
        free(runs->months);
        return read;
}

bool books_read(struct ledger_reader *reader, const char *name, int64_t since_ms, double confidence,
                json_t **ret_pipelines, struct error *err)
{
        autojson *rows = NULL, *reports = json_array();
        json_t *row;
        size_t i;

        if (!ledger_books(reader, name, since_ms, &rows, err))
                return false;
        json_array_foreach(rows, i, row) if (!add_report(reader, row, since_ms, confidence, reports,
                                                         err)) return false;
        *ret_pipelines = json_incref(reports);
        return true;
}
