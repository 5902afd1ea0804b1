/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ACTUATORS_SPARK_REPLACE_H
#define OPTCTL_ACTUATORS_SPARK_REPLACE_H

#include "engines/spark/settings_file.h"

/*
 * Puts a text in the place of a file as it was read: whoever reads it finds the old one or the new one,
 * whole, after a crash, too. Mode and owner stay. Blocks.
 *
 * ERROR_CONFLICT: it is no longer as it was read; ERROR_REFUSED (NotWritable): no file may be made beside it,
 * or not with that owner; ERROR_IO otherwise. Nothing was changed then.
 */
bool spark_replace_file(const char *path, const struct spark_settings_file *read, const struct text *text,
                        struct error *err);

#endif
