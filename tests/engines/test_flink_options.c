/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spec.engine.flink as it is written, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/spec.h"
#include "engines/flink/engine.h"

static const struct collector collector = {.name = "flink",
                                           .summary = "",
                                           .section = SECTION_ENGINE,
                                           .options = &flink_engine_options};
static const struct collector *const collectors[] = {&collector, NULL};
static const struct registry registry = {.collectors = collectors};

static bool parse(const char *engine, struct spec **ret_spec, struct error *err)
{
        autofree char *text = memory_format("apiVersion: optctl.dev/v1alpha1\nkind: TunedPipeline\n"
                                            "metadata: {name: x}\nspec:\n  engine: {flink: %s}\n"
                                            "  knobs: [{name: workers, min: 1, max: 4}]\n",
                                            engine);

        return spec_parse(text, strlen(text), "f.yaml", NULL, NULL, &registry, ret_spec, err);
}

static void refuse(const char *engine, const char *words)
{
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        if (parse(engine, &spec, &err)) {
                spec_free(spec);
                fail_msg("%s was taken", engine);
        }
        assert_int_equal(err.code, ERROR_INPUT);
        if (!strstr(err.message, words))
                fail_msg("\"%s\" lacks \"%s\"", err.message, words);
}

static void test_what_leads_nowhere(void **state)
{
        (void)state;
        refuse("{url: \"http://x:8081\", deployment: x}",
               "f.yaml:5:19: spec.engine.flink: names both or none; expected either deployment or url");
        refuse("{job: x}", "spec.engine.flink: names both or none; expected either deployment or url");
        refuse("{url: \"jobmanager:8081\"}", "spec.engine.flink.url: \"jobmanager:8081\" is not a URL");
        refuse("{url: \"http://x\", ulr: y}", "spec.engine.flink.ulr: unknown option; did you mean url?");
        refuse("{url: \"http://x\", rescale: Savepoint}", "spec.engine.flink.rescale: has no program to "
                                                          "start again; expected spec.engine.flink.program");
        refuse("{url: \"http://x\", program: {jar: a.jar}}",
               "expected the job's name in spec.engine.flink.job");
        refuse("{url: \"http://x\", job: j, program: {entryClass: A}}", "spec.engine.flink.program: ");
        refuse("{url: \"http://x\", rescaleTimeoutSeconds: 0}", "spec.engine.flink.rescaleTimeoutSeconds: ");
}

static void test_what_is_right(void **state)
{
        const struct flink_options *options;
        struct error err = ERROR_INIT;
        struct spec *spec = NULL;

        (void)state;
        if (!parse("{url: \"http://x:8081\", job: j, program: {jar: a.jar, arguments: [--rate, \"3\"]}}",
                   &spec, &err))
                fail_msg("%s", err.message);
        options = spec->sources[0].options;
        assert_string_equal(options->job, "j");
        assert_int_equal(options->rescale, FLINK_RESCALE_AUTO);
        assert_int_equal(options->rescale_timeout_seconds, 300);
        assert_int_equal(options->program->arguments.count, 2);
        spec_free(spec);
}

/* The Flink Kubernetes operator serves a deployment's REST API as NAME-rest on port 8081. */
static void test_the_url_of_a_deployment(void **state)
{
        static char name[] = "clickstream", space[] = "analytics";
        struct flink_options options = {.deployment = name};
        struct source_context context = {.name = "x", .namespace = "streams", .base = "."};
        struct flink_engine *engine = NULL;
        struct reactor *reactor = NULL;
        struct http_client *client = NULL;
        struct error err = ERROR_INIT;

        (void)state;
        assert_true(reactor_new(NULL, &reactor, &err));
        assert_true(http_client_new(reactor, NULL, NULL, &client, &err));
        context.http = client;
        assert_true(option_parse(&http_options_table, NULL, &options.connection, &err));
        assert_true(flink_engine_open(&context, &options, &engine, &err));
        assert_string_equal(http_peer_url(engine->peer), "http://clickstream-rest.streams:8081");
        flink_engine_close(engine);
        options.namespace = space;
        assert_true(flink_engine_open(&context, &options, &engine, &err));
        assert_string_equal(http_peer_url(engine->peer), "http://clickstream-rest.analytics:8081");
        flink_engine_close(engine);
        http_client_free(client);
        reactor_free(reactor);
}

static void expect_words(const char *body, const char *words)
{
        char found[300];

        flink_error_words(body, strlen(body), found, sizeof found);
        assert_string_equal(found, words);
}

/* Shapes of Flink 2.2.1's answers to wrong requests. */
static void test_what_flink_says_went_wrong(void **state)
{
        (void)state;
        expect_words("{\"errors\":[\"Unable to load requested file /nosuch.\"]}",
                     "Unable to load requested file /nosuch.");
        expect_words("{\"errors\":[\"org.apache.flink.runtime.rest.NotFoundException: Job x not "
                     "found\\n\\tat a.b(C:9)\"]}",
                     "Job x not found");
        expect_words(
                "{\"errors\":[\"Internal server error.\",\"<Exception on server side:\\n"
                "org.apache.flink.runtime.messages.FlinkJobNotFoundException: Could not find Flink job (x)\\n"
                "\\tat a.b(C:9)\\n\\nEnd of exception on server side>\"]}",
                "Could not find Flink job (x)");
        expect_words("{\"errors\":[\"a.B: outer\\n\\tat a.b(C:9)\\nCaused by: "
                     "java.util.concurrent.CompletionException: "
                     "a.b.C: inner: with a colon\\n\\tat a.b(C:9)\"]}",
                     "inner: with a colon");
        expect_words("{\"errors\":[]}", "");
        expect_words("{\"errors\":[7]}", "");
        expect_words("<html>", "");
        expect_words("", "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_leads_nowhere),
                cmocka_unit_test(test_what_is_right),
                cmocka_unit_test(test_the_url_of_a_deployment),
                cmocka_unit_test(test_what_flink_says_went_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
