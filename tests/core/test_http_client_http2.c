/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers over HTTP/2 that no server should give: ends of every kind at every moment, statuses, lengths and
 * headers that are none. None is taken for a good one, none is waited for beyond its deadline, and what is
 * sent again has an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "tests/support/http2_stage.h"

#define REFUSED  7u  /* codes of RFC 9113, section 7 */
#define HTTP_1_1 13u /* HTTP_1_1_REQUIRED */
#define N_CODES  16u /* two that mean nothing, too */
#define ATTEMPTS 4   /* a request and its three repetitions */
#define TIMEOUT  10000

/* What a frame says; `length` 0: there is none. */
struct frame {
        unsigned type, flags;
        const char *payload;
        size_t length;
};

#define END 1u
#define HEADERS(flags, says)                                                                                 \
        {                                                                                                    \
                HTTP2_HEADERS, 4u | (flags), says, sizeof says - 1                                           \
        }
#define DATA(flags, says)                                                                                    \
        {                                                                                                    \
                HTTP2_DATA, flags, says, sizeof says - 1                                                     \
        }
#define CONTINUATION  9
#define PUSH_PROMISE  5
#define WINDOW_UPDATE 8
#define OK_200        "\x88" /* HPACK (RFC 7541, appendix A) */
#define NOT_FOUND_404 "\x8d"
#define STATUS        "\x08" /* a literal */
#define LENGTH        "\x0f\x0d"

/* What the play has the server say. One play at a time. */
static struct {
        unsigned moment, code;
        const struct frame *frames;
        size_t n_frames;
        size_t header_lines;
} script;

static void say(struct http2_stage *stage, const struct http2_stream *stream, const struct frame *frame)
{
        bool of_connection =
                frame->type == HTTP2_GOAWAY || frame->type == HTTP2_SETTINGS || frame->type == HTTP2_PING;

        http2_say(stage->server, stream->connection, (enum http2_frame)frame->type, frame->flags,
                  of_connection ? 0 : stream->id, frame->payload, frame->length);
}

/* Asks for JSON. True: it came. */
static bool get_json(struct http2_stage *stage, struct error *err)
{
        json_t *json = NULL;
        bool good = http_get_json(stage->peer, "/list", &json, err);

        json_decref(json);
        return good;
}

/* ---- ends of streams ---- */

enum { BEFORE_HEADERS, AFTER_HEADERS, IN_THE_BODY, AFTER_THE_END };

static void reset(struct http2_stage *stage, const struct http2_stream *stream)
{
        if (script.moment == AFTER_HEADERS || script.moment == IN_THE_BODY)
                http2_begin(stage->server, stream);
        if (script.moment == IN_THE_BODY)
                http2_piece(stage->server, stream, "{\"items\": [", 11);
        if (script.moment == AFTER_THE_END)
                http2_answer(stage->server, stream, "{}");
        http2_reset(stage->server, stream, script.code);
}

/* What libcurl refuses to call an end is asked again, three times (five times as often where the server says
 * that it did nothing). HTTP_1_1_REQUIRED is obeyed. NO_ERROR libcurl 7.88 takes for the end of an answer
 * that did not say its length: it is half a JSON text then, and so none. */
static void expect_reset(struct http2_stage *stage)
{
        bool refused = script.code == REFUSED && script.moment == BEFORE_HEADERS;
        bool good = script.code == HTTP_1_1 && script.moment <= AFTER_HEADERS;
        bool believed = script.code == HTTP2_NO_ERROR && script.moment >= AFTER_HEADERS;
        int before = http2_requests(stage->server), expected = good || believed ? 1 : ATTEMPTS;
        struct error err = ERROR_INIT;

        assert_int_equal(get_json(stage, &err), good);
        assert_int_equal(http2_requests(stage->server) - before, refused ? 6 * expected : expected);
        if (!good)
                assert_int_equal(err.code, believed ? ERROR_INCOMPLETE : ERROR_UNAVAILABLE);
}

static void play_every_reset(struct http2_stage *stage)
{
        stage->when_asked = reset;
        for (script.moment = BEFORE_HEADERS; script.moment <= IN_THE_BODY; script.moment++)
                for (script.code = 0; script.code < N_CODES; script.code++)
                        expect_reset(stage);
}

/* A whole answer is one, whatever comes after it (RFC 9113, section 8.1, for NO_ERROR). */
static void play_resets_after_the_end(struct http2_stage *stage)
{
        struct error err = ERROR_INIT;

        stage->when_asked = reset;
        script.moment = AFTER_THE_END;
        for (script.code = 0; script.code < N_CODES; script.code++)
                assert_true(get_json(stage, &err));
        assert_int_equal(http2_requests(stage->server), N_CODES);
        assert_int_equal(http2_connections(stage->server), 1);
}

/* libcurl asks again by itself over HTTP/1.1: one answer is not made of two. */
static void play_two_answers(struct http2_stage *stage)
{
        autotext text = {0};
        struct http_stream *stream;
        struct error err = ERROR_INIT;
        bool ended;

        stage->when_asked = reset;
        script.moment = IN_THE_BODY;
        script.code = HTTP_1_1;
        assert_false(get_json(stage, &err));
        assert_string_equal(err.reason, "AnswerCutShort");
        stream = open_stream(stage);
        assert_true(http_stream_read(stream, 1000, &text, &ended, &err));
        assert_string_equal(text.data, "{\"items\": [");
        assert_false(http_stream_read(stream, 1000, &text, &ended, &err));
        assert_string_equal(err.reason, "AnswerCutShort");
        http_stream_close(stream);
}

/* ---- ends of connections ---- */

static void go_away(struct http2_stage *stage, const struct http2_stream *stream)
{
        char says[8] = {0, 0, 0, (char)(script.moment == 0 ? stream->id : 0), 0, 0, 0, (char)script.code};

        http2_say(stage->server, stream->connection, HTTP2_GOAWAY, 0, 0, says, sizeof says);
        if (script.moment == 2)
                http2_answer(stage->server, stream, "{}");
}

/* With the stream among those that are answered, and no answer: the deadline ends it. Else it is asked again,
 * also when an answer follows to what the server said it had not looked at. */
static void play_every_goaway(struct http2_stage *stage)
{
        stage->when_asked = go_away;
        for (script.moment = 0; script.moment < 3; script.moment++)
                for (script.code = 0; script.code < N_CODES; script.code++) {
                        int64_t begun_ms = clock_now_ms(&stage->clock);
                        int before = http2_requests(stage->server);
                        struct error err = ERROR_INIT;

                        assert_false(get_json(stage, &err));
                        assert_int_equal(err.code, script.moment == 0 ? ERROR_TIMEOUT : ERROR_UNAVAILABLE);
                        assert_int_equal(http2_requests(stage->server) - before,
                                         script.moment == 0 ? 1 : ATTEMPTS);
                        assert_in_range(clock_now_ms(&stage->clock) - begun_ms, 0, TIMEOUT);
                }
}

static void begin_and_say(struct http2_stage *stage, const struct http2_stream *stream)
{
        http2_begin(stage->server, stream);
        http2_piece(stage->server, stream, "{\"items\": [", 11);
        say(stage, stream, script.frames);
}

/* libcurl 7.88 takes an answer of unsaid length for whole where nghttp2 ends the connection over what came
 * next. Half a text is no JSON: nobody goes by it. */
static void play_nonsense_in_a_body(struct http2_stage *stage)
{
        static const struct frame frames[] = {
                DATA(9, "\xff]}"), /* more padding than there is */
                {HTTP2_SETTINGS, 0, "\0\4\xff\xff\xff\xff", 6},
                {HTTP2_PING, 0, "short", 5},
                {PUSH_PROMISE, 4, "\0\0\0\2\x82\x84\x87", 7},
                {CONTINUATION, 4, OK_200, 1},
                {WINDOW_UPDATE, 0, "\x7f\xff\xff\xff", 4},
                {WINDOW_UPDATE, 0, "\0\0\0\0", 4},
                HEADERS(END, "\xff\xff\xff"),
        };
        struct error err = ERROR_INIT;

        stage->when_asked = begin_and_say;
        for (size_t i = 0; i < ARRAY_LENGTH(frames); i++) {
                script.frames = &frames[i];
                assert_false(get_json(stage, &err));
        }
        stage->when_asked = NULL;
        assert_true(get_json(stage, &err));
}

/* ---- statuses, lengths, headers ---- */

static void answer_as_scripted(struct http2_stage *stage, const struct http2_stream *stream)
{
        for (size_t i = 0; i < script.n_frames && script.frames[i].length > 0; i++)
                say(stage, stream, &script.frames[i]);
}

struct odd_answer {
        const char *name;
        struct frame frames[4];
        enum error_code code;
        const char *reason;
        int requests;
};

static void expect_odd(struct http2_stage *stage, const struct odd_answer *odd)
{
        int before = http2_requests(stage->server);
        struct error err = ERROR_INIT;

        script.frames = odd->frames;
        script.n_frames = ARRAY_LENGTH(odd->frames);
        (void)get_json(stage, &err);
        if (err.code != odd->code || (odd->reason && strcmp(err.reason, odd->reason) != 0) ||
            http2_requests(stage->server) - before != odd->requests)
                fail_msg("%s: %d %s after %d requests: %s", odd->name, err.code, err.reason,
                         http2_requests(stage->server) - before, err.message);
}

static const struct odd_answer odd_answers[] = {
        {"hints before it",
         {HEADERS(0, STATUS "\3"
                            "103"),
          HEADERS(0, OK_200), DATA(END, "{}")},
         ERROR_NONE,
         NULL,
         1},
        {"trailers", {HEADERS(0, OK_200), DATA(0, "{}"), HEADERS(END, "\0\1x\1y")}, ERROR_NONE, NULL, 1},
        {"in continuations",
         {{HTTP2_HEADERS, 0, OK_200, 1}, {CONTINUATION, 4, "\0\1x\1y", 5}, DATA(END, "{}")},
         ERROR_NONE,
         NULL,
         1},
        {"nothing but hints",
         {HEADERS(END, STATUS "\3"
                              "100")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"protocols are not switched",
         {HEADERS(0, STATUS "\3"
                            "101"),
          HEADERS(0, OK_200), DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"hints with a body",
         {HEADERS(0, STATUS "\3"
                            "103"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"no status", {HEADERS(0, "\0\1x\1y"), DATA(END, "{}")}, ERROR_UNAVAILABLE, NULL, ATTEMPTS},
        {"two statuses",
         {HEADERS(0, NOT_FOUND_404 OK_200), DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"2000",
         {HEADERS(0, STATUS "\4"
                            "2000"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"20",
         {HEADERS(0, STATUS "\2"
                            "20"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"2OO",
         {HEADERS(0, STATUS "\3"
                            "2OO"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"000",
         {HEADERS(0, STATUS "\3"
                            "000"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         "NotHttp",
         1},
        {"099",
         {HEADERS(0, STATUS "\3"
                            "099"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         "NotHttp",
         1},
        {"999",
         {HEADERS(0, STATUS "\3"
                            "999"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         "NotHttp",
         1},
        {"the first status counts",
         {HEADERS(0, NOT_FOUND_404), HEADERS(0, OK_200), DATA(END, "{}")},
         ERROR_NOT_FOUND,
         NULL,
         1},
        {"a status in trailers",
         {HEADERS(0, NOT_FOUND_404), DATA(0, "{}"), HEADERS(END, OK_200)},
         ERROR_NOT_FOUND,
         NULL,
         1},
        {"elsewhere",
         {HEADERS(0, STATUS "\3"
                            "302\x0f\x1f\x12"
                            "https://127.0.0.1/"),
          DATA(END, "{}")},
         ERROR_REFUSED,
         "Redirected",
         1},
        {"no body", {HEADERS(END, OK_200)}, ERROR_INCOMPLETE, "NotJson", 1},
        {"longer than it says",
         {HEADERS(0, OK_200 LENGTH "\1"
                                   "1"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"what it says, and then more",
         {HEADERS(0, OK_200 LENGTH "\1"
                                   "2"),
          DATA(0, "{}"), DATA(0, "{}")},
         ERROR_NONE,
         NULL,
         1},
        {"shorter than it says",
         {HEADERS(0, OK_200 LENGTH "\3"
                                   "100"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"shorter than it says, by a reset without an error",
         {HEADERS(0, OK_200 LENGTH "\3"
                                   "100"),
          DATA(0, "{}"),
          {HTTP2_RST_STREAM, 0, "\0\0\0\0", 4}},
         ERROR_UNAVAILABLE,
         "AnswerCutShort",
         ATTEMPTS},
        {"two lengths",
         {HEADERS(0, OK_200 LENGTH "\1"
                                   "2" LENGTH "\1"
                                   "4"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"a length below nothing",
         {HEADERS(0, OK_200 LENGTH "\2"
                                   "-2"),
          DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"a terabyte",
         {HEADERS(0, OK_200 LENGTH "\x0d"
                                   "1000000000000"),
          DATA(0, "{}")},
         ERROR_LIMIT,
         "AnswerTooLarge",
         1},
        {"a header with a status in it",
         {HEADERS(0, OK_200 "\0\1x\5y\r\nz:"), DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         NULL,
         ATTEMPTS},
        {"packed, it says",
         {HEADERS(0, OK_200 "\x5a\4gzip"), DATA(END, "{}")},
         ERROR_UNAVAILABLE,
         "NotHttp",
         1},
        {"no end of its headers", {{HTTP2_HEADERS, 0, OK_200, 1}}, ERROR_TIMEOUT, NULL, 1},
        {"no end of its body", {HEADERS(0, OK_200), DATA(0, "{}")}, ERROR_TIMEOUT, NULL, 1},
};

static void play_odd_answers(struct http2_stage *stage)
{
        stage->when_asked = answer_as_scripted;
        for (size_t i = 0; i < ARRAY_LENGTH(odd_answers); i++)
                expect_odd(stage, &odd_answers[i]);
        stage->when_asked = NULL;
        get(stage);
}

/* ---- caps ---- */

/* Lines of a kilobyte, in as few frames as can be; as headers or as trailers. */
static void answer_in_lines(struct http2_stage *stage, const struct http2_stream *stream)
{
        char line[6 + 992] = "\0\1x\x7f\xe1\6"; /* x: 127 + 865 bytes */
        autotext lines = {0};

        memset(line + 6, 'a', sizeof line - 6);
        if (script.moment == 1)
                http2_begin(stage->server, stream);
        else
                text_add(&lines, OK_200, 1);
        for (size_t i = 0; i < script.header_lines; i++)
                text_add(&lines, line, sizeof line);
        for (size_t at = 0; at < lines.length;) {
                size_t length = lines.length - at < 16000 ? lines.length - at : 16000;
                bool first = at == 0, last = at + length == lines.length;

                say(stage, stream,
                    &(struct frame){first ? HTTP2_HEADERS : CONTINUATION,
                                    (last ? 4u : 0) | (first && script.moment == 1 ? END : 0),
                                    lines.data + at, length});
                at += length;
        }
        if (script.moment == 0)
                http2_end(stage->server, stream);
}

static struct error get_lines(struct http2_stage *stage, size_t lines)
{
        script.header_lines = lines;
        return ask(stage, &(struct http_request){.path = "/list"});
}

/* 64 KiB of ours, told as such; above 128 KiB, and in more than eight continuations, libcurl and nghttp2 end
 * the connection, which is lost then. */
static void play_long_heads(struct http2_stage *stage)
{
        stage->when_asked = answer_in_lines;
        for (script.moment = 0; script.moment < 2; script.moment++) {
                struct error err = get_lines(stage, 60);

                expect_good(&err);
                err = get_lines(stage, 70);
                assert_int_equal(err.code, ERROR_LIMIT);
                assert_non_null(strstr(err.message, "headers are larger than the 64 KiB"));
                err = get_lines(stage, 1000);
                assert_int_equal(err.code, ERROR_UNAVAILABLE);
                assert_string_equal(err.reason, "ConnectionLost");
                assert_non_null(strstr(err.message, "nghttp2"));
        }
}

/* Each of the answers before the answer counts, too. */
static void hint(struct http2_stage *stage, const struct http2_stream *stream)
{
        static const struct frame early = HEADERS(0, STATUS "\3"
                                                            "103");

        for (int i = 0; i < 10000; i++)
                say(stage, stream, &early);
        http2_answer(stage->server, stream, "{}");
}

static void play_endless_hints(struct http2_stage *stage)
{
        struct error err;

        stage->when_asked = hint;
        err = ask(stage, &(struct http_request){.path = "/list"});
        assert_int_equal(err.code, ERROR_LIMIT);
        assert_int_equal(http2_requests(stage->server), 1);
}

/* ---- one at a time ---- */

/* A server that lets nobody in beside the one that it leaves unanswered: `moment` streams at once. */
static void hang_the_first(struct http2_stage *stage, const struct http2_stream *stream)
{
        const char says[6] = {0, 3, 0, 0, 0, (char)script.moment};

        http2_say(stage->server, stream->connection, HTTP2_SETTINGS, 0, 0, says, sizeof says);
        if (stream->request > 1)
                http2_answer(stage->server, stream, "{}");
}

/* Others do not wait for it: theirs is another connection. Where the server lets nobody in at all, those that
 * are put on such a connection end with their deadlines, which count from when they were asked for. */
static void play_none_beside_it(struct http2_stage *stage)
{
        int64_t begun_ms = clock_now_ms(&stage->clock);

        stage->when_asked = hang_the_first;
        script.moment = 1;
        assert_int_equal(get_many(stage), MANY - 1);
        assert_int_equal(clock_now_ms(&stage->clock) - begun_ms, TIMEOUT);
        assert_int_equal(get_many(stage), MANY);
        script.moment = 0;
        begun_ms = clock_now_ms(&stage->clock);
        (void)get_many(stage);
        assert_in_range(clock_now_ms(&stage->clock) - begun_ms, 0, TIMEOUT);
        assert_in_range(http2_connections_open(stage->server), 0, MANY);
}

#define TEST(name)                                                                                           \
        static void test_##name(void **state)                                                                \
        {                                                                                                    \
                (void)state;                                                                                 \
                run(play_##name);                                                                            \
        }

TEST(every_reset)
TEST(resets_after_the_end)
TEST(two_answers)
TEST(every_goaway)
TEST(nonsense_in_a_body)
TEST(odd_answers)
TEST(long_heads)
TEST(endless_hints)
TEST(none_beside_it)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_reset),        cmocka_unit_test(test_resets_after_the_end),
                cmocka_unit_test(test_two_answers),        cmocka_unit_test(test_every_goaway),
                cmocka_unit_test(test_nonsense_in_a_body), cmocka_unit_test(test_odd_answers),
                cmocka_unit_test(test_long_heads),         cmocka_unit_test(test_endless_hints),
                cmocka_unit_test(test_none_beside_it),
        };

        signal(SIGPIPE, SIG_IGN); /* as the program does: SSL_write has no MSG_NOSIGNAL */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
