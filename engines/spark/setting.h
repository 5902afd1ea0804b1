/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_SETTING_H
#define OPTCTL_ENGINES_SPARK_SETTING_H

#include <stdbool.h>

/*
 * The settings of Spark that a knob stands for, and how Spark writes their values. Every other knob whose
 * name begins with "spark." is a setting by that name.
 */
struct spark_setting {
        const char *name; /* "spark.executor.memory" */
        bool size;        /* of memory: a bare number is in MiB */
};

/* What a knob sets; NULL name: nothing of Spark's. The name is borrowed from the knob's or static. */
struct spark_setting spark_setting_of_knob(const char *knob);

/* The value as a number, bytes of a size ("4g", "512m"), 1 and 0 of true and false; NAN: it is none. Settings
 * whose name speaks of bytes, memory, a size or a buffer may have a unit, too, and are bytes then. */
double spark_setting_read(const struct spark_setting *setting, const char *text);

/* What Spark takes where nothing says it, whatever manages its cluster (its documentation, "Configuration");
 * NAN: that differs, or is not known here. */
double spark_setting_default(const struct spark_setting *setting);

/* The value as Spark reads it, in the form of `present`, which is what stands there now (NULL: nothing).
 * Caller frees. */
char *spark_setting_text(const struct spark_setting *setting, double value, const char *present);

/* Whether this master is Spark's own: how many executors there are follows from spark.cores.max then, and
 * spark.executor.instances is not heeded. */
bool spark_setting_is_standalone(const char *master);

#endif
