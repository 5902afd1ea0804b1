/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_SEARCH_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_SEARCH_H

#include <jansson.h>

#include "core/error.h"
#include "core/tuning_study.h"

/*
 * The search of a TuningStudy's trials (optimizer/search/search.h), made anew from what is known of them
 * whenever it is asked: the same trials lead to the same points. Settings are as in the status: [{name,
 * value}], all texts.
 */

/* ERROR_INPUT: the parameters make no space. */
bool study_search_check(const struct study_tuning *tuning, struct error *err);

/* Rows of another study as a search of this one is told of them (controller/tune/earlier.h): those that are
 * over, with what they had for the parameters of this one, and what they came to by what this one minimizes.
 * Those that do not tell that are left out. The caller owns the list. */
json_t *study_search_earlier(const struct study_tuning *tuning, const struct study_tuning *theirs,
                             const json_t *rows);

/*
 * The next `count` points, fewer where there are no more. `told`: trials that are over, as rows of the
 * status; one that makes no sense is passed over. `earlier`: lists as above, one a study. *ret_points: a list
 * of settings; the caller owns it. No fiber is needed; takes milliseconds a point.
 *
 * ERROR_INPUT: an earlier study says too little; the message begins with "earlier[0]: ", or another one's.
 */
bool study_search_points(const struct study_tuning *tuning, const json_t *told, const json_t *earlier,
                         size_t count, json_t **ret_points, struct error *err);

#endif
