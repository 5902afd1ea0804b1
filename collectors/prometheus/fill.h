/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_COLLECTORS_PROMETHEUS_FILL_H
#define OPTCTL_COLLECTORS_PROMETHEUS_FILL_H

#include "collectors/prometheus/options.h"
#include "collectors/prometheus/snapshot.h"
#include "core/observation.h"

/*
 * What happened between two snapshots, as an observation. Rates are differences of counters over the time
 * between the very samples: Flink's own rates are means of 60 s, which lag behind and begin at 0 after each
 * restart. They are used where there is no earlier snapshot to compare with.
 *
 * Three things look alike and are not: a sample that is no newer than the one before tells nothing (stale); a
 * counter that fell, or a subtask of a new attempt, began anew (counters_reset; rates of that window are not
 * known); a subtask that is gone while its job goes on is one that we do not see (its operator's rates are
 * not known).
 */
struct fill {
        const struct prometheus_options *options;
        const struct pipeline *pipeline;
        const struct snapshot *now, *before; /* before: NULL where there is none */
        /* Whether a process did not answer, and the last snapshot in which all was seen (NULL: none), which
         * tells how wide an operator is while its subtasks go on. What a silent process runs is not in `now`,
         * and nothing there says so: then that is the only thing that tells. */
        bool partial;
        const struct snapshot *whole;
};

/* Of the measured values those that are known. `local_ms` is the loop's time at which `now` was taken. False
 * (ERROR_INCOMPLETE: "StaleMetrics", "NoNewSample") when nothing in it is new. *ret_why tells what is not
 * seen, for the log: empty when all is; WHY_BYTES. */
#define WHY_BYTES 200
bool fill_measured(const struct fill *fill, int64_t local_ms, struct observation *ret_observation,
                   char *ret_why, struct error *err);

/* What a query of the user's gave, NAN included: in place of what was measured. */
void fill_queried(const struct prometheus_query *query, const struct pipeline *pipeline, double value,
                  struct observation *observation);

/* What follows from the rest: totals, true rates, offered load, configuration, what is missing.
 * `by_operator`: rates are missing where those of an operator are. `backlog_before` is NAN when not known. */
void fill_derived(const struct pipeline *pipeline, bool by_operator, double backlog_before,
                  struct observation *observation);

/* Of all sources; NAN when one does not tell. */
double fill_backlog(const struct pipeline *pipeline, const struct snapshot *snapshot);

#endif
