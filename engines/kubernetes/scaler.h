/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ENGINES_KUBERNETES_SCALER_H
#define OPTCTL_ENGINES_KUBERNETES_SCALER_H

#include "core/plugin.h"
#include "engines/kubernetes/workload.h"

/*
 * An autoscaler that keeps the replicas of a pool, as a target: optctl sets its bounds, ahead of the load,
 * and leaves the replicas to it. The knob `workers` is its least number of replicas, above which it goes on
 * reacting; `autoscaler.max` is the greatest, and `autoscaler.targetCpuPercent` the CPU use that it aims at.
 */
struct kube_scaler_kind {
        const char *engine; /* name of the plugin: "hpa" */
        const char *kind, *group, *plural;
        const char *min, *max; /* fields of its spec */
        int64_t min_default;   /* what it takes where it says no minimum */
        bool has_metrics;      /* spec.metrics, as in autoscaling/v2 */
};

extern const struct kube_scaler_kind kube_hpa_kind, kube_scaled_object_kind;

/* What matters of all autoscalers of a namespace, cut down from the objects. */
extern const struct kube_following kube_scalers_following;

struct kube_scaler_options {
        char *name, *namespace;
        int64_t ready_seconds;
};

extern const struct option kube_scaler_option_list[];

struct kube_scaler_status {
        char target_kind[64], target[254];   /* what it scales */
        double min, max, target_cpu_percent; /* NAN: it says none */
};

/* ERROR_INCOMPLETE: it names no target. */
bool kube_scaler_read(const struct kube_scaler_kind *kind, const json_t *object,
                      struct kube_scaler_status *ret_status, struct error *err);

/* Value of a knob that an autoscaler has; NULL: it has no such. */
double *kube_scaler_of_knob(struct kube_scaler_status *status, const struct knob *knob);

/* ERROR_REFUSED (Conflicted) names the HorizontalPodAutoscaler or the ScaledObject that scales the object;
 * nothing is to be written to its replicas then. In a fiber. */
bool kube_check_scalers(struct kube_shared *kubernetes, const char *namespace, const char *kind,
                        const char *name, struct error *err);

/* ---- collectors and actuators of any such kind (core/plugin.h) ---- */

bool kube_scaler_open(const struct source_context *context, const struct kube_scaler_kind *kind,
                      const void *options, void **ret_state, struct error *err);
bool kube_scaler_collect(void *opaque, struct observation *ret_observation, struct error *err);
void kube_scaler_close(void *opaque);

bool kube_scaler_controls(void *opaque, const struct knob *knob);
bool kube_scaler_apply(void *opaque, const struct configuration *from, const struct configuration *to,
                       bool dry_run, const struct call_recorder *calls, struct error *err);
bool kube_scaler_tell(void *opaque, struct configuration *ret_configuration, struct error *err);
int64_t kube_scaler_patience_ms(void *opaque);

#endif
