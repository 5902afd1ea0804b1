/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_USAGE_H
#define OPTCTL_ENGINES_KUBERNETES_USAGE_H

#include <jansson.h>

#include "core/kubernetes/shared.h"
#include "core/memory.h"

/*
 * What pods use, as the metrics API says (metrics.k8s.io/v1beta1): one list a namespace, at most every ten
 * seconds, whoever asks. It is what was measured when metrics-server looked last, as a rule within 15 to 60
 * s.
 */
struct kube_usage;

struct kube_container_usage {
        char *name;
        double cpu_cores, memory_bytes; /* NAN: not said */
};

struct kube_pod_usage {
        char *name;
        int64_t time_ms; /* of the measurement; INT64_MIN: it does not say */
        size_t n_containers;
        struct kube_container_usage *containers;
};

/* What a list of the API says (PodMetrics), pod by pod; kube_usage_sort once all are there. ERROR_LIMIT. */
struct kube_usage *kube_usage_new(void);
void kube_usage_free(struct kube_usage *usage); /* NULL-safe */
DEFINE_CLEANUP(kube_usage_free, struct kube_usage);
bool kube_usage_add(struct kube_usage *usage, const json_t *object, struct error *err);
void kube_usage_sort(struct kube_usage *usage);

/* Waits for the list where there is none that is new enough. ERROR_NOT_FOUND (KindNotServed): there is no
 * metrics API, which is believed for a minute. What is returned lives until the next wait. In a fiber. */
bool kube_usage_take(struct kube_shared *kubernetes, const char *namespace,
                     const struct kube_usage **ret_usage, struct error *err);

/* NULL: nothing is known of that pod. */
const struct kube_pod_usage *kube_usage_of(const struct kube_usage *usage, const char *pod);

#endif
