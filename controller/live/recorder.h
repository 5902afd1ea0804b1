/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_RECORDER_H
#define OPTCTL_CONTROLLER_LIVE_RECORDER_H

#include <stdbool.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/observation.h"
#include "core/spec.h"

/*
 * Writes down what collectors see, for calibrate, simulate and backtest (sim/recording.h reads it):
 *
 *   DIR/samples.csv     a row an observation: `start` and `time` of its window, then a column a metric. Means
 *                       over the window stand at its start, what was seen at its end at `time`. What was not
 *                       measured is an empty cell.
 *   DIR/recording.yaml  a whole spec around it: what the given one says of graph, knobs, promises and prices,
 *                       the configuration at the start, and the series that have values. Rewritten when the
 *                       first values of a metric arrive.
 *
 * A row is written by one call, so a crash leaves whole rows, or a torn last one that is cut off when the
 * recording is taken up again.
 */
struct recorder;

#define RECORDER_MAX_BYTES (256u << 20) /* of samples: a week of seconds with a hundred columns */

/*
 * Makes the folder, or takes up the recording of the same pipeline in it. ERROR_INPUT: the folder holds
 * something else. The spec has a graph (spec->lacks_graph is false), and is borrowed until recorder_close.
 */
bool recorder_open(const char *folder, const struct spec *spec, struct recorder **ret_recorder,
                   struct error *err);
void recorder_close(struct recorder *recorder);
DEFINE_CLEANUP(recorder_close, struct recorder);

/* An observation that is not newer than the one before is left out; of windows that overlap each begins where
 * the one before ended. ERROR_LIMIT: the recording is as long as it may get. A failed write may leave nothing
 * or the whole row. */
bool recorder_observe(struct recorder *recorder, const struct observation *observation, struct error *err);

/* Writes recording.yaml once more, with first guesses of the rates from all that was seen. */
bool recorder_finish(struct recorder *recorder, struct error *err);

#endif
