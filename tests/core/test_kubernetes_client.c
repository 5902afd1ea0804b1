/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is sent for each verb, and what a refusal means. Paths and parameters are those of the Kubernetes API
 * reference; refusals are what an API server 1.36.2 answered (tests/e2e/kube/record). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/kubernetes/client.h"
#include "core/kubernetes/list.h"
#include "tests/support/kube_script.h"

static const struct kube_resource deployments = {"apps", "v1", "deployments"};
static const struct kube_resource nodes = {"", "v1", "nodes"};
static const struct kube_target web = {&deployments, "shop", "web", NULL};

/* One call in a fiber. */
struct errand {
        struct http_stage *stage;
        struct kube_client *client;
        bool (*call)(struct errand *errand);
        struct kube_write write;
        struct kube_refusal refusal;
        struct error err;
        bool good;
};

static void run_errand(void *argument)
{
        struct errand *errand = argument;

        errand->good = errand->call(errand);
}

static void run(struct errand *errand, bool (*call)(struct errand *errand))
{
        errand->call = call;
        errand->write.refusal = &errand->refusal;
        error_clear(&errand->err);
        reactor_call(errand->stage->reactor, run_errand, errand);
}

static struct errand errand_open(void)
{
        struct errand errand = {.stage = http_stage_open(NULL)};

        errand.client = kube_script_client(errand.stage);
        return errand;
}

static void errand_close(struct errand *errand)
{
        kube_client_free(errand->client);
        http_stage_close(errand->stage);
}

/* ---- verbs ---- */

static bool get(struct errand *errand)
{
        autojson *object = NULL;

        return kube_get(errand->client, &web, &object, &errand->err);
}

static bool get_node(struct errand *errand)
{
        const struct kube_target odd = {&nodes, NULL, "a/b c", "status"};
        autojson *object = NULL;

        return kube_get(errand->client, &odd, &object, &errand->err);
}

static bool create(struct errand *errand)
{
        autojson *object = json_pack("{s:{s:s}}", "metadata", "name", "web");

        return kube_create(errand->client, &web, object, &errand->write, NULL, &errand->err);
}

static bool update_status(struct errand *errand)
{
        const struct kube_target status = {&deployments, "shop", "web", "status"};
        autojson *object = json_object();

        return kube_update(errand->client, &status, object, &errand->write, NULL, &errand->err);
}

static bool apply(struct errand *errand)
{
        autojson *object = json_pack("{s:s, s:s, s:{s:i}}", "apiVersion", "apps/v1", "kind", "Deployment",
                                     "spec", "replicas", 3);

        return kube_apply(errand->client, &web, object, &errand->write, NULL, &errand->err);
}

static bool merge(struct errand *errand)
{
        autojson *patch = json_pack("{s:{s:n}}", "spec", "paused");

        return kube_merge(errand->client, &web, patch, &errand->write, NULL, &errand->err);
}

static bool delete (struct errand *errand)
{
        return kube_delete(errand->client, &web, &errand->write, &errand->err);
}

static bool scale(struct errand *errand)
{
        return kube_scale(errand->client, &web, 7, &errand->write, &errand->err);
}

static bool evict(struct errand *errand)
{
        return kube_evict(errand->client, "shop", "web-1", &errand->write, &errand->err);
}

#define WEB "/apis/apps/v1/namespaces/shop/deployments/web"

static void test_what_is_sent(void **state)
{
        static const struct {
                bool (*call)(struct errand *errand);
                struct kube_write write;
                const char *request, *content_type, *body;
        } cases[] = {
                {get, {0}, "GET " WEB, NULL, ""},
                {get_node, {0}, "GET /api/v1/nodes/a%2Fb%20c/status", NULL, ""},
                {create,
                 {.manager = "me", .dry_run = true},
                 "POST /apis/apps/v1/namespaces/shop/deployments?fieldManager=me&dryRun=All",
                 "application/json",
                 "{\"metadata\":{\"name\":\"web\"}}"},
                {update_status, {0}, "PUT " WEB "/status?fieldManager=optctl", "application/json", "{}"},
                {apply,
                 {.force = true},
                 "PATCH " WEB "?fieldManager=optctl&force=true",
                 "application/apply-patch+yaml",
                 "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"replicas\":3}}"},
                {apply,
                 {.resource_version = "12"},
                 "PATCH " WEB "?fieldManager=optctl&force=false",
                 "application/apply-patch+yaml",
                 "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"replicas\":3},"
                 "\"metadata\":{\"resourceVersion\":\"12\"}}"},
                {merge,
                 {.uid = "u", .resource_version = "12"},
                 "PATCH " WEB "?fieldManager=optctl",
                 "application/merge-patch+json",
                 "{\"spec\":{\"paused\":null},\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"12\"}}"},
                {scale,
                 {0},
                 "PATCH " WEB "/scale?fieldManager=optctl",
                 "application/merge-patch+json",
                 "{\"spec\":{\"replicas\":7}}"},
                {delete,
                 {.uid = "u"},
                 "DELETE " WEB,
                 "application/json",
                 "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"propagationPolicy\":\"Background\","
                 "\"preconditions\":{\"uid\":\"u\"}}"},
                {evict,
                 {.uid = "u"},
                 "POST /api/v1/namespaces/shop/pods/web-1/eviction?fieldManager=optctl",
                 "application/json",
                 "{\"apiVersion\":\"policy/"
                 "v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"web-1\",\"namespace\":"
                 "\"shop\"},\"deleteOptions\":{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\","
                 "\"propagationPolicy\":"
                 "\"Background\",\"preconditions\":{\"uid\":\"u\"}}}"},
        };
        struct errand errand = errand_open();

        (void)state;
        scripted_peer_json(errand.stage->script, "*", "{}");
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct scripted_request *sent;
                autofree char *line = NULL, *type = NULL;

                errand.write = cases[i].write;
                run(&errand, cases[i].call);
                assert_true(errand.good);
                sent = scripted_peer_request(errand.stage->script, "*", -1);
                line = memory_format("%s %s", sent->method, sent->path);
                assert_string_equal(line, cases[i].request);
                assert_string_equal(sent->body, cases[i].body);
                type = scripted_request_header(sent, "Content-Type");
                if (cases[i].content_type)
                        assert_string_equal(type, cases[i].content_type);
        }
        errand_close(&errand);
}

/* ---- refusals ---- */

#define RECORDED "tests/fixtures/kubernetes/"

static char *recorded(const char *name)
{
        autofree char *path = memory_format(RECORDED "%s", name);
        struct error err = ERROR_INIT;
        char *text = NULL;

        if (!text_read_file(path, 1 << 16, &text, NULL, &err))
                fail_msg("%s", err.message);
        return text;
}

static void test_what_a_refusal_means(void **state)
{
        static const struct {
                const char *file;
                int status;
                enum error_code code;
                const char *reason;
                size_t n_causes;
                const char *cause, *field; /* of the first */
                int64_t retry_after_ms;
        } cases[] = {
                {"already-exists.json", 409, ERROR_CONFLICT, "AlreadyExists", 0, "", "", 0},
                {"conflict.json", 409, ERROR_CONFLICT, "Conflict", 0, "", "", 0},
                {"apply-conflict.json", 409, ERROR_CONFLICT, "Conflict", 1, "FieldManagerConflict",
                 ".data.value", 0},
                {"another-uid.json", 422, ERROR_CONFLICT, "Conflict", 2, "FieldValueInvalid", "metadata.uid",
                 0},
                {"invalid.json", 422, ERROR_REFUSED, "Invalid", 1, "FieldValueInvalid", "metadata.name", 0},
                {"forbidden.json", 403, ERROR_REFUSED, "Forbidden", 0, "", "", 0},
                {"unauthorized.json", 401, ERROR_REFUSED, "Unauthorized", 0, "", "", 0},
                {"not-found.json", 404, ERROR_NOT_FOUND, "NotFound", 0, "", "", 0},
                {"kind-not-served.txt", 404, ERROR_NOT_FOUND, "KindNotServed", 0, "", "", 0},
                {"continue-expired.json", 410, ERROR_NOT_FOUND, "Expired", 0, "", "", 0},
                {"eviction-budget-spent.json", 429, ERROR_UNAVAILABLE, "DisruptionBudget", 1,
                 "DisruptionBudget", "", 0},
                {"eviction-budget-unknown.json", 429, ERROR_UNAVAILABLE, "DisruptionBudget", 1,
                 "DisruptionBudget", "", 10000},
        };
        struct errand errand = errand_open();

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *body = recorded(cases[i].file);

                scripted_peer_forget_answers(errand.stage->script);
                scripted_peer_answer(errand.stage->script, "*",
                                     &(struct scripted_answer){.status = cases[i].status, .body = body});
                run(&errand, evict);
                assert_string_equal(errand.err.reason, cases[i].reason);
                assert_int_equal(errand.err.code, cases[i].code);
                assert_int_equal(errand.refusal.code, cases[i].status);
                assert_int_equal(errand.refusal.n_causes, cases[i].n_causes);
                assert_string_equal(errand.refusal.causes[0].reason, cases[i].cause);
                assert_string_equal(errand.refusal.causes[0].field, cases[i].field);
                assert_int_equal(errand.refusal.retry_after_ms, cases[i].retry_after_ms);
        }
        errand_close(&errand);
}

/* What the server puts off was not done: it is sent again, also when sending it twice would do it twice. */
static void test_a_create_that_is_put_off(void **state)
{
        struct errand errand = errand_open();

        (void)state;
        scripted_peer_answer(errand.stage->script, "POST *",
                             &(struct scripted_answer){.status = 429,
                                                       .headers = "Retry-After: 3\r\n",
                                                       .times = 2});
        scripted_peer_json(errand.stage->script, "POST *", "{}");
        run(&errand, create);
        assert_true(errand.good);
        assert_int_equal(scripted_peer_count(errand.stage->script, "POST *"), 3);
        assert_in_range(http_stage_now(errand.stage), 6000, 7000);
        scripted_peer_fault(errand.stage->script,
                            &(struct scripted_answer){.status = 429, .headers = "Retry-After: 60\r\n"});
        run(&errand, create);
        assert_false(errand.good);
        assert_int_equal(errand.refusal.retry_after_ms, 60000);
        assert_int_equal(scripted_peer_count(errand.stage->script, "POST *"), 4);
        errand_close(&errand);
}

/* One that may have been carried out is not. */
static void test_a_create_that_was_cut_off(void **state)
{
        struct errand errand = errand_open();

        (void)state;
        scripted_peer_answer(errand.stage->script, "POST *",
                             &(struct scripted_answer){.how = SCRIPTED_RESET});
        run(&errand, create);
        assert_int_equal(errand.err.code, ERROR_UNAVAILABLE);
        assert_int_equal(scripted_peer_count(errand.stage->script, "POST *"), 1);
        scripted_peer_answer(errand.stage->script, "PATCH *",
                             &(struct scripted_answer){.how = SCRIPTED_RESET, .times = 1});
        scripted_peer_json(errand.stage->script, "PATCH *", "{}");
        run(&errand, apply);
        assert_true(errand.good);
        assert_int_equal(scripted_peer_count(errand.stage->script, "PATCH *"), 2);
        errand_close(&errand);
}

static void test_versions_are_compared_as_numbers(void **state)
{
        static const struct {
                const char *a, *b;
                int order;
                bool known;
        } cases[] = {
                {"9", "10", -1, true},    {"10", "9", 1, true},  {"12", "12", 0, true},
                {"123", "124", -1, true}, {"1a", "2", 0, false}, {"", "2", 0, false},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                bool known;
                int order = kube_version_compare(cases[i].a, cases[i].b, &known);

                assert_true(known == cases[i].known);
                if (known)
                        assert_int_equal((order > 0) - (order < 0), cases[i].order);
        }
}

/* ---- lists that are none ---- */

static bool look(void *context, const json_t *object, struct error *err)
{
        int *count = context;

        (void)err;
        *count += json_is_object(object);
        return true;
}

static int seen;

static bool list(struct errand *errand)
{
        char version[KUBE_VERSION_ROOM];

        seen = 0;
        return kube_list(errand->client, &deployments, NULL, &(struct kube_visitor){NULL, look, &seen},
                         version, &errand->err);
}

#define META "\"metadata\":{\"resourceVersion\":\"5\"}"

static void test_lists_well_formed_and_not(void **state)
{
        static const struct {
                const char *body;
                int seen; /* -1: refused */
        } cases[] = {
                {"{" META ",\"items\":[]}", 0},
                {"{" META ",\"items\":null}", 0},
                {"{" META "}", 0},
                {" { \"items\" : [ {} , {\"a\":\"]},{\\\"\"} ] , " META " } ", 2},
                {"{" META ",\"items\":[{},]}", -1},
                {"{" META ",\"items\":[{},,{}]}", -1},
                {"{" META ",\"items\":[{\"a\":}]}", -1},
                {"{" META ",\"items\":[{}", -1},
                {"{" META ",\"items\":[{}]", -1},
                {"{\"items\":[]}", -1},
                {"{\"metadata\":{\"resourceVersion\":5},\"items\":[]}", -1},
                {"{\"metadata\":{\"resourceVersion\":\"5\",},\"items\":[]}", -1},
                {"[]", -1},
                {"", -1},
                {"{", -1},
                {"{}", -1},
                {"{\"items", -1},
                {"{\"items\"", -1},
                {"{\"items\":", -1},
                {"{\"items\":\"", -1},
                {"{\"items\":[\"\\", -1},
        };
        struct errand errand = errand_open();

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                scripted_peer_forget_answers(errand.stage->script);
                scripted_peer_json(errand.stage->script, "*", cases[i].body);
                run(&errand, list);
                assert_true(errand.good == (cases[i].seen >= 0));
                if (errand.good)
                        assert_int_equal(seen, cases[i].seen);
                else
                        assert_int_equal(errand.err.code, ERROR_INCOMPLETE);
        }
        errand_close(&errand);
}

/* Pages that are too large an answer are asked for smaller. */
static char *page_of(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        const char *limit = strstr(request->path, "limit=");

        (void)context;
        if (strtol(limit + strlen("limit="), NULL, 10) > 100)
                answer->filler_bytes = (size_t)65 << 20;
        return memory_copy_text("{" META ",\"items\":[{}]}");
}

static void test_pages_that_are_too_large(void **state)
{
        struct errand errand = errand_open();

        (void)state;
        scripted_peer_answer(errand.stage->script, "GET *", &(struct scripted_answer){.by = page_of});
        run(&errand, list);
        assert_true(errand.good);
        assert_int_equal(seen, 1);
        assert_int_equal(scripted_peer_count(errand.stage->script, "GET *"), 4);
        errand_close(&errand);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_sent),
                cmocka_unit_test(test_what_a_refusal_means),
                cmocka_unit_test(test_a_create_that_is_put_off),
                cmocka_unit_test(test_a_create_that_was_cut_off),
                cmocka_unit_test(test_versions_are_compared_as_numbers),
                cmocka_unit_test(test_lists_well_formed_and_not),
                cmocka_unit_test(test_pages_that_are_too_large),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
