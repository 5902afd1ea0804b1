/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/proposal.h"

#include <math.h>
#include <string.h>

static void start(struct proposal *proposal, const char *strategy, const struct observation *observation)
{
        proposal->kind = PROPOSAL_HOLD;
        proposal->strategy = strategy;
        proposal->configuration = observation->configuration;
        proposal->prediction = (struct prediction){0};
        proposal->expected_saving = NAN;
        proposal->n_alternatives = 0;
        proposal->unsure = false;
        proposal->reason[0] = '\0';
}

void proposal_hold(struct proposal *ret_proposal, const char *strategy, const struct observation *observation,
                   const char *reason)
{
        size_t length = strnlen(reason, sizeof(ret_proposal->reason) - 1);

        start(ret_proposal, strategy, observation);
        memcpy(ret_proposal->reason, reason, length);
        ret_proposal->reason[length] = '\0';
}

bool proposal_deploy(struct proposal *ret_proposal, const char *strategy, const struct pipeline *pipeline,
                     const struct observation *observation, const struct deployment *wanted)
{
        start(ret_proposal, strategy, observation);
        pipeline_configuration(pipeline, wanted, &observation->configuration, &ret_proposal->configuration);
        if (configuration_equal(&ret_proposal->configuration, &observation->configuration))
                return false;
        ret_proposal->kind = PROPOSAL_CHANGE;
        return true;
}

static int workers_for_slots(const struct pipeline *pipeline, int slots)
{
        int per_worker = pipeline->slots_per_worker > 0 ? pipeline->slots_per_worker : 1;

        return slots / per_worker + (slots % per_worker > 0);
}

int proposal_workers_for(const struct pipeline *pipeline, const struct deployment *deployment)
{
        int widest = 1;

        for (int i = 0; i < pipeline->n_operators; i++)
                if (deployment->parallelism[i] > widest)
                        widest = deployment->parallelism[i];
        return workers_for_slots(pipeline, widest);
}

void proposal_uniform(const struct pipeline *pipeline, int workers, struct deployment *ret_deployment)
{
        int slots = pipeline->slots_per_worker > 0 ? pipeline->slots_per_worker : 1;

        ret_deployment->workers = workers;
        for (int i = 0; i < pipeline->n_operators; i++)
                ret_deployment->parallelism[i] = workers * slots;
}

static bool sets_operators_apart(const struct pipeline *pipeline)
{
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (pipeline->knobs[i].role == KNOB_PARALLELISM && pipeline->knobs[i].operator_index >= 0)
                        return true;
        return false;
}

void proposal_follow_widest(const struct pipeline *pipeline, struct deployment *deployment)
{
        int widest = 0;

        if (sets_operators_apart(pipeline))
                return;
        for (int i = 0; i < pipeline->n_operators; i++)
                if (!pipeline->operators[i].source && deployment->parallelism[i] > widest)
                        widest = deployment->parallelism[i];
        for (int i = 0; i < pipeline->n_operators; i++)
                if (widest > 0)
                        deployment->parallelism[i] = widest;
}

struct worker_bounds proposal_worker_bounds(const struct pipeline *pipeline)
{
        int knob = pipeline_workers_knob(pipeline);
        struct worker_bounds bounds = {1, 1};

        if (knob >= 0) {
                bounds.min = (int)lround(pipeline->knobs[knob].min);
                bounds.max = (int)lround(pipeline->knobs[knob].max);
                return bounds;
        }
        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *each = &pipeline->knobs[i];

                if (each->role != KNOB_PARALLELISM)
                        continue;
                bounds.min = (int)fmax(bounds.min, workers_for_slots(pipeline, (int)lround(each->min)));
                bounds.max = (int)fmax(bounds.max, workers_for_slots(pipeline, (int)lround(each->max)));
        }
        return bounds;
}
