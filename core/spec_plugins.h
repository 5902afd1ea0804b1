/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SPEC_PLUGINS_H
#define OPTCTL_CORE_SPEC_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/plugin.h"
#include "core/spec.h"

/* Strategies and guardrails by name, for spec*.c. A registry or a list of it that is NULL counts as empty,
 * and nothing is checked against an empty list of strategies. */
const struct strategy *const *plugins_strategies(const struct registry *registry); /* never NULL */
const struct guardrail *const *plugins_guardrails(const struct registry *registry);
const struct collector *const *plugins_collectors(const struct registry *registry);
size_t plugins_count_strategies(const struct registry *registry);

/* The strategy of that name. `node` is where the name was written; NULL for a default, which may be absent:
 * then *ret_strategy is NULL. */
bool plugins_choose(const struct registry *registry, const char *name, const struct yaml_node *node,
                    const struct strategy **ret_strategy, struct error *err);

/* The keys of spec.strategies are names of strategies. */
bool plugins_check_sections(const struct registry *registry, const struct yaml_node *sections,
                            struct error *err);

/* Name of a section in a spec: "engine". */
const char *plugins_section_name(enum source_section section);

/* What the section of a spec names, appended to the list; its keys are names of collectors. */
bool plugins_add_sources(const struct registry *registry, enum source_section section,
                         const struct yaml_node *node, struct spec_source **sources, size_t *n_sources,
                         struct error *err);

/* As option_new; a strategy without a table takes no options and gives NULL. */
bool plugins_parse_options(const struct option_table *table, const struct yaml_node *node, void **ret_options,
                           struct error *err);

/* Options of a strategy that may be NULL (not checked then; *ret_options is NULL). */
bool plugins_check_options(const struct strategy *strategy, const struct yaml_node *node, void **ret_options,
                           struct error *err);

#endif
