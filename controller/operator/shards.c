/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/operator/shards.h"

#include <stdlib.h>

#include "core/kubernetes/elector.h"
#include "core/kubernetes/members.h"

#define BALANCE_MS  (1 * MS_PER_SECOND)
#define PATIENCE_MS (5 * MS_PER_SECOND) /* that who has less than its share goes first */

enum shard_state {
        SHARD_LEFT,    /* to others */
        SHARD_WANTED,  /* ours, or to become ours */
        SHARD_LEAVING, /* ours until nothing of it is under way */
};

struct shard {
        struct shards *shards;
        int number;
        enum shard_state state;
        struct kube_elector *elector;
};

struct shards {
        struct shards_setup setup;
        struct kube_elector *division; /* held by all who divide as we do; NULL: there is one shard */
        struct kube_members *members;  /* NULL: the same */
        struct shard all[SHARDS_MOST];
};

/* ---- what holds ---- */

int shards_count(const struct shards *shards)
{
        return shards->setup.count;
}

/* FNV-1a of 64 bits (Fowler, Noll, Vo), in which a name's last letters reach few bits alone; hence the end of
 * MurmurHash3 (Appleby). */
int shards_of(const struct shards *shards, const char *what)
{
        uint64_t hash = UINT64_C(14695981039346656037);

        for (; *what; what++)
                hash = (hash ^ (unsigned char)*what) * UINT64_C(1099511628211);
        hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
        hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
        return (int)((hash ^ hash >> 33) % (uint64_t)shards->setup.count);
}

int64_t shards_left_ms(const struct shards *shards, int shard)
{
        int64_t left_ms = kube_elector_left_ms(shards->all[shard].elector);
        int64_t together_ms = shards->division ? kube_elector_left_ms(shards->division) : left_ms;

        return together_ms < left_ms ? together_ms : left_ms;
}

bool shards_has(const struct shards *shards, int shard)
{
        return shards->all[shard].state == SHARD_WANTED && shards_left_ms(shards, shard) > 0;
}

int shards_held(const struct shards *shards)
{
        int held = 0;

        for (int i = 0; i < shards->setup.count; i++)
                held += shards_left_ms(shards, i) > 0;
        return held;
}

/* ---- what electors ask and tell ---- */

static bool is_wanted(void *context)
{
        return ((const struct shard *)context)->state != SHARD_LEFT;
}

static void on_shard(void *context, bool leads)
{
        const struct shard *shard = context;

        (void)leads;
        shard->shards->setup.changed(shard->shards->setup.context, shard->number);
}

static void on_division(void *context, bool leads)
{
        const struct shards *shards = context;

        (void)leads;
        for (int i = 0; i < shards->setup.count; i++)
                shards->setup.changed(shards->setup.context, i);
}

/* ---- who gets what ---- */

static bool is_mine(const struct shard *shard)
{
        return kube_elector_left_ms(shard->elector) > 0;
}

/* Somebody has it who is there. */
static bool is_others(const struct shard *shard)
{
        const char *holder = kube_elector_holder(shard->elector);

        return !is_mine(shard) && *holder && kube_members_has(shard->shards->members, holder);
}

static void set_state(struct shard *shard, enum shard_state state)
{
        shard->state = state;
        shard->shards->setup.changed(shard->shards->setup.context, shard->number);
}

/* Brings states up to date with what became of them; how many are wanted. */
static int settle(struct shards *shards)
{
        int wanted = 0;

        for (int i = 0; i < shards->setup.count; i++) {
                struct shard *shard = &shards->all[i];

                if (shard->state == SHARD_LEAVING && shards->setup.is_empty(shards->setup.context, i))
                        shard->state = SHARD_LEFT;
                if (shard->state == SHARD_WANTED && is_others(shard))
                        shard->state = SHARD_LEFT;
                wanted += shard->state == SHARD_WANTED;
        }
        return wanted;
}

/* Those that are not ours yet go first. */
static void drop(struct shards *shards, int surplus)
{
        for (int i = shards->setup.count; i-- > 0 && surplus > 0;)
                if (shards->all[i].state == SHARD_WANTED && !is_mine(&shards->all[i])) {
                        shards->all[i].state = SHARD_LEFT;
                        surplus--;
                }
        for (int i = shards->setup.count; i-- > 0 && surplus > 0;)
                if (shards->all[i].state == SHARD_WANTED) {
                        set_state(&shards->all[i], SHARD_LEAVING);
                        surplus--;
                }
}

/* Each replica begins elsewhere. `lacking`: so many are missing from our share. */
static void claim(struct shards *shards, int first, int lacking)
{
        for (int i = 0; i < shards->setup.count; i++) {
                struct shard *shard = &shards->all[(first + i) % shards->setup.count];

                if (shard->state != SHARD_LEFT || is_mine(shard) ||
                    !((lacking > 0 && !is_others(shard)) ||
                      kube_elector_free_ms(shard->elector) >= PATIENCE_MS))
                        continue;
                shard->state = SHARD_WANTED;
                lacking--;
        }
}

static void balance(struct shards *shards)
{
        int count = shards->setup.count, wanted = settle(shards), share = 0, first = 0;
        size_t place, there;

        if (kube_elector_left_ms(shards->division) == 0) {
                drop(shards, wanted);
                return;
        }
        if (kube_members_place(shards->members, &place, &there)) {
                int part = count / (int)there, rest = count % (int)there;

                share = part + ((int)place < rest);
                first = (int)place * part + ((int)place < rest ? (int)place : rest);
                if (wanted > share)
                        drop(shards, wanted - share);
        }
        claim(shards, first, share - wanted);
}

static void run_balance(void *argument)
{
        struct shards *shards = argument;
        const struct clock clock = reactor_clock(shards->setup.reactor);
        struct error interrupted = ERROR_INIT;

        while (clock_sleep_until(&clock, clock_now_ms(&clock) + BALANCE_MS, &interrupted))
                balance(shards);
}

/* ---- life ---- */

static struct kube_elector *elector_of(struct shard *shard)
{
        const struct shards_setup *setup = &shard->shards->setup;
        bool alone = setup->count == 1;
        autofree char *name = alone ? memory_copy_text(setup->name)
                                    : memory_format("%s-shard-%d", setup->name, shard->number);
        const struct kube_elector_options options = {.namespace = setup->namespace,
                                                     .name = name,
                                                     .identity = setup->identity,
                                                     .log = setup->log,
                                                     .wanted = is_wanted,
                                                     .changed = on_shard,
                                                     .context = shard};

        shard->state = alone ? SHARD_WANTED : SHARD_LEFT;
        return kube_elector_new(setup->client, &options);
}

/* All who divide into as many are one. */
static char *name_of_division(const struct shards *shards)
{
        return memory_format("%d-shards", shards->setup.count);
}

static struct kube_elector *division_of(struct shards *shards)
{
        const struct shards_setup *setup = &shards->setup;
        autofree char *identity = name_of_division(shards);
        const struct kube_elector_options options = {.namespace = setup->namespace,
                                                     .name = setup->name,
                                                     .identity = identity,
                                                     .log = setup->log,
                                                     .changed = on_division,
                                                     .context = shards};

        return kube_elector_new(setup->client, &options);
}

static struct kube_members *members_of(const struct shards *shards)
{
        const struct shards_setup *setup = &shards->setup;
        autofree char *name = memory_format("%s-replicas", setup->name);
        autofree char *group = name_of_division(shards);
        const struct kube_members_options options = {.namespace = setup->namespace,
                                                     .name = name,
                                                     .group = group,
                                                     .identity = setup->identity,
                                                     .log = setup->log};

        return kube_members_new(setup->client, &options);
}

struct shards *shards_new(const struct shards_setup *setup)
{
        struct shards *shards = memory_new(1, sizeof *shards);

        shards->setup = *setup;
        for (int i = 0; i < setup->count; i++) {
                shards->all[i] = (struct shard){.shards = shards, .number = i};
                shards->all[i].elector = elector_of(&shards->all[i]);
        }
        if (setup->count > 1) {
                shards->division = division_of(shards);
                shards->members = members_of(shards);
        }
        return shards;
}

void shards_free(struct shards *shards)
{
        if (!shards)
                return;
        for (int i = 0; i < shards->setup.count; i++)
                kube_elector_free(shards->all[i].elector);
        kube_elector_free(shards->division);
        kube_members_free(shards->members);
        free(shards);
}

void shards_start(struct shards *shards)
{
        struct reactor *reactor = shards->setup.reactor;

        for (int i = 0; i < shards->setup.count; i++)
                reactor_spawn(reactor, kube_elector_run, shards->all[i].elector);
        if (shards->setup.count == 1)
                return;
        reactor_spawn(reactor, kube_elector_run, shards->division);
        reactor_spawn(reactor, kube_members_run, shards->members);
        reactor_spawn(reactor, run_balance, shards);
}

/* That one could not be given up is no reason to keep the others. */
bool shards_release(struct shards *shards, struct error *err)
{
        bool done = true;

        for (int i = 0; i < shards->setup.count; i++) {
                struct error failure = ERROR_INIT;

                if (kube_elector_release(shards->all[i].elector, &failure))
                        continue;
                if (done)
                        *err = failure;
                done = false;
        }
        return (!shards->members || kube_members_leave(shards->members, err)) && done;
}
