/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/spec_plugins.h"

#include <stdlib.h>
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

const struct collector *const *plugins_collectors(const struct registry *registry)
{
        static const struct collector *const none[] = {NULL};

        return registry && registry->collectors ? registry->collectors : none;
}

const char *plugins_section_name(enum source_section section)
{
        static const char *const names[] = {"engine", "broker", "metrics"};

        return names[section];
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

/* ---- sources: engine, broker, metrics ---- */

static const struct actuator *find_actuator(const struct registry *registry, const char *name)
{
        const struct actuator *const *actuators = registry->actuators;

        for (; actuators && *actuators; actuators++)
                if (strcmp((*actuators)->name, name) == 0)
                        return *actuators;
        return NULL;
}

static bool find_collector(const struct registry *registry, enum source_section section,
                           const struct yaml_node *key, const struct collector **ret_collector,
                           struct error *err)
{
        const struct collector *const *collectors = plugins_collectors(registry);
        const char *section_name = plugins_section_name(section), *nearest;
        const char **names;
        size_t count = 0;

        for (size_t i = 0; collectors[i]; i++)
                count += collectors[i]->section == section;
        names = memory_new(count + 1, sizeof *names);
        count = 0;
        for (; *collectors; collectors++) {
                if ((*collectors)->section != section)
                        continue;
                names[count++] = (*collectors)->name;
                if (strcmp((*collectors)->name, key->scalar) == 0)
                        *ret_collector = *collectors;
        }
        nearest = text_nearest(key->scalar, names);
        nearest = nearest ? nearest : names[0];
        free(names);
        return *ret_collector ||
               yaml_error(key, err, "no %s \"%.60s\"; expected one such as %s", section_name, key->scalar,
                          nearest ? nearest : "none: none was built in");
}

static bool add_source(const struct registry *registry, enum source_section section,
                       const struct yaml_node *key, const struct yaml_node *node,
                       struct spec_source *ret_source, struct error *err)
{
        const struct collector *collector = NULL;

        if (!find_collector(registry, section, key, &collector, err) ||
            !plugins_parse_options(collector->options, node, &ret_source->options, err))
                return false;
        ret_source->collector = collector;
        ret_source->actuator = find_actuator(registry, collector->name);
        return true;
}

bool plugins_add_sources(const struct registry *registry, enum source_section section,
                         const struct yaml_node *node, struct spec_source **sources, size_t *n_sources,
                         struct error *err)
{
        if (!node)
                return true;
        if (node->kind != YAML_MAP)
                return yaml_error(node, err, "is not a map; expected a name and its options");
        if (!plugins_collectors(registry)[0])
                return true;
        if (section != SECTION_METRICS && node->count == 0)
                return yaml_error(node, err, "is empty; expected one %s", plugins_section_name(section));
        if (section != SECTION_METRICS && node->count > 1)
                return yaml_error(node->keys[1], err, "is one too many; expected one %s",
                                  plugins_section_name(section));
        for (size_t i = 0; i < node->count; i++) {
                *sources = memory_resize(*sources, *n_sources + 1, sizeof **sources);
                (*sources)[*n_sources] = (struct spec_source){.collector = NULL};
                if (!add_source(registry, section, node->keys[i], node->items[i], &(*sources)[*n_sources],
                                err))
                        return false;
                ++*n_sources;
        }
        return true;
}
