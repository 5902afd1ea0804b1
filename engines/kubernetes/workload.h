/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_WORKLOAD_H
#define OPTCTL_ENGINES_KUBERNETES_WORKLOAD_H

#include "core/kubernetes/shared.h"
#include "core/plugin.h"
#include "engines/kubernetes/resources.h"

/*
 * A pool of equal workers: an object of Kubernetes with replicas and a template of pods, as its collector and
 * its actuator see it. What differs from kind to kind is said here; the rest is the same for all of them.
 */
struct kube_workload_kind {
        const char *engine; /* name of the plugin: "deployment" */
        const char *kind, *api_version;
        struct kube_resource resource;
};

extern const struct kube_workload_kind kube_deployment_kind, kube_stateful_set_kind;

struct kube_workload_options {
        char *name, *namespace; /* namespace NULL: that of the tuned pipeline, else of the configuration */
        char *container;        /* NULL: all of a pod's count as one */
        int64_t ready_seconds;
};

/* For the table of a plugin: its options are these. */
extern const struct option kube_workload_option_list[];

/* One such object, before it is asked for. */
struct kube_workload {
        const struct kube_workload_kind *kind;
        const struct kube_workload_options *options;
        struct source_context context;
        struct kube_shared *kubernetes;
        char *namespace; /* NULL: not known yet, kube_workload_reach tells */
};

bool kube_workload_open(const struct source_context *context, const struct kube_workload_kind *kind,
                        const struct kube_workload_options *options, struct kube_workload **ret_workload,
                        struct error *err);
void kube_workload_close(struct kube_workload *workload);
DEFINE_CLEANUP(kube_workload_close, struct kube_workload);

/* The client, and the namespace when the configuration has to tell it. */
bool kube_workload_reach(struct kube_workload *workload, struct kube_client **ret_client, struct error *err);

/* "deployment n/web", for messages; room for 200 bytes. */
#define KUBE_WORKLOAD_WORDS 200
const char *kube_workload_words(const struct kube_workload *workload, char *buffer);

/* ---- what is read ---- */

struct kube_workload_status {
        int64_t replicas;                 /* that are wanted */
        int64_t existing, updated, ready; /* that there are; of the newest template; that take part */
        bool observed;                    /* what is said of it is about what it is told now */
        bool paused;                      /* its controller rolls nothing out */
        struct kube_resources asked;      /* by its template: of the container, or of all of them */
        char container[64];               /* whose requests a knob sets; "": it has none */
};

void kube_workload_read(const json_t *object, const char *container, struct kube_workload_status *ret_status);

/* Status of all of a namespace; what is kept is the object cut down to what kube_workload_read looks at. */
extern const struct kube_following kube_workloads_following;

#endif
