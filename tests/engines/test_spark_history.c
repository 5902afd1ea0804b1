/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Event logs out of a History Server: answers of a real one (tests/fixtures/spark/history), whole and spoilt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/text.h"
#include "engines/spark/event_log.h"
#include "engines/spark/history.h"
#include "engines/spark/log_archive.h"
#include "tests/support/http_stage.h"
#include "tests/support/scratch.h"

#define RECORDED "tests/fixtures/spark/history/"
#define API      "/api/v1/applications"
#define APP      "app-20261121162052-000"
#define STARTED  1795278044132
#define CAP      ((int64_t)1 << 20)

struct scene {
        struct http_stage *http;
        struct scratch scratch;
};

static int set_up(void **state)
{
        static const struct http_options options = {.timeout_seconds = 10, .max_response_bytes = 1 << 20};
        struct scene *scene = memory_new(1, sizeof *scene);

        scene->http = http_stage_open(&options);
        scene->scratch = scratch_open();
        *state = scene;
        return 0;
}

static int tear_down(void **state)
{
        struct scene *scene = *state;

        http_stage_close(scene->http);
        scratch_close(&scene->scratch);
        free(scene);
        return 0;
}

static char *recorded(const char *name, size_t *ret_length)
{
        autofree char *path = memory_format(RECORDED "%s", name);
        struct error err = ERROR_INIT;
        char *bytes;

        if (!text_read_file(path, (size_t)CAP, &bytes, ret_length, &err))
                fail_msg("%s", err.message);
        return bytes;
}

/* ---- asking ---- */

static void serve(struct scene *scene, const char *path, const char *file, const char *type)
{
        autofree char *request = memory_format("GET %s", path);
        size_t length;
        autofree char *bytes = recorded(file, &length);

        scripted_peer_answer(scene->http->script, request,
                             &(struct scripted_answer){.content_type = type,
                                                       .body = bytes,
                                                       .length = length});
}

struct errand {
        struct scene *scene;
        struct spark_history_place place;
        int64_t patience_ms;
        char *log;
        struct error err;
        bool fetched;
};

static void run_errand(void *argument)
{
        struct errand *errand = argument;

        errand->fetched = spark_history_fetch(errand->scene->http->peer, &errand->place, errand->patience_ms,
                                              errand->scene->scratch.folder, &errand->log, &errand->err);
}

static struct errand fetch_within(struct scene *scene, const char *path, int64_t patience_ms)
{
        autofree char *url = memory_format("%s%s", scripted_peer_url(scene->http->script), path);
        struct errand errand = {.scene = scene,
                                .place = spark_history_place_of(url),
                                .patience_ms = patience_ms,
                                .err = ERROR_INIT};

        assert_string_equal(errand.place.server, scripted_peer_url(scene->http->script));
        reactor_call(scene->http->reactor, run_errand, &errand);
        spark_history_place_clear(&errand.place);
        return errand;
}

static struct errand fetch(struct scene *scene, const char *path)
{
        return fetch_within(scene, path, 0);
}

/* The log that was fetched: 64 tasks in four stages, as its events say. */
static void expect_log(struct scene *scene, const char *path, const char *id, int64_t started)
{
        struct errand errand = fetch(scene, path);
        auto_spark_event_log log = {0};
        struct error err = ERROR_INIT;

        if (!errand.fetched)
                fail_msg("%s", errand.err.message);
        if (!spark_event_log_read(errand.log, &log, &err))
                fail_msg("%s", err.message);
        assert_null(log.damage);
        assert_string_equal(log.run->id, id);
        assert_int_equal(log.run->n_tasks, 64);
        assert_true(log.run->started_ms == started);
        free(errand.log);
        /* The log, and not what it came in. */
        assert_int_equal(scratch_count(&scene->scratch), 1);
}

static void expect_failure(struct scene *scene, const char *path, enum error_code code, const char *words)
{
        struct errand errand = fetch(scene, path);

        assert_false(errand.fetched);
        assert_null(errand.log);
        if (errand.err.code != code || !strstr(errand.err.message, words))
                fail_msg("%d: %s", errand.err.code, errand.err.message);
}

static void test_a_log_as_a_browser_shows_it(void **state)
{
        struct scene *scene = *state;

        serve(scene, API "/" APP "0", "plain.json", NULL);
        serve(scene, API "/" APP "0/logs", "plain.zip", "application/octet-stream");
        expect_log(scene, "/history/" APP "0/jobs/", APP "0", STARTED);
        assert_int_equal(scripted_peer_count(scene->http->script, "* *"), 2);
}

static void test_a_rolling_log(void **state)
{
        struct scene *scene = *state;

        serve(scene, API "/" APP "2", "rolling.json", NULL);
        serve(scene, API "/" APP "2/logs", "rolling.zip", "application/octet-stream");
        expect_log(scene, API "/" APP "2/logs", APP "2", STARTED);
}

static void test_the_last_attempt_counts(void **state)
{
        struct scene *scene = *state;

        serve(scene, API "/" APP "3", "attempts.json", NULL);
        serve(scene, API "/" APP "3/2/logs", "attempt-2.zip", "application/octet-stream");
        expect_log(scene, "/history/" APP "3", APP "3", STARTED + 2);
        expect_failure(scene, "/history/" APP "3/1/jobs", ERROR_NOT_FOUND, APP "3/1/logs: 404");
}

static void test_an_application_has_to_be_named(void **state)
{
        struct scene *scene = *state;

        scripted_peer_answer(scene->http->script, "GET " API "?status=completed&limit=1",
                             &(struct scripted_answer){.body = "[]", .times = 1});
        expect_failure(scene, "/", ERROR_INPUT, "knows of no application that has ended");
        scripted_peer_json(scene->http->script, "GET " API "?status=completed&limit=1",
                           "[{\"id\": \"app-7\", \"name\": \"orders\"}]");
        expect_failure(scene, "", ERROR_INPUT, "/history/app-7, \"orders\", which ended last");
}

static void test_what_the_server_says(void **state)
{
        struct scene *scene = *state;

        scripted_peer_answer(scene->http->script, "GET " API "/nope",
                             &(struct scripted_answer){.status = 404,
                                                       .content_type = "text/plain",
                                                       .body = "unknown app: nope"});
        expect_failure(scene, "/history/nope", ERROR_NOT_FOUND, "unknown app: nope");
        serve(scene, API "/" APP "0", "plain.json", NULL);
        scripted_peer_json(scene->http->script, "GET " API "/" APP "0/logs", "no such app");
        expect_failure(scene, "/history/" APP "0", ERROR_INPUT, API "/" APP "0/logs: not an archive");
}

static void test_an_answer_that_is_cut_short(void **state)
{
        struct scene *scene = *state;
        size_t length;
        autofree char *bytes = recorded("plain.zip", &length);

        serve(scene, API "/" APP "0", "plain.json", NULL);
        scripted_peer_answer(scene->http->script, "GET " API "/" APP "0/logs",
                             &(struct scripted_answer){.how = SCRIPTED_TRUNCATE,
                                                       .body = bytes,
                                                       .length = length});
        expect_failure(scene, "/history/" APP "0", ERROR_UNAVAILABLE, "half-way");
        assert_int_equal(scratch_count(&scene->scratch), 0);
}

/* Unknown, then under way, then ended. */
static void test_a_server_that_has_not_noticed_yet(void **state)
{
        static const char path[] = "/history/" APP "0", request[] = "GET " API "/" APP "0";
        struct scene *scene = *state;
        struct errand errand;

        scripted_peer_answer(scene->http->script, request,
                             &(struct scripted_answer){.status = 404, .body = "unknown app", .times = 4});
        scripted_peer_answer(scene->http->script, request,
                             &(struct scripted_answer){.body = "{\"attempts\": [{\"completed\": false}]}",
                                                       .times = 5});
        serve(scene, API "/" APP "0", "plain.json", NULL);
        serve(scene, API "/" APP "0/logs", "plain.zip", "application/octet-stream");
        assert_false(fetch_within(scene, path, 2000).fetched);
        errand = fetch_within(scene, path, 30000);
        assert_true(errand.fetched);
        free(errand.log);
        assert_int_equal(scripted_peer_count(scene->http->script, request), 10);
        assert_true(http_stage_now(scene->http) >= 8000 && http_stage_now(scene->http) < 9000);
}

/* ---- places ---- */

static void expect_place(const char *url, const char *server, const char *application, const char *attempt)
{
        struct spark_history_place place = spark_history_place_of(url);

        assert_string_equal(place.server, server);
        assert_true(application ? place.application && strcmp(place.application, application) == 0
                                : !place.application);
        assert_true(attempt ? place.attempt && strcmp(place.attempt, attempt) == 0 : !place.attempt);
        spark_history_place_clear(&place);
}

static void test_what_urls_name(void **state)
{
        (void)state;
        expect_place("http://h:18080", "http://h:18080", NULL, NULL);
        expect_place("http://h:18080/", "http://h:18080", NULL, NULL);
        expect_place("http://h:18080/history/", "http://h:18080", NULL, NULL);
        expect_place("https://h/spark/history/app-1/jobs/?x=1", "https://h/spark", "app-1", NULL);
        expect_place("http://h/history/application_1_2/3/stages/stage/?id=0", "http://h", "application_1_2",
                     "3");
        expect_place("http://h/api/v1/applications/app-1", "http://h", "app-1", NULL);
        expect_place("http://h/api/v1/applications/app-1/2/logs", "http://h", "app-1", "2");
        expect_place("http://history/api/v1/applications/app-1?x", "http://history", "app-1", NULL);
        assert_true(spark_history_is("http://h"));
        assert_true(spark_history_is("https://h"));
        assert_false(spark_history_is("http:/h"));
        assert_false(spark_history_is("app-1"));
}

/* ---- archives ---- */

static void expect_spoilt(struct scene *scene, const char *bytes, size_t length, int64_t cap,
                          enum error_code code)
{
        struct scratch into = scratch_open();
        autofree char *path = scratch_path(&scene->scratch, "zip");
        struct error err = ERROR_INIT;
        char *log = NULL;

        assert_true(text_write_file(path, bytes, length, &err));
        assert_false(spark_log_archive_unpack(path, into.folder, cap, &log, &err));
        assert_null(log);
        if (err.code != code)
                fail_msg("%zu bytes: %d %s", length, err.code, err.message);
        scratch_close(&into);
}

static void test_an_archive_that_ends_anywhere(void **state)
{
        size_t length;
        autofree char *bytes = recorded("rolling.zip", &length);
        const char *end = memmem(bytes, length, "PK\001\002", 4); /* what stands behind the files */

        assert_non_null(end);
        for (size_t cut = 0; bytes + cut < end; cut += cut < 200 ? 1 : 97)
                expect_spoilt(*state, bytes, cut, CAP, ERROR_INPUT);
}

/* Any bit of a file's data: the check sum knows. */
static void test_an_archive_that_is_damaged(void **state)
{
        size_t length;
        autofree char *bytes = recorded("plain.zip", &length);
        const char *lengths = memmem(bytes, length, "PK\007\010", 4);

        assert_non_null(lengths);
        for (char *at = bytes + 60; at < lengths; at += 101) {
                *at ^= 0x10;
                expect_spoilt(*state, bytes, length, CAP, ERROR_INPUT);
                *at ^= 0x10;
        }
}

static void test_names_that_lead_elsewhere(void **state)
{
        static const char *const names[] = {"../", "/a/", "a/../", "a/b/c", ".a", ""};

        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                size_t length;
                autofree char *bytes = recorded("plain.zip", &length);

                memcpy(bytes + 30, names[i], strlen(names[i]) + (strlen(names[i]) == 0));
                expect_spoilt(*state, bytes, length, CAP, ERROR_INPUT);
        }
}

static void test_archives_that_are_too_much(void **state)
{
        size_t length, two;
        autofree char *bytes = recorded("plain.zip", &length), *both = recorded("attempts.zip", &two);

        expect_spoilt(*state, bytes, length, 159972, ERROR_LIMIT); /* one byte less than it holds */
        expect_spoilt(*state, both, two, CAP, ERROR_INPUT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_a_log_as_a_browser_shows_it),
                TEST(test_a_rolling_log),
                TEST(test_the_last_attempt_counts),
                TEST(test_an_application_has_to_be_named),
                TEST(test_what_the_server_says),
                TEST(test_an_answer_that_is_cut_short),
                TEST(test_a_server_that_has_not_noticed_yet),
                cmocka_unit_test(test_what_urls_name),
                TEST(test_an_archive_that_ends_anywhere),
                TEST(test_an_archive_that_is_damaged),
                TEST(test_names_that_lead_elsewhere),
                TEST(test_archives_that_are_too_much),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
