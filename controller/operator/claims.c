/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/claims.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* Its texts stand behind it, in the same piece of memory. */
struct claim {
        struct claim *next; /* younger */
        const char *created, *uid, *key;
};

struct target {
        const char *name;
        struct claim *oldest;
};

struct claims {
        void *targets; /* a tree of tsearch */
};

static int compare(const void *a, const void *b)
{
        return strcmp(((const struct target *)a)->name, ((const struct target *)b)->name);
}

static void free_target(void *node)
{
        struct target *target = node;

        while (target->oldest) {
                struct claim *claim = target->oldest;

                target->oldest = claim->next;
                free(claim);
        }
        free(target);
}

struct claims *claims_new(void)
{
        return memory_new(1, sizeof(struct claims));
}

void claims_free(struct claims *claims)
{
        if (!claims)
                return;
        tdestroy(claims->targets, free_target);
        free(claims);
}

static struct target *find(const struct claims *claims, const char *name)
{
        const struct target sought = {.name = name};
        struct target **found = tfind(&sought, &claims->targets, compare);

        return found ? *found : NULL;
}

static char *append(char **at, const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy = memcpy(*at, text, size);

        *at += size;
        return copy;
}

static struct target *find_or_make(struct claims *claims, const char *name)
{
        struct target *target = find(claims, name);
        char *at;

        if (target)
                return target;
        target = memory_new(1, sizeof *target + strlen(name) + 1);
        at = (char *)(target + 1);
        target->name = append(&at, name);
        (void)tsearch(target, &claims->targets, compare);
        return target;
}

static bool is_older(const struct claim *a, const struct claim *b)
{
        int order = strcmp(a->created, b->created);

        return order < 0 || (order == 0 && strcmp(a->uid, b->uid) < 0);
}

void claims_add(struct claims *claims, const char *target, const char *created, const char *uid,
                const char *key)
{
        struct claim *claim = memory_new(1, sizeof *claim + strlen(created) + strlen(uid) + strlen(key) + 3);
        struct claim **link = &find_or_make(claims, target)->oldest;
        char *at = (char *)(claim + 1);

        claim->created = append(&at, created);
        claim->uid = append(&at, uid);
        claim->key = append(&at, key);
        while (*link && is_older(*link, claim))
                link = &(*link)->next;
        claim->next = *link;
        *link = claim;
}

void claims_remove(struct claims *claims, const char *name, const char *key)
{
        struct target *target = find(claims, name);
        struct claim **link = target ? &target->oldest : NULL;
        struct claim *claim;

        while (link && *link && strcmp((*link)->key, key) != 0)
                link = &(*link)->next;
        if (!link || !*link)
                return;
        claim = *link;
        *link = claim->next;
        free(claim);
        if (target->oldest)
                return;
        (void)tdelete(target, &claims->targets, compare);
        free(target);
}

const char *claims_owner(const struct claims *claims, const char *name)
{
        const struct target *target = find(claims, name);

        return target ? target->oldest->key : NULL;
}

void claims_each(const struct claims *claims, const char *name, void (*visit)(void *context, const char *key),
                 void *context)
{
        const struct target *target = find(claims, name);

        for (const struct claim *claim = target ? target->oldest : NULL; claim; claim = claim->next)
                visit(context, claim->key);
}
