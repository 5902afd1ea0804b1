/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A ledger in a file of SQLite. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/ledger/internal.h"

#define APPLICATION_ID      0x6f707463 /* "optc" */
#define TEXT_OF(number)     #number
#define NUMBER_TEXT(number) TEXT_OF(number)
#define BUSY_MS             5000 /* for a file that somebody opens or repairs */
#define TURN_MS             1000 /* for the turn to write: nothing else runs meanwhile */

struct file {
        sqlite3 *sqlite;
        bool flushing; /* commits reach the disk before they return */
        bool hasty;    /* does not wait for its turn to write: the last time that was in vain */
};

struct file_cursor {
        struct sql_cursor common;
        sqlite3_stmt *statement;
};

/*
 * Each migration is applied once, in its own transaction, and never changed afterwards. Columns beside a JSON
 * body are those that are searched or listed. Times are milliseconds since 1970 UTC.
 */
static const char *const migrations[] = {
        /* 1: what was seen, decided and done. A pipeline whose layout or settings change gets a new row, so
         * that each decision refers to what was in force when it was made. A decision holds a copy of its
         * observation: those are pruned, decisions are not. */
        "CREATE TABLE pipelines (id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL,"
        " currency TEXT NOT NULL, layout TEXT NOT NULL, settings TEXT NOT NULL);"
        "CREATE INDEX pipelines_by_name ON pipelines (namespace, name);"
        "CREATE TABLE observations (id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL REFERENCES "
        "pipelines,"
        " time_ms INTEGER NOT NULL, window_ms INTEGER NOT NULL, body TEXT NOT NULL);"
        "CREATE INDEX observations_by_time ON observations (time_ms);"
        "CREATE TABLE decisions (id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL REFERENCES pipelines,"
        " time_ms INTEGER NOT NULL, strategy TEXT NOT NULL, kind TEXT NOT NULL, verdict TEXT NOT NULL,"
        " before_text TEXT NOT NULL, after_text TEXT NOT NULL, reason TEXT NOT NULL,"
        " before_body TEXT NOT NULL, observation_body TEXT, proposal_body TEXT NOT NULL, verdict_body TEXT "
        "NOT NULL);"
        "CREATE INDEX decisions_by_time ON decisions (time_ms);"
        "CREATE TABLE intents (id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL REFERENCES pipelines,"
        " decision_id INTEGER REFERENCES decisions, time_ms INTEGER NOT NULL, from_text TEXT NOT NULL,"
        " to_text TEXT NOT NULL, from_body TEXT NOT NULL, to_body TEXT NOT NULL, prediction_body TEXT NOT "
        "NULL,"
        " applied_ms INTEGER);"
        "CREATE INDEX intents_by_decision ON intents (decision_id);"
        "CREATE INDEX intents_by_pipeline ON intents (pipeline_id);"
        "CREATE TABLE calls (id INTEGER PRIMARY KEY, intent_id INTEGER NOT NULL REFERENCES intents,"
        " begin_ms INTEGER NOT NULL, call TEXT NOT NULL, end_ms INTEGER, done INTEGER, answer TEXT);"
        "CREATE INDEX calls_by_intent ON calls (intent_id);"
        "CREATE TABLE outcomes (intent_id INTEGER PRIMARY KEY REFERENCES intents, time_ms INTEGER NOT NULL,"
        " outcome TEXT NOT NULL, reason TEXT NOT NULL);"
        "CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes BEGIN SELECT raise(ABORT, 'outcomes stay'); "
        "END;",

        /* 2: money. Books are added to, never altered. */
        "CREATE TABLE prices (id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL REFERENCES pipelines,"
        " time_ms INTEGER NOT NULL, currency TEXT NOT NULL, per_worker_hour REAL NOT NULL,"
        " carbon_grams_per_kilowatt_hour REAL);"
        "CREATE INDEX prices_by_time ON prices (pipeline_id, time_ms);"
        "CREATE TABLE spend (id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL REFERENCES pipelines,"
        " from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL, cost REAL, baseline_cost REAL);"
        "CREATE INDEX spend_by_time ON spend (pipeline_id, from_ms);"
        "CREATE TRIGGER prices_stay BEFORE UPDATE ON prices BEGIN SELECT raise(ABORT, 'prices stay'); END;"
        "CREATE TRIGGER prices_are_kept BEFORE DELETE ON prices BEGIN SELECT raise(ABORT, 'prices stay'); "
        "END;"
        "CREATE TRIGGER spend_stays BEFORE UPDATE ON spend BEGIN SELECT raise(ABORT, 'spend stays'); END;"
        "CREATE TRIGGER spend_is_kept BEFORE DELETE ON spend BEGIN SELECT raise(ABORT, 'spend stays'); END;",

        /* 3: what a loop that is started again has to know and could not derive. */
        "ALTER TABLE intents ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE outcomes ADD COLUMN back_body TEXT;"
        "ALTER TABLE outcomes ADD COLUMN carried_per_second REAL;"
        "ALTER TABLE spend ADD COLUMN observed_ms INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE spend ADD COLUMN late_ms INTEGER NOT NULL DEFAULT 0;"
        /* What a REAL cannot hold of the books' integers. */
        "ALTER TABLE spend ADD COLUMN cost_rest INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE spend ADD COLUMN baseline_rest INTEGER NOT NULL DEFAULT 0;"
        "CREATE INDEX observations_by_pipeline ON observations (pipeline_id, time_ms);"
        "CREATE INDEX decisions_by_pipeline ON decisions (pipeline_id);"
        "CREATE TABLE pauses (id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL REFERENCES pipelines,"
        " time_ms INTEGER NOT NULL, paused INTEGER NOT NULL, reason TEXT NOT NULL);"
        "CREATE INDEX pauses_by_pipeline ON pauses (pipeline_id);",

        /* 4: runs of jobs that run from time to time, each as the observation that first told of it. What a
         * search learns from is months of them, when other observations are long pruned. */
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, pipeline_id INTEGER NOT NULL REFERENCES pipelines,"
        " ended_ms INTEGER NOT NULL, body TEXT NOT NULL);"
        "CREATE INDEX runs_by_pipeline ON runs (pipeline_id, ended_ms);",

        /* 5: money by the run (struct run_spend). */
        "ALTER TABLE spend ADD COLUMN run_kind INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE spend ADD COLUMN run_failed INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE spend ADD COLUMN run_setting INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE spend ADD COLUMN run_value REAL;"
        "ALTER TABLE spend ADD COLUMN run_input_bytes REAL;",
        NULL,
};

static sqlite3 *sqlite_of(const struct database *database)
{
        return ((struct file *)database->handle)->sqlite;
}

/* "disk I/O error" tells less than what the system said. */
static bool input_output_failed(const struct database *database, struct error *err)
{
        sqlite3 *sqlite = sqlite_of(database);
        int number = sqlite ? sqlite3_system_errno(sqlite) : 0;

        if (number == 0)
                return error_set(err, ERROR_IO, NULL, "ledger %s: %s", database->path,
                                 sqlite3_errstr(SQLITE_IOERR));
        return error_errno(err, number, "ledger %s", database->path);
}

/* Sets err from SQLite's code and the words of the newest failure; returns false. */
static bool failed(struct database *database, int code, struct error *err)
{
        const char *path = database->path;

        switch (code & 0xff) {
        case SQLITE_FULL:
                return error_set(err, ERROR_IO, "DiskFull", "ledger %s: the disk is full", path);
        case SQLITE_READONLY:
                return error_set(err, ERROR_IO, "ReadOnly", "ledger %s: cannot be written, it is read-only",
                                 path);
        case SQLITE_IOERR:
                return input_output_failed(database, err);
        case SQLITE_CANTOPEN:
                return error_set(err, ERROR_IO, NULL, "ledger %s: cannot be opened", path);
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return error_set(err, ERROR_UNAVAILABLE, NULL, "ledger %s: kept busy by another program",
                                 path);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return database_damaged(database, err);
        default:
                return error_set(err, ERROR_IO, NULL, "ledger %s: %s", path,
                                 sqlite_of(database) ? sqlite3_errmsg(sqlite_of(database))
                                                     : sqlite3_errstr(code));
        }
}

static bool file_script(struct database *database, const char *sql, struct error *err)
{
        int code = sqlite3_exec(sqlite_of(database), sql, NULL, NULL, NULL);

        return code == SQLITE_OK || failed(database, code, err);
}

/* ---- statements ---- */

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

static void file_finalize(struct sql_cursor *cursor)
{
        sqlite3_finalize(((struct file_cursor *)cursor)->statement);
        free(cursor);
}

static bool file_prepare_statement(struct database *database, const char *sql, const struct sql_value *values,
                                   struct sql_cursor **ret_cursor, struct error *err)
{
        struct file_cursor *cursor = memory_new(1, sizeof *cursor);
        int code = sqlite3_prepare_v2(sqlite_of(database), sql, -1, &cursor->statement, NULL);

        for (int i = 0; code == SQLITE_OK && values[i].type != SQL_END; i++)
                code = bind(cursor->statement, i + 1, &values[i]);
        if (code != SQLITE_OK) {
                failed(database, code, err);
                file_finalize(&cursor->common);
                return false;
        }
        cursor->common.database = database;
        *ret_cursor = &cursor->common;
        return true;
}

static bool file_next(struct sql_cursor *cursor, bool *ret_row, struct error *err)
{
        int code = sqlite3_step(((struct file_cursor *)cursor)->statement);

        if (code != SQLITE_ROW && code != SQLITE_DONE)
                return failed(cursor->database, code, err);
        *ret_row = code == SQLITE_ROW;
        return true;
}

static bool file_is_null(struct sql_cursor *row, int column)
{
        return sqlite3_column_type(((struct file_cursor *)row)->statement, column) == SQLITE_NULL;
}

static int64_t file_integer(struct sql_cursor *row, int column)
{
        return sqlite3_column_int64(((struct file_cursor *)row)->statement, column);
}

static double file_real(struct sql_cursor *row, int column)
{
        return sqlite3_column_double(((struct file_cursor *)row)->statement, column);
}

static const char *file_text(struct sql_cursor *row, int column)
{
        return (const char *)sqlite3_column_text(((struct file_cursor *)row)->statement, column);
}

/* ---- transactions ---- */

/* All pipelines stand still while a write waits for another program: so only the first one does, until one
 * has had its turn. */
static bool begin_writing(struct database *database, struct error *err)
{
        struct file *file = database->handle;
        bool done, busy;

        (void)sqlite3_busy_timeout(file->sqlite, file->hasty ? 0 : TURN_MS);
        done = file_script(database, "BEGIN IMMEDIATE", err);
        busy = !done && (sqlite3_errcode(file->sqlite) & 0xff) == SQLITE_BUSY;
        (void)sqlite3_busy_timeout(file->sqlite, BUSY_MS);
        file->hasty = busy;
        return done;
}

static bool file_begin(struct database *database, bool flush, struct error *err)
{
        struct file *file = database->handle;

        if (file->flushing != flush) {
                const char *sql = flush ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";

                if (!file_script(database, sql, err))
                        return false;
                file->flushing = flush;
        }
        return begin_writing(database, err);
}

/* Some failures have rolled back already. */
static void file_rollback(struct database *database)
{
        if (!sqlite3_get_autocommit(sqlite_of(database)))
                sqlite3_exec(sqlite_of(database), "ROLLBACK", NULL, NULL, NULL);
}

static bool file_commit(struct database *database, struct error *err)
{
        if (file_script(database, "COMMIT", err))
                return true;
        file_rollback(database);
        return false;
}

/* SQLite follows links before it opens a file: this one came later, and whoever opens the ledger by it has
 * another log of writes than we. */
static bool is_link(const char *path)
{
        struct stat status;

        return lstat(path, &status) == 0 && S_ISLNK(status.st_mode);
}

/* Its file is not at its place any more: it was removed, or another one put there. What lies beside that one
 * is not ours to tidy up; but of our log of writes nothing may be left, since SQLite would play it back into
 * the other file. It goes into the one that it belongs to, unless somebody has that open by its new name,
 * with another log: only leaving this mode, and no checkpoint, sees that. */
static bool file_lost(const struct database *database, bool *ret_in_doubt)
{
        sqlite3 *sqlite = sqlite_of(database);
        int moved = 0, persist = 1;

        *ret_in_doubt = false;
        if (sqlite3_file_control(sqlite, "main", SQLITE_FCNTL_HAS_MOVED, &moved) != SQLITE_OK ||
            (!moved && !is_link(sqlite3_db_filename(sqlite, "main"))))
                return false;
        (void)sqlite3_file_control(sqlite, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
        (void)sqlite3_exec(sqlite, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        return true;
}

/* ---- opening ---- */

static bool file_has_ledger(struct database *database, bool *ret_has, struct error *err)
{
        int64_t tables, application;

        if (!sql_find_integer(database, "SELECT count(*) FROM sqlite_schema", SQL_VALUES(), 0, &tables,
                              err) ||
            !sql_find_integer(database, "PRAGMA application_id", SQL_VALUES(), 0, &application, err))
                return false;
        if (tables > 0 && application != APPLICATION_ID) {
                database->damaged = true;
                return error_set(err, ERROR_INPUT, "NoLedger", "ledger %s: is a database of another program",
                                 database->path);
        }
        *ret_has = tables > 0;
        return true;
}

static void file_close(struct database *database)
{
        sqlite3_close(sqlite_of(database));
        free(database->handle);
}

static const struct backend sqlite_backend = {
        .migrations = migrations,
        .beginning = "PRAGMA application_id = " NUMBER_TEXT(
                APPLICATION_ID) ";"
                                "CREATE TABLE migrations (version INTEGER PRIMARY KEY, time_ms INTEGER NOT "
                                "NULL,"
                                " program TEXT NOT NULL);",
        .has_ledger = file_has_ledger,
        .script = file_script,
        .prepare = file_prepare_statement,
        .next = file_next,
        .finalize = file_finalize,
        .is_null = file_is_null,
        .integer = file_integer,
        .real = file_real,
        .text = file_text,
        .begin = file_begin,
        .commit = file_commit,
        .rollback = file_rollback,
        .lost = file_lost,
        .close = file_close,
};

static bool open_sqlite(const char *name, int flags, const char *vfs, const char *path,
                        struct database *ret_database, struct error *err)
{
        struct file *file = memory_new(1, sizeof *file);
        struct database database = {.backend = &sqlite_backend,
                                    .handle = file,
                                    .path = memory_copy_text(path)};
        int code = sqlite3_open_v2(name, &file->sqlite, flags | SQLITE_OPEN_NOMUTEX, vfs);

        if (code == SQLITE_OK) {
                sqlite3_extended_result_codes(file->sqlite, 1);
                code = sqlite3_busy_timeout(file->sqlite, BUSY_MS);
        }
        if (code != SQLITE_OK) {
                failed(&database, code, err);
                database_close(&database);
                return false;
        }
        *ret_database = database;
        return true;
}

bool file_open(const char *path, enum file_access access, const char *vfs, struct database *ret_database,
               struct error *err)
{
        autotext uri = {0};

        if (access == FILE_WRITE)
                return open_sqlite(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs, path, ret_database,
                                   err);
        if (access == FILE_READ)
                return open_sqlite(path, SQLITE_OPEN_READONLY, vfs, path, ret_database, err);
        text_put(&uri, "file:");
        for (const char *at = path; *at; at++)
                text_format(&uri, strchr("%?#", *at) ? "%%%02X" : "%c", *at);
        text_put(&uri, "?immutable=1");
        return open_sqlite(uri.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, vfs, path, ret_database, err);
}

static bool check(struct database *database, struct error *err)
{
        autocursor *cursor = NULL;
        bool row;

        if (!sql_prepare(database, "PRAGMA quick_check(1)", SQL_VALUES(), &cursor, err) ||
            !sql_next(cursor, &row, err))
                return false;
        return (row && strcmp(sql_text(cursor, 0), "ok") == 0) || database_damaged(database, err);
}

bool file_prepare(struct database *database, struct error *err)
{
        struct file *file = database->handle;

        if (!check(database, err) ||
            !file_script(database,
                         "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
                         "PRAGMA journal_size_limit = 16777216",
                         err))
                return false;
        file->flushing = true;
        return true;
}

bool file_copy(struct database *database, struct database *ret_copy, struct error *err)
{
        struct database copy;
        sqlite3_backup *backup;
        int code = SQLITE_NOMEM;

        if (!open_sqlite(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL, database->path, &copy,
                         err))
                return false;
        backup = sqlite3_backup_init(sqlite_of(&copy), "main", sqlite_of(database), "main");
        if (backup) {
                sqlite3_backup_step(backup, -1);
                code = sqlite3_backup_finish(backup);
        }
        if (code != SQLITE_OK) {
                database_close(&copy);
                return failed(database, code, err);
        }
        *ret_copy = copy;
        return true;
}
