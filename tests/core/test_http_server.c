/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server as polite clients meet it, over real sockets on loopback. What is expected follows RFC 9110
 * (semantics), 9112 (messages) and 6750 (bearer tokens). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/server_stage.h"

static void test_an_answer_and_what_protects_it(void **state)
{
        static const char *const headers[] = {"Content-Type: application/json\r\n",
                                              "Cache-Control: no-store\r\n",
                                              "X-Content-Type-Options: nosniff\r\n",
                                              "X-Frame-Options: DENY\r\n",
                                              "Referrer-Policy: no-referrer\r\n",
                                              ("Content-Security-Policy: default-src 'none'; script-src "
                                               "'self';")};
        struct server_stage stage = {0};
        autofree char *answer = NULL;

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        answer = server_stage_ask(&stage, "GET", "/items/a?colour=blue", "", NULL);
        assert_int_equal(raw_status(answer), 200);
        for (size_t i = 0; i < ARRAY_LENGTH(headers); i++)
                if (!strstr(answer, headers[i]))
                        fail_msg("no %s in %s", headers[i], answer);
        assert_string_equal(raw_body(answer), "{\"name\": \"a\", \"colour\": \"blue\"}\n");
        server_stage_close(&stage);
}

static void test_head_has_the_headers_of_get_and_no_body(void **state)
{
        struct server_stage stage = {0};
        autofree char *answer = NULL;

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        answer = server_stage_ask(&stage, "HEAD", "/", "", NULL);
        assert_int_equal(raw_status(answer), 200);
        assert_non_null(strstr(answer, "Content-Length: 34\r\n"));
        assert_string_equal(raw_body(answer), "");
        server_stage_close(&stage);
}

static void test_a_page_the_browser_has_is_not_sent_again(void **state)
{
        struct server_stage stage = {0};
        autofree char *first = NULL, *header = NULL;
        const char *tag;

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        first = server_stage_ask(&stage, "GET", "/", "", NULL);
        assert_string_equal(raw_body(first), server_stage_page);
        tag = strstr(first, "ETag: ") + 6;
        header = memory_format("If-None-Match: %.*s\r\n", (int)strcspn(tag, "\r"), tag);
        assert_asked(&stage, "GET", "/", header, NULL, 304, "ETag");
        assert_asked(&stage, "GET", "/", "If-None-Match: \"other\"\r\n", NULL, 200, server_stage_page);
        server_stage_close(&stage);
}

static void test_wrong_addresses_and_methods(void **state)
{
        struct server_stage stage = {0};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        assert_asked(&stage, "GET", "/nowhere", "", NULL, 404, "\"code\": \"NotFound\"");
        assert_asked(&stage, "GET", "/items", "", NULL, 404, "NotFound");
        assert_asked(&stage, "GET", "/items/a/b", "", NULL, 404, "NotFound");
        assert_asked(&stage, "GET", "/items//", "", NULL, 404, "NotFound");
        assert_asked(&stage, "PUT", "/items/a", CSRF, "", 405, "Allow: GET, HEAD, POST, DELETE\r\n");
        assert_asked(&stage, "OPTIONS", "/wake", "", NULL, 405, "Allow: GET, HEAD\r\n");
        assert_asked(&stage, "DELETE", "/items/a", CSRF, NULL, 500, "NoAnswer");
        assert_asked(&stage, "GET", "/error", "", NULL, 404,
                     "{\"error\": {\"code\": \"NotFound\", \"message\": \"there is no pipeline x at "
                     "https://***@flink\"}}");
        server_stage_close(&stage);
}

static void test_names_are_decoded_once_and_only_when_they_are_well_formed(void **state)
{
        static const struct {
                const char *path;
                int status;
                const char *contains;
        } cases[] = {
                {"/items/analytics%2Fclicks", 200, "\"name\": \"analytics/clicks\""},
                {"/items/a%252Fb", 200, "\"name\": \"a%2Fb\""},
                {"/items/a+b?colour=light+blue&x", 200, "\"name\": \"a+b\", \"colour\": \"light blue\""},
                {"/items/%e2%82%ac", 200, "\"name\": \"\xe2\x82\xac\""},
                {"/items/..%2f..%2fetc%2fpasswd", 200, "\"name\": \"../../etc/passwd\""},
                {"/items/../../etc/passwd", 404, "NotFound"},
                {"/../../../../etc/passwd", 404, "NotFound"},
                {"//etc/passwd", 404, "NotFound"},
                {"/items/%", 400, "BadAddress"},
                {"/items/%4", 400, "BadAddress"},
                {"/items/%zz", 400, "BadAddress"},
                {"/items/%00", 400, "BadAddress"},
                {"/items/a%00b", 400, "BadAddress"},
                {"/items/a%0d%0aSet-Cookie:x", 400, "BadAddress"},
                {"/items/%ff", 400, "BadAddress"},
                {"/items/%c0%af", 400, "BadAddress"},
                {"/items/a?colour=%", 400, "BadAddress"},
                {"/items/a?colour=%7f", 400, "BadAddress"},
                {"items/a", 400, "BadAddress"},
                {"http://127.0.0.1/items/a", 400, "BadAddress"},
                {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", 400, "BadAddress"},
                {"/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q", 400, "BadAddress"},
        };
        struct server_stage stage = {0};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                assert_asked(&stage, "GET", cases[i].path, "", NULL, cases[i].status, cases[i].contains);
        server_stage_close(&stage);
}

static void test_bodies(void **state)
{
        struct server_stage stage = {0};
        autofree char *largest = memory_new(MEGABYTE + 2, 1);

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        assert_asked(&stage, "POST", "/items/a", CSRF, "{\"reason\": \"night\"}", 200,
                     "\r\n\r\n{\"reason\": \"night\"}\n");
        assert_asked(&stage, "POST", "/items/a", CSRF, "", 200, "\r\n\r\n{}\n");
        assert_asked(&stage, "POST", "/items/a", CSRF, NULL, 200, "\r\n\r\n{}\n");
        assert_asked(&stage, "POST", "/items/a", CSRF, "{\"reason\"", 400, "body:1:");
        assert_asked(&stage, "POST", "/items/a", CSRF, "[1]", 400, "expected an object");
        memset(largest, ' ', MEGABYTE + 1);
        memcpy(largest, "{}", 2);
        assert_asked(&stage, "POST", "/items/a", CSRF, largest, 413, "TooLarge");
        largest[MEGABYTE] = '\0';
        assert_asked(&stage, "POST", "/items/a", CSRF, largest, 200, "{}");
        server_stage_close(&stage);
}

static void test_other_origins_are_kept_out(void **state)
{
        static const struct {
                const char *host;
                int status;
        } cases[] = {{"localhost", 200},      {"LocalHost:7780", 200},
                     {"127.0.0.1:1", 200},    {"127.8.9.10", 200},
                     {"[::1]:7780", 200},     {"evil.example", 421},
                     {"127.0.0.1.evil", 421}, {"localhost.evil:7780", 421},
                     {"[::1].evil", 421},     {"[localhost]", 421},
                     {"10.0.0.1", 421},       {"localhost@evil", 421}};
        struct server_stage stage = {0};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *request = memory_format("GET /items/a HTTP/1.1\r\nHost: %s\r\n"
                                                       "Connection: close\r\n\r\n",
                                                       cases[i].host);
                autofree char *answer = raw_ask_bytes(stage.reactor, stage.port, request, strlen(request));

                if (raw_status(answer) != cases[i].status)
                        fail_msg("%s: %.40s", cases[i].host, answer);
        }
        assert_asked(&stage, "POST", "/items/a", "", "{}", 403, "MissingHeader");
        assert_asked(&stage, "POST", "/items/a", "X-Requested-With: XMLHttpRequest\r\n", "{}", 403,
                     "MissingHeader");
        server_stage_close(&stage);
}

static void test_the_token_opens_what_asks_for_it(void **state)
{
        struct server_stage stage = {0};

        (void)state;
        stage.scratch = scratch_open();
        scratch_write(&stage.scratch, "token", "open-sesame\n");
        server_stage_open(&stage, (struct http_server_options){.token_file = "token"});
        assert_asked(&stage, "GET", "/items/a", "", NULL, 200, "");
        assert_asked(&stage, "POST", "/items/a", CSRF, "{}", 401, "WWW-Authenticate: Bearer");
        assert_asked(&stage, "POST", "/items/a", CSRF "Authorization: Bearer open-sesam\r\n", "{}", 401, "");
        assert_asked(&stage, "POST", "/items/a", CSRF "Authorization: Bearer open-sesame!\r\n", "{}", 401,
                     "");
        assert_asked(&stage, "POST", "/items/a", CSRF "Authorization: Basic open-sesame\r\n", "{}", 401, "");
        assert_asked(&stage, "POST", "/items/a", CSRF "Authorization: Bearer open-sesame\r\n", "{}", 200, "");
        assert_asked(&stage, "POST", "/items/a", "Authorization: Bearer open-sesame\r\n", "{}", 403, "");
        /* replaced, as a mounted Secret is */
        scratch_write(&stage.scratch, "token", "another-word");
        assert_asked(&stage, "POST", "/items/a", CSRF "Authorization: Bearer open-sesame\r\n", "{}", 401, "");
        assert_asked(&stage, "POST", "/items/a", CSRF "authorization: bearer another-word\r\n", "{}", 200,
                     "");
        server_stage_close(&stage);
}

static void test_without_its_token_file_nobody_is_let_in(void **state)
{
        struct server_stage stage = {0};

        (void)state;
        stage.scratch = scratch_open();
        scratch_write(&stage.scratch, "token", "open-sesame");
        server_stage_open(&stage, (struct http_server_options){.token_file = "token"});
        scratch_remove(&stage.scratch, "token");
        assert_asked(&stage, "POST", "/items/a", CSRF "Authorization: Bearer open-sesame\r\n", "{}", 503,
                     "TokenUnreadable");
        server_stage_close(&stage);
}

static void test_what_cannot_be_served(void **state)
{
        static const struct http_route no_routes[] = {{.method = NULL}};
        static const struct {
                struct http_server_options options;
                enum error_code code;
                const char *says;
        } cases[] = {
                {{.address = "0.0.0.0"}, ERROR_INPUT, "0.0.0.0 can be reached from other machines"},
                {{.address = "::"}, ERROR_INPUT, "can be reached from other machines"},
                {{.address = "0.0.0.0", .token_file = "t"}, ERROR_INPUT, "takes a token, a certificate"},
                {{.address = "127.0.0.1", .certificate_file = "c"}, ERROR_INPUT, "one alone is of no use"},
                {{.address = "127.0.0.1", .port = 65536}, ERROR_INPUT, "port 65536"},
                {{.address = "127.0.0.1", .token_file = "gone"}, ERROR_INPUT, "gone"},
                {{.address = "127.0.0.1", .certificate_file = "gone", .key_file = "gone"},
                 ERROR_INPUT,
                 "gone"},
                {{.address = "127.0.0.1", .certificate_file = "README.md", .key_file = "README.md"},
                 ERROR_INPUT,
                 "are not a certificate and its key"},
                {{.address = "127.0.0.1", .port = -1}, ERROR_CONFLICT, "is taken by another program"},
        };
        struct server_stage stage = {0};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct http_server_options options = cases[i].options;
                struct http_server *server = NULL;
                struct error err = ERROR_INIT;

                options.port = options.port == -1 ? stage.port : options.port;
                assert_false(
                        http_server_new(stage.reactor, &options, no_routes, NULL, NULL, NULL, &server, &err));
                if (err.code != cases[i].code || !strstr(err.message, cases[i].says))
                        fail_msg("expected \"%s\", got \"%s\"", cases[i].says, err.message);
                assert_null(server);
        }
        server_stage_close(&stage);
}

/* ---- several at once ---- */

static void test_a_handler_that_waits_holds_up_nobody(void **state)
{
        static const char request[] = "GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        struct server_stage stage = {0};
        struct raw_exchange waiting = {.bytes = request, .length = sizeof request - 1};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){.receive_ms = 100});
        waiting.reactor = stage.reactor;
        waiting.port = stage.port;
        reactor_spawn(stage.reactor, raw_run, &waiting);
        while (!stage.waiter)
                assert_asked(&stage, "GET", "/items/a", "", NULL, 200, "");
        assert_asked(&stage, "GET", "/items/a", "", NULL, 200, "");
        assert_false(stage.waited);
        assert_asked(&stage, "GET", "/wake", "", NULL, 200, "woke");
        reactor_run(stage.reactor);
        assert_string_equal(raw_body(waiting.answer.data), "waited");
        text_free(&waiting.answer);
        server_stage_close(&stage);
}

static void wake_later(void *argument)
{
        struct server_stage *stage = argument;

        assert_false(stage->waited);
        reactor_wake(stage->reactor, stage->waiter);
}

static void test_the_end_waits_for_handlers_and_sends_their_answers(void **state)
{
        static const char request[] = "GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n";
        struct server_stage stage = {0};
        struct raw_exchange waiting = {.bytes = request, .length = sizeof request - 1};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        waiting.reactor = stage.reactor;
        waiting.port = stage.port;
        reactor_spawn(stage.reactor, raw_run, &waiting);
        while (!stage.waiter)
                assert_asked(&stage, "GET", "/items/a", "", NULL, 200, "");
        reactor_spawn(stage.reactor, wake_later, &stage);
        http_server_free(stage.server);
        stage.server = NULL;
        assert_true(stage.waited);
        reactor_run(stage.reactor);
        assert_string_equal(raw_body(waiting.answer.data), "waited");
        text_free(&waiting.answer);
        server_stage_close(&stage);
}

static void test_requests_on_one_connection_are_answered_in_their_order(void **state)
{
        static const char requests[] =
                "GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /items/2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        struct server_stage stage = {0};
        autofree char *answers = NULL;
        const char *first, *second, *third;

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        answers = raw_ask_bytes(stage.reactor, stage.port, requests, sizeof requests - 1);
        first = strstr(answers, "{\"name\": \"1\",");
        second = strstr(answers, "NotFound");
        third = strstr(answers, "{\"name\": \"2\",");
        assert_true(first && second && third && first < second && second < third);
        server_stage_close(&stage);
}

static void test_requests_are_counted_by_route_and_status(void **state)
{
        struct server_stage stage = {0};
        autotext out = {0};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        assert_asked(&stage, "GET", "/items/a", "", NULL, 200, "");
        assert_asked(&stage, "GET", "/items/b", "", NULL, 200, "");
        assert_asked(&stage, "GET", "/items/%", "", NULL, 400, "");
        assert_asked(&stage, "GET", "/", "", NULL, 200, "");
        metrics_expose(stage.metrics, &out);
        assert_non_null(strstr(out.data, "optctl_http_server_requests_total{route=\"/items/{name}\","
                                         "status=\"200\"} 2\n"));
        assert_non_null(strstr(out.data, "optctl_http_server_requests_total{route=\"none\",status=\"400\"} "
                                         "1\n"));
        assert_non_null(strstr(out.data, "optctl_http_server_request_duration_seconds_count{route=\"/items/"
                                         "{name}\"} 2\n"));
        server_stage_close(&stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_answer_and_what_protects_it),
                cmocka_unit_test(test_head_has_the_headers_of_get_and_no_body),
                cmocka_unit_test(test_a_page_the_browser_has_is_not_sent_again),
                cmocka_unit_test(test_wrong_addresses_and_methods),
                cmocka_unit_test(test_names_are_decoded_once_and_only_when_they_are_well_formed),
                cmocka_unit_test(test_bodies),
                cmocka_unit_test(test_other_origins_are_kept_out),
                cmocka_unit_test(test_the_token_opens_what_asks_for_it),
                cmocka_unit_test(test_without_its_token_file_nobody_is_let_in),
                cmocka_unit_test(test_what_cannot_be_served),
                cmocka_unit_test(test_a_handler_that_waits_holds_up_nobody),
                cmocka_unit_test(test_the_end_waits_for_handlers_and_sends_their_answers),
                cmocka_unit_test(test_requests_on_one_connection_are_answered_in_their_order),
                cmocka_unit_test(test_requests_are_counted_by_route_and_status),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
