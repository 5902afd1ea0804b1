/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys that wait, are worked on and come again, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "core/work_queue.h"

#define START   INT64_C(1767600000000)
#define WORK_MS 100

/* What workers did: "a@0 b@0 a@500", by key and the millisecond at which it was begun. */
struct scene {
        struct reactor *reactor;
        struct clock clock;
        struct work_queue *queue;
        struct text done;
        int at_once, most_at_once;
        int fails;        /* so many more times */
        bool adds_itself; /* while it is worked on, once */
        enum work_result last;
};

static struct scene scene_open(void)
{
        const struct reactor_options options = {.virtual_start_ms = START};
        struct scene scene = {.last = WORK_DONE};
        struct error err = ERROR_INIT;

        assert_true(reactor_new(&options, &scene.reactor, &err));
        scene.clock = reactor_clock(scene.reactor);
        scene.queue = work_queue_new(scene.reactor, NULL);
        return scene;
}

static void stop(void *argument)
{
        reactor_stop(((struct scene *)argument)->reactor);
}

static void work(void *argument)
{
        struct scene *scene = argument;
        struct error err = ERROR_INIT;
        const char *key;

        while (work_queue_take(scene->queue, &key)) {
                text_format(&scene->done, "%s%s@%d", scene->done.length > 0 ? " " : "", key,
                            (int)(clock_now_ms(&scene->clock) - START));
                scene->most_at_once =
                        ++scene->at_once > scene->most_at_once ? scene->at_once : scene->most_at_once;
                (void)clock_sleep_until(&scene->clock, clock_now_ms(&scene->clock) + WORK_MS, &err);
                if (scene->adds_itself)
                        work_queue_add(scene->queue, key);
                scene->adds_itself = false;
                scene->at_once--;
                work_queue_done(scene->queue, key, scene->fails-- > 0 ? WORK_FAILED : scene->last);
        }
}

static void check(struct scene *scene, int workers, int64_t seconds, const char *expected)
{
        for (int i = 0; i < workers; i++)
                reactor_spawn(scene->reactor, work, scene);
        reactor_spawn_at(scene->reactor, START + seconds * MS_PER_SECOND, stop, scene);
        reactor_run(scene->reactor);
        assert_string_equal(scene->done.data ? scene->done.data : "", expected);
        text_free(&scene->done);
        work_queue_free(scene->queue);
        reactor_free(scene->reactor);
}

static void a_key_waits_once(void **state)
{
        struct scene scene = scene_open();

        (void)state;
        for (int i = 0; i < 3; i++) {
                work_queue_add(scene.queue, "a");
                work_queue_add(scene.queue, "b");
        }
        assert_int_equal(work_queue_depth(scene.queue), 2);
        check(&scene, 1, 5, "a@0 b@100");
}

static void workers_share_keys(void **state)
{
        struct scene scene = scene_open();

        (void)state;
        work_queue_add(scene.queue, "a");
        work_queue_add(scene.queue, "b");
        work_queue_add(scene.queue, "c");
        check(&scene, 2, 5, "a@0 b@0 c@100");
        assert_int_equal(scene.most_at_once, 2);
}

/* By the same worker or another one, but not beside itself. */
static void added_while_it_is_worked_on(void **state)
{
        struct scene scene = scene_open();

        (void)state;
        scene.adds_itself = true;
        work_queue_add(scene.queue, "a");
        check(&scene, 3, 5, "a@0 a@100");
        assert_int_equal(scene.most_at_once, 1);
}

/* 500 ms after the failure, which took 100, then 1 s, 2 s. */
static void pauses_double(void **state)
{
        struct scene scene = scene_open();

        (void)state;
        scene.fails = 3;
        work_queue_add(scene.queue, "a");
        check(&scene, 1, 60, "a@0 a@600 a@1700 a@3800");
}

static void pauses_end_at_a_minute(void **state)
{
        struct scene scene = scene_open();
        const char *last;

        (void)state;
        scene.fails = 9;
        work_queue_add(scene.queue, "a");
        reactor_spawn(scene.reactor, work, &scene);
        reactor_spawn_at(scene.reactor, START + 600 * MS_PER_SECOND, stop, &scene);
        reactor_run(scene.reactor);
        /* 0.5 + 1 + 2 + 4 + 8 + 16 + 32 s, then a minute each, and 100 ms of work. */
        last = strrchr(scene.done.data, ' ');
        assert_string_equal(last, " a@184400");
        text_free(&scene.done);
        work_queue_free(scene.queue);
        reactor_free(scene.reactor);
}

static void what_was_added_does_not_wait_for_its_pause(void **state)
{
        struct scene scene = scene_open();

        (void)state;
        scene.fails = 1;
        scene.adds_itself = true;
        work_queue_add(scene.queue, "a");
        check(&scene, 1, 60, "a@0 a@100");
}

static void later_and_sooner(void **state)
{
        struct scene scene = scene_open();

        (void)state;
        work_queue_add_after(scene.queue, "a", 3000);
        work_queue_add_after(scene.queue, "a", 1000);
        work_queue_add_after(scene.queue, "b", 2000);
        work_queue_add(scene.queue, "b");
        check(&scene, 1, 60, "b@0 a@1000");
}

static void a_key_that_is_forgotten_may_come_again(void **state)
{
        struct scene scene = scene_open();

        (void)state;
        scene.last = WORK_FORGET;
        scene.adds_itself = true;
        work_queue_add(scene.queue, "a");
        work_queue_add_after(scene.queue, "b", 500);
        check(&scene, 2, 5, "a@0 a@100 b@500");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_key_waits_once),
                cmocka_unit_test(workers_share_keys),
                cmocka_unit_test(added_while_it_is_worked_on),
                cmocka_unit_test(pauses_double),
                cmocka_unit_test(pauses_end_at_a_minute),
                cmocka_unit_test(what_was_added_does_not_wait_for_its_pause),
                cmocka_unit_test(later_and_sooner),
                cmocka_unit_test(a_key_that_is_forgotten_may_come_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
