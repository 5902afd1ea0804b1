/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_LOG_H
#define OPTCTL_CONTROLLER_TUNE_LOG_H

#include <jansson.h>
#include <stdbool.h>

#include "core/http/client.h"

/*
 * What Spark's event log of a trial measures, beside what its command prints.
 */
#define TUNE_LOG_MEASURES                                                                                    \
        "runSeconds, coreSeconds, taskSeconds, cpuSeconds, gcSeconds, inputBytes, shuffleBytes, "            \
        "spilledBytes, tasks, "                                                                              \
        "failedTasks"

bool tune_log_is_measure(const char *name);

/*
 * All measures by name, of a log, of the newest one in a folder, or of one on a History Server by its URL,
 * which is given half a minute to notice it; NULL when there is none that can be read. The caller owns them.
 *
 * connection  how that server is reached; NULL: nothing out of the ordinary. Files in it are relative to
 * `base`
 */
json_t *tune_log_measures(const char *path, const struct http_options *connection, const char *base);

#endif
