/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_LOG_HEAD_H
#define OPTCTL_ENGINES_SPARK_LOG_HEAD_H

#include <stdbool.h>
#include <stdint.h>

/* What the first lines of an event log say, of one that is still written, too. */
struct spark_log_head {
        char *name; /* spark.app.name */
        int64_t begun_ms;
};

/* False: it is no event log, or the application's start is not among its first lines. */
bool spark_log_head_read(const char *path, struct spark_log_head *ret_head);
void spark_log_head_clear(struct spark_log_head *head);

#endif
