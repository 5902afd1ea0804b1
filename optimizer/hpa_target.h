/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_HPA_TARGET_H
#define OPTCTL_OPTIMIZER_HPA_TARGET_H

#include "core/plugin.h"
#include "optimizer/hpa_algorithm.h"
#include "optimizer/proposal.h"

/*
 * The workload that a HorizontalPodAutoscaler scales: keeps spec.replicas, which is what was asked for last
 * and not what runs already. The pipeline is scaled as a whole: every operator gets all slots of the workers.
 */
struct hpa_target {
        const struct pipeline *pipeline;
        struct worker_bounds bounds;
        struct hpa *hpa;
        int spec;     /* spec.replicas */
        int observed; /* what the engine last said it runs; 0 before the first observation */
        /* A scaling that was proposed and not refused so far; `to` is 0 when there is none. */
        struct {
                int64_t time_ms;
                int from, to;
        } pending;
};

void hpa_target_init(struct hpa_target *target, const struct pipeline *pipeline,
                     const struct hpa_behavior *behavior);
void hpa_target_fini(struct hpa_target *target);

/* Call once a turn, first: takes in what runs. Afterwards `spec` is right. */
void hpa_target_observe(struct hpa_target *target, const struct observation *observation);

/* Pods as the HPA sees them. A job that is down does not make its pods unready. */
struct hpa_pods hpa_target_pods(const struct hpa_target *target, const struct observation *observation);

/* Proposes what `desired` comes to after stabilisation, rate limits and bounds. True when that is a change:
 * then the caller writes the reason. */
bool hpa_target_scale(struct hpa_target *target, const char *strategy, const struct observation *observation,
                      int desired, struct proposal *ret_proposal);

/* As strategy.told: a scaling that was not carried out never happened. */
void hpa_target_told(struct hpa_target *target, const struct verdict *verdict, enum outcome outcome);

#endif
