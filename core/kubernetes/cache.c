/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/cache.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

#define MOST_OBJECTS 50000
#define MOST_BYTES   ((size_t)256 << 20)

static int compare(const void *a, const void *b)
{
        const struct cache_item *x = a, *y = b;
        int by_namespace = strcmp(x->namespace, y->namespace);

        return by_namespace != 0 ? by_namespace : strcmp(x->name, y->name);
}

static struct cache_item *find(const struct cache *cache, const char *namespace, const char *name)
{
        const struct cache_item wanted = {.namespace = namespace, .name = name};
        struct cache_item **found = tfind(&wanted, &cache->items, compare);

        return found ? *found : NULL;
}

const struct cache_item *cache_find(const struct cache *cache, const char *namespace, const char *name)
{
        return find(cache, namespace, name);
}

static size_t bytes_of(const struct cache_item *item)
{
        return sizeof *item + strlen(item->namespace) + strlen(item->name) + strlen(item->uid) + 3 +
               item->bytes;
}

static void release(const struct cache *cache, void *kept)
{
        if (kept && cache->options->release)
                cache->options->release(kept);
        else
                free(kept);
}

static void tell(const struct cache *cache, const struct cache_item *item, const void *before,
                 const void *now)
{
        if (cache->options->changed && (before || now))
                cache->options->changed(cache->options->context, item->namespace, item->name, before, now);
}

/* ---- what comes ---- */

static struct cache_item *item_new(const char *namespace, const char *name, const char *uid)
{
        size_t namespace_room = strlen(namespace) + 1, name_room = strlen(name) + 1;
        struct cache_item *item = memory_new(1, sizeof *item + namespace_room + name_room + strlen(uid) + 1);
        char *at = (char *)(item + 1);

        item->namespace = memcpy(at, namespace, namespace_room);
        item->name = memcpy(at + namespace_room, name, name_room);
        item->uid = memcpy(at + namespace_room + name_room, uid, strlen(uid) + 1);
        item->round = -1;
        return item;
}

/* From now on the item counts as one of the round's, or does so no more. */
static void join_round(struct cache *cache, struct cache_item *item)
{
        item->round = cache->round;
        cache->round_count++;
        cache->round_bytes += bytes_of(item);
}

static void leave_round(struct cache *cache, const struct cache_item *item)
{
        if (item->round != cache->round)
                return;
        cache->round_count--;
        cache->round_bytes -= bytes_of(item);
}

static void insert(struct cache *cache, struct cache_item *item)
{
        if (!tsearch(item, &cache->items, compare)) {
                fputs("optctl: out of memory\n", stderr);
                abort();
        }
        cache->count++;
        cache->bytes += bytes_of(item);
}

static void take_out(struct cache *cache, struct cache_item *item)
{
        tdelete(item, &cache->items, compare);
        leave_round(cache, item);
        cache->count--;
        cache->bytes -= bytes_of(item);
        tell(cache, item, item->kept, NULL);
        release(cache, item->kept);
        free(item);
}

static bool check_room(const struct cache *cache, struct error *err)
{
        size_t objects = cache->options->max_objects ? cache->options->max_objects : MOST_OBJECTS;
        size_t bytes = cache->options->max_bytes ? cache->options->max_bytes : MOST_BYTES;

        if (cache->round_count >= objects)
                return error_set(err, ERROR_LIMIT, "TooManyObjects", "more than %zu objects", objects);
        return cache->round_bytes < bytes ||
               error_set(err, ERROR_LIMIT, "TooManyObjects", "what is kept of the objects takes %zu MiB",
                         bytes >> 20);
}

static void replace(struct cache *cache, struct cache_item *item, const json_t *object)
{
        size_t bytes = 0;
        void *before = item->kept;

        cache->bytes -= bytes_of(item);
        item->kept = cache->options->project(cache->options->context, object, &bytes);
        item->bytes = item->kept ? bytes : 0;
        snprintf(item->version, sizeof item->version, "%s", kube_meta(object, "resourceVersion"));
        cache->bytes += bytes_of(item);
        tell(cache, item, before, item->kept);
        release(cache, before);
}

void cache_begin(struct cache *cache, int64_t round)
{
        cache->round = round;
        cache->round_count = cache->round_bytes = 0;
}

bool cache_put(struct cache *cache, const json_t *object, struct error *err)
{
        const char *namespace = kube_meta(object, "namespace"), *name = kube_meta(object, "name");
        const char *uid = kube_meta(object, "uid");
        struct cache_item *item = find(cache, namespace, name);

        if (!*name)
                return error_set(err, ERROR_INCOMPLETE, "NotAList", "an object has no name");
        /* Another one of the same name: the first is gone, whoever missed it. */
        if (item && strcmp(item->uid, uid) != 0) {
                take_out(cache, item);
                item = NULL;
        }
        if ((!item || item->round != cache->round) && !check_room(cache, err))
                return false;
        if (!item) {
                item = item_new(namespace, name, uid);
                insert(cache, item);
        }
        leave_round(cache, item);
        if (strcmp(item->version, kube_meta(object, "resourceVersion")) != 0)
                replace(cache, item, object);
        join_round(cache, item);
        return true;
}

/* ---- what goes ---- */

void cache_drop(struct cache *cache, const json_t *object)
{
        struct cache_item *item = find(cache, kube_meta(object, "namespace"), kube_meta(object, "name"));

        if (item)
                take_out(cache, item);
}

struct walk {
        void (*visit)(const struct cache_item *item, void *context);
        void *context;
};

static void walk_node(const void *node, VISIT which, void *context)
{
        const struct walk *walk = context;

        if (which == postorder || which == leaf)
                walk->visit(*(struct cache_item *const *)node, walk->context);
}

void cache_each(const struct cache *cache, void (*visit)(const struct cache_item *item, void *context),
                void *context)
{
        struct walk walk = {visit, context};

        twalk_r(cache->items, walk_node, &walk);
}

struct sweep {
        int64_t round;
        size_t count;
        struct cache_item **gone;
};

static void collect_gone(const struct cache_item *item, void *context)
{
        struct sweep *sweep = context;

        if (item->round != sweep->round)
                sweep->gone[sweep->count++] = (struct cache_item *)(uintptr_t)item;
}

void cache_sweep(struct cache *cache)
{
        autofree struct cache_item **gone = memory_new(cache->count + 1, sizeof *gone);
        struct sweep sweep = {.round = cache->round, .gone = gone};

        cache_each(cache, collect_gone, &sweep);
        for (size_t i = 0; i < sweep.count; i++)
                take_out(cache, gone[i]);
}

void cache_free(struct cache *cache)
{
        while (cache->items) {
                struct cache_item *item = *(struct cache_item **)cache->items;

                tdelete(item, &cache->items, compare);
                release(cache, item->kept);
                free(item);
        }
        cache->count = cache->bytes = 0;
}
