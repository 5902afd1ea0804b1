/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_TUNE_CSV_H
#define OPTCTL_CONTROLLER_TUNE_CSV_H

#include "controller/tune/runs.h"
#include "core/text.h"

/* The trials of a study as CSV (RFC 4180), a row each: trial, status, y, predicted, seconds, cpuSeconds,
 * memoryBytes, cost, attempts, then what was read from the output, then the parameters, then the context.
 * What is not known is empty. */
void tune_csv(const struct tune_study *study, const struct tune_runs *runs, struct text *out);

#endif
