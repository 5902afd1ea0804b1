/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/flink/options.h"

#include <string.h>

#include "core/redact.h"

#define AT(type, member) .offset = offsetof(struct type, member)

static const char *const rescales[] = {"Auto", "InPlace", "Savepoint", NULL};

static const struct option program_options[] = {
        {.name = "jar",
         .type = OPTION_TEXT,
         AT(flink_program, jar),
         .required = true,
         .min = 1,
         .max = 300,
         .help = "Id of a jar that was uploaded to the job manager, or its file name: then its newest "
                 "upload."},
        {.name = "entryClass",
         .type = OPTION_TEXT,
         AT(flink_program, entry_class),
         .min = 1,
         .max = 300,
         .help = "Class whose main method builds the job; the jar's manifest says which without it."},
        {.name = "arguments",
         .type = OPTION_TEXTS,
         AT(flink_program, arguments),
         .min = 0,
         .max = 1000,
         .help = "Arguments of the program, as the job was started with."},
        {.name = "allowNonRestoredState",
         .type = OPTION_BOOL,
         AT(flink_program, allow_non_restored_state),
         .fallback = "false",
         .help = "Whether state of the savepoint that the program has no operator for is dropped."},
        {0},
};

static const struct option_table program_table = {
        .name = "program",
        .help = "How the job is started again from a savepoint.",
        .size = sizeof(struct flink_program),
        .options = program_options,
};

static const struct option flink_options[] = {
        {.name = "deployment",
         .type = OPTION_TEXT,
         AT(flink_options, deployment),
         .min = 1,
         .max = 253,
         .help = "FlinkDeployment of the Flink Kubernetes operator. Either this or url."},
        {.name = "namespace",
         .type = OPTION_TEXT,
         AT(flink_options, namespace),
         .min = 1,
         .max = 63,
         .help = "Namespace of the deployment; metadata.namespace without it."},
        {.name = "url",
         .type = OPTION_TEXT,
         AT(flink_options, url),
         .help = "REST endpoint of a job manager."},
        FLINK_MEASURE_OPTIONS(0),
        {.name = "rescale",
         .type = OPTION_CHOICE,
         AT(flink_options, rescale),
         .choices = rescales,
         .fallback = "Auto",
         .help = "How parallelism is changed: InPlace asks the adaptive scheduler, Savepoint stops the job "
                 "with "
                 "a savepoint and starts it again from there. Auto goes in place where the job can, else by "
                 "a "
                 "savepoint if program says how the job is started."},
        {.name = "rescaleTimeoutSeconds",
         .type = OPTION_INT,
         AT(flink_options, rescale_timeout_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400,
         .fallback = "300",
         .help = "How long a job may take to run what it was told, or to finish a savepoint. Then the change "
                 "is "
                 "taken back."},
        {.name = "savepointDirectory",
         .type = OPTION_TEXT,
         AT(flink_options, savepoint_directory),
         .min = 1,
         .max = 1000,
         .help = "Where savepoints are written; the cluster's own directory without it."},
        {.name = "program",
         .type = OPTION_POINTER,
         AT(flink_options, program),
         .table = &program_table,
         .help = "How the job is started again from a savepoint."},
        HTTP_CONNECTION_OPTION(struct flink_options, connection),
        {0},
};

bool flink_check_url(const char *url, const struct yaml_node *node, struct error *err)
{
        autofree char *shown = NULL;

        if (!url || strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0)
                return true;
        shown = redact_url(url);
        return yaml_error(yaml_get(node, "url"), err,
                          "\"%.60s\" is not a URL; expected http://... or https://...", shown);
}

static bool check_flink(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct flink_options *flink = object;

        if (node && flink->rescale == FLINK_RESCALE_SAVEPOINT && !flink->program)
                return yaml_error(yaml_get(node, "rescale"), err,
                                  "has no program to start again; expected spec.engine.flink.program");
        return flink_check_url(flink->url, node, err);
}

static const struct option_rule flink_rules[] = {
        {RULE_ONE, {"deployment", "url"}, "names both or none; expected either deployment or url"},
        {RULE_NEEDS,
         {"program", "job"},
         "starts a job that could not be told from others; expected the job's name in "
         "spec.engine.flink.job"},
        {0},
};

const struct option_table flink_engine_options = {
        .name = "flink",
        .help = "A job of Apache Flink.",
        .size = sizeof(struct flink_options),
        .options = flink_options,
        .rules = flink_rules,
        .check = check_flink,
};
