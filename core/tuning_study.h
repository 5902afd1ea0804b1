/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_TUNING_STUDY_H
#define OPTCTL_CORE_TUNING_STUDY_H

#include "core/option.h"

/*
 * The spec of a TuningStudy: candidates for a pipeline, each simulated under each load. What of the
 * pipeline's own spec a study replaces (workload, model, simulation) is laid out here and read with the
 * pipeline.
 */
struct study_candidate {
        char *name, *strategy;
        const struct yaml_node *configuration; /* NULL: that of the pipeline */
};

struct study_load {
        char *name;
        double scale;
};

struct tuning_study {
        char *pipeline;                /* TunedPipeline of the same namespace */
        struct option_list candidates; /* of struct study_candidate */
        struct option_list loads;      /* of struct study_load; empty: the load as it is */
        const struct yaml_node *workload, *model, *simulation;
        char *files; /* ConfigMap with the files that the specs name; NULL: they name none */
        int64_t parallelism, threads, deadline_seconds;
        double memory_bytes;
};

/* So that the figures of all of them fit into the status of an object. */
#define STUDY_MAX_CANDIDATES 32
#define STUDY_MAX_LOADS      8

extern const struct option_table tuning_study_table;

#endif
