/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_VERTICAL_H
#define OPTCTL_ENGINES_KUBERNETES_VERTICAL_H

#include "core/kubernetes/shared.h"
#include "core/observation.h"
#include "engines/kubernetes/workload.h"

/* A container of the pods of an object, and what of it is to be written. */
struct kube_sized {
        const char *namespace, *kind, *name, *container;
        bool cpu, memory;
};

/* What knobs of its pipeline set of that container (borrowed); false: nothing. */
bool kube_sized_by(const struct kube_workload *workload, const char *container, struct kube_sized *ret_sized);

/* Whether a VerticalPodAutoscaler (its object, or its spec alone) writes any of it. Pure. */
bool kube_vertical_sizes(const json_t *object, const struct kube_sized *sized);

/* ERROR_REFUSED (Conflicted) names the VerticalPodAutoscaler that sets it; nothing is to be written to its
 * requests then. In a fiber. */
bool kube_check_vertical(struct kube_shared *kubernetes, const struct kube_sized *sized, struct error *err);

struct kube_vertical_advice {
        struct request_advice cpu, memory;
};

/* What one (its object, or what is kept of it) recommends for that container. Pure. */
struct kube_vertical_advice kube_vertical_advises(const json_t *object, const struct kube_sized *sized);

/* What a VerticalPodAutoscaler of that object recommends for the container, of more than one that has a
 * recommendation the first by name; nothing where the API server serves none. In a fiber. */
bool kube_take_vertical(struct kube_shared *kubernetes, const struct kube_sized *sized,
                        struct kube_vertical_advice *ret_advice, struct error *err);

#endif
