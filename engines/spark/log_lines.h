/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_LOG_LINES_H
#define OPTCTL_ENGINES_SPARK_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/memory.h"

#define SPARK_LOG_MAX_LINE (32 << 20)

/*
 * The lines of an event log, which is a file, or the folder of a rolling log (appstatus_* and events_N_*):
 * its files in their order, those left out that a compacted one stands for.
 */
struct spark_log_lines;

bool spark_log_lines_open(const char *path, struct spark_log_lines **ret_lines, struct error *err);
void spark_log_lines_close(struct spark_log_lines *lines);
DEFINE_CLEANUP(spark_log_lines_close, struct spark_log_lines);

struct spark_log_line {
        const char *bytes; /* without the line's end, until the next call */
        size_t length;
        const char *file; /* borrowed from the reader */
        size_t number;    /* from 1 in its file */
        bool whole;       /* it has a line's end */
};

/* The next line that is not empty; *ret_more is false at the end. A file that is damaged gives ERROR_INPUT
 * with its name and the line once, and the next call goes on with the next file; so does a line that is too
 * long, with the next line. Any other error is the last word. */
bool spark_log_lines_next(struct spark_log_lines *lines, struct spark_log_line *ret_line, bool *ret_more,
                          struct error *err);

/* Bytes of the files, as they are stored, that have been read, and that there are. */
void spark_log_lines_progress(const struct spark_log_lines *lines, size_t *ret_read, size_t *ret_stored);

/* Bytes of text read so far. */
size_t spark_log_lines_bytes(const struct spark_log_lines *lines);

#endif
