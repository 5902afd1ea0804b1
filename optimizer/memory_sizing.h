/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_MEMORY_SIZING_H
#define OPTCTL_OPTIMIZER_MEMORY_SIZING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"
#include "core/observation.h"
#include "core/option.h"
#include "core/pipeline.h"

/*
 * How much memory a worker needs, of each kind, from what was measured: for knobs named memory, memory.heap,
 * memory.managed, memory.network and memory.metaspace.
 *
 * Heap and metaspace: their peak and a margin; with fewer workers each holds more of the heap. Managed:
 * nothing where none is ever used, else as it is. Network: what the channels of the layout can fill (the
 * formula of the Flink Kubernetes Operator's memory tuning), and no less than its peak and the margin.
 * Memory as a whole changes by what its parts change by. Peaks are those of a day, so nothing shrinks before
 * a day was seen, and never below the peak and its margin.
 *
 * A worker that collects garbage all the time looks slow and is not: then the heap grows first, and such
 * windows teach nothing about capacity, unless it has been so for long and therefore is how the job runs.
 */
struct memory_sizing_options {
        double gc_percent;   /* share of time above which collecting garbage is pressure */
        double growth_ratio; /* of the heap, under pressure */
        double margin_ratio; /* above the peak */
        int64_t buffers_per_channel, floating_buffers; /* of the engine's network stack */
        double segment_bytes;
};

extern const struct option_table memory_sizing_table;

/* Bytes of a worker's network memory that the channels of a layout can fill. parallelism: by operator. */
double memory_sizing_network(const struct memory_sizing_options *options, const struct pipeline *pipeline,
                             const int *parallelism);

struct memory_sizing;

/* Both are borrowed. */
struct memory_sizing *memory_sizing_new(const struct memory_sizing_options *options,
                                        const struct pipeline *pipeline);
void memory_sizing_free(struct memory_sizing *sizing);
DEFINE_CLEANUP(memory_sizing_free, struct memory_sizing);

/* Once a turn. False when the window says nothing about capacity: garbage was collected all the time. */
bool memory_sizing_observe(struct memory_sizing *sizing, const struct observation *observation);

/* Memory should grow before anything else changes: there is pressure, a knob that relieves it, and time to
 * see whether it does. */
bool memory_sizing_first(const struct memory_sizing *sizing, const struct observation *observation);

/*
 * Sets the memory knobs of *configuration, whose layout is that of `next`. False when none should change.
 * Little is never changed, and nothing for some time after the last change. `reason`: one sentence, with its
 * numbers.
 */
bool memory_sizing_propose(struct memory_sizing *sizing, const struct observation *observation,
                           const struct deployment *next, struct configuration *configuration, char *reason,
                           unsigned long room);

#endif
