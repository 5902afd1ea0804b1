/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server as its clients meet it, polite ones and others: real sockets on loopback, byte by byte. What is
 * expected follows RFC 9110 (semantics), 9112 (messages) and 6750 (bearer tokens).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "core/http_client.h"
#include "core/http_server.h"
#include "core/json.h"
#include "tests/support/certificates.h"
#include "tests/support/raw_client.h"
#include "tests/support/scratch.h"

#define MEGABYTE (1 << 20)
#define CSRF     "X-Requested-With: optctl\r\n"

struct stage {
        struct reactor *reactor;
        struct metrics *metrics;
        struct http_server *server;
        struct fiber *waiter;
        struct scratch scratch;
        int port;
        bool waited;
};

/* ---- what is served ---- */

static const char page[] = "<!DOCTYPE html><title>page</title>";

static void handle_page(void *context, struct http_exchange *exchange)
{
        (void)context;
        http_answer_static(exchange, "text/html; charset=utf-8", page, sizeof page - 1);
}

static void handle_item(void *context, struct http_exchange *exchange)
{
        const char *colour = http_exchange_query(exchange, "colour");
        autojson *json =
                json_pack("{s:s, s:s?}", "name", http_exchange_segment(exchange, "name"), "colour", colour);

        (void)context;
        http_answer_json(exchange, 200, json);
}

static void handle_echo(void *context, struct http_exchange *exchange)
{
        autojson *json = NULL;

        (void)context;
        if (http_exchange_json(exchange, &json))
                http_answer_json(exchange, 200, json);
}

static void handle_nothing(void *context, struct http_exchange *exchange)
{
        (void)context;
        (void)exchange;
}

static void handle_error(void *context, struct http_exchange *exchange)
{
        struct error err = ERROR_INIT;

        (void)context;
        error_set(&err, ERROR_NOT_FOUND, NULL, "there is no pipeline x at https://me:hunter2@flink");
        http_answer_error(exchange, &err);
}

static void handle_wait(void *context, struct http_exchange *exchange)
{
        struct stage *stage = context;

        stage->waiter = reactor_current(stage->reactor);
        reactor_suspend(stage->reactor);
        stage->waited = true;
        http_answer(exchange, 200, "text/plain", "waited", 6);
}

static void handle_wake(void *context, struct http_exchange *exchange)
{
        struct stage *stage = context;

        reactor_wake(stage->reactor, stage->waiter);
        http_answer(exchange, 200, "text/plain", "woke", 4);
}

static void handle_large(void *context, struct http_exchange *exchange)
{
        autofree char *bytes = memory_new(64, MEGABYTE);

        (void)context;
        http_answer(exchange, 200, "text/plain", bytes, (size_t)64 * MEGABYTE);
}

static const struct http_route routes[] = {
        {.method = "GET", .path = "/", .open = true, .handle = handle_page},
        {.method = "GET", .path = "/items/{name}", .handle = handle_item},
        {.method = "POST", .path = "/items/{name}", .token = true, .handle = handle_echo},
        {.method = "DELETE", .path = "/items/{name}", .token = true, .handle = handle_nothing},
        {.method = "GET", .path = "/error", .handle = handle_error},
        {.method = "GET", .path = "/wait", .handle = handle_wait},
        {.method = "GET", .path = "/wake", .handle = handle_wake},
        {.method = "GET", .path = "/large", .handle = handle_large},
        {.method = NULL},
};

/* ---- stage ---- */

static void serve(struct stage *stage, struct http_server_options options)
{
        struct error err = ERROR_INIT;

        options.address = options.address ? options.address : "127.0.0.1";
        options.base = stage->scratch.folder;
        if (!stage->reactor)
                assert_true(reactor_new(NULL, &stage->reactor, &err));
        stage->metrics = metrics_new();
        if (!http_server_new(stage->reactor, &options, routes, stage, stage->metrics, NULL, &stage->server,
                             &err))
                fail_msg("%s", err.message);
        stage->port = http_server_port(stage->server);
}

static void stage_close(struct stage *stage)
{
        http_server_free(stage->server);
        reactor_free(stage->reactor);
        metrics_free(stage->metrics);
        if (*stage->scratch.folder)
                scratch_close(&stage->scratch);
}

static char *ask(struct stage *stage, const char *method, const char *path, const char *headers,
                 const char *body)
{
        return raw_ask(stage->reactor, stage->port, method, path, headers, body);
}

static void assert_asked(struct stage *stage, const char *method, const char *path, const char *headers,
                         const char *body, int status, const char *contains)
{
        autofree char *answer = ask(stage, method, path, headers, body);

        if (raw_status(answer) != status || !strstr(answer, contains))
                fail_msg("%s %.80s: expected %d and \"%s\", got:\n%.2000s", method, path, status, contains,
                         answer);
}

/* ---- cases ---- */

static void test_an_answer_and_what_protects_it(void **state)
{
        static const char *const headers[] = {"Content-Type: application/json\r\n",
                                              "Cache-Control: no-store\r\n",
                                              "X-Content-Type-Options: nosniff\r\n",
                                              "X-Frame-Options: DENY\r\n",
                                              "Referrer-Policy: no-referrer\r\n",
                                              ("Content-Security-Policy: default-src 'none'; script-src "
                                               "'self';")};
        struct stage stage = {0};
        autofree char *answer = NULL;

        (void)state;
        serve(&stage, (struct http_server_options){0});
        answer = ask(&stage, "GET", "/items/a?colour=blue", "", NULL);
        assert_int_equal(raw_status(answer), 200);
        for (size_t i = 0; i < ARRAY_LENGTH(headers); i++)
                if (!strstr(answer, headers[i]))
                        fail_msg("no %s in %s", headers[i], answer);
        assert_string_equal(raw_body(answer), "{\"name\": \"a\", \"colour\": \"blue\"}\n");
        stage_close(&stage);
}

static void test_head_has_the_headers_of_get_and_no_body(void **state)
{
        struct stage stage = {0};
        autofree char *answer = NULL;

        (void)state;
        serve(&stage, (struct http_server_options){0});
        answer = ask(&stage, "HEAD", "/", "", NULL);
        assert_int_equal(raw_status(answer), 200);
        assert_non_null(strstr(answer, "Content-Length: 34\r\n"));
        assert_string_equal(raw_body(answer), "");
        stage_close(&stage);
}

static void test_a_page_the_browser_has_is_not_sent_again(void **state)
{
        struct stage stage = {0};
        autofree char *first = NULL, *header = NULL;
        const char *tag;

        (void)state;
        serve(&stage, (struct http_server_options){0});
        first = ask(&stage, "GET", "/", "", NULL);
        assert_string_equal(raw_body(first), page);
        tag = strstr(first, "ETag: ") + 6;
        header = memory_format("If-None-Match: %.*s\r\n", (int)strcspn(tag, "\r"), tag);
        assert_asked(&stage, "GET", "/", header, NULL, 304, "ETag");
        assert_asked(&stage, "GET", "/", "If-None-Match: \"other\"\r\n", NULL, 200, page);
        stage_close(&stage);
}

static void test_wrong_addresses_and_methods(void **state)
{
        struct stage stage = {0};

        (void)state;
        serve(&stage, (struct http_server_options){0});
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
        stage_close(&stage);
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
        struct stage stage = {0};

        (void)state;
        serve(&stage, (struct http_server_options){0});
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
                assert_asked(&stage, "GET", cases[i].path, "", NULL, cases[i].status, cases[i].contains);
        stage_close(&stage);
}

static void test_bodies(void **state)
{
        struct stage stage = {0};
        autofree char *largest = memory_new(MEGABYTE + 2, 1);

        (void)state;
        serve(&stage, (struct http_server_options){0});
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
        stage_close(&stage);
}

static void test_a_body_without_end_is_cut_off(void **state)
{
        struct stage stage = {0};
        autotext request = {0};
        autofree char *answer = NULL, *chunk = memory_new(65537, 1);

        (void)state;
        serve(&stage, (struct http_server_options){0});
        memset(chunk, 'x', 65536);
        text_format(&request, "POST /items/a HTTP/1.1\r\nHost: localhost\r\n" CSRF
                              "Transfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 64; i++)
                text_format(&request, "10000\r\n%s\r\n", chunk);
        answer = raw_ask_bytes(stage.reactor, stage.port, request.data, request.length);
        assert_string_equal(answer, "");
        assert_asked(&stage, "GET", "/", "", NULL, 200, page);
        stage_close(&stage);
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
        struct stage stage = {0};

        (void)state;
        serve(&stage, (struct http_server_options){0});
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
        stage_close(&stage);
}

static void test_the_token_opens_what_asks_for_it(void **state)
{
        struct stage stage = {0};

        (void)state;
        stage.scratch = scratch_open();
        scratch_write(&stage.scratch, "token", "open-sesame\n");
        serve(&stage, (struct http_server_options){.token_file = "token"});
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
        stage_close(&stage);
}

static void test_without_its_token_file_nobody_is_let_in(void **state)
{
        struct stage stage = {0};

        (void)state;
        stage.scratch = scratch_open();
        scratch_write(&stage.scratch, "token", "open-sesame");
        serve(&stage, (struct http_server_options){.token_file = "token"});
        scratch_remove(&stage.scratch, "token");
        assert_asked(&stage, "POST", "/items/a", CSRF "Authorization: Bearer open-sesame\r\n", "{}", 503,
                     "TokenUnreadable");
        stage_close(&stage);
}

static void test_what_cannot_be_served(void **state)
{
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
        struct stage stage = {0};

        (void)state;
        serve(&stage, (struct http_server_options){0});
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct http_server_options options = cases[i].options;
                struct http_server *server = NULL;
                struct error err = ERROR_INIT;

                options.port = options.port == -1 ? stage.port : options.port;
                assert_false(
                        http_server_new(stage.reactor, &options, routes, &stage, NULL, NULL, &server, &err));
                if (err.code != cases[i].code || !strstr(err.message, cases[i].says))
                        fail_msg("expected \"%s\", got \"%s\"", cases[i].says, err.message);
                assert_null(server);
        }
        stage_close(&stage);
}

static void test_headers_without_end_are_refused(void **state)
{
        struct stage stage = {0};
        autotext many = {0};
        autofree char *longest = memory_new(60001, 1), *line = NULL, *answer = NULL;

        (void)state;
        serve(&stage, (struct http_server_options){0});
        for (int i = 0; i < 10000; i++)
                text_format(&many, "X-%d: x\r\n", i);
        assert_asked(&stage, "GET", "/", many.data, NULL, 431, "");
        memset(longest, 'x', 60000);
        line = memory_format("X: %s\r\n", longest);
        assert_asked(&stage, "GET", "/", line, NULL, 431, "");
        longest[0] = '/';
        answer = ask(&stage, "GET", longest, "", NULL);
        assert_in_range(raw_status(answer), 414, 431);
        assert_asked(&stage, "GET", "/", "", NULL, 200, page);
        stage_close(&stage);
}

static void test_garbage_ends_one_connection_and_nothing_else(void **state)
{
        static const struct {
                const char *bytes;
                size_t length;
        } cases[] = {
#define BYTES(text) {text, sizeof(text) - 1}
                BYTES("\r\n\r\n\r\n\r\n"),
                BYTES("\0\0\0\0\r\n\r\n"),
                BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), /* TLS on a plain port */
                BYTES("GET\r\n\r\n"),
                BYTES("GET /\r\n\r\n"),
                BYTES("GET / HTTP/9.9\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
                BYTES("G\x01T / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
                BYTES("GET /\0/etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
                BYTES("GET / HTTP/1.1\r\nHost: local\0host\r\nConnection: close\r\n\r\n"),
                BYTES("GET / HTTP/1.1\r\n\r\n"),
                BYTES("GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n"),
                BYTES("POST /items/a HTTP/1.1\r\nHost: localhost\r\n" CSRF "Content-Length: -1\r\n\r\n"),
                BYTES("POST /items/a HTTP/1.1\r\nHost: localhost\r\n" CSRF "Content-Length: 1e3\r\n\r\n"),
                BYTES("POST /items/a HTTP/1.1\r\nHost: localhost\r\n" CSRF
                      "Content-Length: 99999999999999999999999\r\n\r\n"),
                BYTES("POST /items/a HTTP/1.1\r\nHost: localhost\r\n" CSRF
                      "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
                BYTES("POST /items/a HTTP/1.1\r\nHost: localhost\r\n" CSRF
                      "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
#undef BYTES
        };
        struct stage stage = {0};

        (void)state;
        serve(&stage, (struct http_server_options){.receive_ms = 100});
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *answer =
                        raw_ask_bytes(stage.reactor, stage.port, cases[i].bytes, cases[i].length);

                if (strstr(answer, "did not hang up") || strstr(answer, "root:"))
                        fail_msg("case %zu: %s", i, answer);
        }
        assert_asked(&stage, "GET", "/", "", NULL, 200, page);
        stage_close(&stage);
}

/* ---- slow clients ---- */

struct drip {
        struct stage *stage;
        bool cut_off;
};

/* A byte whenever nothing came for 20 ms, as slowloris does. */
static void drip_work(void *argument)
{
        const struct timeval pause = {.tv_usec = 20000};
        struct drip *drip = argument;
        int fd = raw_connect(drip->stage->port);
        char byte;

        raw_send(fd, "GET / HTTP/1.1\r\nX: ", 19);
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause);
        for (int i = 0; i < 500 && !drip->cut_off; i++) {
                ssize_t got = recv(fd, &byte, 1, 0);

                drip->cut_off = got == 0 || (got < 0 && errno != EAGAIN) || !raw_send(fd, "x", 1);
        }
        close(fd);
}

static void drip_run(void *argument)
{
        struct drip *drip = argument;

        reactor_offload(drip->stage->reactor, drip_work, drip);
}

static void test_a_header_drop_by_drop_is_cut_off(void **state)
{
        struct stage stage = {0};
        struct drip drip = {.stage = &stage};

        (void)state;
        serve(&stage, (struct http_server_options){.receive_ms = 200});
        reactor_call(stage.reactor, drip_run, &drip);
        assert_true(drip.cut_off);
        stage_close(&stage);
}

static void test_silence_is_cut_off(void **state)
{
        struct stage stage = {0};
        autofree char *nothing = NULL, *after = NULL;
        static const char once[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

        (void)state;
        serve(&stage, (struct http_server_options){.receive_ms = 100});
        nothing = raw_ask_bytes(stage.reactor, stage.port, "", 0);
        assert_string_equal(nothing, "");
        after = raw_ask_bytes(stage.reactor, stage.port, once, sizeof once - 1);
        assert_int_equal(raw_status(after), 200);
        assert_string_equal(raw_body(after), page);
        stage_close(&stage);
}

struct reader {
        struct stage *stage;
        int fd;
        struct text got;
        bool hung_up;
};

static void reader_ask(void *argument)
{
        static const char request[] = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
        struct reader *reader = argument;

        reader->fd = raw_connect(reader->stage->port);
        raw_send(reader->fd, request, sizeof request - 1);
}

static void reader_read(void *argument)
{
        struct reader *reader = argument;

        reader->hung_up = raw_receive(reader->fd, &reader->got);
        close(reader->fd);
}

static bool is_over(const struct stage *stage)
{
        autotext out = {0};

        metrics_expose(stage->metrics, &out);
        return out.data && strstr(out.data, "{route=\"/large\",status=\"200\"} 1\n");
}

/* Takes nothing until the server has given up: then what the kernel held is all there is. */
static void late_reader_run(void *argument)
{
        struct reader *reader = argument;
        struct reactor *reactor = reader->stage->reactor;
        struct clock clock = reactor_clock(reactor);
        struct error err = ERROR_INIT;

        reactor_offload(reactor, reader_ask, reader);
        for (int i = 0; i < 1000 && !is_over(reader->stage); i++)
                assert_true(clock_sleep_until(&clock, clock_now_ms(&clock) + 20, &err));
        reactor_offload(reactor, reader_read, reader);
}

static void test_who_does_not_take_the_answer_is_cut_off(void **state)
{
        struct stage stage = {0};
        struct reader reader = {.stage = &stage};

        (void)state;
        serve(&stage, (struct http_server_options){.send_ms = 200});
        reactor_call(stage.reactor, late_reader_run, &reader);
        assert_true(reader.hung_up);
        assert_true(reader.got.length < (size_t)64 * MEGABYTE);
        text_free(&reader.got);
        stage_close(&stage);
}

/* ---- several at once ---- */

static void test_a_handler_that_waits_holds_up_nobody(void **state)
{
        static const char request[] = "GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        struct stage stage = {0};
        struct raw_exchange waiting = {.bytes = request, .length = sizeof request - 1};

        (void)state;
        serve(&stage, (struct http_server_options){.receive_ms = 100});
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
        stage_close(&stage);
}

static void wake_later(void *argument)
{
        struct stage *stage = argument;

        assert_false(stage->waited);
        reactor_wake(stage->reactor, stage->waiter);
}

static void test_the_end_waits_for_handlers_and_sends_their_answers(void **state)
{
        static const char request[] = "GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n";
        struct stage stage = {0};
        struct raw_exchange waiting = {.bytes = request, .length = sizeof request - 1};

        (void)state;
        serve(&stage, (struct http_server_options){0});
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
        stage_close(&stage);
}

struct crowd {
        struct stage *stage;
        int fds[70], n_open;
};

static void crowd_work(void *argument)
{
        struct crowd *crowd = argument;

        for (size_t i = 0; i < ARRAY_LENGTH(crowd->fds); i++)
                crowd->fds[i] = raw_connect(crowd->stage->port);
        /* Those above the cap read the end of the stream, the others wait. */
        for (size_t i = 0; i < ARRAY_LENGTH(crowd->fds); i++) {
                const struct timeval pause = {.tv_usec = 20000};
                char byte;

                setsockopt(crowd->fds[i], SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof pause);
                crowd->n_open += recv(crowd->fds[i], &byte, 1, 0) < 0 && errno == EAGAIN;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(crowd->fds); i++)
                close(crowd->fds[i]);
}

static void crowd_run(void *argument)
{
        struct crowd *crowd = argument;

        reactor_offload(crowd->stage->reactor, crowd_work, crowd);
}

static void test_one_address_has_at_most_64_connections(void **state)
{
        struct stage stage = {0};
        struct crowd crowd = {.stage = &stage};

        (void)state;
        serve(&stage, (struct http_server_options){0});
        reactor_call(stage.reactor, crowd_run, &crowd);
        assert_int_equal(crowd.n_open, 64);
        assert_asked(&stage, "GET", "/", "", NULL, 200, page);
        stage_close(&stage);
}

static void test_requests_on_one_connection_are_answered_in_their_order(void **state)
{
        static const char requests[] =
                "GET /items/1 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /items/2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        struct stage stage = {0};
        autofree char *answers = NULL;
        const char *first, *second, *third;

        (void)state;
        serve(&stage, (struct http_server_options){0});
        answers = raw_ask_bytes(stage.reactor, stage.port, requests, sizeof requests - 1);
        first = strstr(answers, "{\"name\": \"1\",");
        second = strstr(answers, "NotFound");
        third = strstr(answers, "{\"name\": \"2\",");
        assert_true(first && second && third && first < second && second < third);
        stage_close(&stage);
}

static void test_requests_are_counted_by_route_and_status(void **state)
{
        struct stage stage = {0};
        autotext out = {0};

        (void)state;
        serve(&stage, (struct http_server_options){0});
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
        stage_close(&stage);
}

/* ---- TLS ---- */

struct visit {
        struct stage *stage;
        struct http_client *client;
        const char *path, *ca, *token_file;
        struct error err;
        bool done;
};

static void visit_run(void *argument)
{
        struct visit *visit = argument;
        autofree char *url = memory_format("https://127.0.0.1:%d", visit->stage->port);
        autofree char *ca = scratch_path(&visit->stage->scratch, visit->ca);
        struct http_options options = {.timeout_seconds = 10,
                                       .connect_timeout_seconds = 10,
                                       .max_response_bytes = 65536,
                                       .token_file = (char *)(uintptr_t)visit->token_file,
                                       .ca_file = ca};
        const struct http_request request = {.path = visit->path};
        autocall(http_peer_free) struct http_peer *peer = NULL;
        struct http_response response = {0};

        assert_true(http_peer_new(visit->client, url, &options, visit->stage->scratch.folder, &peer,
                                  &visit->err));
        visit->done = http_send(peer, &request, &response, &visit->err);
        http_response_free(&response);
}

/* A GET of somebody who trusts nobody but the authority `ca`. */
static struct visit visit(struct stage *stage, const char *path, const char *ca, const char *token_file)
{
        autocall(http_client_free) struct http_client *client = NULL;
        struct visit one = {.stage = stage,
                            .path = path,
                            .ca = ca,
                            .token_file = token_file,
                            .err = ERROR_INIT};

        assert_true(http_client_new(stage->reactor, NULL, NULL, &client, &one.err));
        one.client = client;
        reactor_call(stage->reactor, visit_run, &one);
        return one;
}

static void make_certificates(struct stage *stage)
{
        static const struct certificate authority = {.subject = "authority"};
        static const struct certificate old = {.subject = "old", .names = "IP:127.0.0.1", .issuer = "a"};
        static const struct certificate new = {.subject = "new", .names = "IP:127.0.0.1", .issuer = "b"};

        stage->scratch = scratch_open();
        certificate_make(&stage->scratch, "a", &authority);
        certificate_make(&stage->scratch, "b", &authority);
        certificate_make(&stage->scratch, "old", &old);
        certificate_make(&stage->scratch, "new", &new);
        scratch_link(&stage->scratch, "old.crt", "server.crt");
        scratch_link(&stage->scratch, "old.key", "server.key");
        scratch_write(&stage->scratch, "token", "open-sesame");
        scratch_write(&stage->scratch, "wrong", "open-simsim");
}

static void test_wider_than_loopback_all_but_health_and_page_takes_the_token(void **state)
{
        struct stage stage = {0};

        (void)state;
        make_certificates(&stage);
        serve(&stage, (struct http_server_options){.address = "0.0.0.0",
                                                   .token_file = "token",
                                                   .certificate_file = "server.crt",
                                                   .key_file = "server.key"});
        assert_true(visit(&stage, "/", "a.crt", NULL).done);
        assert_string_equal(visit(&stage, "/items/a", "a.crt", NULL).err.reason, "Unauthorized");
        assert_string_equal(visit(&stage, "/items/a", "a.crt", "wrong").err.reason, "Unauthorized");
        assert_true(visit(&stage, "/items/a", "a.crt", "token").done);
        assert_false(visit(&stage, "/", "b.crt", NULL).done);
        assert_asked(&stage, "GET", "/", "", NULL, 0, ""); /* plain HTTP on a TLS port */
        stage_close(&stage);
}

/* libmicrohttpd would look at such a client without pause. */
static void test_silence_instead_of_a_handshake_costs_nothing(void **state)
{
        struct stage stage = {0};
        autofree char *nothing = NULL;
        clock_t begun;

        (void)state;
        make_certificates(&stage);
        serve(&stage, (struct http_server_options){.certificate_file = "server.crt",
                                                   .key_file = "server.key",
                                                   .receive_ms = 1000});
        begun = clock();
        nothing = raw_ask_bytes(stage.reactor, stage.port, "", 0);
        assert_string_equal(nothing, "");
        assert_true((double)(clock() - begun) / CLOCKS_PER_SEC < 0.5);
        stage_close(&stage);
}

static void test_a_certificate_that_was_replaced_is_taken_up(void **state)
{
        struct stage stage = {0};
        bool renewed = false;

        (void)state;
        make_certificates(&stage);
        serve(&stage,
              (struct http_server_options){.certificate_file = "server.crt", .key_file = "server.key"});
        assert_true(visit(&stage, "/", "a.crt", NULL).done);
        /* A certificate whose key is not there yet: the old one stays. */
        scratch_link(&stage.scratch, "new.crt", "server.crt");
        assert_asked(&stage, "GET", "/", "", NULL, 0, "");
        assert_true(visit(&stage, "/", "a.crt", NULL).done);
        scratch_link(&stage.scratch, "new.key", "server.key");
        for (int i = 0; i < 1000 && !renewed; i++)
                renewed = visit(&stage, "/", "b.crt", NULL).done;
        assert_true(renewed);
        assert_false(visit(&stage, "/", "a.crt", NULL).done);
        stage_close(&stage);
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
                cmocka_unit_test(test_a_body_without_end_is_cut_off),
                cmocka_unit_test(test_other_origins_are_kept_out),
                cmocka_unit_test(test_the_token_opens_what_asks_for_it),
                cmocka_unit_test(test_without_its_token_file_nobody_is_let_in),
                cmocka_unit_test(test_what_cannot_be_served),
                cmocka_unit_test(test_headers_without_end_are_refused),
                cmocka_unit_test(test_garbage_ends_one_connection_and_nothing_else),
                cmocka_unit_test(test_a_header_drop_by_drop_is_cut_off),
                cmocka_unit_test(test_silence_is_cut_off),
                cmocka_unit_test(test_who_does_not_take_the_answer_is_cut_off),
                cmocka_unit_test(test_a_handler_that_waits_holds_up_nobody),
                cmocka_unit_test(test_the_end_waits_for_handlers_and_sends_their_answers),
                cmocka_unit_test(test_one_address_has_at_most_64_connections),
                cmocka_unit_test(test_requests_on_one_connection_are_answered_in_their_order),
                cmocka_unit_test(test_requests_are_counted_by_route_and_status),
                cmocka_unit_test(test_wider_than_loopback_all_but_health_and_page_takes_the_token),
                cmocka_unit_test(test_silence_instead_of_a_handshake_costs_nothing),
                cmocka_unit_test(test_a_certificate_that_was_replaced_is_taken_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
