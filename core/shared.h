/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SHARED_H
#define OPTCTL_CORE_SHARED_H

#include "core/memory.h"

/*
 * Things of which one serves many pipelines (a connection to a cluster), by name. Each is made for the first
 * who asks and given back by everybody who got it. Belongs to one thread.
 */
struct shared;

struct shared *shared_new(void);
/* Everything was given back before. NULL-safe. */
void shared_free(struct shared *shared);
DEFINE_CLEANUP(shared_free, struct shared);

/* The thing of that name; `make` makes it when there is none. */
void *shared_take(struct shared *shared, const char *name, void *(*make)(void *argument), void *argument);

/* Of the last user, `destroy` ends the thing. */
void shared_give_back(struct shared *shared, void *thing, void (*destroy)(void *thing));

#endif
