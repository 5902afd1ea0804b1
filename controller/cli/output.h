/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_OUTPUT_H
#define OPTCTL_CONTROLLER_CLI_OUTPUT_H

#include <jansson.h>

#include "core/error.h"
#include "core/text.h"

/* Where a command's results go. "-" is standard output. */

/* What cannot be written to is told before the work, not after: ERROR_INPUT. NULL is no file. */
bool output_check(const char *path, struct error *err);

/* Indented as json_put does, with a newline at the end. */
bool output_json(const char *path, const json_t *root, struct error *err);

/* On one line, in place, into a file that is there: the termination message of a container, of which
 * Kubernetes keeps so much. ERROR_LIMIT: it is more. */
#define OUTPUT_MESSAGE_BYTES 4096
bool output_message(const char *path, const json_t *root, struct error *err);

/* The buffer as it is; an empty one is written, too. */
bool output_text(const char *path, const struct text *text, struct error *err);

#endif
