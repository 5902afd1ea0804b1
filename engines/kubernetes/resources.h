/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_RESOURCES_H
#define OPTCTL_ENGINES_KUBERNETES_RESOURCES_H

#include <jansson.h>
#include <stdbool.h>

#include "core/pipeline.h"

/* What containers ask for and may use: cores and bytes; NAN: not said. */
struct kube_resources {
        double cpu_request, memory_request, cpu_limit, memory_limit;
};

struct kube_resources kube_resources_read(const json_t *resources);
/* What the API server makes of it: a request that is not said is the limit. */
struct kube_resources kube_resources_default(struct kube_resources resources);
void kube_resources_add(struct kube_resources *sum, const struct kube_resources *part);

/* The request that a knob sets: `worker.cpu` in cores, `memory` in bytes; NULL: it sets none. */
double *kube_resources_of_knob(struct kube_resources *resources, const struct knob *knob);

/* The request a knob sets, and the limit in the proportion it had to the request. */
void kube_resources_set(struct kube_resources *resources, const struct knob *knob, double value);

/* {"requests": ..., "limits": ...} as Kubernetes writes it; CPU in whole thousandths, memory in whole bytes,
 * both rounded up. */
json_t *kube_resources_json(const struct kube_resources *resources);

#endif
