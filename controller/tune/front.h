/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_FRONT_H
#define OPTCTL_CONTROLLER_TUNE_FRONT_H

#include "controller/tune/runs.h"

/* The trials that nothing beats in both measures, by their place in tune_runs_trials: good ones, of which no
 * other is as small in both; ascending by the first measure. None where one measure is minimised. The caller
 * frees them. */
size_t *tune_front(const struct tune_runs *runs, size_t *ret_count);
bool tune_front_has(const struct tune_runs *runs, const struct tune_trial *trial);

#endif
