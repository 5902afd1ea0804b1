/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/books.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

#include "core/json.h"

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

static json_t *report_of(const json_t *row, double confidence)
{
        double cost = number_at(row, "cost"), baseline = number_at(row, "baseline_cost");
        double saving = baseline - cost;
        double half = half_width(json_object_get(row, "day_savings"), confidence);
        bool seen = number_at(row, "alike_seconds") >= SEEN_AT_WORK_SECONDS;
        /* Ledgers of an older optctl do not tell how long was measured. */
        bool watched = number_at(row, "observed_seconds") > 0;
        json_t *books = json_pack("{s:O, s:O, s:O, s:o, s:o, s:o, s:o, s:O}", "currency",
                                  json_object_get(row, "currency"), "cost", json_object_get(row, "cost"),
                                  "baseline_cost", json_object_get(row, "baseline_cost"), "saving",
                                  json_from_double(saving), "low", json_from_double(saving - half), "high",
                                  json_from_double(saving + half), "late_seconds",
                                  json_from_double(watched ? number_at(row, "late_seconds") : NAN),
                                  "observed_seconds", json_object_get(row, "observed_seconds"));

        return json_pack("{s:O, s:O, s:O, s:o, s:n, s:s}", "pipeline", json_object_get(row, "pipeline"),
                         "from", json_object_get(row, "from"), "to", json_object_get(row, "to"), "books",
                         books, "baseline_late_seconds", "grade", seen ? "Measured" : "Assumed");
}

bool books_read(struct ledger_reader *reader, const char *name, int64_t since_ms, double confidence,
                json_t **ret_pipelines, struct error *err)
{
        autojson *rows = NULL;
        json_t *row, *reports;
        size_t i;

        if (!ledger_books(reader, name, since_ms, &rows, err))
                return false;
        reports = json_array();
        json_array_foreach(rows, i, row) json_array_append_new(reports, report_of(row, confidence));
        *ret_pipelines = reports;
        return true;
}
