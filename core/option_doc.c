/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What option tables say to people and to other programs: values as JSON, explain, JSON Schema, the reference
 * page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/option_internal.h"
#include "core/quantity.h"
#include "core/series/series.h"

#define EXPLAIN_WIDTH 78

static bool has_below(const struct option *option)
{
        return option->type == OPTION_SECTION || option->type == OPTION_POINTER ||
               option->type == OPTION_LIST;
}

/* ---- values as JSON ---- */

static json_t *scalar_to_json(const struct yaml_node *node)
{
        long long whole;
        double number;

        if (node->null)
                return json_null();
        if (node->quoted)
                return json_string(node->scalar);
        if (strcmp(node->scalar, "true") == 0 || strcmp(node->scalar, "false") == 0)
                return json_boolean(node->scalar[0] == 't');
        if (text_to_int64(node->scalar, &whole))
                return json_integer(whole);
        return text_to_double(node->scalar, &number) ? json_real(number) : json_string(node->scalar);
}

static json_t *node_to_json(const struct yaml_node *node)
{
        json_t *value;

        if (node->kind == YAML_SCALAR)
                return scalar_to_json(node);
        value = node->kind == YAML_LIST ? json_array() : json_object();
        for (size_t i = 0; i < node->count; i++) {
                if (node->kind == YAML_LIST)
                        json_array_append_new(value, node_to_json(node->items[i]));
                else
                        json_object_set_new(value, node->keys[i]->scalar, node_to_json(node->items[i]));
        }
        return value;
}

static json_t *list_to_json(const struct option *option, const struct option_list *list)
{
        json_t *array = json_array();

        for (size_t i = 0; i < list->count; i++) {
                json_t *item;

                if (option->type == OPTION_LIST)
                        item = option_to_json(option->table,
                                              (const char *)list->items + i * option->table->size);
                else if (option->type == OPTION_TEXTS)
                        item = json_string(((char *const *)list->items)[i]);
                else
                        item = json_from_double(((const double *)list->items)[i]);
                json_array_append_new(array, item);
        }
        return array;
}

static json_t *time_to_json(int64_t time_ms)
{
        char buffer[32];

        if (time_ms == INT64_MIN)
                return NULL;
        time_format(time_ms, buffer);
        return json_string(buffer);
}

/* NULL when the option has no value. */
static json_t *value_to_json(const struct option *option, const void *field)
{
        const void *pointer = NULL;

        switch (option->type) {
        case OPTION_BOOL:
                return json_boolean(*(const bool *)field);
        case OPTION_INT:
                return json_integer(*(const int64_t *)field);
        case OPTION_NUMBER:
        case OPTION_QUANTITY:
                return isnan(*(const double *)field) ? NULL : json_from_double(*(const double *)field);
        case OPTION_CHOICE:
                return json_string(option->choices[*(const int *)field]);
        case OPTION_TIME:
                return time_to_json(*(const int64_t *)field);
        case OPTION_SECTION:
                return option_to_json(option->table, field);
        case OPTION_LIST:
        case OPTION_TEXTS:
        case OPTION_NUMBERS:
                return list_to_json(option, field);
        default:
                memcpy(&pointer, field, sizeof pointer);
        }
        if (!pointer)
                return NULL;
        if (option->type == OPTION_TEXT)
                return json_string(pointer);
        return option->type == OPTION_POINTER ? option_to_json(option->table, pointer)
                                              : node_to_json(pointer);
}

json_t *option_to_json(const struct option_table *table, const void *object)
{
        json_t *map = json_object();

        for (const struct option *option = table->options; option->name; option++) {
                json_t *value = value_to_json(option, (const char *)object + option->offset);

                if (value)
                        json_object_set_new(map, option->name, value);
        }
        return map;
}

/* ---- finding ---- */

static const struct option *find_name(const struct option_table *table, const char *name, size_t length)
{
        for (const struct option *option = table->options; option->name; option++)
                if (strlen(option->name) == length && strncmp(option->name, name, length) == 0)
                        return option;
        return NULL;
}

static bool fail_not_found(const struct option_table *table, const char *path, const char *name,
                           size_t length, struct error *err)
{
        autofree char *wanted = memory_format("%.*s", (int)length, name);
        autofree const char **names = NULL;
        const char *nearest;
        size_t count = 0;

        while (table->options[count].name)
                count++;
        names = memory_new(count + 1, sizeof *names);
        for (size_t i = 0; i < count; i++)
                names[i] = table->options[i].name;
        nearest = text_nearest(wanted, names);
        return error_set(err, ERROR_INPUT, NULL, "%s: no option \"%s\" in %s%s%s%s", path, wanted,
                         table->name ? table->name : "the document", nearest ? "; did you mean " : "",
                         nearest ? nearest : "", nearest ? "?" : "");
}

bool option_find(const struct option_table *table, const char *path, const struct option_table **ret_table,
                 const struct option **ret_option, struct error *err)
{
        const struct option *option = NULL;
        const char *rest = path;

        while (*rest) {
                size_t length = strcspn(rest, ".[");

                if (option && !has_below(option))
                        return error_set(err, ERROR_INPUT, NULL, "%s: %s has no options below it", path,
                                         option->name);
                if (option)
                        table = option->table;
                option = find_name(table, rest, length);
                if (!option)
                        return fail_not_found(table, path, rest, length, err);
                rest += length;
                if (*rest == '[')
                        rest += strcspn(rest, ".");
                if (*rest == '.')
                        rest++;
        }
        *ret_table = table;
        *ret_option = option;
        return true;
}

/* ---- words ---- */

static const char *const type_words[] = {
        [OPTION_BOOL] = "boolean",
        [OPTION_INT] = "integer",
        [OPTION_NUMBER] = "number",
        [OPTION_QUANTITY] = "quantity",
        [OPTION_TEXT] = "text",
        [OPTION_CHOICE] = "choice",
        [OPTION_TIME] = "time",
        [OPTION_SECTION] = "map",
        [OPTION_POINTER] = "map",
        [OPTION_LIST] = "list of maps",
        [OPTION_TEXTS] = "list of texts",
        [OPTION_NUMBERS] = "list of numbers",
        [OPTION_FREE] = "any",
};

/* "integer, milliseconds from 1 to 86400000"; "Observe, Recommend or Auto". */
static void put_type(const struct option *option, struct text *out)
{
        if (option->type == OPTION_CHOICE) {
                for (size_t i = 0; option->choices[i]; i++)
                        text_format(out, "%s%s", i ? " | " : "", option->choices[i]);
                return;
        }
        text_put(out, type_words[option->type]);
        if (option->unit)
                text_format(out, ", %s", option_unit_words(option->unit));
        if (option->type == OPTION_TEXT || option->type >= OPTION_LIST)
                return;
        option_put_range(option, out);
}

static void put_wrapped(const char *words, const char *indent, struct text *out)
{
        size_t column = 0;

        while (*words) {
                size_t length = strcspn(words, " ");

                if (column > 0 && column + 1 + length > EXPLAIN_WIDTH) {
                        text_put(out, "\n");
                        column = 0;
                }
                text_put(out, column ? " " : indent);
                column += column ? 1 : strlen(indent);
                text_add(out, words, length);
                column += length;
                words += length;
                words += strspn(words, " ");
        }
        text_put(out, "\n");
}

static void explain_table(const struct option_table *table, struct text *out)
{
        text_put(out, "\nOPTIONS:\n");
        for (const struct option *option = table->options; option->name; option++) {
                text_format(out, "  %s  <", option->name);
                put_type(option, out);
                text_put(out, ">");
                if (option->required)
                        text_put(out, "  required");
                if (option->fallback)
                        text_format(out, "  default %s", option->fallback);
                text_put(out, "\n");
                put_wrapped(option->help, "      ", out);
        }
}

void option_explain(const struct option_table *table, const struct option *option, const char *path,
                    struct text *out)
{
        if (!option) {
                text_format(out, "NAME: %s\n\n", *path ? path : table->name);
                put_wrapped(table->help, "  ", out);
                explain_table(table, out);
                return;
        }
        text_format(out, "NAME: %s\nTYPE: ", path);
        put_type(option, out);
        if (option->required)
                text_put(out, "\nREQUIRED");
        if (option->fallback)
                text_format(out, "\nDEFAULT: %s", option->fallback);
        text_put(out, "\n\n");
        put_wrapped(option->help, "  ", out);
        if (has_below(option))
                explain_table(option->table, out);
}

/* ---- JSON Schema ---- */

static json_t *bound_to_json(const struct option *option, double bound)
{
        return option->type == OPTION_NUMBER ? json_from_double(bound) : json_integer((json_int_t)bound);
}

static void set_bounds(const struct option *option, const char *lower, const char *upper, json_t *schema)
{
        if (!option_bounded(option))
                return;
        if (isfinite(option->min))
                json_object_set_new(schema, lower, bound_to_json(option, option->min));
        if (isfinite(option->max) && fabs(option->max) < 0x1p63)
                json_object_set_new(schema, upper, bound_to_json(option, option->max));
}

/* A number, or the same in quotes: Kubernetes objects had better carry no floats. */
static json_t *number_schema(const struct option *option)
{
        bool quantity = option->type == OPTION_QUANTITY;
        json_t *number = json_pack("{s:s}", "type", "number");

        if (!quantity)
                set_bounds(option, "minimum", "maximum", number);
        return json_pack("{s:[o, {s:s, s:s}]}", "anyOf", number, "type", "string", "pattern",
                         quantity ? OPTION_QUANTITY_PATTERN : OPTION_DECIMAL_PATTERN);
}

static json_t *table_schema(const struct option_table *table);

static json_t *array_schema(const struct option *option, json_t *items)
{
        json_t *schema = json_pack("{s:s, s:o}", "type", "array", "items", items);

        set_bounds(option, "minItems", "maxItems", schema);
        return schema;
}

static json_t *choice_schema(const struct option *option)
{
        json_t *choices = json_array();

        for (size_t i = 0; option->choices[i]; i++)
                json_array_append_new(choices, json_string(option->choices[i]));
        return json_pack("{s:s, s:o}", "type", "string", "enum", choices);
}

static json_t *typed_schema(const struct option *option, const char *type)
{
        json_t *schema = json_pack("{s:s}", "type", type);

        if (option->type == OPTION_INT)
                set_bounds(option, "minimum", "maximum", schema);
        if (option->type == OPTION_TEXT)
                set_bounds(option, "minLength", "maxLength", schema);
        if (option->type == OPTION_TIME)
                json_object_set_new(schema, "format", json_string("date-time"));
        return schema;
}

static json_t *type_schema(const struct option *option)
{
        const struct option number = {.type = OPTION_NUMBER};

        switch (option->type) {
        case OPTION_BOOL:
                return typed_schema(option, "boolean");
        case OPTION_INT:
                return typed_schema(option, "integer");
        case OPTION_NUMBER:
        case OPTION_QUANTITY:
                return number_schema(option);
        case OPTION_CHOICE:
                return choice_schema(option);
        case OPTION_SECTION:
        case OPTION_POINTER:
                return table_schema(option->table);
        case OPTION_LIST:
                return array_schema(option, table_schema(option->table));
        case OPTION_TEXTS:
                return array_schema(option, json_pack("{s:s}", "type", "string"));
        case OPTION_NUMBERS:
                return array_schema(option, number_schema(&number));
        case OPTION_FREE:
                return json_pack("{s:b}", "x-kubernetes-preserve-unknown-fields", 1);
        default:
                return typed_schema(option, "string");
        }
}

/* The default as JSON, typed by what it reads as in a spec. */
static void set_default(const struct option *option, json_t *schema)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;
        struct error ignored = ERROR_INIT;

        if (option->fallback &&
            yaml_parse(option->fallback, strlen(option->fallback), option->name, &document, &ignored))
                json_object_set_new(schema, "default", node_to_json(yaml_root(document)));
}

static json_t *option_to_schema(const struct option *option)
{
        json_t *schema = type_schema(option);
        autotext words = {0};

        text_put(&words, option->help);
        if (option->unit)
                text_format(&words, " Unit: %s.", option_unit_words(option->unit));
        json_object_set_new(schema, "description", json_string(words.data));
        set_default(option, schema);
        return schema;
}

static json_t *table_schema(const struct option_table *table)
{
        json_t *properties = json_object();
        json_t *required = json_array();
        json_t *schema;

        for (const struct option *option = table->options; option->name; option++) {
                json_object_set_new(properties, option->name, option_to_schema(option));
                if (option->required)
                        json_array_append_new(required, json_string(option->name));
        }
        schema = json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description", table->help, "properties",
                           properties, "additionalProperties", 0);
        if (json_array_size(required) > 0)
                json_object_set_new(schema, "required", required);
        else
                json_decref(required);
        return schema;
}

json_t *option_schema(const struct option_table *table)
{
        json_t *schema = json_pack("{s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema",
                                   "title", table->name);
        autojson *layout = table_schema(table);

        json_object_update(schema, layout);
        return schema;
}

/* ---- the reference page ---- */

/* A cell of a Markdown table. */
static void put_cell(const char *words, struct text *out)
{
        for (; *words; words++) {
                if (*words == '|')
                        text_put(out, "\\");
                text_add(out, words, 1);
        }
}

static void reference_row(const struct option *option, struct text *out)
{
        autotext type = {0};
        autofree char *words = NULL;

        put_type(option, &type);
        words = text_take(&type);
        text_format(out, "| `%s` | ", option->name);
        put_cell(words, out);
        text_put(out, " | ");
        if (option->required)
                text_put(out, "required");
        else if (option->fallback)
                text_format(out, "`%s`", option->fallback);
        text_put(out, " | ");
        put_cell(option->help, out);
        text_put(out, " |\n");
}

void option_reference(const struct option_table *table, const char *path, struct text *out)
{
        if (*path)
                text_format(out, "## `%s`\n\n", path);
        text_format(out, "%s\n\n", table->help);
        if (table->options[0].name)
                text_put(out, "| option | type | default | what it does |\n| --- | --- | --- | --- |\n");
        for (const struct option *option = table->options; option->name; option++)
                reference_row(option, out);
        text_put(out, "\n");
        for (const struct option *option = table->options; option->name; option++) {
                autofree char *below = NULL;

                if (!has_below(option))
                        continue;
                below = memory_format("%s%s%s%s", path, *path ? "." : "", option->name,
                                      option->type == OPTION_LIST ? "[]" : "");
                option_reference(option->table, below, out);
        }
}
