/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_EVENT_LOG_H
#define OPTCTL_ENGINES_SPARK_EVENT_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "core/batch.h"
#include "core/error.h"

/*
 * What Spark writes down of an application while it runs (spark.eventLog.enabled): one JSON event a line. Of
 * any version since 1.3, of an application that has ended, still runs (.inprogress) or died. Read as a
 * stream: a log of 10 GB takes the memory of its tasks, 20 bytes each.
 */
struct spark_event_log {
        struct batch_run *run;
        char *damage; /* one line: what was left out, where the first of it is, why; NULL: nothing */
        size_t lines, damaged_lines, bytes; /* of text */
};

/* ERROR_INPUT when nothing in it is an event of Spark's; a log that is damaged in part is read, and `damage`
 * says so. */
bool spark_event_log_read(const char *path, struct spark_event_log *ret_log, struct error *err);

/* The same for somebody who waits: `seen` is called now and then with the bytes of its files, as they are
 * stored, that have been read, and with how many there are. */
struct spark_event_log_watch {
        void (*seen)(void *context, size_t read, size_t stored);
        void *context;
};
bool spark_event_log_read_watched(const char *path, const struct spark_event_log_watch *watch,
                                  struct spark_event_log *ret_log, struct error *err);

/* Whether a path is one: a folder of a rolling log, a file that begins with an event, compressed or not, or
 * one that was cut off before what is compressed tells. */
bool spark_event_log_is(const char *path);

void spark_event_log_clear(struct spark_event_log *log);

#define auto_spark_event_log __attribute__((cleanup(spark_event_log_clear))) struct spark_event_log

#endif
