/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_OPERATOR_FENCE_H
#define OPTCTL_CONTROLLER_OPERATOR_FENCE_H

#include <stdint.h>

#include "core/plugin.h"
#include "core/reactor.h"

/*
 * Keeps who may no longer write from writing: of several replicas only the one that holds the lease changes a
 * target.
 */
struct fence {
        int64_t (*left_ms)(void *context); /* how long we may go on writing; 0: not at all */
        void *context;
        struct fence_scopes *scopes; /* where to say that it holds for a fiber; NULL: nobody asks */
};

/*
 * Which fence holds for what a fiber writes: pipelines share a client of the API server, which asks before
 * each write, and each pipeline has a fence.
 */
struct fence_scope {
        const struct fiber *fiber;
        const struct fence *fence;
        struct fence_scope *next;
};

struct fence_scopes {
        struct reactor *reactor;
        struct fence_scope *first;
};

/* For what this fiber writes, until fence_leave with the same scope. */
void fence_enter(struct fence_scopes *scopes, const struct fence *fence, struct fence_scope *ret_scope);
void fence_leave(struct fence_scopes *scopes, const struct fence_scope *scope);

/* Of the fiber that asks; 0: none holds for it. `context`: a struct fence_scopes. */
int64_t fence_scopes_left_ms(void *context);

/*
 * A call to an engine is begun while at least FENCE_LEFT_MS are left. A lease is taken by another replica
 * five seconds after its holder gave up (core/kubernetes/elector.h), and a call is answered or given up
 * within FENCE_CALL_SECONDS, which a spec may not exceed: so none is still under way when somebody else
 * begins.
 */
#define FENCE_LEFT_MS      INT64_C(5000)
#define FENCE_CALL_SECONDS 10

/* An actuator whose every call is announced to the fence first. */
struct fenced {
        const struct fence *fence; /* NULL: nobody else writes */
        const struct actuator *actuator;
        void *state;
        char conflict[240]; /* whose a field is that we would write, as it was read last; empty: nobody else's
                             */
};

/* Its state is a struct fenced. A call that the fence holds back fails as ERROR_UNAVAILABLE (NotLeading), and
 * was not made. */
extern const struct actuator fenced_actuator;

#endif
