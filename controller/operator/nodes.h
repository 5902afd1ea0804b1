/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_NODES_H
#define OPTCTL_CONTROLLER_OPERATOR_NODES_H

struct cluster_operator;

/*
 * What pods cost by the prices of their nodes, as PriceBooks have them: every half a minute, of every node
 * and of every pipeline whose pods are known (a Deployment's, a StatefulSet's); in metrics, and in the
 * pipeline's status. Of pipelines that are ours; of nodes, where
 * what is the cluster's is ours.
 */
struct operator_nodes;

/* The setup has to name what is shared of the API server, with a view of the whole cluster. */
struct operator_nodes *operator_nodes_new(struct cluster_operator *op);
void operator_nodes_free(struct operator_nodes *nodes); /* NULL-safe */

/* For a fiber of its own: returns when the reactor stops. */
void operator_nodes_run(void *argument);

#endif
