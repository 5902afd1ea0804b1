/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_TUNING_STUDY_H
#define OPTCTL_CORE_TUNING_STUDY_H

#include "core/option.h"

/*
 * The spec of a TuningStudy: candidates for a pipeline, each simulated under each load, or parameters of a
 * program, searched by trials. What of the pipeline's own spec a study replaces (workload, model, simulation)
 * is laid out here and read with the pipeline.
 */
struct study_candidate {
        char *name, *strategy;
        const struct yaml_node *configuration; /* NULL: that of the pipeline */
};

struct study_load {
        char *name;
        double scale;
};

enum { STUDY_INTEGER, STUDY_DECIMAL };
enum { STUDY_SCALE_AUTO, STUDY_SCALE_LINEAR, STUDY_SCALE_LOG };
enum { STUDY_NO_RESOURCE, STUDY_CPU, STUDY_MEMORY };

struct study_parameter {
        char *name; /* of the environment variable */
        int type, scale, resource;
        double low, high;           /* NAN beside choices */
        struct option_list choices; /* of char *; empty: low and high */
};

/* What a trial is measured by, beside the names of its values. */
#define STUDY_SECONDS "Seconds"
#define STUDY_MESSAGE "Message"
#define STUDY_COST    "Cost"

struct study_value {
        char *name;
        char *path; /* dotted, in the termination message, which is JSON; NULL: the key `name` of it */
};

struct study_constraint {
        char *value; /* as for minimize */
        double max;
};

struct study_tuning {
        char *pod_template;                 /* PodTemplate of the same namespace */
        struct option_list parameters;      /* of struct study_parameter */
        char *price_book;                   /* for Cost; NULL: the one called "default" */
        char *minimize, *also_minimize;     /* also_minimize: NULL: nothing else is to be small */
        struct option_list values;          /* of struct study_value */
        struct option_list constraints;     /* of struct study_constraint */
        int64_t trials, time_limit_seconds; /* of a trial */
        struct option_list earlier;         /* of char *: other studies of the same namespace */
};

struct tuning_study {
        char *pipeline;                /* TunedPipeline of the same namespace; NULL beside tuning */
        struct option_list candidates; /* of struct study_candidate */
        struct option_list loads;      /* of struct study_load; empty: the load as it is */
        const struct yaml_node *workload, *model, *simulation;
        char *files; /* ConfigMap with the files that the specs name; NULL: they name none */
        int64_t parallelism, threads, deadline_seconds;
        double memory_bytes;
        struct study_tuning *tuning; /* NULL: candidates are simulated */
};

/* So that the figures of all of them fit into the status of an object. */
#define STUDY_MAX_CANDIDATES  32
#define STUDY_MAX_LOADS       8
#define STUDY_MAX_TRIALS      100
#define STUDY_MAX_PARAMETERS  16
#define STUDY_CHOICE_BYTES    128
#define STUDY_MAX_EARLIER     8
#define STUDY_MAX_VALUES      8
#define STUDY_MAX_CONSTRAINTS 8

/* Whether trials of it are measured so, and whether that is to be small or is bounded. */
bool study_tuning_has(const struct study_tuning *tuning, const char *measure);
bool study_tuning_needs(const struct study_tuning *tuning, const char *measure);

/* Whether it kept the constraints, and its state, in the status. */
#define STUDY_KEPT      "Kept"
#define STUDY_BROKEN    "Broken"
#define STUDY_RUNNING   "Running"
#define STUDY_SUCCEEDED "Succeeded"
#define STUDY_FAILED    "Failed"
#define STUDY_STOPPED   "Stopped"

extern const struct option_table tuning_study_table;

#endif
