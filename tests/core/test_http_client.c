/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests, answers, errors, caps. What is expected is what the scripted peer was told to do, and HTTP's own
 * meaning of statuses (RFC 9110). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/support/http_stage.h"

static const struct http_options once = {.max_response_bytes = 1 << 20};

static void expect_said(const char *text, const char *words)
{
        if (!strstr(text, words))
                fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void expect_header(const struct scripted_request *request, const char *name, const char *expected)
{
        autofree char *value = scripted_request_header(request, name);

        if (!expected)
                assert_null(value);
        else if (!value)
                fail_msg("no header %s", name);
        else
                assert_string_equal(value, expected);
}

/* ---- what is sent ---- */

static void test_a_get_as_it_is_sent(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        const struct scripted_request *request;
        struct http_response response;
        struct error err = ERROR_INIT;
        autofree char *host = NULL;

        (void)state;
        scripted_peer_json(stage->script, "GET /jobs/overview", "{\"n\": 7}");
        assert_true(http_stage_get(stage, "/jobs/overview?a=b%20c", &response, &err));
        assert_int_equal(response.status, 200);
        assert_string_equal(response.body, "{\"n\": 7}");
        assert_int_equal(response.length, 8);
        assert_string_equal(response.content_type, "application/json");
        assert_int_equal(response.received_ms, STAGE_START);
        http_response_free(&response);
        assert_null(response.body);

        request = scripted_peer_request(stage->script, "*", 0);
        assert_string_equal(request->path, "/jobs/overview?a=b%20c");
        host = memory_format("127.0.0.1:%d", scripted_peer_port(stage->script));
        expect_header(request, "Host", host);
        expect_header(request, "User-Agent", "optctl/" OPTCTL_VERSION);
        expect_header(request, "Accept", "application/json");
        expect_header(request, "Content-Type", NULL);
        expect_header(request, "Cookie", NULL);
        expect_header(request, "Authorization", NULL);
        http_stage_close(stage);
}

static void test_bodies_are_sent_whole_and_unasked(void **state)
{
        static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE"};
        struct http_stage *stage = http_stage_open(NULL);
        size_t length = 3 << 20; /* beyond what curl would ask for leave with "Expect: 100-continue" */
        autofree char *body = memory_new(length + 1, 1);
        struct error err = ERROR_INIT;

        (void)state;
        memset(body, 'b', length);
        scripted_peer_answer(stage->script, "*", &(struct scripted_answer){.status = 202});
        for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
                const struct http_request request = {.method = methods[i],
                                                     .path = "jobs",
                                                     .body = body,
                                                     .body_length = length,
                                                     .content_type = "text/x"};
                const struct scripted_request *seen;
                struct http_response response;

                if (!http_stage_send(stage, &request, &response, &err))
                        fail_msg("%s", err.message);
                assert_int_equal(response.status, 202);
                assert_string_equal(response.body, "");
                http_response_free(&response);
                seen = scripted_peer_request(stage->script, "*", -1);
                assert_string_equal(seen->method, methods[i]);
                assert_string_equal(seen->path, "/jobs");
                assert_int_equal(seen->length, length);
                assert_string_equal(seen->body, body);
                expect_header(seen, "Content-Type", "text/x");
                expect_header(seen, "Expect", NULL);
        }
        http_stage_close(stage);
}

static void test_empty_bodies(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct http_response response;
        struct error err = ERROR_INIT;
        const struct http_request post = {.method = "POST", .path = "/a"};
        const struct http_request drop = {.method = "DELETE", .path = "/b"};
        const struct http_request head = {.method = "HEAD", .path = "/c"};

        (void)state;
        scripted_peer_answer(stage->script, "POST /a", &(struct scripted_answer){.status = 204});
        scripted_peer_json(stage->script, "DELETE /b", "{}");
        scripted_peer_answer(stage->script, "HEAD /c",
                             &(struct scripted_answer){.headers = "Content-Length: 1000\r\n", .status = 204});
        assert_true(http_stage_send(stage, &post, &response, &err));
        http_response_free(&response);
        expect_header(scripted_peer_request(stage->script, "*", -1), "Content-Length", "0");
        expect_header(scripted_peer_request(stage->script, "*", -1), "Content-Type", NULL);
        assert_true(http_stage_send(stage, &drop, &response, &err));
        assert_string_equal(response.body, "{}");
        http_response_free(&response);
        expect_header(scripted_peer_request(stage->script, "*", -1), "Content-Length", NULL);
        assert_true(http_stage_send(stage, &head, &response, &err));
        http_response_free(&response);
        http_stage_close(stage);
}

/* ---- what comes back ---- */

struct outcome {
        struct scripted_answer answer;
        enum error_code code;
        const char *reason, *words;
        bool retry;
};

static void expect_outcome(struct http_stage *stage, const struct outcome *outcome, int status)
{
        struct http_response response;
        struct error err = ERROR_INIT;

        scripted_peer_fault(stage->script, &outcome->answer);
        assert_false(http_stage_get(stage, "/jobs/7", &response, &err));
        if (err.code != outcome->code || strcmp(err.reason, outcome->reason) != 0 ||
            err.retry != outcome->retry)
                fail_msg("expected %d %s %d, got %d %s %d: %s", outcome->code, outcome->reason,
                         outcome->retry, err.code, err.reason, err.retry, err.message);
        expect_said(err.message, scripted_peer_url(stage->script));
        expect_said(err.message, "/jobs/7: ");
        expect_said(err.message, outcome->words);
        assert_int_equal(response.status, status);
        assert_true((response.body != NULL) == (status != 0));
        http_response_free(&response);
}

static void test_statuses(void **state)
{
#define FLINK .body = "{\"errors\":[\"org.x.RestException: slot\\n\\tat a.b.C\"]}"
#define KUBE  .body = "{\"kind\":\"Status\",\"message\":\"object modified\",\"code\":409}"
#define PROM  .body = "{\"status\":\"error\",\"error\":\"parse error\"}"
#define PLAIN .body = "\n first line \r\nsecond", .content_type = "text/plain"
#define HTML  .body = "<html><h1>Oops</h1></html>", .content_type = "text/html"
        static const struct outcome outcomes[] = {
                {{.status = 302, .headers = "Location: /elsewhere\r\n"},
                 ERROR_REFUSED,
                 "Redirected",
                 ": 302 ",
                 false},
                {{.status = 304}, ERROR_REFUSED, "Redirected", ": 304 ", false},
                {{.status = 400, PROM}, ERROR_REFUSED, "BadRequest", ": 400 Bad Request: parse error", false},
                {{.status = 401}, ERROR_REFUSED, "Unauthorized", ": 401 ", false},
                {{.status = 403, HTML}, ERROR_REFUSED, "Forbidden", ": 403 Forbidden", false},
                {{.status = 404, FLINK}, ERROR_NOT_FOUND, "NotFound", ": org.x.RestException: slot", false},
                {{.status = 405}, ERROR_REFUSED, "MethodNotAllowed", ": 405 ", false},
                {{.status = 408}, ERROR_TIMEOUT, "Timeout", ": 408 ", true},
                {{.status = 409, KUBE}, ERROR_CONFLICT, "Conflict", ": 409 Conflict: object modified", true},
                {{.status = 410}, ERROR_NOT_FOUND, "Gone", ": 410 Gone", false},
                {{.status = 412}, ERROR_CONFLICT, "PreconditionFailed", ": 412 ", true},
                {{.status = 413}, ERROR_REFUSED, "RequestTooLarge", ": 413 ", false},
                {{.status = 418}, ERROR_REFUSED, "Refused", ": 418 ", false},
                {{.status = 422}, ERROR_REFUSED, "Unprocessable", ": 422 ", false},
                {{.status = 429}, ERROR_UNAVAILABLE, "TooManyRequests", ": 429 ", true},
                {{.status = 500, PLAIN}, ERROR_UNAVAILABLE, "PeerFailed", "Error: first line ", true},
                {{.status = 501}, ERROR_UNAVAILABLE, "PeerFailed", ": 501 ", true},
                {{.status = 502}, ERROR_UNAVAILABLE, "Unavailable", ": 502 ", true},
                {{.status = 503}, ERROR_UNAVAILABLE, "Unavailable", ": 503 ", true},
                {{.status = 504}, ERROR_UNAVAILABLE, "Unavailable", ": 504 ", true},
                {{.status = 599}, ERROR_UNAVAILABLE, "PeerFailed", ": 599 ", true},
                {{.status = 999}, ERROR_UNAVAILABLE, "NotHttp", ": 999 ", true},
        };
        struct http_stage *stage = http_stage_open(&once);

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++)
                expect_outcome(stage, &outcomes[i], outcomes[i].answer.status);
        assert_int_equal(scripted_peer_count(stage->script, "* *"), ARRAY_LENGTH(outcomes));
        http_stage_close(stage);
}

static void test_what_is_no_answer(void **state)
{
#define SOME_BODY .body = "{\"jobs\":[1,2,3]}"
        static const struct outcome outcomes[] = {
                {{.how = SCRIPTED_CLOSE}, ERROR_UNAVAILABLE, "ConnectionLost", "hung up", true},
                {{.how = SCRIPTED_RESET}, ERROR_UNAVAILABLE, "ConnectionLost", "lost", true},
                {{.how = SCRIPTED_TRUNCATE, SOME_BODY},
                 ERROR_UNAVAILABLE,
                 "AnswerCutShort",
                 "half-way",
                 true},
                {{.how = SCRIPTED_RESET_HALF_WAY, SOME_BODY},
                 ERROR_UNAVAILABLE,
                 "ConnectionLost",
                 "lost",
                 true},
                {{.how = SCRIPTED_GARBAGE}, ERROR_UNAVAILABLE, "NotHttp", "does not speak HTTP", true},
                {{.headers = "Content-Encoding: gzip\r\n", SOME_BODY},
                 ERROR_UNAVAILABLE,
                 "NotHttp",
                 "unpacked",
                 true},
                {{.how = SCRIPTED_ENDLESS}, ERROR_LIMIT, "AnswerTooLarge", "1024 KiB", false},
                {{.how = SCRIPTED_ENDLESS_HEADERS},
                 ERROR_LIMIT,
                 "AnswerTooLarge",
                 "headers are larger than the 64 KiB",
                 false},
                {{.filler_bytes = 50 << 20}, ERROR_LIMIT, "AnswerTooLarge", "larger", false},
                {{.filler_bytes = (1 << 20) + 1}, ERROR_LIMIT, "AnswerTooLarge", "larger", false},
                {{.how = SCRIPTED_HANG}, ERROR_TIMEOUT, "Timeout", "no answer within 10 s", true},
                {{.drip_ms = 1000, SOME_BODY}, ERROR_TIMEOUT, "Timeout", "within 10 s", true},
                {{.delay_ms = 10001, SOME_BODY}, ERROR_TIMEOUT, "Timeout", "no answer within 10 s", true},
        };
        struct http_stage *stage = http_stage_open(&once);

        (void)state;
        scripted_peer_json(stage->script, "*", "{}");
        for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++)
                expect_outcome(stage, &outcomes[i], 0);
        http_stage_close(stage);
}

static void test_a_peer_that_is_not_there(void **state)
{
        struct http_stage *stage = http_stage_open(&once);
        const struct outcome refused = {{0},
                                        ERROR_UNAVAILABLE,
                                        "NotReachable",
                                        "cannot connect: Connection refused",
                                        true};
        struct http_response response;
        struct error err = ERROR_INIT;

        (void)state;
        scripted_peer_json(stage->script, "GET /jobs/7", "{}");
        assert_true(http_stage_get(stage, "/jobs/7", &response, &err));
        http_response_free(&response);
        scripted_peer_leave(stage->script);
        expect_outcome(stage, &refused, 0);
        scripted_peer_return(stage->script);
        scripted_peer_fault(stage->script, NULL);
        assert_true(http_stage_get(stage, "/jobs/7", &response, &err));
        http_response_free(&response);
        http_stage_close(stage);
}

/* An error's body is worth its first line: a large one neither hides the status nor is read to its end. */
static void test_large_errors_stay_errors(void **state)
{
        static const struct outcome outcomes[] = {
                {{.status = 503, .filler_bytes = 50 << 20}, ERROR_UNAVAILABLE, "Unavailable", ": 503 ", true},
                {{.status = 500, .how = SCRIPTED_ENDLESS}, ERROR_UNAVAILABLE, "PeerFailed", ": 500 ", true},
                {{.status = 404, .how = SCRIPTED_TRUNCATE, .body = "12345678"},
                 ERROR_NOT_FOUND,
                 "NotFound",
                 ": 404 Not Found: 1234",
                 false},
        };
        struct http_stage *stage = http_stage_open(&once);

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(outcomes); i++)
                expect_outcome(stage, &outcomes[i], outcomes[i].answer.status);
        http_stage_close(stage);
}

static void test_redirects_are_not_followed(void **state)
{
        struct http_stage *stage = http_stage_open(&once);
        struct http_response response;
        struct error err = ERROR_INIT;

        (void)state;
        scripted_peer_answer(stage->script, "GET /loop",
                             &(struct scripted_answer){.status = 307, .headers = "Location: /loop\r\n"});
        assert_false(http_stage_get(stage, "/loop", &response, &err));
        assert_int_equal(err.code, ERROR_REFUSED);
        http_response_free(&response);
        assert_int_equal(scripted_peer_count(stage->script, "*"), 1);
        http_stage_close(stage);
}

/* ---- sizes ---- */

static void test_the_cap_is_exact(void **state)
{
        struct http_stage *stage = http_stage_open(&once);
        struct http_response response;
        struct error err = ERROR_INIT;
        const struct http_request five = {.path = "/five", .max_bytes = 5},
                                  four = {.path = "/five", .max_bytes = 4};

        (void)state;
        scripted_peer_answer(stage->script, "GET /full", &(struct scripted_answer){.filler_bytes = 1 << 20});
        scripted_peer_json(stage->script, "GET /five", "12345");
        assert_true(http_stage_get(stage, "/full", &response, &err));
        assert_int_equal(response.length, 1 << 20);
        http_response_free(&response);
        assert_true(http_stage_send(stage, &five, &response, &err));
        http_response_free(&response);
        assert_false(http_stage_send(stage, &four, &response, &err));
        assert_int_equal(err.code, ERROR_LIMIT);
        assert_null(response.body);
        http_response_free(&response);
        http_stage_close(stage);
}

/* gzip by zlib. */
static char *packed(size_t blanks, size_t *ret_length)
{
        autofree char *plain = memory_new(blanks, 1);
        z_stream stream = {0};
        size_t room = blanks / 100 + 1000;
        char *out = memory_new(room, 1);

        memset(plain, ' ', blanks);
        assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
        stream.next_in = (unsigned char *)plain;
        stream.avail_in = (unsigned)blanks;
        stream.next_out = (unsigned char *)out;
        stream.avail_out = (unsigned)room;
        assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
        *ret_length = stream.total_out;
        deflateEnd(&stream);
        return out;
}

static void answer_packed(struct http_stage *stage, const char *request, size_t blanks)
{
        size_t length;
        autofree char *body = packed(blanks, &length);

        scripted_peer_answer(stage->script, request,
                             &(struct scripted_answer){.headers = "Content-Encoding: gzip\r\n",
                                                       .body = body,
                                                       .length = length});
}

static void test_packed_answers_are_capped_unpacked(void **state)
{
        struct http_stage *stage = http_stage_open(&once);
        struct http_response response;
        struct error err = ERROR_INIT;

        (void)state;
        answer_packed(stage, "GET /small", 100000);
        answer_packed(stage, "GET /bomb", 50 << 20);
        assert_true(http_stage_get(stage, "/small", &response, &err));
        assert_int_equal(response.length, 100000);
        assert_int_equal(response.body[99999], ' ');
        expect_header(scripted_peer_request(stage->script, "*", 0), "Accept-Encoding", "gzip, deflate");
        http_response_free(&response);
        assert_false(http_stage_get(stage, "/bomb", &response, &err));
        assert_int_equal(err.code, ERROR_LIMIT);
        http_response_free(&response);
        http_stage_close(stage);
}

/* ---- JSON ---- */

struct asked {
        struct http_stage *stage;
        const char *path;
        json_t *json;
        struct error err;
        bool good;
};

static void ask(void *argument)
{
        struct asked *asked = argument;

        asked->good = http_get_json(asked->stage->peer, asked->path, &asked->json, &asked->err);
}

static struct asked ask_json(struct http_stage *stage, const char *path)
{
        struct asked asked = {.stage = stage, .path = path, .err = ERROR_INIT};

        reactor_call(stage->reactor, ask, &asked);
        return asked;
}

static void test_json(void **state)
{
        static const char *const wrong[] = {"",      "<html></html>", "{\"a\": 1", "{\"a\": 1, \"a\": 2}",
                                            "{} {}", "\xff"};
        struct http_stage *stage = http_stage_open(&once);
        struct asked asked;

        (void)state;
        scripted_peer_answer(stage->script, "GET /right",
                             &(struct scripted_answer){.body = "{\"a\": [1, 2]}",
                                                       .content_type = "text/plain"});
        asked = ask_json(stage, "/right");
        assert_true(asked.good);
        assert_int_equal(json_array_size(json_object_get(asked.json, "a")), 2);
        json_decref(asked.json);
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                scripted_peer_fault(stage->script,
                                    &(struct scripted_answer){.status = 200, .body = wrong[i]});
                asked = ask_json(stage, "/wrong?x=1");
                assert_false(asked.good);
                assert_int_equal(asked.err.code, ERROR_INCOMPLETE);
                assert_string_equal(asked.err.reason, "NotJson");
                expect_said(asked.err.message, scripted_peer_url(stage->script));
                expect_said(asked.err.message, "/wrong?x=1:1:");
        }
        scripted_peer_fault(stage->script, &(struct scripted_answer){.status = 503});
        asked = ask_json(stage, "/right");
        assert_int_equal(asked.err.code, ERROR_UNAVAILABLE);
        http_stage_close(stage);
}

/* As deep as jansson goes, on the stack of a fiber. */
static void test_deep_json_does_not_overflow_the_fiber(void **state)
{
        struct http_stage *stage = http_stage_open(&once);
        autofree char *deep = memory_new(10001, 1);
        struct asked asked;

        (void)state;
        memset(deep, '[', 2000);
        memset(deep + 2000, ']', 2000);
        scripted_peer_json(stage->script, "GET /deep", deep);
        asked = ask_json(stage, "/deep");
        assert_true(asked.good);
        json_decref(asked.json);
        memset(deep, '[', 10000);
        scripted_peer_json(stage->script, "GET /deeper", deep);
        asked = ask_json(stage, "/deeper");
        assert_string_equal(asked.err.reason, "NotJson");
        http_stage_close(stage);
}

/* ---- URLs ---- */

static void test_urls(void **state)
{
        static const char *const good[][2] = {
                {"http://h", "http://h"},
                {"http://h:8081/", "http://h:8081"},
                {"HTTPS://Example.org/proxy/flink//", "https://Example.org/proxy/flink"},
                {"http://[::1]:9090", "http://[::1]:9090"},
        };
        static const char *const bad[] = {"",
                                          "h",
                                          "h:8081",
                                          "ftp://h",
                                          "file:///etc/passwd",
                                          "http://",
                                          "http://h:99999",
                                          "http://h/?x=1",
                                          "http://h/#x",
                                          "http://u@h",
                                          "http://u:tell-nobody@h",
                                          "http://h/a b",
                                          "http://h/\r\nX: y"};
        struct http_stage *stage = http_stage_open(NULL);
        struct error err = ERROR_INIT;

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
                struct http_peer *peer;

                if (!http_peer_new(stage->client, good[i][0], NULL, NULL, &peer, &err))
                        fail_msg("%s", err.message);
                assert_string_equal(http_peer_url(peer), good[i][1]);
                http_peer_free(peer);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                struct http_peer *peer = NULL;

                if (http_peer_new(stage->client, bad[i], NULL, NULL, &peer, &err))
                        fail_msg("\"%s\" was taken", bad[i]);
                assert_int_equal(err.code, ERROR_INPUT);
                assert_null(strstr(err.message, "tell-nobody"));
        }
        http_stage_close(stage);
}

static void test_paths_are_not_made_up(void **state)
{
        static const char *const bad[] = {"/a b", "/a\r\nX-Evil: 1", "/a\x01"};
        struct http_stage *stage = http_stage_open(&once);
        struct http_response response;
        struct error err = ERROR_INIT;
        autofree char *escaped = http_escape("a b/c?d=\xc3\xa4&\"\n.-_~");

        (void)state;
        assert_string_equal(escaped, "a%20b%2Fc%3Fd%3D%C3%A4%26%22%0A.-_~");
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                assert_false(http_stage_get(stage, bad[i], &response, &err));
                assert_int_equal(err.code, ERROR_INPUT);
                http_response_free(&response);
        }
        assert_int_equal(scripted_peer_count(stage->script, "*"), 0);
        http_stage_close(stage);
}

static void test_options_that_contradict(void **state)
{
        const struct http_options bad[] = {
                {.token_file = (char[]){"t"}, .username = (char[]){"u"}, .password_file = (char[]){"p"}},
                {.username = (char[]){"u"}},
                {.password_file = (char[]){"p"}},
                {.username = (char[]){"u:v"}, .password_file = (char[]){"p"}},
                {.certificate_file = (char[]){"c"}},
                {.proxy = (char[]){"http://u:p@proxy:3128"}},
                {.proxy = (char[]){"socks5://proxy"}},
        };
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
                struct http_peer *peer = NULL;
                struct error err = ERROR_INIT;

                assert_false(http_peer_new(stage->client, "http://h", &bad[i], NULL, &peer, &err));
                assert_int_equal(err.code, ERROR_INPUT);
        }
        http_stage_close(stage);
}

/* The scripted peer as a proxy: it is asked with the whole URL (RFC 9112, 3.2.2). */
static void test_a_proxy_is_asked_and_that_of_the_environment_is_not(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct http_options options = {0};
        autofree char *proxy = memory_copy_text(scripted_peer_url(stage->script));
        struct http_response response;
        struct error err = ERROR_INIT;

        (void)state;
        setenv("http_proxy", "http://127.0.0.1:1", 1);
        setenv("no_proxy", "*", 1);
        scripted_peer_json(stage->script, "*", "{}");
        assert_true(http_stage_get(stage, "/direct", &response, &err));
        http_response_free(&response);
        http_peer_free(stage->peer);
        options.proxy = proxy;
        assert_true(http_peer_new(stage->client, "http://engine.example:8081", &options, NULL, &stage->peer,
                                  &err));
        if (!http_stage_get(stage, "/jobs", &response, &err))
                fail_msg("%s", err.message);
        http_response_free(&response);
        assert_string_equal(scripted_peer_request(stage->script, "*", -1)->path,
                            "http://engine.example:8081/jobs");
        unsetenv("http_proxy");
        unsetenv("no_proxy");
        http_stage_close(stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_get_as_it_is_sent),
                cmocka_unit_test(test_bodies_are_sent_whole_and_unasked),
                cmocka_unit_test(test_empty_bodies),
                cmocka_unit_test(test_statuses),
                cmocka_unit_test(test_what_is_no_answer),
                cmocka_unit_test(test_a_peer_that_is_not_there),
                cmocka_unit_test(test_large_errors_stay_errors),
                cmocka_unit_test(test_redirects_are_not_followed),
                cmocka_unit_test(test_the_cap_is_exact),
                cmocka_unit_test(test_packed_answers_are_capped_unpacked),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_deep_json_does_not_overflow_the_fiber),
                cmocka_unit_test(test_urls),
                cmocka_unit_test(test_paths_are_not_made_up),
                cmocka_unit_test(test_options_that_contradict),
                cmocka_unit_test(test_a_proxy_is_asked_and_that_of_the_environment_is_not),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
