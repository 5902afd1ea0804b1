/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_CONTEXT_H
#define OPTCTL_CONTROLLER_TUNE_CONTEXT_H

#include "controller/tune/study.h"

/*
 * What is given while trials of a command run, where the search has a context (docs/tune.md). Each of its
 * names is said by one of these: --context, the clock (type weekday, of the machine's time zone), or what is
 * read of a trial under that name of `values`. The latter is known once the trial has ended; until then it is
 * taken to be as in the newest trial.
 */

/* From NAME=VALUE texts, ends with NULL: an object. ERROR_INPUT: no such name or value, or a name that
 * nothing says. The caller owns it. */
bool tune_context_given(const struct tune_study *study, const struct search_space *space, char *const *texts,
                        json_t **ret_given, struct error *err);

/* What holds at an instant. newest: context of the newest trial that has ended; NULL: none has. context: in
 * what nobody knows of stays. */
void tune_context_now(const struct tune_study *study, const struct search_space *space, const json_t *given,
                      const json_t *newest, int64_t at_ms, double *context);

/* Takes into a trial's context what its result has read of it. */
void tune_context_settle(const struct search_space *space, json_t *context, const json_t *result);

/* The first name that a trial's values should tell and do not; NULL: they tell all. */
const char *tune_context_untold(const struct tune_study *study, const json_t *values);

/* The settings of a trial with what was given to it beforehand: what a command is rendered with. The caller
 * owns it. */
json_t *tune_context_settings(const struct tune_study *study, const json_t *x, const json_t *context);

#endif
