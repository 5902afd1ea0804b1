/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_LOG_STUDY_H
#define OPTCTL_CONTROLLER_TUNE_LOG_STUDY_H

#include <jansson.h>

#include "controller/tune/study.h"

/*
 * An event log of a run of a Spark job as an earlier study of it: what the run would have taken at points of
 * the space, by its stage model (controller/study/batch_predict.h), as if these were trials.
 *
 * named: {"eventLog": PATH, "settings": {SETTING: TEMPLATE, ..}} of a spec; the settings are optional
 * (controller/tune/log_settings.h).
 */

/* Whether that is what it says, and a log foretells what the study minimises. ERROR_INPUT. */
bool log_study_check(const json_t *named, const struct tune_study *study, struct error *err);

/* path: as tune_log_read. search: whose space it is, and whose context holds for what the log does not tell
 * of it. ERROR_INPUT: no such log, or one that foretells the same at all points, or fewer than an earlier
 * study has. The caller owns the list, as earlier_tell takes it. */
bool log_study_trials(const json_t *named, const char *path, const struct tune_study *study,
                      const struct search *search, json_t **ret_trials, struct error *err);

#endif
