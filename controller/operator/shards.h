/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_SHARDS_H
#define OPTCTL_CONTROLLER_OPERATOR_SHARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/kubernetes/client.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/reactor.h"

/*
 * The parts that replicas divide pipelines into. Each has a Lease of its own (core/kubernetes/elector.h), and
 * is worked on by whoever holds it.
 *
 * With one, NAME, there is one replica that works and others that wait. With N there are NAME-shard-0 to
 * NAME-shard-N-1, and each replica goes for its share: as many as the others, by how many are there
 * (NAME-replicas, core/kubernetes/members.h). What it has beyond that it gives up once nothing of it is under
 * way; what nobody has it takes, and after five seconds even beyond its share. NAME is then held by all of
 * them together, in the name of their number: replicas that divide otherwise, or not at all, wait until they
 * are gone.
 */
struct shards;

#define SHARDS_MOST 32

struct shards_setup {
        struct reactor *reactor;
        struct kube_client *client;
        struct log *log;                         /* may be NULL */
        const char *namespace, *name, *identity; /* as in struct operator_setup */
        int count;                               /* 1 to SHARDS_MOST */
        /* One of them came to us, is to be given up, or went. Must not wait. */
        void (*changed)(void *context, int shard);
        /* Whether nothing of it is under way here. */
        bool (*is_empty)(void *context, int shard);
        void *context;
};

/* What the setup points to is borrowed. */
struct shards *shards_new(const struct shards_setup *setup);
void shards_free(struct shards *shards); /* once the reactor has run out; NULL-safe */
DEFINE_CLEANUP(shards_free, struct shards);

/* Starts its fibers. */
void shards_start(struct shards *shards);

/* In which one something is: the same for every replica, and evenly. */
int shards_of(const struct shards *shards, const char *what);
int shards_count(const struct shards *shards);

/* How long what is under way in it may still write; 0: not at all. */
int64_t shards_left_ms(const struct shards *shards, int shard);

/* Whether something of it may begin: it is ours, and not to be given up. */
bool shards_has(const struct shards *shards, int shard);
int shards_held(const struct shards *shards);

/* Gives up all that are ours, as the last thing that is written. In a fiber, after the reactor has run out.
 */
bool shards_release(struct shards *shards, struct error *err);

#endif
