/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/job.h"

#include "core/redact.h"
#include "engines/spark/history.h"

#define AT(member) .offset = offsetof(struct spark_job_options, member)

static const struct option options[] = {
        {.name = "application",
         .type = OPTION_TEXT,
         AT(application),
         .required = true,
         .min = 1,
         .max = 255,
         .help = "Name of the application (spark.app.name), by which its runs are told from others."},
        {.name = "eventLogs",
         .type = OPTION_TEXT,
         AT(event_logs),
         .min = 1,
         .max = 4096,
         .help = "Folder with the event logs of its runs (spark.eventLog.dir); others may be there, too."},
        {.name = "historyServer",
         .type = OPTION_TEXT,
         AT(history_server),
         .min = 1,
         .max = 2000,
         .help = "URL of a Spark History Server that has them, in place of the folder."},
        {.name = "defaults",
         .type = OPTION_TEXT,
         AT(defaults),
         .min = 1,
         .max = 4096,
         .help = "The spark-defaults.conf (or --properties-file) that the next run reads. Only the settings "
                 "that "
                 "knobs stand for are changed."},
        {.name = "arguments",
         .type = OPTION_TEXT,
         AT(arguments),
         .min = 1,
         .max = 4096,
         .help = "File with arguments of spark-submit, in place of defaults: `spark-submit $(cat FILE) "
                 "job.py`. "
                 "Only the settings that knobs stand for are changed."},
        HTTP_CONNECTION_OPTION(struct spark_job_options, connection),
        {0},
};

static bool check_job(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct spark_job_options *job = object;
        autofree char *shown = NULL;

        if (!job->history_server || spark_history_is(job->history_server))
                return true;
        shown = redact_url(job->history_server);
        return yaml_error(yaml_get(node, "historyServer"), err,
                          "\"%.60s\" is not a URL; expected http://... or https://...", shown);
}

static const struct option_rule rules[] = {
        {RULE_ONE,
         {"eventLogs", "historyServer"},
         "names both or none; expected either eventLogs or historyServer"},
        {RULE_ONE, {"defaults", "arguments"}, "names both or none; expected either defaults or arguments"},
        {RULE_NEEDS,
         {"connection", "historyServer"},
         "says how to reach what is not named; expected historyServer"},
        {0},
};

const struct option_table spark_job_table = {
        .name = "spark",
        .help = "A Spark application that runs from time to time, wherever and by whomever it is started. "
                "What is set "
                "holds from its next run on. In spec files alone, not in objects of a cluster.",
        .size = sizeof(struct spark_job_options),
        .options = options,
        .rules = rules,
        .check = check_job,
};

char *spark_job_path(const struct source_context *context, const char *file)
{
        return *file == '/' || !context->base ? memory_copy_text(file)
                                              : memory_format("%s/%s", context->base, file);
}

char *spark_job_settings_path(const struct source_context *context, const struct spark_job_options *told)
{
        return spark_job_path(context, told->defaults ? told->defaults : told->arguments);
}

enum spark_settings_form spark_job_settings_form(const struct spark_job_options *told)
{
        return told->defaults ? SPARK_SETTINGS_DEFAULTS : SPARK_SETTINGS_ARGUMENTS;
}
