/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_STATUS_TEXT_H
#define OPTCTL_CONTROLLER_CLI_STATUS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Live pipelines for people: `pipelines` of docs/schema/status.schema.json as a table, and a sentence each.
 */
void status_print(const json_t *document, FILE *out, bool color);

/* `pipelines` of docs/schema/books.schema.json as a table. */
void books_print(const json_t *document, FILE *out, bool color);

#endif
