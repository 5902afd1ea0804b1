/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engines/kubernetes/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/quantity.h"
#include "core/series/series.h"

#define KEY_ROOM 64

const json_t *kube_field(const json_t *object, const char *path)
{
        while (object && *path) {
                char key[KEY_ROOM];
                size_t length = strcspn(path, ".");

                snprintf(key, sizeof key, "%.*s", (int)length, path);
                object = json_object_get(object, key);
                path += length + (path[length] == '.');
        }
        return object;
}

const char *kube_field_text(const json_t *object, const char *path)
{
        const char *text = json_string_value(kube_field(object, path));

        return text ? text : "";
}

int64_t kube_field_count(const json_t *object, const char *path, int64_t otherwise)
{
        const json_t *value = kube_field(object, path);
        json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

        return number >= 0 && number <= INT32_MAX ? (int64_t)number : otherwise;
}

double kube_field_quantity(const json_t *object, const char *path)
{
        const json_t *value = kube_field(object, path);
        double number = NAN;

        if (json_is_number(value))
                number = json_number_value(value);
        else if (json_is_string(value) && !quantity_parse(json_string_value(value), &number))
                number = NAN;
        return isfinite(number) && number >= 0 ? number : NAN;
}

int64_t kube_field_time(const json_t *object, const char *path)
{
        const char *text = kube_field_text(object, path);
        struct error ignored = ERROR_INIT;
        int64_t time_ms;

        return *text && time_parse(text, NULL, &time_ms, &ignored) ? time_ms : INT64_MIN;
}

const json_t *kube_field_named(const json_t *list, const char *name)
{
        size_t i;
        json_t *item;

        json_array_foreach(list, i,
                           item) if (!*name || strcmp(kube_field_text(item, "name"), name) == 0) return item;
        return NULL;
}

void kube_field_copy(json_t *to, const char *key, const json_t *from)
{
        const json_t *value = json_object_get(from, key);

        if (value)
                json_object_set_new(to, key, json_deep_copy(value));
}
