/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_KUBERNETES_REFLECTOR_H
#define OPTCTL_CORE_KUBERNETES_REFLECTOR_H

#include "core/kubernetes/list.h"
#include "core/log.h"

/*
 * What matters of all objects of a kind, kept as the server has them: listed, then watched from where the
 * list stood; listed again when the server forgot that version, when the watch makes no sense, and every ten
 * minutes in any case, because an event that got lost on the way shows in nothing else.
 *
 * Of each object only what the caller makes of it is kept. An object that is gone is dropped once a whole
 * list or an event of the server says so, never because something failed.
 */
struct kube_reflector;

struct kube_reflector_options {
        const struct kube_resource *resource; /* borrowed, like what the selection points to */
        struct kube_selection selection;

        /* What is kept of an object, of *ret_bytes; NULL: nothing, as if it were not there. */
        void *(*project)(void *context, const json_t *object, size_t *ret_bytes);
        void (*release)(void *kept); /* NULL: free */

        /* After each change: `before` NULL: new; `now` NULL: gone. Must not wait. May be NULL. */
        void (*changed)(void *context, const char *namespace, const char *name, const void *before,
                        const void *now);
        void *context;

        int64_t refresh_seconds; /* between lists; 0: 600 */
        size_t max_objects;      /* 0: 50,000 */
        size_t max_bytes;        /* of what is kept; 0: 256 MiB */
        struct log *log;         /* may be NULL */
};

struct kube_reflector *kube_reflector_new(struct kube_client *client,
                                          const struct kube_reflector_options *options);
void kube_reflector_free(struct kube_reflector *reflector); /* once kube_reflector_run has returned */
DEFINE_CLEANUP(kube_reflector_free, struct kube_reflector);

/* For a fiber of its own: returns when the reactor stops. */
void kube_reflector_run(void *argument);

/* Lists again as soon as it hears of the server: somebody knows of a change that it has not seen. */
void kube_reflector_relist(struct kube_reflector *reflector);

/* A whole list has been seen: what is not there now does not exist, as far as the server told. */
bool kube_reflector_synced(const struct kube_reflector *reflector);
/* Waits for that. ERROR_TIMEOUT repeats what keeps it from happening; ERROR_INTERRUPTED. */
bool kube_reflector_wait(struct kube_reflector *reflector, int64_t timeout_ms, struct error *err);

/* What was kept of an object, or NULL. `namespace` "": of none. Lives until the next wait. */
const void *kube_reflector_get(const struct kube_reflector *reflector, const char *namespace,
                               const char *name);
/* Its metadata.uid and resourceVersion: what a write's preconditions say. "" when it is not there. */
const char *kube_reflector_uid(const struct kube_reflector *reflector, const char *namespace,
                               const char *name);
const char *kube_reflector_version(const struct kube_reflector *reflector, const char *namespace,
                                   const char *name);

/* All, by namespace and name. `visit` must not wait. */
void kube_reflector_each(const struct kube_reflector *reflector,
                         void (*visit)(void *context, const char *namespace, const char *name,
                                       const void *kept),
                         void *context);

struct kube_reflector_state {
        size_t objects, bytes;
        int64_t lists, watches; /* begun so far */
        int64_t events;         /* that changed something */
        int64_t repeated;       /* that were seen before */
        int64_t failures;       /* of lists and watches, their ordinary ends not counted */
        int64_t stale;          /* lists and events older than what is known already */
        int64_t heard_ms;       /* when the server said anything last, by the reactor's clock; 0: never */
        char trouble[256];      /* what failed last; "" once it works again */
};
struct kube_reflector_state kube_reflector_state(const struct kube_reflector *reflector);

/* What failed last, whole; ERROR_NONE once it works again. */
const struct error *kube_reflector_trouble(const struct kube_reflector *reflector);

#endif
