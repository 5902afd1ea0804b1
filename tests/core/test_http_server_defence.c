/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server as others meet it: too much, too slow, nonsense, too many; and behind TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "core/http/client.h"
#include "tests/support/certificates.h"
#include "tests/support/server_stage.h"

static void test_a_body_without_end_is_cut_off(void **state)
{
        struct server_stage stage = {0};
        autotext request = {0};
        autofree char *answer = NULL, *chunk = memory_new(65537, 1);

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        memset(chunk, 'x', 65536);
        text_format(&request, "POST /items/a HTTP/1.1\r\nHost: localhost\r\n" CSRF
                              "Transfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 64; i++)
                text_format(&request, "10000\r\n%s\r\n", chunk);
        answer = raw_ask_bytes(stage.reactor, stage.port, request.data, request.length);
        assert_string_equal(answer, "");
        assert_asked(&stage, "GET", "/", "", NULL, 200, server_stage_page);
        server_stage_close(&stage);
}

static void test_headers_without_end_are_refused(void **state)
{
        struct server_stage stage = {0};
        autotext many = {0};
        autofree char *longest = memory_new(60001, 1), *line = NULL, *answer = NULL;

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        for (int i = 0; i < 10000; i++)
                text_format(&many, "X-%d: x\r\n", i);
        assert_asked(&stage, "GET", "/", many.data, NULL, 431, "");
        memset(longest, 'x', 60000);
        line = memory_format("X: %s\r\n", longest);
        assert_asked(&stage, "GET", "/", line, NULL, 431, "");
        longest[0] = '/';
        answer = server_stage_ask(&stage, "GET", longest, "", NULL);
        assert_in_range(raw_status(answer), 414, 431);
        assert_asked(&stage, "GET", "/", "", NULL, 200, server_stage_page);
        server_stage_close(&stage);
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
        struct server_stage stage = {0};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){.receive_ms = 100});
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *answer =
                        raw_ask_bytes(stage.reactor, stage.port, cases[i].bytes, cases[i].length);

                if (strstr(answer, "did not hang up") || strstr(answer, "root:"))
                        fail_msg("case %zu: %s", i, answer);
        }
        assert_asked(&stage, "GET", "/", "", NULL, 200, server_stage_page);
        server_stage_close(&stage);
}

/* RFC 9112, 6.3 and 3.2: who reads such a request otherwise than a proxy before us takes the end of one
 * request for the next one, of somebody else. It is refused, and nothing behind it is read. */
static void test_a_request_that_can_be_read_in_two_ways_is_the_last(void **state)
{
#define NEXT "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        static const char *const heads[] = {
                "Host: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                "Host: localhost\r\nTransfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                "Host: localhost\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
                "Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
                "Host: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
                "Host: localhost\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n",
                "Host: localhost\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
                "Host: localhost\r\nContent-Length: 0, 60\r\n\r\n",
                "Host: localhost\r\nContent-Length: +0\r\n\r\n",
                "Host: localhost\r\nContent-Length : 0\r\n\r\n",
                "Host: localhost\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n",
        };
        struct server_stage stage = {0};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){.receive_ms = 500});
        for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
                autofree char *bytes = memory_format("POST /items/a HTTP/1.1\r\n" CSRF "%s" NEXT, heads[i]);
                autofree char *answer = raw_ask_bytes(stage.reactor, stage.port, bytes, strlen(bytes));

                if (strstr(answer, " 200 OK"))
                        fail_msg("case %zu: %s", i, answer);
        }
        server_stage_close(&stage);
#undef NEXT
}

/* ---- slow clients ---- */

struct drip {
        struct server_stage *stage;
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
        struct server_stage stage = {0};
        struct drip drip = {.stage = &stage};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){.receive_ms = 200});
        reactor_call(stage.reactor, drip_run, &drip);
        assert_true(drip.cut_off);
        server_stage_close(&stage);
}

static void test_silence_is_cut_off(void **state)
{
        struct server_stage stage = {0};
        autofree char *nothing = NULL, *after = NULL;
        static const char once[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

        (void)state;
        server_stage_open(&stage, (struct http_server_options){.receive_ms = 100});
        nothing = raw_ask_bytes(stage.reactor, stage.port, "", 0);
        assert_string_equal(nothing, "");
        after = raw_ask_bytes(stage.reactor, stage.port, once, sizeof once - 1);
        assert_int_equal(raw_status(after), 200);
        assert_string_equal(raw_body(after), server_stage_page);
        server_stage_close(&stage);
}

struct reader {
        struct server_stage *stage;
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

static bool is_over(const struct server_stage *stage)
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
        struct server_stage stage = {0};
        struct reader reader = {.stage = &stage};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){.send_ms = 200});
        reactor_call(stage.reactor, late_reader_run, &reader);
        assert_true(reader.hung_up);
        assert_true(reader.got.length < (size_t)64 * MEGABYTE);
        text_free(&reader.got);
        server_stage_close(&stage);
}

struct crowd {
        struct server_stage *stage;
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
        struct server_stage stage = {0};
        struct crowd crowd = {.stage = &stage};

        (void)state;
        server_stage_open(&stage, (struct http_server_options){0});
        reactor_call(stage.reactor, crowd_run, &crowd);
        assert_int_equal(crowd.n_open, 64);
        assert_asked(&stage, "GET", "/", "", NULL, 200, server_stage_page);
        server_stage_close(&stage);
}

/* ---- TLS ---- */

struct visit {
        struct server_stage *stage;
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
static struct visit visit(struct server_stage *stage, const char *path, const char *ca,
                          const char *token_file)
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

static void make_certificates(struct server_stage *stage)
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
        struct server_stage stage = {0};

        (void)state;
        make_certificates(&stage);
        server_stage_open(&stage, (struct http_server_options){.address = "0.0.0.0",
                                                               .token_file = "token",
                                                               .certificate_file = "server.crt",
                                                               .key_file = "server.key"});
        assert_true(visit(&stage, "/", "a.crt", NULL).done);
        assert_string_equal(visit(&stage, "/items/a", "a.crt", NULL).err.reason, "Unauthorized");
        assert_string_equal(visit(&stage, "/items/a", "a.crt", "wrong").err.reason, "Unauthorized");
        assert_true(visit(&stage, "/items/a", "a.crt", "token").done);
        assert_false(visit(&stage, "/", "b.crt", NULL).done);
        assert_asked(&stage, "GET", "/", "", NULL, 0, ""); /* plain HTTP on a TLS port */
        server_stage_close(&stage);
}

/* libmicrohttpd would look at such a client without pause. */
static void test_silence_instead_of_a_handshake_costs_nothing(void **state)
{
        struct server_stage stage = {0};
        autofree char *nothing = NULL;
        clock_t begun;

        (void)state;
        make_certificates(&stage);
        server_stage_open(&stage, (struct http_server_options){.certificate_file = "server.crt",
                                                               .key_file = "server.key",
                                                               .receive_ms = 1000});
        begun = clock();
        nothing = raw_ask_bytes(stage.reactor, stage.port, "", 0);
        assert_string_equal(nothing, "");
        assert_true((double)(clock() - begun) / CLOCKS_PER_SEC < 0.5);
        server_stage_close(&stage);
}

static void test_a_certificate_that_was_replaced_is_taken_up(void **state)
{
        struct server_stage stage = {0};
        bool renewed = false;

        (void)state;
        make_certificates(&stage);
        server_stage_open(&stage, (struct http_server_options){.certificate_file = "server.crt",
                                                               .key_file = "server.key"});
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
        server_stage_close(&stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_body_without_end_is_cut_off),
                cmocka_unit_test(test_headers_without_end_are_refused),
                cmocka_unit_test(test_garbage_ends_one_connection_and_nothing_else),
                cmocka_unit_test(test_a_request_that_can_be_read_in_two_ways_is_the_last),
                cmocka_unit_test(test_a_header_drop_by_drop_is_cut_off),
                cmocka_unit_test(test_silence_is_cut_off),
                cmocka_unit_test(test_who_does_not_take_the_answer_is_cut_off),
                cmocka_unit_test(test_one_address_has_at_most_64_connections),
                cmocka_unit_test(test_wider_than_loopback_all_but_health_and_page_takes_the_token),
                cmocka_unit_test(test_silence_instead_of_a_handshake_costs_nothing),
                cmocka_unit_test(test_a_certificate_that_was_replaced_is_taken_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
