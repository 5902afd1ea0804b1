/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/ledger_internal.h"

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
};

int64_t schema_newest(void)
{
        return ARRAY_LENGTH(migrations);
}

bool schema_version(struct database *database, int64_t *ret_version, struct error *err)
{
        int64_t tables, application, version = 0;

        if (!sql_find_integer(database, "SELECT count(*) FROM sqlite_schema", SQL_VALUES(), 0, &tables,
                              err) ||
            !sql_find_integer(database, "PRAGMA application_id", SQL_VALUES(), 0, &application, err))
                return false;
        if (tables > 0 && application != LEDGER_APPLICATION_ID) {
                database->damaged = true;
                return error_set(err, ERROR_INPUT, "NoLedger", "ledger %s: is a database of another program",
                                 database->path);
        }
        if (tables > 0 &&
            !sql_find_integer(database, "SELECT max(version) FROM migrations HAVING max(version) = count(*)",
                              SQL_VALUES(), 0, &version, err))
                return false;
        /* They are numbered 1, 2, 3, ...: anything else is not a version, whoever wrote it. */
        if (tables > 0 && version == 0)
                return database_failed(database, SQLITE_CORRUPT, err);
        if (version > schema_newest())
                return error_set(
                        err, ERROR_INPUT, "NewerLedger",
                        "ledger %s: was written by a newer optctl (version %lld of its layout, this program "
                        "knows up to %lld)",
                        database->path, (long long)version, (long long)schema_newest());
        *ret_version = version;
        return true;
}

/* The table of migrations comes with the first of them. */
static bool migrate_to(struct database *database, int64_t version, int64_t now_ms, struct error *err)
{
        if (version == 1) {
                autofree char *mark = memory_format("PRAGMA application_id = %d;"
                                                    "CREATE TABLE migrations (version INTEGER PRIMARY KEY,"
                                                    " time_ms INTEGER NOT NULL, program TEXT NOT NULL);",
                                                    LEDGER_APPLICATION_ID);

                if (!sql_run(database, mark, SQL_VALUES(), err))
                        return false;
        }
        return sql_run(database, migrations[version - 1], SQL_VALUES(), err) &&
               sql_run(database, "INSERT INTO migrations (version, time_ms, program) VALUES (?, ?, ?)",
                       SQL_VALUES(SQL_INTEGER(version), SQL_INTEGER(now_ms), SQL_TEXT(OPTCTL_VERSION)), err);
}

bool schema_migrate(struct database *database, int64_t now_ms, struct error *err)
{
        int64_t version;

        if (!schema_version(database, &version, err))
                return false;
        while (version < schema_newest()) {
                version++;
                if (!sql_begin(database, true, err))
                        return false;
                if (!migrate_to(database, version, now_ms, err)) {
                        sql_rollback(database);
                        return false;
                }
                if (!sql_commit(database, err))
                        return false;
        }
        return true;
}
