/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A ledger in PostgreSQL, over one connection. Whoever asks is the event loop: an answer is waited for up to
 * WRITE_MS in a transaction, however many statements it has, and then the connection is given up. The server
 * is told to give up, too. Where no loop waits, each statement has that time (postgres_take_time).
 */
#include "core/ledger/postgres.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/redact.h"
#include "core/text.h"
#include "core/clock.h"

#define WRITE_MS   5000
#define READ_MS    30000
#define MAX_VALUES 16
#define TYPE_INT8  20
#define TYPE_FLOAT 701

struct postgres_cursor {
        struct sql_cursor common;
        PGresult *row; /* NULL: before the first, or behind the last */
        bool ended;
};

static struct postgres_session *session_of(const struct database *database)
{
        return database->handle;
}

static const struct libpq *library_of(const struct database *database)
{
        return &session_of(database)->postgres->pq;
}

/* ---- failures ---- */

static bool lost(struct database *database, const char *reason, const char *words, struct error *err)
{
        struct postgres_session *session = session_of(database);

        if (session->connection)
                library_of(database)->PQfinish(session->connection);
        session->connection = NULL;
        return error_set(err, ERROR_UNAVAILABLE, reason, "ledger %s: the connection was lost: %s",
                         database->path, words);
}

char *postgres_words(const char *words)
{
        char *said = redact_text(words ? words : "no reason was given");
        size_t length;

        text_to_line(said);
        length = strlen(said);
        while (length > 0 && said[length - 1] == ' ')
                said[--length] = '\0';
        return said;
}

static bool connection_failed(struct database *database, struct error *err)
{
        autofree char *words =
                postgres_words(library_of(database)->PQerrorMessage(session_of(database)->connection));

        return lost(database, "LedgerUnreachable", words, err);
}

/* What a class of failures is (Appendix A of PostgreSQL's manual). */
static const struct {
        const char *state; /* begins with it */
        enum error_code code;
        const char *reason;
        bool leave; /* another server may serve, or the same one later */
} failures[] = {
        {"08", ERROR_UNAVAILABLE, "LedgerUnreachable", true},
        {"57P", ERROR_UNAVAILABLE, "LedgerUnreachable", true},
        {"25P03", ERROR_UNAVAILABLE, "LedgerUnreachable", true},
        {"25006", ERROR_UNAVAILABLE, "ReadOnly", true}, /* one that follows another now */
        {"53100", ERROR_IO, "DiskFull", false},
        {"53", ERROR_UNAVAILABLE, NULL, false},
        {"40", ERROR_UNAVAILABLE, NULL, false},
        {"55P03", ERROR_UNAVAILABLE, NULL, false},
        {"57014", ERROR_UNAVAILABLE, NULL, false},
        {"42501", ERROR_REFUSED, "NoRights", false},
        {"", ERROR_IO, NULL, false},
};

static bool result_failed(struct database *database, PGresult *result, struct error *err)
{
        const struct libpq *pq = library_of(database);
        const char *state = pq->PQresultErrorField(result, PG_DIAG_SQLSTATE);
        autofree char *words = postgres_words(pq->PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
        bool alive = state && pq->PQstatus(session_of(database)->connection) == CONNECTION_OK;
        size_t i = 0;

        while (state && strncmp(state, failures[i].state, strlen(failures[i].state)) != 0)
                i++;
        pq->PQclear(result);
        if (!alive || failures[i].leave)
                return lost(database, alive ? failures[i].reason : "LedgerUnreachable", words, err);
        return error_set(err, failures[i].code, failures[i].reason, "ledger %s: %s", database->path, words);
}

/* ---- waiting ---- */

static bool wait_for(struct database *database, short events, int64_t deadline_ms, struct error *err)
{
        struct pollfd one = {.fd = library_of(database)->PQsocket(session_of(database)->connection),
                             .events = events};
        int64_t left_ms;
        int ready;

        do {
                left_ms = deadline_ms - clock_steady_ms();
                ready = left_ms > 0 ? poll(&one, 1, (int)left_ms) : 0;
        } while (ready < 0 && errno == EINTR);
        return ready > 0 || lost(database, "LedgerUnreachable", "it did not answer in time", err);
}

static int64_t deadline_from_now(const struct database *database)
{
        const struct postgres *postgres = session_of(database)->postgres;

        return clock_steady_ms() + (postgres->reading || postgres->patient ? READ_MS : WRITE_MS);
}

static int64_t deadline_of(const struct database *database)
{
        int64_t deadline_ms = session_of(database)->deadline_ms;

        return deadline_ms ? deadline_ms : deadline_from_now(database);
}

static bool flush(struct database *database, int64_t deadline_ms, struct error *err)
{
        const struct libpq *pq = library_of(database);
        PGconn *connection = session_of(database)->connection;
        int left;

        while ((left = pq->PQflush(connection)) > 0)
                if (!wait_for(database, POLLIN | POLLOUT, deadline_ms, err) ||
                    (!pq->PQconsumeInput(connection) && !connection_failed(database, err)))
                        return false;
        return left == 0 || connection_failed(database, err);
}

/* The next result of what was sent; NULL: there is no more. */
static bool take(struct database *database, int64_t deadline_ms, PGresult **ret_result, struct error *err)
{
        const struct libpq *pq = library_of(database);
        PGconn *connection = session_of(database)->connection;

        while (pq->PQisBusy(connection)) {
                if (!wait_for(database, POLLIN, deadline_ms, err))
                        return false;
                if (!pq->PQconsumeInput(connection))
                        return connection_failed(database, err);
        }
        *ret_result = pq->PQgetResult(connection);
        return true;
}

static bool is_connected(struct database *database, struct error *err)
{
        return session_of(database)->connection || error_set(err, ERROR_UNAVAILABLE, "LedgerUnreachable",
                                                             "ledger %s: is not connected", database->path);
}

/* Until there are no more results; the first failure is told. `ret_tag`: the last command that was done, 16
 * bytes; may be NULL. */
static bool finish(struct database *database, char *ret_tag, struct error *err)
{
        const struct libpq *pq = library_of(database);
        int64_t deadline_ms = deadline_of(database);
        bool done = true;
        PGresult *result;

        while (session_of(database)->connection) {
                struct error later = ERROR_INIT;

                if (!take(database, deadline_ms, &result, done ? err : &later))
                        return false;
                if (!result)
                        return done;
                if (pq->PQresultStatus(result) == PGRES_FATAL_ERROR ||
                    pq->PQresultStatus(result) == PGRES_BAD_RESPONSE) {
                        done = result_failed(database, result, done ? err : &later);
                        continue;
                }
                if (ret_tag)
                        snprintf(ret_tag, 16, "%s", pq->PQcmdStatus(result));
                pq->PQclear(result);
        }
        return false;
}

static bool run(struct database *database, const char *sql, char *ret_tag, struct error *err)
{
        return is_connected(database, err) &&
               (library_of(database)->PQsendQuery(session_of(database)->connection, sql) ||
                connection_failed(database, err)) &&
               flush(database, deadline_of(database), err) && finish(database, ret_tag, err);
}

static bool postgres_script(struct database *database, const char *sql, struct error *err)
{
        return run(database, sql, NULL, err);
}

/* ---- statements ---- */

/* Where PostgreSQL says it otherwise: numbers of values, and the name of one function. Caller frees. */
static char *translate(const char *sql)
{
        static const char ours[] = "json_group_array", theirs[] = "json_agg";
        autotext text = {0};
        bool quoted = false;
        int number = 0;

        for (const char *at = sql; *at; at++) {
                quoted ^= *at == '\'';
                if (!quoted && *at == '?') {
                        text_put(&text, "$");
                        if (!isdigit((unsigned char)at[1]))
                                text_format(&text, "%d", ++number);
                } else if (!quoted && strncmp(at, ours, sizeof ours - 1) == 0) {
                        text_put(&text, theirs);
                        at += sizeof ours - 2;
                } else {
                        text_add(&text, at, 1);
                }
        }
        return text_take(&text);
}

struct bound {
        int count;
        Oid types[MAX_VALUES];
        const char *texts[MAX_VALUES];
        char numbers[MAX_VALUES][32];
};

/* Of a text the statement says what it is. */
static void bind(const struct sql_value *values, struct bound *bound)
{
        *bound = (struct bound){.count = 0};
        for (; values->type != SQL_END; values++) {
                int i = bound->count++;

                switch (values->type) {
                case SQL_TYPE_INTEGER:
                        bound->types[i] = TYPE_INT8;
                        snprintf(bound->numbers[i], sizeof bound->numbers[i], "%lld",
                                 (long long)values->integer);
                        bound->texts[i] = bound->numbers[i];
                        break;
                case SQL_TYPE_REAL:
                        bound->types[i] = TYPE_FLOAT;
                        snprintf(bound->numbers[i], sizeof bound->numbers[i], "%.17g", values->real);
                        bound->texts[i] = isfinite(values->real) ? bound->numbers[i] : NULL;
                        break;
                case SQL_TYPE_TEXT:
                        bound->texts[i] = values->text;
                        break;
                case SQL_END:
                        break;
                }
        }
}

static void drop_row(struct postgres_cursor *cursor)
{
        if (cursor->row)
                library_of(cursor->common.database)->PQclear(cursor->row);
        cursor->row = NULL;
}

static void postgres_finalize(struct sql_cursor *common)
{
        struct postgres_cursor *cursor = (struct postgres_cursor *)common;
        struct error ignored = ERROR_INIT;

        drop_row(cursor);
        if (!cursor->ended)
                (void)finish(common->database, NULL, &ignored);
        free(cursor);
}

static bool postgres_prepare(struct database *database, const char *sql, const struct sql_value *values,
                             struct sql_cursor **ret_cursor, struct error *err)
{
        const struct libpq *pq = library_of(database);
        autofree char *text = translate(sql);
        struct postgres_cursor *cursor;
        struct bound bound;

        if (!is_connected(database, err))
                return false;
        bind(values, &bound);
        if (!pq->PQsendQueryParams(session_of(database)->connection, text, bound.count, bound.types,
                                   bound.texts, NULL, NULL, 0) ||
            !pq->PQsetSingleRowMode(session_of(database)->connection))
                return connection_failed(database, err);
        if (!flush(database, deadline_of(database), err))
                return false;
        cursor = memory_new(1, sizeof *cursor);
        *cursor = (struct postgres_cursor){.common.database = database};
        *ret_cursor = &cursor->common;
        return true;
}

static bool postgres_next(struct sql_cursor *common, bool *ret_row, struct error *err)
{
        struct postgres_cursor *cursor = (struct postgres_cursor *)common;
        struct database *database = common->database;
        const struct libpq *pq = library_of(database);
        PGresult *result;

        drop_row(cursor);
        *ret_row = false;
        if (cursor->ended)
                return true;
        if (!is_connected(database, err) || !take(database, deadline_of(database), &result, err))
                return false;
        switch (result ? pq->PQresultStatus(result) : PGRES_COMMAND_OK) {
        case PGRES_SINGLE_TUPLE:
                cursor->row = result;
                *ret_row = true;
                return true;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
                if (result)
                        pq->PQclear(result);
                cursor->ended = true;
                return !result || finish(database, NULL, err);
        default:
                return result_failed(database, result, err);
        }
}

static bool postgres_is_null(struct sql_cursor *row, int column)
{
        return library_of(row->database)->PQgetisnull(((struct postgres_cursor *)row)->row, 0, column) != 0;
}

static const char *postgres_text(struct sql_cursor *row, int column)
{
        if (postgres_is_null(row, column))
                return NULL;
        return library_of(row->database)->PQgetvalue(((struct postgres_cursor *)row)->row, 0, column);
}

static int64_t postgres_integer(struct sql_cursor *row, int column)
{
        const char *text = postgres_text(row, column);

        return text ? strtoll(text, NULL, 10) : 0;
}

static double postgres_real(struct sql_cursor *row, int column)
{
        const char *text = postgres_text(row, column);

        return text ? strtod(text, NULL) : 0;
}

/* ---- transactions ---- */

/* What need not be on the disk at once may be lost with the server, as with SQLite with the machine; never
 * out of order. */
static bool postgres_begin(struct database *database, bool to_disk, struct error *err)
{
        struct postgres_session *session = session_of(database);

        session->deadline_ms = deadline_from_now(database);
        if (run(database, to_disk ? "BEGIN" : "BEGIN; SET LOCAL synchronous_commit = off", NULL, err))
                return true;
        session->deadline_ms = 0;
        return false;
}

void postgres_take_time(struct database *database)
{
        session_of(database)->deadline_ms = 0;
}

static void postgres_rollback(struct database *database)
{
        struct postgres_session *session = session_of(database);
        struct error ignored = ERROR_INIT;

        if (session->connection &&
            library_of(database)->PQtransactionStatus(session->connection) != PQTRANS_IDLE)
                (void)run(database, "ROLLBACK", NULL, &ignored);
        session->deadline_ms = 0;
}

/* A transaction that had failed is rolled back by it, and that is no failure to the server. */
static bool postgres_commit(struct database *database, struct error *err)
{
        struct postgres_session *session = session_of(database);
        char tag[16] = "";
        bool done = run(database, "COMMIT", tag, err);

        session->in_doubt = !session->connection;
        if (done && strcmp(tag, "COMMIT") != 0)
                done = error_set(err, ERROR_IO, NULL, "ledger %s: a write was rolled back", database->path);
        postgres_rollback(database);
        return done;
}

/* ---- opening ---- */

static bool postgres_has_ledger(struct database *database, bool *ret_has, struct error *err)
{
        int64_t has;

        if (!sql_find_integer(database,
                              "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                              " ON n.oid = c.relnamespace WHERE n.nspname = 'optctl' AND c.relname = ?",
                              SQL_VALUES(SQL_TEXT("migrations")), 0, &has, err))
                return false;
        *ret_has = has > 0;
        return true;
}

static bool postgres_lost(const struct database *database, bool *ret_in_doubt)
{
        *ret_in_doubt = session_of(database)->in_doubt;
        return !session_of(database)->connection;
}

/* Who starts next need not wait until the server has seen that this one is gone. */
static void postgres_close(struct database *database)
{
        struct postgres_session *session = session_of(database);
        struct error ignored = ERROR_INIT;

        if (session->connection && !session->postgres->reading)
                (void)postgres_script(database, "SELECT pg_advisory_unlock_all()", &ignored);
        if (session->connection)
                library_of(database)->PQfinish(session->connection);
        free(session);
}

const struct backend postgres_backend = {
        .shared = true,
        .migrations = postgres_migrations,
        .beginning = postgres_beginning,
        .alone = "SELECT pg_advisory_xact_lock(1869640803)", /* "optc" */
        .has_ledger = postgres_has_ledger,
        .script = postgres_script,
        .prepare = postgres_prepare,
        .next = postgres_next,
        .finalize = postgres_finalize,
        .is_null = postgres_is_null,
        .integer = postgres_integer,
        .real = postgres_real,
        .text = postgres_text,
        .begin = postgres_begin,
        .commit = postgres_commit,
        .rollback = postgres_rollback,
        .lost = postgres_lost,
        .close = postgres_close,
};

/* The session's lock is shared, so that the next connection of this process has it beside the last one, which
 * the server may not know to be gone; who asks whether this process lives asks for it alone. */
static bool set_up(const struct postgres *postgres, struct database *database, struct error *err)
{
        autofree char *sql = memory_format(
                "SET search_path = optctl, pg_catalog; SET statement_timeout = %d; SET lock_timeout = 2000;"
                "SET idle_in_transaction_session_timeout = %d; SET tcp_keepalives_idle = 10;"
                "SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off';",
                postgres->reading ? READ_MS : WRITE_MS, postgres->reading ? 600000 : 5000);
        autofree char *more =
                postgres->reading
                        ? memory_copy_text("SET default_transaction_read_only = on;"
                                           "SET default_transaction_isolation = 'repeatable read'")
                        : memory_format("SELECT pg_advisory_lock_shared(%lld)", (long long)postgres->session);

        return postgres_script(database, sql, err) && postgres_script(database, more, err);
}

bool postgres_begin_session(struct postgres *postgres, PGconn *connection, struct database *ret_database,
                            struct error *err)
{
        struct postgres_session *session = memory_new(1, sizeof *session);
        struct database database = {.backend = &postgres_backend,
                                    .handle = session,
                                    .path = memory_copy_text(postgres->name)};

        *session = (struct postgres_session){.postgres = postgres, .connection = connection};
        (void)postgres->pq.PQsetnonblocking(connection, 1);
        if (!set_up(postgres, &database, err)) {
                database_close(&database);
                return false;
        }
        *ret_database = database;
        return true;
}
