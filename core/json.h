/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_JSON_H
#define OPTCTL_CORE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"

/* What jansson leaves to its users. Keys are written in the order they were added; numbers the same on every
 * run. */
DEFINE_CLEANUP(json_decref, json_t);
#define autojson __attribute__((cleanup(json_decref_cleanup))) json_t

/* NAN and infinities become null, whole numbers integers. */
json_t *json_from_double(double value);

/* The text, up to where it is UTF-8: what was cut to its room may end in half a character. */
json_t *json_from_text(const char *text);

/* A copy for people: every text in it, and every key, is one line that a terminal shows and does not obey
 * (text_to_line). What is written for programs goes out as it is. The caller owns it; of NULL it is NULL. */
json_t *json_to_lines(const json_t *value);

/* Appends the value; indent 0 puts it on one line. Reals have ten significant digits. */
void json_put(const json_t *value, int indent, struct text *out);

/* Appends a map as YAML in block style, one key a line; texts stand in quotes. */
void json_put_yaml(json_t *map, struct text *out);

/* Errors are ERROR_INPUT and read "source:line:column: not JSON: ...". Duplicate keys are refused. */
bool json_parse_text(const char *text, size_t length, const char *source, json_t **ret_value,
                     struct error *err);
bool json_read_file(const char *path, size_t cap_bytes, json_t **ret_value, struct error *err);

/* The number at a dotted path of keys and indices ("runs.0.loss"); NAN: there is none. json: may be NULL. */
double json_number_at(const json_t *json, const char *path);

/* The finite number or the text under a key; false when it is absent or of another type. Text is borrowed. */
bool json_find_number(const json_t *object, const char *key, double *ret_value);
bool json_find_text(const json_t *object, const char *key, const char **ret_text);

#endif
