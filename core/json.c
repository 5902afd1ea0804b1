/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/json.h"

#include <math.h>
#include <stdint.h>
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

json_t *json_from_text(const char *text)
{
        size_t length = strlen(text);
        json_t *value = json_stringn(text, length);

        while (!value && length > 0)
                value = json_stringn(text, --length);
        return value;
}

static char *to_line(const char *text)
{
        char *copy = memory_copy_text(text ? text : "");

        text_to_line(copy);
        return copy;
}

json_t *json_to_lines(const json_t *value)
{
        autofree char *line = NULL;
        const char *key;
        json_t *each, *copy;
        size_t i;

        if (!value)
                return NULL;
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                copy = json_object();
                json_object_foreach((json_t *)(uintptr_t)value, key, each)
                {
                        autofree char *name = to_line(key);

                        json_object_set_new(copy, name, json_to_lines(each));
                }
                return copy;
        case JSON_ARRAY:
                copy = json_array();
                json_array_foreach(value, i, each) json_array_append_new(copy, json_to_lines(each));
                return copy;
        case JSON_STRING:
                line = to_line(json_string_value(value));
                return json_string(line);
        default:
                return json_incref((json_t *)(uintptr_t)value);
        }
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

static void put_yaml(json_t *value, int depth, struct text *out);

static void put_yaml_list(json_t *list, int depth, struct text *out)
{
        size_t i;
        json_t *item;

        json_array_foreach(list, i, item)
        {
                text_format(out, "\n%*s- ", depth * 2, "");
                put_yaml(item, depth + 1, out);
        }
}

/* The first key of a map in a list stands beside the dash. */
static void put_yaml_map(json_t *map, int depth, bool after_dash, struct text *out)
{
        const char *key;
        json_t *value;

        json_object_foreach(map, key, value)
        {
                if (!after_dash)
                        text_format(out, "%s%*s", out->length ? "\n" : "", depth * 2, "");
                after_dash = false;
                text_format(out, "%s:", key);
                if (json_object_size(value) > 0) {
                        put_yaml_map(value, depth + 1, false, out);
                } else if (json_array_size(value) > 0) {
                        put_yaml_list(value, depth + 1, out);
                } else {
                        text_put(out, " ");
                        json_put(value, 0, out);
                }
        }
}

static void put_yaml(json_t *value, int depth, struct text *out)
{
        if (json_object_size(value) > 0)
                put_yaml_map(value, depth, true, out);
        else
                json_put(value, 0, out);
}

void json_put_yaml(json_t *map, struct text *out)
{
        put_yaml_map(map, 0, false, out);
        text_put(out, "\n");
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

double json_number_at(const json_t *json, const char *path)
{
        while (json && *path) {
                size_t length = strcspn(path, ".");
                autofree char *step = memory_format("%.*s", (int)length, path);
                long long index;

                if (json_is_array(json))
                        json = text_to_int64(step, &index) && index >= 0 ? json_array_get(json, (size_t)index)
                                                                         : NULL;
                else
                        json = json_object_get(json, step);
                path += length + (path[length] == '.');
        }
        return json_is_number(json) ? json_number_value(json) : NAN;
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
