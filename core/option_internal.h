/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_OPTION_INTERNAL_H
#define OPTCTL_CORE_OPTION_INTERNAL_H

#include "core/option.h"

/* Shared by the parser of options (option.c) and what describes them (option_doc.c). */

const char *option_unit_words(const char *unit); /* "s" -> "seconds"; others as they are, NULL stays NULL */
bool option_bounded(const struct option *option);

/* " from 1 to 64", " of at least 2Gi"; nothing when unbounded. */
void option_put_range(const struct option *option, struct text *out);

/* What a Kubernetes quantity and a decimal in quotes look like. */
#define OPTION_QUANTITY_PATTERN                                                                              \
        "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$"
#define OPTION_DECIMAL_PATTERN "^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$"

/* "percent from 0 to 100", "Observe, Recommend or Auto": what a message says was expected. */
void option_put_expected(const struct option *option, struct text *out);

/* Most bytes of a text, most items of a list. */
double option_most(const struct option *option);

/* Whether the section as written keeps the table's rules; errors name the place. */
bool option_check_rules(const struct option_table *table, const struct yaml_node *node, const void *object,
                        struct error *err);

/* The option of that name, or NULL. */
const struct option *option_named(const struct option_table *table, const char *name);

#endif
