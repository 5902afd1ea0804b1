/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ledger's pipelines with all that is known of them, taken over into a database that several processes
 * share. */
#include <string.h>

#include "core/clock.h"
#include "core/ledger/internal.h"
#include "core/ledger/postgres.h"

#define COLUMNS_MOST 20

/* Whose rows they are, by the first two values: namespace and name. */
#define BY_NAME     "x.namespace = ?1 AND x.name = ?2"
#define BY_PIPELINE "x.pipeline_id IN (SELECT p.id FROM pipelines p WHERE p.namespace = ?1 AND p.name = ?2)"
#define BY_INTENT   "x.intent_id IN (SELECT x.id FROM intents x WHERE " BY_PIPELINE ")"

/* Numbers of rows begin behind those that are there, so in an empty database they stay as they are. */
enum numbered {
        PIPELINES,
        DECISIONS,
        INTENTS,
        CALLS,
        OBSERVATIONS,
        PRICES,
        SPEND,
        PAUSES,
        RUNS,
        OUTCOMES,
        N_TABLES
};

/* In the order in which rows refer to each other. A column's type: i(nteger), r(eal), t(ext); or a number of
 * a row: n of the table itself, P of pipelines, D of decisions, I of intents. */
static const struct import_table {
        enum numbered table;
        const char *name, *columns, *types, *whose;
} tables[] = {
        {PIPELINES, "pipelines", "id, namespace, name, currency, layout, settings", "nttttt", BY_NAME},
        {OBSERVATIONS, "observations", "id, pipeline_id, time_ms, window_ms, body", "nPiit", BY_PIPELINE},
        {DECISIONS, "decisions",
         "id, pipeline_id, time_ms, strategy, kind, verdict, before_text, after_text, reason, before_body, "
         "observation_body, proposal_body, verdict_body",
         "nPitttttttttt", BY_PIPELINE},
        {INTENTS, "intents",
         "id, pipeline_id, decision_id, time_ms, from_text, to_text, from_body, to_body, prediction_body, "
         "applied_ms, ordered",
         "nPDitttttii", BY_PIPELINE},
        {CALLS, "calls", "id, intent_id, begin_ms, call, end_ms, done, answer", "nIitiit", BY_INTENT},
        {OUTCOMES, "outcomes", "intent_id, time_ms, outcome, reason, back_body, carried_per_second", "Iitttr",
         BY_INTENT},
        {PRICES, "prices",
         "id, pipeline_id, time_ms, currency, per_worker_hour, carbon_grams_per_kilowatt_hour", "nPitrr",
         BY_PIPELINE},
        {SPEND, "spend",
         "id, pipeline_id, from_ms, to_ms, cost, baseline_cost, observed_ms, late_ms, cost_rest, "
         "baseline_rest, "
         "run_kind, run_failed, run_setting, run_value, run_input_bytes",
         "nPiirriiiiiiirr", BY_PIPELINE},
        {PAUSES, "pauses", "id, pipeline_id, time_ms, paused, reason", "nPiit", BY_PIPELINE},
        {RUNS, "runs", "id, pipeline_id, ended_ms, body", "nPit", BY_PIPELINE},
};

struct import {
        struct database *from, *to;
        int64_t offsets[N_TABLES];
        const char *namespace, *name;
};

/* ---- rows ---- */

static struct sql_value value_of(const struct import *import, const struct import_table *table,
                                 struct sql_cursor *row, int column)
{
        if (sql_is_null(row, column))
                return SQL_NULL;
        switch (table->types[column]) {
        case 'n':
                return SQL_INTEGER(sql_integer(row, column) + import->offsets[table->table]);
        case 'P':
                return SQL_INTEGER(sql_integer(row, column) + import->offsets[PIPELINES]);
        case 'D':
                return SQL_INTEGER(sql_integer(row, column) + import->offsets[DECISIONS]);
        case 'I':
                return SQL_INTEGER(sql_integer(row, column) + import->offsets[INTENTS]);
        case 'i':
                return SQL_INTEGER(sql_integer(row, column));
        case 'r':
                return SQL_REAL(sql_real(row, column));
        default:
                return SQL_TEXT(sql_text(row, column));
        }
}

static bool put_row(const struct import *import, const struct import_table *table, const char *insert,
                    struct sql_cursor *row, struct error *err)
{
        struct sql_value values[COLUMNS_MOST + 1];
        int n = (int)strlen(table->types);

        for (int i = 0; i < n; i++)
                values[i] = value_of(import, table, row, i);
        values[n] = (struct sql_value){.type = SQL_END};
        return sql_run(import->to, insert, values, err);
}

static char *insert_of(const struct import_table *table)
{
        autotext sql = {0};

        text_format(&sql, "INSERT INTO %s (%s) VALUES (", table->name, table->columns);
        for (size_t i = 0; table->types[i]; i++)
                text_put(&sql, i ? ", ?" : "?");
        text_put(&sql, ")");
        return text_take(&sql);
}

static bool copy_table(const struct import *import, const struct import_table *table, struct error *err)
{
        autofree char *select = memory_format("SELECT %s FROM %s x WHERE %s ORDER BY 1", table->columns,
                                              table->name, table->whose);
        autofree char *insert = insert_of(table);
        autocursor *cursor = NULL;
        bool row = true;

        if (!sql_prepare(import->from, select,
                         SQL_VALUES(SQL_TEXT(import->namespace), SQL_TEXT(import->name)), &cursor, err))
                return false;
        while (row) {
                if (clock_stopped())
                        return error_set(err, ERROR_INTERRUPTED, NULL, "interrupted; nothing was taken over");
                if (!sql_next(cursor, &row, err) || (row && !put_row(import, table, insert, cursor, err)))
                        return false;
        }
        return true;
}

static bool count_rows(const struct import *import, const struct import_table *table,
                       struct database *database, int64_t *ret_count, struct error *err)
{
        autofree char *sql = memory_format("SELECT count(*) FROM %s x WHERE %s", table->name, table->whose);

        return sql_find_integer(database, sql,
                                SQL_VALUES(SQL_TEXT(import->namespace), SQL_TEXT(import->name)), 0, ret_count,
                                err);
}

/* ---- a pipeline ---- */

/* What stands there afterwards is counted, whether it was there before or came now. */
static bool compare(const struct import *import, bool there, json_t *counts, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
                int64_t wanted, found;

                if (!count_rows(import, &tables[i], import->from, &wanted, err) ||
                    !count_rows(import, &tables[i], import->to, &found, err))
                        return false;
                if (wanted != found)
                        return error_set(err, ERROR_CONFLICT, "NotTheSame",
                                         "ledger %s: %s%s%s %s: %lld rows of %s, expected %lld; nothing was "
                                         "taken over",
                                         import->to->path, import->namespace, *import->namespace ? "/" : "",
                                         import->name,
                                         there ? "is there already, and is not the same" : "did not arrive",
                                         (long long)found, tables[i].name, (long long)wanted);
                json_object_set_new(counts, tables[i].name, json_integer(found));
        }
        return true;
}

static bool take_pipeline(const struct import *import, json_t *pipelines, struct error *err)
{
        autofree char *name =
                memory_format("%s%s%s", import->namespace, *import->namespace ? "/" : "", import->name);
        autojson *counts = json_object();
        int64_t there;

        if (!count_rows(import, &tables[0], import->to, &there, err))
                return false;
        for (size_t i = 0; i < ARRAY_LENGTH(tables) && there == 0; i++)
                if (!copy_table(import, &tables[i], err))
                        return false;
        if (!compare(import, there > 0, counts, err))
                return false;
        json_array_append_new(pipelines, json_pack("{s:s, s:b, s:O}", "pipeline", name, "imported",
                                                   there == 0, "rows", counts));
        return true;
}

/* ---- all of them ---- */

static bool read_offsets(struct import *import, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
                autofree char *sql = memory_format("SELECT max(id) FROM %s", tables[i].name);

                if (tables[i].table != OUTCOMES && !sql_find_integer(import->to, sql, SQL_VALUES(), 0,
                                                                     &import->offsets[tables[i].table], err))
                        return false;
        }
        return true;
}

/* The numbers that the database gives out go on behind those that came. */
static bool move_numbers(const struct import *import, struct error *err)
{
        for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
                autofree char *sql = memory_format("SELECT setval(pg_get_serial_sequence('%s', 'id'),"
                                                   " coalesce((SELECT max(id) FROM %s), 0) + 1, false)",
                                                   tables[i].name, tables[i].name);
                int64_t next;

                if (tables[i].table != OUTCOMES &&
                    !sql_find_integer(import->to, sql, SQL_VALUES(), 0, &next, err))
                        return false;
        }
        return true;
}

static json_t *name_of(struct sql_cursor *row)
{
        return json_pack("{s:s, s:s}", "namespace", sql_text(row, 0), "name", sql_text(row, 1));
}

/* Nobody else writes meanwhile: numbers of rows are chosen here. */
static bool take_all(struct import *import, const json_t *names, json_t *pipelines, struct error *err)
{
        const json_t *one;
        size_t i;

        if (!sql_run(import->to,
                     "LOCK TABLE pipelines, observations, decisions, intents, calls, outcomes, prices, spend,"
                     " pauses, runs IN SHARE ROW EXCLUSIVE MODE",
                     SQL_VALUES(), err) ||
            !read_offsets(import, err))
                return false;
        json_array_foreach(names, i, one)
        {
                import->namespace = json_string_value(json_object_get(one, "namespace"));
                import->name = json_string_value(json_object_get(one, "name"));
                if (!take_pipeline(import, pipelines, err))
                        return false;
        }
        return move_numbers(import, err);
}

bool ledger_import(struct ledger_reader *from, struct ledger *to, json_t **ret_pipelines, struct error *err)
{
        struct import import = {.from = &from->database, .to = &to->database};
        autojson *names = NULL, *pipelines = json_array();

        if (!to->postgres)
                return error_set(
                        err, ERROR_INPUT, NULL,
                        "ledger %s: is a file; expected a PostgreSQL: postgresql://USER@HOST/DATABASE",
                        to->options.path);
        if (!ledger_rows(from, "SELECT DISTINCT namespace, name FROM pipelines ORDER BY 1, 2", SQL_VALUES(),
                         name_of, &names, err) ||
            !ledger_ready(to, err) || !sql_begin(import.to, true, err))
                return false;
        postgres_take_time(import.to);
        if (!take_all(&import, names, pipelines, err)) {
                sql_rollback(import.to);
                return false;
        }
        if (!sql_commit(import.to, err))
                return false;
        *ret_pipelines = json_incref(pipelines);
        return true;
}
