/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/redact.h"

/* 2026-01-05T08:00:00.250Z */
static int64_t fixed_now_ms(void *context)
{
        (void)context;
        return INT64_C(1767600000250);
}

static const struct clock fixed = {.now_ms = fixed_now_ms};

struct capture {
        char *bytes;
        size_t length;
        FILE *file;
        struct log *log;
};

static void begin(struct capture *capture, enum log_format format, enum log_level least)
{
        capture->file = open_memstream(&capture->bytes, &capture->length);
        capture->log = log_new(capture->file, format, least, &fixed);
}

/* The bytes may be read once the stream is closed. */
static const char *finish(struct capture *capture)
{
        log_free(capture->log);
        fclose(capture->file);
        return capture->bytes;
}

static void test_lines_for_people(void **state)
{
        struct capture capture = {0};

        (void)state;
        begin(&capture, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
        log_debug(capture.log, "not shown");
        log_info(capture.log, "configuration applied", LOG_TEXT("pipeline", "clickstream"),
                 LOG_INTEGER("workers", -12), LOG_NUMBER("rate", 41200.5), LOG_BOOL("dryRun", false),
                 LOG_TIME("since", 1767600000000));
        log_warning(capture.log, "alone");
        assert_string_equal(finish(&capture),
                            "2026-01-05T08:00:00.250Z  INFO   configuration applied                    "
                            "pipeline=clickstream "
                            "workers=-12 rate=41200.5 dryRun=false since=2026-01-05T08:00:00Z\n"
                            "2026-01-05T08:00:00.250Z  WARN   alone\n");
        free(capture.bytes);
}

static void test_lines_for_machines(void **state)
{
        struct capture capture = {0};
        json_t *line;

        (void)state;
        begin(&capture, LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
        log_error(capture.log, "peer failed", LOG_TEXT("answer", "a\"b\n\xff"), LOG_NUMBER("rate", NAN),
                  LOG_NUMBER("ratio", 0.1), LOG_TEXT("cause", NULL), LOG_BOOL("retry", true));
        line = json_loads(finish(&capture), 0, NULL);
        assert_non_null(line);
        assert_string_equal(json_string_value(json_object_get(line, "time")), "2026-01-05T08:00:00.250Z");
        assert_string_equal(json_string_value(json_object_get(line, "level")), "ERROR");
        assert_string_equal(json_string_value(json_object_get(line, "message")), "peer failed");
        assert_string_equal(json_string_value(json_object_get(line, "answer")), "a\"b\n\xef\xbf\xbd");
        assert_true(json_is_null(json_object_get(line, "rate")));
        assert_true(json_is_null(json_object_get(line, "cause")));
        assert_true(json_is_true(json_object_get(line, "retry")));
        assert_non_null(strstr(capture.bytes, "\"ratio\":0.1,"));
        assert_ptr_equal(strchr(capture.bytes, '\n'), capture.bytes + capture.length - 1);
        json_decref(line);
        free(capture.bytes);
}

/* What a peer says can neither begin a line nor forge a value. */
static void test_values_stay_in_their_place(void **state)
{
        struct capture capture = {0};

        (void)state;
        begin(&capture, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
        log_info(capture.log, "peer\nsaid", LOG_TEXT("answer", "x\n2026 ERROR forged"),
                 LOG_TEXT("word", "a=b"), LOG_TEXT("empty", ""), LOG_TEXT("escape", "\x1b[31m"),
                 LOG_TEXT("one_byte", "\xc2\x9b"
                                      "31m"));
        assert_string_equal(finish(&capture),
                            "2026-01-05T08:00:00.250Z  INFO   peer said                                "
                            "answer=\"x\\n2026 ERROR forged\" word=\"a=b\" empty=\"\" escape=\"\\u001B[31m\" "
                            "one_byte= 31m\n");
        free(capture.bytes);
}

static void test_no_log_is_silent(void **state)
{
        (void)state;
        log_error(NULL, "nobody listens", LOG_INTEGER("n", 1));
        log_free(NULL);
}

static void *write_lines(void *log)
{
        for (int i = 0; i < 500; i++)
                log_info(log, "line", LOG_TEXT("filler", "0123456789012345678901234567890123456789"));
        return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
        struct capture capture = {0};
        pthread_t threads[4];
        int lines = 0;

        (void)state;
        begin(&capture, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, write_lines, capture.log), 0);
        for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
                pthread_join(threads[i], NULL);
        finish(&capture);
        for (char *line = strtok(capture.bytes, "\n"); line; line = strtok(NULL, "\n"), lines++) {
                json_t *parsed = json_loads(line, 0, NULL);

                assert_non_null(parsed);
                json_decref(parsed);
        }
        assert_int_equal(lines, 2000);
        free(capture.bytes);
}

/* Every place a secret has been seen to leak from; the secret is always "hunter2hunter2". */
static void test_secrets_are_masked(void **state)
{
        static const char *const leaks[][2] = {
                {"GET https://user:hunter2hunter2@prometheus:9090/api",
                 "GET https://***@prometheus:9090/api"},
                {"postgres://optctl:hunter2hunter2@db/ledger", "postgres://***@db/ledger"},
                {"Authorization: Bearer hunter2hunter2", "Authorization: Bearer ***"},
                {"authorization: Basic hunter2hunter2=", "authorization: Basic ***"},
                {"{\"password\": \"hunter2hunter2\", \"user\": \"a\"}",
                 "{\"password\": \"***\", \"user\": \"a\"}"},
                {"/query?token=hunter2hunter2&step=5", "/query?token=***&step=5"},
                {"sasl.jaas.config=Plain username=\"a\" password=\"hunter2hunter2\";",
                 "sasl.jaas.config=Plain username=\"a\" password=\"***\";"},
                {"--set spec.engine.apiKey=hunter2hunter2 --quiet", "--set spec.engine.apiKey=*** --quiet"},
                {"AWS_SECRET_ACCESS_KEY=hunter2hunter2", "AWS_SECRET_ACCESS_KEY=***"},
                {"password='hunter2hunter2 hunter2hunter2' x", "password='***' x"},
                {"Set-Cookie: hunter2hunter2; Path=/", "Set-Cookie: ***; Path=/"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(leaks); i++) {
                autofree char *clean = redact_text(leaks[i][0]);

                assert_string_equal(clean, leaks[i][1]);
        }
}

static void test_ordinary_text_is_kept(void **state)
{
        static const char *const texts[] = {"",
                                            "workers 4 -> 12: forecast 118 k rec/s exceeds 92 k rec/s",
                                            "a basic idea",
                                            "http://jobmanager:8081/jobs",
                                            "mail a@b.c",
                                            "key=value",
                                            "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                                            "{\"parallelism\": 4}",
                                            "the token is missing",
                                            "12:30:00"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
                autofree char *clean = redact_text(texts[i]);

                assert_string_equal(clean, texts[i]);
        }
}

/* Unicode 15, table 3-8: each byte that does not begin or go on with a well-formed sequence. */
static void test_bytes_that_are_no_text_are_replaced(void **state)
{
        autofree char *clean = redact_text("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41");
        autofree char *cut = redact_text("a\xe2\x82");

        (void)state;
#define R "\xef\xbf\xbd"
        assert_string_equal(clean, R R R R R R R R "A");
        assert_string_equal(cut, "a" R R);
#undef R
}

static void test_values_under_secret_names_are_masked(void **state)
{
        static const char *const names[] = {"token",        "apiToken",      "X-API-Key",
                                            "api_key",      "PASSWORD",      "db.password",
                                            "clientSecret", "Authorization", "aws_access_key_id",
                                            "cookie"};
        static const char *const plain[] = {"pipeline", "key", "author", "partitionKey", "passed"};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
                struct capture capture = {0};

                begin(&capture, LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
                log_info(capture.log, "m", LOG_TEXT(names[i], "hunter2"), LOG_INTEGER(names[i], 4711));
                finish(&capture);
                assert_null(strstr(capture.bytes, "hunter2"));
                assert_null(strstr(capture.bytes, "4711"));
                free(capture.bytes);
        }
        for (size_t i = 0; i < ARRAY_LENGTH(plain); i++)
                assert_false(redact_key(plain[i]));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines_for_people),
                cmocka_unit_test(test_lines_for_machines),
                cmocka_unit_test(test_values_stay_in_their_place),
                cmocka_unit_test(test_no_log_is_silent),
                cmocka_unit_test(test_lines_of_threads_do_not_mix),
                cmocka_unit_test(test_secrets_are_masked),
                cmocka_unit_test(test_ordinary_text_is_kept),
                cmocka_unit_test(test_bytes_that_are_no_text_are_replaced),
                cmocka_unit_test(test_values_under_secret_names_are_masked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
