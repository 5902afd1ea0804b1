/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_STUDY_H
#define OPTCTL_CONTROLLER_TUNE_STUDY_H

#include <jansson.h>
#include <stdint.h>

#include "core/error.h"
#include "core/http/client.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/prices.h"
#include "optimizer/search/search.h"

/*
 * What `optctl tune SPEC -- COMMAND` searches and how a trial is run and measured (docs/tune.md). Where a
 * text is a template, {NAME} stands for a parameter's value, {trial} for the trial's folder; other braces
 * stay.
 */
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

struct tune_study {
        struct yaml_document *document;
        struct tune_options options;
        char *path, *folder;       /* of the file; what it names is relative to its folder */
        struct price_book *prices; /* NULL: nothing is said of money */
        char *const *command;      /* borrowed; templates, ends with NULL */
        json_t *search_json; /* as the first line of --ask-tell, but for `earlier`, which may name folders */
        json_t *earlier; /* lists of trials of those that have been read, and what each is called; NULL: none
                          */
        json_t *earlier_names;
        const json_t *
                own_log; /* of `earlier`: this study's own first event log, which is not there yet; or NULL */
        struct search_space *space; /* NULL once a search has taken it over */
        struct search_options search;
};

extern const struct option_table tune_table;

/* ERROR_INPUT names file, place and what was expected; also for a parameter that is used nowhere. */
bool tune_study_read(const char *path, char *const *command, struct tune_study **ret_study,
                     struct error *err);
void tune_study_free(struct tune_study *study);
DEFINE_CLEANUP(tune_study_free, struct tune_study);

/* A template with the values of `x` (search_document_x) and the trial's folder. The caller frees it. */
char *tune_render(const char *template, const json_t *x, const char *folder);

/* As a program reads it: texts as they are, numbers without more digits than they need. The caller frees it.
 */
char *tune_value_text(const json_t *value);

/* Where something ("values[0].path") stands in the file, or would: for yaml_error. */
const struct yaml_node *tune_study_at(const struct tune_study *study, const char *path);

/* A message about what a place names, with the place before it: ERROR_INPUT. Returns false. */
bool tune_study_wrong_at(const struct yaml_node *place, struct error *err);

/* Whether the files that a connection names are there, in the section ("mlflow.connection") of the spec that
 * it was read from. ERROR_INPUT. */
bool tune_study_check_files(const struct tune_study *study, const char *section,
                            const struct http_options *connection, struct error *err);

/* A path or URL that the spec names, relative to its folder. The caller frees it. */
char *tune_study_place(const struct tune_study *study, const char *path);

/* Whether that measure is money by the prices; without them a value may be called "cost". */
bool tune_study_is_money(const struct tune_study *study, const char *measure);

/* How many workers are paid for; NAN: x does not say it. */
double tune_workers(const struct tune_study *study, const json_t *x);

/* Tells a search what is known before its trials: constraints, and the earlier studies that the spec names.
 * own: folder of the study. ERROR_INPUT names file and place. */
bool tune_study_prepare(struct tune_study *study, const char *own, struct search *search, struct error *err);

/* After a trial has ended: tells the search what its event log foretells, when `earlier` asks for that of
 * this study and there was none. One that foretells nothing is told of on standard error. */
bool tune_study_learn(struct tune_study *study, const char *own, struct search *search, struct error *err);

/* All that has to be the same when a study goes on. The caller owns it. */
json_t *tune_study_identity(const struct tune_study *study);

#endif
