/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_NODE_PRICES_H
#define OPTCTL_CORE_NODE_PRICES_H

#include <stdbool.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/yaml.h"

/*
 * What the nodes of a cluster cost, and so a core and a gibibyte on each: spec.nodes of a PriceBook. A node
 * of a listed type costs what the list says, whatever runs on it; its price is split over its cores and its
 * memory in the proportion of the book's prices of both, or of OpenCost's own ones (docs/operator.md). Any
 * other node costs what its cores and its memory cost.
 */
struct node_prices;

/* `book` is the spec of a PriceBook. *ret_prices is NULL where it has no section of nodes. ERROR_INPUT. */
bool node_prices_parse(const struct yaml_node *book, struct node_prices **ret_prices, struct error *err);
void node_prices_free(struct node_prices *prices);
DEFINE_CLEANUP(node_prices_free, struct node_prices);

struct node_shape {
        const char *type; /* instance type; "": not known */
        bool spot;
        double cores, gibibytes; /* that pods may ask for */
};

/* Currency for an hour. */
struct node_rates {
        double core, gibibyte;
};

/* False: the book has no price for it. */
bool node_prices_of(const struct node_prices *prices, const struct node_shape *shape,
                    struct node_rates *ret_rates);

#endif
