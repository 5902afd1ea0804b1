/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_SIM_RECORDING_H
#define OPTCTL_SIM_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/pipeline.h"
#include "core/spec.h"

/*
 * A measured run on one grid of steps: what calibration fits and a backtest predicts. Arrays have `count`
 * values, one a step, NAN where nothing was measured; a pointer is NULL when the metric was not recorded at
 * all.
 */
struct recording {
        const char *name; /* borrowed from the spec */
        int64_t start_ms, step_ms;
        size_t count;
        int n_operators;
        double *offered;    /* records/s */
        double *throughput; /* records/s taken by the sources */
        double *latency;    /* seconds */
        double *cpu;        /* ratio, mean over workers */
        double *workers;
        double *backlog;              /* records in the broker */
        int64_t backlog_step_ms;      /* from one sample of it to the next; 0: not known */
        double *queued;               /* records in the exchanges, in records of the sources */
        double *rescales;             /* so far */
        double *startup;              /* seconds that the job's newest start took */
        double **parallelism;         /* by operator; each may be NULL */
        double **busy;                /* busy ratio by operator */
        double **rate;                /* records/s taken in by operator */
        struct configuration initial; /* what ran at the start, from the spec or from the first values */
        const struct recording_options *options;
};

/* A measured value holds so many of its series' own steps; then it counts as not measured. */
#define RECORDING_HELD_STEPS 2

/* Reads the files of a recording; `index` into spec->recordings. Errors name the recording and the file. */
bool recording_read(const struct spec *spec, size_t index, struct recording **ret_recording,
                    struct error *err);
void recording_free(struct recording *recording);
DEFINE_CLEANUP(recording_free, struct recording);

/* Workers at a step: measured, or what the configuration comes to. NAN when not known. */
double recording_workers_at(const struct recording *recording, const struct pipeline *pipeline, size_t step);

/* Subtasks of an operator at a step: measured, or what the initial configuration comes to. */
double recording_parallelism_at(const struct recording *recording, const struct pipeline *pipeline,
                                int operator_index, size_t step);

/* Mean over [from, to) of what was measured; NAN when nothing was. */
double recording_mean(const double *values, size_t from, size_t to);

/* Quantile over [from, to) of what was measured; NAN when nothing was. */
double recording_quantile(const double *values, size_t from, size_t to, double q);

#endif
