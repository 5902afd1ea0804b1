/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/hpa_target.h"

void hpa_target_init(struct hpa_target *target, const struct pipeline *pipeline,
                     const struct hpa_behavior *behavior)
{
        *target = (struct hpa_target){
                .pipeline = pipeline,
                .bounds = proposal_worker_bounds(pipeline),
                .hpa = hpa_new(behavior),
        };
}

void hpa_target_fini(struct hpa_target *target)
{
        hpa_free(target->hpa);
        target->hpa = NULL;
}

static int workers_of(const struct pipeline *pipeline, const struct configuration *configuration)
{
        struct deployment deployment;

        pipeline_deployment(pipeline, configuration, &deployment);
        return deployment.workers;
}

void hpa_target_observe(struct hpa_target *target, const struct observation *observation)
{
        int running = workers_of(target->pipeline, &observation->configuration);

        if (target->pending.to != 0) {
                hpa_scaled(target->hpa, target->pending.time_ms, target->pending.from, target->pending.to);
                target->pending.to = 0;
        }
        /* New workers take their time, and until then the engine reports the old number. */
        if (running != target->observed)
                target->spec = target->observed = running;
}

struct hpa_pods hpa_target_pods(const struct hpa_target *target, const struct observation *observation)
{
        struct hpa_pods pods = {.current = target->spec};
        int ready = observation->workers_ready > 0 ? observation->workers_ready : observation->workers;

        /* Workers beyond spec.replicas are being deleted and count no more. */
        pods.ready = ready < target->spec ? ready : target->spec;
        pods.unready = target->spec - pods.ready;
        return pods;
}

bool hpa_target_scale(struct hpa_target *target, const char *strategy, const struct observation *observation,
                      int desired, struct proposal *ret_proposal)
{
        /* An HPA never goes to zero; who may (KEDA) does it by himself. */
        int min = target->bounds.min > 1 ? target->bounds.min : 1;
        int replicas = hpa_normalize(target->hpa, observation->time_ms, target->spec, desired, min,
                                     target->bounds.max);
        struct deployment wanted;

        if (replicas == target->spec) {
                proposal_hold(ret_proposal, strategy, observation, "");
                return false;
        }
        proposal_uniform(target->pipeline, replicas, &wanted);
        if (!proposal_deploy(ret_proposal, strategy, target->pipeline, observation, &wanted))
                return false;
        target->pending.time_ms = observation->time_ms;
        target->pending.from = target->spec;
        target->pending.to = replicas;
        target->spec = replicas;
        return true;
}

void hpa_target_told(struct hpa_target *target, const struct verdict *verdict, enum outcome outcome)
{
        bool undone = verdict->judgement == JUDGEMENT_REFUSED || outcome == OUTCOME_FAILED;

        if (undone)
                target->spec = target->pending.to != 0 ? target->pending.from : target->observed;
        else if (verdict->judgement == JUDGEMENT_CLIPPED && target->pending.to != 0)
                target->spec = target->pending.to = workers_of(target->pipeline, &verdict->configuration);
        if (undone)
                target->pending.to = 0;
}
