/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_PRESENT_H
#define OPTCTL_CONTROLLER_CLI_PRESENT_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"

/* Where a study's document goes. File names may be NULL: not wanted. "-" is standard output, and then no
 * table is printed there. */
struct presentation {
        const char *json, *csv, *report;
        bool quiet; /* no table either */
};

bool present(const json_t *document, const struct presentation *presentation, struct error *err);

/* ERROR_INPUT when two of them want standard output, or one and the same file. */
bool presentation_check(const struct presentation *presentation, struct error *err);

#endif
