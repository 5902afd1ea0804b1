/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Observations of a ledger as lists for charts. */
#include <math.h>
#include <string.h>

#include "core/ledger/internal.h"

/* Which they are the index knows, and of those alone the body is read. */
static const char series_sql[] =
        "SELECT v.body FROM observations v WHERE v.id IN (SELECT x.id FROM observations x"
        " WHERE x.pipeline_id IN (SELECT p.id FROM pipelines p"
        " WHERE p.name = ?1 OR p.namespace || '/' || p.name = ?1) ORDER BY x.time_ms DESC LIMIT ?2)"
        " ORDER BY v.time_ms, v.id";

/* A list of the series, and the observation's number that fills it. */
static const struct {
        const char *list, *number;
} numbers[] = {
        {"time", "time_ms"},
        {"offered", "offered_per_second"},
        {"workers", "workers"},
        {"throughput", "throughput_per_second"},
        {"backlog", "backlog_records"},
        {"latency_p99", "latency_p99_seconds"},
};

static double number_in(const json_t *object, const char *key)
{
        double value;

        return json_find_number(object, key, &value) ? value : NAN;
}

static void append(json_t *series, const char *list, double value)
{
        json_array_append_new(json_object_get(series, list), json_from_double(value));
}

static double busiest_in(const json_t *operators)
{
        const json_t *one;
        double busiest = NAN;
        size_t i;

        json_array_foreach(operators, i, one) busiest =
                fmax(busiest, fmax(number_in(one, "busy_ratio"), number_in(one, "busy_ratio_max")));
        return busiest;
}

/* An operator that is new, or absent this time, leaves nulls, so that every list is as long as `time`. */
static void append_parallelism(json_t *lists, const json_t *operators, size_t count)
{
        const json_t *one;
        json_t *list;
        const char *name;
        size_t i;

        json_array_foreach(operators, i, one)
        {
                if (!json_find_text(one, "name", &name))
                        continue;
                if (!json_object_get(lists, name))
                        json_object_set_new(lists, name, json_array());
                list = json_object_get(lists, name);
                while (json_array_size(list) < count)
                        json_array_append_new(list, json_null());
                json_array_append_new(list, json_from_double(number_in(one, "parallelism")));
        }
        json_object_foreach(lists, name, list) if (json_array_size(list) == count)
                json_array_append_new(list, json_null());
}

static void append_observation(json_t *series, const json_t *seen)
{
        const json_t *operators = json_object_get(seen, "operators");
        double throughput = number_in(seen, "throughput_per_second");
        double backlog = number_in(seen, "backlog_records"), busiest = busiest_in(operators);
        size_t count = json_array_size(json_object_get(series, "time"));

        for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
                append(series, numbers[i].list, number_in(seen, numbers[i].number));
        append(series, "busiest", busiest);
        append(series, "capacity", busiest > 0 ? throughput / busiest : NAN);
        append(series, "backlog_seconds", backlog <= 0 ? 0 : throughput > 0 ? backlog / throughput : NAN);
        append_parallelism(json_object_get(series, "parallelism"), operators, count);
}

static json_t *series_new(void)
{
        json_t *series = json_pack("{s:[], s:[], s:[], s:{}}", "busiest", "capacity", "backlog_seconds",
                                   "parallelism");

        for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
                json_object_set_new(series, numbers[i].list, json_array());
        return series;
}

bool ledger_series(struct ledger_reader *reader, const char *name, int64_t limit, json_t **ret_series,
                   struct error *err)
{
        autojson *series = series_new();
        autocursor *cursor = NULL;
        bool row = true;

        if (!sql_prepare(&reader->database, series_sql, SQL_VALUES(SQL_TEXT(name), SQL_INTEGER(limit)),
                         &cursor, err))
                return false;
        while (sql_next(cursor, &row, err) && row) {
                const char *text = sql_text(cursor, 0);
                autojson *seen = text ? json_loads(text, 0, NULL) : NULL;

                if (seen)
                        append_observation(series, seen);
        }
        if (err->code != ERROR_NONE)
                return false;
        *ret_series = TAKE(series);
        return true;
}

const char *ledger_path(const struct ledger *ledger)
{
        return ledger->options.path;
}
