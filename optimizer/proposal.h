/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_PROPOSAL_H
#define OPTCTL_OPTIMIZER_PROPOSAL_H

#include <stdbool.h>

#include "core/decision.h"
#include "core/observation.h"
#include "core/pipeline.h"

/* How strategies fill a proposal. `reason` is copied and may be "". */

/* Nothing should change. Cheap: no formatting, the list of alternatives is not touched. */
void proposal_hold(struct proposal *ret_proposal, const char *strategy, const struct observation *observation,
                   const char *reason);

/*
 * The configuration nearest to `wanted`. PROPOSAL_CHANGE and true when it differs from what runs, else
 * PROPOSAL_HOLD and false; the reason is left empty for the caller to write.
 */
bool proposal_deploy(struct proposal *ret_proposal, const char *strategy, const struct pipeline *pipeline,
                     const struct observation *observation, const struct deployment *wanted);

/* Workers that can host `deployment->parallelism` when operators share slots. */
int proposal_workers_for(const struct pipeline *pipeline, const struct deployment *deployment);

/* Every operator as wide as `workers` have slots: a pipeline scaled as a whole. */
void proposal_uniform(const struct pipeline *pipeline, int workers, struct deployment *ret_deployment);

/* Where one number sets the parallelism of the whole pipeline, every operator as wide as the widest that is
 * no source: for strategies that leave sources alone. Elsewhere nothing. */
void proposal_follow_widest(const struct pipeline *pipeline, struct deployment *deployment);

/* Bounds of the number of workers: of its knob, else what the parallelism knobs come to. */
struct worker_bounds {
        int min, max;
};
struct worker_bounds proposal_worker_bounds(const struct pipeline *pipeline);

#endif
