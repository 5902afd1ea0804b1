/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_JOB_H
#define OPTCTL_ENGINES_SPARK_JOB_H

#include "core/http/client.h"
#include "core/plugin.h"
#include "engines/spark/settings_text.h"

/*
 * A Spark application that is run from time to time by whoever runs it (cron, Airflow): what its runs did
 * stands in their event logs, and what the next one has in a file that spark-submit reads.
 */
struct spark_job_options {
        char *application;                 /* spark.app.name */
        char *event_logs, *history_server; /* one of them */
        char *defaults, *arguments;        /* one of them */
        struct http_options connection;    /* to the History Server */
};

/* Of the collector, and of the actuator of the same name. */
extern const struct option_table spark_job_table;

/* Where a file of the spec's lies. Caller frees. */
char *spark_job_path(const struct source_context *context, const char *file);

/* The file with the settings; the caller frees it. */
char *spark_job_settings_path(const struct source_context *context, const struct spark_job_options *told);
enum spark_settings_form spark_job_settings_form(const struct spark_job_options *told);

#endif
