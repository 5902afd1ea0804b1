/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_LOOP_REMEMBERED_H
#define OPTCTL_CONTROLLER_LOOP_REMEMBERED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/loop/avoid.h"
#include "core/ledger/journal.h"
#include "core/pipeline.h"

/*
 * What the loop goes by that happened in turns long past. It follows from how actions went alone, so another
 * process comes to the same by going through those in the journal.
 */
#define REMEMBERED_MAX_CHANGES 256 /* for the guardrails; a comparator may change more often */

/* A configuration that kept its promise, and the most it carried while doing so. */
struct known_good {
        bool known;
        struct configuration configuration;
        double carried_per_second;
};

struct remembered {
        struct known_good good;
        struct avoid_list avoid;
        int64_t change_times_ms[REMEMBERED_MAX_CHANGES]; /* ascending */
        size_t n_changes;
        int64_t last_change_ms, last_scale_down_ms, last_bad_ms; /* INT64_MIN: none */
        /* What the target was told last, by whomever; count 0: not known. A change by somebody else shows
         * against it. */
        struct configuration told;
        int64_t last_foreign_ms; /* INT64_MIN: none */
};

void remembered_init(struct remembered *remembered);

/* The target was told what the intent wanted, at intent->applied_ms; of one of somebody else's no more
 * follows than that. */
void remembered_applied(struct remembered *remembered, const struct pipeline *pipeline,
                        const struct intent *intent);

/* How that went. */
void remembered_ended(struct remembered *remembered, const struct pipeline *pipeline,
                      const struct intent *intent, const struct ending *ending);

#endif
