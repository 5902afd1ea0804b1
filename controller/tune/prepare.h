/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_PREPARE_H
#define OPTCTL_CONTROLLER_TUNE_PREPARE_H

#include "controller/tune/study.h"
#include "optimizer/search/search.h"

/* Tells a search what is known before its trials: constraints, and the earlier studies that the spec names.
 * own: folder of the study. ERROR_INPUT names file and place. */
bool tune_prepare(struct tune_study *study, const char *own, struct search *search, struct error *err);

/* After a trial has ended: tells the search what its event log foretells, when `earlier` asks for that of
 * this study and there was none. One that foretells nothing is told of on standard error. */
bool tune_prepare_learn(struct tune_study *study, const char *own, struct search *search, struct error *err);

#endif
