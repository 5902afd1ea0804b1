/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_SHOWN_LOG_H
#define OPTCTL_CONTROLLER_STUDY_SHOWN_LOG_H

#include <stdbool.h>

#include "engines/spark/event_log.h"

/* spark_event_log_read, with a progress bar on a terminal where it takes long. quiet: without. */
bool shown_log_read(const char *path, bool quiet, struct spark_event_log *ret_log, struct error *err);

#endif
