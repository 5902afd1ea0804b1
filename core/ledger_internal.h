/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LEDGER_INTERNAL_H
#define OPTCTL_CORE_LEDGER_INTERNAL_H

#include <sqlite3.h>

#include "core/json.h"
#include "core/ledger.h"

/* Shared by the files of the ledger, for nobody else. */

/* ---- SQL (ledger_sql.c) ---- */

struct database {
        sqlite3 *handle;
        char *path;
        bool damaged;  /* an error said so since it was opened */
        bool flushing; /* commits reach the disk before they return */
        bool hasty;    /* does not wait for its turn to write: the last time that was in vain */
};

#define LEDGER_BUSY_MS 5000 /* for a file that somebody opens or repairs */
#define LEDGER_TURN_MS 1000 /* for the turn to write: nothing else runs meanwhile */

bool database_open(const char *path, int flags, const char *vfs, struct database *ret_database,
                   struct error *err);
void database_close(struct database *database);

/* Sets err from SQLite's code and the words of the newest failure; returns false. */
bool database_failed(struct database *database, int code, struct error *err);

struct sql_value {
        enum { SQL_END, SQL_TYPE_INTEGER, SQL_TYPE_REAL, SQL_TYPE_TEXT } type;
        int64_t integer;
        double real;      /* NULL in the table when it is not finite */
        const char *text; /* NULL in the table when it is NULL */
};

#define SQL_INTEGER(what) ((struct sql_value){.type = SQL_TYPE_INTEGER, .integer = (what)})
#define SQL_REAL(what)    ((struct sql_value){.type = SQL_TYPE_REAL, .real = (what)})
#define SQL_TEXT(what)    ((struct sql_value){.type = SQL_TYPE_TEXT, .text = (what)})
#define SQL_VALUES(...)                                                                                      \
        (const struct sql_value[])                                                                           \
        {                                                                                                    \
                __VA_ARGS__ __VA_OPT__(, )                                                                   \
                {                                                                                            \
                        .type = SQL_END                                                                      \
                }                                                                                            \
        }

/* A statement with its values bound; text is borrowed until it is finalized. */
bool sql_prepare(struct database *database, const char *sql, const struct sql_value *values,
                 sqlite3_stmt **ret_statement, struct error *err);
/* Steps to the next row; *ret_row false at the end. */
bool sql_next(struct database *database, sqlite3_stmt *statement, bool *ret_row, struct error *err);
/* A statement that gives no rows; several when it has no values. */
bool sql_run(struct database *database, const char *sql, const struct sql_value *values, struct error *err);
/* The first column of the first row; `fallback` when there is none or it is NULL. */
bool sql_find_integer(struct database *database, const char *sql, const struct sql_value *values,
                      int64_t fallback, int64_t *ret_value, struct error *err);

static inline void sql_finalize(sqlite3_stmt *statement)
{
        sqlite3_finalize(statement);
}
DEFINE_CLEANUP(sql_finalize, sqlite3_stmt);
#define autostatement __attribute__((cleanup(sql_finalize_cleanup))) sqlite3_stmt

/* A transaction; `flush` makes its commit, and so all before it, reach the disk. Ended by exactly one of the
 * others. */
bool sql_begin(struct database *database, bool flush, struct error *err);
bool sql_commit(struct database *database, struct error *err);
void sql_rollback(struct database *database);

/* ---- schema (ledger_schema.c) ---- */

#define LEDGER_APPLICATION_ID 0x6f707463 /* "optc" */

/* Version of the schema in the file; 0 for an empty file. ERROR_INPUT when it is newer than this program, or
 * (then also `damaged`: it may once have been one) no ledger. */
bool schema_version(struct database *database, int64_t *ret_version, struct error *err);
int64_t schema_newest(void);
/* Brings an older one up to date, each step in its own transaction. */
bool schema_migrate(struct database *database, int64_t now_ms, struct error *err);

/* What stands in `ordered` of an intent that somebody else carried out; 1: a person ordered it, 0: a
 * strategy. */
#define LEDGER_FOREIGN 2

/* ---- nouns as JSON (ledger_json.c) ---- */

/* Unknown numbers are left out, infinite ones are the text "Infinity". The caller owns what is returned. */
json_t *ledger_json_pipeline(const struct pipeline *pipeline);
json_t *ledger_json_configuration(const struct pipeline *pipeline, const struct configuration *configuration);
json_t *ledger_json_observation(const struct pipeline *pipeline, const struct observation *seen);
json_t *ledger_json_prediction(const struct prediction *prediction); /* null when there is none */
json_t *ledger_json_proposal(const struct pipeline *pipeline, const struct proposal *proposal);
json_t *ledger_json_verdict(const struct pipeline *pipeline, const struct verdict *verdict);
/* A copy in which secrets are masked. */
json_t *ledger_json_masked(const json_t *value);

/* Compact; numbers read back exactly. Takes `value`. */
char *ledger_json_text(json_t *value);

/* False when a knob of the pipeline has no value in it. */
bool ledger_parse_configuration(const struct pipeline *pipeline, const char *text,
                                struct configuration *ret_configuration);
void ledger_parse_prediction(const char *text, struct prediction *ret_prediction);
/* What the text does not tell is not known (observation_clear); a configuration that lacks a knob is missing.
 */
void ledger_parse_observation(const struct pipeline *pipeline, const char *text,
                              struct observation *ret_observation);

/* ---- the open ledger (ledger.c, ledger_journal.c) ---- */

/* The journal of one pipeline. */
struct ledger_scope {
        struct ledger *ledger;
        struct ledger_scope *next;
        struct ledger_subject subject;
        char *namespace, *name, *currency; /* never NULL */
        char *layout, *settings;           /* as stored; NULL as long as only the name is known */
        int64_t pipeline_id;
        /* Kept to be written again when the file has to be set aside: the intent (NULL: none), and a pause.
         */
        struct intent *in_flight;
        bool paused;
        int64_t paused_ms;
        char *pause_reason;
};

struct ledger {
        struct ledger_options options;
        struct database database; /* no handle while there is no usable file */
        int lock;
        struct ledger_scope *scopes;
};

struct ledger_reader {
        struct database database;
        char *path;
};

/* ---- what readers answer with (ledger_read.c) ---- */

#define NAME_OF_PIPELINE "iif(p.namespace = '', p.name, p.namespace || '/' || p.name)"
/* A condition on the first parameter: a name, which may be NULL (all), "NAME" or "NAMESPACE/NAME". */
#define IS_PIPELINE "(?1 IS NULL OR p.name = ?1 OR p.namespace || '/' || p.name = ?1)"

/* A column as JSON: null where it is NULL. */
json_t *row_text(sqlite3_stmt *row, int column);
json_t *row_time(sqlite3_stmt *row, int column); /* RFC 3339 */
json_t *row_number(sqlite3_stmt *row, int column);
json_t *row_body(sqlite3_stmt *row, int column); /* of a text that is JSON */

typedef json_t *(*row_to_json)(sqlite3_stmt *row);

/* All rows of a statement as an array. */
bool ledger_rows(struct ledger_reader *reader, const char *sql, const struct sql_value *values,
                 row_to_json convert, json_t **ret_rows, struct error *err);

/* The same of all pipelines, or of the one that IS_PIPELINE names, of which there must be some. `name` is
 * also the first of the values. */
bool ledger_rows_of(struct ledger_reader *reader, const char *sql, const char *name,
                    const struct sql_value *values, row_to_json convert, json_t **ret_rows,
                    struct error *err);

/* Makes the database usable: sets a damaged file aside, begins a new one with all scopes. */
bool ledger_ready(struct ledger *ledger, struct error *err);

/* Puts the scope's pipeline, its intent in flight and its pause where they are not in the file yet. */
/* What is in flight from now on; NULL: nothing. Copied. */
void ledger_scope_fly(struct ledger_scope *scope, const struct intent *intent);

bool ledger_scope_store(struct ledger_scope *scope, struct error *err);
void ledger_scope_free(struct ledger_scope *scope);

/* The rows of all layouts that the scope's pipeline ever had. */
#define OF_PIPELINE "pipeline_id IN (SELECT id FROM pipelines WHERE namespace = ?1 AND name = ?2)"

/* ---- what was written down before (ledger_past.c), as struct journal says; context: a ledger_scope ---- */

bool ledger_unfinished(void *context, struct intent *ret_intent, bool *ret_found, struct error *err);
bool ledger_past(void *context, int64_t since_ms, const struct journal_past *past, struct error *err);
bool ledger_standing(void *context, struct journal_standing *ret_standing, struct error *err);
bool ledger_change(void *context, int64_t decision_id, struct intent *ret_intent, struct error *err);
/* ledger_journal.c */
bool ledger_outcome(void *context, const struct ending *ending, struct error *err);

#endif
