/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/loop/judge.h"

#include <stdio.h>

/* Rules that clip in turns without end contradict each other. */
#define MAX_ROUNDS 4

static struct finding *finding_of(struct verdict *verdict, const char *rule)
{
        for (int i = 0; i < verdict->n_findings; i++)
                if (verdict->findings[i].rule == rule)
                        return &verdict->findings[i];
        /* More rules than room: the last place is shared. */
        if (verdict->n_findings < VERDICT_MAX_FINDINGS)
                verdict->n_findings++;
        return &verdict->findings[verdict->n_findings - 1];
}

static void note(struct verdict *verdict, const char *rule, enum judgement judgement, const char *reason)
{
        struct finding *finding;

        if (judgement == JUDGEMENT_ALLOWED)
                return;
        finding = finding_of(verdict, rule);
        finding->rule = rule;
        finding->judgement = judgement;
        snprintf(finding->reason, sizeof finding->reason, "%s", reason);
        if (judgement > verdict->judgement)
                verdict->judgement = judgement;
}

/* What a rule refused before another one clipped it says nothing about what is left. */
static void forget_refusals(struct verdict *verdict)
{
        int kept = 0;

        for (int i = 0; i < verdict->n_findings; i++)
                if (verdict->findings[i].judgement == JUDGEMENT_CLIPPED)
                        verdict->findings[kept++] = verdict->findings[i];
        verdict->n_findings = kept;
        verdict->judgement = kept > 0 ? JUDGEMENT_CLIPPED : JUDGEMENT_ALLOWED;
}

/* Asks every rule once; true when one of them clipped. */
static bool ask_all(const struct spec_guardrail *guardrails, size_t n_guardrails, bool physical_only,
                    const struct judgement_context *context, const struct proposal *proposal,
                    struct verdict *verdict)
{
        bool clipped = false;

        for (size_t i = 0; i < n_guardrails; i++) {
                const struct guardrail *guardrail = guardrails[i].guardrail;
                char reason[sizeof verdict->findings[0].reason] = "";
                enum judgement judgement;

                if (physical_only && !guardrail->physical)
                        continue;
                judgement = guardrail->judge(guardrails[i].options, context, proposal,
                                             &verdict->configuration, reason);
                clipped |= judgement == JUDGEMENT_CLIPPED;
                note(verdict, guardrail->name, judgement, reason);
        }
        return clipped;
}

void judge(const struct spec_guardrail *guardrails, size_t n_guardrails, bool physical_only,
           const struct judgement_context *context, const struct proposal *proposal,
           struct verdict *ret_verdict)
{
        bool clipped = true;

        ret_verdict->judgement = JUDGEMENT_ALLOWED;
        ret_verdict->n_findings = 0;
        ret_verdict->configuration = proposal->configuration;
        for (int round = 0; clipped && round < MAX_ROUNDS; round++) {
                forget_refusals(ret_verdict);
                clipped = ask_all(guardrails, n_guardrails, physical_only, context, proposal, ret_verdict);
        }
        if (clipped)
                note(ret_verdict, "judge", JUDGEMENT_REFUSED, "the guardrails contradict each other");
        if (ret_verdict->judgement == JUDGEMENT_REFUSED)
                ret_verdict->configuration = context->observation->configuration;
}

void judge_leave_uncontrolled(const struct actuator *actuator, void *actuator_state,
                              const struct judgement_context *context, struct verdict *verdict)
{
        const struct configuration *running = &context->observation->configuration;
        char reason[sizeof verdict->findings[0].reason];

        for (int i = 0; actuator->controls && i < running->count; i++) {
                const struct knob *knob = &context->pipeline->knobs[i];

                if (verdict->configuration.value[i] == running->value[i] ||
                    actuator->controls(actuator_state, knob))
                        continue;
                snprintf(reason, sizeof reason, "%s is recommended only: nothing here can set it",
                         knob->name);
                note(verdict, "uncontrolled", JUDGEMENT_CLIPPED, reason);
                verdict->configuration.value[i] = running->value[i];
        }
}

void judge_refuse(const struct judgement_context *context, const char *rule, const char *reason,
                  struct verdict *ret_verdict)
{
        ret_verdict->judgement = JUDGEMENT_ALLOWED;
        ret_verdict->n_findings = 0;
        ret_verdict->configuration = context->observation->configuration;
        note(ret_verdict, rule, JUDGEMENT_REFUSED, reason);
}
