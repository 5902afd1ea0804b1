/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_SPARK_SUMMARY_H
#define OPTCTL_COLLECTORS_SPARK_SUMMARY_H

#include "core/batch.h"
#include "core/observation.h"

/*
 * What an event log tells of a run: when it was, how it ended, with which settings it ran and what it held.
 *
 * ret_run  its configuration has NAN for what neither its settings nor Spark's own defaults say. `failed` of
 * a log without an end, too: its driver died ret_why  why it failed; empty: it did not.
 * OBSERVATION_FAILURE_ROOM bytes
 */
void spark_run_summary(const struct batch_run *log, const struct pipeline *pipeline,
                       struct run_observation *ret_run, char *ret_why);

#endif
