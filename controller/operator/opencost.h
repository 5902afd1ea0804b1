/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_OPENCOST_H
#define OPTCTL_CONTROLLER_OPERATOR_OPENCOST_H

#include "core/http/client.h"
#include "core/node_prices.h"

/*
 * What nodes cost by OpenCost: node_cpu_hourly_cost (of a core) and node_ram_hourly_cost (of a gibibyte) of
 * its metrics page, by the label `node` (https://opencost.io/docs/integrations/metrics). GPUs are left out.
 */
struct opencost;

/* `url` is that of the page. ERROR_INPUT. */
bool opencost_new(struct http_client *http, const char *url, struct opencost **ret_opencost,
                  struct error *err);
void opencost_free(struct opencost *opencost);
DEFINE_CLEANUP(opencost_free, struct opencost);

/* Reads the page. What it said before counts on when that fails, or when it has no node any more:
 * ERROR_INCOMPLETE (NoNodePrices). In a fiber. */
bool opencost_read(struct opencost *opencost, struct error *err);

/* False: it has not said. */
bool opencost_rates(const struct opencost *opencost, const char *node, struct node_rates *ret_rates);

#endif
