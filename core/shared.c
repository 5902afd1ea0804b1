/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/shared.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct item {
        char *name;
        void *thing;
        size_t users;
        struct item *next;
};

struct shared {
        struct item *first;
};

struct shared *shared_new(void)
{
        return memory_new(1, sizeof(struct shared));
}

void shared_free(struct shared *shared)
{
        if (!shared)
                return;
        assert(!shared->first);
        free(shared);
}

void *shared_take(struct shared *shared, const char *name, void *(*make)(void *argument), void *argument)
{
        struct item *item = shared->first;

        while (item && strcmp(item->name, name) != 0)
                item = item->next;
        if (!item) {
                item = memory_new(1, sizeof *item);
                item->name = memory_copy_text(name);
                item->thing = make(argument);
                item->next = shared->first;
                shared->first = item;
        }
        item->users++;
        return item->thing;
}

void shared_give_back(struct shared *shared, void *thing, void (*destroy)(void *thing))
{
        struct item **place = &shared->first;
        struct item *item;

        while ((*place)->thing != thing)
                place = &(*place)->next;
        item = *place;
        if (--item->users > 0)
                return;
        *place = item->next;
        destroy(thing);
        free(item->name);
        free(item);
}
