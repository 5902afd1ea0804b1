/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Observations leave a ledger when they are old, and nothing else does. */
#include "controller/books/forget.h"
#include "tests/core/ledger/play.h"

#define OLD  (3 * FORGET_AT_ONCE + 7) /* observations */
#define DAYS INT64_C(30)
/* At the first look the OLD ones are over their age, the next one is half a minute short of it. */
#define NOW_MS                                                                                               \
        (PLAY_START_MS + DAYS * MS_PER_DAY + OLD * INT64_C(60000) - MS_PER_SECOND * 30 - FORGET_LOOK_MS)

struct fixture {
        char path[64];
        struct play play;
        struct reactor *reactor;
        struct forgetting forgetting;
};

/* One a minute. */
static void observe(struct fixture *fixture, int64_t turns)
{
        struct error err = ERROR_INIT;

        for (int64_t turn = 0; turn < turns; turn++) {
                struct observation seen = play_observation(turn);

                play_must(fixture->play.journal.observation(fixture->play.journal.context, &seen, &err),
                          &err);
        }
}

static int open_all(void **state)
{
        const struct reactor_options options = {.virtual_start_ms = NOW_MS};
        struct fixture *fixture = calloc(1, sizeof *fixture);
        struct error err = ERROR_INIT;

        snprintf(fixture->path, sizeof fixture->path, "/tmp/optctl-forget-%ld.db", (long)getpid());
        unlink(fixture->path);
        play_must(reactor_new(&options, &fixture->reactor, &err) &&
                          play_open(&fixture->play, fixture->path, NULL, &err),
                  &err);
        fixture->forgetting = (struct forgetting){.reactor = fixture->reactor,
                                                  .ledger = fixture->play.ledger,
                                                  .keep_ms = DAYS * MS_PER_DAY};
        *state = fixture;
        return 0;
}

static int close_all(void **state)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
        struct fixture *fixture = *state;

        play_close(&fixture->play);
        reactor_free(fixture->reactor);
        for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
                autofree char *file = memory_format("%s%s", fixture->path, suffixes[i]);

                unlink(file);
        }
        free(fixture);
        return 0;
}

static void stop(void *argument)
{
        reactor_stop(argument);
}

static void run_for(struct fixture *fixture, int64_t length_ms)
{
        reactor_spawn(fixture->reactor, forget_run, &fixture->forgetting);
        reactor_spawn_at(fixture->reactor, NOW_MS + length_ms, stop, fixture->reactor);
        reactor_run(fixture->reactor);
}

static int64_t rows_of(const struct fixture *fixture, const char *table)
{
        autofree char *sql = memory_format("SELECT count(*) FROM %s", table);

        return kept_integer(fixture->path, sql);
}

static void test_what_is_old_goes_and_the_rest_stays(void **state)
{
        struct fixture *fixture = *state;

        play_steps(&fixture->play, STEPS_PER_TURN); /* of which the observation goes, too */
        observe(fixture, OLD + 20);
        run_for(fixture, FORGET_LOOK_MS + 5 * FORGET_PAUSE_MS);
        assert_int_equal(rows_of(fixture, "observations"), 20);
        assert_int_equal(rows_of(fixture, "decisions WHERE observation_body IS NOT NULL"), 1);
        assert_int_equal(rows_of(fixture, "outcomes"), 1);
        assert_int_equal(rows_of(fixture, "spend"), 1);
}

static void test_the_loops_wait_for_a_few_at_a_time(void **state)
{
        struct fixture *fixture = *state;

        observe(fixture, OLD + 20);
        run_for(fixture, FORGET_LOOK_MS + FORGET_PAUSE_MS / 2);
        assert_int_equal(rows_of(fixture, "observations"), OLD + 20 - FORGET_AT_ONCE);
}

/* While time goes by, what comes of age goes. */
static void test_a_ledger_that_is_old_enough_does_not_grow(void **state)
{
        struct fixture *fixture = *state;

        fixture->forgetting.keep_ms = NOW_MS - play_time_ms(1000, SEEN); /* the first 1000 are old by now */
        observe(fixture, 2000);
        run_for(fixture, FORGET_LOOK_MS * 500);
        assert_in_range(rows_of(fixture, "observations"), 500, 502);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_old_goes_and_the_rest_stays, open_all,
                                                close_all),
                cmocka_unit_test_setup_teardown(test_the_loops_wait_for_a_few_at_a_time, open_all, close_all),
                cmocka_unit_test_setup_teardown(test_a_ledger_that_is_old_enough_does_not_grow, open_all,
                                                close_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
