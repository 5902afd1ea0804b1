/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/spark/log_head.h"

#include <stdlib.h>

#include "core/batch.h"
#include "engines/spark/log_events.h"
#include "engines/spark/log_lines.h"

/* Before the start stand Spark's version, the driver's block manager, the settings, and executors that were
 * quick. */
#define MAX_LINES 1000

/* Up to the application's start. */
static bool read_start(struct spark_log_lines *lines, struct spark_log_events *events,
                       const struct batch_run *run)
{
        for (int i = 0; i < MAX_LINES && !run->name; i++) {
                struct error ignored = ERROR_INIT;
                struct spark_log_line line;
                bool more, known;

                if (!spark_log_lines_next(lines, &line, &more, &ignored) || !more ||
                    !spark_log_events_add(events, line.bytes, line.length, &known, &ignored))
                        return false;
        }
        return run->name && run->started_ms != BATCH_UNKNOWN;
}

bool spark_log_head_read(const char *path, struct spark_log_head *ret_head)
{
        autocall(batch_run_free) struct batch_run *run = batch_run_new();
        autocall(spark_log_events_free) struct spark_log_events *events = spark_log_events_new(run);
        autocall(spark_log_lines_close) struct spark_log_lines *lines = NULL;
        struct error ignored = ERROR_INIT;

        if (!spark_log_lines_open(path, &lines, &ignored) || !read_start(lines, events, run))
                return false;
        ret_head->name = TAKE(run->name);
        ret_head->begun_ms = run->started_ms;
        return true;
}

void spark_log_head_clear(struct spark_log_head *head)
{
        free(head->name);
        *head = (struct spark_log_head){.name = NULL};
}
