/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_SPEC_FILE_H
#define OPTCTL_CORE_SPEC_FILE_H

#include "core/spec.h"

/* A spec as it is written, beside the struct spec that everybody else sees; shared by spec*.c and
 * tuning_study.c alone. */

struct written_operator {
        char *name;
        bool source;
        int64_t partitions, max_parallelism;
};

struct written_edge {
        char *from, *to;
        double selectivity;
        bool hash;
};

struct written_pipeline {
        int64_t slots_per_worker;
        struct option_list operators; /* of struct written_operator; empty: one operator "pipeline" */
        struct option_list edges;     /* of struct written_edge */
};

enum knob_scope { SCOPE_PIPELINE, SCOPE_OPERATOR };

struct written_knob {
        char *name;
        int scope; /* enum knob_scope */
        char *operator_name;
        double min, max, step;
        int scale; /* enum knob_scale */
};

struct written_constraints {
        int64_t latency_p99_milliseconds, backlog_seconds; /* 0: not asked for */
        int64_t run_seconds;                               /* 0: not asked for */
        double error_rate_percent, confidence_percent;
};

struct written_baseline {
        const struct yaml_node *configuration; /* "Current", a map or a list; NULL: spec.initial */
        char *strategy;
        const struct yaml_node *options;
};

/* What the option tables fill. struct spec comes first: a spec is freed through it. */
struct spec_file {
        struct spec spec;
        int api_version, kind, minimize;
        struct yaml_node *labels, *annotations, *status, *managed;
        struct yaml_node *engine, *broker, *metrics;
        struct written_pipeline pipeline;
        struct written_constraints constraints;
        struct option_list knobs; /* of struct written_knob */
        struct yaml_node *initial;
        struct written_baseline baseline;
        char *strategy;
        struct yaml_node *strategies, *guardrails;
};

/* The layout of the file; what plugins lay out (spec.engine, spec.strategies, spec.guardrails, ...) is
 * OPTION_FREE in it. */
extern const struct option_table spec_file_table;

/* Sections that only simulate, calibrate and backtest read (spec_study.c). */
extern const struct option_table workload_table, simulation_table, recording_table, backtest_table;
extern const struct option_table configuration_entry_table;

/* spec.pipeline and spec.knobs become spec.pipeline (spec_pipeline.c); spec_pipeline_free frees what they
 * made. */
bool spec_make_pipeline(struct spec_file *file, const struct yaml_node *section, struct error *err);
void spec_pipeline_free(struct pipeline *pipeline);

/* Index of an operator by name, or -1 with an error at `node` that names the nearest one. */
int spec_find_operator(const struct pipeline *pipeline, const char *name, const struct yaml_node *node,
                       struct error *err);

/* Puts what `node` says (a map or a list, spec_configuration.c) over the values, by knob. */
bool spec_read_configuration(const struct pipeline *pipeline, const struct yaml_node *node, double *values,
                             struct error *err);

/* Fails unless a knob of that name (and operator, when not NULL) exists; bounds are not looked at. */
bool spec_check_knob(const struct pipeline *pipeline, const struct yaml_node *entry, const char *knob,
                     const char *operator_name, struct error *err);

/* The value under `field` of item i of the list under `name`; the item itself when it lacks the field. */
const struct yaml_node *spec_item(const struct yaml_node *section, const char *name, size_t i,
                                  const char *field);

/* spec.model in the order of the pipeline, complete (spec_model.c). */
bool spec_order_model(struct spec *spec, const struct yaml_node *section, struct error *err);

#endif
