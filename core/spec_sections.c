/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a spec is laid out: the sections that describe the pipeline and what is asked of it. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/spec_file.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define COUNT_MAX        1e6

static const char *const api_versions[] = {"optctl.dev/v1alpha1", NULL};
static const char *const kinds[] = {"TunedPipeline", NULL};
static const char *const modes[] = {"Observe", "Recommend", "Auto", NULL};
static const char *const objectives[] = {"Cost", NULL};
static const char *const scopes[] = {"Pipeline", "Operator", NULL};
static const char *const scales[] =
        {[KNOB_SCALE_AUTO] = "Auto", [KNOB_SCALE_LINEAR] = "Linear", [KNOB_SCALE_LOG] = "Log", NULL};

/* RFC 1123 label, as Kubernetes asks of names. */
static bool is_label(const char *name)
{
        size_t length = strlen(name);

        if (length < 1 || length > 63 || name[0] == '-' || name[length - 1] == '-')
                return false;
        for (; *name; name++)
                if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '-')
                        return false;
        return true;
}

static bool check_label(const char *name, const struct yaml_node *node, const char *key, struct error *err)
{
        return !name || is_label(name) ||
               yaml_error(yaml_get(node, key), err,
                          "\"%.63s\" is not a name; expected 1 to 63 of a-z, 0-9 and -, not at the ends",
                          name);
}

/* ---- metadata ---- */

/* What stands in an object that was read from a cluster. */
/* clang-format off */
#define SET_BY_KUBERNETES(field)                                                                             \
        {.name = field, .type = OPTION_FREE, AT(spec_file, managed),                                         \
         .help = "Set by Kubernetes; not used."}
/* clang-format on */

static const struct option metadata_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(spec_file, spec.name),
         .required = true,
         .help = "Name of the tuned pipeline: at most 63 lower-case letters, digits and dashes."},
        {.name = "namespace",
         .type = OPTION_TEXT,
         AT(spec_file, spec.namespace),
         .help = "Kubernetes namespace the object lives in."},
        {.name = "labels",
         .type = OPTION_FREE,
         AT(spec_file, labels),
         .help = "Kubernetes labels; not used."},
        {.name = "annotations",
         .type = OPTION_FREE,
         AT(spec_file, annotations),
         .help = "Kubernetes annotations; not used."},
        SET_BY_KUBERNETES("uid"),
        SET_BY_KUBERNETES("resourceVersion"),
        SET_BY_KUBERNETES("generation"),
        SET_BY_KUBERNETES("creationTimestamp"),
        SET_BY_KUBERNETES("deletionTimestamp"),
        SET_BY_KUBERNETES("deletionGracePeriodSeconds"),
        SET_BY_KUBERNETES("generateName"),
        SET_BY_KUBERNETES("selfLink"),
        SET_BY_KUBERNETES("finalizers"),
        SET_BY_KUBERNETES("ownerReferences"),
        SET_BY_KUBERNETES("managedFields"),
        {0},
};

static bool check_metadata(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct spec_file *file = object;

        return check_label(file->spec.name, node, "name", err) &&
               check_label(file->spec.namespace, node, "namespace", err);
}

static const struct option_table metadata_table = {
        .name = "metadata",
        .help = "Kubernetes object metadata.",
        .size = sizeof(struct spec_file),
        .options = metadata_options,
        .check = check_metadata,
};

/* ---- pipeline ---- */

static const struct option operator_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(written_operator, name),
         .required = true,
         .min = 1,
         .max = 200,
         .help = "Name of the operator, as the engine calls it."},
        {.name = "source",
         .type = OPTION_BOOL,
         AT(written_operator, source),
         .fallback = "false",
         .help = "Whether the operator reads the pipeline's input."},
        {.name = "partitions",
         .type = OPTION_INT,
         AT(written_operator, partitions),
         .min = 0,
         .max = COUNT_MAX,
         .fallback = "0",
         .help = "Partitions of the topic that a source reads: no more subtasks than that have work. 0: not "
                 "known."},
        {.name = "maxParallelism",
         .type = OPTION_INT,
         AT(written_operator, max_parallelism),
         .min = 0,
         .max = COUNT_MAX,
         .fallback = "0",
         .help = "Most subtasks the operator may have (Flink: key groups). 0: no limit."},
        {0},
};

static const struct option_table operator_table = {
        .name = "operators",
        .help = "An operator of the pipeline's graph.",
        .size = sizeof(struct written_operator),
        .options = operator_options,
};

static const struct option edge_options[] = {
        {.name = "from",
         .type = OPTION_TEXT,
         AT(written_edge, from),
         .required = true,
         .help = "Operator that sends."},
        {.name = "to",
         .type = OPTION_TEXT,
         AT(written_edge, to),
         .required = true,
         .help = "Operator that takes in."},
        {.name = "selectivity",
         .type = OPTION_NUMBER,
         AT(written_edge, selectivity),
         .min = 0,
         .max = 1e6,
         .fallback = "1",
         .help = "Records sent over the edge for each record that `from` takes in."},
        {.name = "hash",
         .type = OPTION_BOOL,
         AT(written_edge, hash),
         .fallback = "false",
         .help = "Whether records are partitioned by key (Flink: HASH)."},
        {0},
};

static const struct option_table edge_table = {
        .name = "edges",
        .help = "What flows between two operators.",
        .size = sizeof(struct written_edge),
        .options = edge_options,
};

static const struct option pipeline_options[] = {
        {.name = "slotsPerWorker",
         .type = OPTION_INT,
         AT(written_pipeline, slots_per_worker),
         .min = 1,
         .max = 1024,
         .fallback = "1",
         .help = "Subtasks of each operator that one worker can host (Flink: task slots; operators share "
                 "slots)."},
        {.name = "operators",
         .type = OPTION_LIST,
         AT(written_pipeline, operators),
         .table = &operator_table,
         .key = "name",
         .min = 1,
         .max = PIPELINE_MAX_OPERATORS,
         .help = "Operators of the graph. Without them the pipeline is one operator named \"pipeline\"."},
        {.name = "edges",
         .type = OPTION_LIST,
         AT(written_pipeline, edges),
         .table = &edge_table,
         .min = 0,
         .max = 1024,
         .help = "Edges of the graph; they form no cycle, and every operator is reached from a source."},
        {0},
};

static const struct option_table pipeline_table = {
        .name = "pipeline",
        .help = "The pipeline's graph. Live, the engine is asked; a simulation needs it unless one operator "
                "will do.",
        .size = sizeof(struct written_pipeline),
        .options = pipeline_options,
};

/* ---- what is asked ---- */

static const struct option objective_options[] = {
        {.name = "minimize",
         .type = OPTION_CHOICE,
         AT(spec_file, minimize),
         .choices = objectives,
         .fallback = "Cost",
         .help = "What is made as small as the constraints allow."},
        {0},
};

static const struct option_table objective_table = {
        .name = "objective",
        .help = "What is minimised.",
        .size = sizeof(struct spec_file),
        .options = objective_options,
};

static const struct option constraint_options[] = {
        {.name = "latencyP99Milliseconds",
         .type = OPTION_INT,
         AT(written_constraints, latency_p99_milliseconds),
         .unit = "ms",
         .min = 1,
         .max = 86400000,
         .help = "99 of 100 records must be through the pipeline within this time."},
        {.name = "backlogSeconds",
         .type = OPTION_INT,
         AT(written_constraints, backlog_seconds),
         .unit = "s",
         .min = 1,
         .max = 86400000,
         .help = "Records may wait no longer than this before they are read."},
        {.name = "errorRatePercent",
         .type = OPTION_NUMBER,
         AT(written_constraints, error_rate_percent),
         .unit = "%",
         .min = 0,
         .max = 100,
         .help = "Share of records that may fail."},
        {.name = "runSeconds",
         .type = OPTION_INT,
         AT(written_constraints, run_seconds),
         .unit = "s",
         .min = 1,
         .max = 31536000,
         .help = "Longest that a run may take of a job that runs from time to time."},
        {.name = "confidencePercent",
         .type = OPTION_NUMBER,
         AT(written_constraints, confidence_percent),
         .unit = "%",
         .min = 50,
         .max = 99.999,
         .fallback = "95",
         .help = "Probability with which the other constraints must hold."},
        {0},
};

static const struct option_table constraint_table = {
        .name = "constraints",
        .help = "Service levels that must hold. What is not given is not asked for.",
        .size = sizeof(struct written_constraints),
        .options = constraint_options,
};

static const struct option knob_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(written_knob, name),
         .required = true,
         .min = 1,
         .max = 200,
         .help = "`workers`, `parallelism`, `partitions` of the topics that sources read, `memory` of a "
                 "worker or "
                 "its parts `memory.heap`, `memory.managed`, `memory.network` and `memory.metaspace`, "
                 "`worker.cpu`, the cores that a worker asks for, or a "
                 "setting "
                 "as the engine calls it."},
        {.name = "scope",
         .type = OPTION_CHOICE,
         AT(written_knob, scope),
         .choices = scopes,
         .fallback = "Pipeline",
         .help = "One value for the whole pipeline, or one for each operator."},
        {.name = "operator",
         .type = OPTION_TEXT,
         AT(written_knob, operator_name),
         .help = "With scope Operator: the operator meant; without it every operator that has no knob of its "
                 "own."},
        {.name = "min",
         .type = OPTION_QUANTITY,
         AT(written_knob, min),
         .required = true,
         .help = "Least value, as a number or a Kubernetes quantity. What runs below min or above max is "
                 "brought there, unless it is stopped; partitions are left as they are."},
        {.name = "max",
         .type = OPTION_QUANTITY,
         AT(written_knob, max),
         .required = true,
         .help = "Greatest value."},
        {.name = "step",
         .type = OPTION_QUANTITY,
         AT(written_knob, step),
         .min = 1e-9,
         .max = INFINITY,
         .help = "Values are min plus a multiple of this. Without it: 1 for workers, parallelism, "
                 "partitions and memory (a byte), a thousandth for worker.cpu, else any value."},
        {.name = "scale",
         .type = OPTION_CHOICE,
         AT(written_knob, scale),
         .choices = scales,
         .fallback = "Auto",
         .help = "Whether equal differences (Linear) or equal ratios (Log) of the value matter alike to a "
                 "strategy that searches, as bayes does. Auto: ratios where max is eight times min or more."},
        {0},
};

static bool check_knob(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct written_knob *knob = object;
        bool workers = strcmp(knob->name, "workers") == 0;
        bool counts =
                workers || strcmp(knob->name, "parallelism") == 0 || strcmp(knob->name, "partitions") == 0;

        if (knob->operator_name && knob->scope != SCOPE_OPERATOR)
                return yaml_error(yaml_get(node, "operator"), err, "needs scope Operator");
        if (workers && knob->scope == SCOPE_OPERATOR)
                return yaml_error(yaml_get(node, "scope"), err,
                                  "workers belong to the whole pipeline; expected Pipeline");
        if (counts && (knob->min < 1 || knob->min != floor(knob->min)))
                return yaml_error(yaml_get(node, "min"), err,
                                  "is not a count; expected a whole number of at least 1");
        if (counts && (knob->max > COUNT_MAX || knob->max != floor(knob->max)))
                return yaml_error(yaml_get(node, "max"), err,
                                  "is not a count; expected a whole number up to 1000000");
        if (counts && knob->step != floor(knob->step) && !isnan(knob->step))
                return yaml_error(yaml_get(node, "step"), err, "is not a count; expected a whole number");
        if (knob->scale == KNOB_SCALE_LOG && knob->min <= 0)
                return yaml_error(yaml_get(node, "min"), err, "is not above 0, which scale Log needs");
        return true;
}

static const struct option_rule knob_rules[] = {
        {RULE_ORDER, {"min", "max"}, "is above max; expected at most max"},
        {0},
};

static const struct option_table knob_table = {
        .name = "knobs",
        .help = "A setting that may be changed.",
        .size = sizeof(struct written_knob),
        .options = knob_options,
        .rules = knob_rules,
        .check = check_knob,
};

static const struct option baseline_options[] = {
        {.name = "configuration",
         .type = OPTION_FREE,
         AT(written_baseline, configuration),
         .table = &configuration_entry_table,
         .max = CONFIGURATION_MAX_KNOBS,
         .help = "`Current` (what spec.initial says) or a configuration written as spec.initial is."},
        {.name = "strategy",
         .type = OPTION_TEXT,
         AT(written_baseline, strategy),
         .help = "Strategy that would have run instead of optctl; `static` without it."},
        {.name = "options",
         .type = OPTION_FREE,
         AT(written_baseline, options),
         .help = "Options of that strategy."},
        {0},
};

static const struct option_table baseline_table = {
        .name = "baseline",
        .help = "The frozen configuration or policy that savings are counted against.",
        .size = sizeof(struct written_baseline),
        .options = baseline_options,
};

/* ---- spec ---- */

static const struct option spec_options[] = {
        {.name = "mode",
         .type = OPTION_CHOICE,
         AT(spec_file, spec.mode),
         .choices = modes,
         .fallback = "Recommend",
         .help = "Observe only measures, Recommend also says what it would do, Auto does it."},
        {.name = "engine",
         .type = OPTION_FREE,
         AT(spec_file, engine),
         .help = "Where the pipeline runs: one engine."},
        {.name = "broker",
         .type = OPTION_FREE,
         AT(spec_file, broker),
         .help = "Where the pipeline's input waits."},
        {.name = "metrics",
         .type = OPTION_FREE,
         AT(spec_file, metrics),
         .help = "Where measurements come from besides the engine."},
        {.name = "pipeline",
         .type = OPTION_SECTION,
         AT(spec_file, pipeline),
         .table = &pipeline_table,
         .help = "The pipeline's graph."},
        {.name = "model",
         .type = OPTION_SECTION,
         AT(spec_file, spec.model),
         .table = &model_table,
         .help = "How the engine behaves: printed by `optctl calibrate`, run by `optctl simulate`."},
        {.name = "objective",
         .type = OPTION_SECTION,
         .offset = 0,
         .table = &objective_table,
         .help = "What is minimised."},
        {.name = "constraints",
         .type = OPTION_SECTION,
         AT(spec_file, constraints),
         .table = &constraint_table,
         .help = "Service levels that must hold."},
        {.name = "knobs",
         .type = OPTION_LIST,
         AT(spec_file, knobs),
         .table = &knob_table,
         .required = true,
         .min = 1,
         .max = CONFIGURATION_MAX_KNOBS,
         .help = "Settings that may be changed."},
        {.name = "initial",
         .type = OPTION_FREE,
         AT(spec_file, initial),
         .table = &configuration_entry_table,
         .max = CONFIGURATION_MAX_KNOBS,
         .help = "What runs at the start: a map of knob names to values, with `operators` for the "
                 "parallelism of each "
                 "({workers: 4} or {operators: {map: 8}}), or a list of {knob, operator, value}. Knobs that "
                 "are not "
                 "named stand at their max."},
        {.name = "strategy",
         .type = OPTION_TEXT,
         AT(spec_file, strategy),
         .help = "Strategy that makes the proposals; `plan` without it."},
        {.name = "strategies",
         .type = OPTION_FREE,
         AT(spec_file, strategies),
         .help = "Options of strategies, by name."},
        {.name = "guardrails",
         .type = OPTION_FREE,
         AT(spec_file, guardrails),
         .help = "Rules that judge every proposal."},
        {.name = "baseline",
         .type = OPTION_SECTION,
         AT(spec_file, baseline),
         .table = &baseline_table,
         .help = "What savings are counted against."},
        {.name = "workload",
         .type = OPTION_SECTION,
         AT(spec_file, spec.workload),
         .table = &workload_table,
         .help = "The load offered to a simulated pipeline."},
        {.name = "prices",
         .type = OPTION_POINTER,
         AT(spec_file, spec.prices),
         .table = &prices_table,
         .help = "What workers cost, in money and carbon."},
        {.name = "priceBook",
         .type = OPTION_TEXT,
         AT(spec_file, spec.price_book),
         .min = 1,
         .max = 63,
         .help = "Name of the PriceBook of the cluster that has the prices. Default, in a cluster: the one "
                 "called default, if there is one."},
        {.name = "simulation",
         .type = OPTION_SECTION,
         AT(spec_file, spec.simulation),
         .table = &simulation_table,
         .help = "Length, runs and seed of a simulation."},
        {.name = "recordings",
         .type = OPTION_LIST,
         AT(spec_file, spec.recordings),
         .table = &recording_table,
         .key = "name",
         .min = 0,
         .max = 256,
         .help = "Measured runs, for `optctl calibrate` and `optctl backtest`."},
        {.name = "backtest",
         .type = OPTION_SECTION,
         AT(spec_file, spec.backtest),
         .table = &backtest_table,
         .help = "Which recordings to fit on and which to predict."},
        {0},
};

static const struct option_rule spec_section_rules[] = {
        {RULE_AT_MOST_ONE, {"prices", "priceBook"}, "both prices and priceBook; expected one of them"},
        {0},
};

static const struct option_table spec_section_table = {
        .name = "spec",
        .help = "What is tuned, what is asked of it, and how.",
        .size = sizeof(struct spec_file),
        .options = spec_options,
        .rules = spec_section_rules,
};

static const struct option file_options[] = {
        {.name = "apiVersion",
         .type = OPTION_CHOICE,
         AT(spec_file, api_version),
         .choices = api_versions,
         .required = true,
         .help = "Version of this layout."},
        {.name = "kind",
         .type = OPTION_CHOICE,
         AT(spec_file, kind),
         .choices = kinds,
         .required = true,
         .help = "Kind of the Kubernetes object."},
        {.name = "metadata",
         .type = OPTION_SECTION,
         .offset = 0,
         .table = &metadata_table,
         .required = true,
         .help = "Kubernetes object metadata."},
        {.name = "spec",
         .type = OPTION_SECTION,
         .offset = 0,
         .table = &spec_section_table,
         .required = true,
         .help = "What is tuned, what is asked of it, and how."},
        {.name = "status",
         .type = OPTION_FREE,
         AT(spec_file, status),
         .help = "Written by the operator in the cluster; not read."},
        {0},
};

const struct option_table spec_file_table = {
        .name = "TunedPipeline",
        .help = "A pipeline that optctl tunes. The same file serves `optctl simulate` and `kubectl apply`.",
        .size = sizeof(struct spec_file),
        .options = file_options,
};
