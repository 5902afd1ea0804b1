/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs outside of the bounds that the spec gives its knobs: a minimum was raised, a maximum lowered, or
 * somebody else set it so. A strategy stays where nothing is better, and says nothing while it lacks a
 * measurement; the bounds hold all the same, by what is told to run alone.
 */
#include <math.h>
#include <stdio.h>

#include "controller/loop/internal.h"

#define BOUNDS "bounds" /* stands where the strategy's name stands in a decision */

static double nearest(const struct knob *knob, double value)
{
        return fmin(fmax(value, knob->min), knob->max);
}

/* Partitions cannot be taken away, and what adds some is weighed by who knows what they are for. */
static bool is_bound(const struct loop *loop, const struct knob *knob)
{
        const struct actuator *actuator = loop->setup.actuator;

        return knob->role != KNOB_PARTITIONS &&
               (!actuator->controls || actuator->controls(loop->setup.actuator_state, knob));
}

bool loop_within_bounds(const struct loop *loop, const struct configuration *configuration)
{
        const struct pipeline *pipeline = loop->setup.pipeline;

        for (int i = 0; i < configuration->count; i++) {
                double value = configuration->value[i];

                if (is_bound(loop, &pipeline->knobs[i]) && nearest(&pipeline->knobs[i], value) != value)
                        return false;
        }
        return true;
}

/* What was scaled to nothing was stopped by somebody, and is not started for a minimum's sake. */
static bool is_stopped(const struct pipeline *pipeline, const struct configuration *configuration)
{
        for (int i = 0; i < configuration->count; i++) {
                enum knob_role role = pipeline->knobs[i].role;

                if ((role == KNOB_WORKERS || role == KNOB_PARALLELISM) && !(configuration->value[i] > 0))
                        return true;
        }
        return false;
}

static bool is_known(const struct loop *loop)
{
        const struct observation *seen = loop->newest;

        for (int i = 0; i < seen->configuration.count; i++)
                if (!isfinite(seen->configuration.value[i]))
                        return false;
        return !(seen->missing & (MISSING_ALL | MISSING_CONFIGURATION)) && !seen->restarting &&
               !seen->counters_reset && seen->time_ms > loop->previous_ms &&
               !is_stopped(loop->setup.pipeline, &seen->configuration);
}

static void put_proposal(struct loop *loop)
{
        const struct pipeline *pipeline = loop->setup.pipeline;
        struct proposal *proposal = &loop->proposal;

        *proposal = (struct proposal){
                .kind = PROPOSAL_CHANGE,
                .strategy = BOUNDS,
                .configuration = loop->newest->configuration,
                .expected_saving = NAN,
        };
        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                double *value = &proposal->configuration.value[i], was = *value;

                if (!is_bound(loop, knob) || nearest(knob, was) == was)
                        continue;
                *value = nearest(knob, was);
                snprintf(proposal->reason, sizeof proposal->reason,
                         "%s %g is outside of %g to %g, the bounds that the spec gives it", knob->name, was,
                         knob->min, knob->max);
        }
}

bool loop_propose_bounds(struct loop *loop)
{
        const struct configuration *running = &loop->newest->configuration;
        struct configuration target;
        struct error err = ERROR_INIT;

        if (!is_known(loop) || loop_within_bounds(loop, running))
                return false;
        /* Less may run than it was told, for want of room. */
        if (!action_read_target(&loop->action, running, &target, &err) ||
            !configuration_equal(&target, running))
                return false;
        put_proposal(loop);
        return true;
}
