/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_TELL_H
#define OPTCTL_CONTROLLER_TUNE_TELL_H

#include "controller/tune/runs.h"

/* Tells a search of a trial that has ended: its settings, its context and its result. asked: under which id
 * the search was asked for it; 0: it was not. Errors as of search_tell. */
bool tune_tell(struct search *search, const struct tune_trial *trial, int64_t asked, struct error *err);

/* Whether a trial can be told at all, before it is run. ERROR_INPUT: what is written down of it is not of the
 * space. */
bool tune_tell_can(const struct search *search, const struct tune_trial *trial, struct error *err);

#endif
