/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_INTERNAL_H
#define OPTCTL_CONTROLLER_OPERATOR_INTERNAL_H

#include "controller/operator/fence.h"
#include "controller/operator/operator.h"
#include "controller/operator/claims.h"
#include "controller/operator/nodes.h"
#include "controller/operator/object.h"
#include "controller/operator/prices.h"
#include "controller/operator/studies.h"
#include "controller/operator/view.h"
#include "controller/operator/shards.h"
#include "core/kubernetes/events.h"
#include "core/kubernetes/reflector.h"
#include "core/work_queue.h"

/* What is not of a namespace is of this shard. */
#define CLUSTER_SHARD 0

/* What there is of a shard here. */
struct operator_shard {
        struct cluster_operator *op;
        int number;
        int n_working; /* keys of it that are gone through */
        struct fence fence;
};

/*
 * operator.c      fibers, and what they are told
 * shard_owners.c  what is ours of all that
 * sync.c          one key: cache against fleet
 * status.c        what its object's status says
 * news.c          what its Events say
 * object.c        what is kept of an object
 * nodes.c         what pods cost by the prices of nodes
 * prices.c        by which PriceBook a pipeline is counted
 * studies.c       TuningStudies; study_*.c: a round of one, its Job, its results
 * view.c          what is kept of a turn
 * claims.c        who steers a target that several want
 */
struct cluster_operator {
        struct operator_setup setup;
        struct work_queue *queue;
        struct kube_reflector *pipelines;
        struct shards *leases;
        struct operator_shard shards[SHARDS_MOST];
        struct fence_scopes scopes;
        struct kube_events *events;
        struct claims *claims;
        struct operator_prices *prices;   /* NULL: PriceBooks are not read */
        struct operator_nodes *nodes;     /* NULL: what pods cost is not reckoned */
        struct operator_studies *studies; /* NULL: TuningStudies are not read */
        void *tuned;                      /* a tree of tsearch, of struct tuned by key */
};

/* What is known of a pipeline beside its object. */
struct tuned {
        struct cluster_operator *op;
        char *key, *namespace, *name;
        int shard;             /* of what is in the fleet, or was last */
        struct member *member; /* NULL: it is not in the fleet */
        bool started;          /* and takes turns there */
        bool leaving;          /* out of it once its turn is over */
        char *uid;             /* of the object that `member`, or `invalid`, came from */
        int64_t generation;
        char *invalid;          /* what is wrong with that one's spec; NULL: nothing */
        char *other;            /* who steers its target instead; NULL: nobody */
        struct pricing pricing; /* of what runs, or why nothing does */
        bool paused_before;     /* as told by an Event */
        json_t *cost;           /* of its pods, as the status has it; NULL: not known */
        struct view view;
        char version[KUBE_VERSION_ROOM]; /* of the object after our last write to it; "": none */
        int64_t written_ms;              /* steady: when; 0: never */
        char refused[KUBE_VERSION_ROOM]; /* in the cache, while the server has another one; "": none */
        int64_t refused_ms;              /* steady: since when that is known */
};

/* ---- operator_sync.c ---- */

enum work_result operator_sync(struct cluster_operator *op, struct tuned *tuned);
/* NULL: there is none. */
struct tuned *operator_find(struct cluster_operator *op, const char *key);

/* ---- shard_owners.c ---- */

void operator_shards_open(struct cluster_operator *op);
void operator_shards_close(struct cluster_operator *op);
void operator_count_shards(const struct cluster_operator *op); /* for /metrics */

/* In which shard it is: pipelines with the same target are in the same. */
int operator_shard_of(const struct cluster_operator *op, const struct tuned_object *object);
int operator_shard_of_key(const struct cluster_operator *op, const char *key);

/* Whether something of it may begin here. */
bool operator_has(const struct cluster_operator *op, int shard);
bool operator_has_any(const struct cluster_operator *op);
/* Of what is sent later. */
struct kube_fence operator_fence(struct cluster_operator *op, int shard);

/* What this fiber writes in between is of the shard, which is not given up meanwhile. */
void operator_enter(struct cluster_operator *op, int shard, struct fence_scope *ret_scope);
void operator_leave(struct cluster_operator *op, int shard, const struct fence_scope *scope);

/* ---- operator_status.c ---- */

struct condition {
        const char *type, *status, *reason, *message;
};

/* Into a status, beside those that it has. */
void operator_put_conditions(const struct cluster_operator *op, json_t *status, const struct condition *all,
                             size_t count, int64_t generation);

/* Writes the object's status where it is not as it ought to be; with `confirm` in any case, so that it fails
 * when the object is not what it was taken for. */
bool operator_write_status(struct tuned *tuned, const struct tuned_object *object, bool confirm,
                           struct error *err);

/* ---- operator_news.c ---- */

/* What the newest turn, or worker, changed: an Event each. `counted`: the loop's counts before. */
void operator_tell_turn(struct tuned *tuned, const struct loop_status *counted);
void operator_tell(const struct tuned *tuned, bool warning, const char *reason, const char *action,
                   const char *note);

#endif
