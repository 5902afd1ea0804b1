/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Option tables as structural schemas of Kubernetes. */
#include <math.h>

#include "core/crd/internal.h"
#include "core/option_internal.h"

/* Longest number, quantity and time. What it says, the API server reckons the cost of rules by. */
#define NUMBER_CHARACTERS 64

static void set_bound(json_t *schema, const char *name, double bound)
{
        if (isfinite(bound) && fabs(bound) < 0x1p63)
                json_object_set_new(schema, name, json_integer((json_int_t)bound));
}

/* The API's default of a choice is stored with the object, so that who reads it sees what holds. Other
 * defaults are not: the next version may know a better one, and for some it matters whether they were given.
 */
static bool default_is_stored(const struct option *option)
{
        return option->type == OPTION_CHOICE && option->fallback && !option->required;
}

static void describe(const struct option *option, json_t *schema)
{
        autotext words = {0};

        text_put(&words, option->help);
        if (option->unit)
                text_format(&words, " Unit: %s.", option_unit_words(option->unit));
        if (option->fallback && !default_is_stored(option))
                text_format(&words, " Default: %s.", option->fallback);
        if (option->immutable)
                text_put(&words, " It cannot be changed.");
        json_object_set_new(schema, "description", json_string(words.data));
}

static json_t *integer_schema(const struct option *option)
{
        json_t *schema = json_pack("{s:s, s:s}", "type", "integer", "format", "int64");

        if (option_bounded(option)) {
                set_bound(schema, "minimum", option->min);
                set_bound(schema, "maximum", option->max);
        }
        return schema;
}

/* Kubernetes objects carry no floats: an integer, or digits in quotes. */
static json_t *number_schema(const struct option *option)
{
        return json_pack("{s:b, s:[{s:s}, {s:s}], s:i, s:s}", "x-kubernetes-int-or-string", 1, "anyOf",
                         "type", "integer", "type", "string", "maxLength", NUMBER_CHARACTERS, "pattern",
                         option->type == OPTION_QUANTITY ? OPTION_QUANTITY_PATTERN : OPTION_DECIMAL_PATTERN);
}

static json_t *text_schema(const struct option *option)
{
        json_t *schema = json_pack("{s:s}", "type", "string");
        double least = option->required ? fmax(option->min, 1) : option->min;

        if (least > 0)
                set_bound(schema, "minLength", least);
        set_bound(schema, "maxLength", option_most(option));
        return schema;
}

static json_t *choice_schema(const struct option *option)
{
        json_t *choices = json_array();
        json_t *schema;

        for (size_t i = 0; option->choices[i]; i++)
                json_array_append_new(choices, json_string(option->choices[i]));
        schema = json_pack("{s:s, s:o}", "type", "string", "enum", choices);
        if (default_is_stored(option))
                json_object_set_new(schema, "default", json_string(option->fallback));
        return schema;
}

static json_t *list_schema(const struct option *option, json_t *items)
{
        json_t *schema = json_pack("{s:s, s:o, s:s}", "type", "array", "items", items,
                                   "x-kubernetes-list-type", option->key ? "map" : "atomic");

        if (option->key)
                json_object_set_new(schema, "x-kubernetes-list-map-keys", json_pack("[s]", option->key));
        if (option->min > 0)
                set_bound(schema, "minItems", option->min);
        set_bound(schema, "maxItems", option_most(option));
        return schema;
}

/* NULL for an option that stands in files alone. */
static json_t *type_schema(const struct option *option)
{
        const struct option text = {.type = OPTION_TEXT, .required = true};
        const struct option number = {.type = OPTION_NUMBER};

        switch (option->type) {
        case OPTION_BOOL:
                return json_pack("{s:s}", "type", "boolean");
        case OPTION_INT:
                return integer_schema(option);
        case OPTION_NUMBER:
        case OPTION_QUANTITY:
                return number_schema(option);
        case OPTION_TEXT:
                return text_schema(option);
        case OPTION_CHOICE:
                return choice_schema(option);
        case OPTION_TIME:
                return json_pack("{s:s, s:s, s:i}", "type", "string", "format", "date-time", "maxLength",
                                 NUMBER_CHARACTERS);
        case OPTION_TEXTS:
                return list_schema(option, text_schema(&text));
        case OPTION_NUMBERS:
                return list_schema(option, number_schema(&number));
        default:
                break;
        }
        if (!option->table)
                return NULL;
        return option->type == OPTION_LIST || (option->type == OPTION_FREE && option->max > 0)
                       ? list_schema(option, crd_section_schema(option->table))
                       : crd_section_schema(option->table);
}

static json_t *option_schema_of(const struct option *option)
{
        json_t *schema = type_schema(option);
        json_t *rules;

        if (!schema)
                return NULL;
        describe(option, schema);
        rules = crd_option_rules(option);
        if (rules)
                json_object_set_new(schema, "x-kubernetes-validations", rules);
        return schema;
}

json_t *crd_section_schema(const struct option_table *table)
{
        json_t *properties = json_object();
        json_t *required = json_array();
        json_t *schema = json_pack("{s:s, s:s, s:o}", "type", "object", "description", table->help,
                                   "properties", properties);
        json_t *rules = crd_section_rules(table);

        for (const struct option *option = table->options; option->name; option++) {
                json_t *below = option->local ? NULL : option_schema_of(option);

                if (!below)
                        continue;
                json_object_set_new(properties, option->name, below);
                if (option->required)
                        json_array_append_new(required, json_string(option->name));
        }
        if (json_array_size(required) > 0)
                json_object_set(schema, "required", required);
        json_decref(required);
        if (rules)
                json_object_set_new(schema, "x-kubernetes-validations", rules);
        return schema;
}
