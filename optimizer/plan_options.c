/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "optimizer/plan_options.h"

#include <stddef.h>

static const struct option options[] = {
        {
                .name = "intervalSeconds",
                .type = OPTION_INT,
                .offset = offsetof(struct plan_options, interval_seconds),
                .unit = "s",
                .min = 1,
                .max = 3600,
                .fallback = "60",
                .help = "Time between decisions. Where load or capacity may have changed at once it looks "
                        "again after a quarter of that (5 s at least), so that what nobody announced is "
                        "answered within one and a quarter intervals: records that may wait for 60 s want 15 "
                        "to 30.",
        },
        {
                .name = "horizonMinutes",
                .type = OPTION_INT,
                .offset = offsetof(struct plan_options, horizon_minutes),
                .unit = "min",
                .min = 10,
                .max = 1440,
                .fallback = "1440",
                .help = "How far it plans ahead. A change has to earn back its price within this time.",
        },
        {
                .name = "lateFactor",
                .type = OPTION_NUMBER,
                .offset = offsetof(struct plan_options, late_factor),
                .min = 0.01,
                .max = 100000,
                .help = "What time out of bounds costs, over what the pipeline's compute costs in that time. "
                        "Without it 0.5 / (1 - c) for the confidence c of the constraints, 10 at 95 percent: "
                        "to be late for all of the time that they accept is worth half the compute.",
        },
        {
                .name = "changeSeconds",
                .type = OPTION_NUMBER,
                .offset = offsetof(struct plan_options, change_seconds),
                .unit = "s",
                .min = 0,
                .max = 86400,
                .fallback = "3",
                .help = "What a change counts for at the least, in late seconds, beside what a restart "
                        "costs: 3 is one "
                        "change in a hundred that goes wrong for five minutes. More makes fewer and larger "
                        "changes, "
                        "where each has a price that no metric shows (images pulled, caches cold).",
        },
        {
                .name = "keepSeconds",
                .type = OPTION_INT,
                .offset = offsetof(struct plan_options, keep_seconds),
                .unit = "s",
                .min = 0,
                .max = 86400,
                .fallback = "240",
                .help = "Where a change stops nothing, as with pods of a Deployment: how long workers that "
                        "the load needed are kept after it has fallen, since they may be wanted back. 0: "
                        "until what they cost is more than a change is worth.",
        },
        {
                .name = "partitions",
                .type = OPTION_SECTION,
                .offset = offsetof(struct plan_options, beside.partitions),
                .table = &partitions_table,
                .help = "When topics get more partitions.",
        },
        {
                .name = "memory",
                .type = OPTION_SECTION,
                .offset = offsetof(struct plan_options, beside.memory),
                .table = &memory_sizing_table,
                .help = "How workers' memory is sized.",
        },
        {0},
};

const struct option_table plan_options_table = {
        .name = "plan",
        .help = "Plans ahead: forecast of load, capacity learnt per operator, and the sequence of "
                "deployments "
                "with the least expected money for compute, changes and lateness.",
        .size = sizeof(struct plan_options),
        .options = options,
};
