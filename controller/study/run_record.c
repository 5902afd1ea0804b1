/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "controller/study/run_record.h"

#include <math.h>
#include <stdlib.h>

#include "core/json.h"

#define MAX_CHANGES 2000 /* in a report; a strategy that makes more is described by its first ones */

struct run_record {
        const struct pipeline *pipeline;
        json_t *changes;
        int64_t decisions, intents;
        int64_t first_of_intent[MAX_CHANGES + 1]; /* index of the change an intent belongs to */
};

struct run_record *run_record_new(const struct pipeline *pipeline)
{
        struct run_record *record = memory_new(1, sizeof *record);

        record->pipeline = pipeline;
        record->changes = json_array();
        return record;
}

void run_record_free(struct run_record *record)
{
        if (!record)
                return;
        json_decref(record->changes);
        free(record);
}

static json_t *alternatives_json(const struct proposal *proposal)
{
        json_t *list = json_array();

        for (int i = 0; i < proposal->n_alternatives; i++) {
                const struct alternative *alternative = &proposal->alternatives[i];

                json_array_append_new(list,
                                      json_pack("{s:s, s:o, s:o, s:o, s:b, s:s}", "configuration",
                                                alternative->configuration, "compute_cost",
                                                json_from_double(alternative->compute_cost), "change_cost",
                                                json_from_double(alternative->change_cost), "penalty_cost",
                                                json_from_double(alternative->penalty_cost), "feasible",
                                                alternative->feasible, "why_not", alternative->why_not));
        }
        return list;
}

static json_t *findings_json(const struct verdict *verdict)
{
        json_t *list = json_array();

        for (int i = 0; i < verdict->n_findings; i++)
                json_array_append_new(list, json_pack("{s:s, s:s}", "rule", verdict->findings[i].rule,
                                                      "reason", verdict->findings[i].reason));
        return list;
}

static bool record_decision(void *context, const struct decision *decision, int64_t *ret_id,
                            struct error *err)
{
        struct run_record *record = context;
        const struct proposal *proposal = decision->proposal;
        char from[160], to[160];

        (void)err;
        *ret_id = ++record->decisions;
        if (proposal->kind != PROPOSAL_CHANGE || json_array_size(record->changes) >= MAX_CHANGES)
                return true;
        configuration_describe(record->pipeline, &decision->before, from, sizeof from);
        configuration_describe(record->pipeline, &decision->verdict->configuration, to, sizeof to);
        json_array_append_new(record->changes,
                              json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "decision",
                                        (json_int_t)*ret_id, "time_ms", (json_int_t)decision->time_ms, "from",
                                        from, "to", to, "reason", proposal->reason, "verdict",
                                        judgement_name(decision->verdict->judgement), "findings",
                                        findings_json(decision->verdict), "outcome", "", "alternatives",
                                        alternatives_json(proposal)));
        return true;
}

static bool record_intent(void *context, const struct intent *intent, int64_t *ret_id, struct error *err)
{
        struct run_record *record = context;
        int64_t change = (int64_t)json_array_size(record->changes) - 1;

        (void)intent;
        (void)err;
        *ret_id = ++record->intents;
        if (*ret_id <= MAX_CHANGES)
                record->first_of_intent[*ret_id] = change;
        return true;
}

static bool record_outcome(void *context, const struct ending *ending, struct error *err)
{
        struct run_record *record = context;
        json_t *change;

        (void)err;
        if (ending->intent_id > MAX_CHANGES)
                return true;
        change = json_array_get(record->changes, (size_t)record->first_of_intent[ending->intent_id]);
        if (change)
                json_object_set_new(change, "outcome", json_string(outcome_name(ending->outcome)));
        return true;
}

struct journal run_record_journal(struct run_record *record)
{
        return (struct journal){
                .decision = record_decision,
                .intent = record_intent,
                .outcome = record_outcome,
                .context = record,
        };
}

json_t *run_record_changes(const struct run_record *record)
{
        return json_incref(record->changes);
}
