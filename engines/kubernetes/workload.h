/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_WORKLOAD_H
#define OPTCTL_ENGINES_KUBERNETES_WORKLOAD_H

#include "core/kubernetes/shared.h"
#include "core/plugin.h"
#include "engines/kubernetes/object_options.h"
#include "engines/kubernetes/resources.h"

/*
 * A pool of equal workers: an object of Kubernetes that says how many there are and has a template of pods,
 * as its collector and its actuator see it. What differs from kind to kind is said here; the rest is the same
 * for all of them.
 */
struct kube_workload;
struct kube_workload_status;
struct kube_workload_kind {
        const char *engine; /* name of the plugin: "deployment" */
        const char *kind, *api_version;
        struct kube_resource resource;
        const char *home; /* of what it says of its workers: "spec", of which "replicas" and "template" */
        const char *workers;
        bool scaled; /* how many is written through /scale, which autoscalers may, too */
        bool fixed;  /* what each worker is stays as it was made */
        const struct kube_following *following; /* keeps of it what the next two look at */
        /* What its status and the rest of its spec say. */
        void (*read)(const json_t *object, struct kube_workload_status *status);
        /* Whether it is one that can be tuned; NULL: any is. */
        bool (*check)(const struct kube_workload *workload, const json_t *object, struct error *err);
};

/* More of them: engines/kubernetes/batch.h. */
extern const struct kube_workload_kind kube_deployment_kind, kube_stateful_set_kind;

struct kube_workload_options {
        char *name, *namespace; /* namespace NULL: that of the tuned pipeline, else of the configuration */
        char *container;        /* NULL: all of a pod's count as one */
        int64_t ready_seconds;
        int completions; /* of a Job or CronJob: enum kube_completions */
};

#define KUBE_WORKLOAD_AT(member) .offset = offsetof(struct kube_workload_options, member)

/* Options of theirs, for tables. */
#define KUBE_WORKLOAD_OBJECT                                                                                 \
        KUBE_OBJECT_OPTIONS(offsetof(struct kube_workload_options, name),                                    \
                            offsetof(struct kube_workload_options, namespace))

#define KUBE_WORKLOAD_READY                                                                                  \
        {                                                                                                    \
                .name = "readySeconds", .type = OPTION_INT, KUBE_WORKLOAD_AT(ready_seconds), .unit = "s",    \
                .min = 1, .max = 86400, .fallback = "600",                                                   \
                .help = "How long it may take until the pods that it was told to have are there. Then the "  \
                        "change is taken back."                                                              \
        }

#define KUBE_WORKLOAD_CONTAINER(words)                                                                       \
        {                                                                                                    \
                .name = "container", .type = OPTION_TEXT, KUBE_WORKLOAD_AT(container), .min = 1, .max = 63,  \
                .help = words                                                                                \
        }

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
        int64_t useful;                   /* of these, for which there is work */
        int64_t existing, updated, ready; /* that there are; of the newest template; that take part */
        bool observed;                    /* what is said of it is about what it is told now */
        bool paused;                      /* its controller rolls nothing out */
        struct kube_resources asked;      /* by its template: of the container, or of all of them */
        double heap_bytes;                /* of the JVM of its containers (jvm.h) */
        char container[64];               /* whose requests a knob sets; "": it has none */
};

void kube_workload_read(const struct kube_workload_kind *kind, const json_t *object, const char *container,
                        struct kube_workload_status *ret_status);

/* ERROR_NOT_FOUND, ERROR_INPUT: it has no such container; or what the kind's check says. */
bool kube_workload_look(const struct kube_workload *workload, const json_t *object,
                        struct kube_workload_status *ret_status, struct error *err);

/* Sets the knobs that it tells, NAN where it does not say. */
void kube_workload_configure(const struct kube_workload_kind *kind, const struct kube_workload_status *status,
                             const struct pipeline *pipeline, struct configuration *configuration);

/* The request that a knob sets of pods of that kind; NULL: it sets none. */
double *kube_workload_request(const struct kube_workload_kind *kind, struct kube_resources *resources,
                              const struct knob *knob);

/* Status of all of a namespace; what is kept is the object cut down to what is looked at, of its template
 * what kube_workload_cut_template leaves. */
extern const struct kube_following kube_workloads_following;
json_t *kube_workload_cut_template(const json_t *template); /* caller frees */
#define KUBE_WORKLOAD_BYTES 2048                            /* about what jansson needs for it */

#endif
