/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_CHECK_H
#define OPTCTL_CONTROLLER_TUNE_CHECK_H

#include "controller/tune/study.h"

/* Whether the parts of a spec, each of which was read, fit together and with the command. ERROR_INPUT names
 * file and place. */
bool tune_check(const struct tune_study *study, struct error *err);

/* Whether the files that a connection names are there, in the section ("mlflow.connection") of the spec that
 * it was read from. ERROR_INPUT. */
bool tune_check_files(const struct tune_study *study, const char *section,
                      const struct http_options *connection, struct error *err);

#endif
