/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_OPTION_INTERNAL_H
#define OPTCTL_CORE_OPTION_INTERNAL_H

#include "core/option.h"

/* Shared by the parser of options (option.c) and what describes them (option_doc.c). */

const char *option_unit_words(const char *unit); /* "s" -> "seconds"; others as they are, NULL stays NULL */
bool option_bounded(const struct option *option);

/* " from 1 to 64", " of at least 2Gi"; nothing when unbounded. */
void option_put_range(const struct option *option, struct text *out);

#endif
