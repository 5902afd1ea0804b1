/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REAL_DIGITS 10

/* Whole numbers up to here are exact in a double and in %.10g's place would lose digits. */
#define WHOLE_MAX 9007199254740992.0

json_t *json_from_double(double value)
{
        if (!isfinite(value))
                return json_null();
        if (value == floor(value) && fabs(value) <= WHOLE_MAX)
                return json_integer((json_int_t)value);
        return json_real(value);
}

static int put_bytes(const char *bytes, size_t length, void *out)
{
        text_add(out, bytes, length);
        return 0;
}

void json_put(const json_t *value, int indent, struct text *out)
{
        size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS);

        json_dump_callback(value, put_bytes, out, flags | (indent > 0 ? (size_t)JSON_INDENT(indent) : 0));
}

bool json_parse_text(const char *text, size_t length, const char *source, json_t **ret_value,
                     struct error *err)
{
        json_error_t problem;
        json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);

        if (!value)
                return error_set(err, ERROR_INPUT, NULL, "%s:%d:%d: not JSON: %s", source, problem.line,
                                 problem.column, problem.text);
        *ret_value = value;
        return true;
}

bool json_read_file(const char *path, size_t cap_bytes, json_t **ret_value, struct error *err)
{
        autofree char *text = NULL;
        size_t length;

        return text_read_file(path, cap_bytes, &text, &length, err) &&
               json_parse_text(text, length, path, ret_value, err);
}

bool json_find_number(const json_t *object, const char *key, double *ret_value)
{
        const json_t *value = json_object_get(object, key);

        if (!json_is_number(value))
                return false;
        *ret_value = json_number_value(value);
        return true;
}

bool json_find_text(const json_t *object, const char *key, const char **ret_text)
{
        const json_t *value = json_object_get(object, key);

        if (!json_is_string(value))
                return false;
        *ret_text = json_string_value(value);
        return true;
}
