/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who writes of a pipeline, where several processes keep one ledger. Its row in `writers` names the session
 * of one of them, and is locked by each of its writes: who takes the row over waits for the write that is
 * under way, and finds all that went before; who lost it writes nothing any more, however late it notices.
 *
 * Who writes by a lease takes the row over whenever the lease is its own. Without one a writer is left alone
 * as long as its session is there.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ledger/internal.h"

#define HOLDER_ROOM 120

struct writer {
        bool known;
        int64_t session;
        char holder[HOLDER_ROOM];
};

static bool read_writer(struct ledger_scope *scope, struct writer *ret_writer, struct error *err)
{
        autocursor *cursor = NULL;
        bool row;

        if (!sql_prepare(&scope->ledger->database,
                         "SELECT session, holder FROM writers WHERE namespace = ? AND name = ? FOR UPDATE",
                         SQL_VALUES(SQL_TEXT(scope->namespace), SQL_TEXT(scope->name)), &cursor, err) ||
            !sql_next(cursor, &row, err))
                return false;
        *ret_writer = (struct writer){.known = row};
        if (!row)
                return true;
        ret_writer->session = sql_integer(cursor, 0);
        snprintf(ret_writer->holder, sizeof ret_writer->holder, "%s", sql_text(cursor, 1));
        return true;
}

static bool is_gone(struct ledger_scope *scope, const struct writer *writer, bool *ret_gone,
                    struct error *err)
{
        int64_t gone;

        if (!sql_find_integer(&scope->ledger->database,
                              "SELECT CAST(pg_try_advisory_xact_lock(?) AS INTEGER)",
                              SQL_VALUES(SQL_INTEGER(writer->session)), 0, &gone, err))
                return false;
        *ret_gone = gone != 0;
        return true;
}

static bool put_writer(struct ledger_scope *scope, const char *sql, struct error *err)
{
        char host[64] = "?", holder[HOLDER_ROOM];
        int64_t session = postgres_session_number(scope->ledger->postgres);

        (void)gethostname(host, sizeof host - 1);
        snprintf(holder, sizeof holder, "%s, pid %ld", host, (long)getpid());
        return sql_run(&scope->ledger->database, sql,
                       SQL_VALUES(SQL_TEXT(scope->namespace), SQL_TEXT(scope->name), SQL_INTEGER(session),
                                  SQL_TEXT(holder)),
                       err);
}

/* The first writer of a pipeline. Of two at the same moment the row is that of one of them: the other one
 * waits for it here, and reads it afterwards. */
static bool be_first(struct ledger_scope *scope, struct writer *ret_writer, struct error *err)
{
        return put_writer(scope,
                          "INSERT INTO writers (namespace, name, session, holder) VALUES (?, ?, ?, ?)"
                          " ON CONFLICT (namespace, name) DO NOTHING",
                          err) &&
               read_writer(scope, ret_writer, err);
}

/* What another one wrote since is newer than what this process remembers. */
static bool take_over(struct ledger_scope *scope, struct error *err)
{
        ledger_scope_forget(scope);
        return put_writer(scope,
                          "INSERT INTO writers (namespace, name, session, holder) VALUES (?, ?, ?, ?)"
                          " ON CONFLICT (namespace, name) DO UPDATE SET session = excluded.session,"
                          " holder = excluded.holder",
                          err);
}

static bool is_taken(const struct ledger_scope *scope, const char *holder, struct error *err)
{
        return error_set(err, ERROR_CONFLICT, "LedgerInUse",
                         "ledger %s: pipeline %s is written by another optctl (%s)",
                         scope->ledger->database.path, scope->name, holder);
}

bool ledger_scope_hold(struct ledger_scope *scope, struct error *err)
{
        const struct ledger *ledger = scope->ledger;
        struct writer writer;
        bool gone = true;

        if (!ledger->database.backend->shared)
                return true;
        if (ledger->leads && !ledger->leads(ledger->leads_context, scope->namespace, scope->name))
                return error_set(err, ERROR_CONFLICT, "NotLeading", "ledger %s: the lease is not held",
                                 ledger->database.path);
        if (!read_writer(scope, &writer, err) || (!writer.known && !be_first(scope, &writer, err)))
                return false;
        if (writer.known && writer.session == postgres_session_number(ledger->postgres))
                return true;
        if (!ledger->leads && writer.known && !is_gone(scope, &writer, &gone, err))
                return false;
        return gone ? take_over(scope, err) : is_taken(scope, writer.holder, err);
}
