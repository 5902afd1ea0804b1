/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_JUDGE_H
#define OPTCTL_CONTROLLER_LOOP_JUDGE_H

#include <stddef.h>

#include "core/plugin.h"
#include "core/spec.h"

/*
 * Puts a proposal before the guardrails. A rule may clip what an earlier one has already seen, so they are
 * all asked again until none clips: each has then judged exactly what may be applied. With `physical_only`
 * (comparators) only the rules about what no engine could do are asked.
 *
 * context->observation->configuration is what a refused proposal leaves in force.
 */
void judge(const struct spec_guardrail *guardrails, size_t n_guardrails, bool physical_only,
           const struct judgement_context *context, const struct proposal *proposal,
           struct verdict *ret_verdict);

/* What no actuator can set stays as it is: such a knob is recommended, in the proposal, and clipped from what
 * is applied. */
void judge_leave_uncontrolled(const struct actuator *actuator, void *actuator_state,
                              const struct judgement_context *context, struct verdict *verdict);

/* A verdict that refuses with one finding. */
void judge_refuse(const struct judgement_context *context, const char *rule, const char *reason,
                  struct verdict *ret_verdict);

#endif
