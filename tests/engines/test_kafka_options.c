/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spec.broker.kafka: what is taken, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/yaml.h"
#include "engines/kafka/kafka_client.h"

static bool parse(const char *yaml, struct kafka_options *ret, struct error *err)
{
        struct yaml_document *document;
        bool done;

        assert_true(yaml_parse(yaml, strlen(yaml), "k.yaml", &document, err));
        done = option_parse(&kafka_options_table, yaml_root(document), ret, err);
        yaml_document_free(document);
        return done;
}

#define TOPIC "topics: [{name: orders, operator: read}]\n"

static void defaults(void **state)
{
        const struct kafka_topic_options *topic;
        struct error err = ERROR_INIT;
        struct kafka_options options;

        (void)state;
        assert_true(parse("bootstrapServers: a:9092,[::1]:9093\n" TOPIC, &options, &err));
        topic = options.topics.items;
        assert_true(topic->keyed); /* keys may matter unless the user says they do not */
        assert_false(options.allow_keyed_growth);
        assert_int_equal(options.timeout_seconds, 10);
        assert_null(topic->group);
        option_free(&kafka_options_table, &options);
}

static void what_is_refused(void **state)
{
        static const struct {
                const char *yaml, *words;
        } cases[] = {
                {"bootstrapServers: broker\n" TOPIC, "names no brokers"},
                {"bootstrapServers: 'a:9092,'\n" TOPIC, "names no brokers"},
                {"bootstrapServers: 'http://a:9092'\n" TOPIC, "names no brokers"},
                {"bootstrapServers: 'a:123456'\n" TOPIC, "names no brokers"},
                {"bootstrapServers: 'a:9092'\n", "topics"},
                {"bootstrapServers: 'a:9092'\ntopics: []\n", "topics"},
                {"bootstrapServers: 'a:9092'\ntopics: [{name: o, operator: r}, {name: o, operator: s}]\n",
                 "is there already"},
                {"bootstrapServers: 'a:9092'\n" TOPIC
                 "sasl: {mechanism: PLAIN, username: u, passwordFile: p}\n",
                 "in the clear"},
                {"bootstrapServers: 'a:9092'\n" TOPIC "tls: {certificateFile: c}\n", "expected both"},
                {"bootstrapServers: 'a:9092'\n" TOPIC "timeoutSeconds: 0\n", "timeoutSeconds"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct kafka_options options;
                struct error err = ERROR_INIT;

                assert_false(parse(cases[i].yaml, &options, &err));
                assert_int_equal(err.code, ERROR_INPUT);
                if (!strstr(err.message, cases[i].words))
                        fail_msg("case %zu: %s", i, err.message);
        }
}

/* Pipelines share a cluster when servers and credentials are the same, and only then. */
static void who_shares(void **state)
{
        static const char *const specs[] = {
                "bootstrapServers: 'a:9092'\n" TOPIC,
                "bootstrapServers: 'a:9093'\n" TOPIC,
                "bootstrapServers: 'a:9092'\n" TOPIC "tls: {}\n",
                "bootstrapServers: 'a:9092'\n" TOPIC "tls: {caFile: ca.pem}\n",
                "bootstrapServers: 'a:9092'\n" TOPIC "tls: {}\nsasl: {username: u, passwordFile: p}\n",
                "bootstrapServers: 'a:9092'\n" TOPIC "tls: {}\nsasl: {username: v, passwordFile: p}\n",
                "bootstrapServers: 'a:9092'\ntimeoutSeconds: 3\n"
                "topics: [{name: other, operator: read, group: g}]\n",
        };
        enum { COUNT = sizeof specs / sizeof specs[0] };
        char *keys[COUNT];

        (void)state;
        for (int i = 0; i < COUNT; i++) {
                struct kafka_options options;
                struct error err = ERROR_INIT;

                assert_true(parse(specs[i], &options, &err));
                keys[i] = kafka_client_key(&options, "/specs");
                option_free(&kafka_options_table, &options);
        }
        for (int i = 0; i < COUNT; i++)
                for (int j = 0; j < i; j++)
                        assert_int_equal(strcmp(keys[i], keys[j]) == 0, i == COUNT - 1 && j == 0);
        for (int i = 0; i < COUNT; i++)
                free(keys[i]);
}

static void which_topic_a_knob_is_about(void **state)
{
        const struct operator_info operators[] = {{.name = "read", .source = true},
                                                  {.name = "both", .source = true},
                                                  {.name = "work"}};
        const struct pipeline pipeline = {.n_operators = 3, .operators = (void *)(uintptr_t)operators};
        const struct {
                struct knob knob;
                int topic;
        } cases[] = {
                {{.name = "partitions", .role = KNOB_PARTITIONS, .operator_index = 0}, 0},
                {{.name = "partitions", .role = KNOB_PARTITIONS, .operator_index = 1}, -1}, /* reads two */
                {{.name = "partitions", .role = KNOB_PARTITIONS, .operator_index = 2}, -1}, /* reads none */
                {{.name = "topic.retention.ms", .role = KNOB_OTHER, .operator_index = 0}, 0},
                {{.name = "topic.retention.bytes", .role = KNOB_OTHER, .operator_index = 0}, -1},
                {{.name = "parallelism", .role = KNOB_PARALLELISM, .operator_index = 0}, -1},
        };
        struct error err = ERROR_INIT;
        struct kafka_options options;

        (void)state;
        assert_true(parse(
                "bootstrapServers: 'a:9092'\ntopicSettings: [retention.ms]\n"
                "topics: [{name: o, operator: read}, {name: p, operator: both}, {name: q, operator: both}]\n",
                &options, &err));
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
                assert_int_equal(kafka_knob_topic(&options, &pipeline, &cases[i].knob), cases[i].topic);
        option_free(&kafka_options_table, &options);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults),
                cmocka_unit_test(what_is_refused),
                cmocka_unit_test(who_shares),
                cmocka_unit_test(which_topic_a_knob_is_about),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
