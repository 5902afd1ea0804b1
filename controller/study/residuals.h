/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_RESIDUALS_H
#define OPTCTL_CONTROLLER_STUDY_RESIDUALS_H

#include <stddef.h>

#include "core/memory.h"
#include "sim/engine.h"
#include "sim/recording.h"

/*
 * Prediction intervals of windows. Runs of the simulator differ by what the model knows to be uncertain; what
 * it does not know shows in how far it missed the windows of the recordings it was fitted on. An interval
 * holds both: the quantiles of every run's value times every such miss (a split conformal interval around an
 * ensemble). Windows in which the job restarted are missed in other ways than quiet ones (meters begin anew,
 * latency has gaps), so each kind has its own misses (Mondrian conformal prediction, Vovk et al. 2005).
 */
enum window_kind { WINDOW_QUIET, WINDOW_RESTARTED, WINDOW_KINDS };

enum window_metric { WINDOW_WORKERS, WINDOW_THROUGHPUT, WINDOW_LATENCY, WINDOW_BACKLOG, WINDOW_METRICS };

const char *window_name(enum window_metric metric);

/* Mean of a window as measured, or as simulated; NAN when it was not. */
double window_measured(const struct recording *recording, enum window_metric metric, size_t window,
                       size_t steps_per_window);
double window_simulated(const struct timeline *timeline, enum window_metric metric, size_t window);

/* Logarithms of measured over predicted. */
struct residuals {
        double *log_ratio[WINDOW_METRICS][WINDOW_KINDS];
        size_t count[WINDOW_METRICS][WINDOW_KINDS];
};

void residuals_add(struct residuals *residuals, enum window_metric metric, enum window_kind kind,
                   double measured, double predicted);
void residuals_finish(struct residuals *residuals); /* sorts; no more may be added */
void residuals_free(struct residuals *residuals);   /* what it points to, not itself */

/* What one run says of a window. */
struct window_value {
        double value;
        enum window_kind kind;
};

/* Median of the runs and the interval that should hold `share` of what is measured. */
struct band {
        double middle, low, high;
};
struct band residuals_band(const struct residuals *residuals, enum window_metric metric,
                           const struct window_value *runs, size_t n, double share);

#endif
