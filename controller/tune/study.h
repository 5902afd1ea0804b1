/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_STUDY_H
#define OPTCTL_CONTROLLER_TUNE_STUDY_H

#include <jansson.h>
#include <stdbool.h>

#include "controller/tune/options.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/prices.h"
#include "optimizer/search/search.h"

/* A spec of `optctl tune` that was read, and its command. */
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

/* The same of words that begin with a place below `node`, with that of the file before them. */
bool tune_study_wrong_below(const struct yaml_node *node, const char *words, struct error *err);

/* A path or URL that the spec names, relative to its folder. The caller frees it. */
char *tune_study_place(const struct tune_study *study, const char *path);

/* Whether that measure is money by the prices; without them a value may be called "cost". */
bool tune_study_is_money(const struct tune_study *study, const char *measure);

/* How many workers are paid for; NAN: x does not say it. */
double tune_workers(const struct tune_study *study, const json_t *x);

/* All that has to be the same when a study goes on. The caller owns it. */
json_t *tune_study_identity(const struct tune_study *study);

#endif
