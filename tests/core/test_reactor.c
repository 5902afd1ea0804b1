/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fibers, timers and time. Expected times are arithmetic on a virtual clock. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/random.h"
#include "core/reactor.h"
#include "core/text.h"
#include "core/timers.h"

#define START 1700000000000

struct stage {
        struct reactor *reactor;
        struct clock clock;
        struct text said;
        struct fiber *waiter;
        int ended;
};

static struct stage stage_open(int64_t virtual_start_ms)
{
        const struct reactor_options options = {.virtual_start_ms = virtual_start_ms};
        struct error err = ERROR_INIT;
        struct stage stage = {0};

        assert_true(reactor_new(&options, &stage.reactor, &err));
        stage.clock = reactor_clock(stage.reactor);
        return stage;
}

static void stage_close(struct stage *stage)
{
        reactor_free(stage->reactor);
        text_free(&stage->said);
}

struct sleeper {
        struct stage *stage;
        const char *name;
        int64_t every_ms;
        int times;
};

static void sleep_and_say(void *argument)
{
        struct sleeper *sleeper = argument;
        struct stage *stage = sleeper->stage;
        struct error err = ERROR_INIT;

        for (int i = 1; i <= sleeper->times; i++) {
                if (!clock_sleep_until(&stage->clock, START + i * sleeper->every_ms, &err)) {
                        assert_int_equal(err.code, ERROR_INTERRUPTED);
                        text_format(&stage->said, "%s stops; ", sleeper->name);
                        return;
                }
                text_format(&stage->said, "%s %lld; ", sleeper->name,
                            (long long)(clock_now_ms(&stage->clock) - START));
        }
        stage->ended++;
}

static void test_virtual_time_jumps_from_timer_to_timer(void **state)
{
        struct stage stage = stage_open(START);
        struct sleeper day = {&stage, "a", 3 * MS_PER_HOUR, 2}, hour = {&stage, "b", 2 * MS_PER_HOUR, 3};

        (void)state;
        reactor_spawn(stage.reactor, sleep_and_say, &day);
        reactor_spawn(stage.reactor, sleep_and_say, &hour);
        reactor_run(stage.reactor);
        assert_string_equal(stage.said.data, "b 7200000; a 10800000; b 14400000; a 21600000; b 21600000; ");
        assert_int_equal(stage.ended, 2);
        stage_close(&stage);
}

static void test_what_is_spawned_for_later_starts_then(void **state)
{
        struct stage stage = stage_open(START);
        struct sleeper late = {&stage, "late", 1000, 1}, past = {&stage, "past", 1, 1};

        (void)state;
        reactor_spawn_at(stage.reactor, START + 5000, sleep_and_say, &late);
        reactor_spawn_at(stage.reactor, START - 5000, sleep_and_say, &past);
        reactor_run(stage.reactor);
        /* One that should have slept until 1000 and started at 5000 does not sleep. */
        assert_string_equal(stage.said.data, "past 1; late 5000; ");
        stage_close(&stage);
}

static void stop_at_10(void *argument)
{
        struct stage *stage = argument;
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&stage->clock, START + 10, &err));
        reactor_stop(stage->reactor);
        assert_true(reactor_stopped(stage->reactor));
}

static void test_stopping_ends_sleeps_and_starts_nothing(void **state)
{
        struct stage stage = stage_open(START);
        struct sleeper sleeping = {&stage, "sleeper", MS_PER_HOUR, 1}, never = {&stage, "never", 1, 1};

        (void)state;
        reactor_spawn(stage.reactor, sleep_and_say, &sleeping);
        reactor_spawn_at(stage.reactor, START + MS_PER_HOUR, sleep_and_say, &never);
        reactor_spawn(stage.reactor, stop_at_10, &stage);
        reactor_run(stage.reactor);
        assert_string_equal(stage.said.data, "sleeper stops; ");
        assert_int_equal(clock_now_ms(&stage.clock), START + 10);
        reactor_spawn_at(stage.reactor, START + 20, sleep_and_say, &never);
        reactor_run(stage.reactor);
        assert_string_equal(stage.said.data, "sleeper stops; ");
        stage_close(&stage);
}

static void wait_for_a_word(void *argument)
{
        struct stage *stage = argument;

        stage->waiter = reactor_current(stage->reactor);
        assert_false(reactor_suspend_until(stage->reactor, START + 100));
        text_format(&stage->said, "nobody came; ");
        assert_true(reactor_suspend_until(stage->reactor, START + 1000));
        text_format(&stage->said, "woken at %lld; ", (long long)(clock_now_ms(&stage->clock) - START));
        reactor_suspend(stage->reactor);
        text_format(&stage->said, "again; ");
}

static void give_words(void *argument)
{
        struct stage *stage = argument;
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&stage->clock, START + 500, &err));
        reactor_wake(stage->reactor, stage->waiter);
        reactor_wake(stage->reactor, stage->waiter); /* one is enough */
        assert_true(clock_sleep_until(&stage->clock, START + 600, &err));
        text_format(&stage->said, "last word; ");
        reactor_wake(stage->reactor, stage->waiter);
}

static void return_at_once(void *argument)
{
        struct stage *stage = argument;

        stage->ended++;
}

static void wake_waiter(uv_timer_t *timer)
{
        struct stage *stage = timer->data;

        reactor_wake(stage->reactor, stage->waiter);
}

static void wait_for_timer_of_the_loop(void *argument)
{
        struct stage *stage = argument;
        uv_timer_t timer = {.data = stage};
        int64_t begun = reactor_steady_ms(stage->reactor);

        stage->waiter = reactor_current(stage->reactor);
        uv_timer_init(reactor_loop(stage->reactor), &timer);
        uv_timer_start(&timer, wake_waiter, 0, 0);
        assert_true(reactor_suspend_until(stage->reactor, clock_now_ms(&stage->clock) + 20000));
        assert_true(reactor_steady_ms(stage->reactor) - begun < 10000);
        uv_close((uv_handle_t *)&timer, NULL);
        uv_run(reactor_loop(stage->reactor), UV_RUN_NOWAIT);
}

/* Others' timers come due before the loop begins to wait: what they wake goes on at once. */
static void test_what_a_timer_of_the_loop_wakes_goes_on(void **state)
{
        struct stage stage = stage_open(0);

        (void)state;
        reactor_call(stage.reactor, wait_for_timer_of_the_loop, &stage);
        stage_close(&stage);
}

/* What others wait for is none of the caller's business. */
static void test_a_call_returns_when_its_fiber_has(void **state)
{
        struct stage stage = stage_open(START);
        struct sleeper day = {&stage, "a", 3 * MS_PER_HOUR, 1};

        (void)state;
        reactor_spawn(stage.reactor, sleep_and_say, &day);
        reactor_call(stage.reactor, return_at_once, &stage);
        assert_int_equal(clock_now_ms(&stage.clock), START);
        reactor_run(stage.reactor);
        assert_int_equal(clock_now_ms(&stage.clock), START + 3 * MS_PER_HOUR);
        stage_close(&stage);
}

static void test_waking_and_waiting(void **state)
{
        struct stage stage = stage_open(START);

        (void)state;
        reactor_spawn(stage.reactor, wait_for_a_word, &stage);
        reactor_spawn(stage.reactor, give_words, &stage);
        reactor_run(stage.reactor);
        assert_string_equal(stage.said.data, "nobody came; woken at 500; last word; again; ");
        stage_close(&stage);
}

static void wake_oneself(void *argument)
{
        struct stage *stage = argument;

        reactor_wake(stage->reactor, reactor_current(stage->reactor));
        reactor_suspend(stage->reactor); /* the word came before the wait */
        stage->ended++;
}

static void say_a(void *argument)
{
        struct stage *stage = argument;

        for (int i = 0; i < 3; i++) {
                text_put(&stage->said, "a");
                reactor_yield(stage->reactor);
        }
}

static void say_b(void *argument)
{
        struct stage *stage = argument;

        for (int i = 0; i < 3; i++) {
                text_put(&stage->said, "b");
                reactor_yield(stage->reactor);
        }
}

static void test_who_yields_lets_others_go_on(void **state)
{
        struct stage stage = stage_open(START);

        (void)state;
        reactor_spawn(stage.reactor, say_a, &stage);
        reactor_spawn(stage.reactor, say_b, &stage);
        reactor_run(stage.reactor);
        assert_string_equal(stage.said.data, "ababab");
        stage_close(&stage);
}

static void test_a_word_that_comes_early_is_kept(void **state)
{
        struct stage stage = stage_open(START);

        (void)state;
        reactor_call(stage.reactor, wake_oneself, &stage);
        assert_int_equal(stage.ended, 1);
        stage_close(&stage);
}

static void blocking_work(void *argument)
{
        *(int *)argument = 42;
}

static void offload_it(void *argument)
{
        struct stage *stage = argument;
        int answer = 0;

        reactor_offload(stage->reactor, blocking_work, &answer);
        stage->ended = answer;
}

static void test_blocking_work_runs_elsewhere(void **state)
{
        (void)state;
        for (int i = 0; i < 2; i++) {
                struct stage stage = stage_open(i == 0 ? START : 0);

                reactor_call(stage.reactor, offload_it, &stage);
                assert_int_equal(stage.ended, 42);
                stage_close(&stage);
        }
}

static void sleep_5_ms(void *argument)
{
        struct stage *stage = argument;
        struct error err = ERROR_INIT;
        int64_t since = clock_now_ms(&stage->clock);

        assert_true(clock_sleep_until(&stage->clock, since + 5, &err));
        stage->ended += clock_now_ms(&stage->clock) >= since + 4; /* the calendar may be set meanwhile */
}

static void test_thousands_wait_on_the_machines_clock(void **state)
{
        struct stage stage = stage_open(0);

        (void)state;
        for (int i = 0; i < 2000; i++)
                reactor_spawn(stage.reactor, sleep_5_ms, &stage);
        reactor_run(stage.reactor);
        assert_int_equal(stage.ended, 2000);
        stage_close(&stage);
}

static void sleep_until_stopped(struct stage *stage)
{
        struct error err = ERROR_INIT;

        assert_false(clock_sleep_until(&stage->clock, clock_now_ms(&stage->clock) + MS_PER_HOUR, &err));
        assert_int_equal(err.code, ERROR_INTERRUPTED);
        stage->ended++;
}

static void raise_and_sleep(void *stage)
{
        raise(SIGTERM);
        sleep_until_stopped(stage);
}

static void test_a_signal_ends_every_sleep(void **state)
{
        struct stage stage = stage_open(0);
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(reactor_catch_signals(stage.reactor, &err));
        reactor_spawn(stage.reactor, raise_and_sleep, &stage);
        reactor_run(stage.reactor);
        assert_int_equal(stage.ended, 1);
        stage_close(&stage);
}

static void hang_up_and_sleep(void *stage)
{
        raise(SIGHUP);
        sleep_until_stopped(stage);
}

/* A terminal that goes away says so once by its shell, too. */
static void test_a_second_hang_up_ends_nothing(void **state)
{
        struct stage stage = stage_open(0);
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(reactor_catch_signals(stage.reactor, &err));
        reactor_spawn(stage.reactor, hang_up_and_sleep, &stage);
        reactor_run(stage.reactor);
        assert_int_equal(raise(SIGHUP), 0);
        assert_int_equal(stage.ended, 1);
        stage_close(&stage);
        assert_int_equal(raise(SIGHUP), 0);
}

/* Against a list that is searched from end to end. */
static void test_timers_come_in_order(void **state)
{
        autocall(gsl_rng_free) gsl_rng *rng = random_new(7, 0, 0);
        struct timers timers = {0};
        struct timer all[200] = {0};
        size_t in = 0;

        (void)state;
        for (int step = 0; step < 20000; step++) {
                const struct timer *earliest = NULL;
                struct timer *one = &all[gsl_rng_uniform_int(rng, 200)];

                if (one->place) {
                        timers_remove(&timers, one);
                        in--;
                } else {
                        timers_add(&timers, one, (int64_t)gsl_rng_uniform_int(rng, 50));
                        in++;
                }
                for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
                        if (all[i].place &&
                            (!earliest || all[i].due_ms < earliest->due_ms ||
                             (all[i].due_ms == earliest->due_ms && all[i].order < earliest->order)))
                                earliest = &all[i];
                assert_ptr_equal(timers_first(&timers), earliest);
                assert_int_equal(timers.count, in);
        }
        timers_free(&timers);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_virtual_time_jumps_from_timer_to_timer),
                cmocka_unit_test(test_what_is_spawned_for_later_starts_then),
                cmocka_unit_test(test_stopping_ends_sleeps_and_starts_nothing),
                cmocka_unit_test(test_what_a_timer_of_the_loop_wakes_goes_on),
                cmocka_unit_test(test_a_call_returns_when_its_fiber_has),
                cmocka_unit_test(test_waking_and_waiting),
                cmocka_unit_test(test_who_yields_lets_others_go_on),
                cmocka_unit_test(test_a_word_that_comes_early_is_kept),
                cmocka_unit_test(test_blocking_work_runs_elsewhere),
                cmocka_unit_test(test_thousands_wait_on_the_machines_clock),
                cmocka_unit_test(test_timers_come_in_order),
                cmocka_unit_test(test_a_signal_ends_every_sleep),
                cmocka_unit_test(test_a_second_hang_up_ends_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
