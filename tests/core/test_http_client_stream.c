/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer that is read while it comes: in pieces, cut off, stuck, endless, refused; and a peer that is read
 * slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_stage.h"

#define IDLE_MS 30000

/* What one reader saw. */
struct reading {
        struct http_stage *stage;
        const char *path;
        size_t most;       /* stops after so many bytes; 0: at the end */
        int64_t linger_ms; /* between two reads */
        struct text text;
        size_t pieces, largest;
        int status; /* of an answer that was no success */
        bool opened, ended;
        int64_t first_ms; /* when the first piece was there */
        struct error err;
};

static bool read_on(struct reading *reading, struct http_stream *stream)
{
        struct error err = ERROR_INIT;
        size_t before = reading->text.length;

        if (!http_stream_read(stream, IDLE_MS, &reading->text, &reading->ended, &reading->err) ||
            reading->ended)
                return false;
        if (reading->pieces++ == 0)
                reading->first_ms = http_stage_now(reading->stage);
        if (reading->text.length - before > reading->largest)
                reading->largest = reading->text.length - before;
        clock_sleep_until(&reading->stage->clock, clock_now_ms(&reading->stage->clock) + reading->linger_ms,
                          &err);
        return reading->most == 0 || reading->text.length < reading->most;
}

static void read_all(void *argument)
{
        struct reading *reading = argument;
        const struct http_request request = {.path = reading->path};
        struct http_response response = {0};
        struct http_stream *stream = NULL;

        reading->opened = http_stream_open(reading->stage->peer, &request, &stream, &response, &reading->err);
        reading->status = response.status;
        http_response_free(&response);
        while (reading->opened && read_on(reading, stream))
                ;
        http_stream_close(stream);
}

static void play(struct reading *reading, const struct scripted_answer *answer)
{
        scripted_peer_forget_answers(reading->stage->script);
        scripted_peer_answer(reading->stage->script, "GET /watch", answer);
        reading->path = "/watch";
        reactor_call(reading->stage->reactor, read_all, reading);
}

static void test_what_comes_is_there_at_once(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct reading reading = {.stage = stage};

        (void)state;
        play(&reading,
             &(struct scripted_answer){.body = "one\ntwo\nthree\n", .drip_ms = 1000, .drip_bytes = 50});
        assert_true(reading.opened);
        assert_true(reading.ended);
        assert_string_equal(reading.text.data, "one\ntwo\nthree\n");
        assert_int_equal(reading.err.code, ERROR_NONE);
        text_free(&reading.text);
        http_stage_close(stage);
}

static void test_a_stream_lasts_longer_than_a_request(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct reading reading = {.stage = stage};

        (void)state;
        /* 4,000 bytes at 200 every 5 s; a request's time-out is 10 s. */
        play(&reading, &(struct scripted_answer){.filler_bytes = 4000, .drip_ms = 5000, .drip_bytes = 200});
        assert_true(reading.ended);
        assert_int_equal(reading.text.length, 4000);
        assert_true(http_stage_now(stage) >= 95000);
        assert_true(reading.first_ms <= 10000);
        assert_true(reading.pieces >= 19);
        text_free(&reading.text);
        http_stage_close(stage);
}

static void test_how_a_stream_ends_otherwise(void **state)
{
        static const struct {
                struct scripted_answer answer;
                bool opened;
                enum error_code code;
                const char *reason;
                int status;
        } cases[] = {
                {{.status = 410, .body = "{\"message\": \"too old\"}"}, false, ERROR_NOT_FOUND, "Gone", 410},
                {{.status = 503}, false, ERROR_UNAVAILABLE, "Unavailable", 503},
                {{.how = SCRIPTED_HANG}, false, ERROR_TIMEOUT, "Timeout", 0},
                {{.how = SCRIPTED_CLOSE}, false, ERROR_UNAVAILABLE, "ConnectionLost", 0},
                {{.how = SCRIPTED_GARBAGE}, false, ERROR_UNAVAILABLE, "NotHttp", 0},
                {{.how = SCRIPTED_ENDLESS_HEADERS}, false, ERROR_LIMIT, "AnswerTooLarge", 0},
                {{.how = SCRIPTED_TRUNCATE, .body = "0123456789"},
                 true,
                 ERROR_UNAVAILABLE,
                 "AnswerCutShort",
                 0},
                {{.how = SCRIPTED_RESET_HALF_WAY, .body = "0123456789"},
                 true,
                 ERROR_UNAVAILABLE,
                 "ConnectionLost",
                 0},
                /* The headers are one drip, and then nothing comes for longer than anybody waits. */
                {{.filler_bytes = 10, .drip_ms = 2 * IDLE_MS, .drip_bytes = 500},
                 true,
                 ERROR_TIMEOUT,
                 NULL,
                 0},
        };
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct reading reading = {.stage = stage};

                play(&reading, &cases[i].answer);
                assert_int_equal(reading.err.code, cases[i].code);
                if (cases[i].reason)
                        assert_string_equal(reading.err.reason, cases[i].reason);
                assert_int_equal(reading.status, cases[i].status);
                /* Of a reset, the system may drop what came before it. */
                if (cases[i].answer.how != SCRIPTED_RESET_HALF_WAY)
                        assert_true(reading.opened == cases[i].opened);
                text_free(&reading.text);
        }
        http_stage_close(stage);
}

/* A peer that sends faster than it is read has to wait: what is unread stays below a megabyte. */
static void test_a_slow_reader_holds_the_peer_back(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct reading reading = {.stage = stage, .linger_ms = 1000};

        (void)state;
        play(&reading, &(struct scripted_answer){.filler_bytes = 20 << 20});
        assert_true(reading.ended);
        assert_int_equal(reading.text.length, 20 << 20);
        assert_in_range(reading.largest, 1, 1 << 20);
        text_free(&reading.text);
        http_stage_close(stage);
}

static void test_a_stream_is_left_half_way(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct reading reading = {.stage = stage, .most = 1 << 20};

        (void)state;
        play(&reading, &(struct scripted_answer){.how = SCRIPTED_ENDLESS});
        assert_false(reading.ended);
        assert_true(reading.text.length >= 1 << 20);
        text_free(&reading.text);
        http_stage_close(stage);
}

/* Streams take none of the connections that requests share. */
struct many {
        struct http_stage *stage;
        bool good;
};

static void ask_beside_streams(void *argument)
{
        struct many *many = argument;
        const struct http_request watch = {.path = "/watch"}, ask = {.path = "/now"};
        struct http_stream *streams[20] = {0};
        struct http_response response = {0};
        struct error err = ERROR_INIT;

        for (size_t i = 0; i < ARRAY_LENGTH(streams); i++)
                assert_true(http_stream_open(many->stage->peer, &watch, &streams[i], &response, &err));
        many->good = http_send(many->stage->peer, &ask, &response, &err);
        http_response_free(&response);
        for (size_t i = 0; i < ARRAY_LENGTH(streams); i++)
                http_stream_close(streams[i]);
}

static void test_requests_beside_many_streams(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct many many = {.stage = stage};

        (void)state;
        scripted_peer_answer(stage->script, "GET /watch",
                             &(struct scripted_answer){.filler_bytes = 2000,
                                                       .drip_ms = 1000,
                                                       .drip_bytes = 300});
        scripted_peer_json(stage->script, "GET /now", "{}");
        reactor_call(stage->reactor, ask_beside_streams, &many);
        assert_true(many.good);
        http_stage_close(stage);
}

static void stop_later(void *argument)
{
        reactor_stop(argument);
}

static void test_a_stream_ends_when_optctl_does(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct reading reading = {.stage = stage};

        (void)state;
        reactor_spawn_at(stage->reactor, STAGE_START + 5000, stop_later, stage->reactor);
        play(&reading, &(struct scripted_answer){.filler_bytes = 100000, .drip_ms = 2000, .drip_bytes = 200});
        assert_int_equal(reading.err.code, ERROR_INTERRUPTED);
        assert_int_equal(http_stage_now(stage), 5000);
        text_free(&reading.text);
        http_stage_close(stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_comes_is_there_at_once),
                cmocka_unit_test(test_a_stream_lasts_longer_than_a_request),
                cmocka_unit_test(test_how_a_stream_ends_otherwise),
                cmocka_unit_test(test_a_slow_reader_holds_the_peer_back),
                cmocka_unit_test(test_a_stream_is_left_half_way),
                cmocka_unit_test(test_requests_beside_many_streams),
                cmocka_unit_test(test_a_stream_ends_when_optctl_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
