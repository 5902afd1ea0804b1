/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_OPTIONS_H
#define OPTCTL_CONTROLLER_TUNE_OPTIONS_H

#include <stdint.h>

#include "core/http/client.h"
#include "core/option.h"
#include "core/prices.h"

/*
 * What `optctl tune SPEC -- COMMAND` searches and how a trial is run and measured (docs/tune.md). Where a
 * text is a template, {NAME} stands for a parameter's value, {trial} for the trial's folder; other braces
 * stay.
 */
/* What optctl measures itself; cost: with prices. */
#define TUNE_MEASURES "seconds, cpuSeconds, memoryBytes, cost"

struct tune_value {
        char *name;
        char *pattern; /* POSIX extended expression, the first group of the last match in the output; or NULL
                        */
        char *path;    /* dotted path in the output, which is JSON; or NULL */
        char *event_log; /* of TUNE_LOG_MEASURES; or NULL */
};

struct tune_constraint {
        char *value; /* as for minimize */
        double max;
};

struct tune_variable {
        char *name, *value; /* value: a template */
};

struct tune_file {
        char *template, *name; /* relative to the spec; in the trial's folder */
        char *text;            /* of the template; not an option */
};

struct tune_mlflow_options {
        char *url, *experiment; /* experiment: NULL: as the spec's file */
        struct http_options connection;
};

struct tune_options {
        struct yaml_node *search;
        char *minimize, *also_minimize; /* also_minimize: NULL: nothing else is to be small */
        struct option_list values, constraints, environment, files;
        char *event_log; /* a template: where the command leaves Spark's event log; or NULL */
        struct http_options *event_log_connection; /* to a History Server; NULL: as anybody is reached */
        int64_t time_limit_seconds;                /* 0: none */
        double give_up_factor;                     /* of the best trial's seconds or cost; 0: none */
        int64_t retries;
        char *workers; /* a number, or the name of a parameter */
        struct price_options *prices;
        struct tune_mlflow_options *mlflow; /* NULL: trials go to no server */
};

extern const struct option_table tune_table;

#endif
