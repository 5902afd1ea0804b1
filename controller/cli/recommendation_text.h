/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_CLI_RECOMMENDATION_TEXT_H
#define OPTCTL_CONTROLLER_CLI_RECOMMENDATION_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* The pipelines of docs/schema/recommend.schema.json for people: a row each, then why. */
void recommendation_print(const json_t *document, FILE *out, bool color);

#endif
