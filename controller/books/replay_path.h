/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_CONTROLLER_BOOKS_REPLAY_PATH_H
#define OPTCTL_CONTROLLER_BOOKS_REPLAY_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "core/plugin.h"

/* What ran, from when on. */
struct path_step {
        int64_t time_ms, seen_ms; /* ordered, and observed */
        struct configuration configuration;
};

/* The options of path_strategy, which brings about one step after the other. */
struct path {
        const struct pipeline *pipeline;
        int64_t interval_ms; /* between turns */
        const struct path_step *steps;
        size_t count; /* > 0; a single one is a fixed configuration */
};

extern const struct strategy path_strategy;

#endif
