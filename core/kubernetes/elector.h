/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_ELECTOR_H
#define OPTCTL_CORE_KUBERNETES_ELECTOR_H

#include "core/kubernetes/client.h"
#include "core/log.h"

/*
 * Of all who stand for the same Lease (coordination.k8s.io/v1) at most one leads at any time.
 *
 * No clock is compared with another's. Who leads counts from before its last renewal was sent, and ends ten
 * seconds later by its own steady clock, whatever became of the server, the network or itself meanwhile. Who
 * waits counts from after it saw the lease change last, and takes it fifteen seconds later. So clocks may be
 * set as they like, processes may be stopped and go on, and as long as no clock runs a third faster than
 * another, nobody leads while somebody else does. Two who take it at once: the second's update is a conflict.
 * A lease that is missing says nothing about who leads, so that a new one is waited for, too.
 */
struct kube_elector;

struct kube_elector_options {
        const char *namespace, *name; /* of the Lease; created where it is missing, as nobody's */
        const char *identity;         /* of us: unique, and another one after each start */
        int64_t lease_ms;             /* until somebody else takes it; 0: 15,000 */
        int64_t renew_ms;             /* until who leads gives up; 0: 10,000; less than lease_ms */
        int64_t retry_ms;             /* between two attempts; 0: 2,000 */
        const struct clock *clock; /* for the times in the Lease, which are for people; NULL: the reactor's */
        struct log *log;           /* may be NULL */
        /* Whether to take it, or to go on with it: else it is given up, or left to others. Asked before each
         * attempt; NULL: always. */
        bool (*wanted)(void *context);
        void (*changed)(void *context, bool leads); /* must not wait; may be NULL */
        void *context;
};

/* Texts are copied. */
struct kube_elector *kube_elector_new(struct kube_client *client, const struct kube_elector_options *options);
void kube_elector_free(struct kube_elector *elector); /* once kube_elector_run has returned */
DEFINE_CLEANUP(kube_elector_free, struct kube_elector);

/* For a fiber of its own: takes the lease, renews it, takes it again after it was lost. Returns when the
 * reactor stops. The lease is still ours then: kube_elector_release comes last, when nothing writes any
 * more. */
void kube_elector_run(void *argument);

/* How long we may go on writing; 0: we do not lead. To be asked right before every write, and the write's
 * time-out is no longer than this. */
int64_t kube_elector_left_ms(const struct kube_elector *elector);

/* How often the lease had changed hands when it came to us: grows with every leader, until somebody deletes
 * the Lease. */
int64_t kube_elector_term(const struct kube_elector *elector);

/* Who has the lease, as far as we saw; "" nobody. */
const char *kube_elector_holder(const struct kube_elector *elector);

/* For how long the lease has been there to be taken, as far as we saw; -1: it is not, or was not seen yet. */
int64_t kube_elector_free_ms(const struct kube_elector *elector);

/* Gives the lease up, so that somebody else takes it at once. In a fiber, after kube_elector_run. */
bool kube_elector_release(struct kube_elector *elector, struct error *err);

#endif
