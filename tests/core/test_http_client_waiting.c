/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pauses, deadlines, connections, silence: all in virtual time. Bounds of pauses are those of exponential
 * backoff with full jitter: the n-th is below 200 ms * 2^(n-1), and below 5 s. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/http_stage.h"

static void expect_said(const char *text, const char *words)
{
        if (!strstr(text, words))
                fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static int64_t came_ms(const struct http_stage *stage, int index)
{
        return scripted_peer_request(stage->script, "*", index)->at_ms - STAGE_START;
}

static struct error get(struct http_stage *stage, const char *path)
{
        struct http_response response;
        struct error err = ERROR_INIT;

        http_stage_get(stage, path, &response, &err);
        http_response_free(&response);
        return err;
}

static struct error send_one(struct http_stage *stage, const struct http_request *request)
{
        struct http_response response;
        struct error err = ERROR_INIT;

        http_stage_send(stage, request, &response, &err);
        http_response_free(&response);
        return err;
}

/* ---- repetitions ---- */

static void test_what_may_pass_is_repeated(void **state)
{
        static const struct scripted_answer passing[] = {
                {.status = 408},
                {.status = 429},
                {.status = 502},
                {.status = 503},
                {.status = 504},
                {.how = SCRIPTED_RESET},
                {.how = SCRIPTED_CLOSE},
                {.how = SCRIPTED_TRUNCATE},
                {.how = SCRIPTED_RESET_HALF_WAY},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(passing); i++) {
                struct http_stage *stage = http_stage_open(NULL);
                struct scripted_answer fault = passing[i];

                fault.times = 2;
                scripted_peer_json(stage->script, "*", "{\"a\": 1}");
                scripted_peer_fault(stage->script, &fault);
                assert_int_equal(get(stage, "/").code, ERROR_NONE);
                assert_int_equal(scripted_peer_count(stage->script, "*"), 3);
                http_stage_close(stage);
        }
}

static void test_what_does_not_pass_is_not_repeated(void **state)
{
        static const struct scripted_answer lasting[] = {
                {.status = 302},           {.status = 400},           {.status = 401},        {.status = 403},
                {.status = 404},           {.status = 409},           {.status = 500},        {.status = 501},
                {.how = SCRIPTED_GARBAGE}, {.how = SCRIPTED_ENDLESS}, {.how = SCRIPTED_HANG},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(lasting); i++) {
                struct http_stage *stage = http_stage_open(NULL);

                scripted_peer_fault(stage->script, &lasting[i]);
                assert_int_not_equal(get(stage, "/").code, ERROR_NONE);
                assert_int_equal(scripted_peer_count(stage->script, "*"), 1);
                http_stage_close(stage);
        }
}

static void test_writes_are_repeated_on_request_only(void **state)
{
        const struct http_request write = {.method = "PATCH", .path = "/", .body = "{}", .body_length = 2};
        const struct http_request again = {.method = "PUT",
                                           .path = "/",
                                           .body = "{}",
                                           .body_length = 2,
                                           .repeatable = true};
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        scripted_peer_fault(stage->script, &(struct scripted_answer){.status = 503});
        assert_int_equal(send_one(stage, &write).code, ERROR_UNAVAILABLE);
        assert_int_equal(scripted_peer_count(stage->script, "PATCH *"), 1);
        assert_int_equal(send_one(stage, &again).code, ERROR_UNAVAILABLE);
        assert_int_equal(scripted_peer_count(stage->script, "PUT *"), 4);
        http_stage_close(stage);
}

/* RFC 9110, 9.2.2: what is not idempotent is not sent again on its own when a kept connection breaks. */
static void test_a_write_on_a_broken_connection_is_sent_once(void **state)
{
        const struct http_request write = {.method = "POST", .path = "/", .body = "{}", .body_length = 2};
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        scripted_peer_json(stage->script, "GET *", "{}");
        scripted_peer_answer(stage->script, "POST *", &(struct scripted_answer){.how = SCRIPTED_CLOSE});
        for (int i = 1; i <= 5; i++) {
                assert_int_equal(get(stage, "/").code, ERROR_NONE);
                assert_int_equal(send_one(stage, &write).code, ERROR_UNAVAILABLE);
                assert_int_equal(scripted_peer_count(stage->script, "POST *"), i);
        }
        http_stage_close(stage);
}

/* What is refused the second time goes over kept connections; sent again there, it reads as a conflict. */
static void test_a_conditional_write_takes_no_connection_of_its_own(void **state)
{
        const struct http_request write = {.method = "PATCH",
                                           .path = "/",
                                           .body = "{}",
                                           .body_length = 2,
                                           .conditional = true};
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        scripted_peer_answer(stage->script, "PATCH *", &(struct scripted_answer){.body = "{}", .times = 20});
        scripted_peer_answer(stage->script, "PATCH *",
                             &(struct scripted_answer){.how = SCRIPTED_CLOSE, .times = 1});
        scripted_peer_answer(stage->script, "PATCH *", &(struct scripted_answer){.status = 409});
        for (int i = 0; i < 20; i++)
                assert_int_equal(send_one(stage, &write).code, ERROR_NONE);
        assert_int_equal(scripted_peer_connections(stage->script), 1);
        assert_int_equal(send_one(stage, &write).code, ERROR_CONFLICT);
        assert_int_equal(scripted_peer_count(stage->script, "PATCH *"), 22);
        /* And is not sent again by ourselves. */
        scripted_peer_fault(stage->script, &(struct scripted_answer){.status = 503});
        assert_int_equal(send_one(stage, &write).code, ERROR_UNAVAILABLE);
        assert_int_equal(scripted_peer_count(stage->script, "PATCH *"), 23);
        http_stage_close(stage);
}

static void test_pauses_grow_and_scatter(void **state)
{
        struct http_stage *stage =
                http_stage_open(&(struct http_options){.retries = 7, .timeout_seconds = 60});
        double sum[7] = {0};
        int64_t longest[7] = {0};
        const int runs = 60;

        (void)state;
        scripted_peer_fault(stage->script, &(struct scripted_answer){.status = 503});
        for (int run = 0; run < runs; run++) {
                scripted_peer_forget_requests(stage->script);
                assert_int_equal(get(stage, "/").code, ERROR_UNAVAILABLE);
                assert_int_equal(scripted_peer_count(stage->script, "*"), 8);
                for (int i = 0; i < 7; i++) {
                        int64_t pause = came_ms(stage, i + 1) - came_ms(stage, i);
                        int64_t bound = i < 5 ? 200 << i : 5000;

                        assert_in_range(pause, 0, bound);
                        sum[i] += (double)pause;
                        longest[i] = pause > longest[i] ? pause : longest[i];
                }
        }
        /* Uniform on [0, bound]: the mean of 60 has a standard error of bound / sqrt(12 * 60). */
        for (int i = 0; i < 7; i++) {
                double bound = i < 5 ? 200 << i : 5000, error = bound / 26.8;

                assert_true(sum[i] / runs > bound / 2 - 4 * error && sum[i] / runs < bound / 2 + 4 * error);
                assert_true((double)longest[i] > 0.8 * bound);
        }
        http_stage_close(stage);
}

static void test_retry_after_is_kept_to(void **state)
{
        static const struct {
                const char *header;
                int64_t least_ms, most_ms;
        } cases[] = {
                {"Retry-After: 3\r\n", 3000, 3200},
                {"Retry-After: 0\r\n", 0, 200},
                /* The stage opens at 08:00:00 (RFC 9110, 10.2.3: a date). */
                {"Retry-After: Mon, 05 Jan 2026 08:00:04 GMT\r\n", 4000, 4200},
                {"Retry-After: Mon, 05 Jan 2026 07:00:00 GMT\r\n", 0, 200},
                {"Retry-After: -5\r\n", 0, 200},
                {"Retry-After: soon\r\n", 0, 200},
                {"Retry-After: 99999999999999999999\r\n", 0, 200},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct http_stage *stage = http_stage_open(NULL);

                scripted_peer_answer(stage->script, "*",
                                     &(struct scripted_answer){.status = 429,
                                                               .headers = cases[i].header,
                                                               .times = 1});
                scripted_peer_json(stage->script, "*", "{}");
                assert_int_equal(get(stage, "/").code, ERROR_NONE);
                assert_in_range(came_ms(stage, 1), cases[i].least_ms, cases[i].most_ms);
                http_stage_close(stage);
        }
}

/* What the peer asks for does not fit into the deadline: no use in waiting for it. */
static void test_a_long_retry_after_fails_at_once(void **state)
{
        static const char *const headers[] = {"Retry-After: 11\r\n", "Retry-After: 86400000\r\n"};
        static const int64_t waits_ms[] = {11000, 86400000};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
                struct http_stage *stage = http_stage_open(NULL);
                struct http_response response;
                struct error err = ERROR_INIT;

                scripted_peer_fault(stage->script,
                                    &(struct scripted_answer){.status = 503, .headers = headers[i]});
                assert_false(http_stage_get(stage, "/", &response, &err));
                assert_int_equal(err.code, ERROR_UNAVAILABLE);
                expect_said(err.message, "asks to wait for ");
                assert_int_equal(response.retry_after_ms, waits_ms[i]);
                assert_int_equal(scripted_peer_count(stage->script, "*"), 1);
                assert_int_equal(http_stage_now(stage), 0);
                http_response_free(&response);
                http_stage_close(stage);
        }
}

/* ---- deadlines ---- */

static void test_the_deadline_holds_for_all_of_it(void **state)
{
        static const struct scripted_answer faults[] = {
                {.status = 503, .delay_ms = 900},
                {.how = SCRIPTED_HANG},
                {.drip_ms = 50},
                {.how = SCRIPTED_RESET, .delay_ms = 1400},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
                struct http_stage *stage =
                        http_stage_open(&(struct http_options){.retries = 10, .timeout_seconds = 2});

                scripted_peer_json(stage->script, "*", "{}");
                scripted_peer_fault(stage->script, &faults[i]);
                assert_true(get(stage, "/").retry);
                assert_in_range(http_stage_now(stage), 900, 2000);
                http_stage_close(stage);
        }
}

static void test_a_request_may_have_a_deadline_of_its_own(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        const struct http_request brief = {.path = "/", .timeout_ms = 350};
        struct error err;

        (void)state;
        scripted_peer_fault(stage->script, &(struct scripted_answer){.how = SCRIPTED_HANG});
        err = send_one(stage, &brief);
        assert_int_equal(err.code, ERROR_TIMEOUT);
        expect_said(err.message, "no answer within 0.35 s");
        assert_int_equal(http_stage_now(stage), 350);
        http_stage_close(stage);
}

static void test_an_answer_that_comes_in_time_is_taken(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        scripted_peer_answer(stage->script, "*", &(struct scripted_answer){.delay_ms = 9999, .body = "{}"});
        assert_int_equal(get(stage, "/").code, ERROR_NONE);
        assert_int_equal(http_stage_now(stage), 9999);
        http_stage_close(stage);
}

/* ---- connections ---- */

#define MANY 100

struct crowd {
        struct http_stage *stage;
        struct http_peer *peer;
        struct http_request requests[MANY];
        struct http_response responses[MANY];
        struct error errors[MANY];
        char paths[MANY][16];
        size_t good;
};

static void send_crowd(void *argument)
{
        struct crowd *crowd = argument;

        crowd->good = http_send_all(crowd->peer, crowd->requests, MANY, crowd->responses, crowd->errors);
}

static struct crowd *crowd_new(struct http_stage *stage)
{
        struct crowd *crowd = memory_new(1, sizeof *crowd);

        crowd->stage = stage;
        crowd->peer = stage->peer;
        for (int i = 0; i < MANY; i++) {
                snprintf(crowd->paths[i], sizeof crowd->paths[i], "/%d", i);
                crowd->requests[i].path = crowd->paths[i];
        }
        return crowd;
}

static void crowd_free(struct crowd *crowd)
{
        for (int i = 0; i < MANY; i++)
                http_response_free(&crowd->responses[i]);
        free(crowd);
}

static char *path_back(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        (void)context;
        (void)answer;
        return memory_copy_text(request->path);
}

/* Eight at a time, 0.1 s each: the last of 100 is done after 13 rounds. */
static void test_a_hundred_at_once_over_eight_connections(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct crowd *crowd = crowd_new(stage);

        (void)state;
        scripted_peer_answer(stage->script, "GET /13",
                             &(struct scripted_answer){.status = 404, .delay_ms = 100});
        scripted_peer_answer(stage->script, "*", &(struct scripted_answer){.by = path_back, .delay_ms = 100});
        reactor_call(stage->reactor, send_crowd, crowd);
        assert_int_equal(crowd->good, MANY - 1);
        for (int i = 0; i < MANY; i++) {
                assert_int_equal(crowd->errors[i].code, i == 13 ? ERROR_NOT_FOUND : ERROR_NONE);
                if (i != 13)
                        assert_string_equal(crowd->responses[i].body, crowd->paths[i]);
        }
        assert_int_equal(http_stage_now(stage), 1300);
        assert_int_equal(scripted_peer_connections_at_once(stage->script), 8);
        assert_int_equal(scripted_peer_connections(stage->script), 8);
        crowd_free(crowd);
        http_stage_close(stage);
}

static void test_what_is_urgent_goes_first(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct crowd *crowd = crowd_new(stage);

        (void)state;
        scripted_peer_answer(stage->script, "*", &(struct scripted_answer){.by = path_back, .delay_ms = 100});
        crowd->requests[MANY - 1].urgent = true;
        reactor_call(stage->reactor, send_crowd, crowd);
        assert_int_equal(crowd->good, MANY);
        assert_string_equal(scripted_peer_request(stage->script, "*", 0)->path, crowd->paths[MANY - 1]);
        crowd_free(crowd);
        http_stage_close(stage);
}

static void test_a_connection_is_kept(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        scripted_peer_json(stage->script, "*", "{}");
        for (int i = 0; i < 20; i++)
                assert_int_equal(get(stage, "/").code, ERROR_NONE);
        assert_int_equal(scripted_peer_connections(stage->script), 1);
        http_stage_close(stage);
}

/* Two peers of one origin share its eight connections; another origin has its own. */
static void test_a_peer_that_hangs_holds_up_nobody_else(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct scripted_peer *other = scripted_peer_new(stage->reactor);
        struct crowd *hanging = crowd_new(stage), *well = crowd_new(stage);
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(http_peer_new(stage->client, scripted_peer_url(other), NULL, NULL, &well->peer, &err));
        scripted_peer_fault(stage->script, &(struct scripted_answer){.how = SCRIPTED_HANG});
        scripted_peer_json(other, "*", "{}");
        reactor_spawn(stage->reactor, send_crowd, hanging);
        reactor_call(stage->reactor, send_crowd, well);
        assert_int_equal(well->good, MANY);
        assert_int_equal(http_stage_now(stage), 0);
        reactor_run(stage->reactor);
        assert_int_equal(hanging->good, 0);
        for (int i = 0; i < MANY; i++)
                assert_true(hanging->errors[i].retry);
        assert_int_equal(scripted_peer_connections_at_once(stage->script), 8);
        assert_int_equal(http_stage_now(stage), 10000);
        http_peer_free(well->peer);
        crowd_free(well);
        crowd_free(hanging);
        scripted_peer_free(other);
        http_stage_close(stage);
}

/* ---- silence ---- */

static void test_a_silent_peer_costs_one_short_probe(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        struct crowd *crowd = crowd_new(stage);
        int64_t before;

        (void)state;
        scripted_peer_json(stage->script, "*", "{}");
        scripted_peer_fault(stage->script, &(struct scripted_answer){.how = SCRIPTED_HANG});
        for (int i = 1; i <= 3; i++) {
                assert_int_equal(get(stage, "/").code, ERROR_TIMEOUT);
                assert_int_equal(http_stage_now(stage), i * 10000);
        }
        expect_said(http_stage_logged(stage), "peer does not answer");

        scripted_peer_forget_requests(stage->script);
        reactor_call(stage->reactor, send_crowd, crowd);
        assert_int_equal(crowd->good, 0);
        assert_int_equal(crowd->errors[0].code, ERROR_TIMEOUT);
        assert_int_equal(crowd->errors[1].code, ERROR_UNAVAILABLE);
        assert_string_equal(crowd->errors[99].reason, "PeerSilent");
        assert_int_equal(scripted_peer_count(stage->script, "*"), 1);
        assert_int_equal(http_stage_now(stage), 31000);

        /* It is back: who waits for the probe is served after it. */
        scripted_peer_fault(stage->script, NULL);
        before = http_stage_now(stage);
        reactor_call(stage->reactor, send_crowd, crowd);
        assert_int_equal(crowd->good, MANY);
        assert_int_equal(http_stage_now(stage), before);
        expect_said(http_stage_logged(stage), "peer answers again");
        crowd_free(crowd);
        http_stage_close(stage);
}

/* One that takes 4 s for an answer and was silent for a while: the fourth probe waits as long as any request.
 */
static void test_a_slow_peer_is_not_given_up(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        int failed = 0;

        (void)state;
        scripted_peer_answer(stage->script, "*", &(struct scripted_answer){.delay_ms = 4000, .body = "{}"});
        scripted_peer_fault(stage->script, &(struct scripted_answer){.how = SCRIPTED_HANG, .times = 3});
        for (int i = 0; i < 3; i++)
                assert_int_equal(get(stage, "/").code, ERROR_TIMEOUT);
        while (get(stage, "/").code != ERROR_NONE)
                failed++;
        assert_int_equal(failed, 3);
        assert_int_equal(get(stage, "/").code, ERROR_NONE);
        http_stage_close(stage);
}

/* Cut short, nobody would know what it did. */
static void test_a_write_to_a_silent_peer_has_its_full_time(void **state)
{
        const struct http_request write = {.method = "POST", .path = "/", .body = "{}", .body_length = 2};
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        scripted_peer_answer(stage->script, "POST *",
                             &(struct scripted_answer){.delay_ms = 4000, .body = "{}"});
        scripted_peer_answer(stage->script, "GET *", &(struct scripted_answer){.how = SCRIPTED_HANG});
        for (int i = 0; i < 3; i++)
                assert_int_equal(get(stage, "/").code, ERROR_TIMEOUT);
        assert_int_equal(send_one(stage, &write).code, ERROR_NONE);
        http_stage_close(stage);
}

/* ---- stopping ---- */

static void stop(void *argument)
{
        struct http_stage *stage = argument;

        reactor_stop(stage->reactor);
}

static void test_a_program_that_stops_repeats_nothing(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);

        (void)state;
        scripted_peer_fault(stage->script, &(struct scripted_answer){.status = 503, .delay_ms = 100});
        reactor_spawn_at(stage->reactor, STAGE_START + 50, stop, stage);
        assert_int_equal(get(stage, "/").code, ERROR_UNAVAILABLE);
        assert_int_equal(scripted_peer_count(stage->script, "*"), 1);
        http_stage_close(stage);
}

/* ---- metrics ---- */

static void test_metrics_of_each_peer(void **state)
{
        struct http_stage *stage = http_stage_open(NULL);
        const char *origin = scripted_peer_url(stage->script);
        autofree char *good =
                memory_format("optctl_http_client_requests_total{peer=\"%s\",outcome=\"ok\"} 2\n", origin);
        autofree char *bad =
                memory_format("optctl_http_client_requests_total{peer=\"%s\",outcome=\"not_found\"} 1\n",
                              origin);
        autofree char *repeats = memory_format("optctl_http_client_repeats_total{peer=\"%s\"} 1\n", origin);
        autofree char *count =
                memory_format("optctl_http_client_request_seconds_count{peer=\"%s\"} 3\n", origin);
        autofree char *sum = memory_format("optctl_http_client_request_seconds_sum{peer=\"%s\"} 2", origin);
        autofree char *bytes =
                memory_format("optctl_http_client_received_bytes_total{peer=\"%s\"} 8\n", origin);
        autofree char *exposed = NULL, *after = NULL;

        (void)state;
        scripted_peer_answer(stage->script, "GET /a",
                             &(struct scripted_answer){.status = 503,
                                                       .headers = "Retry-After: 2\r\n",
                                                       .times = 1});
        scripted_peer_json(stage->script, "GET /a", "{}");
        scripted_peer_answer(stage->script, "GET /b",
                             &(struct scripted_answer){.status = 404, .body = "none"});
        assert_int_equal(get(stage, "/a").code, ERROR_NONE);
        assert_int_equal(get(stage, "/a").code, ERROR_NONE);
        assert_int_equal(get(stage, "/b").code, ERROR_NOT_FOUND);
        exposed = http_stage_metrics(stage);
        expect_said(exposed, good);
        expect_said(exposed, bad);
        expect_said(exposed, repeats);
        expect_said(exposed, count);
        expect_said(exposed, sum);
        expect_said(exposed, bytes);
        /* A peer that is gone is forgotten. */
        http_peer_free(stage->peer);
        stage->peer = NULL;
        after = http_stage_metrics(stage);
        assert_null(strstr(after, origin));
        http_stage_close(stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_may_pass_is_repeated),
                cmocka_unit_test(test_what_does_not_pass_is_not_repeated),
                cmocka_unit_test(test_writes_are_repeated_on_request_only),
                cmocka_unit_test(test_a_write_on_a_broken_connection_is_sent_once),
                cmocka_unit_test(test_a_conditional_write_takes_no_connection_of_its_own),
                cmocka_unit_test(test_pauses_grow_and_scatter),
                cmocka_unit_test(test_retry_after_is_kept_to),
                cmocka_unit_test(test_a_long_retry_after_fails_at_once),
                cmocka_unit_test(test_the_deadline_holds_for_all_of_it),
                cmocka_unit_test(test_a_request_may_have_a_deadline_of_its_own),
                cmocka_unit_test(test_an_answer_that_comes_in_time_is_taken),
                cmocka_unit_test(test_a_hundred_at_once_over_eight_connections),
                cmocka_unit_test(test_what_is_urgent_goes_first),
                cmocka_unit_test(test_a_connection_is_kept),
                cmocka_unit_test(test_a_peer_that_hangs_holds_up_nobody_else),
                cmocka_unit_test(test_a_silent_peer_costs_one_short_probe),
                cmocka_unit_test(test_a_slow_peer_is_not_given_up),
                cmocka_unit_test(test_a_write_to_a_silent_peer_has_its_full_time),
                cmocka_unit_test(test_a_program_that_stops_repeats_nothing),
                cmocka_unit_test(test_metrics_of_each_peer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
