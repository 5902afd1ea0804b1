/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_STUDY_EARLIER_H
#define OPTCTL_CONTROLLER_OPERATOR_STUDY_EARLIER_H

#include "controller/operator/study_round.h"

/* Other TuningStudies that the search of one is told of: spec.tuning.earlier. They are read from the cache
 * whenever points are asked for, with the trials that are over by then. */

/* ERROR_INPUT: the study names itself. */
bool study_earlier_check(const struct study_tuning *tuning, const char *own, struct error *err);

/* Lists of their trials as study_search_points takes them; the caller owns it. False: one is missing or tells
 * nothing, and the round is refused. */
bool study_earlier_read(struct study_round *round, json_t **ret_earlier);

/* Refuses the round, since one of them says too little. True. */
bool study_earlier_refuse(struct study_round *round, const char *words);

#endif
