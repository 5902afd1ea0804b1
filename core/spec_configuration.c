/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configurations as people write them: {workers: 4}, {operators: {map: 8}} or a list of {knob, operator,
 * value}. */
#include <string.h>

#include "core/quantity.h"
#include "core/spec_file.h"

static bool fail_no_knob(const struct pipeline *pipeline, const struct yaml_node *node, const char *knob,
                         struct error *err)
{
        const char *names[CONFIGURATION_MAX_KNOBS + 2] = {NULL};
        const char *nearest;

        for (int i = 0; i < pipeline->n_knobs; i++)
                names[i] = pipeline->knobs[i].name;
        names[pipeline->n_knobs] = "operators";
        nearest = text_nearest(knob, names);
        return yaml_error(node, err, "no knob \"%.60s\" in spec.knobs; %s %s%s", knob,
                          nearest ? "did you mean" : "expected one such as", nearest ? nearest : names[0],
                          nearest ? "?" : "");
}

static bool check_bounds(const struct knob *knob, double value, const struct yaml_node *node,
                         struct error *err)
{
        autotext expected = {0};

        if (value >= knob->min && value <= knob->max)
                return true;
        quantity_put(&expected, knob->min);
        text_put(&expected, " to ");
        quantity_put(&expected, knob->max);
        return yaml_error(node, err, "is outside the knob's bounds; expected %s", expected.data);
}

/* Sets the knobs of a name, all or those of one operator (operator_index >= 0). */
static bool set_knobs(const struct pipeline *pipeline, const char *name, int operator_index, double value,
                      const struct yaml_node *node, double *values, struct error *err)
{
        bool found = false;

        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];

                if (strcmp(knob->name, name) != 0 ||
                    (operator_index >= 0 && knob->operator_index != operator_index))
                        continue;
                if (!check_bounds(knob, value, node, err))
                        return false;
                values[i] = value;
                found = true;
        }
        if (!found && operator_index >= 0)
                return yaml_error(node, err, "spec.knobs has no knob \"%.60s\" of this operator", name);
        return found || fail_no_knob(pipeline, node, name, err);
}

static bool read_value(const struct yaml_node *node, double *ret_value, struct error *err)
{
        char shown[YAML_SHOWN_ROOM];

        if (node->kind != YAML_SCALAR || node->null)
                return yaml_error(node, err, "is not a value; expected a number or quantity");
        return quantity_parse(node->scalar, ret_value) ||
               yaml_error(node, err, "%s is not a quantity; expected one such as 8 or 512Mi",
                          yaml_show(node, shown));
}

/* operators: {map: 8, sink: 2} */
static bool read_operators(const struct pipeline *pipeline, const struct yaml_node *map, double *values,
                           struct error *err)
{
        if (map->kind != YAML_MAP)
                return yaml_error(map, err, "is not a map; expected operators and their parallelism");
        for (size_t i = 0; i < map->count; i++) {
                int index = spec_find_operator(pipeline, map->keys[i]->scalar, map->keys[i], err);
                double value;

                if (index < 0 || !read_value(map->items[i], &value, err) ||
                    !set_knobs(pipeline, "parallelism", index, value, map->items[i], values, err))
                        return false;
        }
        return true;
}

/* What names operators stands after what means all of them, in whatever order it was written. */
static bool read_map(const struct pipeline *pipeline, const struct yaml_node *map, double *values,
                     struct error *err)
{
        const struct yaml_node *operators = yaml_get(map, "operators");

        for (size_t i = 0; i < map->count; i++) {
                double value;

                if (map->items[i] == operators)
                        continue;
                if (!spec_check_knob(pipeline, map->keys[i], map->keys[i]->scalar, NULL, err) ||
                    !read_value(map->items[i], &value, err) ||
                    !set_knobs(pipeline, map->keys[i]->scalar, -1, value, map->items[i], values, err))
                        return false;
        }
        return !operators || read_operators(pipeline, operators, values, err);
}

static bool read_entry(const struct pipeline *pipeline, const struct yaml_node *node, double *values,
                       struct error *err)
{
        struct configuration_entry entry;
        int operator_index = -1;
        bool done;

        if (!option_parse(&configuration_entry_table, node, &entry, err))
                return false;
        done = spec_check_knob(pipeline, node, entry.knob, entry.operator_name, err);
        if (done && entry.operator_name)
                operator_index = spec_find_operator(pipeline, entry.operator_name, node, err);
        done = done && set_knobs(pipeline, entry.knob, operator_index, entry.value, yaml_get(node, "value"),
                                 values, err);
        option_free(&configuration_entry_table, &entry);
        return done;
}

bool spec_check_knob(const struct pipeline *pipeline, const struct yaml_node *entry, const char *knob,
                     const char *operator_name, struct error *err)
{
        const struct yaml_node *operator_node = yaml_get(entry, "operator");
        const struct yaml_node *knob_node = yaml_get(entry, "knob");
        bool found = false;

        for (int i = 0; i < pipeline->n_knobs && !found; i++)
                found = strcmp(pipeline->knobs[i].name, knob) == 0;
        if (!found)
                return fail_no_knob(pipeline, knob_node ? knob_node : entry, knob, err);
        return !operator_name || spec_find_operator(pipeline, operator_name, operator_node, err) >= 0;
}

bool spec_read_configuration(const struct pipeline *pipeline, const struct yaml_node *node, double *values,
                             struct error *err)
{
        if (node->kind == YAML_MAP)
                return read_map(pipeline, node, values, err);
        if (node->kind == YAML_SCALAR)
                return yaml_error(node, err,
                                  "is not a configuration; expected a map of knobs to values or a list of "
                                  "{knob, operator, value}");
        for (size_t i = 0; i < node->count; i++)
                if (!read_entry(pipeline, node->items[i], values, err))
                        return false;
        return true;
}
