/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A live pipeline as the API shows it (docs/schema/status.schema.json, docs/schema/recommend.schema.json). */
#include <math.h>

#include "controller/live/live.h"
#include "core/json.h"
#include "core/series/series.h"

static json_t *time_json(int64_t time_ms)
{
        char text[32];

        if (time_ms == INT64_MIN)
                return json_null();
        time_format(time_ms, text);
        return json_string(text);
}

static json_t *text_json(const char *text)
{
        return text ? json_string(text) : json_null();
}

json_t *live_configuration_json(const struct pipeline *pipeline, const struct configuration *configuration)
{
        char words[400];
        json_t *knobs = json_array();

        configuration_describe(pipeline, configuration, words, sizeof words);
        for (int i = 0; i < configuration->count; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                const char *operator_name =
                        knob->operator_index >= 0 ? pipeline->operators[knob->operator_index].name : NULL;

                json_array_append_new(knobs, json_pack("{s:s, s:o, s:o}", "knob", knob->name, "operator",
                                                       text_json(operator_name), "value",
                                                       json_from_double(configuration->value[i])));
        }
        return json_pack("{s:s, s:o}", "text", words, "knobs", knobs);
}

static json_t *load_json(const struct observation *seen)
{
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "offered_per_second",
                         json_from_double(seen->offered_per_second), "throughput_per_second",
                         json_from_double(seen->throughput_per_second), "backlog_records",
                         json_from_double(seen->backlog_records), "backlog_seconds",
                         json_from_double(observation_backlog_seconds(seen)), "latency_p99_seconds",
                         json_from_double(seen->latency_p99_seconds), "busiest_ratio",
                         json_from_double(observation_busiest_ratio(seen)));
}

static json_t *bounds_json(const struct constraints *constraints)
{
        return json_pack("{s:o, s:o}", "latency_p99_seconds",
                         json_from_double(constraints->latency_p99_seconds), "backlog_seconds",
                         json_from_double(constraints->backlog_seconds));
}

static json_t *counts_json(const struct loop_status *status)
{
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "turns", (json_int_t)status->turns, "changes",
                         (json_int_t)status->changes, "confirmed", (json_int_t)status->confirmed, "reverted",
                         (json_int_t)status->reverted, "failed", (json_int_t)status->failed, "unknown",
                         (json_int_t)status->unknown, "journal_failures",
                         (json_int_t)status->journal_failures);
}

json_t *live_saving_json(struct live *live)
{
        struct saving saving;
        json_t *books;

        loop_saving(live_loop(live), live_spec(live)->constraints.confidence, &saving);
        books = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "currency", live_currency(live), "cost",
                          json_from_double(saving.cost), "baseline_cost",
                          json_from_double(saving.baseline_cost), "saving", json_from_double(saving.saving),
                          "low", json_from_double(saving.low), "high", json_from_double(saving.high),
                          "late_seconds", json_from_double(saving.slo_missed_seconds), "observed_seconds",
                          json_from_double(saving.observed_seconds));
        if (saving.runs.tally.runs > 0)
                json_object_set_new(books, "runs",
                                    run_tally_json(&saving.runs.tally, saving.runs.baseline_seen));
        return books;
}

static const char *state_name(const struct loop_status *status, const struct observation *seen)
{
        static const char *const names[] = {
                [LOOP_HOLDING] = "Holding",
                [LOOP_RECOMMENDING] = "Recommending",
                [LOOP_CHANGING] = "Changing",
        };

        if (status->paused)
                return "Paused";
        return status->turns > 0 && seen->missing & MISSING_ALL ? "Unreachable" : names[status->doing];
}

static json_t *describe(const struct live *live, const char *state, const char *why)
{
        static const char *const modes[] = {"Observe", "Recommend", "Auto"};
        const struct spec *spec = live_spec(live);

        return json_pack("{s:s, s:o, s:s, s:s, s:I, s:s, s:s, s:o}", "name", spec->name, "namespace",
                         text_json(spec->namespace), "mode", modes[live_mode(live)], "strategy",
                         spec->strategy->name, "interval_ms", (json_int_t)live_interval_ms(live), "state",
                         state, "why", why, "bounds", bounds_json(&spec->constraints));
}

static const char *action_name(const struct loop_status *status)
{
        if (status->applying)
                return "Applying";
        return status->verifying ? "Verifying" : NULL;
}

json_t *live_rollback_json(struct live *live)
{
        static const char *const names[] = {
                [LOOP_BACK_ORDERED] = "Ordered",
                [LOOP_BACK_TOLD] = "Told",
                [LOOP_BACK_RUNNING] = "Running",
                [LOOP_BACK_FAILED] = "Failed",
        };
        const struct loop *loop = live_loop(live);
        const struct loop_status *status = loop_status(loop);
        char to[400];

        if (status->way_back == LOOP_NO_WAY_BACK)
                return json_null();
        configuration_describe(&live_spec(live)->pipeline, loop_rollback_target(loop), to, sizeof to);
        return json_pack("{s:I, s:s, s:s, s:s}", "decision", (json_int_t)status->rollback_decision, "to", to,
                         "state", names[status->way_back], "why", loop_rollback_trouble(loop));
}

/* Before the engine was reached for the first time. */
static json_t *unreached_status(const struct live *live)
{
        const char *paused = live_pause_reason(live), *trouble = live_trouble(live);
        autofree char *why =
                memory_format("%s; not reached yet%s%s", paused ? paused : "", *trouble ? ": " : "", trouble);
        json_t *json = describe(live, paused ? "Paused" : "Starting", paused ? why : trouble);

        json_object_set_new(json, "pause_reason", text_json(paused));
        return json;
}

json_t *live_status(struct live *live)
{
        const struct loop *loop = live_loop(live);
        const struct loop_status *status;
        const struct observation *seen;
        json_t *json;

        if (!loop)
                return unreached_status(live);
        status = loop_status(loop);
        seen = loop_observation(loop);
        json = describe(live, state_name(status, seen), status->why);
        json_object_set_new(json, "pause_reason", text_json(status->paused ? status->pause_reason : NULL));
        json_object_set_new(json, "action", text_json(action_name(status)));
        json_object_set_new(json, "rollback", live_rollback_json(live));
        json_object_update_new(json, counts_json(status));
        json_object_set_new(json, "time", time_json(status->turns > 0 ? seen->time_ms : INT64_MIN));
        json_object_set_new(json, "load", load_json(seen));
        json_object_set_new(json, "configuration",
                            live_configuration_json(&live_spec(live)->pipeline, &seen->configuration));
        json_object_set_new(json, "workers", seen->workers < 0 ? json_null() : json_integer(seen->workers));
        json_object_set_new(json, "last_change", time_json(loop_last_change_ms(loop)));
        json_object_set_new(json, "saving", live_saving_json(live));
        return json;
}

/* ---- what is recommended ---- */

static json_t *findings_json(const struct verdict *verdict)
{
        json_t *findings = json_array();

        for (int i = 0; i < verdict->n_findings; i++)
                json_array_append_new(findings,
                                      json_pack("{s:s, s:s, s:s}", "rule", verdict->findings[i].rule,
                                                "judgement", judgement_name(verdict->findings[i].judgement),
                                                "reason", verdict->findings[i].reason));
        return findings;
}

static json_t *alternatives_json(const struct proposal *proposal)
{
        json_t *alternatives = json_array();

        for (int i = 0; i < proposal->n_alternatives; i++) {
                const struct alternative *one = &proposal->alternatives[i];

                json_array_append_new(alternatives,
                                      json_pack("{s:s, s:o, s:o, s:o, s:b, s:s}", "configuration",
                                                one->configuration, "compute_cost",
                                                json_from_double(one->compute_cost), "change_cost",
                                                json_from_double(one->change_cost), "penalty_cost",
                                                json_from_double(one->penalty_cost), "feasible",
                                                one->feasible, "why_not", one->why_not));
        }
        return alternatives;
}

json_t *live_recommendation(struct live *live)
{
        const struct loop *loop = live_loop(live);
        json_t *json = live_status(live);
        const struct proposal *proposal;
        const struct verdict *verdict;
        bool change;

        if (!loop) {
                json_object_set_new(json, "change", json_null());
                return json;
        }
        proposal = loop_proposal(loop);
        verdict = loop_verdict(loop);
        change = loop_status(loop)->doing != LOOP_HOLDING;
        json_object_set_new(json, "change", json_boolean(change));
        json_object_set_new(json, "reason", json_string(proposal->reason));
        json_object_set_new(json, "expected_saving", json_from_double(proposal->expected_saving));
        json_object_set_new(json, "recommended",
                            live_configuration_json(&live_spec(live)->pipeline,
                                                    change ? &verdict->configuration
                                                           : &loop_observation(loop)->configuration));
        json_object_set_new(json, "findings", change ? findings_json(verdict) : json_array());
        json_object_set_new(json, "alternatives", alternatives_json(proposal));
        return json;
}
