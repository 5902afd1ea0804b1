/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A nightly job under the whole loop and the strategy `bayes`: one run is one trial. The least that a run can
 * cost is known, since all settings of tests/support/nightly.h can be looked at. */
#include <sqlite3.h>

#include "core/json.h"
#include "tests/support/nightly.h"

#define SEEDS   5
#define NIGHTS  12 /* by then a run has cost no more than ENOUGH times the least */
#define ENOUGH  1.1
#define SETTLED 45  /* nights after which hardly anything is tried any more */
#define GROWTH  1.3 /* of the data, from one night to the next */

static json_t *history_of(const struct nightly *nightly)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;
        json_t *decisions = NULL;

        nightly_must(ledger_reader_open(nightly->path, &reader, &err), &err);
        nightly_must(ledger_history(reader, INT64_MIN, 100000, &decisions, &err), &err);
        return decisions;
}

static const char *text_of(const json_t *row, const char *key)
{
        const char *text = json_string_value(json_object_get(row, key));

        return text ? text : "";
}

static bool was_broken(const struct run_observation *run)
{
        return run->failed || run->ended_ms - run->begun_ms > NIGHTLY_DEADLINE * MS_PER_SECOND;
}

/* ---- it gets cheap ---- */

struct tally {
        double worst;
        int broken, kept_broken;
};

/* What ran badly does not run the next night. */
static void live(uint64_t seed, struct tally *tally)
{
        struct run_observation before = {0};
        double best = INFINITY;
        struct nightly nightly;

        nightly_open(&nightly, "cheap", "", seed);
        for (int night = 1; night <= NIGHTS; night++) {
                const struct run_observation *run = &nightly.newest.seen;

                nightly_nights(&nightly, 1);
                best = fmin(best, nightly_money(&nightly, run->configuration.value));
                tally->broken += was_broken(run);
                tally->kept_broken += before.periodic && was_broken(&before) &&
                                      configuration_equal(&before.configuration, &run->configuration);
                before = *run;
        }
        tally->worst = fmax(tally->worst, best / nightly_least(&nightly));
        nightly_stop(&nightly);
        nightly_close(&nightly);
}

static void test_a_run_soon_costs_little_more_than_the_least(void **state)
{
        struct tally tally = {0};

        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                live(seed, &tally);
        print_message(
                "%d jobs, %d nights each: at worst %.3f times the least, %d runs failed or were late, %d "
                "of them kept\n",
                SEEDS, NIGHTS, tally.worst, tally.broken, tally.kept_broken);
        assert_true(tally.worst <= ENOUGH);
        assert_int_equal(tally.kept_broken, 0);
        assert_true(tally.broken <= SEEDS * NIGHTS / 10);
}

/* ---- what is said of it ---- */

static const json_t *find_decision(const json_t *decisions, const char *outcome)
{
        const json_t *row;
        size_t index;

        json_array_foreach(decisions, index,
                           row) if (strcmp(text_of(row, "outcome"), outcome) == 0) return row;
        fail_msg("no decision ended as %s", outcome);
        return NULL;
}

static void assert_says(const char *text, const char *const *parts)
{
        for (; *parts; parts++)
                if (!strstr(text, *parts))
                        fail_msg("said \"%s\", expected \"%s\"", text, *parts);
}

static void check_decision(const struct nightly *nightly, int64_t id, const char *outcome,
                           const char *const *reason, const char *const *ending)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;
        autojson *decision = NULL;
        const json_t *action, *ended;

        nightly_must(ledger_reader_open(nightly->path, &reader, &err), &err);
        nightly_must(ledger_decision(reader, id, &decision, &err), &err);
        action = json_array_get(json_object_get(decision, "actions"), 0);
        ended = json_object_get(action, "outcome");
        assert_string_equal(text_of(ended, "outcome"), outcome);
        assert_says(text_of(json_object_get(decision, "proposal"), "reason"), reason);
        assert_says(text_of(ended, "reason"), ending);
}

/* Eight gibibytes in all are too few for any number of executors: they are killed. */
static void test_what_fails_is_taken_back(void **state)
{
        static const char *const because[] = {"workers ", "memory 1Gi", "It is taken back if its run fails",
                                              "takes more than 1 h", NULL};
        static const char *const ending[] = {"its run failed", NULL};
        struct nightly nightly;
        autojson *decisions = NULL;

        (void)state;
        nightly_open(&nightly, "fails", "", 1);
        while (nightly.failed == 0)
                nightly_nights(&nightly, 1);
        assert_false(configuration_equal(&nightly.target, &nightly.newest.seen.configuration));
        decisions = history_of(&nightly);
        check_decision(&nightly,
                       json_integer_value(json_object_get(find_decision(decisions, "Reverted"), "id")),
                       "Reverted", because, ending);
        nightly_stop(&nightly);
        nightly_close(&nightly);
}

/* ---- it stops, and goes on ---- */

/* Nights of the next ten in which nothing is tried. Runs scatter, so now and then a trial looks worth it
 * again. */
static int count_quiet_nights(struct nightly *nightly)
{
        int quiet = 0;

        for (int night = 0; night < 10; night++) {
                nightly_nights(nightly, 1);
                quiet += strstr(loop_status(nightly->loop)->why, "is the best of") != NULL;
        }
        return quiet;
}

static void test_it_stops_when_a_trial_does_not_pay_and_goes_on_when_the_job_changes(void **state)
{
        struct nightly nightly;
        int applies;

        (void)state;
        nightly_open(&nightly, "stops", "", 2);
        nightly_nights(&nightly, SETTLED);
        assert_true(count_quiet_nights(&nightly) >= 6);
        assert_true(nightly_money(&nightly, nightly.target.value) <= ENOUGH * nightly_least(&nightly));
        applies = nightly.applies;
        nightly.data = GROWTH;
        nightly_nights(&nightly, SETTLED);
        assert_true(nightly.applies > applies + 6);
        assert_true(count_quiet_nights(&nightly) >= 6);
        assert_true(nightly_money(&nightly, nightly.target.value) <= ENOUGH * nightly_least(&nightly));
        nightly_stop(&nightly);
        nightly_close(&nightly);
}

/* ---- what it may not do ---- */

static void test_recommending_changes_nothing(void **state)
{
        struct nightly nightly;

        (void)state;
        nightly_open(&nightly, "recommends", "", 1);
        nightly_stop(&nightly);
        nightly.mode = SPEC_RECOMMEND;
        nightly_start(&nightly);
        nightly_nights(&nightly, 3);
        assert_int_equal(nightly.applies, 0);
        nightly_turn(&nightly);
        assert_says(loop_status(nightly.loop)->why,
                    (const char *const[]){"The best so far, workers 36, memory 16Gi, costs $ ", NULL});
        nightly_stop(&nightly);
        nightly_close(&nightly);
}

static void test_guardrails_hold(void **state)
{
        static const struct {
                const char *rule, *words;
        } rules[] = {
                {"  guardrails: {maxChangesPerDay: 0}\n", "0 changes in the last 24 h, of 0 allowed"},
                {"  guardrails: {freeze: [{cron: \"0 * * * *\", seconds: 3600}]}\n", "freeze"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(rules); i++) {
                struct nightly nightly;

                nightly_open(&nightly, "guarded", rules[i].rule, 1);
                nightly_nights(&nightly, 2);
                nightly_turn(&nightly);
                assert_int_equal(nightly.applies, 0);
                assert_says(loop_status(nightly.loop)->why, (const char *const[]){rules[i].words, NULL});
                nightly_stop(&nightly);
                nightly_close(&nightly);
        }
}

/* ---- the books ---- */

/* What the good runs with other settings would have cost with the first ones is known, since the job is made
 * up; runs that scatter by 2 % are nothing to the interval. What failed is lost. */
static void test_the_books_hold_what_was_saved(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                double saved = 0, with_baseline;
                struct nightly nightly;
                struct saving books;

                nightly_open(&nightly, "books", "", seed);
                with_baseline = nightly_money(&nightly, nightly.baseline.value);
                for (int night = 1; night <= NIGHTS; night++) {
                        const struct run_observation *run = &nightly.newest.seen;
                        double seconds;

                        nightly_nights(&nightly, 1);
                        seconds = (double)(run->ended_ms - run->begun_ms) / MS_PER_SECOND;
                        if (!configuration_equal(&run->configuration, &nightly.baseline))
                                saved += (run->failed ? 0 : with_baseline) -
                                         nightly_cost(seconds, run->configuration.value[0],
                                                      run->configuration.value[1]);
                }
                loop_saving(nightly.loop, 0.9, &books);
                print_message("seed %llu: saved %.2f, booked %.2f (%.2f to %.2f) of %.2f\n",
                              (unsigned long long)seed, saved, books.saving, books.low, books.high,
                              books.baseline_cost);
                assert_int_equal(books.runs.tally.runs, NIGHTS);
                assert_int_equal(books.runs.tally.failed, nightly.failed);
                assert_true(saved > books.low && saved < books.high);
                assert_true(books.high - books.low < books.baseline_cost / 2);
                nightly_stop(&nightly);
                nightly_close(&nightly);
        }
}

/* ---- restarts ---- */

struct memoirs {
        json_t *decisions;
        struct configuration target;
        int runs, told;
        struct saving saving;
};

static int count_runs(const struct nightly *nightly)
{
        sqlite3_stmt *statement = NULL;
        sqlite3 *file = NULL;
        int count;

        assert_int_equal(sqlite3_open_v2(nightly->path, &file, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(file, "SELECT count(*) FROM runs", -1, &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        count = sqlite3_column_int(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(file);
        return count;
}

static void remember(uint64_t seed, bool dies, struct memoirs *ret_memoirs)
{
        struct nightly nightly;

        nightly_open(&nightly, dies ? "dies" : "lives", "", seed);
        while (nightly.runs < NIGHTS) {
                nightly_turn(&nightly);
                if (!dies)
                        continue;
                nightly_stop(&nightly);
                nightly_start(&nightly);
        }
        *ret_memoirs = (struct memoirs){.target = nightly.target, .runs = nightly.runs};
        loop_saving(nightly.loop, 0.9, &ret_memoirs->saving);
        nightly_stop(&nightly);
        ret_memoirs->decisions = history_of(&nightly);
        ret_memoirs->told = count_runs(&nightly);
        nightly_close(&nightly);
}

/* What ended before the first turn, and between two turns, is learnt from run by run. */
static void test_runs_that_ended_without_it_count(void **state)
{
        struct nightly nightly;

        (void)state;
        nightly_open(&nightly, "alone", "", 1);
        nightly_alone(&nightly, 5);
        nightly_turn(&nightly);
        assert_int_equal(count_runs(&nightly), 5);
        assert_int_equal(nightly.applies, 1);
        assert_says(loop_proposal(nightly.loop)->alternatives[0].why_not,
                    (const char *const[]){"the best so far: 5 runs of ", NULL});
        nightly_alone(&nightly, 3);
        nightly_turn(&nightly);
        assert_int_equal(count_runs(&nightly), 8);
        nightly_stop(&nightly);
        nightly_close(&nightly);
}

static void test_restarted_at_every_turn_it_decides_the_same(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= 1; seed++) {
                struct memoirs through, again;
                char *one, *other;

                remember(seed, false, &through);
                remember(seed, true, &again);
                one = json_dumps(through.decisions, JSON_INDENT(1));
                other = json_dumps(again.decisions, JSON_INDENT(1));
                assert_string_equal(one, other);
                assert_true(configuration_equal(&through.target, &again.target));
                assert_int_equal(again.told, again.runs);
                assert_int_equal(through.told, through.runs);
                assert_memory_equal(&through.saving.cost, &again.saving.cost, sizeof(double));
                assert_memory_equal(&through.saving.baseline_cost, &again.saving.baseline_cost,
                                    sizeof(double));
                assert_memory_equal(&through.saving.low, &again.saving.low, sizeof(double));
                free(one);
                free(other);
                json_decref(through.decisions);
                json_decref(again.decisions);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run_soon_costs_little_more_than_the_least),
                cmocka_unit_test(test_what_fails_is_taken_back),
                cmocka_unit_test(test_it_stops_when_a_trial_does_not_pay_and_goes_on_when_the_job_changes),
                cmocka_unit_test(test_recommending_changes_nothing),
                cmocka_unit_test(test_guardrails_hold),
                cmocka_unit_test(test_the_books_hold_what_was_saved),
                cmocka_unit_test(test_runs_that_ended_without_it_count),
                cmocka_unit_test(test_restarted_at_every_turn_it_decides_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
