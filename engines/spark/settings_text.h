/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_SETTINGS_TEXT_H
#define OPTCTL_ENGINES_SPARK_SETTINGS_TEXT_H

#include <stddef.h>

#include "core/text.h"

/*
 * Settings of Spark as they stand in a file, read and changed in its text: all but the value that changes
 * stays as it is, byte for byte.
 */
enum spark_settings_form {
        /* spark-defaults.conf: properties of Java (java.util.Properties.load), which Spark reads it with. */
        SPARK_SETTINGS_DEFAULTS,
        /* Words of a command line as `spark-submit $(cat FILE)` has them: between blanks, without quotes. A
         * setting is --conf NAME=VALUE, or an option of its own (--executor-memory), which counts for more.
         * What stands behind the application's own file is the application's. */
        SPARK_SETTINGS_ARGUMENTS,
};

/* The value of a setting; where it stands several times, the one that counts: the last. NULL: it does not
 * stand there. The caller frees it. */
char *spark_settings_get(enum spark_settings_form form, const struct text *text, const char *name);

/* The text with another value of the setting; one that did not stand there gets a line of its own. */
void spark_settings_set(enum spark_settings_form form, struct text *text, const char *name,
                        const char *value);

#endif
