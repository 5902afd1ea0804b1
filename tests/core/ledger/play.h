/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_CORE_LEDGER_PLAY_H
#define OPTCTL_TESTS_CORE_LEDGER_PLAY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/json.h"
#include "core/ledger/ledger.h"
#include "core/text.h"

/*
 * The play all tests of the ledger put on: a loop that turns and turns, step by step, each turn the same
 * eight writes in the same order. So the number of steps that are in a file tells exactly which rows must be
 * there.
 */
enum step { SEEN, DECIDED, INTENDED, CALLED, ANSWERED, APPLIED, ENDED, SPENT, STEPS_PER_TURN };

#define PLAY_START_MS INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */

/* context: NULL, or how far the clock has gone on since. */
static inline int64_t play_now_ms(void *context)
{
        return PLAY_START_MS + (context ? *(const int64_t *)context : 0);
}

static const struct clock play_clock = {.now_ms = play_now_ms};

static inline const struct pipeline *play_pipeline(void)
{
        static struct operator_info operators[] = {{.name = "source", .source = true, .partitions = 8},
                                                   {.name = "sink"}};
        static struct edge edges[] = {{.from = 0, .to = 1, .selectivity = 1}};
        static struct knob knobs[] = {{.name = "workers",
                                       .role = KNOB_WORKERS,
                                       .operator_index = -1,
                                       .min = 1,
                                       .max = 32,
                                       .step = 1}};
        static const struct pipeline pipeline = {
                .name = "clickstream",
                .n_operators = 2,
                .operators = operators,
                .n_edges = 1,
                .edges = edges,
                .slots_per_worker = 1,
                .n_knobs = 1,
                .knobs = knobs,
        };

        return &pipeline;
}

static inline struct configuration play_workers(double workers)
{
        return (struct configuration){.count = 1, .value = {workers}};
}

struct play {
        struct ledger *ledger;
        struct journal journal;
        int64_t steps;   /* acknowledged */
        int64_t gone_ms; /* by the ledger's clock */
        struct clock clock;
        int64_t decision_id, intent_id, call_id;
};

/* False with the ledger's words in err. */
static inline bool play_open(struct play *play, const char *path, const char *vfs, struct error *err)
{
        const struct ledger_options options = {.path = path, .clock = &play->clock, .vfs = vfs};
        const struct ledger_subject subject = {.namespace = "analytics", .pipeline = play_pipeline()};
        struct ledger *ledger = NULL;

        play->clock = (struct clock){.now_ms = play_now_ms, .context = &play->gone_ms};
        if (!ledger_open(&options, &ledger, err))
                return false;
        if (!ledger_journal(ledger, &subject, &play->journal, err)) {
                ledger_close(ledger);
                return false;
        }
        play->ledger = ledger;
        return true;
}

static inline void play_close(struct play *play)
{
        ledger_close(play->ledger);
        play->ledger = NULL;
}

static inline int64_t play_time_ms(int64_t turn, enum step step)
{
        return PLAY_START_MS + turn * 60000 + step * 1000;
}

static inline double play_from(int64_t turn)
{
        return 1 + (double)(turn % 30);
}

static inline struct observation play_observation(int64_t turn)
{
        return (struct observation){
                .time_ms = play_time_ms(turn, SEEN),
                .window_ms = 60000,
                .restarts = -1,
                .configuration = play_workers(play_from(turn)),
                .workers = (int)play_from(turn),
                .workers_ready = (int)play_from(turn),
                .offered_per_second = 41200,
                .throughput_per_second = 40100.25,
                .backlog_records = 66000,
                .latency_p50_seconds = NAN,
                .latency_p95_seconds = NAN,
                .latency_p99_seconds = 1.5,
                .error_ratio = NAN,
                .cpu_ratio = 0.83,
                .n_operators = 2,
                .operators = {{.parallelism = 1,
                               .in_per_second = 40100.25,
                               .busy_ratio = 0.9,
                               .true_rate_per_second = 44555,
                               .backlog_records = 66000},
                              {.parallelism = 1,
                               .in_per_second = 40100.25,
                               .busy_ratio = 0,
                               .true_rate_per_second = INFINITY,
                               .backlog_records = NAN}},
        };
}

static inline bool play_decide(struct play *play, int64_t turn, struct error *err)
{
        struct observation seen = play_observation(turn);
        struct configuration wanted = play_workers(play_from(turn) + 1);
        struct proposal proposal = {.kind = PROPOSAL_CHANGE,
                                    .strategy = "plan",
                                    .configuration = wanted,
                                    .expected_saving = NAN,
                                    .reason = "load grows"};
        struct verdict verdict = {.judgement = JUDGEMENT_ALLOWED, .configuration = wanted};
        struct decision decision = {.time_ms = play_time_ms(turn, DECIDED),
                                    .observation = &seen,
                                    .proposal = &proposal,
                                    .verdict = &verdict,
                                    .before = play_workers(play_from(turn))};

        return play->journal.decision(play->journal.context, &decision, &play->decision_id, err);
}

static inline bool play_intend(struct play *play, int64_t turn, struct error *err)
{
        struct intent intent = {
                .decision_id = play->decision_id,
                .time_ms = play_time_ms(turn, INTENDED),
                .from = play_workers(play_from(turn)),
                .to = play_workers(play_from(turn) + 1),
                .prediction = {.present = true,
                               .capacity_mean = 0.1 + 0.2,
                               .capacity_sd = NAN,
                               .settle_ms = 90000},
        };

        return play->journal.intent(play->journal.context, &intent, &play->intent_id, err);
}

static inline bool play_end(const struct journal *journal, int64_t intent_id, int64_t time_ms,
                            enum outcome outcome, const char *reason, struct error *err)
{
        const struct ending ending = {.intent_id = intent_id,
                                      .time_ms = time_ms,
                                      .outcome = outcome,
                                      .carried_per_second = NAN,
                                      .reason = reason};

        return journal->outcome(journal->context, &ending, err);
}

/* The next step of the play; false when the ledger did not take it. */
static inline bool play_step(struct play *play, struct error *err)
{
        const struct journal *journal = &play->journal;
        int64_t turn = play->steps / STEPS_PER_TURN;
        enum step step = (enum step)(play->steps % STEPS_PER_TURN);
        int64_t now_ms = play_time_ms(turn, step);
        struct observation seen = play_observation(turn);
        const struct spend spend = {.from_ms = now_ms - 60000,
                                    .to_ms = now_ms,
                                    .cost = price_sum_of_money(0.25),
                                    .baseline_cost = price_sum_of_money(0.5)};
        bool done = false;

        switch (step) {
        case SEEN:
                done = journal->observation(journal->context, &seen, err);
                break;
        case DECIDED:
                done = play_decide(play, turn, err);
                break;
        case INTENDED:
                done = play_intend(play, turn, err);
                break;
        case CALLED:
                done = journal->call_begin(journal->context, play->intent_id, now_ms, "PATCH /scale",
                                           &play->call_id, err);
                break;
        case ANSWERED:
                done = journal->call_end(journal->context, play->call_id, now_ms, true, "200 OK", err);
                break;
        case APPLIED:
                done = journal->applied(journal->context, play->intent_id, now_ms, err);
                break;
        case ENDED:
                done = play_end(journal, play->intent_id, now_ms, OUTCOME_CONFIRMED, "as predicted", err);
                break;
        case SPENT:
        case STEPS_PER_TURN:
                done = journal->spend(journal->context, &spend, err);
                break;
        }
        play->steps += done;
        return done;
}

static inline void play_must(bool done, const struct error *err)
{
        if (!done)
                fail_msg("%s", err->message);
}

static inline void play_steps(struct play *play, int64_t count)
{
        struct error err = ERROR_INIT;

        for (int64_t i = 0; i < count; i++)
                play_must(play_step(play, &err), &err);
}

/* ---- looking at the file with SQLite itself ---- */

static inline int64_t file_integer(sqlite3 *file, const char *sql)
{
        sqlite3_stmt *statement = NULL;
        int64_t value;

        if (sqlite3_prepare_v2(file, sql, -1, &statement, NULL) != SQLITE_OK ||
            sqlite3_step(statement) != SQLITE_ROW)
                fail_msg("%s: %s", sql, sqlite3_errmsg(file));
        value = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return value;
}

static inline sqlite3 *file_open(const char *path)
{
        sqlite3 *file = NULL;

        assert_int_equal(sqlite3_open_v2(path, &file, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
        assert_int_equal(file_integer(file, "SELECT count(*) = 1 AND min(integrity_check) = 'ok' FROM "
                                            "pragma_integrity_check"),
                         1);
        assert_int_equal(file_integer(file, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
        return file;
}

/* The same of a ledger wherever it is kept: what is in PostgreSQL is looked at with psql. */
static inline int64_t kept_integer(const char *path, const char *sql)
{
        autofree char *command = NULL;
        char answer[64] = "";
        sqlite3 *file;
        int64_t value;
        FILE *said;

        if (!ledger_is_shared(path)) {
                file = file_open(path);
                value = file_integer(file, sql);
                sqlite3_close(file);
                return value;
        }
        command = memory_format("PGOPTIONS='-c search_path=optctl -c default_transaction_read_only=off -c "
                                "client_min_messages=error' "
                                "psql -X -q -A -t -v ON_ERROR_STOP=1 -c \"%s\" '%s'",
                                sql, path);
        said = popen(command, "r");
        assert_non_null(said);
        if (!fgets(answer, sizeof answer, said))
                answer[0] = '\0';
        if (pclose(said) != 0)
                fail_msg("psql refused: %s", sql);
        return strtoll(answer, NULL, 10);
}

/* How many steps a ledger holds, told by a count of each kind; fails when they are no beginning of the play.
 */
static inline int64_t steps_of(int64_t (*count_of)(void *context, const char *sql), void *context)
{
        static const char *const counts[STEPS_PER_TURN] = {
                [SEEN] = "SELECT count(*) FROM observations",
                [DECIDED] = "SELECT count(*) FROM decisions",
                [INTENDED] = "SELECT count(*) FROM intents",
                [CALLED] = "SELECT count(*) FROM calls",
                [ANSWERED] = "SELECT count(*) FROM calls WHERE done <> 0",
                [APPLIED] = "SELECT count(*) FROM intents WHERE applied_ms IS NOT NULL",
                [ENDED] = "SELECT count(*) FROM outcomes WHERE outcome = 'Confirmed'",
                [SPENT] = "SELECT count(*) FROM spend",
        };
        int64_t count[STEPS_PER_TURN], total = 0;

        for (int i = 0; i < STEPS_PER_TURN; i++)
                total += count[i] = count_of(context, counts[i]);
        for (int i = 0; i < STEPS_PER_TURN; i++)
                if (count[i] != total / STEPS_PER_TURN + (total % STEPS_PER_TURN > i))
                        fail_msg("%s: %lld of %lld steps", counts[i], (long long)count[i], (long long)total);
        return total;
}

static inline int64_t count_in_file(void *file, const char *sql)
{
        return file_integer(file, sql);
}

static inline int64_t file_steps(sqlite3 *file)
{
        return steps_of(count_in_file, file);
}

static inline int64_t count_in_shared(void *url, const char *sql)
{
        return kept_integer(url, sql);
}

static inline int64_t path_steps(const char *path)
{
        sqlite3 *file;
        int64_t steps;

        if (ledger_is_shared(path))
                return steps_of(count_in_shared, (void *)(uintptr_t)path);
        file = file_open(path);
        steps = file_steps(file);
        sqlite3_close(file);
        return steps;
}

/* A URL of a PostgreSQL whose schema optctl may be dropped, for tests; NULL: there is none. */
static inline const char *shared_url(void)
{
        return getenv("OPTCTL_TEST_POSTGRES");
}

static inline void shared_clear(const char *url)
{
        (void)kept_integer(url, "DROP SCHEMA IF EXISTS optctl CASCADE");
}

/* What `unfinished` must say of a file that holds this many steps. */
static inline void play_check_unfinished(struct play *play, int64_t steps)
{
        int64_t turn = steps / STEPS_PER_TURN;
        bool expected = steps % STEPS_PER_TURN > INTENDED && steps % STEPS_PER_TURN <= ENDED;
        struct error err = ERROR_INIT;
        struct intent intent;
        bool found = !expected;

        play_must(play->journal.unfinished(play->journal.context, &intent, &found, &err), &err);
        assert_int_equal(found, expected);
        if (!found)
                return;
        assert_int_equal(intent.id, turn + 1);
        assert_int_equal(intent.decision_id, turn + 1);
        assert_int_equal(intent.time_ms, play_time_ms(turn, INTENDED));
        assert_int_equal(intent.applied, steps % STEPS_PER_TURN > APPLIED);
        assert_int_equal(intent.to.count, 1);
        assert_true(intent.from.value[0] == play_from(turn) && intent.to.value[0] == play_from(turn) + 1);
        assert_true(intent.prediction.present && intent.prediction.capacity_mean == 0.1 + 0.2);
        assert_true(isnan(intent.prediction.capacity_sd) && intent.prediction.settle_ms == 90000);
}

/* ---- a folder of its own for each test ---- */

/* In memory where that can be had: what is tested is the death of the process and failures that are made up,
 * and thousands of syncs of a real disk would take minutes. */
static inline char *folder_new(void)
{
        const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        char *folder = memory_format("%s/optctl-ledger-XXXXXX", parent);

        assert_non_null(mkdtemp(folder));
        return folder;
}

static inline void folder_remove(const char *folder)
{
        autofree char *command = memory_format("rm -r '%s'", folder);

        assert_int_equal(system(command), 0);
}

static inline void file_remove(const char *path)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};

        for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
                autofree char *name = memory_format("%s%s", path, suffixes[i]);

                unlink(name);
        }
}

static inline void file_from_sql(const char *path, const char *sql_path)
{
        autofree char *sql = NULL;
        struct error err = ERROR_INIT;
        sqlite3 *file = NULL;

        play_must(text_read_file(sql_path, 1 << 20, &sql, NULL, &err), &err);
        assert_int_equal(sqlite3_open(path, &file), SQLITE_OK);
        assert_int_equal(sqlite3_exec(file, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(file);
}

#endif
