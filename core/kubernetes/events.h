/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_EVENTS_H
#define OPTCTL_CORE_KUBERNETES_EVENTS_H

#include "core/kubernetes/client.h"
#include "core/log.h"

/*
 * What happened to an object, for who looks at it with kubectl (events.k8s.io/v1). Told without waiting and
 * sent by a fiber of its own; what happens again within six minutes becomes the series of one Event, which is
 * brought up to date at most once a minute. Events are news, not records: what cannot be sent is dropped.
 */
struct kube_events;

struct kube_news {
        const char *api_version, *kind, *namespace, *name,
                *uid; /* of the object; namespace "": it has none */
        bool warning;
        const char *reason;      /* CamelCase, one of few */
        const char *action;      /* CamelCase: what was done or tried */
        const char *note;        /* for a person; secrets that are known are masked; cut at 1 kB */
        struct kube_fence fence; /* while it lasts this is sent; all zero: the client's. Lives on until the
                                    fiber has returned */
};

/* `controller`: "optctl.dev/operator"; `instance`: which of its replicas. Texts are copied. */
struct kube_events *kube_events_new(struct kube_client *client, const char *controller, const char *instance,
                                    struct log *log);
void kube_events_free(struct kube_events *events); /* once kube_events_run has returned */
DEFINE_CLEANUP(kube_events_free, struct kube_events);

/* Everything is copied. With 256 kinds of news at once, the one that has been quiet for longest gives way. */
void kube_events_tell(struct kube_events *events, const struct kube_news *news);

/* For a fiber of its own: returns when the reactor stops, after one try to send what is left. */
void kube_events_run(void *argument);

int64_t kube_events_dropped(const struct kube_events *events);

#endif
