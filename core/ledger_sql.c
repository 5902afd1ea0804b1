/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>

#include "core/ledger_internal.h"

bool database_failed(struct database *database, int code, struct error *err)
{
        const char *path = database->path;

        switch (code & 0xff) {
        case SQLITE_FULL:
                return error_set(err, ERROR_IO, "DiskFull", "ledger %s: the disk is full", path);
        case SQLITE_READONLY:
                return error_set(err, ERROR_IO, "ReadOnly", "ledger %s: cannot be written, it is read-only",
                                 path);
        case SQLITE_CANTOPEN:
                return error_set(err, ERROR_IO, NULL, "ledger %s: cannot be opened", path);
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return error_set(err, ERROR_UNAVAILABLE, NULL, "ledger %s: kept busy by another program",
                                 path);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                database->damaged = true;
                return error_set(err, ERROR_IO, "LedgerDamaged", "ledger %s: the file is damaged", path);
        default:
                return error_set(err, ERROR_IO, NULL, "ledger %s: %s", path,
                                 database->handle ? sqlite3_errmsg(database->handle) : sqlite3_errstr(code));
        }
}

bool database_open(const char *path, int flags, const char *vfs, struct database *ret_database,
                   struct error *err)
{
        struct database database = {.path = memory_copy_text(path)};
        int code = sqlite3_open_v2(path, &database.handle, flags | SQLITE_OPEN_NOMUTEX, vfs);

        if (code == SQLITE_OK) {
                sqlite3_extended_result_codes(database.handle, 1);
                code = sqlite3_busy_timeout(database.handle, LEDGER_BUSY_MS);
        }
        if (code != SQLITE_OK) {
                database_failed(&database, code, err);
                database_close(&database);
                return false;
        }
        *ret_database = database;
        return true;
}

void database_close(struct database *database)
{
        sqlite3_close(database->handle);
        free(database->path);
        *database = (struct database){0};
}

static int bind(sqlite3_stmt *statement, int index, const struct sql_value *value)
{
        switch (value->type) {
        case SQL_TYPE_INTEGER:
                return sqlite3_bind_int64(statement, index, value->integer);
        case SQL_TYPE_REAL:
                return isfinite(value->real) ? sqlite3_bind_double(statement, index, value->real)
                                             : sqlite3_bind_null(statement, index);
        case SQL_TYPE_TEXT:
                return value->text ? sqlite3_bind_text(statement, index, value->text, -1, SQLITE_STATIC)
                                   : sqlite3_bind_null(statement, index);
        case SQL_END:
                break;
        }
        return SQLITE_MISUSE;
}

bool sql_prepare(struct database *database, const char *sql, const struct sql_value *values,
                 sqlite3_stmt **ret_statement, struct error *err)
{
        autostatement *statement = NULL;
        int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);

        for (int i = 0; code == SQLITE_OK && values[i].type != SQL_END; i++)
                code = bind(statement, i + 1, &values[i]);
        if (code != SQLITE_OK)
                return database_failed(database, code, err);
        *ret_statement = TAKE(statement);
        return true;
}

bool sql_next(struct database *database, sqlite3_stmt *statement, bool *ret_row, struct error *err)
{
        int code = sqlite3_step(statement);

        if (code != SQLITE_ROW && code != SQLITE_DONE)
                return database_failed(database, code, err);
        *ret_row = code == SQLITE_ROW;
        return true;
}

bool sql_run(struct database *database, const char *sql, const struct sql_value *values, struct error *err)
{
        autostatement *statement = NULL;
        bool row = true;
        int code;

        if (values[0].type == SQL_END) {
                code = sqlite3_exec(database->handle, sql, NULL, NULL, NULL);
                return code == SQLITE_OK || database_failed(database, code, err);
        }
        if (!sql_prepare(database, sql, values, &statement, err))
                return false;
        while (row)
                if (!sql_next(database, statement, &row, err))
                        return false;
        return true;
}

bool sql_find_integer(struct database *database, const char *sql, const struct sql_value *values,
                      int64_t fallback, int64_t *ret_value, struct error *err)
{
        autostatement *statement = NULL;
        bool row;

        if (!sql_prepare(database, sql, values, &statement, err) || !sql_next(database, statement, &row, err))
                return false;
        if (row && sqlite3_column_type(statement, 0) != SQLITE_NULL)
                *ret_value = sqlite3_column_int64(statement, 0);
        else
                *ret_value = fallback;
        return true;
}

/* All pipelines stand still while a write waits for another program: so only the first one does, until one
 * has had its turn. */
static bool begin_writing(struct database *database, struct error *err)
{
        bool done, busy;

        (void)sqlite3_busy_timeout(database->handle, database->hasty ? 0 : LEDGER_TURN_MS);
        done = sql_run(database, "BEGIN IMMEDIATE", SQL_VALUES(), err);
        busy = !done && (sqlite3_errcode(database->handle) & 0xff) == SQLITE_BUSY;
        (void)sqlite3_busy_timeout(database->handle, LEDGER_BUSY_MS);
        database->hasty = busy;
        return done;
}

bool sql_begin(struct database *database, bool flush, struct error *err)
{
        if (database->flushing != flush) {
                const char *sql = flush ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";

                if (!sql_run(database, sql, SQL_VALUES(), err))
                        return false;
                database->flushing = flush;
        }
        return begin_writing(database, err);
}

bool sql_commit(struct database *database, struct error *err)
{
        if (sql_run(database, "COMMIT", SQL_VALUES(), err))
                return true;
        sql_rollback(database);
        return false;
}

/* Some failures have rolled back already. */
void sql_rollback(struct database *database)
{
        if (!sqlite3_get_autocommit(database->handle))
                sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
}
