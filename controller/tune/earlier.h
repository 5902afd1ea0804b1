/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_EARLIER_H
#define OPTCTL_CONTROLLER_TUNE_EARLIER_H

#include <jansson.h>

#include "optimizer/search/search.h"

/*
 * Earlier studies that a search is told of (docs/tune.md, "earlier"): in the first line of --ask-tell lists
 * of trials, {"x":{..},"y":..,"status":..,"context":{..}} each, in a spec folders of studies, too.
 */

/* The list with the trials of each study in the place of its folder. base: what folders are relative to. own:
 * folder of the study itself, which cannot be among them. measure: what is minimised here, which counts of
 * what was measured there. ERROR_INPUT, and what reading says, begin with the place and ": ", such as
 * "earlier[0]: ". The caller owns it. */
bool earlier_load(const json_t *list, const char *base, const char *own, const char *measure,
                  json_t **ret_list, struct error *err);

/* Tells a search of such trials. Those at points that are not of its space are left out, and so are settings
 * that it does not know. list: may be NULL. ERROR_INPUT begins with the place as above. */
bool earlier_tell(const json_t *list, struct search *search, struct error *err);

/* What a suggestion is made for, with what earlier studies weigh in its model. The caller frees it. */
char *earlier_why(const struct search *search, const struct search_suggestion *suggestion);

#endif
