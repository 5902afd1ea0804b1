/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_EARLIER_H
#define OPTCTL_CONTROLLER_TUNE_EARLIER_H

#include <jansson.h>

#include "controller/tune/study.h"

/*
 * Earlier studies that a search is told of (docs/tune.md, "earlier"): in the first line of --ask-tell lists
 * of trials, {"x":{..},"y":..,"status":..,"context":{..}} each, in a spec folders of studies and event logs
 * of runs, too.
 */

/* Reads what search.earlier of a spec names into study->earlier and earlier_names: trials of folders, and
 * what event logs foretell (controller/tune/log_study.h). own: folder of that study itself, which cannot be
 * among them. search: whose trials these are to help. ERROR_INPUT, and what reading says, begin with the
 * place and
 * ": ", such as "earlier[0]: ". */
bool earlier_load(struct tune_study *study, const char *own, const struct search *search, struct error *err);

/* The same of study->own_log: the log of the first good trial of this study that left one. False: there is
 * none yet, or it foretells nothing, which is said on standard error. */
bool earlier_load_own(struct tune_study *study, const char *own, const struct search *search);

/* Tells a search of such trials. Those at points that are not of its space are left out, and so are settings
 * that it does not know. list: may be NULL. ERROR_INPUT begins with the place as above. */
bool earlier_tell(const json_t *list, struct search *search, struct error *err);

/* What a suggestion is made for, with what earlier studies weigh in its model. The caller frees it. */
char *earlier_why(const struct search *search, const struct search_suggestion *suggestion);

#endif
