/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_SETTINGS_FILE_H
#define OPTCTL_ENGINES_SPARK_SETTINGS_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/pipeline.h"
#include "engines/spark/settings_text.h"

#define SPARK_SETTINGS_MAX_BYTES (1 << 20)

/* A file with settings, as it was when it was read. */
struct spark_settings_file {
        bool exists; /* else the text is empty */
        struct text text;
        struct stat status;
};

/*
 * Blocks. A file that is not there reads as an empty one, where its folder is.
 *
 * What cannot be replaced without a surprise is refused (ERROR_REFUSED): NotAFile; SymbolicLink, since what
 * replaces it would stand beside what it leads to; HardLinks, of which one would be left behind. ERROR_LIMIT
 * above SPARK_SETTINGS_MAX_BYTES; ERROR_INPUT when it is no text; ERROR_IO otherwise.
 */
bool spark_settings_file_read(const char *path, struct spark_settings_file *ret_file, struct error *err);
void spark_settings_file_clear(struct spark_settings_file *file);

/*
 * Sets the knobs that the text tells, and leaves the others alone. ERROR_REFUSED: DynamicAllocation, where a
 * knob counts executors that come and go; Standalone, where it counts those of a master that does not heed
 * it; NotANumber, where something else stands.
 */
bool spark_settings_read_knobs(enum spark_settings_form form, const struct text *text,
                               const struct pipeline *pipeline, struct configuration *configuration,
                               struct error *err);

/* Makes the text say `to`: of what it says already, and of what is to change from `from`. What it did not say
 * and is to stay is left to whoever says it. `what` takes the changes for people: "spark.executor.memory 2g
 * -> 4g". */
void spark_settings_change(enum spark_settings_form form, struct text *text, const struct pipeline *pipeline,
                           const struct configuration *from, const struct configuration *to,
                           struct text *what);

#endif
