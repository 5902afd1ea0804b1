/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests, answers, errors. What is expected is what the scripted peer was told to do, and HTTP's own
 * meaning of statuses (RFC 9110). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/http_stage.h"

static void get_and_post(void *argument)
{
        struct http_stage *stage = argument;
        const struct http_request post = {.method = "POST",
                                          .path = "/jobs?x=1",
                                          .body = "{\"a\":1}",
                                          .body_length = 7};
        struct http_response response;
        struct error err = ERROR_INIT;
        json_t *json = NULL;

        if (!http_get_json(stage->peer, "/jobs", &json, &err))
                fail_msg("%s", err.message);
        assert_int_equal(json_integer_value(json_object_get(json, "n")), 7);
        json_decref(json);
        assert_true(http_send(stage->peer, &post, &response, &err));
        assert_int_equal(response.status, 202);
        assert_string_equal(response.body, "yes");
        assert_string_equal(response.content_type, "text/plain");
        assert_int_equal(response.received_ms, STAGE_START);
        http_response_free(&response);
}

static void test_get_and_post(void **state)
{
        struct http_stage stage = http_stage_open(NULL);
        autofree char *header = NULL;

        (void)state;
        scripted_peer_json(stage.script, "GET /jobs", "{\"n\": 7}");
        scripted_peer_answer(stage.script, "POST /jobs?x=1",
                             &(struct scripted_answer){.status = 202,
                                                       .body = "yes",
                                                       .content_type = "text/plain"});
        reactor_call(stage.reactor, get_and_post, &stage);
        assert_string_equal(scripted_peer_request(stage.script, "POST *", 0)->body, "{\"a\":1}");
        header = scripted_request_header(scripted_peer_request(stage.script, "POST *", 0), "user-agent");
        assert_string_equal(header, "optctl/" OPTCTL_VERSION);
        http_stage_close(&stage);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_get_and_post),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
