/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kafka/kafka_options.h"

#include <ctype.h>
#include <string.h>

#define TOPICS_MAX     256
#define SETTING_PREFIX "topic."

static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};

static const struct option topic_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_topic_options, name),
         .min = 1,
         .max = 249,
         .required = true,
         .help = "Name of the topic."},
        {.name = "operator",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_topic_options, operator_name),
         .min = 1,
         .max = 200,
         .required = true,
         .help = "The source operator that reads the topic."},
        {.name = "group",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_topic_options, group),
         .min = 1,
         .max = 249,
         .help = "Consumer group whose commits say how far the topic was read. Without it Kafka tells no "
                 "backlog."},
        {.name = "keyed",
         .type = OPTION_BOOL,
         .offset = offsetof(struct kafka_topic_options, keyed),
         .fallback = "true",
         .help = "Whether records have keys whose order matters: with more partitions a key's later records "
                 "come to "
                 "another partition than its earlier ones."},
        {0},
};

static const struct option_table topic_table = {
        .name = "topics",
        .help = "A topic that the pipeline reads.",
        .size = sizeof(struct kafka_topic_options),
        .options = topic_options,
};

static const struct option tls_options[] = {
        {.name = "caFile",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_tls_options, ca_file),
         .help = "Certificates that the brokers' are checked against (PEM); without it those of the system."},
        {.name = "certificateFile",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_tls_options, certificate_file),
         .help = "Certificate of the client (PEM), for brokers that ask for one."},
        {.name = "keyFile",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_tls_options, key_file),
         .help = "Private key of certificateFile (PEM, without a passphrase)."},
        {.name = "skipHostVerification",
         .type = OPTION_BOOL,
         .offset = offsetof(struct kafka_tls_options, skip_host_verification),
         .fallback = "false",
         .help = "Takes a broker's certificate whatever host it names."},
        {0},
};

static const struct option_rule tls_rules[] = {
        {RULE_TOGETHER,
         {"certificateFile", "keyFile"},
         "has one of certificateFile and keyFile; expected both or none"},
        {0},
};

static const struct option_table tls_table = {
        .name = "tls",
        .help = "Encryption; relative file names start from the spec's folder, and files are read again when "
                "they change.",
        .size = sizeof(struct kafka_tls_options),
        .options = tls_options,
        .rules = tls_rules,
};

static const struct option sasl_options[] = {
        {.name = "mechanism",
         .type = OPTION_CHOICE,
         .offset = offsetof(struct kafka_sasl_options, mechanism),
         .choices = mechanisms,
         .fallback = "SCRAM-SHA-512",
         .help = "How the client proves who it is."},
        {.name = "username",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_sasl_options, username),
         .min = 1,
         .max = 256,
         .required = true,
         .help = "Name of the user."},
        {.name = "passwordFile",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_sasl_options, password_file),
         .min = 1,
         .max = 4095,
         .required = true,
         .help = "File that holds the password, read again when it changes."},
        {0},
};

static const struct option_table sasl_table = {
        .name = "sasl",
        .help = "Authentication by name and password.",
        .size = sizeof(struct kafka_sasl_options),
        .options = sasl_options,
};

static const struct option object_options[] = {
        {.name = "namespace",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_object_options, namespace),
         .min = 1,
         .max = 63,
         .help = "Namespace of the objects; metadata.namespace without it."},
        {.name = "cluster",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_object_options, cluster),
         .min = 1,
         .max = 63,
         .help = "Kafka cluster whose objects count (label strimzi.io/cluster); needed when several in the "
                 "namespace have topics of the same name."},
        {0},
};

static const struct option_table object_table = {
        .name = "topicObjects",
        .help = "KafkaTopics of Strimzi, which say how many partitions topics have.",
        .size = sizeof(struct kafka_object_options),
        .options = object_options,
};

static const struct option kafka_options_list[] = {
        {.name = "bootstrapServers",
         .type = OPTION_TEXT,
         .offset = offsetof(struct kafka_options, bootstrap_servers),
         .min = 1,
         .max = 4096,
         .required = true,
         .help = "Brokers to begin with: host:port, separated by commas."},
        {.name = "topics",
         .type = OPTION_LIST,
         .offset = offsetof(struct kafka_options, topics),
         .table = &topic_table,
         .key = "name",
         .min = 1,
         .max = TOPICS_MAX,
         .required = true,
         .help = "The topics that the pipeline's sources read."},
        {.name = "tls",
         .type = OPTION_POINTER,
         .offset = offsetof(struct kafka_options, tls),
         .table = &tls_table,
         .help = "Encryption; without it connections are in the clear."},
        {.name = "sasl",
         .type = OPTION_POINTER,
         .offset = offsetof(struct kafka_options, sasl),
         .table = &sasl_table,
         .help = "Authentication by name and password."},
        {.name = "timeoutSeconds",
         .type = OPTION_INT,
         .offset = offsetof(struct kafka_options, timeout_seconds),
         .unit = "s",
         .min = 1,
         .max = 300,
         .fallback = "10",
         .help = "How long one reading, or one change, may take in all."},
        {.name = "allowPartitionGrowthOfKeyedTopics",
         .type = OPTION_BOOL,
         .offset = offsetof(struct kafka_options, allow_keyed_growth),
         .fallback = "false",
         .help = "Whether keyed and compacted topics may get more partitions. Their keys move, which no "
                 "change can take "
                 "back."},
        {.name = "maxPartitionsPerBroker",
         .type = OPTION_INT,
         .offset = offsetof(struct kafka_options, max_partitions_per_broker),
         .min = 1,
         .max = 1e6,
         .fallback = "4000",
         .help = "Replicas of partitions a broker may have on average, all topics together: no topic grows "
                 "beyond that."},
        {.name = "topicObjects",
         .type = OPTION_POINTER,
         .offset = offsetof(struct kafka_options, topic_objects),
         .table = &object_table,
         .help = "Topics stand as KafkaTopics of Strimzi in a Kubernetes cluster: partitions are written "
                 "there "
                 "and not to the brokers, and their settings are left alone."},
        {.name = "topicSettings",
         .type = OPTION_TEXTS,
         .offset = offsetof(struct kafka_options, topic_settings),
         .max = 32,
         .help = "Settings of topics that may be tuned, by knobs named topic.SETTING: "
                 "knob topic.segment.bytes for segment.bytes."},
        {0},
};

/* host:port[,host:port...]; IPv6 in brackets. */
static bool is_server_list(const char *servers)
{
        while (*servers) {
                size_t length = strcspn(servers, ",");
                const char *colon = memrchr(servers, ':', length);
                size_t digits = colon ? (size_t)(servers + length - colon - 1) : 0;

                if (digits < 1 || digits > 5 || colon == servers || strspn(colon + 1, "0123456789") != digits)
                        return false;
                for (size_t i = 0; i < length; i++)
                        if (!isgraph((unsigned char)servers[i]) || servers[i] == '/')
                                return false;
                servers += length;
                if (*servers && !*++servers)
                        return false;
        }
        return true;
}

static bool check_options(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct kafka_options *kafka = object;

        if (!kafka->bootstrap_servers)
                return true;
        if (!is_server_list(kafka->bootstrap_servers))
                return yaml_error(yaml_get(node, "bootstrapServers"), err,
                                  "\"%.100s\" names no brokers; expected host:port, separated by commas",
                                  kafka->bootstrap_servers);
        return !kafka->sasl || kafka->sasl->mechanism != KAFKA_PLAIN || kafka->tls ||
               yaml_error(yaml_get(node, "sasl"), err,
                          "would send a password in the clear; expected tls, or another mechanism");
}

const struct option_table kafka_options_table = {
        .name = "kafka",
        .help = "Kafka: offsets, backlog and partitions of the topics that the sources read.",
        .size = sizeof(struct kafka_options),
        .options = kafka_options_list,
        .check = check_options,
};

const char *kafka_knob_setting(const struct kafka_options *options, const struct knob *knob)
{
        char **settings = options->topic_settings.items;

        if (strncmp(knob->name, SETTING_PREFIX, sizeof SETTING_PREFIX - 1) != 0)
                return NULL;
        for (size_t i = 0; i < options->topic_settings.count; i++)
                if (strcmp(settings[i], knob->name + sizeof SETTING_PREFIX - 1) == 0)
                        return settings[i];
        return NULL;
}

int kafka_knob_topic(const struct kafka_options *options, const struct pipeline *pipeline,
                     const struct knob *knob)
{
        const struct kafka_topic_options *topics = options->topics.items;
        int found = -1;

        if (knob->role != KNOB_PARTITIONS && !kafka_knob_setting(options, knob))
                return -1;
        for (size_t i = 0; i < options->topics.count; i++) {
                if (knob->operator_index >= 0 &&
                    strcmp(topics[i].operator_name, pipeline->operators[knob->operator_index].name) != 0)
                        continue;
                if (found >= 0)
                        return -1;
                found = (int)i;
        }
        return found;
}
