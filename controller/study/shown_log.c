/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/shown_log.h"

#include <stdint.h>
#include <stdio.h>

#include "controller/cli/terminal.h"
#include "core/clock.h"

#define MEGABYTE 1000000

struct shown {
        struct clock clock;
        struct progress *progress;
        bool quiet;
        size_t megabytes; /* that it has been told of */
};

/* How much there is, the first look tells; a log that is still written to may grow meanwhile. */
static void see(void *context, size_t read, size_t stored)
{
        struct shown *shown = context;

        if (!shown->progress)
                shown->progress = progress_new(stderr, !shown->quiet, &shown->clock, "reading", "MB",
                                               (int64_t)(stored / MEGABYTE) + 1);
        progress_add(shown->progress, (int64_t)(read / MEGABYTE - shown->megabytes));
        shown->megabytes = read / MEGABYTE;
}

bool shown_log_read(const char *path, bool quiet, struct spark_event_log *ret_log, struct error *err)
{
        struct shown shown = {.clock = clock_system(), .quiet = quiet};
        const struct spark_event_log_watch watch = {see, &shown};
        bool read = spark_event_log_read_watched(path, &watch, ret_log, err);

        progress_free(shown.progress);
        return read;
}
