/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_ACTUATORS_FLINK_CALL_H
#define OPTCTL_ACTUATORS_FLINK_CALL_H

#include <jansson.h>
#include <stdbool.h>

#include "core/plugin.h"
#include "engines/flink/engine.h"

/* Where writes go: to the job manager, announced before and closed after. */
struct flink_caller {
        struct flink_engine *engine;
        const struct call_recorder *calls; /* may be NULL */
        bool dry_run;                      /* announced and not sent */
};

struct flink_call {
        const char *method, *path, *body;
        const char *what; /* for people: "source 2, work 5" */
        bool repeatable;  /* sending it twice does what sending it once does */
};

/* *ret_answer is an empty object in a dry run. */
bool flink_call(const struct flink_caller *caller, const struct flink_call *call, json_t **ret_answer,
                struct error *err);

#endif
