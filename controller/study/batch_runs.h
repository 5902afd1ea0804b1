/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_BATCH_RUNS_H
#define OPTCTL_CONTROLLER_STUDY_BATCH_RUNS_H

#include <jansson.h>
#include <stdbool.h>

#include "core/batch.h"
#include "core/error.h"
#include "sim/scale_out.h"

/*
 * Run time by slots, from the event logs of several runs of an application.
 *
 * run, slots, seconds  the first run
 * logs                 paths of those of the others, ends with NULL
 * quiet                no progress on a terminal
 * ret_runs             [{log, slots, seconds}], the others
 *
 * ERROR_INPUT when a log cannot be read or belongs to an application of another name, and when all runs had
 * the same number of slots.
 */
bool batch_runs_fit(const struct batch_run *run, double slots, double seconds, char *const *logs, bool quiet,
                    struct scale_out *ret_model, json_t **ret_runs, struct error *err);

#endif
