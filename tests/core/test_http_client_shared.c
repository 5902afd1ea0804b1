/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that share HTTP/2 connections, and what must not: against a server that says what RFC 9113 lets
 * one say, and what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/http2_stage.h"
#include "tests/support/http_stage.h"

#define LINES 20000 /* of PIECE bytes: more than may wait */
#define PIECE 1000
#define FLOOD 20000

/* ---- who shares ---- */

static void begin_watch(struct http2_stage *stage, const struct http2_stream *stream)
{
        if (stream->request != 1) {
                http2_answer(stage->server, stream, "{}");
                return;
        }
        http2_begin(stage->server, stream);
        http2_piece(stage->server, stream, "one\n", 4);
}

static void play_reads_share(struct http2_stage *stage)
{
        struct http_stream *stream;

        stage->when_asked = begin_watch;
        stream = open_stream(stage);
        expect_line(stream, "one\n");
        for (int i = 0; i < 10; i++)
                assert_int_equal(get_many(stage), MANY);
        http2_piece(stage->server, request(stage, 1), "two\n", 4);
        expect_line(stream, "two\n");
        http_stream_close(stream);
        assert_int_equal(http2_connections(stage->server), 1);
        assert_int_equal(http2_requests(stage->server), 1 + 10 * MANY);
        assert_int_equal(http2_plain_connections(stage->server), 0);
        /* Nobody reads it any more, and the server knows at once. */
        wait_ms(stage, 1);
        assert_int_equal(http2_connections_open(stage->server), 0);
}

/* Even with a shared connection there and idle: a write has one to itself, what settles who may write another
 * one, and neither is made anew for each unless it has to be. */
static void play_writes_do_not(struct http2_stage *stage)
{
        static const struct http_request post = {.method = "POST",
                                                 .path = "/things",
                                                 .body = "{}",
                                                 .body_length = 2};
        static const struct http_request apply = {.method = "PATCH",
                                                  .path = "/things/1",
                                                  .body = "{}",
                                                  .body_length = 2,
                                                  .repeatable = true};
        static const struct http_request lease = {.path = "/leases/1", .urgent = true};
        static const struct http_request *const each[] = {&lease, &apply, &post, &lease, &post};
        static const int connections[] = {1, 1, 2, 2, 3};

        get(stage);
        for (size_t i = 0; i < ARRAY_LENGTH(each); i++) {
                struct error err = ask(stage, each[i]);

                expect_good(&err);
                assert_int_equal(http2_plain_connections(stage->server), connections[i]);
                assert_int_equal(http2_plain_requests(stage->server), i + 1);
        }
        get(stage);
        assert_int_equal(http2_connections(stage->server), 1);
        assert_int_equal(http2_requests(stage->server), 2);
}

/* Certificates and addresses change: a connection that is never without a request is made anew, too. */
static void play_made_anew(struct http2_stage *stage)
{
        struct http_stream *stream;

        stage->when_asked = begin_watch;
        stream = open_stream(stage);
        expect_line(stream, "one\n");
        wait_ms(stage, 299 * MS_PER_SECOND);
        get(stage);
        assert_int_equal(http2_connections(stage->server), 1);
        wait_ms(stage, 2 * MS_PER_SECOND);
        get(stage);
        assert_int_equal(http2_connections(stage->server), 2);
        http2_piece(stage->server, request(stage, 1), "two\n", 4);
        expect_line(stream, "two\n");
        assert_int_equal(http2_connections_open(stage->server), 2);
        http_stream_close(stream);
        wait_ms(stage, 1);
        assert_int_equal(http2_connections_open(stage->server), 1);
}

/* ---- connections that go dead ---- */

static void play_half_open(struct http2_stage *stage)
{
        static const struct http_request lease = {.path = "/leases/1", .urgent = true};
        struct http_stream *stream;
        struct error err;

        stage->when_asked = begin_watch;
        stream = open_stream(stage);
        expect_line(stream, "one\n");
        http2_fall_silent(stage->server, 1);
        err = ask(stage, &(struct http_request){.path = "/list"});
        assert_int_equal(err.code, ERROR_TIMEOUT);
        /* One request is what it costs: neither a lease nor what is read next goes over it. */
        err = ask(stage, &lease);
        expect_good(&err);
        for (int i = 0; i < 3; i++)
                get(stage);
        assert_int_equal(http2_connections(stage->server), 2);
        assert_int_equal(request(stage, 2)->connection, 2);
        http_stream_close(stream);
        wait_ms(stage, 1);
        assert_int_equal(http2_connections_open(stage->server), 1);
}

/* Nobody asks anything else: then it is the stream that says it. */
static void play_silent_stream(struct http2_stage *stage)
{
        autotext text = {0};
        struct http_stream *stream;
        struct error err = ERROR_INIT;
        bool ended;

        stage->when_asked = begin_watch;
        stream = open_stream(stage);
        expect_line(stream, "one\n");
        http2_fall_silent(stage->server, 1);
        assert_false(http_stream_read(stream, 90 * MS_PER_SECOND, &text, &ended, &err));
        assert_int_equal(err.code, ERROR_TIMEOUT);
        http_stream_close(stream);
        http_stream_close(open_stream(stage));
        assert_int_equal(http2_connections(stage->server), 2);
}

/* ---- ends ---- */

static void go_away_at_first(struct http2_stage *stage, const struct http2_stream *stream)
{
        if (stream->request == 1)
                http2_go_away(stage->server, 1, stream->id);
        http2_answer(stage->server, stream, "{}");
}

/* A server that sheds load: what is under way is answered, all else goes elsewhere. */
static void play_go_away(struct http2_stage *stage)
{
        stage->when_asked = go_away_at_first;
        for (int i = 0; i < 3; i++)
                get(stage);
        assert_int_equal(http2_requests(stage->server), 3);
        assert_int_equal(http2_connections(stage->server), 2);
        assert_int_equal(request(stage, 2)->connection, 2);
}

static void answer_elsewhere(struct http2_stage *stage, const struct http2_stream *stream)
{
        if (stream->connection != 1)
                http2_answer(stage->server, stream, "{}");
}

/* While nobody listens: the next request may be on its way before it is heard. */
static void play_go_away_at_rest(struct http2_stage *stage)
{
        get(stage);
        http2_go_away(stage->server, 1, request(stage, 1)->id);
        stage->when_asked = answer_elsewhere;
        wait_ms(stage, 10);
        get(stage);
        get(stage);
        assert_int_equal(http2_connections(stage->server), 2);
}

static void leave_the_second(struct http2_stage *stage, const struct http2_stream *stream)
{
        if (stream->request == 2)
                http2_go_away(stage->server, 1, request(stage, 1)->id);
        else
                begin_watch(stage, stream);
}

/* Sent before it was heard, and not looked at: asked again, which the caller does not notice, while a watch
 * goes on. */
static void play_go_away_midway(struct http2_stage *stage)
{
        struct http_stream *stream;

        stage->when_asked = leave_the_second;
        stream = open_stream(stage);
        expect_line(stream, "one\n");
        get(stage);
        assert_int_equal(request(stage, 3)->connection, 2);
        http2_piece(stage->server, request(stage, 1), "two\n", 4);
        expect_line(stream, "two\n");
        http_stream_close(stream);
}

static void reset_the_third(struct http2_stage *stage, const struct http2_stream *stream)
{
        if (stream->request == 3) {
                http2_begin(stage->server, stream);
                http2_piece(stage->server, stream, "{", 1);
                http2_reset(stage->server, stream, HTTP2_INTERNAL_ERROR);
        } else if (stream->request == 4) {
                http2_reset(stage->server, stream, HTTP2_REFUSED_STREAM);
        } else {
                http2_answer(stage->server, stream, "{}");
        }
}

static void play_streams_that_are_reset(struct http2_stage *stage)
{
        stage->when_asked = reset_the_third;
        get(stage);
        assert_int_equal(get_many(stage), MANY);
        assert_int_equal(http2_requests(stage->server), 1 + MANY + 2);
}

static void hang_up_on_all(struct http2_stage *stage)
{
        get(stage);
        stage->when_asked = stay_silent;
        wait_ms(stage, 1000);
        stage->when_asked = NULL;
        http2_hang_up(stage->server, 1);
}

static void hang_up_fiber(void *argument)
{
        hang_up_on_all(argument);
}

/* All of them are lost at once, and each is asked again. */
static void play_lost_with_all_on_it(struct http2_stage *stage)
{
        reactor_spawn(stage->reactor, hang_up_fiber, stage);
        wait_ms(stage, 500);
        assert_int_equal(get_many(stage), MANY);
        assert_int_equal(http2_requests(stage->server), 1 + 2 * MANY);
        get(stage);
}

/* ---- what comes too fast, and what makes no sense ---- */

/* A reader that does not come back: nobody waits for it, and what is kept for it has an end. */
static void play_a_reader_that_sleeps(struct http2_stage *stage)
{
        autofree char *line = memory_new(PIECE, 1);
        autotext text = {0};
        struct http_stream *stream;
        struct error err = ERROR_INIT;
        bool ended;

        stage->when_asked = begin_watch;
        stream = open_stream(stage);
        expect_line(stream, "one\n");
        memset(line, 'x', PIECE);
        for (int i = 1; i <= LINES; i++) {
                http2_piece(stage->server, request(stage, 1), line, PIECE);
                if (i % 1000 == 0)
                        get(stage);
        }
        assert_true(http_stream_read(stream, 1000, &text, &ended, &err));
        assert_in_range(text.length, (16 << 20) - (1 << 16), 16 << 20);
        assert_false(http_stream_read(stream, 1000, &text, &ended, &err));
        assert_int_equal(err.code, ERROR_LIMIT);
        assert_string_equal(err.reason, "NotReadInTime");
        http_stream_close(stream);
        get(stage);
}

/* Who reads gets it all, however much it is. */
static void play_a_reader_that_keeps_up(struct http2_stage *stage)
{
        autofree char *line = memory_new(PIECE, 1);
        struct http_stream *stream;
        struct error err = ERROR_INIT;
        size_t read = 0;
        bool ended = false;

        stage->when_asked = begin_watch;
        stream = open_stream(stage);
        expect_line(stream, "one\n");
        memset(line, 'x', PIECE);
        for (int i = 0; i < 2 * LINES; i++)
                http2_piece(stage->server, request(stage, 1), line, PIECE);
        http2_end(stage->server, request(stage, 1));
        while (!ended) {
                autotext text = {0};

                if (!http_stream_read(stream, 1000, &text, &ended, &err))
                        fail_msg("%s", err.message);
                read += text.length;
        }
        assert_int_equal(read, 2 * LINES * PIECE);
        http_stream_close(stream);
}

static void flood(struct http2_stage *stage, const struct http2_stream *stream)
{
        static const char payload[8];

        for (int i = 0; i < FLOOD && stream->request == 2; i++) {
                http2_say(stage->server, stream->connection, HTTP2_PING, 0, 0, payload, sizeof payload);
                http2_say(stage->server, stream->connection, HTTP2_SETTINGS, 0, 0, "", 0);
        }
        http2_answer(stage->server, stream, "{}");
}

static void play_a_flood(struct http2_stage *stage)
{
        stage->when_asked = flood;
        for (int i = 0; i < 4; i++)
                get(stage);
}

/* Over what RFC 9113 forbids the connection ends, and one without such things serves. */
static void speak_nonsense(struct http2_stage *stage, const struct http2_stream *stream)
{
        static const struct {
                enum http2_frame type;
                unsigned flags;
                uint32_t id;
                const char *payload;
                size_t length;
        } frames[] = {
                {HTTP2_DATA, 0, 0, "x", 1},                        /* of no stream */
                {HTTP2_HEADERS, 4, 2, "\x88", 1},                  /* a stream that only we could begin */
                {HTTP2_SETTINGS, 0, 0, "\0\4\xff\xff\xff\xff", 6}, /* a window beyond 2^31 - 1 */
                {HTTP2_HEADERS, 4, UINT32_MAX, "\xff\xff\xff", 3}, /* no headers; of the stream that asks */
                {HTTP2_PING, 0, 0, "short", 5},
        };
        size_t which = (size_t)stream->request - 1;

        if (which < ARRAY_LENGTH(frames)) {
                uint32_t id = frames[which].id == UINT32_MAX ? stream->id : frames[which].id;

                http2_say(stage->server, stream->connection, frames[which].type, frames[which].flags, id,
                          frames[which].payload, frames[which].length);
        } else {
                http2_answer(stage->server, stream, "{}");
        }
}

static void play_nonsense(struct http2_stage *stage)
{
        stage->when_asked = speak_nonsense;
        for (int i = 0; i < 5 && http2_requests(stage->server) < 6; i++)
                (void)ask(stage, &(struct http_request){.path = "/list"});
        get(stage);
}

static void allow_one_at_a_time(struct http2_stage *stage, const struct http2_stream *stream)
{
        if (stream->request == 1)
                http2_say(stage->server, stream->connection, HTTP2_SETTINGS, 0, 0, "\0\3\0\0\0\1", 6);
        http2_answer(stage->server, stream, "{}");
}

static void play_one_at_a_time(struct http2_stage *stage)
{
        stage->when_asked = allow_one_at_a_time;
        get(stage);
        assert_int_equal(get_many(stage), MANY);
        assert_int_equal(http2_requests(stage->server), 1 + MANY);
}

/* ---- caps ---- */

static void answer_at_length(struct http2_stage *stage, const struct http2_stream *stream)
{
        static const char piece[PIECE];

        http2_begin(stage->server, stream);
        for (int i = 0; i < 20 && stream->request == 1; i++)
                http2_piece(stage->server, stream, piece, sizeof piece);
        if (stream->request > 1)
                http2_end(stage->server, stream);
}

/* What is over the cap is not asked for again, and who would send it without an end learns that nobody wants
 * it. */
static void play_a_long_answer(struct http2_stage *stage)
{
        static const struct http_request list = {.path = "/list", .max_bytes = 10 * PIECE};
        struct error err;

        stage->when_asked = answer_at_length;
        err = ask(stage, &list);
        assert_int_equal(err.code, ERROR_LIMIT);
        assert_string_equal(err.reason, "AnswerTooLarge");
        wait_ms(stage, 1);
        assert_int_equal(http2_connections_open(stage->server), 0);
        get(stage);
        assert_int_equal(http2_requests(stage->server), 2);
}

/* A frame of 6 KB that unpacks to 8 MB of headers. */
static void answer_with_headers(struct http2_stage *stage, const struct http2_stream *stream)
{
        char block[7 + 4000 + 2000] = "\x88\x40\x01x\x7f\xa1\x1e"; /* x: 127 + 3873 bytes (RFC 7541) */

        if (stream->request > 4) {
                http2_answer(stage->server, stream, "{}");
                return;
        }
        memset(block + 7, 'a', 4000);
        memset(block + 4007, 0xbe, sizeof block - 4007); /* that one again */
        http2_say(stage->server, stream->connection, HTTP2_HEADERS, 4, stream->id, block, sizeof block);
}

static void play_long_headers(struct http2_stage *stage)
{
        struct error err;

        stage->when_asked = answer_with_headers;
        err = ask(stage, &(struct http_request){.path = "/list"});
        assert_int_equal(err.code, ERROR_UNAVAILABLE);
        assert_int_equal(http2_requests(stage->server), 4); /* with its repetitions */
        get(stage);
}

/* ---- a server that speaks HTTP/1.1 alone ---- */

static void watch_and_list(void *argument)
{
        struct http_stage *stage = argument;
        const struct http_request request = {.path = "/watch"}, list = {.path = "/list"};
        struct http_response response;
        struct http_stream *stream = NULL;
        struct error err = ERROR_INIT;

        assert_true(http_stream_open(stage->peer, &request, &stream, &response, &err));
        for (int i = 0; i < 3; i++) {
                if (!http_send(stage->peer, &list, &response, &err))
                        fail_msg("%s", err.message);
                http_response_free(&response);
        }
        http_stream_close(stream);
}

/* Nothing waits to share with a watch that does not end. */
static void test_a_server_without_http2(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *ca_file = scratch_path(&scratch, "ca.crt");
        autofree char *certificate_file = scratch_path(&scratch, "server.crt");
        autofree char *key_file = scratch_path(&scratch, "server.key");
        const struct scripted_tls tls = {certificate_file, key_file, NULL};
        const struct http_options options = {.ca_file = ca_file};
        const struct scripted_answer watch = {.body = "one\ntwo\n", .drip_ms = 1000, .drip_bytes = 100};
        struct http_stage *stage;

        (void)state;
        make_certificates(&scratch);
        stage = http_stage_open_with(&options, &tls, true);
        scripted_peer_answer(stage->script, "GET /watch", &watch);
        scripted_peer_json(stage->script, "GET /list", "{}");
        http_peer_share(stage->peer);
        reactor_call(stage->reactor, watch_and_list, stage);
        assert_int_equal(scripted_peer_connections(stage->script), 2);
        http_stage_close(stage);
        scratch_close(&scratch);
}

#define TEST(name)                                                                                           \
        static void test_##name(void **state)                                                                \
        {                                                                                                    \
                (void)state;                                                                                 \
                run(play_##name);                                                                            \
        }

TEST(reads_share)
TEST(writes_do_not)
TEST(made_anew)
TEST(half_open)
TEST(silent_stream)
TEST(go_away)
TEST(go_away_at_rest)
TEST(go_away_midway)
TEST(streams_that_are_reset)
TEST(lost_with_all_on_it)
TEST(a_reader_that_sleeps)
TEST(a_reader_that_keeps_up)
TEST(a_flood)
TEST(nonsense)
TEST(one_at_a_time)
TEST(a_long_answer)
TEST(long_headers)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reads_share),
                cmocka_unit_test(test_writes_do_not),
                cmocka_unit_test(test_made_anew),
                cmocka_unit_test(test_half_open),
                cmocka_unit_test(test_silent_stream),
                cmocka_unit_test(test_go_away),
                cmocka_unit_test(test_go_away_at_rest),
                cmocka_unit_test(test_go_away_midway),
                cmocka_unit_test(test_streams_that_are_reset),
                cmocka_unit_test(test_lost_with_all_on_it),
                cmocka_unit_test(test_a_reader_that_sleeps),
                cmocka_unit_test(test_a_reader_that_keeps_up),
                cmocka_unit_test(test_a_flood),
                cmocka_unit_test(test_nonsense),
                cmocka_unit_test(test_one_at_a_time),
                cmocka_unit_test(test_a_long_answer),
                cmocka_unit_test(test_long_headers),
                cmocka_unit_test(test_a_server_without_http2),
        };

        signal(SIGPIPE, SIG_IGN); /* as the program does: SSL_write has no MSG_NOSIGNAL */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
