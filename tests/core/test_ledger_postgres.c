/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several processes, one ledger in PostgreSQL. What needs a server takes the one of OPTCTL_TEST_POSTGRES
 * (tests/e2e/postgres gives one). */
#include "tests/core/ledger/play.h"

#include <sys/socket.h>
#include <netinet/in.h>

/* A replica. Its lease comes and goes as the test says; `leased` false: it has none. */
struct replica {
        struct play play;
        bool leased, leads;
};

static bool leads(void *context, const char *namespace, const char *name)
{
        assert_string_equal(namespace, "analytics");
        assert_string_equal(name, play_pipeline()->name);
        return ((const struct replica *)context)->leads;
}

static bool join(struct replica *replica, struct error *err)
{
        const struct ledger_options options = {.path = shared_url(), .clock = &play_clock};
        const struct ledger_subject subject = {.namespace = "analytics", .pipeline = play_pipeline()};

        if (!replica->play.ledger && !ledger_open(&options, &replica->play.ledger, err))
                return false;
        if (replica->leased)
                ledger_by_lease(replica->play.ledger, leads, replica);
        return ledger_journal(replica->play.ledger, &subject, &replica->play.journal, err);
}

static void must_join(struct replica *replica)
{
        struct error err = ERROR_INIT;

        play_must(join(replica, &err), &err);
}

static void must_not_write(struct replica *replica, const char *reason)
{
        struct error err = ERROR_INIT;

        assert_false(play_step(&replica->play, &err));
        assert_int_equal(err.code, ERROR_CONFLICT);
        assert_string_equal(err.reason, reason);
}

/* What takes a server is skipped without one, and begins with an empty one. */
static void need_server(void)
{
        if (!shared_url())
                skip();
        shared_clear(shared_url());
}

/* All that optctl has. */
static void break_connections(void)
{
        (void)kept_integer(shared_url(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                         " WHERE application_name = 'optctl'");
}

static void alter_database(const char *how)
{
        autofree char *statement = memory_format("DO \\$do\\$ BEGIN EXECUTE format('ALTER DATABASE %%I %s', "
                                                 "current_database()); END \\$do\\$",
                                                 how);

        (void)kept_integer(shared_url(), statement);
}

/* ---- addresses ---- */

static void must_refuse(const char *url, const char *words, const char *secret)
{
        const struct ledger_options options = {.path = url, .clock = &play_clock};
        struct ledger *ledger = NULL;
        struct error err = ERROR_INIT;

        assert_false(ledger_open(&options, &ledger, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, words) || strchr(err.message, '\n') ||
            (secret && strstr(err.message, secret)))
                fail_msg("%s", err.message);
}

static void test_passwords_in_urls_are_refused(void **state)
{
        (void)state;
        must_refuse("postgresql://optctl:hunter2@127.0.0.1/optctl", "passwordFile=FILE", "hunter2");
        must_refuse("postgresql://optctl:hunter?2@127.0.0.1/optctl", "passwordFile=FILE", "hunter");
        must_refuse("postgres://127.0.0.1/optctl?user=optctl&password=hunter2", "passwordFile=FILE",
                    "hunter2");
        must_refuse("postgresql://127.0.0.1/optctl?sslpassword=hunter2&sslmode=require", "passwordFile=FILE",
                    "hunter2");
        must_refuse("postgresql://127.0.0.1/optctl?passwordFile=/nowhere/pass%20word", "/nowhere/pass word",
                    NULL);
        must_refuse("postgresql://127.0.0.1/optctl?colour=blue", "colour", NULL);
}

/* Nobody listens at a port that was just free. */
static void test_who_is_not_there_is_named(void **state)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        autofree char *url = NULL;
        struct error err = ERROR_INIT;
        struct ledger *ledger = NULL;
        struct ledger_options options = {.clock = &play_clock};

        (void)state;
        assert_int_equal(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
        options.path = url = memory_format("postgresql://127.0.0.1:%d/optctl", ntohs(address.sin_port));
        assert_false(ledger_open(&options, &ledger, &err));
        assert_int_equal(err.code, ERROR_UNAVAILABLE);
        assert_string_equal(err.reason, "LedgerUnreachable");
        assert_non_null(strstr(err.message, "refused"));
        close(listening);
}

/* ---- one writer of a pipeline ---- */

static void test_a_writer_without_a_lease_is_left_alone(void **state)
{
        struct replica first = {0}, second = {0};
        struct error err = ERROR_INIT;
        autofree char *who = NULL;

        (void)state;
        need_server();
        who = memory_format("pid %ld", (long)getpid());
        must_join(&first);
        play_steps(&first.play, INTENDED + 1);
        assert_false(join(&second, &err));
        assert_int_equal(err.code, ERROR_CONFLICT);
        assert_string_equal(err.reason, "LedgerInUse");
        assert_non_null(strstr(err.message, who));
        play_close(&first.play);
        must_join(&second);
        play_check_unfinished(&second.play, INTENDED + 1);
        play_close(&second.play);
}

/* Another one puts its row down for the first time, commits once this one waits for it, and stays: as if
 * both had begun at the same moment. */
static void test_of_two_first_writers_one_has_it(void **state)
{
        const struct ledger_options options = {.path = shared_url(), .clock = &play_clock};
        struct replica late = {0};
        struct error err = ERROR_INIT;
        autofree char *command = NULL;
        FILE *other;

        (void)state;
        need_server();
        play_must(ledger_open(&options, &late.play.ledger, &err), &err);
        command = memory_format("psql --no-psqlrc -qAt -d \"%s\" >/dev/null", shared_url());
        other = popen(command, "w");
        assert_non_null(other);
        fprintf(other,
                "SELECT pg_advisory_lock(4711); BEGIN;\n"
                "INSERT INTO optctl.writers VALUES ('analytics', '%s', 4711, 'the other one');\n"
                "DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted) LOOP"
                " PERFORM pg_sleep(0.01); END LOOP; END $$;\nCOMMIT;\n",
                play_pipeline()->name);
        fflush(other);
        while (kept_integer(shared_url(), "SELECT count(*) FROM pg_locks"
                                          " WHERE relation = 'optctl.writers'::regclass"
                                          " AND mode = 'RowExclusiveLock'") == 0)
                continue;
        assert_false(join(&late, &err));
        assert_int_equal(err.code, ERROR_CONFLICT);
        assert_non_null(strstr(err.message, "written by another optctl (the other one)"));
        pclose(other);
        must_join(&late);
        play_close(&late.play);
}

/* The first one was stopped for as long as its lease lasts, and goes on in the middle of its turn. */
static void test_who_lost_the_lease_writes_nothing_more(void **state)
{
        struct replica first = {.leased = true, .leads = true}, second = {.leased = true, .leads = true};

        (void)state;
        need_server();
        must_join(&first);
        play_steps(&first.play, CALLED + 1);
        must_join(&second);
        play_check_unfinished(&second.play, CALLED + 1);
        first.leads = false;
        must_not_write(&first, "NotLeading");
        second.play.steps = first.play.steps;
        second.play.intent_id = first.play.intent_id;
        second.play.call_id = first.play.call_id;
        play_steps(&second.play, STEPS_PER_TURN);
        must_not_write(&first, "NotLeading");
        assert_int_equal(kept_integer(shared_url(), "SELECT count(*) FROM calls"), 2);
        /* Back again it knows what the other one did. */
        first.leads = true;
        second.leads = false;
        must_join(&first);
        play_check_unfinished(&first.play, CALLED + 1 + STEPS_PER_TURN);
        must_not_write(&second, "NotLeading");
        play_close(&first.play);
        play_close(&second.play);
}

/* A pause that another one ended is not brought back by who had begun it. */
static void test_a_pause_ends_for_all(void **state)
{
        struct replica first = {.leased = true, .leads = true}, second = {.leased = true, .leads = true};
        struct journal_standing standing;
        struct error err = ERROR_INIT;

        (void)state;
        need_server();
        must_join(&first);
        play_must(first.play.journal.pause(first.play.journal.context, PLAY_START_MS, true, "audit", &err),
                  &err);
        must_join(&second);
        play_must(second.play.journal.standing(second.play.journal.context, &standing, &err), &err);
        assert_string_equal(standing.pause_reason, "audit");
        play_must(second.play.journal.pause(second.play.journal.context, PLAY_START_MS + 1, false, "", &err),
                  &err);
        must_join(&first);
        play_must(first.play.journal.standing(first.play.journal.context, &standing, &err), &err);
        assert_false(standing.paused);
        play_close(&first.play);
        play_close(&second.play);
}

/* ---- connections that break ---- */

/* The next step, once the connection that is being made is there: each try waits for it a little. */
static bool step_when_connected(struct replica *replica, struct error *err)
{
        for (int tries = 0; tries < 100; tries++) {
                error_clear(err);
                if (play_step(&replica->play, err))
                        return true;
                if (strcmp(err->reason, "LedgerUnreachable") != 0)
                        return false;
        }
        return false;
}

static void test_a_lost_connection_is_made_again(void **state)
{
        struct replica one = {0};
        struct error err = ERROR_INIT;

        (void)state;
        need_server();
        must_join(&one);
        for (int i = 0; i < 2 * STEPS_PER_TURN; i++) {
                break_connections();
                play_must(step_when_connected(&one, &err), &err);
        }
        assert_int_equal(path_steps(shared_url()), 2 * STEPS_PER_TURN);
        play_close(&one.play);
}

/* As PostgreSQL itself says: a server that follows another one takes no writes. */
static void test_a_server_that_only_reads_is_said_so(void **state)
{
        struct replica one = {0};
        struct error err = ERROR_INIT;

        (void)state;
        need_server();
        must_join(&one);
        alter_database("SET default_transaction_read_only = on");
        break_connections();
        assert_false(step_when_connected(&one, &err));
        assert_int_equal(err.code, ERROR_UNAVAILABLE);
        assert_string_equal(err.reason, "ReadOnly");
        alter_database("RESET default_transaction_read_only");
        play_must(step_when_connected(&one, &err), &err);
        play_close(&one.play);
}

/* ---- versions ---- */

static void test_one_of_a_newer_version_is_refused(void **state)
{
        struct replica one = {0};
        struct error err = ERROR_INIT;

        (void)state;
        need_server();
        must_join(&one);
        play_close(&one.play);
        (void)kept_integer(shared_url(), "INSERT INTO migrations VALUES (4, 0, '9.9')");
        assert_false(join(&one, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "newer optctl"));
}

static void test_books_cannot_be_altered(void **state)
{
        static const char *const attempts[] = {
                "UPDATE spend SET cost = 0",
                "DELETE FROM spend",
                "UPDATE outcomes SET outcome = 'Reverted'",
        };
        struct replica one = {0};

        (void)state;
        need_server();
        must_join(&one);
        play_steps(&one.play, STEPS_PER_TURN);
        for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
                autofree char *tried =
                        memory_format("DO \\$do\\$ BEGIN %s; RAISE EXCEPTION 'it was altered';"
                                      " EXCEPTION WHEN raise_exception THEN"
                                      " IF SQLERRM NOT LIKE '%%stay' THEN RAISE; END IF; END \\$do\\$",
                                      attempts[i]);

                (void)kept_integer(shared_url(), tried);
        }
        play_close(&one.play);
}

/* ---- from a file ---- */

static json_t *import_file(const char *path, struct error *err)
{
        const struct ledger_options options = {.path = shared_url(), .clock = &play_clock};
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autocall(ledger_close) struct ledger *ledger = NULL;
        json_t *pipelines = NULL;

        play_must(ledger_reader_open(path, &reader, err), err);
        play_must(ledger_open(&options, &ledger, err), err);
        (void)ledger_import(reader, ledger, &pipelines, err);
        return pipelines;
}

static char *history_of(const char *path)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;
        autojson *decisions = NULL;

        play_must(ledger_reader_open(path, &reader, &err), &err);
        play_must(ledger_history(reader, INT64_MIN, 1000, &decisions, &err), &err);
        return json_dumps(decisions, JSON_SORT_KEYS);
}

/* Counted by whoever is not the one that counts already. */
static void assert_taken(const char *path, const json_t *pipelines, bool imported)
{
        static const char *const tables[] = {"pipelines", "observations", "decisions", "intents", "calls",
                                             "outcomes",  "prices",       "spend",     "pauses",  "runs"};
        const json_t *one = json_array_get(pipelines, 0);
        autotext all = {0};
        int64_t rows = 0;

        assert_int_equal(json_array_size(pipelines), 1);
        assert_int_equal(json_is_true(json_object_get(one, "imported")), imported);
        for (size_t i = 0; i < ARRAY_LENGTH(tables); i++) {
                autofree char *count = memory_format("SELECT count(*) FROM %s", tables[i]);
                int64_t there = kept_integer(path, count);

                assert_int_equal(json_integer_value(json_object_get(json_object_get(one, "rows"), tables[i])),
                                 there);
                text_format(&all, "%s(%s)", i ? " + " : "SELECT ", count);
                rows += there;
        }
        assert_int_equal(kept_integer(shared_url(), all.data), rows);
}

/* All of it once, under the same numbers; then the pipeline goes on there from the middle of its turn. */
static void test_a_file_is_taken_over_once(void **state)
{
        autofree char *folder = NULL, *path = NULL, *before = NULL, *after = NULL;
        autojson *first = NULL, *again = NULL, *altered = NULL;
        struct error err = ERROR_INIT;
        struct play play = {0};
        int64_t steps = 3 * STEPS_PER_TURN + CALLED + 1;

        (void)state;
        need_server();
        folder = folder_new();
        path = memory_format("%s/ledger.db", folder);
        play_must(play_open(&play, path, NULL, &err), &err);
        play_steps(&play, steps);
        play_close(&play);
        first = import_file(path, &err);
        play_must(first != NULL, &err);
        assert_taken(path, first, true);
        again = import_file(path, &err);
        play_must(again != NULL, &err);
        assert_taken(path, again, false);
        before = history_of(path);
        after = history_of(shared_url());
        assert_string_equal(before, after);
        play_must(play_open(&play, shared_url(), NULL, &err), &err);
        play_check_unfinished(&play, steps);
        play_steps(&play, STEPS_PER_TURN);
        play_close(&play);
        altered = import_file(path, &err);
        assert_null(altered);
        assert_int_equal(err.code, ERROR_CONFLICT);
        assert_non_null(strstr(err.message, "is there already, and is not the same"));
        folder_remove(folder);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_passwords_in_urls_are_refused),
                cmocka_unit_test(test_who_is_not_there_is_named),
                cmocka_unit_test(test_a_writer_without_a_lease_is_left_alone),
                cmocka_unit_test(test_of_two_first_writers_one_has_it),
                cmocka_unit_test(test_a_file_is_taken_over_once),
                cmocka_unit_test(test_who_lost_the_lease_writes_nothing_more),
                cmocka_unit_test(test_a_pause_ends_for_all),
                cmocka_unit_test(test_a_lost_connection_is_made_again),
                cmocka_unit_test(test_a_server_that_only_reads_is_said_so),
                cmocka_unit_test(test_one_of_a_newer_version_is_refused),
                cmocka_unit_test(test_books_cannot_be_altered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
