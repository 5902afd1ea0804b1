/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_DISCOVERY_H
#define OPTCTL_CORE_KUBERNETES_DISCOVERY_H

#include "core/kubernetes/client.h"

/* What kinds of objects a server serves, and in which versions: as of when it was asked, by aggregated
 * discovery (two requests, Kubernetes 1.26 and later). */
struct kube_discovery;

/* ERROR_INCOMPLETE (NotADiscovery): the server does not know it. */
bool kube_discovery_read(struct kube_client *client, struct kube_discovery **ret_discovery,
                         struct error *err);
void kube_discovery_free(struct kube_discovery *discovery);
DEFINE_CLEANUP(kube_discovery_free, struct kube_discovery);

/* The kind in the version that the server prefers of those that have it, or NULL: it is not served. Lives as
 * long as the discovery. */
const struct kube_resource *kube_discovery_find(const struct kube_discovery *discovery, const char *group,
                                                const char *plural);
/* A certain version is served. */
bool kube_discovery_serves(const struct kube_discovery *discovery, const struct kube_resource *resource);
/* "scale", "resize". */
bool kube_discovery_has(const struct kube_discovery *discovery, const struct kube_resource *resource,
                        const char *subresource);

#endif
