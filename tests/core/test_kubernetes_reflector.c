/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reflector on an API server that forgets versions, drops, doubles and swaps events, freezes, fails and
 * goes back in time: in the end it holds what a fresh list says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/kubernetes/reflector.h"
#include "core/random.h"
#include "tests/support/kube_script.h"

#define SECOND          INT64_C(1000)
#define REFRESH_SECONDS 120

struct scene {
        struct http_stage *stage;
        struct kube_script *script;
        struct kube_client *client;
        struct kube_reflector *reflector;
        struct text told; /* "+a=1 ~a=2 -a " */
        void (*play)(struct scene *scene);
};

static void *keep_value(void *context, const json_t *object, size_t *ret_bytes)
{
        const char *value = "";

        (void)context;
        (void)json_find_text(json_object_get(object, "data"), "value", &value);
        *ret_bytes = strlen(value) + 1;
        return strcmp(value, "unwanted") == 0 ? NULL : memory_copy_text(value);
}

static void on_change(void *context, const char *namespace, const char *name, const void *before,
                      const void *now)
{
        struct scene *scene = context;

        assert_string_equal(namespace, "n");
        text_format(&scene->told, "%c%s%s%s ",
                    !before ? '+'
                    : now   ? '~'
                            : '-',
                    name, now ? "=" : "", now ? (const char *)now : "");
}

static struct scene *scene_open(void (*play)(struct scene *scene), size_t max_objects)
{
        struct scene *scene = memory_new(1, sizeof *scene);
        const struct kube_reflector_options options = {.resource = &kube_script_resource,
                                                       .selection = {.namespace = "n"},
                                                       .project = keep_value,
                                                       .changed = on_change,
                                                       .context = scene,
                                                       .refresh_seconds = REFRESH_SECONDS,
                                                       .max_objects = max_objects};

        scene->stage = http_stage_open(NULL);
        scene->script = kube_script_new(scene->stage);
        scene->client = kube_script_client(scene->stage);
        scene->reflector = kube_reflector_new(scene->client, &options);
        scene->play = play;
        return scene;
}

static void scene_close(struct scene *scene)
{
        kube_reflector_free(scene->reflector);
        kube_client_free(scene->client);
        kube_script_free(scene->script);
        http_stage_close(scene->stage);
        text_free(&scene->told);
        free(scene);
}

static void play_and_stop(void *argument)
{
        struct scene *scene = argument;

        scene->play(scene);
        reactor_stop(scene->stage->reactor);
}

static void run(void (*play)(struct scene *scene))
{
        struct scene *scene = scene_open(play, 0);

        reactor_spawn(scene->stage->reactor, kube_reflector_run, scene->reflector);
        reactor_spawn(scene->stage->reactor, play_and_stop, scene);
        reactor_run(scene->stage->reactor);
        scene_close(scene);
}

static void pass(struct scene *scene, int64_t ms)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&scene->stage->clock, clock_now_ms(&scene->stage->clock) + ms, &err));
}

static void add_state(void *context, const char *namespace, const char *name, const void *kept)
{
        struct text *text = context;

        (void)namespace;
        text_format(text, "%s%s=%s", text->length > 0 ? " " : "", name, (const char *)kept);
}

static void expect_state(struct scene *scene)
{
        autofree char *expected = kube_script_state(scene->script);
        autotext got = {0};

        text_put(&got, "");
        kube_reflector_each(scene->reflector, add_state, &got);
        assert_string_equal(got.data ? got.data : "", expected);
}

static void expect_told(struct scene *scene, const char *expected)
{
        assert_string_equal(scene->told.data ? scene->told.data : "", expected);
        text_free(&scene->told);
        scene->told = (struct text){0};
}

static void sync_up(struct scene *scene)
{
        struct error err = ERROR_INIT;

        if (!kube_reflector_wait(scene->reflector, 60 * SECOND, &err))
                fail_msg("%s", err.message);
        expect_state(scene);
}

/* ---- what is usual ---- */

static void play_usual(struct scene *scene)
{
        kube_script_put(scene->script, "a", "1");
        kube_script_put(scene->script, "b", "1");
        assert_false(kube_reflector_synced(scene->reflector));
        sync_up(scene);
        expect_told(scene, "+a=1 +b=1 ");
        kube_script_put(scene->script, "a", "2");
        kube_script_put(scene->script, "c", "1");
        kube_script_delete(scene->script, "b");
        pass(scene, 40 * SECOND);
        expect_state(scene);
        expect_told(scene, "~a=2 +c=1 -b ");
        assert_string_equal(kube_reflector_get(scene->reflector, "n", "a"), "2");
        assert_string_equal(kube_reflector_version(scene->reflector, "n", "a"), "3");
        assert_string_equal(kube_reflector_uid(scene->reflector, "n", "a"), "u1");
        assert_null(kube_reflector_get(scene->reflector, "n", "b"));
        assert_string_equal(kube_reflector_uid(scene->reflector, "n", "b"), "");
        assert_int_equal(kube_reflector_state(scene->reflector).lists, 1);
        assert_int_equal(kube_reflector_state(scene->reflector).objects, 2);
        assert_string_equal(kube_reflector_state(scene->reflector).trouble, "");
}

static void test_a_list_then_what_changes(void **state)
{
        (void)state;
        run(play_usual);
}

static void play_unwanted(struct scene *scene)
{
        kube_script_put(scene->script, "a", "unwanted");
        assert_true(kube_reflector_wait(scene->reflector, 60 * SECOND, &(struct error)ERROR_INIT));
        expect_told(scene, "");
        kube_script_put(scene->script, "a", "1");
        pass(scene, 40 * SECOND);
        expect_told(scene, "+a=1 ");
        kube_script_put(scene->script, "a", "unwanted");
        pass(scene, 40 * SECOND);
        expect_told(scene, "-a ");
        assert_null(kube_reflector_get(scene->reflector, "n", "a"));
}

static void test_what_is_not_wanted_is_not_there(void **state)
{
        (void)state;
        run(play_unwanted);
}

/* Deleted and made again under the same name: the old one goes before the new one comes. */
static void play_another_of_the_same_name(struct scene *scene)
{
        kube_script_put(scene->script, "a", "1");
        sync_up(scene);
        kube_script_delete(scene->script, "a");
        kube_script_put(scene->script, "a", "2");
        kube_script_fault_next(scene->script, KUBE_FAULT_DROPPED, true);
        pass(scene, 40 * SECOND);
        expect_state(scene);
        expect_told(scene, "+a=1 -a +a=2 ");
        assert_string_equal(kube_reflector_uid(scene->reflector, "n", "a"), "u2");
}

static void test_another_object_of_the_same_name(void **state)
{
        (void)state;
        run(play_another_of_the_same_name);
}

/* ---- long lists ---- */

static void put_many(struct scene *scene, int count)
{
        for (int i = 0; i < count; i++) {
                char name[16];

                snprintf(name, sizeof name, "o%04d", i);
                kube_script_put(scene->script, name, "1");
        }
}

static void play_pages(struct scene *scene)
{
        put_many(scene, 1201);
        sync_up(scene);
        assert_int_equal(kube_reflector_state(scene->reflector).objects, 1201);
        assert_int_equal(scripted_peer_count(scene->stage->script, "GET *"), 3 + 1);
}

static void test_a_list_in_pages(void **state)
{
        (void)state;
        run(play_pages);
}

static void play_expired_half_way(struct scene *scene)
{
        struct kube_reflector_state now;

        put_many(scene, 600);
        kube_script_fault_next(scene->script, KUBE_FAULT_NONE, false);
        pass(scene, 1);
        /* The first page has come, or is about to; the next one finds its version forgotten. */
        kube_script_fault_next(scene->script, KUBE_FAULT_GONE, false);
        sync_up(scene);
        now = kube_reflector_state(scene->reflector);
        assert_int_equal(now.objects, 600);
        assert_int_equal(now.lists, 1);
}

static void test_a_version_forgotten_between_two_pages(void **state)
{
        (void)state;
        run(play_expired_half_way);
}

static void play_too_many(struct scene *scene)
{
        struct error err = ERROR_INIT;

        put_many(scene, 11);
        assert_false(kube_reflector_wait(scene->reflector, 60 * SECOND, &err));
        assert_int_equal(err.code, ERROR_TIMEOUT);
        assert_non_null(strstr(err.message, "more than 10 objects"));
        for (int i = 0; i < 5; i++) {
                char name[16];

                snprintf(name, sizeof name, "o%04d", i);
                kube_script_delete(scene->script, name);
        }
        sync_up(scene);
}

static void test_more_objects_than_are_accepted(void **state)
{
        struct scene *scene = scene_open(play_too_many, 10);

        (void)state;
        reactor_spawn(scene->stage->reactor, kube_reflector_run, scene->reflector);
        reactor_spawn(scene->stage->reactor, play_and_stop, scene);
        reactor_run(scene->stage->reactor);
        scene_close(scene);
}

/* ---- faults, one by one ---- */

/* `within_s`: by then the reflector has what the fault kept from it. */
static void play_watch_fault(struct scene *scene, enum kube_script_fault fault, int64_t within_s)
{
        kube_script_put(scene->script, "a", "1");
        kube_script_put(scene->script, "b", "1");
        pass(scene, 35 * SECOND);
        expect_state(scene);
        kube_script_fault_next(scene->script, fault, true);
        kube_script_put(scene->script, "b", "2");
        kube_script_put(scene->script, "a", "2");
        kube_script_delete(scene->script, "b");
        pass(scene, within_s * SECOND);
        expect_state(scene);
}

static void play_watch_faults(struct scene *scene)
{
        static const struct {
                enum kube_script_fault fault;
                int64_t within_s;
        } cases[] = {
                {KUBE_FAULT_GONE, 35},
                {KUBE_FAULT_ERROR_EVENT, 35},
                {KUBE_FAULT_DOUBLED, 35},
                {KUBE_FAULT_SWAPPED, 35},
                {KUBE_FAULT_FROZEN, 150},
                {KUBE_FAULT_CUT, 35},
                {KUBE_FAULT_RESET, 35},
                {KUBE_FAULT_FAILED, 35},
                {KUBE_FAULT_BUSY, 35},
                {KUBE_FAULT_GARBAGE, 35},
                {KUBE_FAULT_DROPPED, REFRESH_SECONDS + 35},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                play_watch_fault(scene, cases[i].fault, cases[i].within_s);
}

static void test_faults_of_watches(void **state)
{
        (void)state;
        run(play_watch_faults);
}

static void play_list_faults(struct scene *scene)
{
        static const enum kube_script_fault faults[] = {
                KUBE_FAULT_CUT, KUBE_FAULT_RESET, KUBE_FAULT_FAILED, KUBE_FAULT_BUSY, KUBE_FAULT_GARBAGE,
        };

        kube_script_put(scene->script, "a", "1");
        kube_script_put(scene->script, "b", "1");
        sync_up(scene);
        for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
                text_free(&scene->told);
                scene->told = (struct text){0};
                kube_script_fault_next(scene->script, faults[i], false);
                kube_script_fault_next(scene->script, KUBE_FAULT_GONE, true);
                pass(scene, 60 * SECOND);
                expect_state(scene);
                /* A list that failed makes nothing disappear, and nothing appear. */
                expect_told(scene, "");
        }
}

static void test_faults_of_lists(void **state)
{
        (void)state;
        run(play_list_faults);
}

/* Sieve's "stale state": a server that is behind must not bring back what is gone. */
static void play_old_list(struct scene *scene)
{
        kube_script_put(scene->script, "a", "1");
        sync_up(scene);
        for (int i = 0; i < 6; i++)
                kube_script_put(scene->script, "b", "1");
        kube_script_delete(scene->script, "a");
        pass(scene, 40 * SECOND);
        expect_state(scene);
        expect_told(scene, "+a=1 +b=1 ~b=1 ~b=1 ~b=1 ~b=1 ~b=1 -a ");
        kube_script_fault_next(scene->script, KUBE_FAULT_OLD_LIST, false);
        kube_script_fault_next(scene->script, KUBE_FAULT_GONE, true);
        pass(scene, 60 * SECOND);
        expect_told(scene, "");
        expect_state(scene);
        assert_int_equal(kube_reflector_state(scene->reflector).stale, 1);
}

static void test_a_server_that_is_behind(void **state)
{
        (void)state;
        run(play_old_list);
}

/* After ten minutes of older versions it is no server behind others but one whose data were restored. */
static void play_set_back(struct scene *scene)
{
        for (int i = 0; i < 50; i++)
                kube_script_put(scene->script, i % 2 ? "a" : "b", "1");
        sync_up(scene);
        kube_script_set_back(scene->script);
        kube_script_put(scene->script, "c", "1");
        pass(scene, 300 * SECOND);
        assert_null(kube_reflector_get(scene->reflector, "n", "c"));
        assert_non_null(strstr(kube_reflector_state(scene->reflector).trouble, "version 3, and was at 50"));
        pass(scene, 600 * SECOND);
        expect_state(scene);
        kube_script_put(scene->script, "c", "2");
        pass(scene, 40 * SECOND);
        expect_state(scene);
}

static void test_a_server_that_was_set_back(void **state)
{
        (void)state;
        run(play_set_back);
}

/* ---- all of it ---- */

static void change_something(struct scene *scene, gsl_rng *random)
{
        char name[16], value[16];
        autofree char *state = kube_script_state(scene->script), *known = NULL;

        snprintf(name, sizeof name, "o%lu", gsl_rng_uniform_int(random, 12));
        snprintf(value, sizeof value, "%lu", gsl_rng_uniform_int(random, 1000));
        known = memory_format("%s=", name);
        if (strstr(state, known) && gsl_rng_uniform_int(random, 3) == 0)
                kube_script_delete(scene->script, name);
        else
                kube_script_put(scene->script, name, value);
}

/* Of what was told to have come and gone, as much is left as is held. */
static void expect_told_is_held(struct scene *scene)
{
        autofree char *told = text_take(&scene->told);
        char *left = told, *word;
        int balance = 0;

        while ((word = strsep(&left, " ")))
                balance += *word == '+' ? 1 : *word == '-' ? -1 : 0;
        assert_int_equal(balance, kube_reflector_state(scene->reflector).objects);
}

static void play_anything(struct scene *scene, unsigned seed)
{
        autocall(gsl_rng_free) gsl_rng *random = random_new(seed, 1, 1);

        kube_script_fault_some(scene->script, 3, seed);
        for (int i = 0; i < 80; i++) {
                change_something(scene, random);
                pass(scene, (int64_t)gsl_rng_uniform_int(random, 20000));
        }
        kube_script_fault_some(scene->script, 0, seed);
        /* A frozen watch, the longest pause, and the next list. */
        pass(scene, (90 + 30 + REFRESH_SECONDS + 90) * SECOND);
        assert_true(kube_reflector_synced(scene->reflector));
        expect_state(scene);
        expect_told_is_held(scene);
}

static void play_seeds(struct scene *scene)
{
        static unsigned seed = 0;

        play_anything(scene, ++seed);
}

static void test_after_any_interleaving_it_holds_what_a_list_says(void **state)
{
        (void)state;
        for (int i = 0; i < 8; i++)
                run(play_seeds);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_list_then_what_changes),
                cmocka_unit_test(test_what_is_not_wanted_is_not_there),
                cmocka_unit_test(test_another_object_of_the_same_name),
                cmocka_unit_test(test_a_list_in_pages),
                cmocka_unit_test(test_a_version_forgotten_between_two_pages),
                cmocka_unit_test(test_more_objects_than_are_accepted),
                cmocka_unit_test(test_faults_of_watches),
                cmocka_unit_test(test_faults_of_lists),
                cmocka_unit_test(test_a_server_that_is_behind),
                cmocka_unit_test(test_a_server_that_was_set_back),
                cmocka_unit_test(test_after_any_interleaving_it_holds_what_a_list_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
