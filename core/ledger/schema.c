/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ledger/internal.h"

int64_t schema_newest(const struct database *database)
{
        int64_t count = 0;

        while (database->backend->migrations[count])
                count++;
        return count;
}

bool schema_version(struct database *database, int64_t *ret_version, struct error *err)
{
        int64_t version = 0, newest = schema_newest(database);
        bool has;

        if (!database->backend->has_ledger(database, &has, err))
                return false;
        if (has &&
            !sql_find_integer(database, "SELECT max(version) FROM migrations HAVING max(version) = count(*)",
                              SQL_VALUES(), 0, &version, err))
                return false;
        /* They are numbered 1, 2, 3, ...: anything else is not a version, whoever wrote it. */
        if (has && version == 0)
                return database_damaged(database, err);
        if (version > newest)
                return error_set(
                        err, ERROR_INPUT, "NewerLedger",
                        "ledger %s: was written by a newer optctl (version %lld of its layout, this program "
                        "knows up to %lld)",
                        database->path, (long long)version, (long long)newest);
        *ret_version = version;
        return true;
}

/* The table of migrations comes with the first of them. */
static bool migrate_to(struct database *database, int64_t version, int64_t now_ms, struct error *err)
{
        const struct backend *backend = database->backend;

        return (version > 1 || backend->script(database, backend->beginning, err)) &&
               backend->script(database, backend->migrations[version - 1], err) &&
               sql_run(database, "INSERT INTO migrations (version, time_ms, program) VALUES (?, ?, ?)",
                       SQL_VALUES(SQL_INTEGER(version), SQL_INTEGER(now_ms), SQL_TEXT(OPTCTL_VERSION)), err);
}

/* By one process at a time: who waited finds it done. */
static bool migrate_next(struct database *database, int64_t now_ms, int64_t *ret_version, struct error *err)
{
        const char *alone = database->backend->alone;
        int64_t version;

        if ((alone && !database->backend->script(database, alone, err)) ||
            !schema_version(database, &version, err))
                return false;
        if (version < schema_newest(database) && !migrate_to(database, ++version, now_ms, err))
                return false;
        *ret_version = version;
        return true;
}

bool schema_migrate(struct database *database, int64_t now_ms, struct error *err)
{
        int64_t version;

        if (!schema_version(database, &version, err))
                return false;
        while (version < schema_newest(database)) {
                if (!sql_begin(database, true, err))
                        return false;
                if (!migrate_next(database, now_ms, &version, err)) {
                        sql_rollback(database);
                        return false;
                }
                if (!sql_commit(database, err))
                        return false;
        }
        return true;
}
