/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists for charts are what was written down, in its order; and of jobs that run from time to time each run.
 */
#include "tests/core/ledger/play.h"

static void write_down(struct play *play, int i, double offered, double backlog)
{
        struct observation *seen = memory_new(1, sizeof *seen);
        struct error err = ERROR_INIT;

        observation_clear(seen, PLAY_START_MS + i * 60000, 60000, 2);
        seen->missing = 0;
        seen->configuration = play_workers(4);
        seen->workers = 4;
        seen->offered_per_second = offered;
        seen->throughput_per_second = 100;
        seen->backlog_records = backlog;
        seen->operators[0].parallelism = 2;
        seen->operators[1].parallelism = 3;
        seen->operators[1].busy_ratio_max = 0.8;
        play_must(play->journal.observation(play->journal.context, seen, &err), &err);
        free(seen);
}

static void assert_list(const json_t *series, const char *name, size_t count, const double *expected)
{
        const json_t *list = json_object_get(series, name);

        assert_int_equal(json_array_size(list), count);
        for (size_t i = 0; i < count; i++) {
                const json_t *value = json_array_get(list, i);

                if (isnan(expected[i]))
                        assert_true(json_is_null(value));
                else if (fabs(json_number_value(value) - expected[i]) > 1e-9)
                        fail_msg("%s[%zu] is %g, not %g", name, i, json_number_value(value), expected[i]);
        }
}

static void check_series(const char *path)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        autojson *series = NULL, *nobody = NULL;
        struct play play = {0};
        struct error err = ERROR_INIT;

        play_must(play_open(&play, path, NULL, &err), &err);
        write_down(&play, 0, 1, 0);
        write_down(&play, 1, 120, 0);
        write_down(&play, 2, NAN, 500);
        play_must(ledger_reader_open(path, &reader, &err), &err);
        play_must(ledger_series(reader, "clickstream", 2, &series, &err), &err);
        assert_list(series, "time", 2, (double[]){PLAY_START_MS + 60000.0, PLAY_START_MS + 120000.0});
        assert_list(series, "offered", 2, (double[]){120, NAN});
        assert_list(series, "backlog_seconds", 2, (double[]){0, 5}); /* 500 records at 100 records/s */
        assert_list(series, "capacity", 2, (double[]){125, 125});    /* 100 records/s at 80 % */
        assert_list(series, "latency_p99", 2, (double[]){NAN, NAN});
        assert_list(json_object_get(series, "parallelism"), "sink", 2, (double[]){3, 3});
        play_must(ledger_series(reader, "somebody", 2, &nobody, &err), &err);
        assert_list(nobody, "time", 0, NULL);
        play_close(&play);
}

static void test_the_newest_stand_in_their_order(void **state)
{
        char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);

        (void)state;
        check_series(path);
        folder_remove(folder);
        free(folder);
}

static void test_so_they_do_in_postgres(void **state)
{
        (void)state;
        if (!shared_url())
                skip();
        shared_clear(shared_url());
        check_series(shared_url());
}

/* ---- runs ---- */

static void take_observation(void *context, const struct observation *observation)
{
        *(struct observation *)context = *observation;
}

/* What the newest observation says of a run, when it comes back. */
static void recall_run(struct play *play, const struct run_observation *run, struct run_observation *ret_run)
{
        struct observation *seen = memory_new(1, sizeof *seen);
        const struct journal_past past = {.observation = take_observation, .context = seen};
        struct error err = ERROR_INIT;

        observation_clear(seen, PLAY_START_MS, 60000, 2);
        seen->missing = 0;
        seen->configuration = play_workers(4);
        seen->run = *run;
        play_must(play->journal.observation(play->journal.context, seen, &err), &err);
        play_must(play->journal.past(play->journal.context, PLAY_START_MS - 1, &past, &err), &err);
        *ret_run = seen->run;
        free(seen);
}

static void test_a_run_comes_back_as_it_was(void **state)
{
        char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);
        struct run_observation run = {.periodic = true,
                                      .begun_ms = PLAY_START_MS - 900000,
                                      .ended_ms = PLAY_START_MS - 300000,
                                      .failed = true,
                                      .worker_seconds = 1200,
                                      .core_seconds = NAN,
                                      .byte_seconds = 1e12,
                                      .configuration = play_workers(2)};
        struct run_observation none = {.worker_seconds = NAN}, *back = memory_new(1, sizeof *back);
        struct play play = {0};
        struct error err = ERROR_INIT;

        (void)state;
        play_must(play_open(&play, path, NULL, &err), &err);
        recall_run(&play, &run, back);
        assert_true(back->periodic && back->failed);
        assert_true(back->begun_ms == run.begun_ms && back->ended_ms == run.ended_ms);
        assert_true(back->worker_seconds == 1200 && isnan(back->core_seconds) && back->byte_seconds == 1e12);
        assert_true(configuration_equal(&back->configuration, &run.configuration));
        run = (struct run_observation){.periodic = true, .worker_seconds = NAN};
        recall_run(&play, &run, back);
        assert_true(back->periodic && back->ended_ms == 0 && back->configuration.count == 0);
        recall_run(&play, &none, back);
        assert_false(back->periodic);
        play_close(&play);
        folder_remove(folder);
        free(folder);
        free(back);
}

struct handed_over {
        int count;
        int64_t first_ms, last_ms;
        bool in_order;
};

static void take_run(void *context, const struct observation *observation)
{
        struct handed_over *taken = context;

        if (taken->count++ == 0)
                taken->first_ms = observation->run.ended_ms;
        else
                taken->in_order &= observation->run.ended_ms > taken->last_ms;
        taken->last_ms = observation->run.ended_ms;
}

static void look_at(struct play *play, int64_t now_ms, int64_t ended_ms)
{
        struct observation *seen = memory_new(1, sizeof *seen);
        struct error err = ERROR_INIT;

        observation_clear(seen, now_ms, 60000, 2);
        seen->missing = 0;
        seen->configuration = play_workers(4);
        seen->run = (struct run_observation){.periodic = true,
                                             .begun_ms = ended_ms - 1000,
                                             .ended_ms = ended_ms,
                                             .configuration = play_workers(2)};
        play_must(play->journal.observation(play->journal.context, seen, &err), &err);
        free(seen);
}

/* Of one that is looked at many times, and of one that had ended before it. */
static void check_runs(const char *path)
{
        struct handed_over taken = {.in_order = true};
        const struct journal_past past = {.run = take_run, .context = &taken};
        int64_t hour_ms = 3600000, told = JOURNAL_RUNS + 5;
        struct play play = {0};
        struct error err = ERROR_INIT;

        play_must(play_open(&play, path, NULL, &err), &err);
        look_at(&play, PLAY_START_MS, 0); /* none has ended */
        for (int64_t i = 1; i <= told; i++) {
                play.gone_ms = i * hour_ms;
                for (int look = 0; look < 2; look++)
                        look_at(&play, PLAY_START_MS + i * hour_ms + look * 60000,
                                PLAY_START_MS + i * hour_ms);
        }
        look_at(&play, PLAY_START_MS + (told + 1) * hour_ms, PLAY_START_MS + 3 * hour_ms);
        play_must(play.journal.past(play.journal.context, INT64_MAX, &past, &err), &err);
        assert_int_equal(taken.count, JOURNAL_RUNS);
        assert_true(taken.in_order);
        assert_true(taken.first_ms == PLAY_START_MS + 6 * hour_ms);
        assert_true(taken.last_ms == PLAY_START_MS + told * hour_ms);
        play_close(&play);
}

static void test_each_of_the_newest_runs_comes_back_once(void **state)
{
        char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);

        (void)state;
        check_runs(path);
        folder_remove(folder);
        free(folder);
}

static void test_so_does_each_in_postgres(void **state)
{
        (void)state;
        if (!shared_url())
                skip();
        shared_clear(shared_url());
        check_runs(shared_url());
}

static void count_spend(void *context, const struct spend *spend)
{
        struct handed_over *taken = context;

        taken->count++;
        taken->last_ms = spend->to_ms;
}

/* A clock that was five years ahead for a while: what was kept by it does not stand in the way of what comes
 * once it is right, and is left out of what is recalled. */
static void check_ahead(const char *path)
{
        struct handed_over runs = {.in_order = true}, sums = {0}, seen = {.in_order = true};
        const struct journal_past past_runs = {.run = take_run, .context = &runs};
        const struct journal_past past_sums = {.spend = count_spend, .context = &sums};
        const struct journal_past past_windows = {.observation = take_run, .context = &seen};
        const int64_t hour_ms = 3600000, ahead_ms = 5 * 365 * 24 * hour_ms;
        const int64_t gone[] = {0, ahead_ms, hour_ms};
        struct play play = {0};
        struct error err = ERROR_INIT;

        play_must(play_open(&play, path, NULL, &err), &err);
        for (size_t i = 0; i < 3; i++) {
                int64_t now_ms = PLAY_START_MS + gone[i];
                const struct spend spend = {.from_ms = now_ms - hour_ms, .to_ms = now_ms};

                play.gone_ms = gone[i];
                look_at(&play, now_ms, now_ms - 1000);
                play_must(play.journal.spend(play.journal.context, &spend, &err), &err);
        }
        play_must(play.journal.past(play.journal.context, INT64_MAX, &past_runs, &err), &err);
        play_must(play.journal.past(play.journal.context, INT64_MAX, &past_sums, &err), &err);
        play_must(play.journal.past(play.journal.context, 0, &past_windows, &err), &err);
        assert_true(runs.count == 2 && runs.in_order);
        assert_true(runs.last_ms == PLAY_START_MS + hour_ms - 1000);
        assert_true(sums.count == 2 && sums.last_ms == PLAY_START_MS + hour_ms);
        assert_true(seen.count == 2 && seen.last_ms == runs.last_ms);
        play_close(&play);
}

/* What ran where the time is right, while our own clock is days behind, is kept once, too. */
static void check_behind(const char *path)
{
        struct handed_over taken = {.in_order = true};
        const struct journal_past past = {.run = take_run, .context = &taken};
        const int64_t day_ms = 24 * 3600000;
        struct play play = {0};
        struct error err = ERROR_INIT;

        play_must(play_open(&play, path, NULL, &err), &err);
        for (int64_t run = 1; run <= 2; run++)
                for (int look = 0; look < 3; look++)
                        look_at(&play, PLAY_START_MS, PLAY_START_MS + 10 * day_ms + run);
        play.gone_ms = 11 * day_ms;
        play_must(play.journal.past(play.journal.context, INT64_MAX, &past, &err), &err);
        assert_int_equal(taken.count, 2);
        assert_true(taken.in_order);
        play_close(&play);
}

static void test_what_a_wrong_clock_left_is_left_out(void **state)
{
        char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);

        (void)state;
        check_ahead(path);
        folder_remove(folder);
        free(folder);
}

static void test_a_run_ahead_of_the_clock_is_kept_once(void **state)
{
        char *folder = folder_new();
        autofree char *path = memory_format("%s/ledger.db", folder);

        (void)state;
        check_behind(path);
        folder_remove(folder);
        free(folder);
}

static void test_so_it_is_in_postgres(void **state)
{
        (void)state;
        if (!shared_url())
                skip();
        shared_clear(shared_url());
        check_ahead(shared_url());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_run_comes_back_as_it_was),
                cmocka_unit_test(test_each_of_the_newest_runs_comes_back_once),
                cmocka_unit_test(test_so_does_each_in_postgres),
                cmocka_unit_test(test_what_a_wrong_clock_left_is_left_out),
                cmocka_unit_test(test_so_it_is_in_postgres),
                cmocka_unit_test(test_a_run_ahead_of_the_clock_is_kept_once),
                cmocka_unit_test(test_the_newest_stand_in_their_order),
                cmocka_unit_test(test_so_they_do_in_postgres),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
