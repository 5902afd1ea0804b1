/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/tune/options.h"

#include <stddef.h>

#include "controller/tune/log.h"
#include "optimizer/search/search.h"

#define AT(section, field) .offset = offsetof(struct section, field)

static const struct option value_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(tune_value, name),
         .required = true,
         .min = 1,
         .max = 100,
         .help = "What it is called by minimize and constraints."},
        {.name = "pattern",
         .type = OPTION_TEXT,
         AT(tune_value, pattern),
         .help = "POSIX extended regular expression; its first group is the value, where it matches last."},
        {.name = "path",
         .type = OPTION_TEXT,
         AT(tune_value, path),
         .help = "Dotted path of a number in the output, which is JSON: metrics.0.loss"},
        {.name = "eventLog",
         .type = OPTION_TEXT,
         AT(tune_value, event_log),
         .help = "What Spark's event log says: one of " TUNE_LOG_MEASURES "."},
        {0},
};
static const struct option_rule value_rules[] = {
        {RULE_ONE, {"pattern", "path", "eventLog"}, "expected one of pattern, path and eventLog"},
        {0},
};
static const struct option_table value_table = {
        .name = "values",
        .size = sizeof(struct tune_value),
        .options = value_options,
        .rules = value_rules,
        .help = "What is read from the command's output, or from its event log.",
};

static const struct option constraint_options[] = {
        {.name = "value",
         .type = OPTION_TEXT,
         AT(tune_constraint, value),
         .required = true,
         .help = "One of " TUNE_MEASURES " or of values."},
        {.name = "max",
         .type = OPTION_QUANTITY,
         AT(tune_constraint, max),
         .required = true,
         .help = "The most it may be."},
        {0},
};
static const struct option_table constraint_table = {
        .name = "constraints",
        .size = sizeof(struct tune_constraint),
        .options = constraint_options,
        .help = "What a good trial keeps to.",
};

static const struct option variable_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(tune_variable, name),
         .required = true,
         .min = 1,
         .max = 200,
         .help = "Name of the variable."},
        {.name = "value",
         .type = OPTION_TEXT,
         AT(tune_variable, value),
         .required = true,
         .help = "Its value; {NAME} stands for a parameter."},
        {0},
};
static const struct option_table variable_table = {
        .name = "environment",
        .size = sizeof(struct tune_variable),
        .options = variable_options,
        .help = "Variables of the command's environment, beside those of optctl.",
};

static const struct option file_options[] = {
        {.name = "template",
         .type = OPTION_TEXT,
         AT(tune_file, template),
         .required = true,
         .help = "File with {NAME} for parameters, relative to the spec."},
        {.name = "name",
         .type = OPTION_TEXT,
         AT(tune_file, name),
         .required = true,
         .min = 1,
         .max = 100,
         .help = "Name of what is made of it, in the trial's folder: {trial}/NAME."},
        {0},
};
static const struct option_table file_table = {
        .name = "files",
        .size = sizeof(struct tune_file),
        .options = file_options,
        .help = "Files that are written before a trial.",
};

static const struct option_table search_table = {
        .name = "search",
        .help = "The space and how it is searched: the first line of --ask-tell (docs/tune.md).",
};

static const struct option mlflow_options[] = {
        {.name = "url",
         .type = OPTION_TEXT,
         AT(tune_mlflow_options, url),
         .required = true,
         .help = "Of the tracking server: http://mlflow:5000. --mlflow takes its place."},
        {.name = "experiment",
         .type = OPTION_TEXT,
         AT(tune_mlflow_options, experiment),
         .min = 1,
         .max = 256,
         .help = "Name of the experiment that trials become runs of; it is made when there is none. Default: "
                 "the spec's file name."},
        HTTP_CONNECTION_OPTION(struct tune_mlflow_options, connection),
        {0},
};
static const struct option_table mlflow_table = {
        .name = "mlflow",
        .size = sizeof(struct tune_mlflow_options),
        .options = mlflow_options,
        .help = "An MLflow tracking server that each trial becomes a run of.",
};

static const struct option options[] = {
        {.name = "search",
         .type = OPTION_FREE,
         AT(tune_options, search),
         .table = &search_table,
         .required = true,
         .help = "The space and how it is searched (docs/tune.md, \"The first line\")."},
        {.name = "minimize",
         .type = OPTION_TEXT,
         AT(tune_options, minimize),
         .fallback = "seconds",
         .help = "What is to be small: one of " TUNE_MEASURES " or of values."},
        {.name = "alsoMinimize",
         .type = OPTION_TEXT,
         AT(tune_options, also_minimize),
         .help = "A second such measure: what is sought then is the front, the trials that no other beats in "
                 "both."},
        {.name = "values",
         .type = OPTION_LIST,
         AT(tune_options, values),
         .table = &value_table,
         .key = "name",
         .max = 32,
         .help = "What is read from the command's output, or from its event log."},
        {.name = "constraints",
         .type = OPTION_LIST,
         AT(tune_options, constraints),
         .table = &constraint_table,
         .max = SEARCH_MAX_CONSTRAINTS,
         .help = "What a good trial keeps to."},
        {.name = "environment",
         .type = OPTION_LIST,
         AT(tune_options, environment),
         .table = &variable_table,
         .key = "name",
         .max = 100,
         .help = "Variables of the command's environment."},
        {.name = "files",
         .type = OPTION_LIST,
         AT(tune_options, files),
         .table = &file_table,
         .key = "name",
         .max = 20,
         .help = "Files that are written before a trial."},
        {.name = "eventLog",
         .type = OPTION_TEXT,
         AT(tune_options, event_log),
         .help = "Where the command leaves Spark's event log: the log, or a folder whose newest log counts, "
                 "such as "
                 "{trial}/events; or on a History Server: http://HOST:18080/history/{application}."},
        {.name = "eventLogConnection",
         .type = OPTION_POINTER,
         AT(tune_options, event_log_connection),
         .table = &http_options_table,
         .help = "How that History Server is reached: deadlines, TLS, credentials."},
        {.name = "timeLimitSeconds",
         .type = OPTION_INT,
         AT(tune_options, time_limit_seconds),
         .unit = "s",
         .min = 0,
         .max = 31536000,
         .fallback = "0",
         .help = "A trial that takes longer is stopped; 0 lets it run."},
        {.name = "giveUpFactor",
         .type = OPTION_NUMBER,
         AT(tune_options, give_up_factor),
         .min = 0,
         .max = 1000,
         .fallback = "0",
         .help = "A trial is stopped once it has taken so many times what the best one took: seconds or "
                 "cost, "
                 "whichever is minimised; 0 lets it run."},
        {.name = "retries",
         .type = OPTION_INT,
         AT(tune_options, retries),
         .min = 0,
         .max = 100,
         .fallback = "0",
         .help = "How often a command that fails is run again before the trial has failed."},
        {.name = "workers",
         .type = OPTION_TEXT,
         AT(tune_options, workers),
         .help = "Workers that are paid for: a number in quotes, or the parameter that says it; one without "
                 "it."},
        {.name = "prices",
         .type = OPTION_POINTER,
         AT(tune_options, prices),
         .table = &prices_table,
         .help = "What a worker costs; without it there is no cost."},
        {.name = "mlflow",
         .type = OPTION_POINTER,
         AT(tune_options, mlflow),
         .table = &mlflow_table,
         .help = "An MLflow tracking server that each trial becomes a run of."},
        {0},
};

const struct option_table tune_table = {
        .name = "tune",
        .size = sizeof(struct tune_options),
        .options = options,
        .help = "What `optctl tune` searches, and how a trial is run and measured.",
};
