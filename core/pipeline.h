/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_PIPELINE_H
#define OPTCTL_CORE_PIPELINE_H

#include <stdbool.h>

/*
 * The pipeline that is tuned: its graph and its knobs. Built once from the spec (and, live, from the engine's
 * own answer), then only read.
 */
#define PIPELINE_MAX_OPERATORS  256
#define CONFIGURATION_MAX_KNOBS 256

struct operator_info {
        const char *name;
        bool source;
        int partitions;      /* of the topic a source reads; 0 when not known */
        int max_parallelism; /* key groups or the engine's own limit; 0 when not limited */
};

struct edge {
        int from, to;       /* indices of operators */
        bool hash;          /* records are partitioned by key (Flink: HASH) */
        double selectivity; /* records sent over this edge for each record `from` takes in; NAN when not known
                             */
};

enum knob_role {
        KNOB_PARALLELISM,
        KNOB_WORKERS,
        KNOB_PARTITIONS, /* of the topic that a source reads: can only grow */
        KNOB_MEMORY,     /* bytes of a worker's memory, or of a part of it */
        KNOB_OTHER,
};

enum knob_scale {
        KNOB_SCALE_AUTO, /* ratios where the greatest value is many times the least */
        KNOB_SCALE_LINEAR,
        KNOB_SCALE_LOG,
};

struct knob {
        const char *name; /* "parallelism", "workers", "partitions", "memory", "memory.managed", ... */
        enum knob_role role;
        int operator_index; /* KNOB_PARALLELISM and KNOB_PARTITIONS of one operator; -1: the whole pipeline */
        double min, max, step;
        enum knob_scale
                scale; /* for who searches: whether differences or ratios of its values matter alike */
};

struct pipeline {
        const char *name;
        int n_operators; /* in topological order */
        struct operator_info *operators;
        int n_edges; /* sorted by `from` */
        struct edge *edges;
        int slots_per_worker; /* subtasks a worker can host; operators share slots */
        int n_knobs;
        struct knob *knobs;
};

/* A value for every knob of the pipeline, in the order of pipeline->knobs. */
struct configuration {
        int count;
        double value[CONFIGURATION_MAX_KNOBS];
};

/* What a configuration comes to: subtasks of each operator, and workers. */
struct deployment {
        int workers;
        int parallelism[PIPELINE_MAX_OPERATORS];
};

/*
 * With a workers knob and no parallelism knob every operator gets all slots (Flink's reactive mode), capped
 * by its partitions' use and its max_parallelism. With parallelism knobs and no workers knob there are as
 * many workers as the widest operator needs. With both, parallelism is capped by the slots.
 */
void pipeline_deployment(const struct pipeline *pipeline, const struct configuration *configuration,
                         struct deployment *ret_deployment);

/* The configuration nearest to a deployment: rounds to the knobs' bounds and steps. Knobs of role KNOB_OTHER
 * keep the value they have in `base`. */
void pipeline_configuration(const struct pipeline *pipeline, const struct deployment *deployment,
                            const struct configuration *base, struct configuration *ret_configuration);

/* Index of the knob that sets this operator's parallelism, or -1. */
int pipeline_parallelism_knob(const struct pipeline *pipeline, int operator_index);
int pipeline_workers_knob(const struct pipeline *pipeline); /* or -1 */

/* The least by which two values differ that a target can be told: a byte of `memory`, a thousandth of a core
 * of `worker.cpu`; 0: any two. */
double knob_grain(const struct knob *knob);

/* The value nearest to `value` that the knob's bounds and step allow, and the next one above it that can be
 * told: what a target reads back is then the same number. */
double knob_fit(const struct knob *knob, double value);

/* True when parallelism is set by each operator, not by the number of workers. */
bool pipeline_per_operator(const struct pipeline *pipeline);

/* Which way a change goes: does any operator, or the pipeline as a whole, get more; does any get less? */
struct deployment_change {
        bool grows, shrinks;
};

struct deployment_change pipeline_change(const struct pipeline *pipeline, const struct configuration *from,
                                         const struct configuration *to);

/* Of values by knob of the pipeline: what is kept for thousands of them is no longer than that. */
struct configuration configuration_from_values(const struct pipeline *pipeline, const double *values);

bool configuration_equal(const struct configuration *a, const struct configuration *b);

/* Partitions that an operator reads with this configuration: its knob's, else as its info says; 0: not known,
 * or no source. */
int pipeline_partitions(const struct pipeline *pipeline, const struct configuration *configuration,
                        int operator_index);

/* Whether some of an operator's records come partitioned by key. */
bool pipeline_is_keyed(const struct pipeline *pipeline, int operator_index);

/* What the engine deals out to the operator's subtasks whole: the partitions a source reads; the key groups
 * of an operator all of whose inputs are partitioned by key. 0: the load divides evenly, or it is not known.
 * Partitions are those of the spec when configuration is NULL. */
int pipeline_parts(const struct pipeline *pipeline, const struct configuration *configuration,
                   int operator_index);

/* Partitions only grow: raises those of `back` to what `running` has, so that it can be gone back to. */
void configuration_keep_grown(const struct pipeline *pipeline, const struct configuration *running,
                              struct configuration *back);

/* "workers 12" or "source 2, work 7, sink 2 (2 workers)": for people. Writes at most `room` bytes with the
 * NUL. */
void configuration_describe(const struct pipeline *pipeline, const struct configuration *configuration,
                            char *buffer, unsigned long room);

#endif
