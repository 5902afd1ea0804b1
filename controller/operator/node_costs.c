/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/node_costs.h"

#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct node {
        char *name, *type;
        bool spot;
        struct node_rates rates;
        double whole, taken; /* currency/h */
};

struct node_costs {
        void *nodes; /* a tree of tsearch, by name */
};

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static void node_free(void *thing)
{
        struct node *node = thing;

        free(node->name);
        free(node->type);
        free(node);
}

struct node_costs *node_costs_new(void)
{
        return memory_new(1, sizeof(struct node_costs));
}

void node_costs_free(struct node_costs *costs)
{
        if (!costs)
                return;
        tdestroy(costs->nodes, node_free);
        free(costs);
}

static struct node *find(const struct node_costs *costs, const char *name)
{
        const struct node sought = {.name = (char *)(uintptr_t)name};
        struct node **found = tfind(&sought, &costs->nodes, by_name);

        return found ? *found : NULL;
}

static double price_of(const struct node_rates *rates, double cores, double gibibytes)
{
        return rates->core * cores + rates->gibibyte * gibibytes;
}

void node_costs_add(struct node_costs *costs, const char *name, const struct node_shape *shape,
                    const struct node_rates *rates)
{
        struct node *node = memory_new(1, sizeof *node);

        node->name = memory_copy_text(name);
        node->type = memory_copy_text(*shape->type ? shape->type : "unknown");
        node->spot = shape->spot;
        node->rates = *rates;
        node->whole = price_of(rates, shape->cores, shape->gibibytes);
        (void)tsearch(node, &costs->nodes, by_name);
}

void node_costs_take(struct node_costs *costs, const char *name, double cores, double gibibytes)
{
        struct node *node = find(costs, name);

        if (node)
                node->taken += price_of(&node->rates, cores, gibibytes);
}

/* More may be asked for than there is, where a node shrank or a pod came past the scheduler. */
static double idle_of(const struct node *node)
{
        return node->whole > node->taken ? node->whole - node->taken : 0;
}

struct groups {
        size_t count;
        struct node_group group[NODE_TYPES_MOST + 2]; /* the last two: other types */
};

static struct node_group *group_of(struct groups *groups, const struct node *node)
{
        bool is_new = groups->count < NODE_TYPES_MOST;
        const char *type = is_new ? node->type : "other";
        struct node_group *group;

        for (size_t i = 0; i < groups->count; i++)
                if (groups->group[i].spot == node->spot && strcmp(groups->group[i].type, node->type) == 0)
                        return &groups->group[i];
        for (size_t i = NODE_TYPES_MOST; i < groups->count; i++)
                if (groups->group[i].spot == node->spot)
                        return &groups->group[i];
        group = &groups->group[groups->count++];
        *group = (struct node_group){.type = type, .spot = node->spot};
        return group;
}

static void sum_one(const void *place, VISIT which, void *argument)
{
        const struct node *node = *(struct node *const *)place;
        struct node_group *group;

        if (which != postorder && which != leaf)
                return;
        group = group_of(argument, node);
        group->nodes++;
        group->whole += node->whole;
        group->idle += idle_of(node);
}

void node_costs_each_group(const struct node_costs *costs,
                           void (*visit)(void *context, const struct node_group *group), void *context)
{
        struct groups groups = {.count = 0};

        twalk_r(costs->nodes, sum_one, &groups);
        for (size_t i = 0; i < groups.count; i++)
                visit(context, &groups.group[i]);
}

bool node_costs_pod(const struct node_costs *costs, const char *name, double cores, double gibibytes,
                    double *ret_cost, double *ret_idle)
{
        const struct node *node = find(costs, name);
        double cost;

        if (!node)
                return false;
        cost = price_of(&node->rates, cores, gibibytes);
        *ret_cost = cost;
        *ret_idle = node->taken > 0 ? idle_of(node) * cost / node->taken : 0;
        return true;
}
