/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_MEASURES_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_MEASURES_H

#include <jansson.h>

#include "core/prices.h"
#include "core/tuning_study.h"

/* What trials of a TuningStudy are measured by, in what a pod leaves and in the rows of the status, and which
 * of them are the best by it. */

/* {NAME: NUMBER} of all that a pod tells by the state `terminated` of its container, or, where the time limit
 * stopped it, by the state in which that was. prices: for Cost, which are those of when it began; NULL:
 * nobody asks. The caller owns it. */
json_t *study_measures_read(const struct study_tuning *tuning, const struct price_book *prices,
                            const json_t *pod, const json_t *terminated);
json_t *study_measures_stopped(const struct study_tuning *tuning, const struct price_book *prices,
                               const json_t *pod, const json_t *state);

/* The first that is to be small or is bounded and not among them; NULL: all are. */
const char *study_measures_missing(const struct study_tuning *tuning, const json_t *measures);

/* Puts `value`, `values` and `constraints` into a row. */
void study_measures_put(const struct study_tuning *tuning, const json_t *measures, json_t *row);

/* One of a row; NAN: it does not say. */
double study_measures_of(const struct study_tuning *tuning, const json_t *row, const char *measure);

/* Puts bestTrial, or where two are minimized front, into a status with these rows. */
void study_measures_sum_up(const struct study_tuning *tuning, const json_t *rows, json_t *status);

#endif
