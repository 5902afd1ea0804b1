/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ledger/internal.h"
#include "core/series/series.h"

/*
 * The lock lies beside the ledger: SQLite's own locks are given up when any descriptor of the file is closed.
 * It stays when the ledger is closed; holding a process id, it also tells that what lies beside it was once
 * our ledger.
 */
#define LOCK_SUFFIX    "-lock"
#define LOCK_MAX_BYTES 31

/* ---- one writer ---- */

/* A link is not followed: a process id would be written over what it leads to. */
static bool lock_error(const char *path, const char *lock_path, int number, struct error *err)
{
        if (number == ELOOP)
                return error_set(err, ERROR_IO, NULL,
                                 "ledger %s: its lock %s is a symbolic link; expected a file", path,
                                 lock_path);
        return error_errno(err, number, "ledger %s: its lock %s", path, lock_path);
}

static long lock_owner(int lock)
{
        char text[LOCK_MAX_BYTES + 1];
        ssize_t length = pread(lock, text, sizeof text - 1, 0);

        text[length > 0 ? length : 0] = '\0';
        return strtol(text, NULL, 10);
}

static bool lock_taken(const char *path, long owner, struct error *err)
{
        error_set(err, ERROR_CONFLICT, "LedgerInUse", "ledger %s: is open in another optctl", path);
        if (owner > 0)
                error_set(err, ERROR_CONFLICT, "LedgerInUse",
                          "ledger %s: is open in another optctl (pid %ld)", path, owner);
        return false;
}

static bool take_lock(const char *path, int *ret_lock, struct error *err)
{
        autofree char *lock_path = memory_format("%s" LOCK_SUFFIX, path);
        int lock = open(lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);

        if (lock < 0)
                return lock_error(path, lock_path, errno, err);
        if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
                int why = errno;
                long owner = lock_owner(lock);

                close(lock);
                if (why == EWOULDBLOCK)
                        return lock_taken(path, owner, err);
                return error_errno(err, why, "ledger %s: its lock %s", path, lock_path);
        }
        *ret_lock = lock;
        return true;
}

/* What a symbolic link leads to has one lock, whatever it is called. NULL: it is no link, or one that leads
 * nowhere. Caller frees. */
static char *behind_link(const char *path)
{
        struct stat status;

        return lstat(path, &status) == 0 && S_ISLNK(status.st_mode) ? realpath(path, NULL) : NULL;
}

/* What to call the ledger. A link that leads nowhere leads to an empty file from now on: a ledger that is yet
 * to be made. Caller frees. */
static char *place_of(const char *path)
{
        char *place = behind_link(path);
        struct stat status;
        int made = -1;

        if (!place && lstat(path, &status) == 0 && S_ISLNK(status.st_mode))
                made = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (made >= 0) {
                close(made);
                place = behind_link(path);
        }
        return place ? place : memory_copy_text(path);
}

bool ledger_hold(const char *path, int *ret_lock, struct error *err)
{
        autofree char *place = behind_link(path);
        autofree char *lock_path = memory_format("%s" LOCK_SUFFIX, place ? place : path);
        int lock = open(lock_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        *ret_lock = -1;
        if (lock < 0)
                return errno == ENOENT || errno == ENOTDIR || lock_error(path, lock_path, errno, err);
        if (flock(lock, LOCK_SH | LOCK_NB) != 0) {
                long owner = lock_owner(lock);

                close(lock);
                return lock_taken(path, owner, err);
        }
        *ret_lock = lock;
        return true;
}

/* Of a file that is none of ours. */
static void drop_lock(const char *path)
{
        autofree char *lock_path = memory_format("%s" LOCK_SUFFIX, path);

        unlink(lock_path);
}

/* Best effort: without it only a message is poorer, and a damaged file is refused where it would have been
 * set aside. */
static void sign_lock(int lock)
{
        char text[LOCK_MAX_BYTES + 1];
        int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());

        if (ftruncate(lock, 0) == 0 && pwrite(lock, text, (size_t)length, 0) == length)
                return;
}

/* ---- a damaged file ---- */

static bool move_aside(const char *path, const char *aside, const char *suffix, struct error *err)
{
        autofree char *from = memory_format("%s%s", path, suffix);
        autofree char *to = memory_format("%s%s", aside, suffix);

        if (rename(from, to) == 0 || errno == ENOENT)
                return true;
        return error_errno(err, errno, "ledger %s: is damaged and cannot be set aside as %s", path, to);
}

/* "20260105T080000.250Z": fit for the name of a file. */
static void compact_time(int64_t time_ms, char buffer[32])
{
        char *to = buffer;

        time_format(time_ms, buffer);
        for (const char *from = buffer; *from; from++)
                if (*from != '-' && *from != ':')
                        *to++ = *from;
        *to = '\0';
}

/* The log of writes moves along, so that all there is left can be looked at later. */
static bool set_aside(struct ledger *ledger, struct error *err)
{
        const char *path = ledger->options.path;
        autofree char *aside = NULL, *index = memory_format("%s-shm", path);
        struct stat status;
        char time[32];
        int64_t now_ms = clock_now_ms(ledger->options.clock);

        database_close(&ledger->database);
        ledger->database.damaged = true;
        do {
                compact_time(now_ms++, time);
                free(aside);
                aside = memory_format("%s.corrupt-%s", path, time);
        } while (stat(aside, &status) == 0);
        if (!move_aside(path, aside, "-wal", err) || !move_aside(path, aside, "", err))
                return false;
        unlink(index);
        ledger->database.damaged = false;
        log_error(ledger->options.log, "ledger damaged: set aside, a new one is begun",
                  LOG_TEXT("ledger", path), LOG_TEXT("setAside", aside));
        return true;
}

/* ---- opening ---- */

static bool prepare_file(struct ledger *ledger, struct error *err)
{
        struct database *database = &ledger->database;
        int64_t version;

        /* What another program made must not be written to, not even its journal mode. */
        if (!schema_version(database, &version, err) || !file_prepare(database, err))
                return false;
        if (!schema_migrate(database, clock_now_ms(ledger->options.clock), err))
                return false;
        for (struct ledger_scope *scope = ledger->scopes; scope; scope = scope->next)
                if (!ledger_scope_store(scope, err))
                        return false;
        return true;
}

static bool connect(struct ledger *ledger, struct error *err)
{
        bool damaged;

        if (!file_open(ledger->options.path, FILE_WRITE, ledger->options.vfs, &ledger->database, err))
                return false;
        if (prepare_file(ledger, err))
                return true;
        damaged = ledger->database.damaged;
        database_close(&ledger->database);
        ledger->database.damaged = damaged;
        return false;
}

/* Scopes are stored as they are used: thousands of them would hold up the loop. */
static bool reconnect(struct ledger *ledger, struct error *err)
{
        struct database *database = &ledger->database;
        int64_t now_ms = clock_now_ms(ledger->options.clock);

        if (!postgres_reconnect(ledger->postgres, now_ms, database, err))
                return false;
        if (!schema_migrate(database, now_ms, err)) {
                database_close(database);
                return false;
        }
        ledger->opened++;
        log_info(ledger->options.log, "ledger connected", LOG_TEXT("ledger", database->path));
        return true;
}

/* Who removes a ledger, or puts another one in its place, mostly does so to its lock, too. Without one a
 * second optctl would write beside us; and there may be one by now. A link that was left in its place leads
 * to where the lock is from now on. */
static bool keep_lock(struct ledger *ledger, struct error *err)
{
        autofree char *left = ledger->place, *lock_path = NULL;
        struct stat ours, there;
        int lock;

        ledger->options.path = ledger->place = place_of(left);
        lock_path = memory_format("%s" LOCK_SUFFIX, ledger->place);
        if (fstat(ledger->lock, &ours) == 0 && stat(lock_path, &there) == 0 && ours.st_dev == there.st_dev &&
            ours.st_ino == there.st_ino)
                return true;
        if (!take_lock(ledger->place, &lock, err))
                return false;
        close(ledger->lock);
        ledger->lock = lock;
        sign_lock(lock);
        return true;
}

/* A file that has gone from its place takes what is written, and nobody will ever read it. */
static bool begin_anew(struct ledger *ledger, struct error *err)
{
        if (!keep_lock(ledger, err) || !connect(ledger, err))
                return false;
        log_error(ledger->options.log, "ledger removed or replaced while in use: goes on with what is there",
                  LOG_TEXT("ledger", ledger->place));
        return true;
}

bool ledger_ready(struct ledger *ledger, struct error *err)
{
        struct database *database = &ledger->database;
        bool in_doubt;

        if (database->handle && database->backend->lost && database->backend->lost(database, &in_doubt)) {
                database_close(database);
                ledger->gone = !ledger->postgres;
        }
        if (ledger->postgres)
                return database->handle || reconnect(ledger, err);
        if (database->damaged && !set_aside(ledger, err))
                return false;
        if (ledger->gone && !begin_anew(ledger, err))
                return false;
        ledger->gone = false;
        return database->handle || connect(ledger, err);
}

/* Damage is mended only where a ledger of ours has been: a file that was named by mistake stays as it is. */
static bool connect_or_mend(struct ledger *ledger, bool ours, struct error *err)
{
        if (connect(ledger, err))
                return true;
        if (!ledger->database.damaged)
                return false;
        if (ours)
                return ledger_ready(ledger, err);
        if (err->code == ERROR_INPUT)
                return false;
        return error_set(err, ERROR_INPUT, "NoLedger", "ledger %s: is no ledger of optctl, or damaged",
                         ledger->options.path);
}

static bool open_shared(struct ledger *ledger, struct error *err)
{
        if (!postgres_new(ledger->options.path, false, &ledger->postgres, err) ||
            !postgres_connect(ledger->postgres, &ledger->database, err))
                return false;
        ledger->opened++;
        if (!schema_migrate(&ledger->database, clock_now_ms(ledger->options.clock), err))
                return false;
        postgres_opened(ledger->postgres);
        return true;
}

/* What another name would mend is said of the name: of the lock, or of a database, it would tell little. */
static bool check_place(const char *path, struct error *err)
{
        autofree char *copy = memory_copy_text(path);
        const char *folder = dirname(copy);
        struct stat status;

        if (stat(path, &status) == 0)
                return ledger_check_kind(path, &status, err);
        return errno != ENOENT || stat(folder, &status) == 0 || errno != ENOENT ||
               error_set(err, ERROR_INPUT, NULL, "ledger %s: the folder %s does not exist", path, folder);
}

bool ledger_open(const struct ledger_options *options, struct ledger **ret_ledger, struct error *err)
{
        autocall(ledger_close) struct ledger *ledger = memory_new(1, sizeof *ledger);
        bool ours;

        *ledger = (struct ledger){.options = *options, .lock = -1};
        if (!*options->path)
                return error_set(err, ERROR_INPUT, NULL,
                                 "ledger: its name is empty; expected that of a file");
        if (strcmp(options->path, "-") == 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "ledger -: cannot be standard input or output; expected the name of a file");
        if (ledger_is_shared(options->path)) {
                if (!open_shared(ledger, err))
                        return false;
                *ret_ledger = TAKE(ledger);
                return true;
        }
        if (!check_place(options->path, err))
                return false;
        ledger->options.path = ledger->place = place_of(options->path);
        if (!take_lock(ledger->place, &ledger->lock, err))
                return false;
        ours = lock_owner(ledger->lock) > 0;
        if (ours)
                sign_lock(ledger->lock);
        if (!connect_or_mend(ledger, ours, err)) {
                if (!ours)
                        drop_lock(ledger->place);
                return false;
        }
        sign_lock(ledger->lock);
        *ret_ledger = TAKE(ledger);
        return true;
}

void ledger_by_lease(struct ledger *ledger,
                     bool (*leads)(void *context, const char *namespace, const char *name), void *context)
{
        ledger->leads = leads;
        ledger->leads_context = context;
}

/* The scope goes with the list. */
static void forget_name(void *scope)
{
        (void)scope;
}

void ledger_close(struct ledger *ledger)
{
        if (!ledger)
                return;
        tdestroy(ledger->by_name, forget_name);
        while (ledger->scopes) {
                struct ledger_scope *next = ledger->scopes->next;

                ledger_scope_free(ledger->scopes);
                ledger->scopes = next;
        }
        database_close(&ledger->database);
        postgres_free(ledger->postgres);
        if (ledger->lock >= 0)
                close(ledger->lock);
        free(ledger->place);
        free(ledger);
}

static bool prune(struct database *database, int64_t before_ms, int64_t most, int64_t *ret_removed,
                  struct error *err)
{
        autocursor *cursor = NULL;
        int64_t removed = 0;
        bool row;

        if (!sql_prepare(
                    database,
                    "DELETE FROM observations WHERE id IN (SELECT id FROM observations WHERE time_ms < ?1"
                    " ORDER BY time_ms LIMIT ?2) RETURNING id",
                    SQL_VALUES(SQL_INTEGER(before_ms), SQL_INTEGER(most)), &cursor, err) ||
            !sql_next(cursor, &row, err))
                return false;
        for (; row; removed++)
                if (!sql_next(cursor, &row, err))
                        return false;
        *ret_removed = removed;
        return true;
}

bool ledger_prune(struct ledger *ledger, int64_t before_ms, int64_t most, int64_t *ret_removed,
                  struct error *err)
{
        struct database *database = &ledger->database;

        if (!ledger_ready(ledger, err) || !sql_begin(database, false, err))
                return false;
        if (!prune(database, before_ms, most, ret_removed, err)) {
                sql_rollback(database);
                return false;
        }
        return sql_commit(database, err);
}
