/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_LOG_EVENTS_H
#define OPTCTL_ENGINES_SPARK_LOG_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/batch.h"
#include "core/error.h"
#include "core/memory.h"

/* Events of Spark into a run. */
struct spark_log_events;

struct spark_log_events *spark_log_events_new(struct batch_run *run); /* the run is borrowed */
void spark_log_events_free(struct spark_log_events *events);
DEFINE_CLEANUP(spark_log_events_free, struct spark_log_events);

/*
 * One line of a log. *ret_known says that it is an event of Spark's. Events that tell nothing a run holds
 * (the start of a task, plans of queries: some two of five bytes of a log) are known by their first bytes and
 * not looked into. ERROR_INPUT when the line is damaged; the run then holds nothing of it, or the part of it
 * that came first.
 */
bool spark_log_events_add(struct spark_log_events *events, const char *line, size_t length, bool *ret_known,
                          struct error *err);

#endif
