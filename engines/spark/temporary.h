/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_SPARK_TEMPORARY_H
#define OPTCTL_ENGINES_SPARK_TEMPORARY_H

#include <stdbool.h>

#include "core/error.h"

/* A folder of our own for what is downloaded: $TMPDIR/optctl-log-... The caller frees its name. */
bool spark_temporary_make(char **ret_folder, struct error *err);

/* With all that is in it. NULL: nothing to remove. */
void spark_temporary_remove(const char *folder);

#endif
