/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold between the options of a section. */
#include <math.h>
#include <string.h>

#include "core/option_internal.h"

const struct option *option_named(const struct option_table *table, const char *name)
{
        for (const struct option *option = table->options; option->name; option++)
                if (strcmp(option->name, name) == 0)
                        return option;
        return NULL;
}

/* NAN when the option has no value. */
static double value_of(const struct option_table *table, const char *name, const void *object)
{
        const struct option *option = option_named(table, name);
        const char *field = (const char *)object + option->offset;

        return option->type == OPTION_INT ? (double)*(const int64_t *)(const void *)field
                                          : *(const double *)(const void *)field;
}

/* Whether the option was written; of an object that was made otherwise: whether it points to something. */
static bool is_given(const struct option_table *table, const char *name, const struct yaml_node *node,
                     const void *object)
{
        const struct option *option = option_named(table, name);
        const void *pointer = NULL;

        if (node)
                return yaml_get(node, name) != NULL;
        if (option->type == OPTION_TEXT || option->type == OPTION_POINTER)
                memcpy(&pointer, (const char *)object + option->offset, sizeof pointer);
        return pointer != NULL;
}

static bool is_kept(const struct option_rule *rule, const struct option_table *table,
                    const struct yaml_node *node, const void *object)
{
        size_t count = 0, given = 0;

        for (; rule->names[count]; count++)
                given += is_given(table, rule->names[count], node, object);
        switch (rule->kind) {
        case RULE_ORDER:
                return !(value_of(table, rule->names[0], object) > value_of(table, rule->names[1], object));
        case RULE_ONE:
                return given == 1;
        case RULE_AT_MOST_ONE:
                return given <= 1;
        case RULE_TOGETHER:
                return given == 0 || given == count;
        default:
                return !is_given(table, rule->names[0], node, object) ||
                       is_given(table, rule->names[1], node, object);
        }
}

bool option_check_rules(const struct option_table *table, const struct yaml_node *node, const void *object,
                        struct error *err)
{
        for (const struct option_rule *rule = table->rules; rule && rule->names[0]; rule++) {
                bool told_there = rule->kind == RULE_ORDER || rule->kind == RULE_NEEDS;
                const struct yaml_node *place = told_there ? yaml_get(node, rule->names[0]) : NULL;

                if (!is_kept(rule, table, node, object))
                        return yaml_error(place ? place : node, err, "%s", rule->words);
        }
        return true;
}

bool option_check(const struct option_table *table, const void *object, struct error *err)
{
        return option_check_rules(table, NULL, object, err) &&
               (!table->check || table->check(object, NULL, err));
}
