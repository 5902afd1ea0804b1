/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_FENCE_H
#define OPTCTL_CONTROLLER_FENCE_H

#include <stdint.h>

#include "core/plugin.h"

/*
 * Keeps who may no longer write from writing: of several replicas only the one that holds the lease changes a
 * target.
 */
struct fence {
        int64_t (*left_ms)(void *context); /* how long we may go on writing; 0: not at all */
        void *context;
};

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
