/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_PRICES_H
#define OPTCTL_CONTROLLER_OPERATOR_PRICES_H

#include "controller/operator/object.h"
#include "core/error.h"

struct cluster_operator;

/*
 * PriceBooks: objects of the whole cluster. A pipeline's prices are those of its spec, of the PriceBook that
 * it names, or of the one called "default"; without any, its cost is counted in worker-hours. A PriceBook
 * that is named and is not there, or makes no sense, is no reason to count by something else: the pipeline is
 * left alone until it is right.
 */
struct operator_prices;

enum priced {
        PRICED_UNREAD, /* what the cluster has is not known yet */
        PRICED_OWN,
        PRICED_BOOK,
        PRICED_NONE,
        PRICED_MISSING,
        PRICED_INVALID,
};

/* By what a pipeline is counted. */
struct pricing {
        enum priced how;
        char *book;    /* its name; NULL: OWN and NONE */
        char *version; /* BOOK: what tells one state of it from another */
        char *why;     /* INVALID, MISSING, UNREAD: in words */
};

struct operator_prices *operator_prices_new(struct cluster_operator *op);
void operator_prices_free(struct operator_prices *prices); /* NULL-safe */
void operator_prices_start(struct operator_prices *prices);

/* Waits for the first list, but not for long: what needs it is told so. */
void operator_prices_wait(struct operator_prices *prices);

/* By what it is to be counted now. Clear it. */
struct pricing operator_pricing(struct cluster_operator *op, const struct tuned_object *object);
void pricing_clear(struct pricing *pricing);
bool pricing_is_same(const struct pricing *a, const struct pricing *b);
/* Whether it may run: it has prices, or needs none. */
bool pricing_is_settled(const struct pricing *pricing);

/* The object's text with the prices of its PriceBook in it, as if they had been written there; NULL: its own
 * is good. Caller frees. */
char *operator_priced_text(struct cluster_operator *op, const struct tuned_object *object,
                           const struct pricing *pricing);

/* The prices of the PriceBook of that name; NULL: of the one called "default". ERROR_INCOMPLETE: there is
 * none, or not yet, or it makes no sense. */
struct price_book;
bool operator_price_book(struct cluster_operator *op, const char *name, struct price_book **ret_book,
                         struct error *err);

/* A valid one. */
struct node_prices;
struct operator_book {
        const char *name, *currency;
        const struct node_prices *nodes; /* NULL: it says nothing of nodes */
};
void operator_each_book(struct cluster_operator *op,
                        void (*visit)(void *context, const struct operator_book *book), void *context);
bool operator_any_nodes(struct cluster_operator *op);
/* Whether that by which a pipeline is counted has prices of nodes. */
bool operator_book_has_nodes(struct cluster_operator *op, const struct pricing *pricing);

/* Keys of PriceBooks in the work queue: "/NAME". */
enum work_result operator_sync_book(struct cluster_operator *op, const char *key);
void operator_want_books(struct cluster_operator *op);

#endif
