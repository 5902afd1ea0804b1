/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/ledger/internal.h"
#include "core/redact.h"

#define REAL_DIGITS 17 /* a double read back is the same double */

static void set_number(json_t *object, const char *key, double value)
{
        if (isfinite(value))
                json_object_set_new(object, key, json_from_double(value));
        else if (isinf(value))
                json_object_set_new(object, key, json_string(value > 0 ? "Infinity" : "-Infinity"));
}

static void set_integer(json_t *object, const char *key, int64_t value)
{
        json_object_set_new(object, key, json_integer(value));
}

/* What strategies, guardrails and peers say passes through here. */
static void set_text(json_t *object, const char *key, const char *text)
{
        autofree char *clean = redact_text(text ? text : "");

        json_object_set_new(object, key, json_string(clean));
}

static json_t *describe(const struct pipeline *pipeline, const struct configuration *configuration)
{
        char words[512];

        configuration_describe(pipeline, configuration, words, sizeof words);
        return json_string(words);
}

/* A parallelism knob of one operator shares its name with those of the others. Caller frees. */
static char *knob_key(const struct pipeline *pipeline, const struct knob *knob)
{
        if (knob->operator_index < 0)
                return memory_copy_text(knob->name);
        return memory_format("%s.%s", knob->name, pipeline->operators[knob->operator_index].name);
}

json_t *ledger_json_configuration(const struct pipeline *pipeline, const struct configuration *configuration)
{
        json_t *object = json_object();

        for (int i = 0; i < pipeline->n_knobs && i < configuration->count; i++) {
                autofree char *key = knob_key(pipeline, &pipeline->knobs[i]);

                set_number(object, key, configuration->value[i]);
        }
        return object;
}

/* False when a knob of the pipeline has no value in it. */
static bool parse_configuration(const struct pipeline *pipeline, const json_t *object,
                                struct configuration *ret_configuration)
{
        struct configuration configuration = {.count = pipeline->n_knobs};

        for (int i = 0; i < pipeline->n_knobs; i++) {
                autofree char *key = knob_key(pipeline, &pipeline->knobs[i]);

                if (!json_find_number(object, key, &configuration.value[i]))
                        return false;
        }
        *ret_configuration = configuration;
        return true;
}

json_t *ledger_json_pipeline(const struct pipeline *pipeline)
{
        json_t *operators = json_array(), *edges = json_array(), *knobs = json_array();

        for (int i = 0; i < pipeline->n_operators; i++) {
                const struct operator_info *info = &pipeline->operators[i];

                json_array_append_new(operators,
                                      json_pack("{s:s, s:b, s:i, s:i}", "name", info->name, "source",
                                                info->source, "partitions", info->partitions,
                                                "max_parallelism", info->max_parallelism));
        }
        for (int i = 0; i < pipeline->n_edges; i++) {
                const struct edge *edge = &pipeline->edges[i];
                json_t *object = json_pack("{s:s, s:s, s:b}", "from", pipeline->operators[edge->from].name,
                                           "to", pipeline->operators[edge->to].name, "hash", edge->hash);

                set_number(object, "selectivity", edge->selectivity);
                json_array_append_new(edges, object);
        }
        for (int i = 0; i < pipeline->n_knobs; i++) {
                const struct knob *knob = &pipeline->knobs[i];
                json_t *object = json_pack("{s:s}", "name", knob->name);

                if (knob->operator_index >= 0)
                        set_text(object, "operator", pipeline->operators[knob->operator_index].name);
                set_number(object, "min", knob->min);
                set_number(object, "max", knob->max);
                set_number(object, "step", knob->step);
                json_array_append_new(knobs, object);
        }
        return json_pack("{s:o, s:o, s:i, s:o}", "operators", operators, "edges", edges, "slots_per_worker",
                         pipeline->slots_per_worker, "knobs", knobs);
}

/* ---- observations ---- */

/* Where a number of a struct stands, and what it is called. */
struct number_field {
        const char *key;
        size_t offset;
};

#define OPERATOR_NUMBER(field)                                                                               \
        {                                                                                                    \
#field, offsetof(struct operator_observation, field)                                         \
        }
#define OBSERVATION_NUMBER(field)                                                                            \
        {                                                                                                    \
#field, offsetof(struct observation, field)                                                  \
        }

static const struct number_field operator_numbers[] = {
        OPERATOR_NUMBER(in_per_second),
        OPERATOR_NUMBER(out_per_second),
        OPERATOR_NUMBER(busy_ratio),
        OPERATOR_NUMBER(busy_ratio_max),
        OPERATOR_NUMBER(backpressure_ratio),
        OPERATOR_NUMBER(true_rate_per_second),
        OPERATOR_NUMBER(sustained_per_second),
        OPERATOR_NUMBER(backlog_records),
        OPERATOR_NUMBER(partition_per_second_max),
};

static const struct number_field observation_numbers[] = {
        OBSERVATION_NUMBER(offered_per_second),
        OBSERVATION_NUMBER(throughput_per_second),
        OBSERVATION_NUMBER(backlog_records),
        OBSERVATION_NUMBER(latency_p50_seconds),
        OBSERVATION_NUMBER(latency_p95_seconds),
        OBSERVATION_NUMBER(latency_p99_seconds),
        OBSERVATION_NUMBER(error_ratio),
        OBSERVATION_NUMBER(cpu_ratio),
        OBSERVATION_NUMBER(start_seconds),
        {"recommended_cpu_cores", offsetof(struct observation, cpu_advice.target)},
        {"recommended_memory_bytes", offsetof(struct observation, memory_advice.target)},
};

static const struct number_field memory_numbers[] = {
        {"heap_used_bytes", offsetof(struct memory_observation, heap.used_bytes)},
        {"heap_max_bytes", offsetof(struct memory_observation, heap.max_bytes)},
        {"managed_used_bytes", offsetof(struct memory_observation, managed.used_bytes)},
        {"managed_max_bytes", offsetof(struct memory_observation, managed.max_bytes)},
        {"network_used_bytes", offsetof(struct memory_observation, network.used_bytes)},
        {"network_max_bytes", offsetof(struct memory_observation, network.max_bytes)},
        {"metaspace_used_bytes", offsetof(struct memory_observation, metaspace.used_bytes)},
        {"metaspace_max_bytes", offsetof(struct memory_observation, metaspace.max_bytes)},
        {"gc_ratio", offsetof(struct memory_observation, gc_ratio)},
        {"worker_used_bytes", offsetof(struct memory_observation, worker.used_bytes)},
        {"worker_max_bytes", offsetof(struct memory_observation, worker.max_bytes)},
        {"heap_told_bytes", offsetof(struct memory_observation, heap_told_bytes)},
        {"killed", offsetof(struct memory_observation, killed)},
};

static const struct number_field checkpoint_numbers[] = {
        {"interval_seconds", offsetof(struct checkpoint_observation, interval_seconds)},
        {"duration_seconds", offsetof(struct checkpoint_observation, duration_seconds)},
        {"failed", offsetof(struct checkpoint_observation, failed)},
};

static const struct number_field run_numbers[] = {
        {"worker_seconds", offsetof(struct run_observation, worker_seconds)},
        {"core_seconds", offsetof(struct run_observation, core_seconds)},
        {"byte_seconds", offsetof(struct run_observation, byte_seconds)},
        {"peak_bytes", offsetof(struct run_observation, peak_bytes)},
        {"input_bytes", offsetof(struct run_observation, input_bytes)},
};

static void set_numbers(json_t *object, const struct number_field *fields, size_t count, const void *from)
{
        for (size_t i = 0; i < count; i++)
                set_number(object, fields[i].key, *(const double *)((const char *)from + fields[i].offset));
}

/* Leaves alone what the object does not tell. */
static void parse_numbers(const json_t *object, const struct number_field *fields, size_t count, void *to)
{
        for (size_t i = 0; i < count; i++) {
                double *value = (double *)((char *)to + fields[i].offset);
                const char *text;

                if (json_find_text(object, fields[i].key, &text))
                        *value = strcmp(text, "Infinity") == 0 ? INFINITY : NAN;
                else
                        (void)json_find_number(object, fields[i].key, value);
        }
}

static json_t *operator_json(const struct operator_info *info, const struct operator_observation *seen)
{
        json_t *object = json_pack("{s:s, s:i}", "name", info->name, "parallelism", seen->parallelism);

        set_numbers(object, operator_numbers, ARRAY_LENGTH(operator_numbers), seen);
        if (seen->partitions > 0)
                set_integer(object, "partitions", seen->partitions);
        return object;
}

static json_t *missing_json(unsigned missing)
{
        json_t *names = json_array();

        for (unsigned bit = 1; bit <= MISSING_ALL; bit <<= 1)
                if (missing & bit)
                        json_array_append_new(names, json_string(observation_missing_name(bit)));
        return names;
}

/* Absent where nothing is known of it, as of engines without managed memory. */
static void set_group(json_t *object, const char *key, const struct number_field *fields, size_t count,
                      const void *from)
{
        json_t *group = json_object();

        set_numbers(group, fields, count, from);
        if (json_object_size(group) > 0)
                json_object_set(object, key, group);
        json_decref(group);
}

static json_t *run_json(const struct pipeline *pipeline, const struct run_observation *run)
{
        json_t *object = json_object();

        if (run->ended_ms == 0)
                return object;
        set_integer(object, "begun_ms", run->begun_ms);
        set_integer(object, "ended_ms", run->ended_ms);
        json_object_set_new(object, "failed", json_boolean(run->failed));
        set_numbers(object, run_numbers, ARRAY_LENGTH(run_numbers), run);
        if (run->configuration.count > 0)
                json_object_set_new(object, "configuration",
                                    ledger_json_configuration(pipeline, &run->configuration));
        return object;
}

json_t *ledger_json_observation(const struct pipeline *pipeline, const struct observation *seen)
{
        json_t *object = json_object(), *operators = json_array();

        set_integer(object, "time_ms", seen->time_ms);
        set_integer(object, "window_ms", seen->window_ms);
        json_object_set_new(object, "missing", missing_json(seen->missing));
        json_object_set_new(object, "restarting", json_boolean(seen->restarting));
        json_object_set_new(object, "counters_reset", json_boolean(seen->counters_reset));
        if (seen->restarts >= 0)
                set_integer(object, "restarts", seen->restarts);
        json_object_set_new(object, "configuration",
                            ledger_json_configuration(pipeline, &seen->configuration));
        set_integer(object, "workers", seen->workers);
        set_integer(object, "workers_ready", seen->workers_ready);
        set_numbers(object, observation_numbers, ARRAY_LENGTH(observation_numbers), seen);
        set_group(object, "memory", memory_numbers, ARRAY_LENGTH(memory_numbers), &seen->memory);
        set_group(object, "checkpoints", checkpoint_numbers, ARRAY_LENGTH(checkpoint_numbers),
                  &seen->checkpoints);
        if (seen->failure[0] != '\0')
                set_text(object, "failure", seen->failure);
        if (seen->brokers >= 0)
                set_integer(object, "brokers", seen->brokers);
        if (seen->run.periodic)
                json_object_set_new(object, "run", run_json(pipeline, &seen->run));
        for (int i = 0; i < seen->n_operators && i < pipeline->n_operators; i++)
                json_array_append_new(operators, operator_json(&pipeline->operators[i], &seen->operators[i]));
        json_object_set_new(object, "operators", operators);
        return object;
}

static unsigned parse_missing(const json_t *names)
{
        unsigned missing = 0;
        json_t *name;
        size_t index;

        json_array_foreach(names, index, name) for (unsigned bit = 1; bit <= MISSING_ALL; bit <<= 1)
        {
                if (json_is_string(name) &&
                    strcmp(json_string_value(name), observation_missing_name(bit)) == 0)
                        missing |= bit;
        }
        return missing;
}

static void parse_operator(const struct pipeline *pipeline, const json_t *object, struct observation *seen)
{
        const char *name;

        if (!json_find_text(object, "name", &name))
                return;
        for (int i = 0; i < pipeline->n_operators; i++) {
                struct operator_observation *operator= & seen->operators[i];

                if (strcmp(name, pipeline->operators[i].name) != 0)
                        continue;
                operator->parallelism =(int) json_integer_value(json_object_get(object, "parallelism"));
                operator->partitions =(int) json_integer_value(json_object_get(object, "partitions"));
                parse_numbers(object, operator_numbers, ARRAY_LENGTH(operator_numbers), operator);
        }
}

static void parse_run(const struct pipeline *pipeline, const json_t *object, struct run_observation *run)
{
        run->periodic = json_is_object(object);
        run->begun_ms = json_integer_value(json_object_get(object, "begun_ms"));
        run->ended_ms = json_integer_value(json_object_get(object, "ended_ms"));
        run->failed = json_is_true(json_object_get(object, "failed"));
        parse_numbers(object, run_numbers, ARRAY_LENGTH(run_numbers), run);
        (void)parse_configuration(pipeline, json_object_get(object, "configuration"), &run->configuration);
}

static int parse_count(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        return json_is_integer(value) ? (int)json_integer_value(value) : -1;
}

void ledger_parse_observation(const struct pipeline *pipeline, const char *text,
                              struct observation *ret_observation)
{
        autojson *object = json_loads(text, 0, NULL);
        struct observation *seen = ret_observation;
        const char *failure;
        json_t *item;
        size_t index;

        observation_clear(seen, json_integer_value(json_object_get(object, "time_ms")),
                          json_integer_value(json_object_get(object, "window_ms")), pipeline->n_operators);
        seen->missing = object ? parse_missing(json_object_get(object, "missing")) : MISSING_ALL;
        seen->restarting = json_is_true(json_object_get(object, "restarting"));
        seen->counters_reset = json_is_true(json_object_get(object, "counters_reset"));
        seen->restarts = parse_count(object, "restarts");
        seen->workers = parse_count(object, "workers");
        seen->workers_ready = parse_count(object, "workers_ready");
        seen->brokers = parse_count(object, "brokers");
        parse_numbers(object, observation_numbers, ARRAY_LENGTH(observation_numbers), seen);
        parse_numbers(json_object_get(object, "memory"), memory_numbers, ARRAY_LENGTH(memory_numbers),
                      &seen->memory);
        parse_numbers(json_object_get(object, "checkpoints"), checkpoint_numbers,
                      ARRAY_LENGTH(checkpoint_numbers), &seen->checkpoints);
        parse_run(pipeline, json_object_get(object, "run"), &seen->run);
        if (json_find_text(object, "failure", &failure))
                snprintf(seen->failure, sizeof seen->failure, "%s", failure);
        if (!parse_configuration(pipeline, json_object_get(object, "configuration"), &seen->configuration))
                seen->missing |= MISSING_CONFIGURATION;
        json_array_foreach(json_object_get(object, "operators"), index, item)
                parse_operator(pipeline, item, seen);
}

/* ---- predictions, proposals, verdicts ---- */

static const struct number_field run_predictions[] = {
        {"seconds_mean", offsetof(struct run_prediction, seconds_mean)},
        {"seconds_sd", offsetof(struct run_prediction, seconds_sd)},
        {"seconds_most", offsetof(struct run_prediction, seconds_most)},
        {"cost_mean", offsetof(struct run_prediction, cost_mean)},
        {"cost_sd", offsetof(struct run_prediction, cost_sd)},
        {"cost_most", offsetof(struct run_prediction, cost_most)},
        {"input_bytes", offsetof(struct run_prediction, input_bytes)},
        {"input_power", offsetof(struct run_prediction, input_power)},
        {"seconds_soft", offsetof(struct run_prediction, seconds_soft)},
};

static json_t *run_prediction_json(const struct run_prediction *run)
{
        json_t *object = json_object();

        set_numbers(object, run_predictions, ARRAY_LENGTH(run_predictions), run);
        set_integer(object, "after_ms", run->after_ms);
        return object;
}

static void parse_run_prediction(const json_t *object, struct run_prediction *run)
{
        *run = (struct run_prediction){
                .present = json_is_object(object),
                .seconds_mean = NAN,
                .seconds_sd = NAN,
                .seconds_most = NAN,
                .cost_mean = NAN,
                .cost_sd = NAN,
                .cost_most = NAN,
                .input_bytes = NAN,
                .input_power = NAN,
                .seconds_soft = NAN,
                .after_ms = json_integer_value(json_object_get(object, "after_ms")),
        };
        parse_numbers(object, run_predictions, ARRAY_LENGTH(run_predictions), run);
}

json_t *ledger_json_prediction(const struct prediction *prediction)
{
        json_t *object;

        if (!prediction->present)
                return json_null();
        object = json_object();
        set_integer(object, "settle_ms", prediction->settle_ms);
        if (prediction->run.present) {
                json_object_set_new(object, "run", run_prediction_json(&prediction->run));
                return object;
        }
        set_number(object, "capacity_mean", prediction->capacity_mean);
        set_number(object, "capacity_sd", prediction->capacity_sd);
        set_number(object, "latency_p99_mean", prediction->latency_p99_mean);
        set_number(object, "latency_p99_sd", prediction->latency_p99_sd);
        set_number(object, "cost_per_hour_mean", prediction->cost_per_hour_mean);
        set_number(object, "cost_per_hour_sd", prediction->cost_per_hour_sd);
        return object;
}

static json_t *alternative_json(const struct alternative *alternative)
{
        json_t *object = json_object();

        set_text(object, "configuration", alternative->configuration);
        set_number(object, "compute_cost", alternative->compute_cost);
        set_number(object, "change_cost", alternative->change_cost);
        set_number(object, "penalty_cost", alternative->penalty_cost);
        json_object_set_new(object, "feasible", json_boolean(alternative->feasible));
        set_text(object, "why_not", alternative->why_not);
        return object;
}

json_t *ledger_json_proposal(const struct pipeline *pipeline, const struct proposal *proposal)
{
        json_t *object = json_object(), *alternatives = json_array();

        set_text(object, "strategy", proposal->strategy);
        set_text(object, "kind", proposal->kind == PROPOSAL_CHANGE ? "Change" : "Hold");
        set_text(object, "reason", proposal->reason);
        json_object_set_new(object, "text", describe(pipeline, &proposal->configuration));
        json_object_set_new(object, "configuration",
                            ledger_json_configuration(pipeline, &proposal->configuration));
        set_number(object, "expected_saving", proposal->expected_saving);
        json_object_set_new(object, "prediction", ledger_json_prediction(&proposal->prediction));
        for (int i = 0; i < proposal->n_alternatives; i++)
                json_array_append_new(alternatives, alternative_json(&proposal->alternatives[i]));
        json_object_set_new(object, "alternatives", alternatives);
        return object;
}

json_t *ledger_json_verdict(const struct pipeline *pipeline, const struct verdict *verdict)
{
        json_t *object = json_object(), *findings = json_array();

        set_text(object, "judgement", judgement_name(verdict->judgement));
        json_object_set_new(object, "text", describe(pipeline, &verdict->configuration));
        json_object_set_new(object, "configuration",
                            ledger_json_configuration(pipeline, &verdict->configuration));
        for (int i = 0; i < verdict->n_findings; i++) {
                json_t *finding = json_object();

                set_text(finding, "rule", verdict->findings[i].rule);
                set_text(finding, "judgement", judgement_name(verdict->findings[i].judgement));
                set_text(finding, "reason", verdict->findings[i].reason);
                json_array_append_new(findings, finding);
        }
        json_object_set_new(object, "findings", findings);
        return object;
}

/* Depth is bounded: settings come from a spec, whose depth the YAML reader bounds. */
static void mask(json_t *value)
{
        autofree char *clean = NULL;
        json_t *item;
        size_t index;

        if (json_is_string(value)) {
                clean = redact_text(json_string_value(value));
                json_string_set(value, clean);
        }
        json_array_foreach(value, index, item) mask(item);
        for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
                item = json_object_iter_value(at);
                if (redact_key(json_object_iter_key(at)) && !json_is_object(item))
                        json_object_iter_set_new(value, at, json_string("***"));
                else
                        mask(item);
        }
}

json_t *ledger_json_masked(const json_t *value)
{
        json_t *copy = json_deep_copy(value);

        mask(copy);
        return copy;
}

char *ledger_json_text(json_t *value)
{
        autojson *owned = value;
        char *text = json_dumps(owned, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));

        /* json_dumps gives up on what cannot be written, and nothing such is made here. */
        return text ? text : memory_copy_text("null");
}

bool ledger_parse_configuration(const struct pipeline *pipeline, const char *text,
                                struct configuration *ret_configuration)
{
        autojson *object = json_loads(text, 0, NULL);

        return parse_configuration(pipeline, object, ret_configuration);
}

void ledger_parse_prediction(const char *text, struct prediction *ret_prediction)
{
        autojson *object = json_loads(text, JSON_DECODE_ANY, NULL);
        struct prediction *p = ret_prediction;
        const struct {
                const char *key;
                double *value;
        } fields[] = {
                {"capacity_mean", &p->capacity_mean},           {"capacity_sd", &p->capacity_sd},
                {"latency_p99_mean", &p->latency_p99_mean},     {"latency_p99_sd", &p->latency_p99_sd},
                {"cost_per_hour_mean", &p->cost_per_hour_mean}, {"cost_per_hour_sd", &p->cost_per_hour_sd},
        };

        *p = (struct prediction){.present = json_is_object(object)};
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
                if (!json_find_number(object, fields[i].key, fields[i].value))
                        *fields[i].value = NAN;
        p->settle_ms = json_integer_value(json_object_get(object, "settle_ms"));
        parse_run_prediction(json_object_get(object, "run"), &p->run);
}
