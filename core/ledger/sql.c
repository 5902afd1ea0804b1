/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "core/ledger/internal.h"

void database_close(struct database *database)
{
        if (database->handle)
                database->backend->close(database);
        free(database->path);
        *database = (struct database){0};
}

bool database_damaged(struct database *database, struct error *err)
{
        database->damaged = true;
        return error_set(err, ERROR_IO, "LedgerDamaged", "ledger %s: the file is damaged", database->path);
}

bool sql_prepare(struct database *database, const char *sql, const struct sql_value *values,
                 struct sql_cursor **ret_cursor, struct error *err)
{
        return database->backend->prepare(database, sql, values, ret_cursor, err);
}

bool sql_next(struct sql_cursor *cursor, bool *ret_row, struct error *err)
{
        return cursor->database->backend->next(cursor, ret_row, err);
}

void sql_finalize(struct sql_cursor *cursor)
{
        if (cursor)
                cursor->database->backend->finalize(cursor);
}

bool sql_is_null(struct sql_cursor *row, int column)
{
        return row->database->backend->is_null(row, column);
}

int64_t sql_integer(struct sql_cursor *row, int column)
{
        return row->database->backend->integer(row, column);
}

double sql_real(struct sql_cursor *row, int column)
{
        return row->database->backend->real(row, column);
}

const char *sql_text(struct sql_cursor *row, int column)
{
        return row->database->backend->text(row, column);
}

bool sql_run(struct database *database, const char *sql, const struct sql_value *values, struct error *err)
{
        autocursor *cursor = NULL;
        bool row = true;

        if (values[0].type == SQL_END)
                return database->backend->script(database, sql, err);
        if (!sql_prepare(database, sql, values, &cursor, err))
                return false;
        while (row)
                if (!sql_next(cursor, &row, err))
                        return false;
        return true;
}

bool sql_find_integer(struct database *database, const char *sql, const struct sql_value *values,
                      int64_t fallback, int64_t *ret_value, struct error *err)
{
        autocursor *cursor = NULL;
        bool row;

        if (!sql_prepare(database, sql, values, &cursor, err) || !sql_next(cursor, &row, err))
                return false;
        *ret_value = row && !sql_is_null(cursor, 0) ? sql_integer(cursor, 0) : fallback;
        return true;
}

bool sql_insert(struct database *database, const char *sql, const struct sql_value *values, int64_t *ret_id,
                struct error *err)
{
        return sql_find_integer(database, sql, values, 0, ret_id, err);
}

bool sql_begin(struct database *database, bool flush, struct error *err)
{
        return database->backend->begin(database, flush, err);
}

bool sql_commit(struct database *database, struct error *err)
{
        return database->backend->commit(database, err);
}

void sql_rollback(struct database *database)
{
        database->backend->rollback(database);
}
