/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_WATCH_H
#define OPTCTL_CORE_KUBERNETES_WATCH_H

#include "core/kubernetes/list.h"

/* Changes to a kind's objects, in the order in which they were made, from a resourceVersion on. */
struct kube_watch;

enum kube_event_type {
        KUBE_ADDED,
        KUBE_MODIFIED,
        KUBE_DELETED,
        KUBE_BOOKMARK, /* nothing changed up to the object's resourceVersion, which is all it has */
};

bool kube_watch_open(struct kube_client *client, const struct kube_resource *resource,
                     const struct kube_selection *selection, const char *version,
                     struct kube_watch **ret_watch, struct error *err);
void kube_watch_close(struct kube_watch *watch);
DEFINE_CLEANUP(kube_watch_close, struct kube_watch);

/*
 * Waits for the next one; *ret_object is a new reference. When false there will be no more:
 *
 * ERROR_NOT_FOUND    Expired: the server has forgotten what happened since the version; list again
 * ERROR_UNAVAILABLE  WatchEnded: as the server does every few minutes; watch again from the last version
 * ERROR_TIMEOUT      not even a bookmark for 90 s, of which there should be one a minute: the connection is
 *                    dead, or the server; watch again
 * ERROR_INCOMPLETE   NotAnEvent: what came is none
 * ERROR_LIMIT        an event above 16 MiB
 * and those of http_stream_read.
 */
bool kube_watch_next(struct kube_watch *watch, enum kube_event_type *ret_type, json_t **ret_object,
                     struct error *err);

#endif
