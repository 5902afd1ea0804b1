/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_NODE_COSTS_H
#define OPTCTL_CONTROLLER_OPERATOR_NODE_COSTS_H

#include <stdbool.h>

#include "core/memory.h"
#include "core/node_prices.h"

/*
 * What pods cost by the prices of their nodes, and what nobody asked for. A pod costs what it asks for, at
 * its node's price of a core and of a gibibyte. What is left of the node's price is idle, and borne by its
 * pods in proportion to what they cost, so that all of a node is paid for as soon as anything runs there.
 */
struct node_costs;

struct node_costs *node_costs_new(void);
void node_costs_free(struct node_costs *costs);
DEFINE_CLEANUP(node_costs_free, struct node_costs);

/* All nodes first, each once, by their names; `rates` of its cores and gibibytes. Texts are copied. */
void node_costs_add(struct node_costs *costs, const char *name, const struct node_shape *shape,
                    const struct node_rates *rates);
/* Then all pods that take room; those on other nodes count for nothing. */
void node_costs_take(struct node_costs *costs, const char *name, double cores, double gibibytes);

/* What nodes of a type cost together, spot apart: as many groups as a cluster has kinds of nodes, whatever
 * their names. Those of further types than NODE_TYPES_MOST are in the groups of "other", those without a type
 * in that of "unknown". */
#define NODE_TYPES_MOST 50

struct node_group {
        const char *type;
        bool spot;
        int nodes;
        double whole, idle; /* currency/h */
};
void node_costs_each_group(const struct node_costs *costs,
                           void (*visit)(void *context, const struct node_group *group), void *context);

/* Once all are there: what a pod costs, and its part of what is idle beside it. False: its node has no price.
 */
bool node_costs_pod(const struct node_costs *costs, const char *node, double cores, double gibibytes,
                    double *ret_cost, double *ret_idle);

#endif
