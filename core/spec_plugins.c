/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/spec_plugins.h"

#include <string.h>

#include "core/memory.h"

const struct strategy *const *plugins_strategies(const struct registry *registry)
{
        static const struct strategy *const none[] = {NULL};

        return registry && registry->strategies ? registry->strategies : none;
}

const struct guardrail *const *plugins_guardrails(const struct registry *registry)
{
        static const struct guardrail *const none[] = {NULL};

        return registry && registry->guardrails ? registry->guardrails : none;
}

size_t plugins_count_strategies(const struct registry *registry)
{
        const struct strategy *const *strategies = plugins_strategies(registry);
        size_t count = 0;

        while (strategies[count])
                count++;
        return count;
}

static bool fail_unknown(const struct registry *registry, const char *name, const struct yaml_node *node,
                         struct error *err)
{
        const struct strategy *const *strategies = plugins_strategies(registry);
        autofree const char **names = memory_new(plugins_count_strategies(registry) + 1, sizeof *names);
        const char *nearest;

        for (size_t i = 0; strategies[i]; i++)
                names[i] = strategies[i]->name;
        nearest = text_nearest(name, names);
        return yaml_error(node, err, "no strategy \"%.60s\"; %s %s%s", name,
                          nearest ? "did you mean" : "expected one such as", nearest ? nearest : names[0],
                          nearest ? "?" : "");
}

bool plugins_choose(const struct registry *registry, const char *name, const struct yaml_node *node,
                    const struct strategy **ret_strategy, struct error *err)
{
        const struct strategy *const *strategies = plugins_strategies(registry);

        for (size_t i = 0; strategies[i]; i++) {
                if (strcmp(strategies[i]->name, name) == 0) {
                        *ret_strategy = strategies[i];
                        return true;
                }
        }
        if (node && strategies[0])
                return fail_unknown(registry, name, node, err);
        *ret_strategy = NULL;
        return true;
}

bool plugins_check_sections(const struct registry *registry, const struct yaml_node *sections,
                            struct error *err)
{
        const struct strategy *found;

        if (!sections)
                return true;
        if (sections->kind != YAML_MAP)
                return yaml_error(sections, err, "is not a map; expected strategies and their options");
        for (size_t i = 0; i < sections->count; i++)
                if (!plugins_choose(registry, sections->keys[i]->scalar, sections->keys[i], &found, err))
                        return false;
        return true;
}

bool plugins_parse_options(const struct option_table *table, const struct yaml_node *node, void **ret_options,
                           struct error *err)
{
        static const struct option none[] = {{0}};
        static const struct option_table empty = {.name = "options", .help = "", .size = 1, .options = none};
        char nothing;

        if (table)
                return option_new(table, node, ret_options, err);
        *ret_options = NULL;
        return option_parse(&empty, node, &nothing, err);
}

bool plugins_check_options(const struct strategy *strategy, const struct yaml_node *node, void **ret_options,
                           struct error *err)
{
        if (strategy)
                return plugins_parse_options(strategy->options, node, ret_options, err);
        *ret_options = NULL;
        return true;
}
