/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ledger/internal.h"
#include "core/series/series.h"

/* ---- opening ---- */

/* An older ledger is copied to memory and brought up to date there: reading changes no file. */
static bool modernize(struct database *database, struct error *err)
{
        struct database copy;

        if (!file_copy(database, &copy, err))
                return false;
        if (!schema_migrate(&copy, 0, err)) {
                database_close(&copy);
                return false;
        }
        database_close(database);
        *database = copy;
        return true;
}

static bool check_version(struct ledger_reader *reader, struct error *err)
{
        int64_t version;

        if (!schema_version(&reader->database, &version, err)) {
                if (reader->database.damaged && err->code != ERROR_INPUT)
                        error_set(err, ERROR_INPUT, "NoLedger",
                                  "ledger %s: is no ledger of optctl, or damaged", reader->path);
                return false;
        }
        if (version == 0)
                return error_set(err, ERROR_INPUT, "NoLedger", "ledger %s: is empty", reader->path);
        if (reader->postgres)
                return version == schema_newest(&reader->database) ||
                       error_set(err, ERROR_INPUT, "OlderLedger",
                                 "ledger %s: was written by an older optctl; one that writes brings it up to "
                                 "date",
                                 reader->path);
        return version == schema_newest(&reader->database) || modernize(&reader->database, err);
}

/* Nobody writes to it, and its folder may not be written to: SQLite cannot make the files that go with it. */
static bool is_at_rest(const char *path)
{
        const char *slash = strrchr(path, '/');
        autofree char *folder =
                memory_format("%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
        autofree char *log = memory_format("%s-wal", path);

        return access(log, F_OK) != 0 && access(folder, W_OK) != 0;
}

static bool begin_reading(struct ledger_reader *reader, struct error *err)
{
        /* One transaction: the answers agree, whatever a writer does meanwhile. */
        return check_version(reader, err) && sql_run(&reader->database, "BEGIN", SQL_VALUES(), err);
}

static bool open_shared(const char *url, struct ledger_reader **ret_reader, struct error *err)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = memory_new(1, sizeof *reader);

        if (!postgres_new(url, true, &reader->postgres, err) ||
            !postgres_connect(reader->postgres, &reader->database, err))
                return false;
        reader->path = memory_copy_text(postgres_name(reader->postgres));
        if (!begin_reading(reader, err))
                return false;
        *ret_reader = TAKE(reader);
        return true;
}

bool ledger_check_kind(const char *path, const struct stat *status, struct error *err)
{
        return S_ISREG(status->st_mode) || error_set(err, ERROR_INPUT, "NoLedger",
                                                     "ledger %s: is no ordinary file, as a ledger is", path);
}

bool ledger_reader_open(const char *path, struct ledger_reader **ret_reader, struct error *err)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct database database;
        struct stat status;

        if (ledger_is_shared(path))
                return open_shared(path, ret_reader, err);
        if (stat(path, &status) != 0) {
                error_errno(err, errno, "ledger %s", path);
                err->code = ERROR_INPUT;
                return false;
        }
        if (!ledger_check_kind(path, &status, err) ||
            !file_open(path, is_at_rest(path) ? FILE_AT_REST : FILE_READ, NULL, &database, err))
                return false;
        reader = memory_new(1, sizeof *reader);
        *reader = (struct ledger_reader){.database = database, .path = memory_copy_text(path)};
        if (!begin_reading(reader, err))
                return false;
        *ret_reader = TAKE(reader);
        return true;
}

void ledger_reader_close(struct ledger_reader *reader)
{
        if (!reader)
                return;
        database_close(&reader->database);
        postgres_free(reader->postgres);
        free(reader->path);
        free(reader);
}

/* ---- columns as JSON ---- */

json_t *row_text(struct sql_cursor *row, int column)
{
        const char *text = sql_text(row, column);
        json_t *value = text ? json_string(text) : NULL;

        return value ? value : json_null();
}

json_t *row_time(struct sql_cursor *row, int column)
{
        char text[32];

        if (sql_is_null(row, column))
                return json_null();
        time_format(sql_integer(row, column), text);
        return json_string(text);
}

json_t *row_number(struct sql_cursor *row, int column)
{
        if (sql_is_null(row, column))
                return json_null();
        return json_from_double(sql_real(row, column));
}

/* A body; null when it is none. What SQLite's check of the file did not see is not worth failing for. */
json_t *row_body(struct sql_cursor *row, int column)
{
        const char *text = sql_text(row, column);
        json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

        return value ? value : json_null();
}

/* ---- history ---- */

static const char history_sql[] =
        "SELECT d.id, d.time_ms, " NAME_OF_PIPELINE ", d.strategy, d.kind, d.before_text,"
        " CASE WHEN d.verdict = 'Refused' THEN d.proposal_body ->> 'text' ELSE d.after_text END, d.verdict,"
        " CASE WHEN i.id IS NOT NULL THEN coalesce(o.outcome, 'Pending') END,"
        " CASE WHEN o.outcome IN ('Reverted', 'Failed', 'Unknown') THEN o.reason"
        "  WHEN d.verdict = 'Refused' THEN coalesce((d.verdict_body -> 'findings' -> 0 ->> 'rule') || ': ' ||"
        "   (d.verdict_body -> 'findings' -> 0 ->> 'reason'), d.reason)"
        "  ELSE d.reason END"
        " FROM decisions d JOIN pipelines p ON p.id = d.pipeline_id"
        " LEFT JOIN intents i ON i.id = (SELECT max(id) FROM intents WHERE decision_id = d.id)"
        " LEFT JOIN outcomes o ON o.intent_id = i.id"
        " WHERE d.time_ms >= ?1 AND (CAST(?3 AS TEXT) IS NULL OR ?3 IN (p.name, " NAME_OF_PIPELINE "))"
        " ORDER BY d.id DESC LIMIT ?2";

static json_t *history_row(struct sql_cursor *row)
{
        return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                         (json_int_t)sql_integer(row, 0), "time", row_time(row, 1), "pipeline",
                         row_text(row, 2), "strategy", row_text(row, 3), "proposal", row_text(row, 4), "from",
                         row_text(row, 5), "to", row_text(row, 6), "verdict", row_text(row, 7), "outcome",
                         row_text(row, 8), "reason", row_text(row, 9));
}

/* All rows of a statement as an array. */
bool ledger_rows(struct ledger_reader *reader, const char *sql, const struct sql_value *values,
                 row_to_json convert, json_t **ret_rows, struct error *err)
{
        autojson *rows = json_array();
        autocursor *cursor = NULL;
        bool row = true;

        if (!sql_prepare(&reader->database, sql, values, &cursor, err))
                return false;
        while (row) {
                if (!sql_next(cursor, &row, err))
                        return false;
                if (row)
                        json_array_append_new(rows, convert(cursor));
        }
        *ret_rows = TAKE(rows);
        return true;
}

bool ledger_history_of(struct ledger_reader *reader, const char *pipeline, int64_t since_ms, int64_t limit,
                       json_t **ret_decisions, struct error *err)
{
        return ledger_rows(reader, history_sql,
                           SQL_VALUES(SQL_INTEGER(since_ms), SQL_INTEGER(limit), SQL_TEXT(pipeline)),
                           history_row, ret_decisions, err);
}

bool ledger_history(struct ledger_reader *reader, int64_t since_ms, int64_t limit, json_t **ret_decisions,
                    struct error *err)
{
        return ledger_history_of(reader, NULL, since_ms, limit, ret_decisions, err);
}

/* ---- one decision ---- */

static const char decision_sql[] =
        "SELECT d.id, d.time_ms, p.namespace, p.name, p.currency, p.layout, p.settings, d.observation_body,"
        " d.before_text, d.before_body, d.proposal_body, d.verdict_body FROM decisions d"
        " JOIN pipelines p ON p.id = d.pipeline_id WHERE d.id = ?";

static json_t *decision_row(struct sql_cursor *row)
{
        return json_pack("{s:I, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o}", "id",
                         (json_int_t)sql_integer(row, 0), "time", row_time(row, 1), "pipeline", "namespace",
                         row_text(row, 2), "name", row_text(row, 3), "layout", row_body(row, 5), "currency",
                         row_text(row, 4), "settings", row_body(row, 6), "observation", row_body(row, 7),
                         "before", "text", row_text(row, 8), "configuration", row_body(row, 9), "proposal",
                         row_body(row, 10), "verdict", row_body(row, 11));
}

static const char price_sql[] =
        "SELECT r.time_ms, r.per_worker_hour, r.carbon_grams_per_kilowatt_hour FROM prices r"
        " JOIN decisions d ON d.pipeline_id = r.pipeline_id AND r.time_ms <= d.time_ms"
        " WHERE d.id = ? ORDER BY r.id DESC LIMIT 1";

static json_t *price_row(struct sql_cursor *row)
{
        return json_pack("{s:o, s:o, s:o}", "since", row_time(row, 0), "per_worker_hour", row_number(row, 1),
                         "carbon_grams_per_kilowatt_hour", row_number(row, 2));
}

static const char intents_sql[] =
        "SELECT i.id, i.time_ms, i.from_text, i.from_body, i.to_text, i.to_body, i.prediction_body, "
        "i.applied_ms,"
        " o.time_ms, coalesce(o.outcome, 'Pending'), o.reason FROM intents i"
        " LEFT JOIN outcomes o ON o.intent_id = i.id WHERE i.decision_id = ? ORDER BY i.id";

static json_t *intent_row(struct sql_cursor *row)
{
        return json_pack("{s:I, s:o, s:{s:o, s:o}, s:{s:o, s:o}, s:o, s:o, s:{s:o, s:o, s:o}}", "id",
                         (json_int_t)sql_integer(row, 0), "time", row_time(row, 1), "from", "text",
                         row_text(row, 2), "configuration", row_body(row, 3), "to", "text", row_text(row, 4),
                         "configuration", row_body(row, 5), "prediction", row_body(row, 6), "applied",
                         row_time(row, 7), "outcome", "time", row_time(row, 8), "outcome", row_text(row, 9),
                         "reason", row_text(row, 10));
}

static const char calls_sql[] =
        "SELECT begin_ms, call, end_ms, done, answer FROM calls WHERE intent_id = ? ORDER BY id";

static json_t *call_row(struct sql_cursor *row)
{
        json_t *done = sql_is_null(row, 3) ? json_null() : json_boolean(sql_integer(row, 3));

        return json_pack("{s:o, s:o, s:o, s:o, s:o}", "begun", row_time(row, 0), "call", row_text(row, 1),
                         "ended", row_time(row, 2), "done", done, "answer", row_text(row, 4));
}

/*
 * What was measured from the end of the settling time until the outcome, to stand beside the prediction:
 * complete windows only. What the pipeline could sustain is not measured, only what it did.
 */
static const char measured_sql[] =
        "WITH action AS (SELECT i.*,"
        " i.applied_ms + coalesce(CAST(i.prediction_body ->> 'settle_ms' AS BIGINT), 0) AS start,"
        " coalesce(o.time_ms, 9223372036854775807) AS stop FROM intents i"
        " LEFT JOIN outcomes o ON o.intent_id = i.id WHERE i.id = ?1),"
        " seen AS (SELECT v.body FROM observations v JOIN action a ON v.pipeline_id = a.pipeline_id"
        " AND v.time_ms - v.window_ms >= a.start AND v.time_ms <= a.stop"
        " WHERE json_array_length(v.body -> 'missing') = 0)"
        " SELECT (SELECT count(*) FROM seen),"
        " (SELECT avg(CAST(body ->> 'throughput_per_second' AS DOUBLE PRECISION)) FROM seen),"
        " (SELECT avg(CAST(body ->> 'latency_p99_seconds' AS DOUBLE PRECISION)) FROM seen),"
        " (SELECT sum(s.cost) * 3600000.0 / sum(s.to_ms - s.from_ms) FROM spend s JOIN action a"
        " ON s.pipeline_id = a.pipeline_id AND s.from_ms >= a.start AND s.to_ms <= a.stop)";

static json_t *measured_row(struct sql_cursor *row)
{
        return json_pack("{s:I, s:o, s:o, s:o}", "windows", (json_int_t)sql_integer(row, 0),
                         "throughput_per_second", row_number(row, 1), "latency_p99_seconds",
                         row_number(row, 2), "cost_per_hour", row_number(row, 3));
}

/* The only row, or null. */
static bool read_row(struct ledger_reader *reader, const char *sql, int64_t id, row_to_json convert,
                     json_t **ret_row, struct error *err)
{
        autojson *rows = NULL;

        if (!ledger_rows(reader, sql, SQL_VALUES(SQL_INTEGER(id)), convert, &rows, err))
                return false;
        *ret_row = json_array_size(rows) ? json_incref(json_array_get(rows, 0)) : json_null();
        return true;
}

static bool read_actions(struct ledger_reader *reader, int64_t id, json_t **ret_actions, struct error *err)
{
        autojson *actions = NULL;
        json_t *action, *calls, *measured;
        size_t index;

        if (!ledger_rows(reader, intents_sql, SQL_VALUES(SQL_INTEGER(id)), intent_row, &actions, err))
                return false;
        json_array_foreach(actions, index, action)
        {
                int64_t intent_id = json_integer_value(json_object_get(action, "id"));

                if (!ledger_rows(reader, calls_sql, SQL_VALUES(SQL_INTEGER(intent_id)), call_row, &calls,
                                 err))
                        return false;
                json_object_set_new(action, "calls", calls);
                if (!read_row(reader, measured_sql, intent_id, measured_row, &measured, err))
                        return false;
                json_object_set_new(action, "measured", measured);
        }
        *ret_actions = TAKE(actions);
        return true;
}

static bool unknown_id(struct ledger_reader *reader, int64_t id, struct error *err)
{
        struct database *database = &reader->database;
        int64_t first, last;

        if (!sql_find_integer(database, "SELECT min(id) FROM decisions", SQL_VALUES(), 0, &first, err) ||
            !sql_find_integer(database, "SELECT max(id) FROM decisions", SQL_VALUES(), 0, &last, err))
                return false;
        if (last == 0)
                return error_set(err, ERROR_INPUT, NULL, "ledger %s: holds no decisions yet", reader->path);
        return error_set(err, ERROR_INPUT, NULL,
                         "ledger %s: there is no decision %lld; it holds %lld to %lld", reader->path,
                         (long long)id, (long long)first, (long long)last);
}

bool ledger_decision(struct ledger_reader *reader, int64_t id, json_t **ret_decision, struct error *err)
{
        autojson *decision = NULL;
        json_t *price, *actions;

        if (!read_row(reader, decision_sql, id, decision_row, &decision, err))
                return false;
        if (json_is_null(decision))
                return unknown_id(reader, id, err);
        if (!read_row(reader, price_sql, id, price_row, &price, err))
                return false;
        json_object_set_new(decision, "price", price);
        if (!read_actions(reader, id, &actions, err))
                return false;
        json_object_set_new(decision, "actions", actions);
        *ret_decision = TAKE(decision);
        return true;
}
