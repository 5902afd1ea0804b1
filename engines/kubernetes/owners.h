/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_OWNERS_H
#define OPTCTL_ENGINES_KUBERNETES_OWNERS_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Who else writes a field that optctl would write. One field has one writer: two autoscalers on the same
 * replicas take back each other's changes for ever, and what is kept in Git comes back with the next
 * synchronisation.
 */

/* Who applies the field (server-side apply), or keeps it like that as Argo CD and Flux do; NULL: nobody but
 * optctl, or somebody who wrote it once. `path` is that of managedFields: "f:spec|f:replicas". Borrowed. */
const char *kube_field_owner(const json_t *object, const char *path);

/* Whether optctl has applied it. */
bool kube_field_is_ours(const json_t *object, const char *path);

#endif
