/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Credentials and certificates: sent to whom they are for, read again when replaced, repeated nowhere. Basic
 * credentials are RFC 7617's example. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/certificates.h"
#include "tests/support/http_stage.h"
#include "tests/support/scratch.h"

static void expect_said(const char *text, const char *words)
{
        if (!strstr(text, words))
                fail_msg("\"%s\" does not say \"%s\"", text, words);
}

static void expect_not_said(const char *text, const char *words)
{
        if (strstr(text, words))
                fail_msg("\"%s\" says \"%s\"", text, words);
}

static struct error get(struct http_stage *stage)
{
        struct http_response response;
        struct error err = ERROR_INIT;

        http_stage_get(stage, "/jobs", &response, &err);
        http_response_free(&response);
        return err;
}

static void expect_good(struct http_stage *stage)
{
        struct error err = get(stage);

        if (err.code != ERROR_NONE)
                fail_msg("%s", err.message);
}

static void expect_authorization(const struct http_stage *stage, int index, const char *expected)
{
        autofree char *said =
                scripted_request_header(scripted_peer_request(stage->script, "*", index), "Authorization");

        assert_non_null(said);
        assert_string_equal(said, expected);
}

/* ---- tokens and passwords ---- */

struct vault {
        struct scratch scratch;
        char *token_file, *password_file, *ca_file, *certificate_file, *key_file;
};

static struct vault vault_open(void)
{
        struct vault vault = {.scratch = scratch_open()};

        vault.token_file = scratch_path(&vault.scratch, "token");
        vault.password_file = scratch_path(&vault.scratch, "password");
        vault.ca_file = scratch_path(&vault.scratch, "ca.crt");
        vault.certificate_file = scratch_path(&vault.scratch, "client.crt");
        vault.key_file = scratch_path(&vault.scratch, "client.key");
        return vault;
}

static void vault_close(struct vault *vault)
{
        free(vault->token_file);
        free(vault->password_file);
        free(vault->ca_file);
        free(vault->certificate_file);
        free(vault->key_file);
        scratch_close(&vault->scratch);
}

static void test_a_token_is_sent_and_read_again(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage = http_stage_open(&(struct http_options){.token_file = vault.token_file});

        (void)state;
        scripted_peer_json(stage->script, "*", "{}");
        scratch_write(&vault.scratch, "token", "first-token\n");
        expect_good(stage);
        expect_authorization(stage, -1, "Bearer first-token");
        scratch_write(&vault.scratch, "token", "another-token\n");
        expect_good(stage);
        expect_authorization(stage, -1, "Bearer another-token");
        /* A kept connection does not keep the token. */
        assert_int_equal(scripted_peer_connections(stage->script), 1);
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_credentials_in_the_clear_are_warned_of(void **state)
{
        static const struct {
                const char *url;
                bool warned;
        } cases[] = {
                {"http://flink.example:8081", true},   {"http://127.evil.example", true},
                {"http://192.0.2.7:8081/flink", true}, {"https://flink.example:8081", false},
                {"http://127.0.0.1:8081", false},      {"http://localhost:8081", false},
                {"http://[::1]:8081", false},
        };
        struct vault vault = vault_open();

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                const struct http_options options = {.token_file = vault.token_file}, none = {.retries = 1};
                struct http_stage *stage = http_stage_open(NULL);
                struct http_peer *peer = NULL, *same = NULL, *open = NULL;
                struct error err = ERROR_INIT;
                const char *found;

                assert_true(http_peer_new(stage->client, cases[i].url, &options, NULL, &peer, &err));
                assert_true(http_peer_new(stage->client, cases[i].url, &options, NULL, &same, &err));
                assert_true(http_peer_new(stage->client, "http://open.example", &none, NULL, &open, &err));
                found = strstr(http_stage_logged(stage), "credentials are sent in the clear");
                assert_true(!found == !cases[i].warned);
                assert_null(found ? strstr(found + 1, "credentials") : NULL);
                http_peer_free(peer);
                http_peer_free(same);
                http_peer_free(open);
                http_stage_close(stage);
        }
        vault_close(&vault);
}

/* Replaced while the request with the old one is on its way. */
static char *rotate(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        (void)request;
        scratch_write(context, "token", "new-token-0");
        answer->authorization = "Bearer new-token-0";
        return NULL;
}

static void test_a_token_that_is_no_longer_good_is_read_again_once(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage =
                http_stage_open(&(struct http_options){.token_file = vault.token_file, .retries = 3});
        const struct http_request post = {.method = "POST", .path = "/jobs", .body = "{}", .body_length = 2};
        struct http_response response;
        struct error err = ERROR_INIT;

        (void)state;
        scripted_peer_answer(stage->script, "*",
                             &(struct scripted_answer){.by = rotate,
                                                       .context = &vault.scratch,
                                                       .body = "{}"});
        scratch_write(&vault.scratch, "token", "old-token-0");
        expect_good(stage);
        assert_int_equal(scripted_peer_count(stage->script, "*"), 2);
        expect_authorization(stage, 0, "Bearer old-token-0");
        expect_authorization(stage, 1, "Bearer new-token-0");

        /* 401 says that nothing was done: a write may be sent again, too. */
        scripted_peer_forget_requests(stage->script);
        scratch_write(&vault.scratch, "token", "old-token-1");
        assert_true(http_stage_send(stage, &post, &response, &err));
        assert_int_equal(scripted_peer_count(stage->script, "POST *"), 2);
        http_response_free(&response);
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_a_wrong_token_is_not_tried_twice(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage =
                http_stage_open(&(struct http_options){.token_file = vault.token_file, .retries = 3});
        struct error err;

        (void)state;
        scripted_peer_answer(stage->script, "*",
                             &(struct scripted_answer){.authorization = "Bearer right-token"});
        scratch_write(&vault.scratch, "token", "wrong-token");
        err = get(stage);
        assert_int_equal(err.code, ERROR_REFUSED);
        assert_string_equal(err.reason, "Unauthorized");
        assert_int_equal(scripted_peer_count(stage->script, "*"), 1);
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_a_password_is_sent_as_basic(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage = http_stage_open(&(
                struct http_options){.username = (char[]){"Aladdin"}, .password_file = vault.password_file});

        (void)state;
        scripted_peer_json(stage->script, "*", "{}");
        scratch_write(&vault.scratch, "password", "open sesame");
        expect_good(stage);
        expect_authorization(stage, -1, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_what_is_not_there_is_not_sent(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage =
                http_stage_open(&(struct http_options){.token_file = vault.token_file, .retries = 3});
        struct error err = get(stage);

        (void)state;
        assert_int_equal(err.code, ERROR_INPUT);
        expect_said(err.message, vault.token_file);
        expect_said(err.message, scripted_peer_url(stage->script));
        assert_int_equal(scripted_peer_count(stage->script, "*"), 0);
        /* It may come later. */
        scripted_peer_json(stage->script, "*", "{}");
        scratch_write(&vault.scratch, "token", "better-late");
        expect_good(stage);
        http_stage_close(stage);
        vault_close(&vault);
}

/* Files of the user's and what a peer wants remembered do not decide what is sent. */
static void test_neither_netrc_nor_cookies(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage = http_stage_open(NULL);
        autofree char *home = memory_copy_text(getenv("HOME"));
        autofree char *cookie = NULL, *said = NULL;

        (void)state;
        scratch_write(&vault.scratch, ".netrc", "machine 127.0.0.1 login me password tell-nobody\n");
        setenv("HOME", vault.scratch.folder, 1);
        scripted_peer_answer(stage->script, "*",
                             &(struct scripted_answer){.headers = "Set-Cookie: a=b; Path=/\r\n",
                                                       .body = "{}"});
        expect_good(stage);
        expect_good(stage);
        cookie = scripted_request_header(scripted_peer_request(stage->script, "*", -1), "Cookie");
        said = scripted_request_header(scripted_peer_request(stage->script, "*", -1), "Authorization");
        assert_null(cookie);
        assert_null(said);
        if (home)
                setenv("HOME", home, 1);
        http_stage_close(stage);
        vault_close(&vault);
}

/* A peer that repeats everything it is told, in every form. */
static char *echo(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        (void)context;
        (void)answer;
        return memory_format("{\"error\": \"bad %s\\nabc\"}", strstr(request->headers, "Authorization") + 15);
}

static char *echo_line(void *context, const struct scripted_request *request, struct scripted_answer *answer)
{
        autofree char *said = scripted_request_header(request, "Authorization");

        (void)context;
        (void)answer;
        return memory_format("no such user as %s at %s", strchr(said, ' ') + 1, request->path);
}

/* `trace`: a part of it that gives it away. */
static void expect_no_trace(struct http_stage *stage, const struct error *err, const char *secret,
                            const char *trace)
{
        autofree char *metrics = http_stage_metrics(stage);

        expect_not_said(err->message, trace);
        expect_not_said(err->reason, trace);
        expect_not_said(metrics, trace);
        log_error(stage->log, err->message, LOG_TEXT("said", err->message), LOG_TEXT("secret", secret),
                  LOG_TEXT("plain", secret));
        expect_not_said(http_stage_logged(stage), trace);
}

static void test_secrets_are_repeated_nowhere(void **state)
{
        char *(*const peers[])(void *, const struct scripted_request *,
                               struct scripted_answer *) = {echo, echo_line};
        static const int statuses[] = {400, 401, 403, 500};

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(statuses) * ARRAY_LENGTH(peers); i++) {
                struct vault vault = vault_open();
                struct http_options token = {.token_file = vault.token_file};
                struct http_options basic = {.username = (char[]){"operator"},
                                             .password_file = vault.password_file};
                const struct scripted_answer answer = {.status = statuses[i / ARRAY_LENGTH(peers)],
                                                       .by = peers[i % ARRAY_LENGTH(peers)]};
                const struct http_request request = {.path = "/jobs?key=tell-nobody%2Fever"};
                struct http_stage *stage = http_stage_open(&token);
                struct http_response response;
                struct error err = ERROR_INIT;

                scratch_write(&vault.scratch, "token", "tell-nobody/ever");
                scratch_write(&vault.scratch, "password", "open-sesame");
                scripted_peer_fault(stage->script, &answer);
                assert_false(http_stage_send(stage, &request, &response, &err));
                expect_said(err.message, "***");
                expect_no_trace(stage, &err, "tell-nobody/ever", "tell-nobody");
                http_response_free(&response);
                http_peer_free(stage->peer);
                assert_true(http_peer_new(stage->client, scripted_peer_url(stage->script), &basic, NULL,
                                          &stage->peer, &err));
                assert_false(http_stage_get(stage, "/jobs", &response, &err));
                expect_said(err.message, "***");
                expect_no_trace(stage, &err, "open-sesame", "open-sesame");
                /* printf 'operator:open-sesame' | base64 */
                expect_no_trace(stage, &err, "b3BlcmF0b3I6b3Blbi1zZXNhbWU=", "b3Blbi1zZXNhb");
                http_response_free(&response);
                http_stage_close(stage);
                vault_close(&vault);
        }
}

/* A password may be a word, or a number, that every answer is full of: keys and numbers are as the peer said
 * them. What it says in a text is masked all the same. */
static void test_a_short_secret_does_not_spoil_an_answer(void **state)
{
        static const struct {
                const char *password, *said, *heard;
        } cases[] = {
                {"records", "{\"records\": 7, \"of\" : \"records\"}", "{\"records\": 7, \"of\" : \"***\"}"},
                {"123456", "{\"n\": [1234567890, \"123456\"]}", "{\"n\": [1234567890, \"***\"]}"},
                {"default", "{\"a \\\"default\\\"\": \"\\\"default\"}",
                 "{\"a \\\"default\\\"\": \"\\\"***\"}"},
                {"123456", "rate{of=\"123456\"} 1234567\n", "rate{of=\"***\"} 1234567\n"},
                {"records", "a lone \"\nrecords {\"records\"", "a lone \"\n*** {\"***\""},
                {"123456", "MTIzNDU2", "***"}, /* printf 123456 | base64 */
                {"long-enough-to-be-none", "{\"long-enough-to-be-none\": 1}", "{\"***\": 1}"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct vault vault = vault_open();
                struct http_options basic = {.username = (char[]){"operator"},
                                             .password_file = vault.password_file};
                struct http_stage *stage = NULL;
                struct http_response response;
                struct error err = ERROR_INIT;

                scratch_write(&vault.scratch, "password", cases[i].password);
                stage = http_stage_open(&basic);
                scripted_peer_json(stage->script, "*", cases[i].said);
                assert_true(http_stage_get(stage, "/jobs", &response, &err));
                assert_string_equal(response.body, cases[i].heard);
                assert_int_equal(response.length, strlen(cases[i].heard));
                http_response_free(&response);
                http_stage_close(stage);
                vault_close(&vault);
        }
}

/* ---- certificates; on the machine's clock, which OpenSSL goes by ---- */

static void make_authorities(const struct vault *vault)
{
        certificate_make(&vault->scratch, "ca", &(struct certificate){.subject = "Test authority"});
        certificate_make(&vault->scratch, "other-ca", &(struct certificate){.subject = "Other authority"});
}

static struct http_stage *open_tls(const struct vault *vault, const struct certificate *certificate,
                                   const char *client_ca, const struct http_options *options)
{
        autofree char *certificate_file = scratch_path(&vault->scratch, "server.crt");
        autofree char *key_file = scratch_path(&vault->scratch, "server.key");
        autofree char *client_ca_file = client_ca ? scratch_path(&vault->scratch, client_ca) : NULL;
        const struct scripted_tls tls = {certificate_file, key_file, client_ca_file};
        struct http_stage *stage;

        certificate_make(&vault->scratch, "server", certificate);
        stage = http_stage_open_with(options, &tls, false);
        scripted_peer_json(stage->script, "*", "{}");
        return stage;
}

static const struct certificate right = {.subject = "engine", .names = "IP:127.0.0.1", .issuer = "ca"};

static void test_tls_with_an_own_authority(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage;

        (void)state;
        make_authorities(&vault);
        stage = open_tls(&vault, &right, NULL, &(struct http_options){.ca_file = vault.ca_file});
        expect_good(stage);
        expect_good(stage);
        assert_int_equal(scripted_peer_connections(stage->script), 1);
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_peers_that_are_not_trusted(void **state)
{
        static const struct certificate wrong[] = {
                {.subject = "engine", .names = "IP:127.0.0.1", .issuer = "other-ca"},
                {.subject = "engine", .names = "IP:127.0.0.1"}, /* says so itself */
                {.subject = "engine", .names = "IP:127.0.0.1", .issuer = "ca", .expired = true},
                {.subject = "engine", .names = "IP:127.0.0.2", .issuer = "ca"},
                {.subject = "engine", .names = "DNS:engine.example", .issuer = "ca"},
        };
        struct vault vault = vault_open();
        struct http_options options = {.ca_file = vault.ca_file, .token_file = vault.token_file};

        (void)state;
        make_authorities(&vault);
        scratch_write(&vault.scratch, "token", "tell-nobody");
        for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
                struct http_stage *stage = open_tls(&vault, &wrong[i], NULL, &options);
                struct error err = get(stage);

                if (err.code != ERROR_REFUSED || strcmp(err.reason, "PeerNotTrusted") != 0)
                        fail_msg("%zu: %s %s", i, err.reason, err.message);
                assert_false(err.retry);
                assert_int_equal(scripted_peer_count(stage->script, "*"), 0);
                http_stage_close(stage);
        }
        vault_close(&vault);
}

/* Without a file the system's authorities count, which do not know the test's. */
static void test_the_systems_authorities_do_not_know_us(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage;

        (void)state;
        make_authorities(&vault);
        stage = open_tls(&vault, &right, NULL, NULL);
        assert_string_equal(get(stage).reason, "PeerNotTrusted");
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_a_certificate_for_another_name(void **state)
{
        static const struct certificate named = {.subject = "x",
                                                 .names = "DNS:engine.example",
                                                 .issuer = "ca"};
        struct vault vault = vault_open();
        autofree char *name = memory_copy_text("engine.example"), *host = NULL, *expected = NULL;
        struct http_options options = {.ca_file = vault.ca_file, .server_name = name};
        struct http_stage *stage;

        (void)state;
        make_authorities(&vault);
        stage = open_tls(&vault, &named, NULL, &options);
        expect_good(stage);
        host = scripted_request_header(scripted_peer_request(stage->script, "*", -1), "Host");
        expected = memory_format("127.0.0.1:%d", scripted_peer_port(stage->script));
        assert_string_equal(host, expected);
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_files_that_are_no_certificates(void **state)
{
        struct vault vault = vault_open();
        struct http_options options = {.ca_file = vault.ca_file};
        struct http_stage *stage;
        struct error err;

        (void)state;
        make_authorities(&vault);
        stage = open_tls(&vault, &right, NULL, &options);
        scratch_remove(&vault.scratch, "ca.crt");
        err = get(stage);
        assert_int_equal(err.code, ERROR_INPUT);
        expect_said(err.message, vault.ca_file);
        scratch_write(&vault.scratch, "ca.crt", "nothing of the kind\n");
        err = get(stage);
        assert_int_equal(err.code, ERROR_INPUT);
        expect_said(err.message, vault.ca_file);
        http_stage_close(stage);
        vault_close(&vault);
}

/* Connections that are made after a rotation go by the new file; those that stand are kept. */
static void test_a_new_authority_counts_for_new_connections(void **state)
{
        struct vault vault = vault_open();
        struct http_stage *stage;

        (void)state;
        make_authorities(&vault);
        scratch_link(&vault.scratch, "other-ca.crt", "trusted");
        free(vault.ca_file);
        vault.ca_file = scratch_path(&vault.scratch, "trusted");
        stage = open_tls(&vault, &right, NULL, &(struct http_options){.ca_file = vault.ca_file});
        assert_string_equal(get(stage).reason, "PeerNotTrusted");
        scratch_link(&vault.scratch, "ca.crt", "trusted");
        expect_good(stage);
        scratch_link(&vault.scratch, "other-ca.crt", "trusted");
        expect_good(stage);
        scripted_peer_leave(stage->script);
        scripted_peer_return(stage->script);
        assert_string_equal(get(stage).reason, "PeerNotTrusted");
        scratch_link(&vault.scratch, "ca.crt", "trusted");
        expect_good(stage);
        http_stage_close(stage);
        vault_close(&vault);
}

static void test_a_client_certificate_is_shown_and_read_again(void **state)
{
        static const struct certificate wanted = {.subject = "optctl", .issuer = "other-ca"};
        static const struct certificate unwanted = {.subject = "optctl", .issuer = "ca"};
        struct vault vault = vault_open();
        struct http_options none = {.ca_file = vault.ca_file};
        struct http_options options = {.ca_file = vault.ca_file,
                                       .certificate_file = vault.certificate_file,
                                       .key_file = vault.key_file};
        struct http_stage *stage;
        struct error err = ERROR_INIT;

        (void)state;
        make_authorities(&vault);
        certificate_make(&vault.scratch, "client", &unwanted);
        stage = open_tls(&vault, &right, "other-ca.crt", &options);
        assert_int_equal(get(stage).code, ERROR_UNAVAILABLE);
        certificate_make(&vault.scratch, "client", &wanted);
        expect_good(stage);
        /* A connection that was made with a certificate is not used for those who have none. */
        http_peer_free(stage->peer);
        assert_true(http_peer_new(stage->client, scripted_peer_url(stage->script), &none, NULL, &stage->peer,
                                  &err));
        assert_int_equal(get(stage).code, ERROR_UNAVAILABLE);
        http_stage_close(stage);
        vault_close(&vault);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_token_is_sent_and_read_again),
                cmocka_unit_test(test_credentials_in_the_clear_are_warned_of),
                cmocka_unit_test(test_a_token_that_is_no_longer_good_is_read_again_once),
                cmocka_unit_test(test_a_wrong_token_is_not_tried_twice),
                cmocka_unit_test(test_a_password_is_sent_as_basic),
                cmocka_unit_test(test_what_is_not_there_is_not_sent),
                cmocka_unit_test(test_neither_netrc_nor_cookies),
                cmocka_unit_test(test_secrets_are_repeated_nowhere),
                cmocka_unit_test(test_a_short_secret_does_not_spoil_an_answer),
                cmocka_unit_test(test_tls_with_an_own_authority),
                cmocka_unit_test(test_peers_that_are_not_trusted),
                cmocka_unit_test(test_the_systems_authorities_do_not_know_us),
                cmocka_unit_test(test_a_certificate_for_another_name),
                cmocka_unit_test(test_files_that_are_no_certificates),
                cmocka_unit_test(test_a_new_authority_counts_for_new_connections),
                cmocka_unit_test(test_a_client_certificate_is_shown_and_read_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
