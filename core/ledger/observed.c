/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was observed of a pipeline, for whoever replays it. */
#include <stdlib.h>
#include <string.h>

#include "core/ledger/internal.h"

/* Every layout that the pipeline ever had. */
#define OF_THE_SAME                                                                                          \
        " JOIN pipelines q ON q.id = x.pipeline_id WHERE q.namespace = p.namespace AND q.name = p.name"

static const char origin_sql[] =
        "SELECT " NAME_OF_PIPELINE ", (SELECT q.layout FROM pipelines q WHERE q.namespace = p.namespace"
        " AND q.name = p.name ORDER BY q.id DESC LIMIT 1),"
        " (SELECT x.before_body FROM decisions x" OF_THE_SAME
        " AND x.before_body <> '{}' ORDER BY x.id LIMIT 1),"
        " (SELECT coalesce(json_group_array(DISTINCT x.strategy), '[]') FROM decisions x" OF_THE_SAME
        " AND x.time_ms >= ?2),"
        " (SELECT count(*) FROM intents x" OF_THE_SAME " AND x.applied_ms >= ?2)"
        " FROM pipelines p WHERE " IS_PIPELINE " GROUP BY p.namespace, p.name";

static json_t *origin_row(struct sql_cursor *row)
{
        return json_pack("{s:o, s:o, s:o, s:o, s:o}", "pipeline", row_text(row, 0), "layout",
                         row_body(row, 1), "first", row_body(row, 2), "strategies", row_body(row, 3),
                         "changes", row_number(row, 4));
}

bool ledger_origin(struct ledger_reader *reader, const char *name, int64_t since_ms, json_t **ret_origin,
                   struct error *err)
{
        autojson *rows = NULL;

        if (!ledger_rows_of(reader, origin_sql, name, SQL_VALUES(SQL_TEXT(name), SQL_INTEGER(since_ms)),
                            origin_row, &rows, err))
                return false;
        if (json_array_size(rows) > 1)
                return error_set(err, ERROR_INPUT, NULL,
                                 "ledger %s: \"%.100s\" is in several namespaces; expected NAMESPACE/NAME",
                                 reader->path, name);
        *ret_origin = json_incref(json_array_get(rows, 0));
        return true;
}

bool ledger_configuration(const struct pipeline *pipeline, const json_t *knobs,
                          struct configuration *ret_configuration)
{
        autofree char *text = knobs ? json_dumps(knobs, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;

        return text && ledger_parse_configuration(pipeline, text, ret_configuration);
}

static const char observed_sql[] =
        "SELECT x.body FROM observations x JOIN pipelines p ON p.id = x.pipeline_id"
        " WHERE " NAME_OF_PIPELINE " = ?1 AND x.time_ms >= ?2 ORDER BY x.time_ms, x.id";

bool ledger_observations(struct ledger_reader *reader, const char *name, const struct pipeline *layout,
                         int64_t since_ms,
                         bool (*take)(void *context, const struct observation *observation,
                                      struct error *err),
                         void *context, struct error *err)
{
        autofree struct observation *seen = memory_new(1, sizeof *seen);
        autocursor *cursor = NULL;
        bool row = true;

        if (!sql_prepare(&reader->database, observed_sql, SQL_VALUES(SQL_TEXT(name), SQL_INTEGER(since_ms)),
                         &cursor, err))
                return false;
        while (sql_next(cursor, &row, err) && row) {
                const char *text = sql_text(cursor, 0);

                if (!text)
                        continue;
                ledger_parse_observation(layout, text, seen);
                if (!take(context, seen, err))
                        return false;
        }
        return err->code == ERROR_NONE;
}

static const char changes_sql[] =
        "SELECT x.time_ms, x.to_body FROM intents x JOIN pipelines p ON p.id = x.pipeline_id"
        " WHERE " NAME_OF_PIPELINE " = ?1 AND x.time_ms >= ?2 AND x.applied_ms IS NOT NULL ORDER BY x.id";

bool ledger_changes(struct ledger_reader *reader, const char *name, const struct pipeline *layout,
                    int64_t since_ms,
                    void (*take)(void *context, int64_t time_ms, const struct configuration *to),
                    void *context, struct error *err)
{
        autocursor *cursor = NULL;
        struct configuration to;
        bool row = true;

        if (!sql_prepare(&reader->database, changes_sql, SQL_VALUES(SQL_TEXT(name), SQL_INTEGER(since_ms)),
                         &cursor, err))
                return false;
        while (sql_next(cursor, &row, err) && row) {
                const char *text = sql_text(cursor, 1);

                if (text && ledger_parse_configuration(layout, text, &to))
                        take(context, sql_integer(cursor, 0), &to);
        }
        return err->code == ERROR_NONE;
}
