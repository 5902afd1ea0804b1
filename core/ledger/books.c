/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How pipelines stood, and what they cost, read from a ledger alone. */
#include <string.h>

#include "core/ledger/internal.h"

/* ---- names ---- */

static json_t *name_row(struct sql_cursor *row)
{
        return row_text(row, 0);
}

static bool unknown_name(struct ledger_reader *reader, const char *name, struct error *err)
{
        autojson *names = NULL;
        autofree const char **candidates = NULL;
        const char *nearest;
        json_t *one;
        size_t index;

        if (!ledger_rows(reader, "SELECT DISTINCT " NAME_OF_PIPELINE " FROM pipelines p ORDER BY 1",
                         SQL_VALUES(), name_row, &names, err))
                return false;
        candidates = memory_new(json_array_size(names) + 1, sizeof *candidates);
        json_array_foreach(names, index, one) candidates[index] = json_string_value(one);
        if (!candidates[0])
                return error_set(err, ERROR_INPUT, "NoSuchPipeline",
                                 "ledger %s: no pipeline \"%.100s\"; it holds none yet", reader->path, name);
        nearest = text_nearest(name, candidates);
        return error_set(err, ERROR_INPUT, "NoSuchPipeline", "ledger %s: no pipeline \"%.100s\"; %s%s%s",
                         reader->path, name, nearest ? "did you mean " : "expected one such as ",
                         nearest ? nearest : candidates[0], nearest ? "?" : "");
}

bool ledger_rows_of(struct ledger_reader *reader, const char *sql, const char *name,
                    const struct sql_value *values, row_to_json convert, json_t **ret_rows, struct error *err)
{
        int64_t known = 0;

        if (!sql_find_integer(&reader->database, "SELECT count(*) FROM pipelines p WHERE " IS_PIPELINE,
                              SQL_VALUES(SQL_TEXT(name)), 0, &known, err))
                return false;
        if (name && known == 0)
                return unknown_name(reader, name, err);
        return ledger_rows(reader, sql, values, convert, ret_rows, err);
}

/* ---- status ---- */

/* The newest of everything, whatever layout the pipeline had when it was written. Each layout's is found by
 * an index: nobody reads weeks of rows for the sake of one. */
#define NEWEST_OF(table, order)                                                                              \
        "(SELECT max((SELECT x.id FROM " table " x WHERE x.pipeline_id = q.id ORDER BY x." order             \
        " DESC LIMIT 1))"                                                                                    \
        " FROM pipelines q WHERE q.namespace = p.namespace AND q.name = p.name)"

#define NEWEST_SEEN     NEWEST_OF("observations", "time_ms")
#define NEWEST_DECISION NEWEST_OF("decisions", "id")
#define NEWEST_INTENT   NEWEST_OF("intents", "id")
#define NEWEST_PAUSE    NEWEST_OF("pauses", "id")

static const char status_sql[] =
        "WITH newest AS (SELECT p.namespace, p.name, " NEWEST_SEEN " AS seen, " NEWEST_DECISION
        " AS decision, " NEWEST_INTENT " AS intent, " NEWEST_PAUSE " AS pause"
        " FROM pipelines p WHERE " IS_PIPELINE " GROUP BY p.namespace, p.name)"
        " SELECT n.name, nullif(n.namespace, ''), v.body, d.strategy, d.reason,"
        " CASE WHEN u.paused <> 0 THEN u.reason END, i.id, i.applied_ms, o.intent_id,"
        " (SELECT max(CASE WHEN e.outcome = 'Reverted' THEN e.time_ms ELSE c.applied_ms END) FROM intents c"
        " JOIN pipelines q ON q.id = c.pipeline_id LEFT JOIN outcomes e ON e.intent_id = c.id"
        " WHERE q.namespace = n.namespace AND q.name = n.name)"
        " FROM newest n LEFT JOIN observations v ON v.id = n.seen LEFT JOIN decisions d ON d.id = n.decision"
        " LEFT JOIN intents i ON i.id = n.intent"
        " LEFT JOIN outcomes o ON o.intent_id = i.id LEFT JOIN pauses u ON u.id = n.pause"
        " ORDER BY n.namespace, n.name";

static bool is_null(struct sql_cursor *row, int column)
{
        return sql_is_null(row, column);
}

static bool in_flight(struct sql_cursor *row)
{
        return !is_null(row, 6) && is_null(row, 8);
}

static const char *state_at(struct sql_cursor *row)
{
        if (!is_null(row, 5))
                return "Paused";
        return in_flight(row) ? "Changing" : "Holding";
}

static json_t *action_at(struct sql_cursor *row)
{
        if (!in_flight(row))
                return json_null();
        return json_string(is_null(row, 7) ? "Applying" : "Verifying");
}

/* Text that is empty where there is none. */
static json_t *words_at(struct sql_cursor *row, int column)
{
        return is_null(row, column) ? json_string("") : row_text(row, column);
}

static json_t *number_of(const json_t *seen, const char *key)
{
        double value;

        return json_find_number(seen, key, &value) ? json_from_double(value) : json_null();
}

static json_t *load_of(const json_t *seen)
{
        double backlog, throughput;
        json_t *load = json_pack("{s:o, s:o, s:o, s:o, s:n, s:n}", "offered_per_second",
                                 number_of(seen, "offered_per_second"), "throughput_per_second",
                                 number_of(seen, "throughput_per_second"), "backlog_records",
                                 number_of(seen, "backlog_records"), "latency_p99_seconds",
                                 number_of(seen, "latency_p99_seconds"), "backlog_seconds", "busiest_ratio");

        if (json_find_number(seen, "backlog_records", &backlog) &&
            json_find_number(seen, "throughput_per_second", &throughput) && throughput > 0)
                json_object_set_new(load, "backlog_seconds", json_from_double(backlog / throughput));
        return load;
}

/* "workers 12" or "parallelism.map 4, parallelism.sink 2", with the knobs under their names. */
static json_t *configuration_of(const json_t *seen)
{
        json_t *values = json_object_get(seen, "configuration"), *value, *knobs;
        autotext text = {0};
        const char *name;

        if (json_object_size(values) == 0)
                return json_null();
        knobs = json_array();
        json_object_foreach(values, name, value)
        {
                text_format(&text, "%s%s %.10g", text.length > 0 ? ", " : "", name, json_number_value(value));
                json_array_append_new(knobs,
                                      json_pack("{s:s, s:n, s:O}", "knob", name, "operator", "value", value));
        }
        return json_pack("{s:s, s:o}", "text", text.data, "knobs", knobs);
}

static json_t *status_row(struct sql_cursor *row)
{
        autojson *seen = row_body(row, 2);
        json_int_t window_ms = json_integer_value(json_object_get(seen, "window_ms"));
        json_t *workers = json_object_get(seen, "workers");
        json_t *status = json_pack("{s:o, s:o, s:n, s:o, s:I, s:s, s:o, s:{s:n, s:n}, s:o, s:o, s:o}", "name",
                                   row_text(row, 0), "namespace", row_text(row, 1), "mode", "strategy",
                                   words_at(row, 3), "interval_ms", window_ms > 0 ? window_ms : 1, "state",
                                   state_at(row), "why", words_at(row, is_null(row, 5) ? 4 : 5), "bounds",
                                   "latency_p99_seconds", "backlog_seconds", "pause_reason", row_text(row, 5),
                                   "action", action_at(row), "last_change", row_time(row, 9));

        if (json_is_null(seen))
                return status;
        json_object_set_new(status, "load", load_of(seen));
        json_object_set_new(status, "configuration", configuration_of(seen));
        if (json_integer_value(workers) >= 0)
                json_object_set(status, "workers", workers);
        return status;
}

bool ledger_status(struct ledger_reader *reader, const char *name, json_t **ret_pipelines, struct error *err)
{
        return ledger_rows_of(reader, status_sql, name, SQL_VALUES(SQL_TEXT(name)), status_row, ret_pipelines,
                              err);
}

/* ---- books ---- */

/* Days are counted from a pipeline's first interval; the last one is not over. */
static const char books_sql[] =
        "WITH s AS (SELECT p.namespace, p.name, " NAME_OF_PIPELINE " AS whole_name, p.currency, x.*,"
        " min(x.from_ms) OVER one AS first, max(x.to_ms) OVER one AS last"
        " FROM spend x JOIN pipelines p ON p.id = x.pipeline_id"
        " WHERE " IS_PIPELINE " AND x.from_ms >= ?2"
        " WINDOW one AS (PARTITION BY p.namespace, p.name)),"
        " days AS (SELECT whole_name, (from_ms - first) / 86400000 AS day, (last - first) / 86400000 AS "
        "ended,"
        " sum(baseline_cost - cost) AS saving FROM s GROUP BY whole_name, day, ended),"
        /* Once for all pipelines: a subquery for each would go through the days of all of them. */
        " lists AS (SELECT whole_name, json_group_array(saving) AS savings FROM days WHERE day < ended"
        " GROUP BY whole_name),"
        " sums AS (SELECT whole_name, max(currency) AS currency, first, last, sum(cost) AS cost,"
        " sum(baseline_cost) AS baseline_cost, sum(observed_ms) / 1000.0 AS observed,"
        " sum(late_ms) / 1000.0 AS late,"
        " sum(CASE WHEN abs(baseline_cost - cost) <= 1e-9 * baseline_cost THEN to_ms - from_ms ELSE 0 END)"
        " / 1000.0 AS alike, sum(CASE WHEN run_kind > 0 THEN 1 ELSE 0 END) AS runs"
        " FROM s GROUP BY whole_name, first, last)"
        " SELECT m.whole_name, m.currency, m.first, m.last, m.cost, m.baseline_cost, m.observed, m.late,"
        " m.alike, coalesce(l.savings, '[]'), m.runs"
        " FROM sums m LEFT JOIN lists l ON l.whole_name = m.whole_name ORDER BY m.whole_name";

static json_t *books_row(struct sql_cursor *row)
{
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "pipeline",
                         row_text(row, 0), "currency", row_text(row, 1), "from", row_time(row, 2), "to",
                         row_time(row, 3), "cost", row_number(row, 4), "baseline_cost", row_number(row, 5),
                         "observed_seconds", row_number(row, 6), "late_seconds", row_number(row, 7),
                         "alike_seconds", row_number(row, 8), "day_savings", row_body(row, 9), "runs",
                         (json_int_t)sql_integer(row, 10));
}

bool ledger_books(struct ledger_reader *reader, const char *name, int64_t since_ms, json_t **ret_books,
                  struct error *err)
{
        return ledger_rows_of(reader, books_sql, name, SQL_VALUES(SQL_TEXT(name), SQL_INTEGER(since_ms)),
                              books_row, ret_books, err);
}

static const char runs_sql[] =
        "SELECT " SPEND_COLUMNS " FROM spend x JOIN pipelines p ON p.id = x.pipeline_id"
        " WHERE " NAME_OF_PIPELINE " = ?1 AND x.run_kind > 0 ORDER BY x.from_ms, x.id";

bool ledger_run_spend(struct ledger_reader *reader, const char *name,
                      void (*take)(void *context, const struct spend *spend), void *context,
                      struct error *err)
{
        autocursor *cursor = NULL;
        bool row = true;

        if (!sql_prepare(&reader->database, runs_sql, SQL_VALUES(SQL_TEXT(name)), &cursor, err))
                return false;
        while (row) {
                struct spend spend;

                if (!sql_next(cursor, &row, err))
                        return false;
                if (!row)
                        break;
                ledger_parse_spend(cursor, &spend);
                take(context, &spend);
        }
        return true;
}
