/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_CALL_H
#define OPTCTL_ENGINES_KUBERNETES_CALL_H

#include "core/kubernetes/reflector.h"
#include "core/plugin.h"

/*
 * A write to the API server: announced before it is sent, closed after its answer, and not sent in a dry run.
 * It only fits the object that was read: uid and resourceVersion are its preconditions.
 */
struct kube_caller {
        struct kube_client *client;
        const struct call_recorder *calls; /* may be NULL */
        bool dry_run;                      /* announced and not sent */
};

/* `read` is the object as it was read, whose uid and version must still hold; `what` is for people: "replicas
 * 3 -> 5". A merge patch, or with `apply` fields that are to be ours from now on. ret_object may be NULL; in
 * a dry run it is what was read. */
struct kube_call {
        const struct kube_target *target;
        const json_t *read, *body;
        bool apply;
        const char *what;
};

/*
 * Whether an object that was just read is the one that was looked at when it was decided, as a cache holds
 * it. Not retried: what was decided for another one is void.
 *
 * ERROR_REFUSED  MadeAnew: one of the same name has taken its place; BeingDeleted
 */
bool kube_call_fits(const struct kube_reflector *looked_at, const json_t *read, struct error *err);

bool kube_call(const struct kube_caller *caller, const struct kube_call *call, json_t **ret_object,
               struct error *err);

#endif
