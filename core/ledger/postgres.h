/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_LEDGER_POSTGRES_H
#define OPTCTL_CORE_LEDGER_POSTGRES_H

#include <pthread.h>

#include "core/ledger/internal.h"
#include "core/ledger/libpq.h"
#include "core/secret.h"

/* Shared by the files of the ledger in PostgreSQL, for nobody else. */

/* Where a database is, and the way there. */
struct postgres {
        struct libpq pq;
        char *url;               /* without passwordFile */
        char *name;              /* the URL as messages show it */
        struct secret *password; /* NULL: libpq finds one itself, or none is needed */
        bool reading;            /* changes nothing, and takes its time */
        bool patient;            /* no loop waits yet */
        int64_t session;         /* of this process: by it others know that it lives */

        /* The connection that is being made, by a thread. */
        bool connecting;
        pthread_t thread;
        char *secret_text; /* borrowed from `password` */
        PGconn *made;

        int64_t next_ms, pause_ms;
        struct error failure; /* of the last attempt */
};

/* A connection; the handle of a database. */
struct postgres_session {
        struct postgres *postgres;
        PGconn *connection;  /* NULL: lost */
        int64_t deadline_ms; /* of the transaction, by the monotonic clock; 0: none is begun */
        bool in_doubt;       /* it was lost after it had been told to commit */
};

extern const struct backend postgres_backend;

/* The transaction that was begun may take as long as it needs; each of its statements as long as one alone.
 * No loop waits for it. */
void postgres_take_time(struct database *database);

/* Takes the connection. */
bool postgres_begin_session(struct postgres *postgres, PGconn *connection, struct database *ret_database,
                            struct error *err);

/* What the server or libpq said, on one line, without secrets. Caller frees. */
char *postgres_words(const char *words);

/* Versions of the tables (ledger_postgres_schema.c). */
extern const char *const postgres_migrations[];
extern const char postgres_beginning[];

#endif
