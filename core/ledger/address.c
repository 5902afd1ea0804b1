/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a ledger in PostgreSQL is, and how a connection to it is made: by a thread, since names are looked up
 * and keys exchanged meanwhile. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "core/ledger/postgres.h"
#include "core/redact.h"
#include "core/text.h"

#define PASSWORD_FILE  "passwordFile="
#define FIRST_PAUSE_MS 1000
#define LAST_PAUSE_MS  30000
#define GLANCE_NS      250000000 /* most connections are there by then */
#define OLDEST_SERVER  120000

bool ledger_is_shared(const char *path)
{
        return strncmp(path, "postgresql://", 13) == 0 || strncmp(path, "postgres://", 11) == 0;
}

/* ---- the URL ---- */

static char *percent_decoded(const char *from, size_t length)
{
        autotext text = {0};

        for (size_t i = 0; i < length; i++) {
                int byte = text_percent_byte(from + i, length - i);
                char one = byte >= 0 ? (char)byte : from[i];

                text_add(&text, &one, 1);
                i += byte >= 0 ? 2 : 0;
        }
        return text_take(&text);
}

/* Where the query begins; NULL: there is none. As libpq has it, a ? before the first @ is a password's. */
static const char *query_of(const char *url)
{
        const char *host = strstr(url, "://") + 3, *at = host + strcspn(host, "@/");

        return strchr(*at == '@' ? at : host, '?');
}

/* Takes our own parameter out of the query. */
static void split(const char *url, struct postgres *postgres)
{
        const char *query = query_of(url), *at = query;
        autotext rest = {0};
        size_t length;

        text_add(&rest, url, query ? (size_t)(query - url) : strlen(url));
        for (; at && *at; at += length) {
                length = 1 + strcspn(at + 1, "&");
                if (strncmp(at + 1, PASSWORD_FILE, sizeof PASSWORD_FILE - 1) != 0) {
                        text_put(&rest, strchr(rest.data, '?') ? "&" : "?");
                        text_add(&rest, at + 1, length - 1);
                } else if (!postgres->password) {
                        size_t skip = sizeof PASSWORD_FILE;
                        autofree char *path = percent_decoded(at + skip, length - skip);

                        postgres->password = secret_new(path, NULL);
                }
        }
        postgres->url = text_take(&rest);
}

static char *name_of(const char *url)
{
        const char *query = query_of(url);
        autofree char *plain = memory_format("%.*s", query ? (int)(query - url) : (int)strlen(url), url);

        return redact_url(plain);
}

/* Everybody who may list processes reads arguments, and specs are kept in repositories. */
static bool check_url(const struct postgres *postgres, struct error *err)
{
        char *words = NULL;
        PQconninfoOption *options = postgres->pq.PQconninfoParse(postgres->url, &words);
        bool told = false;

        if (!options) {
                autofree char *said = postgres_words(words);

                postgres->pq.PQfreemem(words);
                return error_set(err, ERROR_INPUT, NULL, "ledger %s: %s", postgres->name, said);
        }
        for (const PQconninfoOption *one = options; one->keyword; one++)
                told |= one->val &&
                        (strcmp(one->keyword, "password") == 0 || strcmp(one->keyword, "sslpassword") == 0);
        postgres->pq.PQconninfoFree(options);
        return !told || error_set(err, ERROR_INPUT, "SecretInUrl",
                                  "ledger %s: a password in the URL can be read by others; expected "
                                  "passwordFile=FILE behind its ?",
                                  postgres->name);
}

bool postgres_new(const char *url, bool reading, struct postgres **ret_postgres, struct error *err)
{
        autocall(postgres_free) struct postgres *postgres = memory_new(1, sizeof *postgres);

        postgres->reading = reading;
        postgres->name = name_of(url);
        split(url, postgres);
        if (getrandom(&postgres->session, sizeof postgres->session, 0) != (ssize_t)sizeof postgres->session)
                return error_set(err, ERROR_IO, NULL, "ledger %s: no random numbers", postgres->name);
        if (!libpq_load(&postgres->pq, err) || !check_url(postgres, err))
                return false;
        *ret_postgres = TAKE(postgres);
        return true;
}

int64_t postgres_session_number(const struct postgres *postgres)
{
        return postgres->session;
}

const char *postgres_name(const struct postgres *postgres)
{
        return postgres->name;
}

/* ---- connecting ---- */

static void wipe(char **text)
{
        if (*text)
                explicit_bzero(*text, strlen(*text));
        free(*text);
        *text = NULL;
}

/* What stands before the URL are defaults, what stands behind it holds. */
static void *connect_apart(void *context)
{
        struct postgres *postgres = context;
        const char *const names[] = {"sslmode",
                                     "connect_timeout",
                                     "application_name",
                                     "keepalives_idle",
                                     "keepalives_interval",
                                     "keepalives_count",
                                     "tcp_user_timeout",
                                     "dbname",
                                     "client_encoding",
                                     postgres->secret_text ? "password" : NULL,
                                     NULL};
        const char *const values[] = {"verify-full", "5",     "optctl",      "10",   "5",
                                      "3",           "10000", postgres->url, "UTF8", postgres->secret_text,
                                      NULL};

        postgres->made = postgres->pq.PQconnectdbParams(names, values, 1);
        return NULL;
}

static bool begin_connecting(struct postgres *postgres, struct error *err)
{
        const char *text = NULL;

        if (postgres->password && !secret_text(postgres->password, &text, err))
                return error_wrap(err, "ledger %s", postgres->name);
        postgres->secret_text = memory_copy_text(text);
        if (pthread_create(&postgres->thread, NULL, connect_apart, postgres) != 0)
                return error_set(err, ERROR_IO, NULL, "ledger %s: no thread to connect with", postgres->name);
        postgres->connecting = true;
        return true;
}

static void ignore_notice(void *context, const char *message)
{
        (void)context;
        (void)message;
}

static bool check_server(const struct postgres *postgres, PGconn *made, struct error *err)
{
        const struct libpq *pq = &postgres->pq;
        const char *encoding = pq->PQparameterStatus(made, "server_encoding");

        if (pq->PQserverVersion(made) < OLDEST_SERVER)
                return error_set(err, ERROR_INPUT, NULL,
                                 "ledger %s: PostgreSQL %d is too old; expected 12 or newer", postgres->name,
                                 pq->PQserverVersion(made) / 10000);
        return (encoding && strcmp(encoding, "UTF8") == 0) ||
               error_set(err, ERROR_INPUT, NULL, "ledger %s: the database's encoding is %s; expected UTF8",
                         postgres->name, encoding ? encoding : "not known");
}

/* The thread is done. */
static bool end_connecting(struct postgres *postgres, struct database *ret_database, struct error *err)
{
        PGconn *made = postgres->made;

        postgres->connecting = false;
        postgres->made = NULL;
        wipe(&postgres->secret_text);
        if (postgres->pq.PQstatus(made) != CONNECTION_OK) {
                autofree char *words = postgres_words(postgres->pq.PQerrorMessage(made));

                postgres->pq.PQfinish(made);
                return error_set(err, ERROR_UNAVAILABLE, "LedgerUnreachable", "ledger %s: %s", postgres->name,
                                 words);
        }
        (void)postgres->pq.PQsetNoticeProcessor(made, ignore_notice, NULL);
        if (!check_server(postgres, made, err)) {
                postgres->pq.PQfinish(made);
                return false;
        }
        return postgres_begin_session(postgres, made, ret_database, err);
}

bool postgres_connect(struct postgres *postgres, struct database *ret_database, struct error *err)
{
        if (!begin_connecting(postgres, err))
                return false;
        pthread_join(postgres->thread, NULL);
        postgres->patient = true;
        return end_connecting(postgres, ret_database, err);
}

void postgres_opened(struct postgres *postgres)
{
        postgres->patient = false;
}

/* Longer pauses each time. */
static bool fail_until(struct postgres *postgres, int64_t now_ms, struct error *err)
{
        postgres->pause_ms = postgres->pause_ms ? 2 * postgres->pause_ms : FIRST_PAUSE_MS;
        if (postgres->pause_ms > LAST_PAUSE_MS)
                postgres->pause_ms = LAST_PAUSE_MS;
        postgres->next_ms = now_ms + postgres->pause_ms;
        postgres->failure = *err;
        return false;
}

bool postgres_reconnect(struct postgres *postgres, int64_t now_ms, struct database *ret_database,
                        struct error *err)
{
        struct timespec until;

        if (!postgres->connecting) {
                if (now_ms < postgres->next_ms) {
                        *err = postgres->failure;
                        return false;
                }
                if (!begin_connecting(postgres, err))
                        return fail_until(postgres, now_ms, err);
        }
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += GLANCE_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_timedjoin_np(postgres->thread, NULL, &until) != 0)
                return error_set(err, ERROR_UNAVAILABLE, "LedgerUnreachable", "ledger %s: is being connected",
                                 postgres->name);
        if (!end_connecting(postgres, ret_database, err))
                return fail_until(postgres, now_ms, err);
        postgres->pause_ms = 0;
        return true;
}

void postgres_free(struct postgres *postgres)
{
        if (!postgres)
                return;
        if (postgres->connecting) {
                pthread_join(postgres->thread, NULL);
                postgres->pq.PQfinish(postgres->made);
                wipe(&postgres->secret_text);
        }
        secret_free(postgres->password);
        free(postgres->url);
        free(postgres->name);
        free(postgres);
}
