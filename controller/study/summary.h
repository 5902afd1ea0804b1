/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_STUDY_SUMMARY_H
#define OPTCTL_CONTROLLER_STUDY_SUMMARY_H

#include <jansson.h>
#include <stddef.h>

#include "sim/engine.h"

/* The figures of a run that people compare, by metric. The names are those of the documents. */
enum summary_metric {
        SUMMARY_COST_PER_DAY,
        SUMMARY_SAVING_PERCENT,
        SUMMARY_SLO_MISSED,
        SUMMARY_RESCALES,
        SUMMARY_WORKERS,
        SUMMARY_LATENCY_P50,
        SUMMARY_LATENCY_P95,
        SUMMARY_LATENCY_P99,
        SUMMARY_BACKLOG_PEAK,
        SUMMARY_DELAY_PEAK,
        SUMMARY_THROUGHPUT,
        SUMMARY_CARBON,
        SUMMARY_METRICS
};

struct summary {
        double value[SUMMARY_METRICS];
};

struct spread {
        double mean, low, high;
};

const char *summary_name(enum summary_metric metric);
const char *summary_unit(enum summary_metric metric); /* "USD/d" is the currency's: NULL there */

/* saving_percent is left NAN: it needs the baseline's run. */
void summary_of(const struct figures *figures, struct summary *ret_summary);

/* Mean over the runs and the interval that holds `share` (0.9) of them. Values that are NAN are left out. */
struct spread summary_spread(const struct summary *runs, size_t count, enum summary_metric metric,
                             double share);

/* {"mean":…, "low":…, "high":…} for every metric, added to the object. */
void summary_to_json(const struct summary *runs, size_t count, double share, json_t *object);

#endif
