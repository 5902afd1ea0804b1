/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/tuning_study.h"

#include "core/model.h"
#include "core/pipeline.h"
#include "core/spec_file.h"

#define AT(type, member) .offset = offsetof(struct type, member)
#define NAME_BYTES       63 /* of a label's value, and of our own objects */
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

static const struct option study_options[] = {
        {.name = "pipeline",
         .type = OPTION_TEXT,
         AT(tuning_study, pipeline),
         .required = true,
         .max = NAME_BYTES,
         .help = "TunedPipeline of the same namespace whose spec is simulated."},
        {.name = "candidates",
         .type = OPTION_LIST,
         AT(tuning_study, candidates),
         .table = &candidate_table,
         .key = "name",
         .min = 1,
         .max = STUDY_MAX_CANDIDATES,
         .required = true,
         .help = "What is tried. Savings are counted against the first one."},
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
         .help = "Pods that run at the same time; each simulates one candidate under one load."},
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

const struct option_table tuning_study_table = {
        .name = "spec",
        .help = "What is tried, for which pipeline, under which load.",
        .size = sizeof(struct tuning_study),
        .options = study_options,
};
