/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kubeconfigs as kubectl's documentation describes them, the service account of a pod, and that what they
 * hold is used: a TLS server that wants a client certificate, and one that wants a token. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"
#include "core/kubernetes/client.h"
#include "tests/support/certificates.h"
#include "tests/support/http_stage.h"
#include "tests/support/scratch.h"

static const char two_contexts[] =
        "apiVersion: v1\n"
        "kind: Config\n"
        "current-context: near\n"
        "clusters:\n"
        "- name: here\n"
        "  cluster: {server: 'https://127.0.0.1:6443', certificate-authority: pki/ca.crt}\n"
        "- name: there\n"
        "  cluster:\n"
        "    server: https://api.example:443\n"
        "    tls-server-name: kubernetes\n"
        "    proxy-url: http://proxy.example:3128\n"
        "users:\n"
        "- name: me\n"
        "  user: {client-certificate: /pki/me.crt, client-key: me.key}\n"
        "- name: robot\n"
        "  user: {tokenFile: token, token: replaced-by-the-file}\n"
        "contexts:\n"
        "- name: near\n"
        "  context: {cluster: here, user: me}\n"
        "- name: far\n"
        "  context: {cluster: there, user: robot, namespace: analytics}\n"
        "- name: broken\n"
        "  context: {cluster: nowhere, user: me}\n";

/* A kubeconfig of one context. `cluster` and `user` are YAML maps. */
static char *one_context(const char *cluster, const char *user)
{
        return memory_format("current-context: c\n"
                             "clusters: [{name: a, cluster: %s}]\n"
                             "users: [{name: u, user: %s}]\n"
                             "contexts: [{name: c, context: {cluster: a, user: u}}]\n",
                             cluster, user);
}

static void expect_text(const char *got, const char *expected)
{
        assert_non_null(got);
        assert_string_equal(got, expected);
}

static void test_contexts(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "config"), *ca = scratch_path(&scratch, "pki/ca.crt");
        autofree char *key = scratch_path(&scratch, "me.key"), *token = scratch_path(&scratch, "token");
        autocall(kube_config_free) struct kube_config *near = NULL, *far = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        scratch_write(&scratch, "config", two_contexts);
        assert_true(kube_config_read(path, NULL, &near, &err));
        expect_text(near->server, "https://127.0.0.1:6443");
        expect_text(near->namespace, "default");
        expect_text(near->ca_file, ca);
        expect_text(near->certificate_file, "/pki/me.crt");
        expect_text(near->key_file, key);
        assert_null(near->token_file);
        assert_true(kube_config_read(path, "far", &far, &err));
        expect_text(far->namespace, "analytics");
        expect_text(far->server_name, "kubernetes");
        expect_text(far->proxy, "http://proxy.example:3128");
        expect_text(far->token_file, token);
        assert_null(far->token);
        assert_null(far->ca_file);
        scratch_close(&scratch);
}

/* Of several files the first that has something says it: as kubectl documents for KUBECONFIG. */
static void test_several_files(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *a = scratch_path(&scratch, "a"), *b = scratch_path(&scratch, "b");
        autofree char *paths = memory_format("%s::%s", a, b);
        autocall(kube_config_free) struct kube_config *config = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        scratch_write(
                &scratch, "a",
                "current-context: far\nclusters: [{name: there, cluster: {server: 'https://other:1'}}]\n");
        scratch_write(&scratch, "b", two_contexts);
        assert_true(kube_config_read(paths, NULL, &config, &err));
        expect_text(config->server, "https://other:1");
        expect_text(config->namespace, "analytics");
        scratch_close(&scratch);
}

static void expect_refused(const char *text, const char *context, const char *words)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, "config");
        struct kube_config *config = NULL;
        struct error err = ERROR_INIT;

        scratch_write(&scratch, "config", text);
        assert_false(kube_config_read(path, context, &config, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        assert_null(config);
        if (!strstr(err.message, words))
                fail_msg("\"%s\" does not say \"%s\"", err.message, words);
        scratch_close(&scratch);
}

#define PLUGIN "{apiVersion: client.authentication.k8s.io/v1, command: aws"

static void test_what_cannot_be_used_says_why(void **state)
{
        static const char good[] = "{server: 'https://a:1'}";
        static const struct {
                const char *cluster, *user, *words;
        } cases[] = {
                {"{server: 'https://a:1', insecure-skip-tls-verify: true}", "{token: t}", "config:2:"},
                {"{server: 'https://a:1', insecure-skip-tls-verify: true}", "{token: t}",
                 "expected its authority in certificate-authority"},
                {"{}", "{token: t}", "has no server"},
                {"{server: [1]}", "{token: t}", "expected a text"},
                {"{server: 'https://a:1', certificate-authority-data: '%%'}", "{token: t}",
                 "PEM text in Base64"},
                {"{server: 'https://a:1', certificate-authority-data: aGVsbG8=}", "{token: t}",
                 "PEM text in Base64"},
                {good, "{exec: {command: aws}}", "expected apiVersion client.authentication.k8s.io/v1"},
                {good, "{exec: {apiVersion: client.authentication.k8s.io/v1}}", "has no command"},
                {good, "{exec: " PLUGIN ", interactiveMode: Always}}", "nobody sits at optctl"},
                {good, "{exec: " PLUGIN ", provideClusterInfo: true}}", "told nothing of the cluster"},
                {good, "{exec: " PLUGIN ", args: x}}", "expected a list of texts"},
                {good, "{exec: " PLUGIN ", env: [{value: x}]}}", "expected the name of a variable"},
                {good, "{auth-provider: {name: gcp}}", "such plugins are no more"},
                {good, "{username: admin, password: x}", "no passwords any more"},
                {good, "{as: root}", "acts for nobody but itself"},
                {good, "{client-certificate: a.crt}", "both or none"},
                {good, "{client-certificate: a.crt, client-key-data: LS0tLS1CRUdJTiBLRVktLS0tLQ==}",
                 "both inline or both in files"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                autofree char *text = one_context(cases[i].cluster, cases[i].user);

                expect_refused(text, NULL, cases[i].words);
        }
        expect_refused(two_contexts, "other", "there is no context \"other\"");
        expect_refused(two_contexts, "broken", "there is no cluster \"nowhere\"");
        expect_refused("apiVersion: v1\n", NULL, "has no current-context");
        expect_refused("[1, 2]\n", NULL, "has no current-context");
}

static void test_no_file(void **state)
{
        struct kube_config *config = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        assert_false(kube_config_read("tests/no-such-file", NULL, &config, &err));
        assert_int_equal(err.code, ERROR_INPUT);
        error_clear(&err);
        assert_false(kube_config_read(":", NULL, &config, &err));
        assert_non_null(strstr(err.message, "no kubeconfig file is named"));
}

static void test_in_a_pod(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *ca = scratch_path(&scratch, "ca.crt"), *token = scratch_path(&scratch, "token");
        autocall(kube_config_free) struct kube_config *v4 = NULL, *v6 = NULL, *none = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        scratch_write(&scratch, "namespace", "optctl-system\n");
        unsetenv("KUBERNETES_SERVICE_HOST");
        assert_false(kube_config_in_cluster(scratch.folder, &none, &err));
        assert_non_null(strstr(err.message, "not in a pod"));
        error_clear(&err);
        setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
        setenv("KUBERNETES_SERVICE_PORT", "443", 1);
        assert_true(kube_config_in_cluster(scratch.folder, &v4, &err));
        expect_text(v4->server, "https://10.0.0.1:443");
        expect_text(v4->namespace, "optctl-system");
        expect_text(v4->ca_file, ca);
        expect_text(v4->token_file, token);
        setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
        assert_true(kube_config_in_cluster(scratch.folder, &v6, &err));
        expect_text(v6->server, "https://[fd00::1]:443");
        unsetenv("KUBERNETES_SERVICE_HOST");
        unsetenv("KUBERNETES_SERVICE_PORT");
        scratch_close(&scratch);
}

static void test_where_a_configuration_is_looked_for(void **state)
{
        struct scratch scratch = scratch_open();
        autofree char *path = scratch_path(&scratch, ".kube/config");
        autocall(kube_config_free) struct kube_config *home = NULL, *named = NULL;
        struct kube_config *none = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        unsetenv("KUBECONFIG");
        setenv("HOME", scratch.folder, 1);
        assert_false(kube_config_find(NULL, NULL, &none, &err));
        assert_non_null(strstr(err.message, "none is named, KUBECONFIG is not set"));
        error_clear(&err);
        scratch_folder(&scratch, ".kube");
        scratch_write(&scratch, ".kube/config", two_contexts);
        assert_true(kube_config_find(NULL, NULL, &home, &err));
        expect_text(home->server, "https://127.0.0.1:6443");
        setenv("KUBECONFIG", path, 1);
        assert_true(kube_config_find(NULL, "far", &named, &err));
        expect_text(named->server, "https://api.example:443");
        unsetenv("KUBECONFIG");
        scratch_close(&scratch);
}

/* ---- that it is used ---- */

static char *base64(const char *text)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t length = strlen(text);
        char *out = memory_new(length * 2 + 8, 1), *at = out;

        for (size_t i = 0; i < length; i += 3) {
                unsigned left = (unsigned)(length - i), three = (unsigned)(unsigned char)text[i] << 16;

                three |= left > 1 ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
                three |= left > 2 ? (unsigned)(unsigned char)text[i + 2] : 0;
                *at++ = letters[three >> 18];
                *at++ = letters[three >> 12 & 63];
                *at++ = left > 1 ? letters[three >> 6 & 63] : '=';
                *at++ = left > 2 ? letters[three & 63] : '=';
        }
        return out;
}

static char *base64_of_file(const struct scratch *scratch, const char *name)
{
        autofree char *path = scratch_path(scratch, name), *text = NULL;
        struct error err = ERROR_INIT;

        assert_true(text_read_file(path, 1 << 20, &text, NULL, &err));
        return base64(text);
}

/* A server whose authority is ours, and which takes clients of the same authority only. */
static struct http_stage *secure_stage(const struct scratch *scratch)
{
        autofree char *ca = scratch_path(scratch, "ca.crt"), *server = scratch_path(scratch, "server.crt");
        autofree char *key = scratch_path(scratch, "server.key");

        certificate_make(scratch, "ca", &(struct certificate){.subject = "authority"});
        certificate_make(scratch, "server",
                         &(struct certificate){.subject = "server", .names = "IP:127.0.0.1", .issuer = "ca"});
        certificate_make(scratch, "me", &(struct certificate){.subject = "me", .issuer = "ca"});
        certificate_make(scratch, "stranger", &(struct certificate){.subject = "stranger"});
        return http_stage_open_with(NULL,
                                    &(struct scripted_tls){.certificate_file = server,
                                                           .key_file = key,
                                                           .client_ca_file = ca},
                                    true);
}

struct asked {
        struct kube_client *client;
        struct error err;
        bool good;
};

static void ask(void *argument)
{
        static const struct kube_resource pods = {"", "v1", "pods"};
        struct asked *asked = argument;
        autojson *object = NULL;

        asked->good =
                kube_get(asked->client, &(struct kube_target){&pods, "n", "p", NULL}, &object, &asked->err);
}

static struct error ask_with(struct http_stage *stage, const char *kubeconfig)
{
        autocall(kube_config_free) struct kube_config *config = NULL;
        struct asked asked = {.err = ERROR_INIT};

        if (!kube_config_read(kubeconfig, NULL, &config, &asked.err) ||
            !kube_client_new(stage->reactor, stage->client, config, &asked.client, &asked.err))
                fail_msg("%s", asked.err.message);
        reactor_call(stage->reactor, ask, &asked);
        kube_client_free(asked.client);
        return asked.err;
}

static void test_inline_certificates_are_used(void **state)
{
        struct scratch scratch = scratch_open();
        struct http_stage *stage = secure_stage(&scratch);
        autofree char *path = scratch_path(&scratch, "config");

        (void)state;
        scripted_peer_json(stage->script, "GET /api/v1/namespaces/n/pods/p", "{}");
        for (int i = 0; i < 2; i++) {
                autofree char *ca = base64_of_file(&scratch, i == 0 ? "ca.crt" : "stranger.crt");
                autofree char *certificate = base64_of_file(&scratch, "me.crt");
                autofree char *key = base64_of_file(&scratch, "me.key");
                autofree char *cluster = memory_format("{server: '%s', certificate-authority-data: %s}",
                                                       scripted_peer_url(stage->script), ca);
                autofree char *user =
                        memory_format("{client-certificate-data: %s, client-key-data: %s}", certificate, key);
                autofree char *text = one_context(cluster, user);
                struct error err;

                scratch_write(&scratch, "config", text);
                err = ask_with(stage, path);
                assert_int_equal(err.code, i == 0 ? ERROR_NONE : ERROR_REFUSED);
                if (i == 1)
                        assert_string_equal(err.reason, "PeerNotTrusted");
        }
        http_stage_close(stage);
        scratch_close(&scratch);
}

static void test_a_token_is_sent_and_not_repeated(void **state)
{
        struct scratch scratch = scratch_open();
        struct http_stage *stage = http_stage_open(NULL);
        autofree char *path = scratch_path(&scratch, "config");
        autofree char *cluster = memory_format("{server: '%s'}", scripted_peer_url(stage->script));
        autofree char *text = one_context(cluster, "{token: a-secret-of-ours}");
        autofree char *said = NULL;
        struct error err;

        (void)state;
        scratch_write(&scratch, "config", text);
        scripted_peer_answer(stage->script, "*",
                             &(struct scripted_answer){
                                     .status = 403, .body = "{\"message\": \"not for a-secret-of-ours\"}"});
        err = ask_with(stage, path);
        assert_string_equal(err.reason, "Forbidden");
        assert_null(strstr(err.message, "a-secret-of-ours"));
        said = scripted_request_header(scripted_peer_request(stage->script, "*", -1), "Authorization");
        expect_text(said, "Bearer a-secret-of-ours");
        http_stage_close(stage);
        scratch_close(&scratch);
}

/* ---- plugins ---- */

struct plugin_stage {
        struct scratch scratch;
        struct http_stage *stage;
        struct kube_client *client;
};

/* `script`: of a shell, which is the plugin here; it runs in the folder of the kubeconfig. */
static struct plugin_stage plugin_open(const char *script)
{
        struct plugin_stage plugin = {.scratch = scratch_open(), .stage = http_stage_open(NULL)};
        autofree char *path = scratch_path(&plugin.scratch, "config");
        autofree char *cluster = memory_format("{server: '%s'}", scripted_peer_url(plugin.stage->script));
        autofree char *user =
                memory_format("{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, "
                              "'cd \"$FOLDER\" && . ./plugin'], env: [{name: FOLDER, value: %s}]}}",
                              plugin.scratch.folder);
        autofree char *text = one_context(cluster, user);
        autocall(kube_config_free) struct kube_config *config = NULL;
        struct error err = ERROR_INIT;

        scratch_write(&plugin.scratch, "config", text);
        scratch_write(&plugin.scratch, "plugin", script);
        if (!kube_config_read(path, NULL, &config, &err) ||
            !kube_client_new(plugin.stage->reactor, plugin.stage->client, config, &plugin.client, &err))
                fail_msg("%s", err.message);
        scripted_peer_json(plugin.stage->script, "*", "{}");
        return plugin;
}

static void plugin_close(struct plugin_stage *plugin)
{
        kube_client_free(plugin->client);
        http_stage_close(plugin->stage);
        scratch_close(&plugin->scratch);
}

static struct error plugin_ask(struct plugin_stage *plugin)
{
        struct asked asked = {.client = plugin->client, .err = ERROR_INIT};

        reactor_call(plugin->stage->reactor, ask, &asked);
        return asked.err;
}

static void expect_token(const struct plugin_stage *plugin, const char *expected)
{
        autofree char *said = scripted_request_header(scripted_peer_request(plugin->stage->script, "*", -1),
                                                      "Authorization");

        expect_text(said, expected);
}

#define CREDENTIAL(status)                                                                                   \
        "echo run >> runs\n"                                                                                 \
        "echo '{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": \"ExecCredential\", "         \
        "\"status\": '" status "'}'\n"
#define COUNTED "\"{\\\"token\\\": \\\"token-number-$(wc -l < runs)\\\"}\""

static void test_a_plugin_gives_a_token_and_another_one(void **state)
{
        struct plugin_stage plugin = plugin_open(CREDENTIAL(COUNTED));
        struct error err;

        (void)state;
        for (int i = 0; i < 3; i++) {
                err = plugin_ask(&plugin);
                assert_int_equal(err.code, ERROR_NONE);
                expect_token(&plugin, "Bearer token-number-1");
        }
        /* The server no longer takes it. */
        scripted_peer_fault(plugin.stage->script,
                            &(struct scripted_answer){.authorization = "Bearer token-number-2"});
        err = plugin_ask(&plugin);
        assert_int_equal(err.code, ERROR_NONE);
        expect_token(&plugin, "Bearer token-number-2");
        /* It takes none at all: one more try, and that is it. */
        scripted_peer_fault(plugin.stage->script, &(struct scripted_answer){.authorization = "Bearer no"});
        err = plugin_ask(&plugin);
        assert_string_equal(err.reason, "Unauthorized");
        expect_token(&plugin, "Bearer token-number-3");
        plugin_close(&plugin);
}

/* It runs out at 08:05 of the stage's day, and is not used in the last minute. */
static void test_a_token_that_expires(void **state)
{
        static const char expires[] = CREDENTIAL(
                "\"{\\\"expirationTimestamp\\\": \\\"2026-01-05T08:0$(expr $(wc -l < runs) \\* 5):00Z\\\", "
                "\\\"token\\\": \\\"token-number-$(wc -l < runs)\\\"}\"");
        struct plugin_stage plugin = plugin_open(expires);
        struct error err = plugin_ask(&plugin);

        (void)state;
        assert_string_equal(err.message, "");
        expect_token(&plugin, "Bearer token-number-1");
        plugin_close(&plugin);
}

static void test_a_plugin_that_fails(void **state)
{
        static const struct {
                const char *script, *words;
        } cases[] = {
                {"exit 3\n", "ended with status 3"},
                {"kill -9 $$\n", "ended with signal 9"},
                {"echo hello\n", "no ExecCredential"},
                {"echo '{\"apiVersion\": \"client.authentication.k8s.io/v1alpha1\", \"status\": {\"token\": "
                 "\"t\"}}'\n",
                 "no ExecCredential of client.authentication.k8s.io/v1"},
                {CREDENTIAL("'{\"clientCertificateData\": \"x\"}'"), "gives no token"},
                {CREDENTIAL("'{\"token\": \"t\", \"expirationTimestamp\": \"soon\"}'"),
                 "expirationTimestamp"},
                {"head -c 300000 /dev/zero\n", "prints more than 256 KiB"},
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
                struct plugin_stage plugin = plugin_open(cases[i].script);
                struct error err = plugin_ask(&plugin);

                if (!strstr(err.message, cases[i].words))
                        fail_msg("\"%s\" does not say \"%s\"", err.message, cases[i].words);
                assert_int_equal(scripted_peer_count(plugin.stage->script, "*"), 0);
                plugin_close(&plugin);
        }
}

static void test_what_a_plugin_sees(void **state)
{
        struct plugin_stage plugin =
                plugin_open("echo \"$KUBERNETES_EXEC_INFO\" > info; cat > input; " CREDENTIAL(
                        "'{\"token\": \"t-of-ours\"}'"));
        autofree char *info = scratch_path(&plugin.scratch, "info"),
                      *input = scratch_path(&plugin.scratch, "input");
        autofree char *text = NULL, *read = NULL;
        struct error err;

        (void)state;
        setenv("KUBERNETES_EXEC_INFO", "of somebody else", 1);
        err = plugin_ask(&plugin);
        assert_string_equal(err.message, "");
        assert_true(text_read_file(info, 1024, &text, NULL, &err));
        assert_string_equal(text,
                            "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
                            "\"spec\":{\"interactive\":false}}\n");
        assert_true(text_read_file(input, 1024, &read, NULL, &err));
        assert_string_equal(read, "");
        unsetenv("KUBERNETES_EXEC_INFO");
        plugin_close(&plugin);
}

/* The program ignores SIGPIPE. (32 and 33 are the C library's own.) */
static void test_signals_of_a_plugin(void **state)
{
        struct plugin_stage plugin =
                plugin_open("sed -n 's/SigIgn:\\t*//p' /proc/self/status > ignored; " CREDENTIAL(
                        "'{\"token\": \"t-of-ours\"}'"));
        autofree char *path = scratch_path(&plugin.scratch, "ignored"), *text = NULL;
        void (*before)(int number) = signal(SIGPIPE, SIG_IGN);
        struct error err = plugin_ask(&plugin);

        (void)state;
        signal(SIGPIPE, before);
        assert_string_equal(err.message, "");
        assert_true(text_read_file(path, 1024, &text, NULL, &err));
        assert_int_equal(strlen(text), 17);
        assert_int_equal(strtoull(text, NULL, 16) & 0x7fffffff, 0);
        plugin_close(&plugin);
}

static void test_a_plugin_that_is_not_there(void **state)
{
        struct scratch scratch = scratch_open();
        struct http_stage *stage = http_stage_open(NULL);
        autofree char *path = scratch_path(&scratch, "config");
        autofree char *text =
                one_context("{server: 'https://127.0.0.1:1'}",
                            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./no-such-plugin, "
                            "installHint: see example.org}}");
        struct error err;

        (void)state;
        scratch_write(&scratch, "config", text);
        err = ask_with(stage, path);
        assert_int_equal(err.code, ERROR_INPUT);
        assert_non_null(strstr(err.message, "no-such-plugin: No such file or directory; see example.org"));
        http_stage_close(stage);
        scratch_close(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_contexts),
                cmocka_unit_test(test_several_files),
                cmocka_unit_test(test_what_cannot_be_used_says_why),
                cmocka_unit_test(test_no_file),
                cmocka_unit_test(test_in_a_pod),
                cmocka_unit_test(test_where_a_configuration_is_looked_for),
                cmocka_unit_test(test_inline_certificates_are_used),
                cmocka_unit_test(test_a_token_is_sent_and_not_repeated),
                cmocka_unit_test(test_a_plugin_gives_a_token_and_another_one),
                cmocka_unit_test(test_a_token_that_expires),
                cmocka_unit_test(test_a_plugin_that_fails),
                cmocka_unit_test(test_what_a_plugin_sees),
                cmocka_unit_test(test_signals_of_a_plugin),
                cmocka_unit_test(test_a_plugin_that_is_not_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
