/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop on the real ledger: the process is left in the middle of an action, the next one opens the same
 * file. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/loop.h"
#include "core/json.h"
#include "core/ledger.h"
#include "core/random.h"
#include "tests/support/play.h"

struct life {
        char folder[40], path[64];
        struct play *play;
        struct configuration baseline;
        struct ledger *ledger;
        struct journal journal;
        struct loop *loop;
};

static void begin_process(struct life *life)
{
        struct play *play = life->play;
        const struct ledger_options options = {.path = life->path, .clock = &play->clock};
        const struct ledger_subject subject = {.pipeline = &play->pipeline, .prices = play->prices};
        struct error err = ERROR_INIT;
        struct loop_setup setup;

        if (!ledger_open(&options, &life->ledger, &err) ||
            !ledger_journal(life->ledger, &subject, &life->journal, &err))
                fail_msg("%s", err.message);
        setup = (struct loop_setup){.pipeline = &play->pipeline,
                                    .constraints = &play->constraints,
                                    .prices = play->prices,
                                    .clock = &play->clock,
                                    .collector = &play->collector,
                                    .collector_state = play,
                                    .actuator = &play->actuator,
                                    .actuator_state = play,
                                    .strategy = &play->strategy,
                                    .strategy_state = play,
                                    .interval_ms = PLAY_WINDOW_MS,
                                    .journal = &life->journal,
                                    .mode = SPEC_AUTO,
                                    .baseline = &life->baseline};
        play_restart(play);
        life->loop = loop_new(&setup);
}

static void end_process(struct life *life)
{
        loop_free(life->loop);
        ledger_close(life->ledger);
}

static void open_life(struct life *life)
{
        *life = (struct life){.folder = "/tmp/optctl-loop-XXXXXX", .play = play_new()};
        life->baseline = play_configuration(4, 8);
        assert_non_null(mkdtemp(life->folder));
        snprintf(life->path, sizeof life->path, "%s/optctl.db", life->folder);
        begin_process(life);
}

static void close_life(struct life *life)
{
        static const char *const endings[] = {"", "-wal", "-shm", "-lock"};
        char path[100];

        for (size_t i = 0; i < ARRAY_LENGTH(endings); i++) {
                snprintf(path, sizeof path, "%s%s", life->path, endings[i]);
                (void)unlink(path);
        }
        assert_int_equal(rmdir(life->folder), 0);
        play_free(life->play);
}

static void turns(struct life *life, int count)
{
        for (int i = 0; i < count; i++) {
                life->play->now_ms += PLAY_WINDOW_MS;
                loop_turn(life->loop);
        }
}

static json_t *history(const struct life *life)
{
        autocall(ledger_reader_close) struct ledger_reader *reader = NULL;
        struct error err = ERROR_INIT;
        json_t *decisions = NULL;

        if (!ledger_reader_open(life->path, &reader, &err) ||
            !ledger_history(reader, INT64_MIN, 100000, &decisions, &err))
                fail_msg("%s", err.message);
        return decisions;
}

/* How many decisions ended so; NULL: were never carried out, or are not ended. */
static int count_outcomes(json_t *decisions, const char *outcome)
{
        int count = 0;
        json_t *decision;
        size_t i;

        json_array_foreach(decisions, i, decision)
        {
                const char *found = json_string_value(json_object_get(decision, "outcome"));

                count += found && strcmp(found, outcome) == 0;
        }
        return count;
}

static void test_the_next_process_verifies_what_the_last_one_applied(void **state)
{
        struct life life;
        json_t *decisions;

        (void)state;
        open_life(&life);
        play_want(life.play, 3, 8);
        turns(&life, 2);
        assert_int_equal(life.play->writes, 2);
        end_process(&life);
        begin_process(&life);
        turns(&life, 10);
        end_process(&life);
        assert_int_equal(life.play->writes, 2);
        decisions = history(&life);
        assert_int_equal(count_outcomes(decisions, "Confirmed"), 1);
        assert_int_equal(count_outcomes(decisions, "Pending"), 0);
        json_decref(decisions);
        close_life(&life);
}

static void test_the_next_process_takes_back_what_was_left_half_way(void **state)
{
        struct life life;
        json_t *decisions;

        (void)state;
        open_life(&life);
        play_want(life.play, 3, 8);
        life.play->knob_to_fail = 1;
        turns(&life, 1);
        assert_true(life.play->target.value[0] == 3 && life.play->target.value[1] == 4);
        end_process(&life);
        life.play->holds = true;
        begin_process(&life);
        assert_true(life.play->target.value[0] == 2 && life.play->target.value[1] == 4);
        turns(&life, 3);
        end_process(&life);
        decisions = history(&life);
        assert_int_equal(count_outcomes(decisions, "Failed"), 1);
        json_decref(decisions);
        close_life(&life);
}

/* Processes of a few turns each, on a target that fails now and then: in the end every action has its
 * outcome. */
static void test_many_short_lives_leave_nothing_unfinished(void **state)
{
        gsl_rng *rng = random_new(1, 0, 0);
        int ended = 0, confirmed;
        struct life life;
        json_t *decisions;

        (void)state;
        open_life(&life);
        for (int i = 0; i < 60; i++) {
                play_want(life.play, 1 + (double)gsl_rng_uniform_int(rng, 3),
                          3 + (double)gsl_rng_uniform_int(rng, 8));
                life.play->applies_to_fail = (int)gsl_rng_uniform_int(rng, 3);
                life.play->rate_of_wanted_ratio = gsl_rng_uniform(rng) < 0.3 ? 0.6 : 1;
                turns(&life, 1 + (int)gsl_rng_uniform_int(rng, 12));
                end_process(&life);
                begin_process(&life);
        }
        life.play->holds = true;
        turns(&life, 90);
        end_process(&life);
        gsl_rng_free(rng);
        decisions = history(&life);
        assert_int_equal(count_outcomes(decisions, "Pending"), 0);
        confirmed = count_outcomes(decisions, "Confirmed");
        ended = confirmed + count_outcomes(decisions, "Reverted") + count_outcomes(decisions, "Failed") +
                count_outcomes(decisions, "Unknown");
        assert_true(confirmed > 5);
        assert_true(ended >= 30);
        json_decref(decisions);
        close_life(&life);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_next_process_verifies_what_the_last_one_applied),
                cmocka_unit_test(test_the_next_process_takes_back_what_was_left_half_way),
                cmocka_unit_test(test_many_short_lives_leave_nothing_unfinished),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
