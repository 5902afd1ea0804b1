/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every knob stays within its own minimum, maximum and step: what the engine could not run is never asked
 * for. */
#include <math.h>

#include "core/plugin.h"

/* The engine takes "nearly 3" for 3: differences below this are rounding, not a wish. */
#define ROUNDING 1e-9

static enum judgement fit(const struct knob *knob, double *value, char *reason)
{
        double wanted = *value, allowed = knob_fit(knob, wanted);

        *value = allowed;
        if (fabs(allowed - wanted) <= ROUNDING * fmax(fabs(wanted), 1))
                return JUDGEMENT_ALLOWED;
        if (wanted > knob->max)
                return finding_clip(reason, "%s %g is above its maximum of %g", knob->name, wanted,
                                    knob->max);
        if (wanted < knob->min)
                return finding_clip(reason, "%s %g is below its minimum of %g", knob->name, wanted,
                                    knob->min);
        return finding_clip(reason, "%s %g is not a step of %g from %g: %g", knob->name, wanted, knob->step,
                            knob->min, allowed);
}

static enum judgement bounds_judge(const void *options, const struct judgement_context *context,
                                   const struct proposal *proposal, struct configuration *configuration,
                                   char *reason)
{
        const struct pipeline *pipeline = context->pipeline;
        enum judgement judgement = JUDGEMENT_ALLOWED;

        (void)options;
        (void)proposal;
        if (configuration->count != pipeline->n_knobs)
                return finding_refuse(reason, "the proposal sets %d knobs, the pipeline has %d",
                                      configuration->count, pipeline->n_knobs);
        for (int i = 0; i < pipeline->n_knobs; i++)
                if (!isfinite(configuration->value[i]))
                        return finding_refuse(reason, "%s is not a number", pipeline->knobs[i].name);
        for (int i = 0; i < pipeline->n_knobs; i++) {
                /* Partitions that are there cannot be taken away, be they too many. */
                if (pipeline->knobs[i].role == KNOB_PARTITIONS &&
                    configuration->value[i] == context->observation->configuration.value[i])
                        continue;
                if (fit(&pipeline->knobs[i], &configuration->value[i], reason) == JUDGEMENT_CLIPPED)
                        judgement = JUDGEMENT_CLIPPED;
        }
        return judgement;
}

static const struct option no_options[] = {{.name = NULL}};

static const struct option_table bounds_options = {
        .name = "bounds",
        .help = "Keeps every knob within the minimum, maximum and step that the spec gives it.",
        .options = no_options,
};

const struct guardrail bounds_guardrail = {
        .name = "bounds",
        .summary = "every knob stays within its minimum, maximum and step",
        .options = &bounds_options,
        .physical = true,
        .judge = bounds_judge,
};
