/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is ours of all that, and what holds for it as long as it is. */
#include <search.h>
#include <string.h>

#include "controller/operator/internal.h"

static const struct metric_family leader_family =
        {.name = "optctl_leader",
         .type = METRIC_GAUGE,
         .help = "Whether this replica leads: whether it holds a shard, where there are several."};
static const struct metric_family held_family =
        {.name = "optctl_shards_held",
         .type = METRIC_GAUGE,
         .help = "Shards of the pipelines that this replica holds; see optctl controller --shards."};
static const struct metric_family shards_family = {.name = "optctl_shards",
                                                   .type = METRIC_GAUGE,
                                                   .help = "Shards that there are, all replicas together."};

METRIC_FAMILY(leader_family);
METRIC_FAMILY(held_family);
METRIC_FAMILY(shards_family);

/* ---- what holds ---- */

bool operator_has(const struct cluster_operator *op, int shard)
{
        return shards_has(op->leases, shard);
}

bool operator_has_any(const struct cluster_operator *op)
{
        return shards_held(op->leases) > 0;
}

int operator_shard_of_key(const struct cluster_operator *op, const char *key)
{
        return shards_of(op->leases, key);
}

int operator_shard_of(const struct cluster_operator *op, const struct tuned_object *object)
{
        return shards_of(op->leases, object->steered ? object->steered : object->uid);
}

static int64_t left_ms(void *context)
{
        const struct operator_shard *shard = context;

        return shards_left_ms(shard->op->leases, shard->number);
}

struct kube_fence operator_fence(struct cluster_operator *op, int shard)
{
        return (struct kube_fence){left_ms, &op->shards[shard]};
}

void operator_enter(struct cluster_operator *op, int shard, struct fence_scope *ret_scope)
{
        op->shards[shard].n_working++;
        fence_enter(&op->scopes, &op->shards[shard].fence, ret_scope);
}

void operator_leave(struct cluster_operator *op, int shard, const struct fence_scope *scope)
{
        fence_leave(&op->scopes, scope);
        op->shards[shard].n_working--;
}

/* Of the ledger. */
static bool writes(void *context, const char *namespace, const char *name)
{
        struct cluster_operator *op = context;
        autofree char *key = memory_format("%s/%s", namespace, name);
        const struct tuned *tuned = operator_find(op, key);

        return tuned && shards_left_ms(op->leases, tuned->shard) > 0;
}

static bool writes_no_more(void *context, const char *namespace, const char *name)
{
        (void)context;
        (void)namespace;
        (void)name;
        return false;
}

/* ---- what comes and goes ---- */

struct sought {
        int shard;
        bool found;
};

static void look_at(const void *place, VISIT which, void *argument)
{
        const struct tuned *tuned = *(struct tuned *const *)place;
        struct sought *sought = argument;

        if ((which == postorder || which == leaf) && tuned->shard == sought->shard &&
            (tuned->member || tuned->leaving))
                sought->found = true;
}

static bool is_empty(void *context, int shard)
{
        const struct cluster_operator *op = context;
        struct sought sought = {.shard = shard};

        if (op->shards[shard].n_working > 0)
                return false;
        twalk_r(op->tuned, look_at, &sought);
        return !sought.found;
}

static void want_object(void *context, const char *namespace, const char *name, const void *kept)
{
        const struct operator_shard *shard = context;
        autofree char *key = memory_format("%s/%s", namespace, name);

        if (operator_shard_of(shard->op, kept) == shard->number)
                work_queue_add(shard->op->queue, key);
}

static void on_changed(void *context, int shard)
{
        struct cluster_operator *op = context;

        operator_count_shards(op);
        operator_want_books(op);
        operator_want_studies(op);
        kube_reflector_each(op->pipelines, want_object, &op->shards[shard]);
}

void operator_count_shards(const struct cluster_operator *op)
{
        int held = shards_held(op->leases);

        metrics_set(op->setup.metrics, &leader_family, NULL, held > 0);
        metrics_set(op->setup.metrics, &held_family, NULL, held);
}

/* ---- life ---- */

void operator_shards_open(struct cluster_operator *op)
{
        const struct operator_setup *setup = &op->setup;
        const struct shards_setup shared = {.reactor = setup->reactor,
                                            .client = setup->client,
                                            .log = setup->log,
                                            .namespace = setup->lease_namespace,
                                            .name = setup->lease_name,
                                            .identity = setup->identity,
                                            .count = setup->shards > 0 ? setup->shards : 1,
                                            .changed = on_changed,
                                            .is_empty = is_empty,
                                            .context = op};

        op->scopes.reactor = setup->reactor;
        for (int i = 0; i < SHARDS_MOST; i++)
                op->shards[i] = (struct operator_shard){.op = op,
                                                        .number = i,
                                                        .fence = {left_ms, &op->shards[i], &op->scopes}};
        op->leases = shards_new(&shared);
        kube_client_fence(setup->client, fence_scopes_left_ms, &op->scopes);
        if (setup->ledger)
                ledger_by_lease(setup->ledger, writes, op);
        metrics_set(setup->metrics, &shards_family, NULL, shared.count);
        operator_count_shards(op);
}

void operator_shards_close(struct cluster_operator *op)
{
        kube_client_fence(op->setup.client, NULL, NULL);
        if (op->setup.ledger)
                ledger_by_lease(op->setup.ledger, writes_no_more, NULL);
        shards_free(op->leases);
}
