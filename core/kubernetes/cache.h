/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_CACHE_H
#define OPTCTL_CORE_KUBERNETES_CACHE_H

#include "core/kubernetes/reflector.h"

/* What a reflector keeps: by namespace and name, with uid and version. */
struct cache_item {
        const char *namespace, *name, *uid; /* behind the item, in the same piece of memory */
        char version[KUBE_VERSION_ROOM];
        void *kept; /* NULL: nothing is wanted of it */
        size_t bytes;
        int64_t round; /* of the list that showed it last; -1: of none yet */
};

struct cache {
        const struct kube_reflector_options *options;
        void *items; /* a tree of tsearch */
        size_t count, bytes;
        /* The round under way, and what it has shown so far: only that is limited. What it will not show is
         * still there, and must not keep the new from coming. */
        int64_t round;
        size_t round_count, round_bytes;
};

const struct cache_item *cache_find(const struct cache *cache, const char *namespace, const char *name);

/* A list begins. */
void cache_begin(struct cache *cache, int64_t round);
/* The object as it is now. ERROR_LIMIT: more than the options allow; ERROR_INCOMPLETE: it has no name. */
bool cache_put(struct cache *cache, const json_t *object, struct error *err);
void cache_drop(struct cache *cache, const json_t *object);
/* What the list did not show goes. */
void cache_sweep(struct cache *cache);
void cache_each(const struct cache *cache, void (*visit)(const struct cache_item *item, void *context),
                void *context);
/* Without telling anybody of changes. */
void cache_free(struct cache *cache);

#endif
