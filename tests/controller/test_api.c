/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The API over real sockets, before a scripted source (tests/support/api_script.h). Every document is held
 * against its schema in docs/schema; statuses follow RFC 9110.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/api/api.h"
#include "controller/api/client.h"
#include "controller/page/page.h"
#include "core/json.h"
#include "core/series/series.h"
#include "tests/support/api_script.h"
#include "tests/support/raw_client.h"
#include "tests/support/schema.h"

#define NOW  INT64_C(1767600000000) /* 2026-01-05T08:00:00Z */
#define CSRF "X-Requested-With: optctl\r\n"

struct stage {
        struct reactor *reactor;
        struct metrics *metrics;
        struct api_script script;
        struct api *api;
        int port;
        char token_path[64];
};

static void stage_open_with(struct stage *stage, const char *token, int64_t virtual_start_ms)
{
        const struct reactor_options reactor_options = {.virtual_start_ms = virtual_start_ms};
        struct http_server_options options = {.address = API_DEFAULT_ADDRESS};
        struct error err = ERROR_INIT;
        struct api_setup setup;

        assert_true(reactor_new(&reactor_options, &stage->reactor, &err));
        stage->metrics = metrics_new();
        api_script_open(&stage->script, NOW);
        setup = (struct api_setup){.reactor = stage->reactor,
                                   .source = &stage->script.source,
                                   .metrics = stage->metrics};
        if (token) {
                snprintf(stage->token_path, sizeof stage->token_path, "/tmp/test_api_token.XXXXXX");
                close(mkstemp(stage->token_path));
                assert_true(text_write_file(stage->token_path, token, strlen(token), &err));
                options.token_file = stage->token_path;
        }
        if (!api_new(&setup, &options, &stage->api, &err))
                fail_msg("%s", err.message);
        stage->port = api_port(stage->api);
}

static void stage_open(struct stage *stage)
{
        stage_open_with(stage, NULL, 0);
}

static void stage_close(struct stage *stage)
{
        api_free(stage->api);
        metrics_free(stage->metrics);
        reactor_free(stage->reactor);
        if (*stage->token_path)
                unlink(stage->token_path);
}

static char *get(struct stage *stage, const char *path)
{
        return raw_ask(stage->reactor, stage->port, "GET", path, "", NULL);
}

static char *post(struct stage *stage, const char *path, const char *body)
{
        return raw_ask(stage->reactor, stage->port, "POST", path, CSRF, body);
}

/* The answer's document, held against docs/schema/KIND.schema.json. */
static json_t *document_in(char *answer, const char *kind)
{
        autofree char *owned = answer;
        autofree char *schema = memory_format("%s.schema.json", kind);
        struct error err = ERROR_INIT;
        json_t *document;

        if (raw_status(owned) != 200)
                fail_msg("%s", owned);
        if (!json_parse_text(raw_body(owned), strlen(raw_body(owned)), kind, &document, &err) ||
            !schema_check("docs/schema", schema, document, &err))
                fail_msg("%s", err.message);
        return document;
}

static void assert_answer(char *answer, int status, const char *contains)
{
        autofree char *owned = answer;

        if (raw_status(owned) != status || !strstr(owned, contains))
                fail_msg("expected %d and \"%s\", got:\n%.2000s", status, contains, owned);
}

static const char *state_in(const json_t *status, size_t index)
{
        const json_t *one = json_array_get(json_object_get(status, "pipelines"), index);

        return json_string_value(json_object_get(one, "state"));
}

/* ---- reading ---- */

static void test_all_pipelines_or_one(void **state)
{
        struct stage stage = {0};
        autojson *all = NULL, *one = NULL;

        (void)state;
        stage_open(&stage);
        all = document_in(get(&stage, "/api/v1/pipelines"), "status");
        assert_int_equal(json_array_size(json_object_get(all, "pipelines")), 5);
        assert_string_equal(state_in(all, 3), "Unreachable");
        one = document_in(get(&stage, "/api/v1/pipelines/billing%2Fledger-sync"), "status");
        assert_int_equal(json_array_size(json_object_get(one, "pipelines")), 1);
        assert_string_equal(state_in(one, 0), "Recommending");
        assert_answer(
                get(&stage, "/api/v1/pipelines/nobody"), 404,
                "{\"error\": {\"code\": \"NotFound\", \"message\": \"no pipeline \\\"nobody\\\" here\"}}");
        stage_close(&stage);
}

static void test_series_books_history_and_decisions(void **state)
{
        struct stage stage = {0};
        autojson *series = NULL, *books = NULL, *all = NULL, *history = NULL, *decision = NULL;

        (void)state;
        stage_open(&stage);
        series = document_in(get(&stage, "/api/v1/pipelines/clickstream/series?limit=30"), "series");
        assert_int_equal(json_array_size(json_object_get(json_object_get(series, "series"), "time")), 30);
        books = document_in(get(&stage, "/api/v1/pipelines/clickstream/savings"), "savings");
        assert_string_equal(json_string_value(json_object_get(books, "pipeline")), "clickstream");
        all = document_in(get(&stage, "/api/v1/savings?pipeline=clickstream&confidence=80"), "books");
        assert_int_equal(json_array_size(json_object_get(all, "pipelines")), 1);
        assert_true(stage.script.books_confidence == 0.8);
        history =
                document_in(get(&stage, "/api/v1/history?pipeline=analytics/clickstream&limit=2"), "history");
        assert_int_equal(json_array_size(json_object_get(history, "decisions")), 2);
        decision = document_in(get(&stage, "/api/v1/decisions/87"), "decision");
        assert_int_equal(json_integer_value(json_object_get(decision, "id")), 87);
        stage_close(&stage);
}

static void test_parameters_have_defaults_and_bounds(void **state)
{
        struct stage stage = {0};

        (void)state;
        stage_open(&stage);
        assert_answer(get(&stage, "/api/v1/pipelines/orders/series"), 200, "\"series\"");
        assert_int_equal(stage.script.series_limit, 240);
        assert_answer(get(&stage, "/api/v1/history"), 200, "\"decisions\"");
        assert_int_equal(stage.script.history_limit, 50);
        assert_true(stage.script.history_since_ms == INT64_MIN);
        assert_answer(get(&stage, "/api/v1/history?since=2026-01-05T07:00:00Z&limit=1000"), 200, "87");
        assert_true(stage.script.history_since_ms == NOW - MS_PER_HOUR);
        assert_answer(get(&stage, "/api/v1/savings"), 200, "\"grade\"");
        assert_true(stage.script.books_confidence == 0.9);
        assert_answer(get(&stage, "/api/v1/savings?confidence=100"), 400, "whole number from 1 to 99");
        assert_answer(get(&stage, "/api/v1/savings?since=yesterday"), 400, "since: ");
        assert_answer(get(&stage, "/api/v1/savings?pipeline=nobody"), 404, "NotFound");
        assert_answer(get(&stage, "/api/v1/history?limit=0"), 400, "whole number from 1 to 1000");
        assert_answer(get(&stage, "/api/v1/history?limit=1001"), 400, "InvalidInput");
        assert_answer(get(&stage, "/api/v1/history?limit=ten"), 400, "limit");
        assert_answer(get(&stage, "/api/v1/history?since=yesterday"), 400, "since: ");
        assert_answer(get(&stage, "/api/v1/pipelines/orders/series?limit=-1"), 400, "limit");
        assert_answer(get(&stage, "/api/v1/decisions/x"), 400, "no number of a decision");
        assert_answer(get(&stage, "/api/v1/decisions/0"), 400, "no number of a decision");
        assert_answer(get(&stage, "/api/v1/decisions/12"), 404, "NotFound");
        stage_close(&stage);
}

static void test_what_fails_behind_the_api_keeps_its_kind(void **state)
{
        static const struct {
                enum error_code code;
                int status;
        } cases[] = {{ERROR_INPUT, 400},   {ERROR_NOT_FOUND, 404},  {ERROR_CONFLICT, 409},
                     {ERROR_REFUSED, 422}, {ERROR_TIMEOUT, 504},    {ERROR_UNAVAILABLE, 503},
                     {ERROR_IO, 500},      {ERROR_INTERRUPTED, 503}};
        static const char *const paths[] = {"/api/v1/pipelines",
                                            "/api/v1/pipelines/orders/series",
                                            "/api/v1/pipelines/orders/savings",
                                            "/api/v1/savings",
                                            "/api/v1/history",
                                            "/api/v1/decisions/87"};
        struct stage stage = {0};

        (void)state;
        stage_open(&stage);
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                error_set(&stage.script.fail, cases[i].code, "SomeReason", "it does not work");
                for (size_t j = 0; j < ARRAY_LENGTH(paths); j++)
                        assert_answer(get(&stage, paths[j]), cases[i].status, "\"code\": \"SomeReason\"");
                assert_answer(post(&stage, "/api/v1/pipelines/orders/pause", "{}"), cases[i].status,
                              "SomeReason");
        }
        stage_close(&stage);
}

/* ---- orders ---- */

static void test_pause_and_resume(void **state)
{
        struct stage stage = {0};
        autojson *paused = NULL, *resumed = NULL;

        (void)state;
        stage_open(&stage);
        paused = document_in(post(&stage, "/api/v1/pipelines/orders/pause", "{\"reason\": \"release\"}"),
                             "status");
        assert_string_equal(state_in(paused, 0), "Paused");
        assert_string_equal(stage.script.reason, "release");
        resumed = document_in(post(&stage, "/api/v1/pipelines/orders/resume", NULL), "status");
        assert_string_equal(state_in(resumed, 0), "Holding");
        assert_string_equal(stage.script.resumed, "orders");
        stage_close(&stage);
}

static void test_rollback(void **state)
{
        struct stage stage = {0};
        autojson *newest = NULL, *chosen = NULL;

        (void)state;
        stage_open(&stage);
        newest = document_in(post(&stage, "/api/v1/pipelines/analytics%2Fclickstream/rollback", ""),
                             "rollback");
        assert_int_equal(stage.script.rollback_decision, 0);
        chosen = document_in(post(&stage, "/api/v1/pipelines/clickstream/rollback", "{\"decision\": 86}"),
                             "rollback");
        assert_int_equal(stage.script.rollback_decision, 86);
        assert_true(json_is_true(json_object_get(json_object_get(chosen, "rollback"), "applied")));
        assert_answer(post(&stage, "/api/v1/pipelines/ledger-sync/rollback", "{}"), 409, "NotAuto");
        stage_close(&stage);
}

static void test_orders_that_make_no_sense(void **state)
{
        static const struct {
                const char *path, *body, *says;
        } cases[] = {
                {"pause", "{\"reasn\": \"x\"}", "\\\"reasn\\\" is not known, expected \\\"reason\\\""},
                {"pause", "{\"reason\": 7}", "expected a text of at most 500 bytes"},
                {"pause", "{\"reason\": \"x\", \"reason\": \"y\"}", "body:1:"},
                {"resume", "{\"reason\": \"x\"}", "is not known, expected nothing"},
                {"rollback", "{\"decision\": \"86\"}", "expected the number of a decision"},
                {"rollback", "{\"decision\": -1}", "expected the number of a decision"},
                {"rollback", "{\"decision\": 1.5}", "expected the number of a decision"},
                {"pause", "{", "body:1:"},
        };
        struct stage stage = {0};
        autofree char *longest = memory_new(600, 1), *body = NULL;

        (void)state;
        stage_open(&stage);
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *path = memory_format("/api/v1/pipelines/orders/%s", cases[i].path);

                assert_answer(post(&stage, path, cases[i].body), 400, cases[i].says);
        }
        memset(longest, 'x', 501);
        body = memory_format("{\"reason\": \"%s\"}", longest);
        assert_answer(post(&stage, "/api/v1/pipelines/orders/pause", body), 400, "at most 500 bytes");
        assert_string_equal(stage.script.paused, "");
        assert_string_equal(stage.script.rolled_back, "");
        stage_close(&stage);
}

static void test_orders_take_the_token_and_a_header_no_other_page_can_send(void **state)
{
        static const char *const orders[] = {"pause", "resume", "rollback"};
        struct stage stage = {0};

        (void)state;
        stage_open_with(&stage, "open-sesame", 0);
        for (size_t i = 0; i < ARRAY_LENGTH(orders); i++) {
                autofree char *path = memory_format("/api/v1/pipelines/orders/%s", orders[i]);

                assert_answer(post(&stage, path, "{}"), 401, "Unauthorized");
                assert_answer(raw_ask(stage.reactor, stage.port, "POST", path,
                                      "Authorization: Bearer open-sesame\r\n", "{}"),
                              403, "MissingHeader");
                assert_answer(raw_ask(stage.reactor, stage.port, "POST", path,
                                      CSRF "Authorization: Bearer open-sesame\r\n", "{}"),
                              200, "\"kind\"");
                assert_answer(get(&stage, path), 405, "Allow: POST\r\n");
        }
        assert_answer(get(&stage, "/api/v1/pipelines"), 200, "clickstream");
        stage_close(&stage);
}

/* ---- health and metrics ---- */

static void sleep_two_minutes(void *argument)
{
        struct stage *stage = argument;
        struct clock clock = reactor_clock(stage->reactor);
        struct error err = ERROR_INIT;

        assert_true(clock_sleep_until(&clock, clock_now_ms(&clock) + API_READY_PATIENCE_MS, &err));
}

static void test_ready_after_every_first_turn_or_a_while(void **state)
{
        struct stage stage = {0};

        (void)state;
        stage_open_with(&stage, NULL, NOW);
        assert_answer(get(&stage, "/healthz"), 200, "\r\n\r\nok\n");
        stage.script.started = false;
        assert_answer(get(&stage, "/readyz"), 503, "5 of 5 pipelines had no turn yet");
        stage.script.started = true;
        assert_answer(get(&stage, "/readyz"), 503, "1 of 5 pipelines had no turn yet");
        reactor_call(stage.reactor, sleep_two_minutes, &stage);
        assert_answer(get(&stage, "/readyz"), 200, "\r\n\r\nready\n");
        stage_close(&stage);
}

static void test_metrics_in_prometheus_format(void **state)
{
        struct stage stage = {0};
        autofree char *answer = NULL;

        (void)state;
        stage_open(&stage);
        assert_answer(get(&stage, "/healthz"), 200, "ok");
        answer = get(&stage, "/metrics");
        assert_int_equal(raw_status(answer), 200);
        assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert_non_null(strstr(answer, "# TYPE optctl_http_server_requests_total counter\n"));
        assert_non_null(strstr(answer, "optctl_http_server_requests_total{route=\"/healthz\",status=\"200\"} "
                                       "1\n"));
        stage_close(&stage);
}

/* ---- the page ---- */

static void test_the_page_is_served_and_its_policy_can_hold(void **state)
{
        static const char *const inline_code[] = {"<script>",    "<style",  " style=", " onclick=",
                                                  "javascript:", "http://", "https://"};
        struct stage stage = {0};
        autofree char *page = NULL;

        (void)state;
        stage_open_with(&stage, "open-sesame", 0);
        page = get(&stage, "/");
        assert_int_equal(raw_status(page), 200);
        assert_non_null(strstr(page, "Content-Type: text/html; charset=utf-8\r\n"));
        for (size_t i = 0; i < ARRAY_LENGTH(inline_code); i++)
                if (strstr(raw_body(page), inline_code[i]))
                        fail_msg("the page holds %s", inline_code[i]);
        for (const struct page_file *file = page_files; file->name; file++) {
                autofree char *path = memory_format("/%s", file->name);
                autofree char *header = memory_format("Content-Type: %s\r\n", file->content_type);

                assert_answer(get(&stage, path), 200, header);
        }
        assert_answer(get(&stage, "/page.c"), 404, "NotFound");
        assert_answer(get(&stage, "/..%2f..%2fetc%2fpasswd"), 404, "NotFound");
        stage_close(&stage);
}

/* ---- the client of the commands ---- */

struct visit {
        struct stage *stage;
        struct api_address address;
        const char *path;
        json_t *body; /* NULL: GET */
        json_t *answer;
        struct error err;
        bool done;
};

/* A client has its own reactor, so it stands in a thread of its own. */
static void visit_work(void *argument)
{
        struct visit *visit = argument;
        autocall(api_client_free) struct api_client *client = NULL;

        if (!api_client_new(&visit->address, &client, &visit->err))
                return;
        visit->done = visit->body
                              ? api_client_post(client, visit->path, visit->body, &visit->answer, &visit->err)
                              : api_client_get(client, visit->path, &visit->answer, &visit->err);
}

static void visit_run(void *argument)
{
        struct visit *visit = argument;

        reactor_offload(visit->stage->reactor, visit_work, visit);
}

static struct visit visit(struct stage *stage, const char *path, const char *token_file, json_t *body)
{
        autofree char *url = memory_format("http://127.0.0.1:%d", stage->port);
        struct visit one = {.stage = stage,
                            .address = {.url = url, .token_file = token_file},
                            .path = path,
                            .body = body,
                            .err = ERROR_INIT};

        reactor_call(stage->reactor, visit_run, &one);
        one.address.url = NULL;
        json_decref(body);
        return one;
}

static void test_commands_read_and_order(void **state)
{
        struct stage stage = {0};
        autofree char *path = api_client_path("analytics/clickstream", "pause");
        struct visit read, unknown, refused, paused;

        (void)state;
        assert_string_equal(path, "/api/v1/pipelines/analytics%2Fclickstream/pause");
        stage_open_with(&stage, "open-sesame", 0);
        read = visit(&stage, "/api/v1/pipelines", NULL, NULL);
        assert_true(read.done);
        assert_int_equal(json_array_size(json_object_get(read.answer, "pipelines")), 5);
        json_decref(read.answer);
        unknown = visit(&stage, "/api/v1/pipelines/nobody", NULL, NULL);
        assert_int_equal(unknown.err.code, ERROR_INPUT);
        assert_string_equal(unknown.err.message, "no pipeline \"nobody\" here");
        refused = visit(&stage, path, NULL, json_pack("{s:s}", "reason", "night"));
        assert_int_equal(refused.err.code, ERROR_REFUSED);
        assert_string_equal(refused.err.reason, "Unauthorized");
        paused = visit(&stage, path, stage.token_path, json_pack("{s:s}", "reason", "night"));
        assert_true(paused.done);
        assert_string_equal(stage.script.paused, "clickstream");
        assert_string_equal(stage.script.reason, "night");
        json_decref(paused.answer);
        stage_close(&stage);
}

static void test_commands_hear_that_nobody_listens(void **state)
{
        struct stage stage = {0};
        struct visit nobody;
        autofree char *expected = NULL;

        (void)state;
        stage_open(&stage);
        api_free(TAKE(stage.api));
        expected =
                memory_format("no optctl listens on http://127.0.0.1:%d; start one with optctl run SPEC, or "
                              "read a ledger with --ledger FILE",
                              stage.port);
        nobody = visit(&stage, "/api/v1/pipelines", NULL, NULL);
        assert_int_equal(nobody.err.code, ERROR_UNAVAILABLE);
        assert_string_equal(nobody.err.reason, "NobodyListens");
        assert_string_equal(nobody.err.message, expected);
        stage_close(&stage);
}

/* ---- the manual ---- */

/* Every example in docs/api.md that names its kind fits the schema of that kind. */
static void test_examples_of_the_manual_fit_the_schemas(void **state)
{
        struct error err = ERROR_INIT;
        autofree char *manual = NULL;
        int examples = 0;

        (void)state;
        assert_true(text_read_file("docs/api.md", 1 << 20, &manual, NULL, &err));
        for (const char *at = strstr(manual, "```json\n"); at; at = strstr(at + 1, "```json\n")) {
                const char *from = at + 8;
                size_t length = (size_t)(strstr(from, "```") - from);
                autojson *example = NULL;
                const char *kind;

                if (!json_parse_text(from, length, "docs/api.md", &example, &err))
                        fail_msg("%s in %.*s", err.message, (int)length, from);
                if (!json_find_text(example, "kind", &kind))
                        continue;
                autofree char *schema = memory_format("%s.schema.json", kind);

                if (!schema_check("docs/schema", schema, example, &err))
                        fail_msg("%s: %s", kind, err.message);
                examples++;
        }
        assert_int_equal(examples, 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_pipelines_or_one),
                cmocka_unit_test(test_series_books_history_and_decisions),
                cmocka_unit_test(test_parameters_have_defaults_and_bounds),
                cmocka_unit_test(test_what_fails_behind_the_api_keeps_its_kind),
                cmocka_unit_test(test_pause_and_resume),
                cmocka_unit_test(test_rollback),
                cmocka_unit_test(test_orders_that_make_no_sense),
                cmocka_unit_test(test_orders_take_the_token_and_a_header_no_other_page_can_send),
                cmocka_unit_test(test_ready_after_every_first_turn_or_a_while),
                cmocka_unit_test(test_metrics_in_prometheus_format),
                cmocka_unit_test(test_the_page_is_served_and_its_policy_can_hold),
                cmocka_unit_test(test_commands_read_and_order),
                cmocka_unit_test(test_commands_hear_that_nobody_listens),
                cmocka_unit_test(test_examples_of_the_manual_fit_the_schemas),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
