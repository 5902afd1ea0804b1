/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LIVE_METRICS_H
#define OPTCTL_CONTROLLER_LIVE_METRICS_H

#include <stdint.h>

#include "controller/loop/loop.h"
#include "core/metrics.h"
#include "core/spec.h"

/* What live pipelines show to Prometheus (docs/metrics.md). */

struct live_subject {
        const char *pipeline; /* "NAME" or "NAMESPACE/NAME" */
        enum spec_mode mode;
        const char *strategy;
        const struct constraints *constraints;
        const struct price_book *prices;
};

/* After a turn. `counted`: the status as of the call before, zeroed at first; brought up to date. */
void live_metrics_turn(struct metrics *metrics, const struct live_subject *subject, struct loop *loop,
                       struct loop_status *counted);

/* A pipeline that could not be reached. */
void live_metrics_down(struct metrics *metrics, const char *pipeline, bool paused);

/* How long after it was due a turn had decided. `measured`: something was; else nobody answered. */
void live_metrics_duration(struct metrics *metrics, int64_t ms, bool measured);

#endif
