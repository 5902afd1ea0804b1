/* SPDX-License-Identifier: GPL-3.0-or-later */
/* History in pieces that a server accepts. Limits are those that Prometheus documents for its HTTP API. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collectors/prometheus/range.h"
#include "core/json.h"
#include "core/text.h"
#include "tests/support/http_stage.h"

#define HOUR_MS INT64_C(3600000)

/* A server that has one series: its value is the time in seconds, and that refuses what is too much. */
static char *serve(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        double start = strtod(strstr(request->path, "&start=") + 7, NULL);
        double end = strtod(strstr(request->path, "&end=") + 5, NULL);
        double step = strtod(strstr(request->path, "&step=") + 6, NULL);
        struct text out = {0};

        (void)context;
        if ((end - start) / step > 11000) {
                answer->status = 400;
                return memory_copy_text("{\"status\":\"error\",\"error\":\"exceeded maximum resolution\"}");
        }
        text_put(&out, "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":"
                       "{\"a\":\"b\"},\"values\":[");
        for (double at = start; at <= end; at += step)
                text_format(&out, "%s[%.3f,\"%.0f\"]", at > start ? "," : "", at, at);
        text_put(&out, "]}]}}");
        return text_take(&out);
}

struct points {
        struct http_stage *stage;
        struct prometheus_range range;
        size_t count;
        int64_t first_ms, last_ms;
        bool done;
        struct error err;
};

static bool take(void *context, const json_t *labels, int64_t time_ms, double value, struct error *err)
{
        struct points *points = context;

        (void)err;
        assert_string_equal(json_string_value(json_object_get(labels, "a")), "b");
        assert_true(value == (double)(time_ms / 1000));
        if (points->count++ == 0)
                points->first_ms = time_ms;
        else
                assert_int_equal(time_ms, points->last_ms + points->range.step_ms);
        points->last_ms = time_ms;
        return true;
}

static void read_all(void *argument)
{
        struct points *points = argument;

        points->done = prometheus_range(points->stage->peer, &points->range, take, points, &points->err);
}

static void read_range(struct points *points, int64_t start_ms, int64_t end_ms, int64_t step_ms,
                       size_t max_points)
{
        *points = (struct points){.range = {"up{a=\"b\"}", start_ms, end_ms, step_ms, max_points}};
        points->stage = http_stage_open(NULL);
        scripted_peer_answer(points->stage->script, "GET /api/v1/query_range",
                             &(struct scripted_answer){.by = serve});
        reactor_call(points->stage->reactor, read_all, points);
}

static void test_one_piece(void **state)
{
        struct points points;

        (void)state;
        read_range(&points, 7 * HOUR_MS + 1234, 8 * HOUR_MS + 59999, 60000, 0);
        assert_true(points.done);
        assert_int_equal(points.count, 61);
        assert_int_equal(points.first_ms, 7 * HOUR_MS);
        assert_int_equal(points.last_ms, 8 * HOUR_MS);
        assert_string_equal(scripted_peer_request(points.stage->script, "*", 0)->path,
                            "/api/v1/query_range?query=up%7Ba%3D%22b%22%7D&start=25200.000&end=28800.000"
                            "&step=60.000");
        http_stage_close(points.stage);
}

/* 25,001 points: three pieces, without a gap or a point twice. */
static void test_pieces(void **state)
{
        struct points points;

        (void)state;
        read_range(&points, 0, 25000 * INT64_C(15000), 15000, 0);
        assert_true(points.done);
        assert_int_equal(points.count, 25001);
        assert_int_equal(points.last_ms, 25000 * INT64_C(15000));
        assert_int_equal(scripted_peer_count(points.stage->script, "GET *"), 3);
        assert_int_equal(scripted_peer_connections_at_once(points.stage->script), 1);
        http_stage_close(points.stage);
}

static void test_exactly_one_piece(void **state)
{
        struct points points;

        (void)state;
        read_range(&points, 0, 10999 * INT64_C(1000), 1000, 0);
        assert_int_equal(points.count, 11000);
        assert_int_equal(scripted_peer_count(points.stage->script, "GET *"), 1);
        http_stage_close(points.stage);
        read_range(&points, 0, 11000 * INT64_C(1000), 1000, 0);
        assert_int_equal(points.count, 11001);
        assert_int_equal(scripted_peer_count(points.stage->script, "GET *"), 2);
        http_stage_close(points.stage);
}

static void test_limits(void **state)
{
        static const struct {
                int64_t start_ms, end_ms, step_ms;
                size_t max_points;
                enum error_code code;
        } wrong[] = {
                {0, 1000, 999, 0, ERROR_INPUT},       {0, 1000, 0, 0, ERROR_INPUT},
                {1000, 0, 1000, 0, ERROR_INPUT},      {-1000, 0, 1000, 0, ERROR_INPUT},
                {0, INT64_MAX, 1000, 0, ERROR_LIMIT}, {0, HOUR_MS, 1000, 100, ERROR_LIMIT},
                {0, HOUR_MS, 60000, 60, ERROR_LIMIT},
        };

        (void)state;
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                struct points points;

                read_range(&points, wrong[i].start_ms, wrong[i].end_ms, wrong[i].step_ms,
                           wrong[i].max_points);
                assert_false(points.done);
                assert_int_equal(points.err.code, wrong[i].code);
                http_stage_close(points.stage);
        }
}

static bool count_point(void *context, const json_t *labels, int64_t time_ms, double value, struct error *err)
{
        (void)labels;
        (void)err;
        assert_true(time_ms % 10000 == 0 && value > 0);
        ++*(size_t *)context;
        return true;
}

/* tests/fixtures/prometheus/range.json: a real server, asked for a minute by 10 s. */
static void test_recorded(void **state)
{
        autofree char *text = NULL;
        autojson *answer = NULL;
        struct error err = ERROR_INIT;
        size_t length, left = 100, count = 0;

        (void)state;
        assert_true(text_read_file("tests/fixtures/prometheus/range.json", 1 << 20, &text, &length, &err));
        answer = json_loads(text, 0, NULL);
        assert_true(prometheus_range_answer(answer, &left, count_point, &count, &err));
        assert_int_equal(count, 7);
        assert_int_equal(left, 93);
}

static void test_answers_that_are_none(void **state)
{
        static const char *const answers[] = {
                "{}",
                "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
                "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"values\":[[1]]}]}"
                "}",
                "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"values\":[[1,2]]}"
                "]}}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
                autojson *answer = json_loads(answers[i], 0, NULL);
                struct error err = ERROR_INIT;
                size_t left = 100, count = 0;

                assert_false(prometheus_range_answer(answer, &left, count_point, &count, &err));
                assert_int_equal(err.code, ERROR_INCOMPLETE);
                assert_int_equal(count, 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_piece),         cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_exactly_one_piece), cmocka_unit_test(test_limits),
                cmocka_unit_test(test_recorded),          cmocka_unit_test(test_answers_that_are_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
