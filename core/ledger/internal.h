/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LEDGER_INTERNAL_H
#define OPTCTL_CORE_LEDGER_INTERNAL_H

#include "core/json.h"
#include "core/ledger/ledger.h"

/* Shared by the files of the ledger, for nobody else. */

/*
 * ---- SQL (ledger_sql.c) ----
 *
 * One text of each statement for all backends: standard SQL, with ? or ?N for its values and ->, ->> for what
 * is inside of a body. Of a truth value the tables hold 0 or 1.
 */

struct backend;

struct database {
        const struct backend *backend;
        void *handle; /* the backend's; NULL: not open */
        char *path;   /* as messages name it */
        bool damaged; /* an error said so since it was opened */
};

struct sql_value {
        enum { SQL_END, SQL_TYPE_INTEGER, SQL_TYPE_REAL, SQL_TYPE_TEXT } type;
        int64_t integer;
        double real;      /* NULL in the table when it is not finite */
        const char *text; /* NULL in the table when it is NULL */
};

#define SQL_INTEGER(what) ((struct sql_value){.type = SQL_TYPE_INTEGER, .integer = (what)})
#define SQL_REAL(what)    ((struct sql_value){.type = SQL_TYPE_REAL, .real = (what)})
#define SQL_TEXT(what)    ((struct sql_value){.type = SQL_TYPE_TEXT, .text = (what)})
#define SQL_NULL          SQL_TEXT(NULL)
#define SQL_VALUES(...)                                                                                      \
        (const struct sql_value[])                                                                           \
        {                                                                                                    \
                __VA_ARGS__ __VA_OPT__(, )                                                                   \
                {                                                                                            \
                        .type = SQL_END                                                                      \
                }                                                                                            \
        }

/* A statement that runs: first what all backends have. */
struct sql_cursor {
        struct database *database;
};

/* What a database of some kind can do; used through the functions below. */
struct backend {
        bool shared; /* several processes write: each pipeline has one writer (ledger_writer.c) */
        /* The versions of its tables, each a script, up to NULL; and what comes before the first. */
        const char *const *migrations;
        const char *beginning;
        const char *alone; /* script, in a transaction: waits until no other process is at it; may be NULL */
        /* Whether there are tables of ours. ERROR_INPUT when there are only those of another program. */
        bool (*has_ledger)(struct database *database, bool *ret_has, struct error *err);
        bool (*script)(struct database *database, const char *sql, struct error *err);
        bool (*prepare)(struct database *database, const char *sql, const struct sql_value *values,
                        struct sql_cursor **ret_cursor, struct error *err);
        bool (*next)(struct sql_cursor *cursor, bool *ret_row, struct error *err);
        void (*finalize)(struct sql_cursor *cursor);
        /* Of the row that the cursor is at; columns count from 0. */
        bool (*is_null)(struct sql_cursor *row, int column);
        int64_t (*integer)(struct sql_cursor *row, int column);
        double (*real)(struct sql_cursor *row, int column);
        const char *(*text)(struct sql_cursor *row, int column);
        bool (*begin)(struct database *database, bool flush, struct error *err);
        bool (*commit)(struct database *database, struct error *err);
        void (*rollback)(struct database *database);
        /* Whether it has to be opened anew; in doubt: what was to be committed may stand there. NULL: never.
         */
        bool (*lost)(const struct database *database, bool *ret_in_doubt);
        void (*close)(struct database *database);
};

void database_close(struct database *database);

/* What is there is none of ours, or no more. */
bool database_damaged(struct database *database, struct error *err);

/* A statement with its values bound; their text is borrowed until it is finalized. One at a time. */
bool sql_prepare(struct database *database, const char *sql, const struct sql_value *values,
                 struct sql_cursor **ret_cursor, struct error *err);
/* Steps to the next row; *ret_row false at the end. */
bool sql_next(struct sql_cursor *cursor, bool *ret_row, struct error *err);
void sql_finalize(struct sql_cursor *cursor);
DEFINE_CLEANUP(sql_finalize, struct sql_cursor);
#define autocursor __attribute__((cleanup(sql_finalize_cleanup))) struct sql_cursor

/* Columns of a row, from 0. Text is NULL where it is NULL, a number 0; valid until the next step. */
bool sql_is_null(struct sql_cursor *row, int column);
int64_t sql_integer(struct sql_cursor *row, int column);
double sql_real(struct sql_cursor *row, int column);
const char *sql_text(struct sql_cursor *row, int column);

/* A statement that gives no rows; several when it has no values. */
bool sql_run(struct database *database, const char *sql, const struct sql_value *values, struct error *err);
/* The first column of the first row; `fallback` when there is none or it is NULL. */
bool sql_find_integer(struct database *database, const char *sql, const struct sql_value *values,
                      int64_t fallback, int64_t *ret_value, struct error *err);
/* One row; `sql` ends in RETURNING id. */
bool sql_insert(struct database *database, const char *sql, const struct sql_value *values, int64_t *ret_id,
                struct error *err);

/* A transaction; `flush` makes its commit, and so all before it, reach the disk. Ended by exactly one of the
 * others. */
bool sql_begin(struct database *database, bool flush, struct error *err);
bool sql_commit(struct database *database, struct error *err);
void sql_rollback(struct database *database);

/* ---- a file (ledger_sqlite.c) ---- */

enum file_access {
        FILE_WRITE,   /* made when it is not there */
        FILE_READ,    /* beside a writer */
        FILE_AT_REST, /* nobody writes, and nothing may be made beside it */
};

/* `vfs`: SQLite's; NULL: the system's. */
bool file_open(const char *path, enum file_access access, const char *vfs, struct database *ret_database,
               struct error *err);
/* Once it is known to be ours. */
bool file_prepare(struct database *database, struct error *err);
/* The whole of it in memory. */
bool file_copy(struct database *database, struct database *ret_copy, struct error *err);

/* ---- PostgreSQL (ledger_address.c, ledger_postgres.c) ---- */

/* Where a database is, and the way there; outlives what is opened. `reading`: nothing is written, and a
 * statement may take its time. Not connected yet. */
struct postgres;
bool postgres_new(const char *url, bool reading, struct postgres **ret_postgres, struct error *err);
void postgres_free(struct postgres *postgres);
DEFINE_CLEANUP(postgres_free, struct postgres);

const char *postgres_name(const struct postgres *postgres);       /* the URL, for messages */
int64_t postgres_session_number(const struct postgres *postgres); /* of this process */

/* Waits for the connection, and from then on for answers, longer than a loop may: until `opened`. */
bool postgres_connect(struct postgres *postgres, struct database *ret_database, struct error *err);
void postgres_opened(struct postgres *postgres);
/* Waits no longer than a glance: while it fails the attempt is under way, or the next one has to wait. */
bool postgres_reconnect(struct postgres *postgres, int64_t now_ms, struct database *ret_database,
                        struct error *err);

/* ---- schema (ledger_schema.c) ---- */

/* Version of the tables; 0 when there are none. ERROR_INPUT when it is newer than this program, or
 * (then also `damaged`: it may once have been one) no ledger. */
bool schema_version(struct database *database, int64_t *ret_version, struct error *err);
int64_t schema_newest(const struct database *database);
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
        int64_t opened; /* the ledger's, when it was stored last; 0: it is not */
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
        char *place;              /* of the file: options.path, or what it leads to */
        bool gone;                /* the file, from there */
        int lock;
        struct postgres *postgres; /* NULL: it is a file */
        int64_t opened;            /* how often; a scope is stored anew after each */
        /* NULL: no lease is needed to write. */
        bool (*leads)(void *context, const char *namespace, const char *name);
        void *leads_context;
        struct ledger_scope *scopes;
        void *by_name; /* the same: a tree of tsearch, for thousands of pipelines */
};

struct ledger_reader {
        struct database database;
        struct postgres *postgres; /* NULL: it is a file */
        char *path;
};

struct stat;
/* ERROR_INPUT (NoLedger): it is a folder, a device or a pipe. */
bool ledger_check_kind(const char *path, const struct stat *status, struct error *err);

/* ---- what readers answer with (ledger_read.c) ---- */

#define NAME_OF_PIPELINE "CASE WHEN p.namespace = '' THEN p.name ELSE p.namespace || '/' || p.name END"
/* A condition on the first parameter: a name, which may be NULL (all), "NAME" or "NAMESPACE/NAME". */
#define IS_PIPELINE "(CAST(?1 AS TEXT) IS NULL OR p.name = ?1 OR p.namespace || '/' || p.name = ?1)"

/* A column as JSON: null where it is NULL. */
json_t *row_text(struct sql_cursor *row, int column);
json_t *row_time(struct sql_cursor *row, int column); /* RFC 3339 */
json_t *row_number(struct sql_cursor *row, int column);
json_t *row_body(struct sql_cursor *row, int column); /* of a text that is JSON */

typedef json_t *(*row_to_json)(struct sql_cursor *row);

/* All rows of a statement as an array. */
bool ledger_rows(struct ledger_reader *reader, const char *sql, const struct sql_value *values,
                 row_to_json convert, json_t **ret_rows, struct error *err);

/* The same of all pipelines, or of the one that IS_PIPELINE names, of which there must be some. `name` is
 * also the first of the values. */
bool ledger_rows_of(struct ledger_reader *reader, const char *sql, const char *name,
                    const struct sql_value *values, row_to_json convert, json_t **ret_rows,
                    struct error *err);

/* In a transaction: from now on to its end nobody else writes of the scope's pipeline (ledger_writer.c).
 * ERROR_CONFLICT names who does. */
bool ledger_scope_hold(struct ledger_scope *scope, struct error *err);
/* What was to be written again if the file had gone. */
void ledger_scope_forget(struct ledger_scope *scope);

/* Makes the database usable: sets a damaged file aside, begins a new one with all scopes. */
bool ledger_ready(struct ledger *ledger, struct error *err);

/* Puts the scope's pipeline, its intent in flight and its pause where they are not in the file yet. */
/* What is in flight from now on; NULL: nothing. Copied. */
void ledger_scope_fly(struct ledger_scope *scope, const struct intent *intent);

bool ledger_scope_store(struct ledger_scope *scope, struct error *err);
void ledger_scope_free(struct ledger_scope *scope);

/* The rows of all layouts that the scope's pipeline ever had. */
/* What ended further ahead of our clock was written by one that was wrong: it is kept, and does not stand in
 * the way of what comes. */
#define LEDGER_AHEAD_MS MS_PER_DAY
int64_t ledger_latest_ms(const struct ledger *ledger); /* that is believed now */

#define OF_PIPELINE "pipeline_id IN (SELECT id FROM pipelines WHERE namespace = ?1 AND name = ?2)"

/* What was spent, of the table `spend x`. */
#define SPEND_COLUMNS                                                                                        \
        "x.from_ms, x.to_ms, x.cost, x.baseline_cost, x.observed_ms, x.late_ms, x.cost_rest, "               \
        "x.baseline_rest, x.run_kind, x.run_failed, x.run_setting, x.run_value, x.run_input_bytes"
void ledger_parse_spend(struct sql_cursor *row, struct spend *ret_spend);

/* ---- what was written down before (ledger_past.c), as struct journal says; context: a ledger_scope ---- */

bool ledger_unfinished(void *context, struct intent *ret_intent, bool *ret_found, struct error *err);
bool ledger_past(void *context, int64_t since_ms, const struct journal_past *past, struct error *err);
bool ledger_standing(void *context, struct journal_standing *ret_standing, struct error *err);
bool ledger_change(void *context, int64_t decision_id, struct intent *ret_intent, struct error *err);
/* ledger_journal.c */
bool ledger_outcome(void *context, const struct ending *ending, struct error *err);

#endif
