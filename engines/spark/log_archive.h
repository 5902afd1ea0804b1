/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_LOG_ARCHIVE_H
#define OPTCTL_ENGINES_SPARK_LOG_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

/*
 * Unpacks the zip in which a History Server hands out an event log: a file, or the folder of a rolling log.
 * From front to back, as Java writes it: lengths stand behind what they are of. Files are made in `folder`,
 * which is ours alone and empty.
 *
 * ret_log  the log in there; the caller frees it
 *
 * ERROR_INPUT: it is no such archive, is damaged, ends half-way, holds no log or several, or names that lead
 * elsewhere. ERROR_LIMIT: more than `cap` bytes unpacked, or too many files.
 */
bool spark_log_archive_unpack(const char *path, const char *folder, int64_t cap, char **ret_log,
                              struct error *err);

#endif
