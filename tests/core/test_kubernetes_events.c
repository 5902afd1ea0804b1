/* SPDX-License-Identifier: GPL-3.0-or-later */
/* News of objects: sent once, counted when they come again, dropped where nobody takes them. Fields are those
 * of events.k8s.io/v1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/kubernetes/events.h"
#include "core/redact.h"
#include "tests/support/kube_script.h"

#define SECOND INT64_C(1000)
#define EVENTS "/apis/events.k8s.io/v1/namespaces/shop/events"

struct scene {
        struct http_stage *stage;
        struct kube_client *client;
        struct kube_events *events;
        void (*play)(struct scene *scene);
};

static void play_and_stop(void *argument)
{
        struct scene *scene = argument;

        scene->play(scene);
        reactor_stop(scene->stage->reactor);
}

static void scene_open(struct scene *scene, void (*play)(struct scene *scene))
{
        scene->stage = http_stage_open(NULL);
        scene->client = kube_script_client(scene->stage);
        scene->events = kube_events_new(scene->client, "optctl.dev/operator", "optctl-0", scene->stage->log);
        scene->play = play;
        scripted_peer_json(scene->stage->script, "*", "{}");
        reactor_spawn(scene->stage->reactor, kube_events_run, scene->events);
        reactor_spawn(scene->stage->reactor, play_and_stop, scene);
}

static void scene_close(struct scene *scene)
{
        kube_events_free(scene->events);
        kube_client_free(scene->client);
        http_stage_close(scene->stage);
}

static void pass(struct scene *scene, int64_t ms)
{
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&scene->stage->clock, clock_now_ms(&scene->stage->clock) + ms, &err));
}

static void tell(struct scene *scene, const char *name, const char *note)
{
        const struct kube_news news = {.api_version = "optctl.dev/v1alpha1",
                                       .kind = "TunedPipeline",
                                       .namespace = "shop",
                                       .name = name,
                                       .uid = "u1",
                                       .warning = true,
                                       .reason = "Reverted",
                                       .action = "Verify",
                                       .note = note};

        kube_events_tell(scene->events, &news);
}

static int posts(const struct scene *scene)
{
        return scripted_peer_count(scene->stage->script, "POST *");
}

static int patches(const struct scene *scene)
{
        return scripted_peer_count(scene->stage->script, "PATCH *");
}

static json_t *sent(const struct scene *scene, const char *request)
{
        json_t *body = json_loads(scripted_peer_request(scene->stage->script, request, -1)->body, 0, NULL);

        assert_non_null(body);
        return body;
}

static void expect_text(const json_t *object, const char *key, const char *expected)
{
        const char *text = "";

        (void)json_find_text(object, key, &text);
        assert_string_equal(text, expected);
}

static void play_once(struct scene *scene)
{
        autojson *event = NULL;

        tell(scene, "orders", "12 workers were worse than 10");
        pass(scene, 5 * SECOND);
        assert_int_equal(posts(scene), 1);
        event = sent(scene, "POST " EVENTS);
        expect_text(event, "apiVersion", "events.k8s.io/v1");
        expect_text(event, "reason", "Reverted");
        expect_text(event, "action", "Verify");
        expect_text(event, "type", "Warning");
        expect_text(event, "note", "12 workers were worse than 10");
        expect_text(event, "reportingController", "optctl.dev/operator");
        expect_text(event, "reportingInstance", "optctl-0");
        expect_text(event, "eventTime", "2026-01-05T08:00:00.000000Z");
        expect_text(json_object_get(event, "regarding"), "name", "orders");
        expect_text(json_object_get(event, "regarding"), "uid", "u1");
        assert_null(json_object_get(event, "series"));
        assert_int_equal(strncmp(kube_meta(event, "name"), "orders.", 7), 0);
}

/* A minute and more of the same news is one Event and an update of it. */
static void play_again(struct scene *scene)
{
        autojson *patch = NULL;
        double count = 0;

        for (int i = 0; i < 50; i++) {
                tell(scene, "orders", "again");
                pass(scene, SECOND);
        }
        pass(scene, 30 * SECOND);
        assert_int_equal(posts(scene), 1);
        assert_int_equal(patches(scene), 1);
        patch = sent(scene, "PATCH *");
        assert_true(json_find_number(json_object_get(patch, "series"), "count", &count));
        assert_int_equal((int)count, 50);
        expect_text(json_object_get(patch, "series"), "lastObservedTime", "2026-01-05T08:00:49.000000Z");
        /* After a quiet while it is news again. */
        pass(scene, 400 * SECOND);
        tell(scene, "orders", "again");
        pass(scene, 5 * SECOND);
        assert_int_equal(posts(scene), 2);
        assert_int_equal(patches(scene), 1);
}

static void play_last(struct scene *scene)
{
        tell(scene, "orders", "first");
        pass(scene, 5 * SECOND);
        tell(scene, "orders", "last");
        tell(scene, "clicks", "last");
}

static void play_refused(struct scene *scene)
{
        scripted_peer_fault(scene->stage->script, &(struct scripted_answer){.status = 403});
        tell(scene, "orders", "nobody may know");
        pass(scene, 60 * SECOND);
        assert_int_equal(posts(scene), 1);
        assert_int_equal(kube_events_dropped(scene->events), 1);
        scripted_peer_fault(scene->stage->script, &(struct scripted_answer){.status = 500});
        tell(scene, "orders", "later");
        pass(scene, 60 * SECOND);
        assert_int_equal(posts(scene), 1 + 3);
        assert_int_equal(kube_events_dropped(scene->events), 2);
        assert_non_null(strstr(http_stage_logged(scene->stage), "event cannot be sent"));
}

/* It was created, and the answer is lost: it is sent once more as the same one, and counted from there. */
static void play_lost_answer(struct scene *scene)
{
        autojson *first = NULL, *second = NULL;

        scripted_peer_fault(scene->stage->script, &(struct scripted_answer){.how = SCRIPTED_HANG});
        tell(scene, "orders", "again");
        pass(scene, 2 * SECOND);
        first = sent(scene, "POST *");
        tell(scene, "orders", "again");
        scripted_peer_fault(scene->stage->script, NULL);
        scripted_peer_forget_answers(scene->stage->script);
        scripted_peer_json(scene->stage->script, "PATCH *", "{}");
        scripted_peer_answer(scene->stage->script, "POST *",
                             &(struct scripted_answer){.status = 409,
                                                       .body = "{\"kind\":\"Status\",\"status\":"
                                                               "\"Failure\",\"reason\":\"AlreadyExists\","
                                                               "\"code\":409}"});
        pass(scene, 120 * SECOND);
        assert_int_equal(posts(scene), 2);
        second = sent(scene, "POST *");
        assert_string_equal(kube_meta(second, "name"), kube_meta(first, "name"));
        assert_int_equal(patches(scene), 1);
        assert_int_equal(kube_events_dropped(scene->events), 0);
}

/* A server that hangs does not fill the memory: 1,000 objects, 256 of them kept. */
static void play_many(struct scene *scene)
{
        scripted_peer_fault(scene->stage->script, &(struct scripted_answer){.how = SCRIPTED_HANG});
        tell(scene, "first", "on its way while others come");
        pass(scene, 2 * SECOND);
        for (int i = 0; i < 1000; i++) {
                char name[16];

                snprintf(name, sizeof name, "o%d", i);
                tell(scene, name, "news");
        }
        assert_int_equal(kube_events_dropped(scene->events), 1001 - 256);
        scripted_peer_fault(scene->stage->script, NULL);
        pass(scene, 120 * SECOND);
        assert_int_equal(kube_events_dropped(scene->events), 1001 - 256);
}

static void play_secret(struct scene *scene)
{
        autojson *event = NULL;
        const char *note = "";

        redact_learn("hush-hush-hush");
        tell(scene, "orders", "cannot log in with hush-hush-hush, password=letmein");
        pass(scene, 5 * SECOND);
        event = sent(scene, "POST *");
        (void)json_find_text(event, "note", &note);
        assert_null(strstr(note, "hush"));
        assert_null(strstr(note, "letmein"));
        assert_non_null(strstr(note, "cannot log in with"));
        redact_forget("hush-hush-hush");
}

static void run(void (*play)(struct scene *scene))
{
        struct scene scene;

        scene_open(&scene, play);
        reactor_run(scene.stage->reactor);
        scene_close(&scene);
}

static void test_news_are_sent_as_an_event(void **state)
{
        (void)state;
        run(play_once);
}

static void test_the_same_news_again_are_counted(void **state)
{
        (void)state;
        run(play_again);
}

static void test_what_is_left_is_sent_at_the_end(void **state)
{
        struct scene scene;

        (void)state;
        scene_open(&scene, play_last);
        reactor_run(scene.stage->reactor);
        assert_int_equal(posts(&scene), 2);
        assert_int_equal(patches(&scene), 1);
        scene_close(&scene);
}

static void test_what_nobody_takes_is_dropped(void **state)
{
        (void)state;
        run(play_refused);
}

static void test_an_answer_that_is_lost_makes_no_second_event(void **state)
{
        (void)state;
        run(play_lost_answer);
}

static void test_more_news_than_are_kept(void **state)
{
        (void)state;
        run(play_many);
}

static void test_no_secret_is_told(void **state)
{
        (void)state;
        run(play_secret);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_news_are_sent_as_an_event),
                cmocka_unit_test(test_the_same_news_again_are_counted),
                cmocka_unit_test(test_what_is_left_is_sent_at_the_end),
                cmocka_unit_test(test_what_nobody_takes_is_dropped),
                cmocka_unit_test(test_an_answer_that_is_lost_makes_no_second_event),
                cmocka_unit_test(test_more_news_than_are_kept),
                cmocka_unit_test(test_no_secret_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
