/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_SCHEMA_H
#define OPTCTL_TESTS_SUPPORT_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

#include "core/error.h"

/*
 * Checks a document against a JSON Schema 2020-12 file: the keywords our own schemas use (type, const, enum,
 * minimum, exclusiveMinimum, minItems, required, properties, additionalProperties, items, anyOf, $ref to this
 * file or one beside it). A keyword it does not know fails, so that no schema can silently promise more than
 * is checked.
 */
bool schema_check(const char *folder, const char *file, const json_t *document, struct error *err);

#endif
