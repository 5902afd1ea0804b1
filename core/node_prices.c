/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node_prices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/prices.h"
#include "core/prices_options.h"

/* Of OpenCost, for nodes whose price it does not know (its configs/default.json). */
#define USUAL_CORE     0.031611
#define USUAL_GIBIBYTE 0.004237

struct node_prices {
        struct price_book_options options;
};

bool node_prices_parse(const struct yaml_node *book, struct node_prices **ret_prices, struct error *err)
{
        autocall(node_prices_free) struct node_prices *prices = memory_new(1, sizeof *prices);

        if (!option_parse(&price_book_table, book, &prices->options, err))
                return false;
        *ret_prices = prices->options.nodes ? TAKE(prices) : NULL;
        return true;
}

void node_prices_free(struct node_prices *prices)
{
        if (!prices)
                return;
        option_free(&price_book_table, &prices->options);
        free(prices);
}

static const struct node_price *find(const struct node_price_options *nodes, const char *type)
{
        const struct node_price *listed = nodes->types.items;

        for (size_t i = 0; i < nodes->types.count; i++)
                if (strcmp(listed[i].type, type) == 0)
                        return &listed[i];
        return NULL;
}

bool node_prices_of(const struct node_prices *prices, const struct node_shape *shape,
                    struct node_rates *ret_rates)
{
        const struct node_price_options *nodes = prices->options.nodes;
        const struct node_price *listed = find(nodes, shape->type);
        bool has_rates = !isnan(nodes->per_core_hour);
        struct node_rates rates = {has_rates ? nodes->per_core_hour : USUAL_CORE,
                                   has_rates ? nodes->per_gibibyte_hour : USUAL_GIBIBYTE};
        double whole = rates.core * shape->cores + rates.gibibyte * shape->gibibytes;
        double price = whole;

        if (!(whole > 0) || (!listed && !has_rates))
                return false;
        if (listed)
                price = shape->spot && !isnan(listed->spot_per_hour) ? listed->spot_per_hour
                                                                     : listed->per_hour;
        *ret_rates = (struct node_rates){rates.core * price / whole, rates.gibibyte * price / whole};
        return true;
}
