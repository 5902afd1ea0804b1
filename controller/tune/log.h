/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_LOG_H
#define OPTCTL_CONTROLLER_TUNE_LOG_H

#include <jansson.h>
#include <stdbool.h>

#include "core/http/client.h"
#include "engines/spark/event_log.h"

/*
 * What Spark's event log of a trial measures, beside what its command prints.
 */
#define TUNE_LOG_MEASURES                                                                                    \
        "runSeconds, coreSeconds, taskSeconds, cpuSeconds, gcSeconds, inputBytes, shuffleBytes, "            \
        "spilledBytes, tasks, "                                                                              \
        "failedTasks"

bool tune_log_is_measure(const char *name);

/*
 * A log, the newest one in a folder, or one on a History Server by its URL, which is given half a minute to
 * notice it.
 *
 * quiet       no progress on a terminal
 * connection  how that server is reached; NULL: nothing out of the ordinary. Files in it are relative to
 * `base`
 *
 * ERROR_INPUT: there is none that can be read; else what the server says.
 */
bool tune_log_read(const char *path, bool quiet, const struct http_options *connection, const char *base,
                   struct spark_event_log *ret_log, struct error *err);

/* Whether there is one, as far as a look tells: a server is not asked. */
bool tune_log_is_there(const char *path);

/* Which log that is now, and its state, in words of no other use than to be compared; NULL: none, or on a
 * server. The caller frees it. */
char *tune_log_mark(const char *path);

/* All measures of a run by name. The caller owns them. */
json_t *tune_log_measures(const struct batch_run *run);

#endif
