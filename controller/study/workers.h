/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_WORKERS_H
#define OPTCTL_CONTROLLER_STUDY_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/cli/terminal.h"
#include "core/error.h"

/*
 * Runs job(context, i) for every i < count on several threads; jobs write only their own results, so the
 * order does not matter. Stops at the first failure (the one with the lowest index is reported) and when the
 * clock was told to stop. threads 0: one a core. progress may be NULL.
 */
bool workers_run(size_t count, size_t threads, bool (*job)(void *context, size_t index, struct error *err),
                 void *context, struct progress *progress, struct error *err);

#endif
