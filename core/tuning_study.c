/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/tuning_study.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/model.h"
#include "core/pipeline.h"
#include "core/spec_file.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define NAME_BYTES       63 /* of a label's value, and of our own objects */
#define PATH_BYTES       200
#define GIBIBYTE         0x1p30

static const struct option candidate_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(study_candidate, name),
         .required = true,
         .max = NAME_BYTES,
         .help = "What it is called in the results."},
        {.name = "strategy",
         .type = OPTION_TEXT,
         AT(study_candidate, strategy),
         .max = NAME_BYTES,
         .fallback = "static",
         .help = "Strategy that steers it; `static` holds the configuration."},
        {.name = "configuration",
         .type = OPTION_FREE,
         AT(study_candidate, configuration),
         .table = &configuration_entry_table,
         .max = CONFIGURATION_MAX_KNOBS,
         .help = "What it starts with, as spec.initial of the pipeline is written; that one without it."},
        {0},
};

static const struct option_table candidate_table = {
        .name = "candidates",
        .help = "A configuration, or a strategy, to try.",
        .size = sizeof(struct study_candidate),
        .options = candidate_options,
};

static const struct option load_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(study_load, name),
         .required = true,
         .max = NAME_BYTES,
         .help = "What it is called in the results."},
        {.name = "scale",
         .type = OPTION_NUMBER,
         AT(study_load, scale),
         .required = true,
         .max = 1e6,
         .help = "Multiplies the load."},
        {0},
};

static const struct option_table load_table = {
        .name = "loads",
        .help = "A load under which every candidate is tried.",
        .size = sizeof(struct study_load),
        .options = load_options,
};

/* ---- trials ---- */

static const char *const number_types[] = {[STUDY_INTEGER] = "Integer", [STUDY_DECIMAL] = "Decimal", NULL};
static const char *const scales[] =
        {[STUDY_SCALE_AUTO] = "Auto", [STUDY_SCALE_LINEAR] = "Linear", [STUDY_SCALE_LOG] = "Log", NULL};

static const char *const resources[] =
        {[STUDY_NO_RESOURCE] = "None", [STUDY_CPU] = "Cpu", [STUDY_MEMORY] = "Memory", NULL};

static const struct option parameter_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(study_parameter, name),
         .required = true,
         .max = NAME_BYTES,
         .help = "Environment variable that has its value in a trial: letters, digits and _. Arguments may "
                 "refer to it as $(NAME)."},
        {.name = "low",
         .type = OPTION_NUMBER,
         AT(study_parameter, low),
         .min = -1e15,
         .max = 1e15,
         .help = "Least value."},
        {.name = "high",
         .type = OPTION_NUMBER,
         AT(study_parameter, high),
         .min = -1e15,
         .max = 1e15,
         .help = "Greatest value."},
        {.name = "type",
         .type = OPTION_CHOICE,
         AT(study_parameter, type),
         .choices = number_types,
         .fallback = "Integer",
         .help = "Whether values between low and high are whole."},
        {.name = "scale",
         .type = OPTION_CHOICE,
         AT(study_parameter, scale),
         .choices = scales,
         .fallback = "Auto",
         .help = "Whether differences count between low and high, or ratios; Auto: ratios of integers that "
                 "span a factor of 8."},
        {.name = "choices",
         .type = OPTION_TEXTS,
         AT(study_parameter, choices),
         .min = 1,
         .max = 32,
         .help = "All values, instead of low and high; where all are ascending numbers, their order counts."},
        {.name = "resource",
         .type = OPTION_CHOICE,
         AT(study_parameter, resource),
         .choices = resources,
         .fallback = "None",
         .help = "What the first container asks for as much of, and may use as much of where the template "
                 "has "
                 "a limit: Cpu in cores, Memory in bytes, or quantities as choices (512Mi)."},
        {0},
};

static const struct option_rule parameter_rules[] = {
        {RULE_TOGETHER, {"low", "high"}, "low and high belong together; expected both or none"},
        {RULE_ONE, {"low", "choices"}, "names both or none; expected either low and high or choices"},
        {RULE_ORDER, {"low", "high"}, "low is above high; expected low to be at most high"},
        {RULE_NEEDS, {"type", "low"}, "is for a range; expected low and high beside it"},
        {RULE_NEEDS, {"scale", "low"}, "is for a range; expected low and high beside it"},
        {0},
};

static bool is_variable(const char *name)
{
        for (const char *at = name; *at; at++)
                if (*at != '_' && !isalpha((unsigned char)*at) &&
                    (at == name || !isdigit((unsigned char)*at)))
                        return false;
        return true;
}

/* What bounds of an option cannot say. */
static bool check_parameter(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct study_parameter *parameter = object;

        if (!node)
                return true;
        if (!is_variable(parameter->name))
                return yaml_error(yaml_get(node, "name"), err,
                                  "\"%s\" is no name of a variable; expected letters, digits and _, no digit "
                                  "first",
                                  parameter->name);
        for (size_t i = 0; i < parameter->choices.count; i++)
                if (strlen(((char **)parameter->choices.items)[i]) > STUDY_CHOICE_BYTES)
                        return yaml_error(yaml_get(node, "choices"), err,
                                          "has a choice that is too long; expected at most %d bytes",
                                          STUDY_CHOICE_BYTES);
        return true;
}

static const struct option_table parameter_table = {
        .name = "parameters",
        .help = "What is varied, and how far.",
        .size = sizeof(struct study_parameter),
        .options = parameter_options,
        .rules = parameter_rules,
        .check = check_parameter,
};

static const struct option value_options[] = {
        {.name = "name",
         .type = OPTION_TEXT,
         AT(study_value, name),
         .required = true,
         .max = NAME_BYTES,
         .help = "What it is called by minimize, alsoMinimize and constraints."},
        {.name = "path",
         .type = OPTION_TEXT,
         AT(study_value, path),
         .max = PATH_BYTES,
         .help = "Dotted path of a number in the termination message, which is JSON: metrics.0.loss. Without "
                 "it the message is an object that has the name."},
        {0},
};

static const struct option_table value_table = {
        .name = "values",
        .help = "A number that a trial leaves.",
        .size = sizeof(struct study_value),
        .options = value_options,
};

static const struct option constraint_options[] = {
        {.name = "value",
         .type = OPTION_TEXT,
         AT(study_constraint, value),
         .required = true,
         .max = NAME_BYTES,
         .help = "Seconds, Message, Cost or a name of values."},
        {.name = "max",
         .type = OPTION_QUANTITY,
         AT(study_constraint, max),
         .required = true,
         .help = "The most it may be."},
        {0},
};

static const struct option_table constraint_table = {
        .name = "constraints",
        .help = "What a good trial keeps to.",
        .size = sizeof(struct study_constraint),
        .options = constraint_options,
};

static const struct option tuning_options[] = {
        {.name = "podTemplate",
         .type = OPTION_TEXT,
         AT(study_tuning, pod_template),
         .required = true,
         .max = 253,
         .help = "PodTemplate (v1) of the same namespace: what a trial runs. Its first container is given "
                 "the values as environment variables; it is run once, to its end."},
        {.name = "parameters",
         .type = OPTION_LIST,
         AT(study_tuning, parameters),
         .table = &parameter_table,
         .key = "name",
         .min = 1,
         .max = STUDY_MAX_PARAMETERS,
         .required = true,
         .help = "What is searched."},
        {.name = "minimize",
         .type = OPTION_TEXT,
         AT(study_tuning, minimize),
         .max = NAME_BYTES,
         .fallback = STUDY_SECONDS,
         .help = "What is to be small: Seconds, the time that the container ran; Message, the number that it "
                 "wrote as its termination message; Cost, what its pod asks for over that time, by the "
                 "prices "
                 "of cores and memory; or a name of values."},
        {.name = "alsoMinimize",
         .type = OPTION_TEXT,
         AT(study_tuning, also_minimize),
         .max = NAME_BYTES,
         .help = "A second such measure: what is sought then is the front, the trials that no other beats in "
                 "both."},
        {.name = "values",
         .type = OPTION_LIST,
         AT(study_tuning, values),
         .table = &value_table,
         .key = "name",
         .max = STUDY_MAX_VALUES,
         .help = "Numbers that are read from the termination message, which is JSON then."},
        {.name = "constraints",
         .type = OPTION_LIST,
         AT(study_tuning, constraints),
         .table = &constraint_table,
         .key = "value",
         .max = STUDY_MAX_CONSTRAINTS,
         .help = "What a good trial keeps to."},
        {.name = "priceBook",
         .type = OPTION_TEXT,
         AT(study_tuning, price_book),
         .max = NAME_BYTES,
         .help = "PriceBook with the prices of cores and memory (resources) that Cost is counted by; the one "
                 "called default without it."},
        {.name = "trials",
         .type = OPTION_INT,
         AT(study_tuning, trials),
         .unit = "trials",
         .min = 1,
         .max = STUDY_MAX_TRIALS,
         .fallback = "20",
         .help = "How many are made; spec.parallelism at the same time, of which all end before the next "
                 "begin."},
        {.name = "timeLimitSeconds",
         .type = OPTION_INT,
         AT(study_tuning, time_limit_seconds),
         .unit = "s",
         .min = 1,
         .max = 604800,
         .fallback = "3600",
         .help = "A trial whose pod is on a node for longer is stopped; where Seconds or Cost are minimized "
                 "the "
                 "search learns that it would have been more, else it has failed."},
        {.name = "earlier",
         .type = OPTION_TEXTS,
         AT(study_tuning, earlier),
         .max = STUDY_MAX_EARLIER,
         .help = "Other TuningStudies of the same namespace, with the same parameters or some more, whose "
                 "trials the search is told of as an earlier study's: the same program with other data."},
        {0},
};

bool study_tuning_has(const struct study_tuning *tuning, const char *measure)
{
        const struct study_value *values = tuning->values.items;

        for (size_t i = 0; i < tuning->values.count; i++)
                if (strcmp(values[i].name, measure) == 0)
                        return true;
        return strcmp(measure, STUDY_SECONDS) == 0 || strcmp(measure, STUDY_COST) == 0 ||
               (strcmp(measure, STUDY_MESSAGE) == 0 && tuning->values.count == 0);
}

bool study_tuning_needs(const struct study_tuning *tuning, const char *measure)
{
        const struct study_constraint *constraints = tuning->constraints.items;
        bool needed = strcmp(tuning->minimize, measure) == 0 ||
                      (tuning->also_minimize && strcmp(tuning->also_minimize, measure) == 0);

        for (size_t i = 0; i < tuning->constraints.count; i++)
                needed |= strcmp(constraints[i].value, measure) == 0;
        return needed;
}

static bool check_measure(const struct study_tuning *tuning, const struct yaml_node *place,
                          const char *measure, struct error *err)
{
        return study_tuning_has(tuning, measure) ||
               yaml_error(place, err, "%.80s is not measured; expected " STUDY_SECONDS ", " STUDY_COST ", %s",
                          measure,
                          tuning->values.count > 0 ? "or a name of values"
                                                   : STUDY_MESSAGE ", or a name of values");
}

/* What is measured anyway goes before a value of the same name, which nobody would ever see. */
static bool check_values(const struct study_tuning *tuning, const struct yaml_node *node, struct error *err)
{
        const struct study_value *values = tuning->values.items;

        for (size_t i = 0; i < tuning->values.count; i++)
                if (strcmp(values[i].name, STUDY_SECONDS) == 0 ||
                    strcmp(values[i].name, STUDY_MESSAGE) == 0 || strcmp(values[i].name, STUDY_COST) == 0)
                        return yaml_error(yaml_get(node, "values"), err,
                                          "has %s, which is measured anyway; expected another name",
                                          values[i].name);
        return true;
}

/* A container asks for one amount of each. */
static bool check_resources(const struct study_tuning *tuning, const struct yaml_node *node,
                            struct error *err)
{
        const struct study_parameter *parameters = tuning->parameters.items;
        size_t counts[ARRAY_LENGTH(resources)] = {0};

        for (size_t i = 0; i < tuning->parameters.count; i++)
                if (counts[parameters[i].resource]++ > 0 && parameters[i].resource != STUDY_NO_RESOURCE)
                        return yaml_error(yaml_get(node, "parameters"), err,
                                          "has two with resource %s; expected one",
                                          resources[parameters[i].resource]);
        return true;
}

/* What bounds of an option cannot say. */
static bool check_tuning(const void *object, const struct yaml_node *node, struct error *err)
{
        const struct study_tuning *tuning = object;
        const struct study_constraint *constraints = tuning->constraints.items;

        if (!node)
                return true;
        if (!check_values(tuning, node, err) || !check_resources(tuning, node, err) ||
            !check_measure(tuning, yaml_get(node, "minimize"), tuning->minimize, err))
                return false;
        if (tuning->also_minimize &&
            !check_measure(tuning, yaml_get(node, "alsoMinimize"), tuning->also_minimize, err))
                return false;
        if (tuning->also_minimize && strcmp(tuning->minimize, tuning->also_minimize) == 0)
                return yaml_error(yaml_get(node, "alsoMinimize"), err,
                                  "%s is minimized already; expected another measure", tuning->also_minimize);
        for (size_t i = 0; i < tuning->constraints.count; i++)
                if (!check_measure(tuning, yaml_get(node, "constraints"), constraints[i].value, err))
                        return false;
        return true;
}

static const struct option_table tuning_table = {
        .name = "tuning",
        .help = "A program whose best settings are searched by running it.",
        .size = sizeof(struct study_tuning),
        .options = tuning_options,
        .check = check_tuning,
};

static const struct option study_options[] = {
        {.name = "pipeline",
         .type = OPTION_TEXT,
         AT(tuning_study, pipeline),
         .max = NAME_BYTES,
         .help = "TunedPipeline of the same namespace whose spec is simulated."},
        {.name = "candidates",
         .type = OPTION_LIST,
         AT(tuning_study, candidates),
         .table = &candidate_table,
         .key = "name",
         .min = 1,
         .max = STUDY_MAX_CANDIDATES,
         .help = "What is simulated. Savings are counted against the first one."},
        {.name = "tuning",
         .type = OPTION_POINTER,
         AT(tuning_study, tuning),
         .table = &tuning_table,
         .help = "A program whose best settings are searched by trials, instead of candidates that are "
                 "simulated."},
        {.name = "loads",
         .type = OPTION_LIST,
         AT(tuning_study, loads),
         .table = &load_table,
         .key = "name",
         .max = STUDY_MAX_LOADS,
         .help = "Loads under which it is tried; without any, the load as it is."},
        {.name = "workload",
         .type = OPTION_FREE,
         AT(tuning_study, workload),
         .table = &workload_table,
         .help = "The load, instead of the pipeline's spec.workload."},
        {.name = "model",
         .type = OPTION_FREE,
         AT(tuning_study, model),
         .table = &model_table,
         .help = "How the engine behaves, instead of the pipeline's spec.model: printed by `optctl "
                 "calibrate`."},
        {.name = "simulation",
         .type = OPTION_FREE,
         AT(tuning_study, simulation),
         .table = &simulation_table,
         .help = "Length, runs and seed, instead of the pipeline's spec.simulation; its strategies are those "
                 "of the candidates."},
        {.name = "files",
         .type = OPTION_TEXT,
         AT(tuning_study, files),
         .max = 253,
         .help = "ConfigMap of the same namespace with the files that are named: a recorded load, prices."},
        {.name = "parallelism",
         .type = OPTION_INT,
         AT(tuning_study, parallelism),
         .unit = "pods",
         .min = 1,
         .max = 256,
         .fallback = "4",
         .help = "Pods that run at the same time; each simulates one candidate under one load, or runs one "
                 "trial."},
        {.name = "threads",
         .type = OPTION_INT,
         AT(tuning_study, threads),
         .unit = "cores",
         .min = 1,
         .max = 64,
         .fallback = "1",
         .help = "Threads of each pod, which asks for as many cores."},
        {.name = "memory",
         .type = OPTION_QUANTITY,
         AT(tuning_study, memory_bytes),
         .unit = "bytes",
         .min = GIBIBYTE / 16,
         .max = GIBIBYTE * 256,
         .fallback = "512Mi",
         .help = "Memory that each pod asks for and may use."},
        {.name = "deadlineSeconds",
         .type = OPTION_INT,
         AT(tuning_study, deadline_seconds),
         .unit = "s",
         .min = 10,
         .max = 604800,
         .fallback = "3600",
         .help = "After so long the study ends with what it has."},
        {0},
};

#define OF_CANDIDATES(name)                                                                                  \
        {                                                                                                    \
                RULE_NEEDS, {name, "candidates"}, "is for simulations; expected spec.candidates beside it"   \
        }

static const struct option_rule study_rules[] = {
        {RULE_ONE, {"candidates", "tuning"}, "names both or none; expected either candidates or tuning"},
        {RULE_TOGETHER,
         {"candidates", "pipeline"},
         "candidates and pipeline belong together; expected both or none"},
        OF_CANDIDATES("loads"),
        OF_CANDIDATES("workload"),
        OF_CANDIDATES("model"),
        OF_CANDIDATES("simulation"),
        OF_CANDIDATES("files"),
        OF_CANDIDATES("threads"),
        OF_CANDIDATES("memory"),
        OF_CANDIDATES("deadlineSeconds"),
        {0},
};

const struct option_table tuning_study_table = {
        .name = "spec",
        .help = "What is tried: candidates for a pipeline under loads, or settings of a program.",
        .size = sizeof(struct tuning_study),
        .options = study_options,
        .rules = study_rules,
};
