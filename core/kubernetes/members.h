/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_MEMBERS_H
#define OPTCTL_CORE_KUBERNETES_MEMBERS_H

#include <stddef.h>

#include "core/kubernetes/client.h"
#include "core/log.h"

/*
 * Which replicas are there, so that they can share work: each has an annotation of its own at one Lease, and
 * counts up in it every three seconds. One that has not counted for ten seconds, by the steady clock of who
 * looks, is not there; after a minute its annotation is taken away. It is a hint and no lock: replicas may
 * see each other later than they come, and what one of them may do is settled by other Leases (elector.h).
 */
struct kube_members;

struct kube_members_options {
        const char *namespace, *name; /* of the Lease; created where it is missing */
        const char *group;            /* only members of the same count: a DNS label */
        const char *identity;         /* of us: unique; letters, digits, '-', '_' and '.' */
        struct log *log;              /* may be NULL */
};

/* Texts are copied. */
struct kube_members *kube_members_new(struct kube_client *client, const struct kube_members_options *options);
void kube_members_free(struct kube_members *members); /* once kube_members_run has returned; NULL-safe */
DEFINE_CLEANUP(kube_members_free, struct kube_members);

/* For a fiber of its own: returns when the reactor stops. */
void kube_members_run(void *argument);

/* Our place among those who are there, from 0 by identity, and how many there are. False: it is not known,
 * since the server has not taken our own count for ten seconds. */
bool kube_members_place(const struct kube_members *members, size_t *ret_place, size_t *ret_count);

bool kube_members_has(const struct kube_members *members, const char *identity);

/* Takes our annotation away, so that others need not wait. In a fiber, after kube_members_run. */
bool kube_members_leave(struct kube_members *members, struct error *err);

#endif
