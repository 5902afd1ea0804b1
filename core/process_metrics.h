/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CORE_PROCESS_METRICS_H
#define OPTCTL_CORE_PROCESS_METRICS_H

#include "core/metrics.h"

/*
 * What the process itself takes, under the names that all of Prometheus' client libraries use; and which
 * optctl it is. What the kernel does not say is not exposed.
 */

/* What stays the same, once: an instant that was read anew each time would move by what clocks are set. */
void process_metrics_begin(struct metrics *metrics);

/* What the kernel says now. */
void process_metrics_read(struct metrics *metrics);

#endif
