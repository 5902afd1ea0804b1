/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/option.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/option_internal.h"
#include "core/quantity.h"
#include "core/series/series.h"

/* Names listed in a message when none is near. */
#define LISTED_NAMES 12

static void *field_of(const struct option *option, void *object)
{
        return (char *)object + option->offset;
}

/* ---- what was expected, in words ---- */

const char *option_unit_words(const char *unit)
{
        static const char *const words[][2] = {
                {"s", "seconds"},    {"ms", "milliseconds"}, {"min", "minutes"}, {"h", "hours"},
                {"1/h", "per hour"}, {"1/d", "per day"},     {"d", "days"},      {"%", "percent"},
        };

        for (size_t i = 0; unit && i < ARRAY_LENGTH(words); i++)
                if (strcmp(unit, words[i][0]) == 0)
                        return words[i][1];
        return unit;
}

bool option_bounded(const struct option *option)
{
        return option->min != 0 || option->max != 0;
}

static void put_bound(const struct option *option, double value, struct text *out)
{
        if (option->type == OPTION_QUANTITY)
                quantity_put(out, value);
        else
                text_format(out, "%.15g", value);
}

void option_put_range(const struct option *option, struct text *out)
{
        if (!option_bounded(option))
                return;
        if (isfinite(option->min) && isfinite(option->max)) {
                text_put(out, " from ");
                put_bound(option, option->min, out);
                text_put(out, " to ");
                put_bound(option, option->max, out);
        } else if (isfinite(option->min)) {
                text_put(out, " of at least ");
                put_bound(option, option->min, out);
        } else if (isfinite(option->max)) {
                text_put(out, " of at most ");
                put_bound(option, option->max, out);
        }
}

double option_most(const struct option *option)
{
        if (option->max > 0)
                return option->max;
        return option->type == OPTION_TEXT ? OPTION_TEXT_BYTES : OPTION_LIST_ITEMS;
}

static void put_names(const char *const *names, const char *last_word, struct text *out)
{
        for (size_t i = 0; names[i]; i++) {
                if (i == LISTED_NAMES) {
                        text_put(out, ", ...");
                        return;
                }
                text_format(out, "%s%s", i == 0 ? "" : names[i + 1] ? ", " : last_word, names[i]);
        }
}

void option_put_expected(const struct option *option, struct text *out)
{
        static const char *const kinds[] = {
                [OPTION_BOOL] = "true or false",
                [OPTION_INT] = "an integer",
                [OPTION_NUMBER] = "a number",
                [OPTION_QUANTITY] = "a quantity such as 512Mi, 100m or 1.5",
                [OPTION_TEXT] = "text",
                [OPTION_TIME] = "a time such as 2026-01-05T00:00:00Z",
                [OPTION_SECTION] = "a map",
                [OPTION_POINTER] = "a map",
                [OPTION_LIST] = "a list of maps",
                [OPTION_TEXTS] = "a list of texts",
                [OPTION_NUMBERS] = "a list of numbers",
                [OPTION_FREE] = "a value",
        };
        bool numeric = option->type == OPTION_INT || option->type == OPTION_NUMBER;
        const char *unit = numeric ? option_unit_words(option->unit) : NULL;
        bool rate = unit && strncmp(unit, "per ", 4) == 0;

        if (option->type == OPTION_CHOICE)
                put_names(option->choices, " or ", out);
        else if (rate)
                text_format(out, "%s %s", kinds[option->type], unit);
        else
                text_put(out, unit ? unit : kinds[option->type]);
        if (option->type == OPTION_TEXT && option_bounded(option))
                text_format(out, " of %.0f to %.0f characters", option->min, option->max);
        else if (option->type >= OPTION_LIST && option->type != OPTION_FREE)
                text_format(out, ", %.0f to %.0f of them", option->min, option_most(option));
        else
                option_put_range(option, out);
}

/* "what was written" `problem`; expected what. */
static bool fail_value(const struct option *option, const struct yaml_node *node, const char *problem,
                       struct error *err)
{
        char shown[YAML_SHOWN_ROOM];
        autotext expected = {0};

        option_put_expected(option, &expected);
        if (node->kind == YAML_LIST)
                return yaml_error(node, err, "is a list; expected %s", expected.data);
        if (node->kind == YAML_MAP)
                return yaml_error(node, err, "is a map; expected %s", expected.data);
        if (node->null)
                return yaml_error(node, err, "has no value; expected %s", expected.data);
        /* A file with a single text in it is no spec, and may be one with a password. */
        if (!node->parent)
                return yaml_error(node, err, "is a text; expected %s", expected.data);
        return yaml_error(node, err, "%s %s; expected %s", yaml_show(node, shown), problem, expected.data);
}

/* ---- scalars ---- */

typedef bool parse_function(const struct option *option, const struct yaml_node *node, void *field,
                            struct error *err);

static bool is_value(const struct yaml_node *node)
{
        return node->kind == YAML_SCALAR && !node->null;
}

static bool parse_bool(const struct option *option, const struct yaml_node *node, void *field,
                       struct error *err)
{
        bool yes = is_value(node) && !node->quoted && strcmp(node->scalar, "true") == 0;
        bool no = is_value(node) && !node->quoted && strcmp(node->scalar, "false") == 0;

        if (!yes && !no)
                return fail_value(option, node, node->quoted ? "stands in quotes" : "is not a boolean", err);
        *(bool *)field = yes;
        return true;
}

/* YAML 1.1 and Kubernetes read a leading zero as octal, YAML 1.2 does not: refused rather than guessed. */
static bool is_octal(const char *scalar)
{
        scalar += *scalar == '-' || *scalar == '+';
        return scalar[0] == '0' && scalar[1] >= '0' && scalar[1] <= '9';
}

static bool in_range(const struct option *option, double value)
{
        return !option_bounded(option) || (value >= option->min && value <= option->max);
}

static bool parse_int(const struct option *option, const struct yaml_node *node, void *field,
                      struct error *err)
{
        long long value;

        if (!is_value(node) || is_octal(node->scalar) || !text_to_int64(node->scalar, &value))
                return fail_value(option, node, "is not an integer", err);
        if (node->quoted)
                return fail_value(option, node, "stands in quotes", err);
        if (!in_range(option, (double)value))
                return fail_value(option, node, "is out of range", err);
        *(int64_t *)field = value;
        return true;
}

static bool parse_number(const struct option *option, const struct yaml_node *node, void *field,
                         struct error *err)
{
        double value;

        if (!is_value(node) || is_octal(node->scalar) || !text_to_double(node->scalar, &value))
                return fail_value(option, node, "is not a number", err);
        if (!in_range(option, value))
                return fail_value(option, node, "is out of range", err);
        *(double *)field = value;
        return true;
}

static bool parse_quantity(const struct option *option, const struct yaml_node *node, void *field,
                           struct error *err)
{
        double value;

        if (!is_value(node) || is_octal(node->scalar) || !quantity_parse(node->scalar, &value))
                return fail_value(option, node, "is not a quantity", err);
        if (!in_range(option, value))
                return fail_value(option, node, "is out of range", err);
        *(double *)field = value;
        return true;
}

/* Kubernetes would take these for another type and refuse the object. */
static const char *not_text(const struct yaml_node *node)
{
        static const char *const words[] = {"true", "false", "yes", "no", "on", "off"};
        double number;

        if (node->quoted || node->kind != YAML_SCALAR)
                return NULL;
        for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
                if (strcasecmp(node->scalar, words[i]) == 0)
                        return "is a boolean unless it stands in quotes";
        return text_to_double(node->scalar, &number) ? "is a number unless it stands in quotes" : NULL;
}

static bool parse_text(const struct option *option, const struct yaml_node *node, void *field,
                       struct error *err)
{
        const char *problem = not_text(node);

        if (!is_value(node) || problem)
                return fail_value(option, node, problem, err);
        if (!in_range(option, (double)strlen(node->scalar)))
                return fail_value(option, node, "is too short or too long", err);
        if ((double)strlen(node->scalar) > option_most(option))
                return fail_value(option, node, "is longer than 4096 characters", err);
        if (option->required && !*node->scalar)
                return fail_value(option, node, "is empty", err);
        *(char **)field = memory_copy_text(node->scalar);
        return true;
}

static bool parse_choice(const struct option *option, const struct yaml_node *node, void *field,
                         struct error *err)
{
        autotext problem = {0};
        const char *nearest;

        if (!is_value(node))
                return fail_value(option, node, "", err);
        for (int i = 0; option->choices[i]; i++) {
                if (strcmp(node->scalar, option->choices[i]) == 0) {
                        *(int *)field = i;
                        return true;
                }
        }
        nearest = text_nearest(node->scalar, option->choices);
        text_put(&problem, "is none of the choices");
        if (nearest)
                text_format(&problem, " (did you mean %s?)", nearest);
        return fail_value(option, node, problem.data, err);
}

static bool parse_time(const struct option *option, const struct yaml_node *node, void *field,
                       struct error *err)
{
        struct error ignored = ERROR_INIT;
        int64_t time_ms;

        if (!is_value(node) || !time_parse(node->scalar, NULL, &time_ms, &ignored))
                return fail_value(option, node, "is not a time", err);
        *(int64_t *)field = time_ms;
        return true;
}

/* ---- lists and sections ---- */

static bool fill(const struct option_part *parts, size_t n_parts, const struct yaml_node *node,
                 struct error *err);

static bool fill_one(const struct option_table *table, const struct yaml_node *node, void *object,
                     struct error *err)
{
        const struct option_part part = {table, object};

        return fill(&part, 1, node, err);
}

static bool parse_section(const struct option *option, const struct yaml_node *node, void *field,
                          struct error *err)
{
        if (node->kind != YAML_MAP)
                return fail_value(option, node, "is not a map", err);
        return fill_one(option->table, node, field, err);
}

static bool parse_pointer(const struct option *option, const struct yaml_node *node, void *field,
                          struct error *err)
{
        void *object;

        if (node->kind != YAML_MAP)
                return fail_value(option, node, "is not a map", err);
        object = memory_new(1, option->table->size);
        memcpy(field, &object, sizeof object);
        return fill_one(option->table, node, object, err);
}

/* The items stand in the list, zeroed, before they are filled: then option_free clears up after a failure. */
static bool open_list(const struct option *option, const struct yaml_node *node, size_t item_size,
                      void *field, struct error *err)
{
        struct option_list *list = field;

        if (node->kind != YAML_LIST)
                return fail_value(option, node, "is not a list", err);
        if ((double)node->count < option->min || (double)node->count > option_most(option)) {
                autotext expected = {0};

                option_put_expected(option, &expected);
                return yaml_error(node, err, "has %zu items; expected %s", node->count, expected.data);
        }
        list->items = memory_new(node->count, item_size);
        list->count = node->count;
        return true;
}

static bool check_key(const struct option *option, const struct yaml_node *node, size_t count,
                      struct error *err)
{
        const struct yaml_node *name = yaml_get(node->items[count], option->key);

        for (size_t i = 0; i < count; i++)
                if (strcmp(yaml_get(node->items[i], option->key)->scalar, name->scalar) == 0)
                        return yaml_error(name, err, "\"%.100s\" is there already; expected each once",
                                          name->scalar);
        return true;
}

static bool parse_list(const struct option *option, const struct yaml_node *node, void *field,
                       struct error *err)
{
        const struct option_list *list = field;
        size_t size = option->table->size;

        if (!open_list(option, node, size, field, err))
                return false;
        for (size_t i = 0; i < list->count; i++) {
                if (node->items[i]->kind != YAML_MAP) {
                        const struct option item = {.type = OPTION_SECTION};

                        return fail_value(&item, node->items[i], "is not a map", err);
                }
                if (!fill_one(option->table, node->items[i], (char *)list->items + i * size, err) ||
                    (option->key && !check_key(option, node, i, err)))
                        return false;
        }
        return true;
}

static bool parse_texts(const struct option *option, const struct yaml_node *node, void *field,
                        struct error *err)
{
        const struct option item = {.type = OPTION_TEXT, .required = true};
        const struct option_list *list = field;

        if (!open_list(option, node, sizeof(char *), field, err))
                return false;
        for (size_t i = 0; i < list->count; i++)
                if (!parse_text(&item, node->items[i], (char **)list->items + i, err))
                        return false;
        return true;
}

static bool parse_numbers(const struct option *option, const struct yaml_node *node, void *field,
                          struct error *err)
{
        const struct option item = {.type = OPTION_NUMBER, .unit = option->unit};
        const struct option_list *list = field;

        if (!open_list(option, node, sizeof(double), field, err))
                return false;
        for (size_t i = 0; i < list->count; i++)
                if (!parse_number(&item, node->items[i], (double *)list->items + i, err))
                        return false;
        return true;
}

static bool parse_free(const struct option *option, const struct yaml_node *node, void *field,
                       struct error *err)
{
        if (node->kind == YAML_SCALAR && node->null)
                return fail_value(option, node, "", err);
        *(const struct yaml_node **)field = node;
        return true;
}

static parse_function *const parsers[] = {
        [OPTION_BOOL] = parse_bool,       [OPTION_INT] = parse_int,
        [OPTION_NUMBER] = parse_number,   [OPTION_QUANTITY] = parse_quantity,
        [OPTION_TEXT] = parse_text,       [OPTION_CHOICE] = parse_choice,
        [OPTION_TIME] = parse_time,       [OPTION_SECTION] = parse_section,
        [OPTION_POINTER] = parse_pointer, [OPTION_LIST] = parse_list,
        [OPTION_TEXTS] = parse_texts,     [OPTION_NUMBERS] = parse_numbers,
        [OPTION_FREE] = parse_free,
};

/* ---- a whole section ---- */

static bool fill_default(const struct option *option, void *field, struct error *err)
{
        autocall(yaml_document_free) struct yaml_document *document = NULL;

        if (option->fallback)
                return yaml_parse(option->fallback, strlen(option->fallback), option->name, &document, err) &&
                       parsers[option->type](option, yaml_root(document), field, err);
        if (option->type == OPTION_SECTION)
                return fill_one(option->table, NULL, field, err);
        if (option->type == OPTION_NUMBER || option->type == OPTION_QUANTITY)
                *(double *)field = NAN;
        if (option->type == OPTION_TIME)
                *(int64_t *)field = INT64_MIN;
        return true;
}

static bool fail_missing(const struct option *option, const struct yaml_node *section, struct error *err)
{
        autotext expected = {0};

        option_put_expected(option, &expected);
        return yaml_error(section, err, "lacks %s; expected %s", option->name, expected.data);
}

/* What is written is looked at before what is missing: a person mends first what they see. */
static bool fill_options(const struct option_table *table, const struct yaml_node *node, void *object,
                         struct error *err)
{
        for (const struct option *option = table->options; option->name; option++) {
                const struct yaml_node *value = yaml_get(node, option->name);

                if (value && !parsers[option->type](option, value, field_of(option, object), err))
                        return false;
        }
        for (const struct option *option = table->options; option->name; option++) {
                if (yaml_get(node, option->name))
                        continue;
                if (node && option->required)
                        return fail_missing(option, node, err);
                if (!fill_default(option, field_of(option, object), err))
                        return false;
        }
        return true;
}

static bool fail_unknown(const struct option_part *parts, size_t n_parts, const struct yaml_node *key,
                         struct error *err)
{
        autofree const char **names = NULL;
        autotext listed = {0};
        const char *nearest;
        size_t count = 0;

        for (size_t i = 0; i < n_parts; i++) {
                for (const struct option *option = parts[i].table->options; option->name; option++) {
                        names = memory_resize(names, count + 2, sizeof *names);
                        names[count++] = option->name;
                }
        }
        if (count == 0)
                return yaml_error(key, err, "unknown option; this section has none");
        names[count] = NULL;
        nearest = text_nearest(key->scalar, names);
        if (nearest)
                return yaml_error(key, err, "unknown option; did you mean %s?", nearest);
        put_names(names, " or ", &listed);
        return yaml_error(key, err, "unknown option; expected %s", listed.data);
}

static bool is_option(const struct option_table *table, const char *name)
{
        for (const struct option *option = table->options; option->name; option++)
                if (strcmp(option->name, name) == 0)
                        return true;
        return false;
}

static bool check_names(const struct option_part *parts, size_t n_parts, const struct yaml_node *map,
                        struct error *err)
{
        for (size_t i = 0; i < map->count; i++) {
                bool known = false;

                for (size_t j = 0; j < n_parts && !known; j++)
                        known = is_option(parts[j].table, map->keys[i]->scalar);
                if (!known)
                        return fail_unknown(parts, n_parts, map->keys[i], err);
        }
        return true;
}

/* Objects are zeroed, node is a map or NULL. On failure what was allocated still stands in the objects. */
static bool fill(const struct option_part *parts, size_t n_parts, const struct yaml_node *node,
                 struct error *err)
{
        if (node && !check_names(parts, n_parts, node, err))
                return false;
        for (size_t i = 0; i < n_parts; i++) {
                const struct option_table *table = parts[i].table;

                if (!fill_options(table, node, parts[i].object, err) ||
                    (node && !option_check_rules(table, node, parts[i].object, err)))
                        return false;
                if (table->check && !table->check(parts[i].object, node, err))
                        return false;
        }
        return true;
}

bool option_parse_parts(const struct option_part *parts, size_t n_parts, const struct yaml_node *node,
                        struct error *err)
{
        const struct option map = {.type = OPTION_SECTION};
        bool done;

        for (size_t i = 0; i < n_parts; i++)
                memset(parts[i].object, 0, parts[i].table->size);
        if (node && node->kind != YAML_MAP)
                done = fail_value(&map, node, "is not a map", err);
        else
                done = fill(parts, n_parts, node, err);
        for (size_t i = 0; !done && i < n_parts; i++)
                option_free(parts[i].table, parts[i].object);
        return done;
}

bool option_parse(const struct option_table *table, const struct yaml_node *node, void *object,
                  struct error *err)
{
        const struct option_part part = {table, object};

        return option_parse_parts(&part, 1, node, err);
}

/* ---- freeing ---- */

static void free_options(const struct option_table *table, void *object);

static void free_items(const struct option *option, struct option_list *list)
{
        for (size_t i = 0; i < list->count; i++) {
                if (option->type == OPTION_LIST)
                        free_options(option->table, (char *)list->items + i * option->table->size);
                else if (option->type == OPTION_TEXTS)
                        free(((char **)list->items)[i]);
        }
        free(list->items);
}

static void free_options(const struct option_table *table, void *object)
{
        for (const struct option *option = table->options; option->name; option++) {
                void *field = field_of(option, object);
                void *pointer;

                switch (option->type) {
                case OPTION_TEXT:
                        memory_free_cleanup(field);
                        break;
                case OPTION_SECTION:
                        free_options(option->table, field);
                        break;
                case OPTION_POINTER:
                        memcpy(&pointer, field, sizeof pointer);
                        option_delete(option->table, pointer);
                        break;
                case OPTION_LIST:
                case OPTION_TEXTS:
                case OPTION_NUMBERS:
                        free_items(option, field);
                        break;
                default:
                        break;
                }
        }
}

void option_free(const struct option_table *table, void *object)
{
        if (!object)
                return;
        free_options(table, object);
        memset(object, 0, table->size);
}

bool option_new(const struct option_table *table, const struct yaml_node *node, void **ret_object,
                struct error *err)
{
        void *object = memory_new(1, table->size);

        if (!option_parse(table, node, object, err)) {
                free(object);
                return false;
        }
        *ret_object = object;
        return true;
}

void option_delete(const struct option_table *table, void *object)
{
        option_free(table, object);
        free(object);
}
