/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_OPERATOR_H
#define OPTCTL_CONTROLLER_OPERATOR_OPERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/live/fleet.h"
#include "core/kubernetes/client.h"

/*
 * The operator: a fleet whose pipelines are the TunedPipelines of an API server.
 *
 * Level-triggered. A key (NAMESPACE/NAME) comes into the work queue whenever its object changed, a turn of
 * its pipeline showed something new, or the lease came or went; a worker then compares what is in the cache
 * with what the fleet runs and sets right what differs. Nothing is done while the cache has not seen a whole
 * list, nor without the lease of the shard that it is in. What failed is tried again after a growing pause.
 */
struct cluster_operator;

struct opencost;

struct operator_setup {
        struct reactor *reactor;
        struct kube_client *client; /* the operator fences it */
        struct fleet *fleet;
        struct ledger *ledger; /* the fleet's: written while the lease is held; may be NULL */
        struct metrics *metrics;
        struct log *log;
        const char *namespace;          /* only objects of this one; NULL: of all */
        struct kube_shared *kubernetes; /* of the whole cluster: reckons what pods cost; NULL: does not */
        struct opencost *opencost;      /* whose prices of nodes go before those of price books; NULL: none */
        bool no_price_books;            /* which stand in no namespace */
        const char *study_image;        /* TuningStudies run it in Jobs; NULL: they are not read */
        const char *lease_namespace, *lease_name; /* what is led by */
        int shards;           /* into which replicas divide pipelines (controller/operator/shards.h); 0: 1 */
        const char *identity; /* of this replica: unique, and another one after each start */
        const char *data;     /* folder that file names in specs start from */
        int workers;          /* 0: 32 */
};

/* Starts its fibers. What the setup points to is borrowed. */
struct cluster_operator *operator_new(const struct operator_setup *setup);
void operator_free(struct cluster_operator *op); /* once the reactor has run out; before the fleet */
DEFINE_CLEANUP(operator_free, struct cluster_operator);

/* Gives the leases up, so that another replica leads at once: after the reactor has run out, the last thing
 * that is written. */
bool operator_release(struct cluster_operator *op, struct error *err);

#endif
