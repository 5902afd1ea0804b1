/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/core/ledger/play.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define VERSION_1 "tests/core/ledger/version-1.sql"

struct fixture {
        char *folder, *path;
        struct play play;
};

static int begin(void **state)
{
        struct fixture *fixture = memory_new(1, sizeof *fixture);

        fixture->folder = folder_new();
        fixture->path = memory_format("%s/ledger.db", fixture->folder);
        *state = fixture;
        return 0;
}

static int begin_shared(void **state)
{
        struct fixture *fixture = memory_new(1, sizeof *fixture);

        fixture->path = memory_copy_text(shared_url());
        shared_clear(fixture->path);
        *state = fixture;
        return 0;
}

static int end(void **state)
{
        struct fixture *fixture = *state;

        play_close(&fixture->play);
        if (fixture->folder)
                folder_remove(fixture->folder);
        free(fixture->folder);
        free(fixture->path);
        free(fixture);
        return 0;
}

static void must_open(struct fixture *fixture)
{
        struct error err = ERROR_INIT;

        play_must(play_open(&fixture->play, fixture->path, NULL, &err), &err);
}

static void must_fail(struct fixture *fixture, enum error_code code, const char *words)
{
        struct error err = ERROR_INIT;
        struct play play = {0};

        assert_false(play_open(&play, fixture->path, NULL, &err));
        assert_int_equal(err.code, code);
        if (!strstr(err.message, words) || strchr(err.message, '\n'))
                fail_msg("%s", err.message);
}

static struct ledger_reader *must_read(const char *path)
{
        struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;

        play_must(ledger_reader_open(path, &reader, &err), &err);
        return reader;
}

static void must_not_read(const char *path, const char *words)
{
        struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;

        assert_false(ledger_reader_open(path, &reader, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, words) || strchr(err.message, '\n'))
                fail_msg("%s", err.message);
}

static bool exists(const char *path, const char *suffix)
{
        autofree char *name = memory_format("%s%s", path, suffix);

        return access(name, F_OK) == 0;
}

static const char *text_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "(null)";
}

/* ---- one turn, read back ---- */

static void test_what_was_written_is_read_back(void **state)
{
        struct fixture *fixture = *state;

        must_open(fixture);
        play_steps(&fixture->play, 3 * STEPS_PER_TURN + INTENDED + 1);
        play_close(&fixture->play);
        assert_int_equal(path_steps(fixture->path), 3 * STEPS_PER_TURN + INTENDED + 1);
        must_open(fixture);
        play_check_unfinished(&fixture->play, 3 * STEPS_PER_TURN + INTENDED + 1);
}

static void test_history_is_newest_first(void **state)
{
        struct fixture *fixture = *state;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *all = NULL, *two = NULL, *late = NULL;
        struct error err = ERROR_INIT;
        const json_t *row;

        must_open(fixture);
        play_steps(&fixture->play, 5 * STEPS_PER_TURN + APPLIED);
        reader = must_read(fixture->path);
        play_must(ledger_history(reader, INT64_MIN, 100, &all, &err), &err);
        assert_int_equal(json_array_size(all), 6);
        row = json_array_get(all, 0);
        assert_int_equal(json_integer_value(json_object_get(row, "id")), 6);
        assert_string_equal(text_of(row, "time"), "2026-01-05T08:05:01Z");
        assert_string_equal(text_of(row, "pipeline"), "analytics/clickstream");
        assert_string_equal(text_of(row, "strategy"), "plan");
        assert_string_equal(text_of(row, "from"), "6 workers");
        assert_string_equal(text_of(row, "to"), "7 workers");
        assert_string_equal(text_of(row, "verdict"), "Allowed");
        assert_string_equal(text_of(row, "outcome"), "Pending");
        assert_string_equal(text_of(row, "reason"), "load grows");
        assert_string_equal(text_of(json_array_get(all, 5), "outcome"), "Confirmed");
        play_must(ledger_history(reader, INT64_MIN, 2, &two, &err), &err);
        assert_int_equal(json_array_size(two), 2);
        play_must(ledger_history(reader, play_time_ms(4, DECIDED), 100, &late, &err), &err);
        assert_int_equal(json_array_size(late), 2);
}

/* A pipeline whose strategy, guardrails and peers tell secrets; refused once, then applied and taken back. */
static void play_a_reverted_action(struct ledger *ledger)
{
        autojson *settings = json_pack("{s:s, s:{s:s, s:[s]}, s:s}", "strategy", "plan", "options",
                                       "apiToken", "hunter2hunter2", "peers", "http://u:hunter2hunter2@h/",
                                       "password", "hunter2hunter2");
        const struct ledger_subject subject = {.pipeline = play_pipeline(), .settings = settings};
        struct observation seen = play_observation(0), later = play_observation(4);
        struct configuration before = play_workers(4), wanted = play_workers(12), allowed = play_workers(8);
        struct proposal proposal = {
                .kind = PROPOSAL_CHANGE,
                .strategy = "plan",
                .configuration = wanted,
                .expected_saving = 1.25,
                .prediction = {.present = true,
                               .capacity_mean = 120000,
                               .capacity_sd = 4000,
                               .latency_p99_mean = 0.8,
                               .latency_p99_sd = 0.1,
                               .cost_per_hour_mean = NAN,
                               .cost_per_hour_sd = NAN,
                               .settle_ms = 90000},
                .n_alternatives = 2,
                .alternatives = {{"12 workers", 3, 0.5, 0, true, ""},
                                 {"4 workers", 1, 0, 9, false, "misses latency"}},
                .reason = "forecast 118 k rec/s; token=hunter2hunter2",
        };
        struct verdict verdict = {
                .judgement = JUDGEMENT_CLIPPED,
                .configuration = allowed,
                .n_findings = 1,
                .findings = {{"stepLimit", JUDGEMENT_CLIPPED, "from 4 at most to 8 workers"}},
        };
        struct decision decision = {.time_ms = PLAY_START_MS + 1000,
                                    .observation = &seen,
                                    .proposal = &proposal,
                                    .verdict = &verdict,
                                    .before = before};
        const struct spend spend = {.from_ms = PLAY_START_MS + 120000,
                                    .to_ms = PLAY_START_MS + 240000,
                                    .cost = price_sum_of_money(0.1),
                                    .baseline_cost = price_sum_of_money(0.2)};
        struct intent intent = {.time_ms = PLAY_START_MS + 2000,
                                .from = before,
                                .to = allowed,
                                .prediction = proposal.prediction};
        struct error err = ERROR_INIT;
        struct journal journal;
        int64_t call_id, intent_id;

        play_must(ledger_journal(ledger, &subject, &journal, &err), &err);
        play_must(journal.decision(journal.context, &decision, &intent.decision_id, &err), &err);
        play_must(journal.intent(journal.context, &intent, &intent_id, &err), &err);
        play_must(journal.call_begin(journal.context, intent_id, PLAY_START_MS + 3000,
                                     "PATCH https://u:hunter2hunter2@api/scale", &call_id, &err),
                  &err);
        play_must(journal.call_end(journal.context, call_id, PLAY_START_MS + 4000, false,
                                   "401 Authorization: Bearer hunter2hunter2", &err),
                  &err);
        play_must(journal.applied(journal.context, intent_id, PLAY_START_MS + 5000, &err), &err);
        later.latency_p99_seconds = 7.5;
        play_must(journal.observation(journal.context, &later, &err), &err);
        play_must(journal.spend(journal.context, &spend, &err), &err);
        play_must(play_end(&journal, intent_id, PLAY_START_MS + 300000, OUTCOME_REVERTED,
                           "p99 7.5 s, predicted 0.8 s", &err),
                  &err);
}

static void test_a_decision_is_explained_from_the_ledger_alone(void **state)
{
        struct fixture *fixture = *state;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *decision = NULL, *history = NULL;
        const json_t *part, *action;
        struct error err = ERROR_INIT;

        must_open(fixture);
        play_a_reverted_action(fixture->play.ledger);
        play_close(&fixture->play);
        reader = must_read(fixture->path);
        play_must(ledger_decision(reader, 1, &decision, &err), &err);

        part = json_object_get(decision, "observation");
        assert_true(json_number_value(json_object_get(part, "throughput_per_second")) == 40100.25);
        assert_null(json_object_get(part, "cpu"));
        assert_null(json_object_get(part, "error_ratio"));
        part = json_array_get(json_object_get(part, "operators"), 1);
        assert_string_equal(text_of(part, "name"), "sink");
        assert_string_equal(text_of(part, "true_rate_per_second"), "Infinity");
        assert_string_equal(text_of(json_object_get(decision, "settings"), "strategy"), "plan");
        part = json_object_get(decision, "proposal");
        assert_string_equal(text_of(part, "text"), "12 workers");
        assert_string_equal(text_of(json_array_get(json_object_get(part, "alternatives"), 1), "why_not"),
                            "misses latency");
        part = json_array_get(json_object_get(json_object_get(decision, "verdict"), "findings"), 0);
        assert_string_equal(text_of(part, "rule"), "stepLimit");
        action = json_array_get(json_object_get(decision, "actions"), 0);
        assert_string_equal(text_of(json_object_get(action, "to"), "text"), "8 workers");
        assert_string_equal(text_of(action, "applied"), "2026-01-05T08:00:05Z");
        part = json_array_get(json_object_get(action, "calls"), 0);
        assert_string_equal(text_of(part, "answer"), "401 Authorization: Bearer ***");
        assert_true(json_is_false(json_object_get(part, "done")));
        part = json_object_get(action, "measured");
        assert_int_equal(json_integer_value(json_object_get(part, "windows")), 1);
        assert_true(json_number_value(json_object_get(part, "latency_p99_seconds")) == 7.5);
        assert_true(fabs(json_number_value(json_object_get(part, "cost_per_hour")) - 3) < 1e-9);
        assert_string_equal(text_of(json_object_get(action, "outcome"), "outcome"), "Reverted");

        play_must(ledger_history(reader, INT64_MIN, 1, &history, &err), &err);
        assert_string_equal(text_of(json_array_get(history, 0), "reason"), "p99 7.5 s, predicted 0.8 s");
}

static void test_no_secret_is_on_the_disk(void **state)
{
        struct fixture *fixture = *state;
        autofree char *search = memory_format("grep -q hunter2 %s/*", fixture->folder);
        autofree char *control = memory_format("grep -q 'misses latency' %s/*", fixture->folder);

        must_open(fixture);
        play_a_reverted_action(fixture->play.ledger);
        assert_int_not_equal(system(search), 0);
        assert_int_equal(system(control), 0);
}

/* ---- several pipelines, changes of a pipeline ---- */

static void test_pipelines_do_not_mix(void **state)
{
        struct fixture *fixture = *state;
        struct pipeline other = *play_pipeline();
        struct ledger_subject subject = {.namespace = "analytics", .pipeline = &other};
        struct error err = ERROR_INIT;
        struct journal journal;
        struct intent intent;
        bool found = true;

        other.name = "orders";
        must_open(fixture);
        play_steps(&fixture->play, INTENDED + 1);
        play_must(ledger_journal(fixture->play.ledger, &subject, &journal, &err), &err);
        play_must(journal.unfinished(journal.context, &intent, &found, &err), &err);
        assert_false(found);
        play_check_unfinished(&fixture->play, INTENDED + 1);
}

/* The spec lost the knob that the action was about: the action ends as unknown, and is not half taken up. */
static void test_an_action_on_knobs_that_are_gone(void **state)
{
        struct fixture *fixture = *state;
        struct knob knob = {.name = "parallelism",
                            .role = KNOB_PARALLELISM,
                            .operator_index = -1,
                            .min = 1,
                            .max = 9};
        struct pipeline changed = *play_pipeline();
        struct ledger_subject subject = {.namespace = "analytics", .pipeline = &changed};
        struct error err = ERROR_INIT;
        struct journal journal;
        struct intent intent;
        bool found = true;

        changed.knobs = &knob;
        must_open(fixture);
        play_steps(&fixture->play, INTENDED + 1);
        play_must(ledger_journal(fixture->play.ledger, &subject, &journal, &err), &err);
        play_must(journal.unfinished(journal.context, &intent, &found, &err), &err);
        assert_false(found);
        assert_int_equal(kept_integer(fixture->path,
                                      "SELECT count(*) FROM outcomes WHERE outcome = 'Unknown'"),
                         1);
        assert_int_equal(kept_integer(fixture->path, "SELECT count(*) FROM pipelines"), 2);
}

/* Only an intent that was reported as not written can be open when the next one comes. */
static void test_a_new_intent_ends_the_one_before(void **state)
{
        struct fixture *fixture = *state;
        struct error err = ERROR_INIT;
        struct intent intent;
        bool found;

        must_open(fixture);
        play_steps(&fixture->play, INTENDED + 1);
        fixture->play.steps = INTENDED;
        play_steps(&fixture->play, 1);
        play_must(fixture->play.journal.unfinished(fixture->play.journal.context, &intent, &found, &err),
                  &err);
        assert_true(found);
        assert_int_equal(intent.id, 2);
        assert_int_equal(
                kept_integer(fixture->path,
                             "SELECT count(*) FROM outcomes WHERE intent_id = 1 AND outcome = 'Unknown'"),
                1);
}

static void test_repeating_an_ending_is_harmless(void **state)
{
        struct fixture *fixture = *state;
        static const enum step repeated[] = {ANSWERED, APPLIED, ENDED};

        must_open(fixture);
        play_steps(&fixture->play, CALLED + 1);
        for (size_t i = 0; i < ARRAY_LENGTH(repeated); i++) {
                fixture->play.steps = repeated[i];
                play_steps(&fixture->play, 1);
                fixture->play.steps = repeated[i];
                play_steps(&fixture->play, 1);
                assert_int_equal(path_steps(fixture->path), repeated[i] + 1);
        }
}

static void test_pruning_forgets_observations_only(void **state)
{
        struct fixture *fixture = *state;
        struct error err = ERROR_INIT;
        int64_t removed = 0;

        must_open(fixture);
        play_steps(&fixture->play, 5 * STEPS_PER_TURN);
        play_must(ledger_prune(fixture->play.ledger, play_time_ms(3, SEEN), 2, &removed, &err), &err);
        assert_int_equal(removed, 2);
        assert_int_equal(kept_integer(fixture->path, "SELECT min(time_ms) FROM observations"),
                         play_time_ms(2, SEEN));
        play_must(ledger_prune(fixture->play.ledger, play_time_ms(3, SEEN), 2, &removed, &err), &err);
        assert_int_equal(removed, 1);
        assert_int_equal(kept_integer(fixture->path, "SELECT count(*) FROM observations"), 2);
        assert_int_equal(kept_integer(fixture->path,
                                      "SELECT count(*) FROM decisions WHERE observation_body IS NOT NULL"),
                         5);
}

static void test_books_cannot_be_altered(void **state)
{
        static const char *const attempts[] = {
                "UPDATE spend SET cost = 0",
                "DELETE FROM spend",
                "UPDATE outcomes SET outcome = 'Confirmed'",
                "UPDATE prices SET per_worker_hour = 0.1",
                "DELETE FROM prices",
        };
        struct fixture *fixture = *state;
        sqlite3 *file;

        must_open(fixture);
        play_steps(&fixture->play, STEPS_PER_TURN);
        file = file_open(fixture->path);
        assert_int_equal(sqlite3_exec(file, "INSERT INTO prices VALUES (1, 1, 0, 'USD', 0.2, NULL)", NULL,
                                      NULL, NULL),
                         SQLITE_OK);
        for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++)
                assert_int_equal(sqlite3_exec(file, attempts[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
        sqlite3_close(file);
}

/* ---- many pipelines ---- */

#define COUNT_TO(most) "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " most ") "

/* A thousand pipelines with ten days of books each, an hour a row, and of each two layouts that were
 * observed. What goes through the rows of all of them for each of them does not come to an end here. */
static void fill_with_many(const char *path)
{
        static const char *const statements[] = {
                COUNT_TO("2000") "INSERT INTO pipelines (namespace, name, currency, layout, settings)"
                                 " SELECT 'many', 'p' || (i % 1000), 'EUR', '{}', 'null' FROM n",
                COUNT_TO("240") "INSERT INTO spend (pipeline_id, from_ms, to_ms, cost, baseline_cost)"
                                " SELECT p.id, i * 3600000, (i + 1) * 3600000, 1, 3 FROM pipelines p, n"
                                " WHERE p.namespace = 'many' GROUP BY p.name, i",
                /* The layout that was made first is observed last. */
                COUNT_TO("20") "INSERT INTO observations (pipeline_id, time_ms, window_ms, body)"
                               " SELECT p.id, i * 1000 - p.id, 1000, '{\"workers\":' || i || '}'"
                               " FROM pipelines p, n WHERE p.namespace = 'many' ORDER BY i, p.id DESC",
        };
        sqlite3 *file = file_open(path);

        for (size_t i = 0; i < ARRAY_LENGTH(statements); i++)
                if (sqlite3_exec(file, statements[i], NULL, NULL, NULL) != SQLITE_OK)
                        fail_msg("%s", sqlite3_errmsg(file));
        sqlite3_close(file);
}

static void test_many_pipelines_are_read_at_once(void **state)
{
        struct fixture *fixture = *state;
        struct error err = ERROR_INIT;
        struct ledger_reader *reader;
        json_t *books, *pipelines, *one;
        size_t i, k;

        must_open(fixture);
        fill_with_many(fixture->path);
        reader = must_read(fixture->path);
        play_must(ledger_books(reader, NULL, INT64_MIN, &books, &err), &err);
        assert_int_equal(json_array_size(books), 1000);
        json_array_foreach(books, i, one)
        {
                const json_t *days = json_object_get(one, "day_savings");
                const json_t *day;

                assert_true(json_number_value(json_object_get(one, "baseline_cost")) == 720);
                assert_int_equal(json_array_size(days), 10);
                json_array_foreach(days, k, day) assert_true(json_number_value(day) == 48);
        }
        play_must(ledger_status(reader, NULL, &pipelines, &err), &err);
        assert_int_equal(json_array_size(pipelines), 1001); /* with the play's own */
        json_array_foreach(pipelines, i, one) if (json_string_value(json_object_get(one, "name"))[0] == 'p')
                assert_int_equal(json_integer_value(json_object_get(one, "workers")), 20);
        json_decref(books);
        json_decref(pipelines);
        ledger_reader_close(reader);
}

/* ---- one writer ---- */

static void test_one_writer_at_a_time(void **state)
{
        struct fixture *fixture = *state;
        autofree char *words = memory_format("is open in another optctl (pid %ld)", (long)getpid());
        int status;
        pid_t child;

        must_open(fixture);
        must_fail(fixture, ERROR_CONFLICT, words);
        child = fork();
        if (child == 0) {
                struct error err = ERROR_INIT;
                struct play play = {0};

                _exit(!play_open(&play, fixture->path, NULL, &err) && strstr(err.message, words) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        play_close(&fixture->play);
        must_open(fixture);
}

/* Whatever it is called, and whether it is there already. */
static void test_a_link_has_the_lock_of_what_it_leads_to(void **state)
{
        struct fixture *fixture = *state;
        autofree char *link = memory_format("%s/link.db", fixture->folder);
        struct fixture other = {.folder = fixture->folder, .path = link};

        assert_int_equal(symlink("ledger.db", link), 0);
        must_open(&other);
        must_fail(fixture, ERROR_CONFLICT, "is open in another optctl");
        play_close(&other.play);
        must_open(fixture);
        must_fail(&other, ERROR_CONFLICT, "is open in another optctl");
        assert_false(exists(fixture->folder, "/link.db-lock"));
        assert_int_equal(unlink(link), 0);
}

static void test_readers_do_not_mind_a_writer(void **state)
{
        struct fixture *fixture = *state;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *before = NULL, *after = NULL;
        struct error err = ERROR_INIT;

        must_open(fixture);
        play_steps(&fixture->play, STEPS_PER_TURN);
        reader = must_read(fixture->path);
        play_must(ledger_history(reader, INT64_MIN, 10, &before, &err), &err);
        play_steps(&fixture->play, STEPS_PER_TURN);
        play_must(ledger_history(reader, INT64_MIN, 10, &after, &err), &err);
        assert_true(json_equal(before, after));
}

/* ---- versions ---- */

static void test_an_older_ledger_is_brought_up_to_date(void **state)
{
        struct fixture *fixture = *state;
        struct error err = ERROR_INIT;
        struct intent intent;
        bool found = false;
        sqlite3 *file;

        file_from_sql(fixture->path, VERSION_1);
        must_open(fixture);
        play_must(fixture->play.journal.unfinished(fixture->play.journal.context, &intent, &found, &err),
                  &err);
        assert_true(found && intent.applied && intent.to.value[0] == 12 && !intent.prediction.present);
        fixture->play.intent_id = intent.id;
        fixture->play.steps = ENDED;
        play_steps(&fixture->play, 2);
        file = file_open(fixture->path);
        assert_int_equal(file_integer(file, "SELECT max(version) FROM migrations"), 5);
        assert_int_equal(file_integer(file, "SELECT time_ms FROM migrations WHERE version = 1"),
                         PLAY_START_MS);
        sqlite3_close(file);
}

static void test_reading_an_older_ledger_changes_nothing(void **state)
{
        struct fixture *fixture = *state;
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *decision = NULL, *history = NULL;
        autofree char *before = NULL, *after = NULL;
        size_t length, length_after;
        struct error err = ERROR_INIT;

        file_from_sql(fixture->path, VERSION_1);
        play_must(text_read_file(fixture->path, 1 << 20, &before, &length, &err), &err);
        reader = must_read(fixture->path);
        play_must(ledger_history(reader, INT64_MIN, 10, &history, &err), &err);
        assert_string_equal(text_of(json_array_get(history, 0), "to"), "12 workers");
        play_must(ledger_decision(reader, 1, &decision, &err), &err);
        assert_true(json_is_null(json_object_get(decision, "price")));
        play_must(text_read_file(fixture->path, 1 << 20, &after, &length_after, &err), &err);
        assert_int_equal(length, length_after);
        assert_memory_equal(before, after, length);
}

static void test_a_newer_ledger_is_refused(void **state)
{
        struct fixture *fixture = *state;
        sqlite3 *file;

        must_open(fixture);
        play_close(&fixture->play);
        file = file_open(fixture->path);
        assert_int_equal(sqlite3_exec(file, "INSERT INTO migrations VALUES (6, 0, '9.0')", NULL, NULL, NULL),
                         SQLITE_OK);
        sqlite3_close(file);
        must_fail(fixture, ERROR_INPUT,
                  "was written by a newer optctl (version 6 of its layout, this program knows up to 5)");
        must_not_read(fixture->path, "was written by a newer optctl");
        assert_false(exists(fixture->folder, "/ledger.db.corrupt"));
}

/* ---- files that are none of ours ---- */

static void test_other_files_are_left_alone(void **state)
{
        static const char text[] = "apiVersion: optctl.dev/v1alpha1\nkind: TunedPipeline\n";
        struct fixture *fixture = *state;
        autofree char *after = NULL;
        struct error err = ERROR_INIT;
        sqlite3 *file = NULL;

        play_must(text_write_file(fixture->path, text, sizeof text - 1, &err), &err);
        must_fail(fixture, ERROR_INPUT, "is no ledger of optctl");
        must_not_read(fixture->path, "is no ledger of optctl");
        play_must(text_read_file(fixture->path, 1 << 20, &after, NULL, &err), &err);
        assert_string_equal(after, text);
        assert_false(exists(fixture->path, "-lock"));

        unlink(fixture->path);
        assert_int_equal(sqlite3_open(fixture->path, &file), SQLITE_OK);
        assert_int_equal(sqlite3_exec(file, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(file);
        must_fail(fixture, ERROR_INPUT, "is a database of another program");
        must_not_read(fixture->path, "is a database of another program");
        assert_false(exists(fixture->path, "-wal"));
}

/* Who can write beside the ledger leads its lock to a file of somebody else's. */
static void test_a_lock_that_is_a_link_is_not_followed(void **state)
{
        struct fixture *fixture = *state;
        autofree char *lock = memory_format("%s-lock", fixture->path), *after = NULL;
        autofree char *theirs = memory_format("%s/theirs", fixture->folder);
        struct error err = ERROR_INIT;

        play_must(text_write_file(theirs, "theirs", 6, &err), &err);
        assert_int_equal(symlink(theirs, lock), 0);
        must_fail(fixture, ERROR_IO, "is a symbolic link; expected a file");
        play_must(text_read_file(theirs, 100, &after, NULL, &err), &err);
        assert_string_equal(after, "theirs");
        assert_int_equal(unlink(theirs), 0);
}

static void test_what_cannot_be_read(void **state)
{
        struct fixture *fixture = *state;
        autofree char *below = memory_format("%s/no/ledger.db", fixture->folder);
        const struct ledger_options options = {.path = below, .clock = &play_clock};
        struct ledger *ledger = NULL;
        struct error err = ERROR_INIT;

        must_not_read(fixture->path, "No such file");
        play_must(text_write_file(fixture->path, "", 0, &err), &err);
        must_not_read(fixture->path, "is empty");
        assert_false(ledger_open(&options, &ledger, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "/no does not exist"));
}

static void test_a_folder_is_no_ledger(void **state)
{
        struct fixture *fixture = *state;
        const struct ledger_options options = {.path = fixture->folder, .clock = &play_clock};
        struct ledger *ledger = NULL;
        struct error err = ERROR_INIT;

        assert_false(ledger_open(&options, &ledger, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "is no ordinary file"));
        assert_false(exists(fixture->folder, "-lock"));
}

static void test_unknown_decisions_are_named_with_the_range(void **state)
{
        struct fixture *fixture = *state;
        autocall(ledger_reader_close) struct ledger_reader *empty = NULL, *reader = NULL;
        struct error err = ERROR_INIT;
        json_t *decision = NULL;

        must_open(fixture);
        empty = must_read(fixture->path);
        assert_false(ledger_decision(empty, 1, &decision, &err));
        assert_non_null(strstr(err.message, "holds no decisions yet"));
        play_steps(&fixture->play, 3 * STEPS_PER_TURN);
        reader = must_read(fixture->path);
        assert_false(ledger_decision(reader, 17, &decision, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "there is no decision 17; it holds 1 to 3"));
        assert_null(decision);
}

#define TEST(function)   cmocka_unit_test_setup_teardown(function, begin, end)
#define SHARED(function) cmocka_unit_test_setup_teardown(function, begin_shared, end)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_what_was_written_is_read_back),
                TEST(test_history_is_newest_first),
                TEST(test_a_decision_is_explained_from_the_ledger_alone),
                TEST(test_no_secret_is_on_the_disk),
                TEST(test_pipelines_do_not_mix),
                TEST(test_an_action_on_knobs_that_are_gone),
                TEST(test_a_new_intent_ends_the_one_before),
                TEST(test_repeating_an_ending_is_harmless),
                TEST(test_pruning_forgets_observations_only),
                TEST(test_books_cannot_be_altered),
                TEST(test_many_pipelines_are_read_at_once),
                TEST(test_a_link_has_the_lock_of_what_it_leads_to),
                TEST(test_one_writer_at_a_time),
                TEST(test_readers_do_not_mind_a_writer),
                TEST(test_an_older_ledger_is_brought_up_to_date),
                TEST(test_reading_an_older_ledger_changes_nothing),
                TEST(test_a_newer_ledger_is_refused),
                TEST(test_other_files_are_left_alone),
                TEST(test_a_lock_that_is_a_link_is_not_followed),
                TEST(test_what_cannot_be_read),
                TEST(test_a_folder_is_no_ledger),
                TEST(test_unknown_decisions_are_named_with_the_range),
        };

        static const struct CMUnitTest in_postgres[] = {
                SHARED(test_what_was_written_is_read_back),
                SHARED(test_history_is_newest_first),
                SHARED(test_a_decision_is_explained_from_the_ledger_alone),
                SHARED(test_pipelines_do_not_mix),
                SHARED(test_an_action_on_knobs_that_are_gone),
                SHARED(test_a_new_intent_ends_the_one_before),
                SHARED(test_repeating_an_ending_is_harmless),
                SHARED(test_pruning_forgets_observations_only),
                SHARED(test_readers_do_not_mind_a_writer),
                SHARED(test_unknown_decisions_are_named_with_the_range),
        };
        int failures = cmocka_run_group_tests(tests, NULL, NULL);

        return shared_url() ? failures + cmocka_run_group_tests(in_postgres, NULL, NULL) : failures;
}
