/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_OPTIMIZER_PLAN_OPTIONS_H
#define OPTCTL_OPTIMIZER_PLAN_OPTIONS_H

#include <stdint.h>

#include "core/option.h"
#include "optimizer/beside.h"

/* The options of the strategy `plan`. */
struct plan_options {
        int64_t interval_seconds;
        int64_t horizon_minutes;
        double late_factor;    /* NAN: not given */
        double change_seconds; /* late seconds */
        int64_t keep_seconds;
        struct beside_options beside;
};

extern const struct option_table plan_options_table;

#endif
